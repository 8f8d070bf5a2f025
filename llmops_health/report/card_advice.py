"""What to do with one feature, and what waiting costs: the evidence of frozen_feature, weighed.

Nothing is read or stored; `cards` makes the table of all features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Final

import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import Status
from llmops_health.health.frozen_feature import (
    _changes,
    beaten_by_challenger,
    costly_upkeep,
    stale_model,
)
from llmops_health.health.frozen_feature._challenger import Duel, duels
from llmops_health.health.frozen_feature._changes import Age, Rarity
from llmops_health.health.frozen_feature._decay import Decay, decays
from llmops_health.health.frozen_feature._gain import Gain, gain
from llmops_health.health.frozen_feature._use import Use, use
from llmops_health.health.frozen_feature._withdrawal import Withdrawal, withdrawals
from llmops_health.kernels.regret import expected_regret

KEEP, RETRAIN, REPLACE, RETIRE = "keep", "retrain", "replace", "retire"
_ALARMS: Final = frozenset({Status.WARN.value, Status.FAIL.value})
_NOT_JUDGED: Final[Mapping[str, object]] = {
    "status": "NOT_ENOUGH_DATA",
    "unit": "",
    "message": "It has not been judged.",
}
_GRAVEST: Final = ("FAIL", "WARN", "PASS", "NOT_ENOUGH_DATA", "NOT_APPLICABLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardParams:
    """The parameters of the checks whose numbers a card shows."""

    stale: stale_model.Params
    beaten: beaten_by_challenger.Params
    costly: costly_upkeep.Params


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a feature at the end of a day; `findings` are those of the four checks."""

    feature: Feature
    day: date
    findings: tuple[Mapping[str, object], ...]
    used: Use | None
    age: Age | None
    rarity: Rarity | None
    fallen: Decay | None
    withdrawn: Withdrawal | None
    tried: tuple[Duel, ...]
    score: tuple[float, float] | None
    versions: pl.DataFrame

    def worst(self, check_name: str, *, part: str = "") -> Mapping[str, object]:
        """Return the gravest finding of a check, of segments that begin with `part`."""
        found = [
            one
            for one in self.findings
            if one["check_name"] == check_name and str(one["segment"]).startswith(part)
        ]
        return min(found, key=lambda one: _GRAVEST.index(str(one["status"])), default=_NOT_JUDGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One of keep, retrain, replace and retire, or None where the evidence does not tell."""

    advice: str | None
    reason: str
    duel: Duel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """What waiting a month costs on average: right answers, and USD where they are known."""

    answers: float | None = None
    usd: float | None = None


def evidence(
    feature: Feature,
    day: date,
    findings: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    params: CardParams,
) -> Evidence:
    """Gather what is known of a feature.

    Parameters
    ----------
    findings
        Rows of `health__findings` of the feature, the day and the mode frozen_feature.
    tables
        The tables that `stale_model` reads, daily ones of the feature up to the day.
    """
    versions, items = tables["summary__versions"], tables["summary__eval_items"]
    record = _changes.known(tables["summary__changes"], day)
    stale = params.stale
    age = _changes.age(feature, record, stale.kinds)
    fallen: tuple[Decay, ...] = ()
    rare = None
    if age is not None:
        rare = _changes.rarity(
            feature.id,
            record,
            stale.kinds,
            age.days,
            min_gaps=stale.min_gaps,
            own_weight=stale.own_weight,
        )
        fallen = decays(
            tables["summary__calibration"],
            tables["summary__satisfaction"],
            age.since,
            day,
            min_rows=stale.min_rows,
            min_clusters=stale.min_clusters,
            level=stale.level,
        )
    ending = withdrawals(feature.id, day, versions, tables["summary__withdrawals"])
    beaten = params.beaten
    return Evidence(
        feature=feature,
        day=day,
        findings=tuple(findings.iter_rows(named=True)),
        used=use(versions, day),
        age=age,
        rarity=rare,
        fallen=max(fallen, key=lambda one: one.fall.lo, default=None),
        withdrawn=ending[0] if ending else None,
        tried=duels(
            items,
            day,
            max_age_days=beaten.max_run_age_days,
            min_cases=beaten.min_cases,
            level=beaten.level,
        ),
        score=costly_upkeep.champion_score(items, day, params.costly),
        versions=versions,
    )


def advised(known: Evidence, params: CardParams) -> Advice:
    """Return what to do: the gravest that the evidence shows, never more than it shows."""
    return (
        _to_retire(known) or _to_replace(known, params) or _to_train(known, params) or _kept(known)
    )


def _to_retire(known: Evidence) -> Advice | None:
    costly = known.worst("costly_upkeep")
    is_lost = costly["status"] in _ALARMS and costly["unit"] == costly_upkeep.LOST
    if is_lost:
        return Advice(advice=RETIRE, reason=str(costly["message"]))
    if known.used is None:
        return Advice(advice=None, reason="It is not in use, so nothing is known of it.")
    if known.feature.lifecycle in {"deprecated", "retired"}:
        return Advice(
            advice=RETIRE,
            reason=f"It is {known.feature.lifecycle}, and {known.used.n_calls:,} calls in "
            f"{known.used.n_days} days still use it.",
        )
    left = known.worst("abandoned")
    return (
        Advice(advice=RETIRE, reason=str(left["message"]))
        if left["status"] == Status.FAIL
        else None
    )


def _to_replace(known: Evidence, params: CardParams) -> Advice | None:
    beaten, costly = known.worst("beaten_by_challenger"), known.worst("costly_upkeep")
    ending = known.worst("stale_model", part="withdrawn")
    if ending["status"] in _ALARMS:
        duel = _passing(known, params)
        return Advice(advice=REPLACE, reason=str(ending["message"]), duel=duel)
    if beaten["status"] in _ALARMS:
        return Advice(advice=REPLACE, reason=str(beaten["message"]), duel=known.tried[0])
    if costly["status"] in _ALARMS:
        duel = _passing(known, params)
        return Advice(advice=REPLACE, reason=str(costly["message"]), duel=duel)
    return None


def _to_train(known: Evidence, params: CardParams) -> Advice | None:
    stale = known.worst("stale_model")
    if stale["status"] not in _ALARMS:
        return None
    if known.feature.trained_on:
        return Advice(advice=RETRAIN, reason=str(stale["message"]))
    return Advice(advice=REPLACE, reason=str(stale["message"]), duel=_passing(known, params))


def _kept(known: Evidence) -> Advice:
    """Return keep only where both age and challengers were looked at and found nothing."""
    best = known.tried[0] if known.tried else None
    said = [known.worst("beaten_by_challenger"), known.worst("stale_model")]
    is_clear = all(one["status"] == Status.PASS for one in said)
    shown = [one for one in said if is_clear or one["status"] != Status.PASS]
    return Advice(
        advice=KEEP if is_clear else None,
        reason=" ".join(str(one["message"]) for one in shown),
        duel=best,
    )


def _passing(known: Evidence, params: CardParams) -> Duel | None:
    margin = params.costly.pass_margin_pp / 100
    fit = [one for one in known.tried if one.change.lo > -margin]
    ending = known.withdrawn.model if known.withdrawn else None
    others = [one for one in fit if one.model != ending]
    return others[0] if others else None


def challenger_gain(known: Evidence, duel: Duel | None, value: float | None) -> Gain | None:
    """Return what a challenger would bring a month."""
    if duel is None or known.used is None:
        return None
    return gain(duel, known.versions, known.day, known.used, value)


def regret(
    known: Evidence, advice: Advice, params: CardParams, *, of_value: float = 1, of_hours: float = 1
) -> Regret:
    """Return what waiting a month costs, integrated over what the gap may be.

    Of keep it is what a challenger may yet be better by. `of_value` and `of_hours` scale the
    worth of a right answer and of an hour, to see what hangs on them.
    """
    value = params.beaten.value_per_correct_usd
    value = None if value is None else value * of_value
    if known.used is None:
        hours = known.feature.maintenance_hours_per_month
        if advice.advice != RETIRE or hours is None:
            return Regret()
        return Regret(usd=hours * params.costly.hourly_rate_usd * of_hours)
    if advice.advice == RETIRE:
        return _of_retiring(known, params, of_value, of_hours)
    if advice.advice == RETRAIN and known.fallen is not None:
        answers = known.used.calls_per_month / 100
        mean, se = answers * known.fallen.fall.estimate, answers * known.fallen.se
        lost = expected_regret(mean, se)
        return Regret(answers=lost, usd=None if value is None else lost * value)
    brought = challenger_gain(known, advice.duel, value)
    if brought is None:
        return Regret()
    return Regret(answers=brought.regret_right, usd=brought.regret_usd)


def _of_retiring(known: Evidence, params: CardParams, of_value: float, of_hours: float) -> Regret:
    """Return upkeep beyond the return; without a value of answers it cannot be known."""
    value = params.costly.value_per_correct_usd
    if known.used is None or value is None or known.score is None:
        return Regret()
    costs = costly_upkeep.upkeep(known.feature, known.used, params.costly)
    worth = known.used.calls_per_month * value * of_value
    mean, se = known.score
    upkeep = (costs.hours or 0.0) * of_hours + (costs.calls or 0.0)
    spread = sqrt(costs.calls_se**2 + (worth * se) ** 2)
    return Regret(usd=expected_regret(upkeep - worth * mean, spread))
