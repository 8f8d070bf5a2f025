"""Uncovered traffic: users ask what no eval case asks.

Why it matters
    An eval score speaks for the traffic its cases cover. When a product change brings new
    questions, the score stays green because nobody asks them there.
How it is found
    Every sampled production input and every eval case lies in a cell of meaning. Coverage is the
    share of the inputs of the last 7 days in cells that hold `min_cases` cases; an input far from
    every known topic is not covered. It is compared with the 28 days of traffic at the start of
    the history and the suite of that time, adjusted by how much of the known topics a random
    suite of its size could cover then and now. The interval is a jackknife over buckets of users.
    WARN when the whole interval of the fall lies above `warn_drop_pp`, FAIL above `max_drop_pp`.
    The fall must also hold without the day that adds most to it, so that one mailing is no alarm.
    Coverage below `min_coverage` with its interval is a FAIL where it was higher before and a WARN
    where it always was so low. The message gives what the newest eval score says about production
    at best: its bounds, whatever the score on the uncovered part would be.
How to mend it
    Add cases from `health__refresh_candidates`; it prefers what is not covered. Where the new
    traffic is out of scope, say so in the prompt and add cases that expect the refusal.
What it cannot see
    A new topic in old words shares the cells of known topics: half of it may count as covered, so
    the fall is a lower bound. Traffic that was uncovered from the start shows only in the level.
Source
    Naeem et al. (2020), arXiv:2002.09797, for coverage; Manski (1989), Journal of Human Resources
    24(3), for the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.eval_rot._cases import Floats, Traffic, cases_per_cell, live
from llmops_health.kernels.coverage import (
    CellMassCoverage,
    cell_mass_coverage,
    coverage_ceiling,
    weighted_score,
)
from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters
from llmops_health.kernels.trend import planned_contrast

HISTORY_DAYS = 63

_WINDOW_DAYS = 7
_LONGEST_BASE_WEEKS = 4


class Params(CheckParams):
    """Settings of this check."""

    min_cases: int = Field(
        default=1, ge=1, description="Cases that cover a cell; more asks for depth."
    )
    warn_drop_pp: float = Field(
        default=5.0, ge=0, le=100, description="Fall of coverage (pp) worth a look."
    )
    max_drop_pp: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="Fall of coverage (pp) that fails: about half of a new topic shares cells "
        "with old ones, so this is a fifth of the traffic.",
    )
    min_coverage: float = Field(
        default=0.6, ge=0, le=1, description="Share of what a random suite of its size covers."
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the intervals: judged every day."
    )
    min_inputs: int = Field(
        default=100, ge=2, description="Inputs that the week and the base need each."
    )
    min_base_weeks: int = Field(
        default=2, ge=1, le=4, description="Weeks to compare with: one week has no spread."
    )
    min_clusters: float = Field(
        default=8, ge=2, description="Users, as if all asked equally often, that a week needs."
    )


@dataclass(frozen=True, slots=True)
class _Fall:
    """Coverage before, now, and its fall in pp with interval; `without_worst` omits one day."""

    before: float
    fall: Interval
    without_worst: float
    p_value: float


def check(
    feature: Feature,
    day: date,
    summary__text_cells: pl.DataFrame,
    summary__text_samples: pl.DataFrame,
    summary__eval_cells: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the last 7 days."""
    if live(core__eval_cases, day).is_empty():
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message="The feature has no eval cases, so nothing can cover its traffic; whether it "
            "must have some is for ownership.",
        )
        return
    known = summary__eval_cells.filter(pl.col("fitted_on") <= day)
    traffic = Traffic(summary__text_cells, summary__text_samples, day, range(HISTORY_DAYS))
    n_week = int(np.count_nonzero(traffic.age < _WINDOW_DAYS))
    if known.is_empty() or n_week < params.min_inputs:
        lacking = (
            f"{n_week} inputs with text in 7 days, {params.min_inputs} are needed"
            if len(known)
            else "The inputs have no cells of meaning yet: a hundred or more texts are needed"
        )
        yield Finding(status=Status.NOT_ENOUGH_DATA, n=n_week, message=f"{lacking}.")
        return
    n_cells = max(traffic.n_cells, int(known["cell"].max()) + 1)  # type: ignore[arg-type]
    now = traffic.counts(range(_WINDOW_DAYS), n_cells)
    if effective_clusters(now.sum(axis=1)) < params.min_clusters:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n_week,
            message=f"The {n_week} inputs of the week come from too few people: an interval needs "
            f"{params.min_clusters:g} that ask equally often.",
        )
        return
    cases = live(known, day)
    n_eval = cases_per_cell(cases, n_cells)
    week = cell_mass_coverage(now, n_eval, params.min_cases, level=params.level)
    ceiling = coverage_ceiling(now, len(cases), params.min_cases)
    fall = _fall(traffic, known, n_eval, day, params)
    score = _bounds(cases, summary__eval_items, now, n_cells)
    yield _finding(feature, day, week, ceiling, fall, score, params)


def _fall(
    traffic: Traffic, known: pl.DataFrame, n_eval: Floats, day: date, params: Params
) -> _Fall | None:
    """Compare the week with the oldest weeks there are, or return None where these are too few."""
    n_days = int(traffic.age.max()) + 1
    n_weeks = min(_LONGEST_BASE_WEEKS, (n_days - _WINDOW_DAYS) // 7)
    ages = range(n_days - 7 * n_weeks, n_days)
    n_cells = len(n_eval) - 1
    then = traffic.counts(ages, n_cells)
    if n_weeks < params.min_base_weeks or then.sum() < params.min_inputs:
        return None
    cases_then = live(known, day - timedelta(days=ages.start))
    covers_now = n_eval >= params.min_cases
    covers_then = covers_now | (cases_per_cell(cases_then, n_cells) >= params.min_cases)
    n_cases = int(n_eval.sum())
    daily = np.stack([traffic.counts(range(age, age + 1), n_cells) for age in range(_WINDOW_DAYS)])
    week = daily.sum(axis=0)
    adjust = _ceiling(week, n_cases, params) / _ceiling(then, n_cases, params)
    uncovered = daily[:, :, ~covers_now].sum(axis=(1, 2))
    worst = int(uncovered.argmax())

    def pp(totals: Floats) -> Floats:
        covered_then, n_then, covered, n = np.moveaxis(totals, -1, 0)
        return np.asarray(100 * (min(adjust, 1.0) * covered_then / n_then - covered / n))

    def sums(week: Floats) -> Floats:
        columns = (then[:, covers_then], then, week[:, covers_now], week)
        return np.stack([column.sum(axis=1) for column in columns], axis=1)

    found = bucket_jackknife(sums(week), pp, level=params.level)
    others = sums(week - daily[worst])
    without_worst = float(pp(others.sum(axis=0))) if others[:, 3].any() else 0.0
    p_value = float(found.estimate <= params.warn_drop_pp)
    if found.se > 0:
        dof = found.n_buckets - 1
        p_value = planned_contrast(
            params.warn_drop_pp, 0.0, found.estimate, found.se, df=dof
        ).p_rise
    before = float(then[:, covers_then].sum() / then.sum())
    return _Fall(before, Interval(found.estimate, found.lo, found.hi), without_worst, p_value)


def _ceiling(counts: Floats, n_cases: int, params: Params) -> float:
    """Return what a random suite covers of the known topics: a new topic is not bad luck."""
    old_topics = counts[:, :-1]
    if not old_topics.any() or n_cases < params.min_cases:
        return 1.0
    return coverage_ceiling(old_topics, n_cases, params.min_cases)


def _bounds(cases: pl.DataFrame, items: pl.DataFrame, now: Floats, n_cells: int) -> str:
    """Say what the newest run of each suite says about production, or nothing without runs."""
    runs = items.filter(pl.col("role").is_null() | (pl.col("role") == "champion"))
    newest = runs.sort("day", "eval_run_id").unique(["suite_id", "case_id"], keep="last")
    scored = cases.join(newest.select("suite_id", "case_id", "score"), on=["suite_id", "case_id"])
    scored = scored.filter(pl.col("cell").is_between(0, n_cells - 1))
    if scored.is_empty():
        return ""
    cell = scored["cell"].to_numpy()
    sums = np.bincount(cell, scored["score"].to_numpy(), minlength=n_cells + 1)
    found = weighted_score(now, np.bincount(cell, minlength=n_cells + 1), sums)
    return (
        f", so the eval score of {found.unweighted_score:.2f} says that production lies between "
        f"{found.lo:.2f} and {found.hi:.2f}"
    )


def _finding(
    feature: Feature,
    day: date,
    week: CellMassCoverage,
    ceiling: float,
    fall: _Fall | None,
    score: str,
    params: Params,
) -> Finding:
    message = (
        f"Eval cases cover {week.estimate:.1%} [{week.lo:.1%}, {week.hi:.1%}] of the last 7 days' "
        f"inputs, a random suite of that size would cover {ceiling:.1%}{score}"
    )
    is_low = week.hi < params.min_coverage * ceiling
    status = Status.WARN if is_low else Status.PASS
    if fall is None:
        if not is_low:
            status = Status.NOT_ENOUGH_DATA
        message += "; for a comparison with earlier weeks the history is too short"
    else:
        message += (
            f"; from {fall.before:.1%} before, it fell by {fall.fall.estimate:.1f} pp "
            f"[{fall.fall.lo:.1f}, {fall.fall.hi:.1f}]"
        )
        status = _judge(status, fall, params)
    is_alarm = status in (Status.WARN, Status.FAIL)
    return Finding(
        status=status,
        message=f"{message}.",
        n=week.n,
        value=fall.fall.estimate if fall else None,
        lo=fall.fall.lo if fall else None,
        hi=fall.fall.hi if fall else None,
        threshold=params.warn_drop_pp,
        unit="pp",
        # A level that was always so low is no test against the past: its interval decides alone.
        p_value=fall.p_value if fall and not (is_low and status is Status.WARN) else None,
        action="Add eval cases for the inputs shown, from health__refresh_candidates, or decide "
        "that they are out of scope."
        if is_alarm
        else "",
        evidence_sql=_evidence(feature, day) if is_alarm else "",
    )


def _judge(level: Status, fall: _Fall, params: Params) -> Status:
    """Return the status of the fall, or that of the level where the fall is no alarm."""
    if fall.without_worst > params.warn_drop_pp:
        if fall.fall.lo > params.max_drop_pp or (level is Status.WARN and fall.fall.lo > 0):
            return Status.FAIL
        if fall.fall.lo > params.warn_drop_pp:
            return Status.WARN
    return level


def _evidence(feature: Feature, day: date) -> str:
    first = day - timedelta(days=_WINDOW_DAYS - 1)
    return (
        "select traffic.cell, count(*) as n_inputs, avg(traffic.similarity) as mean_similarity, "  # noqa: S608 - literals only
        "min(contents.text) as an_input from summary__text_cells as traffic "
        "left join core__contents as contents on traffic.input_sha256 = contents.sha256 "
        f"where traffic.feature_id = {literal(feature.id)} "
        f"and traffic.day between {literal(first)}::date and {literal(day)}::date "
        "and (traffic.cell < 0 or traffic.cell not in (select cases.cell "
        f"from summary__eval_cells as cases where cases.feature_id = {literal(feature.id)} "
        f"and (cases.added_at is null or cases.added_at::date <= {literal(day)}::date) "
        f"and (cases.retired_at is null or cases.retired_at::date > {literal(day)}::date))) "
        "group by traffic.cell order by n_inputs desc, traffic.cell limit 50"
    )
