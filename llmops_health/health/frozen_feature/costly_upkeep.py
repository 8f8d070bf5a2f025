"""Costly upkeep: people's hours and calls cost more than the feature returns, or than they must.

Why it matters
    A pipeline built when there was no other way is kept alive by people whose hours stand in no
    bill. A general model may do as well today, for less, without them.
How it is found
    Upkeep a month is `maintenance_hours_per_month` at `hourly_rate_usd`, plus production calls of
    the last 28 days times cost per call. It is held against two things. What it returns: calls x
    eval score of the version in use x `value_per_correct_usd`, where that is set. And what a
    challenger that passes (its gap on shared cases is not below -`pass_margin_pp` with the whole
    interval) would cost for the same calls, with the same hours or with
    `challenger_hours_per_month`. WARN where upkeep exceeds the return with the whole interval, or
    where the challenger saves more than `min_saving_share` of it and `min_saving_usd`; and where
    hours are spent on a feature that nobody called in 28 days.
How to mend it
    Replace it by the challenger, hand its pipeline to a hosted model, or retire it and route its
    calls to people. Fewer releases and shared pipelines bring the hours down.
What it cannot see
    What a wrong answer costs (see calibration.costly_routing), hours that nobody wrote down, and
    what moving costs once. A log that stopped looks like nobody's use: see drift.feed_gap.
Source
    Sculley et al. (2015), "Hidden Technical Debt in Machine Learning Systems", NeurIPS 28.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.frozen_feature._challenger import Duel, duels
from llmops_health.health.frozen_feature._gain import gain, normal
from llmops_health.health.frozen_feature._use import Use, is_production, unused, use
from llmops_health.kernels.intervals import Interval

HISTORY_DAYS = 120

LOST = "USD a month lost"
SAVED = "USD a month to save"

# Not inferior with 95 % confidence is a matter of one side.
_PASS_LEVEL = 0.9


class Params(CheckParams):
    """Settings of this check."""

    hourly_rate_usd: float = Field(
        default=75.0, ge=0, description="What an hour of upkeep costs (USD): put in your own."
    )
    value_per_correct_usd: float | None = Field(
        default=None, gt=0, description="USD that a right answer is worth; null: not known."
    )
    challenger_hours_per_month: float | None = Field(
        default=None,
        ge=0,
        description="Hours a month that a challenger would need; null: as many as now.",
    )
    min_saving_share: float = Field(
        default=0.2, ge=0, le=1, description="Share of the upkeep below which a change is no gain."
    )
    min_saving_usd: float = Field(
        default=100.0, ge=0, description="USD a month: less does not pay for the change in a year."
    )
    level: float = Field(
        default=0.995, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    pass_margin_pp: float = Field(
        default=5.0, gt=0, description="A challenger passes if it is not worse by more (pp)."
    )
    min_cases: int = Field(default=30, ge=2, description="Cases that a challenger has to share.")
    max_run_age_days: int = Field(
        default=90, ge=1, le=HISTORY_DAYS, description="Eval runs that still count."
    )


@dataclass(frozen=True, slots=True)
class Upkeep:
    """USD a month: people's hours, None where they are not known, and calls with their error."""

    hours: float | None
    calls: float | None
    calls_se: float

    @property
    def usd(self) -> float:
        """What is known of it."""
        return (self.hours or 0.0) + (self.calls or 0.0)


@dataclass(frozen=True, slots=True)
class Excess:
    """How much more is paid a month than need be, in USD, and the limit that it is held to."""

    usd: Interval
    limit: float
    unit: str
    told: str
    action: str

    @property
    def is_alarm(self) -> bool:
        """Whether the whole interval lies above the limit."""
        return self.usd.lo > self.limit


def check(
    feature: Feature,
    day: date,
    summary__versions: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the upkeep of the feature."""
    used = use(summary__versions, day)
    if used is None:
        yield _idle(feature, day, summary__versions, params)
        return
    costs = upkeep(feature, used, params)
    told = _told(feature, used, costs, params)
    over = excesses(feature, day, used, summary__versions, summary__eval_items, params)
    if not over:
        yield not_enough_data(used.n_calls, f"{told}; {_lacks(costs, params)}.")
        return
    worst = max(over, key=lambda one: (one.is_alarm, one.usd.lo - one.limit))
    yield Finding(
        status=Status.WARN if worst.is_alarm else Status.PASS,
        message=f"{told}; {worst.told}.",
        n=used.n_calls,
        value=worst.usd.estimate,
        lo=worst.usd.lo,
        hi=worst.usd.hi,
        threshold=worst.limit,
        unit=worst.unit,
        action=worst.action if worst.is_alarm else "",
        evidence_sql=_evidence(feature, day) if worst.is_alarm else "",
    )


def upkeep(feature: Feature, used: Use, params: Params) -> Upkeep:
    """Return what a feature costs a month."""
    hours = feature.maintenance_hours_per_month
    return Upkeep(
        None if hours is None else hours * params.hourly_rate_usd,
        used.spend_per_month,
        0.0 if used.cost is None else used.cost.se * used.calls_per_month,
    )


def excesses(
    feature: Feature,
    day: date,
    used: Use,
    versions: pl.DataFrame,
    items: pl.DataFrame,
    params: Params,
) -> list[Excess]:
    """Return what upkeep exceeds its return by, and what each passing challenger would save."""
    costs = upkeep(feature, used, params)
    found = []
    score = None
    if params.value_per_correct_usd is not None and costs.hours is not None:
        score = champion_score(items, day, params)
    if params.value_per_correct_usd is not None and score is not None:
        worth = used.calls_per_month * params.value_per_correct_usd
        mean, se = score
        error = sqrt(costs.calls_se**2 + (worth * se) ** 2)
        found.append(
            Excess(
                normal(costs.usd - worth * mean, error, params.level),
                0.0,
                LOST,
                f"it returns {worth * mean:,.0f} USD at {mean:.0%} right answers of "
                f"{params.value_per_correct_usd:g} USD each",
                "Retire it or route its calls to people, unless its upkeep can be cut to what it "
                "returns.",
            )
        )
    tried = duels(
        items,
        day,
        max_age_days=params.max_run_age_days,
        min_cases=params.min_cases,
        level=_PASS_LEVEL,
    )
    for one in tried:
        if one.change.lo > -params.pass_margin_pp / 100:
            saved = _saved(feature, day, one, used, versions, costs, params)
            if saved is not None:
                found.append(saved)
    return found


def champion_score(items: pl.DataFrame, day: date, params: Params) -> tuple[float, float] | None:
    """Return the mean score of the newest champion's last run and its error, None without one."""
    since = day - timedelta(days=params.max_run_age_days)
    runs = items.filter((pl.col("role") == "champion") & (pl.col("day") > since))
    if runs.is_empty():
        return None
    last = runs.sort("day", "eval_run_id").row(-1, named=True)["eval_run_id"]
    scores = runs.filter(pl.col("eval_run_id") == last)["score"]
    if len(scores) < params.min_cases:
        return None
    sd, mean = scores.std(), scores.mean()
    return float(mean), float(sd) / sqrt(len(scores))  # type: ignore[arg-type]


def _saved(
    feature: Feature,
    day: date,
    one: Duel,
    used: Use,
    versions: pl.DataFrame,
    costs: Upkeep,
    params: Params,
) -> Excess | None:
    its = gain(one, versions, day, used, None)
    if its.saving is None:
        return None
    hours = 0.0
    now, then = feature.maintenance_hours_per_month, params.challenger_hours_per_month
    if now is not None and then is not None:
        hours = (now - then) * params.hourly_rate_usd
    saving = normal(its.saving.estimate + hours, its.saving_se, params.level)
    return Excess(
        saving,
        max(params.min_saving_usd, params.min_saving_share * costs.usd),
        SAVED,
        f"{one.challenger}, which passes the evals, would save {saving.estimate:,.0f} USD "
        f"[{saving.lo:,.0f}, {saving.hi:,.0f}] a month",
        f"Run {one.challenger} in shadow, then switch to it and count the hours again.",
    )


def _idle(feature: Feature, day: date, versions: pl.DataFrame, params: Params) -> Finding:
    """Return what is said of a feature that is not in use; hours on it return nothing."""
    hours = feature.maintenance_hours_per_month or 0.0
    was_used = is_production(versions).any()
    quiet = unused(versions, day)
    is_meant_to_run = feature.lifecycle not in {"experimental", "retired"}
    if quiet.status is not Status.NOT_APPLICABLE or not (hours and was_used and is_meant_to_run):
        return quiet
    usd = hours * params.hourly_rate_usd
    return Finding(
        status=Status.WARN,
        message=f"{quiet.message} {hours:g} hours a month, {usd:,.0f} USD, go into its upkeep.",
        n=0,
        value=usd,
        threshold=0.0,
        unit=LOST,
        action="Retire it, or mend its log if it is called after all (see drift.feed_gap).",
        evidence_sql=_evidence(feature, day),
    )


def _told(feature: Feature, used: Use, costs: Upkeep, params: Params) -> str:
    parts = []
    if costs.hours is not None:
        parts.append(
            f"{feature.maintenance_hours_per_month:g} hours at {params.hourly_rate_usd:g} USD"
        )
    if costs.calls is not None:
        parts.append(f"{used.calls_per_month:,.0f} calls for {costs.calls:,.2f} USD")
    if not parts:
        return f"Neither hours nor the cost of {used.calls_per_month:,.0f} calls a month are known"
    per_1k = 1000 * costs.usd / used.calls_per_month
    return (
        f"A month takes {' and '.join(parts)}: {costs.usd:,.0f} USD, {per_1k:,.2f} per 1,000 calls"
    )


def _lacks(costs: Upkeep, params: Params) -> str:
    lacks = []
    if costs.hours is None:
        lacks.append("maintenance_hours_per_month")
    if costs.calls is None:
        lacks.append("cost_usd of calls")
    if params.value_per_correct_usd is None:
        lacks.append("value_per_correct_usd")
    lacks.append("a challenger that passes the evals and whose calls have a cost")
    return f"whether that is too much cannot be told without {', '.join(lacks)}"


def _evidence(feature: Feature, day: date) -> str:
    first = day - timedelta(days=HISTORY_DAYS - 1)
    return (
        "select date_trunc('week', day)::date as week, run_kind, request_model, response_model, "  # noqa: S608 - literals only
        "sum(n)::bigint as n_calls, sum(sum_cost_usd) / nullif(sum(n_cost), 0) as usd_per_call "
        f"from summary__versions where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "group by all order by week desc, n_calls desc, request_model, response_model limit 200"
    )
