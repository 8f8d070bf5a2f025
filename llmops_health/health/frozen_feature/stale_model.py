"""Stale model: it is old for what it is and does worse than when it was new, or it is withdrawn.

Why it matters
    A model is trained or chosen on the questions of its day. A provider that withdraws it sets a
    date on which the feature stops, whatever else is planned.
How it is found
    The age is the days since the model or the prompt last changed: `trained_on`, `launched_on`,
    the models and prompts seen in production calls, promoted artifacts. How old that is, is told
    by past gaps between changes, not by a number of days: the share of gaps that were shorter, by
    Kaplan and Meier's curve with open gaps, of the feature's own gaps and of all features'. Old
    is not stale: WARN only where the age is beyond `max_percentile` of past gaps and accuracy or
    satisfaction in the last 28 days is lower than in the first 28 after the change by more than
    `max_fall_pp` with the whole interval. A model in use with a date of withdrawal (its component's
    `deprecated_on`) is a finding of its own: FAIL less than `fail_days` ahead without a challenger
    that passes, WARN less than `warn_days` ahead, or with one.
How to mend it
    Train the model again on this quarter's labels, or run the evals against its successor (role
    challenger) and switch; release the gate and the thresholds anew afterwards.
What it cannot see
    A return to an earlier version, and a change whose version is not logged. Whether the fall
    comes from the model or from harder questions: see drift. By a list of components without
    `listed_on` days of the past are judged by today's dates of withdrawal. In the first 56 days
    after a change nothing can have fallen yet.
Source
    Kaplan and Meier (1958), JASA 53:457-481; Kalbfleisch and Prentice (1980), "The Statistical
    Analysis of Failure Time Data", section 1.4, for the interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_enough_data,
)
from llmops_health.health.frozen_feature import _changes
from llmops_health.health.frozen_feature._challenger import Duel, duels
from llmops_health.health.frozen_feature._changes import Age, Kind, Rarity, Record
from llmops_health.health.frozen_feature._decay import WINDOW_DAYS, Decay, decays
from llmops_health.health.frozen_feature._use import unused, use
from llmops_health.health.frozen_feature._withdrawal import Withdrawal, withdrawals

HISTORY_DAYS = 182

# Not inferior with 95 % confidence is a matter of one side.
_PASS_LEVEL = 0.9


class Params(CheckParams):
    """Settings of this check."""

    count_prompts: bool = Field(
        default=True, description="Whether a new prompt version makes it young again."
    )
    count_services: bool = Field(
        default=False,
        description="Whether a new service version does: many are released every week, whatever "
        "they change.",
    )
    max_percentile: float = Field(
        default=0.7, gt=0, lt=1, description="Share of past gaps between changes that were shorter."
    )
    min_gaps: int = Field(
        default=5, ge=2, description="Closed gaps of all features from which to tell what is old."
    )
    own_weight: float = Field(
        default=5,
        gt=0,
        description="Closed gaps of its own from which a feature's curve counts as much as all.",
    )
    max_fall_pp: float = Field(
        default=3.0, ge=0, le=100, description="Tolerated fall of accuracy or satisfaction (pp)."
    )
    level: float = Field(
        default=0.998, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    min_rows: int = Field(default=100, ge=2, description="Labels or ratings in each 28 days.")
    min_clusters: float = Field(
        default=4,
        ge=2,
        description="Users, as if all rated equally often, in each 28 days; they are compared with "
        "themselves, so few suffice.",
    )
    max_blind_pp: float = Field(
        default=10.0, gt=0, description="A fall of so much must be seen before silence is a pass."
    )
    fail_days: int = Field(
        default=30, ge=0, description="Days that a change of model takes with its evals."
    )
    warn_days: int = Field(default=90, ge=0, description="Days: one quarter's planning ahead.")
    pass_margin_pp: float = Field(
        default=5.0, gt=0, description="A challenger passes if it is not worse by more (pp)."
    )
    min_cases: int = Field(default=30, ge=2, description="Cases that a challenger has to share.")
    max_run_age_days: int = Field(default=90, ge=1, description="Eval runs that still count.")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What counts as a change."""
        counted: tuple[tuple[Kind, bool], ...] = (
            ("model", True),
            ("prompt", self.count_prompts),
            ("service", self.count_services),
        )
        return tuple(kind for kind, is_counted in counted if is_counted)


def check(
    feature: Feature,
    day: date,
    summary__changes: pl.DataFrame,
    summary__versions: pl.DataFrame,
    summary__withdrawals: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__calibration: pl.DataFrame,
    summary__satisfaction: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the age, and one per model in use that is withdrawn soon."""
    if use(summary__versions, day, with_cost=False) is None:
        yield unused(summary__versions, day)
    else:
        known = _changes.known(summary__changes, day)
        outcomes = (summary__calibration, summary__satisfaction)
        yield _aged(feature, known, outcomes, params)
    for one in withdrawals(feature.id, day, summary__versions, summary__withdrawals):
        if (one.on - day).days < params.warn_days:
            yield _ending(feature, day, one, passing(summary__eval_items, day, one, params), params)


def passing(items: pl.DataFrame, day: date, ending: Withdrawal, params: Params) -> Duel | None:
    """Return a challenger on another model that is not worse beyond the margin."""
    tried = duels(
        items,
        day,
        max_age_days=params.max_run_age_days,
        min_cases=params.min_cases,
        level=_PASS_LEVEL,
    )
    others = (one for one in tried if one.model is not None and one.model != ending.model)
    return next((one for one in others if one.change.lo > -params.pass_margin_pp / 100), None)


def _aged(
    feature: Feature,
    record: Record,
    outcomes: tuple[pl.DataFrame, pl.DataFrame],
    params: Params,
) -> Finding:
    day = record.day
    age = _changes.age(feature, record, params.kinds)
    if age is None:
        return not_enough_data(
            0,
            f"Nothing tells how old it is: calls log no {' or '.join(params.kinds)} version, and "
            "trained_on is not set.",
        )
    told = f"Nothing changed for {age.words} ({age.what})"
    rare = _changes.rarity(
        feature.id,
        record,
        params.kinds,
        age.days,
        min_gaps=params.min_gaps,
        own_weight=params.own_weight,
    )
    if rare is None:
        return not_enough_data(
            0,
            f"{told}; whether that is old cannot be told from fewer than {params.min_gaps} closed "
            "gaps between changes of all features.",
        )
    told += (
        f", longer than {rare.percentile.estimate:.0%} [{rare.percentile.lo:.0%}, "
        f"{rare.percentile.hi:.0%}] of {rare.n_gaps} past gaps between changes"
    )
    if rare.percentile.estimate <= params.max_percentile:
        return _finding(rare, params, Status.PASS, f"{told}; {params.max_percentile:.0%} is old.")
    fallen = decays(
        *outcomes,
        since=age.since,
        day=day,
        min_rows=params.min_rows,
        min_clusters=params.min_clusters,
        level=params.level,
    )
    worst = max(fallen, key=lambda one: one.fall.lo, default=None)
    if worst is None:
        return not_enough_data(
            rare.n_gaps,
            f"{told}; whether it does worse than when it was new cannot be told: neither labels nor"
            f" ratings suffice, {params.min_rows} are needed in the first and the last "
            f"{WINDOW_DAYS} days since.",
        )
    return _judged(feature, day, told, rare, age, worst, params)


def _judged(
    feature: Feature,
    day: date,
    told: str,
    rare: Rarity,
    age: Age,
    worst: Decay,
    params: Params,
) -> Finding:
    fall = worst.fall
    told += (
        f"; {worst.what} fell by {fall.estimate:.1f} pp [{fall.lo:.1f}, {fall.hi:.1f}] since it "
        f"was new, {params.max_fall_pp:g} pp are tolerated."
    )
    if fall.lo > params.max_fall_pp:
        again = "Train the model again" if feature.trained_on else "Run the evals on a newer model"
        return _finding(
            rare,
            params,
            Status.WARN,
            told,
            n=worst.n,
            action=f"{again} (role challenger), and switch if it passes.",
            evidence_sql=_outcomes_sql(feature, day, age, worst),
        )
    if fall.hi - fall.estimate > params.max_blind_pp:
        return not_enough_data(
            worst.n, f"Cannot tell: {told} A fall of {params.max_blind_pp:g} pp would not be seen."
        )
    return _finding(rare, params, Status.PASS, f"Old, not stale: {told}", n=worst.n)


def _finding(
    rare: Rarity,
    params: Params,
    status: Status,
    message: str,
    *,
    n: int | None = None,
    action: str = "",
    evidence_sql: str = "",
) -> Finding:
    return Finding(
        status=status,
        message=message,
        n=rare.n_gaps if n is None else n,
        value=rare.percentile.estimate,
        lo=rare.percentile.lo,
        hi=rare.percentile.hi,
        threshold=params.max_percentile,
        unit="share",
        action=action,
        evidence_sql=evidence_sql,
    )


def _ending(
    feature: Feature, day: date, one: Withdrawal, successor: Duel | None, params: Params
) -> Finding:
    left = (one.on - day).days
    when = f"in {left} days, on" if left > 0 else f"{-left} days ago, on" if left else "today,"
    is_late = successor is None and left < params.fail_days
    told = (
        f"{one.model} is withdrawn {when} {one.on}, and {one.n_calls:,} of {one.n:,} calls of the "
        "last week used it; "
    )
    if successor is None:
        told += "no challenger on another model has passed the evals."
        action = "Run the eval suites on its successor now (role challenger), then switch."
    else:
        gap = successor.change
        told += (
            f"{successor.challenger} passes the evals at {100 * gap.mean:+.1f} pp "
            f"[{100 * gap.lo:+.1f}, {100 * gap.hi:+.1f}]."
        )
        action = f"Switch to {successor.challenger} before {one.on}."
    return Finding(
        status=Status.FAIL if is_late else Status.WARN,
        segment=f"withdrawn {one.model}",
        message=told,
        n=one.n,
        value=float(left),
        threshold=float(params.fail_days if is_late else params.warn_days),
        unit="days",
        action=action,
        evidence_sql=_calls_sql(feature, day),
    )


def _calls_sql(feature: Feature, day: date) -> str:
    return (
        "select day, request_model, response_model, sum(n)::bigint as n_calls "  # noqa: S608 - literals only
        f"from summary__versions where feature_id = {literal(feature.id)} "
        f"and day between {literal(day - timedelta(days=6))}::date and {literal(day)}::date "
        "and run_kind in ('prod', 'unknown') group by all "
        "order by day desc, n_calls desc, request_model, response_model limit 200"
    )


def _outcomes_sql(feature: Feature, day: date, age: Age, worst: Decay) -> str:
    first = max(age.since, day - timedelta(days=HISTORY_DAYS - 1))
    where = (
        f"where feature_id = {literal(feature.id)} and day between {literal(first)}::date "
        f"and {literal(day)}::date"
    )
    if worst.what == "accuracy":
        return (
            "select date_trunc('week', day)::date as week, sum(n)::bigint as n_labels, "  # noqa: S608 - literals only
            "sum(case when label = predicted_label then n else 0 end)::double / nullif(sum(n), 0) "
            f"as accuracy from summary__calibration {where} and labeller = 'truth' "
            "and run_kind in ('prod', 'unknown') group by week order by week limit 60"
        )
    return (
        "select date_trunc('week', day)::date as week, name, source_kind, "  # noqa: S608 - literals only
        "sum(n)::bigint as n_ratings, sum(sum_score) / sum(n) as mean_score "
        f"from summary__satisfaction {where} and source_kind in ('HUMAN', 'USER_IMPLICIT') "
        "group by all order by week, n_ratings desc, name limit 200"
    )
