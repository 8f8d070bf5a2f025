"""Uncovered traffic: users ask what no eval case asks.

Why it matters
    An eval score speaks for the traffic its cases cover. When a product change brings new
    questions, the score stays green because nobody asks them there.
How it is found
    Every sampled production input and every eval case lies in a cell of meaning. Coverage is the
    share of inputs in cells that hold `min_cases` cases. An input far from every known topic is
    not covered, nor is one less similar to its cell than all but `far_share` of earlier inputs:
    most of a new topic lies at the edge of old ones. Coverage of the last 7 days, and of the last
    3, is compared with the 28 days at the start of the history (after the cells were fitted),
    brought to the same mix of weekdays and weekends, and with the suite of that time, adjusted by
    how much of the known topics a random suite of its size could cover then and now. The interval
    is a jackknife over buckets of users; both windows are paid for in its level.
    WARN when coverage fell by more than `warn_drop_pp` and the whole interval of the fall lies
    above 0; FAIL when it fell by more than `max_drop_pp` and the interval lies above
    `warn_drop_pp`. The fall must also exceed `warn_drop_pp` without the day that adds most to it,
    so that one mailing is no alarm.
    Coverage of the week below `min_coverage` with its interval is a FAIL where it was higher
    before and a WARN where it always was so low. The message gives what the newest eval score
    says about production at best: its bounds, whatever the score on the uncovered part would be.
How to mend it
    Add cases from `health__refresh_candidates`; it prefers what is not covered. Where the new
    traffic is out of scope, say so in the prompt and add cases that expect the refusal.
What it cannot see
    A new topic in old words: in the demo texts four to five in ten of its inputs count as not
    covered, so the fall is a lower bound. Users who become terser or write worse also move away
    from their topics (see `input_drift`). Traffic that was uncovered from the start shows only in
    the level.
Source
    Naeem et al. (2020), arXiv:2002.09797, for coverage; Manski (1989), Journal of Human Resources
    24(3), for the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import CoverageByTopic
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.eval_rot._cases import Floats, Traffic, by_type, cases_per_cell, live
from llmops_health.health.eval_rot._topics import coverage_by_topic
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

_WEEK = 7
_WINDOWS = (_WEEK, 3)
# Inputs of any day that a type of day is credited with, so that a few on weekends prove nothing.
_LEANING = 10
_LONGEST_BASE_WEEKS = 4
_ACTION = (
    "Add eval cases for the inputs shown, from health__refresh_candidates, or decide that they are "
    "out of scope."
)
_GRAVEST = (Status.FAIL, Status.WARN, Status.PASS)


class Params(CheckParams):
    """Settings of this check."""

    min_cases: int = Field(
        default=1, ge=1, description="Cases that cover a cell; more asks for depth."
    )
    far_share: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Share of the earlier inputs, the least similar to their cell, that no case "
        "covers: most of a new topic shares cells with old ones but lies at their edge.",
    )
    warn_drop_pp: float = Field(
        default=5.0, ge=0, le=100, description="Fall of coverage (pp) worth a look."
    )
    max_drop_pp: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="Fall of coverage (pp) that fails: less than half of a new topic counts as "
        "uncovered, so this is a quarter of the traffic.",
    )
    min_coverage: float = Field(
        default=0.6, ge=0, le=1, description="Share of what a random suite of its size covers."
    )
    level: float = Field(
        default=0.99,
        gt=0,
        lt=1,
        description="Coverage of the intervals, both windows together: judged every day.",
    )
    min_inputs: int = Field(
        default=100, ge=2, description="Inputs that each window and the base need."
    )
    min_base_weeks: int = Field(
        default=2, ge=1, le=4, description="Weeks to compare with: one week has no spread."
    )
    min_clusters: float = Field(
        default=8, ge=2, description="Users, as if all asked equally often, that a window needs."
    )


@dataclass(frozen=True, slots=True)
class _Fall:
    """What a window lost against `before`, in pp; `without_worst` leaves out one of its days."""

    days: int
    before: float
    lost: Interval
    without_worst: float
    p_value: float

    def status(self, level: Status, params: Params) -> Status:
        """Return the status of the fall, or that of the coverage itself where it is no alarm."""
        lost = self.lost
        if min(lost.estimate, self.without_worst) <= params.warn_drop_pp or lost.lo <= 0:
            return level
        is_large = lost.estimate > params.max_drop_pp and lost.lo > params.warn_drop_pp
        return Status.FAIL if is_large or level is Status.WARN else Status.WARN


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
    n_week = int(np.count_nonzero(traffic.age < _WEEK))
    if known.is_empty() or n_week < params.min_inputs:
        lacking = (
            f"{n_week} inputs with text in 7 days, {params.min_inputs} are needed"
            if len(known)
            else "The inputs have no cells of meaning yet: a hundred or more texts are needed"
        )
        yield Finding(status=Status.NOT_ENOUGH_DATA, n=n_week, message=f"{lacking}.")
        return
    n_cells = _n_cells(traffic, known)
    base = _base(traffic, known, day, params)
    far = traffic.call_far_new(base, params.far_share)
    now = traffic.counts(range(_WEEK), n_cells)
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
    falls = _falls(traffic, known, n_eval, day, base, params)
    score = _bounds(cases, summary__eval_items, now, n_cells)
    found = _finding(week, ceiling, falls, score, params)
    is_alarm = found.status in (Status.WARN, Status.FAIL)
    yield (
        replace(found, action=_ACTION, evidence_sql=_evidence(feature, day, far))
        if is_alarm
        else found
    )


def figure(
    feature: Feature,
    day: date,
    summary__text_cells: pl.DataFrame,
    summary__text_samples: pl.DataFrame,
    summary__eval_cells: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    params: Params,
) -> CoverageByTopic | None:
    """Show the traffic of the week by topic, and which topics eval cases cover."""
    del feature, summary__eval_items
    known = summary__eval_cells.filter(pl.col("fitted_on") <= day)
    traffic = Traffic(summary__text_cells, summary__text_samples, day, range(HISTORY_DAYS))
    too_few = np.count_nonzero(traffic.age < _WEEK) < params.min_inputs
    if live(core__eval_cases, day).is_empty() or known.is_empty() or too_few:
        return None
    n_cells = _n_cells(traffic, known)
    base = _base(traffic, known, day, params)
    traffic.call_far_new(base, params.far_share)
    now = traffic.counts(range(_WEEK), n_cells)
    if effective_clusters(now.sum(axis=1)) < params.min_clusters:
        return None
    n_eval = cases_per_cell(live(known, day), n_cells)
    week = cell_mass_coverage(now, n_eval, params.min_cases, level=params.level)
    before = _mixed(traffic, base, n_cells, day) if base else None
    return coverage_by_topic(week, now, before, n_eval)


def _mixed(traffic: Traffic, base: range, n_cells: int, day: date) -> Floats:
    """Return each cell's share in the base, given the week's mix of weekdays and weekends."""
    week, then = (by_type(traffic, ages, n_cells, day).sum(axis=1) for ages in (range(_WEEK), base))
    pooled = then.sum(axis=0) / then.sum()
    of_type = (then + _LEANING * pooled) / (then.sum(axis=1, keepdims=True) + _LEANING)
    return np.asarray((week.sum(axis=1) / week.sum()) @ of_type)


def _n_cells(traffic: Traffic, known: pl.DataFrame) -> int:
    return max(traffic.n_cells, int(known["cell"].max()) + 1)  # type: ignore[arg-type]


def _base(traffic: Traffic, known: pl.DataFrame, day: date, params: Params) -> range:
    """Return the ages in days of the oldest weeks there are, none where these are too few.

    Of the days after the cells were fitted: texts that a codebook was fitted on lie nearer to it
    than any later ones.
    """
    n_unfitted = known.select((pl.lit(day) - pl.col("fitted_on").max()).dt.total_days()).item()
    n_days = min(int(traffic.age.max(initial=-1)) + 1, n_unfitted)
    n_weeks = min(_LONGEST_BASE_WEEKS, (n_days - _WEEK) // 7)
    ages = range(n_days - 7 * n_weeks, n_days)
    n_then = np.count_nonzero((traffic.age >= ages.start) & (traffic.age < ages.stop))
    return ages if n_weeks >= params.min_base_weeks and n_then >= params.min_inputs else range(0)


def _falls(
    traffic: Traffic,
    known: pl.DataFrame,
    n_eval: Floats,
    day: date,
    base: range,
    params: Params,
) -> list[_Fall]:
    """Compare each window that has enough inputs with the weeks of the base."""
    if not base:
        return []
    n_cells = len(n_eval) - 1
    cases_then = live(known, day - timedelta(days=base.start))
    covers_now = n_eval >= params.min_cases
    covers_then = covers_now | (cases_per_cell(cases_then, n_cells) >= params.min_cases)
    n_cases = int(n_eval.sum())
    then = by_type(traffic, base, n_cells, day)
    week = traffic.counts(range(_WEEK), n_cells)
    adjust = _ceiling(week, n_cases, params) / _ceiling(then.sum(axis=0), n_cases, params)
    earlier = np.column_stack([*then[:, :, covers_then].sum(axis=2), *then.sum(axis=2)])
    daily = np.stack(
        [
            np.column_stack([of_day[:, :, covers_now].sum(axis=(0, 2)), *of_day.sum(axis=2)])
            for of_day in (by_type(traffic, [age], n_cells, day) for age in range(_WEEK))
        ]
    )
    found = (_fall(earlier, daily[:days], min(adjust, 1.0), params) for days in _WINDOWS)
    return [fall for fall in found if fall is not None]


def _fall(earlier: Floats, daily: Floats, adjust: float, params: Params) -> _Fall | None:
    """Compare a window with the base, as if both had the same share of weekends.

    Columns of `earlier`, shape (64, 4): inputs covered on weekdays and on weekends, then all
    inputs of each; of `daily`, shape (n_days, 64, 3): covered, then all of each type of day.
    """

    def lost(totals: Floats) -> Floats:
        covered_then, n_then = totals[..., 0:2], totals[..., 2:4]
        covered, n = totals[..., 4], totals[..., 5:7]
        pooled = covered_then.sum(axis=-1) / n_then.sum(axis=-1)
        by_type = (covered_then + _LEANING * pooled[..., None]) / (n_then + _LEANING)
        return np.asarray(100 * (adjust * (n * by_type).sum(axis=-1) - covered) / n.sum(axis=-1))

    window = daily.sum(axis=0)
    users = effective_clusters(window[:, 1:].sum(axis=1))
    if window[:, 1:].sum() < params.min_inputs or users < params.min_clusters:
        return None
    found = bucket_jackknife(np.column_stack([earlier, window]), lost)
    uncovered = (daily[:, :, 1:].sum(axis=2) - daily[:, :, 0]).sum(axis=1)
    others = (window - daily[int(uncovered.argmax())]).sum(axis=0)
    rest = lost(np.concatenate([earlier.sum(axis=0), others])) if others[1:].any() else 0.0
    # Inputs that are all alike have no visible error; one of them may always be otherwise.
    se = max(found.se, 100 / float(window[:, 1:].sum()))
    level = 1 - (1 - params.level) / len(_WINDOWS)
    test = planned_contrast(0.0, 0.0, found.estimate, se, level=level, df=users - 1)
    return _Fall(
        days=len(daily),
        before=found.estimate / 100 + float(window[:, 0].sum() / window[:, 1:].sum()),
        lost=Interval(found.estimate, test.lo, test.hi),
        without_worst=float(rest),
        p_value=test.p_rise,
    )


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
    week: CellMassCoverage,
    ceiling: float,
    falls: list[_Fall],
    score: str,
    params: Params,
) -> Finding:
    message = (
        f"Eval cases cover {week.estimate:.1%} [{week.lo:.1%}, {week.hi:.1%}] of the last 7 days' "
        f"inputs, a random suite of that size would cover {ceiling:.1%}{score}"
    )
    is_low = week.hi < params.min_coverage * ceiling
    level = status = Status.WARN if is_low else Status.PASS
    fall = None
    if not falls:
        status = Status.WARN if is_low else Status.NOT_ENOUGH_DATA
        message += "; for a comparison with earlier weeks the history is too short"
    else:
        fall = min(falls, key=lambda one: _GRAVEST.index(one.status(level, params)))
        status = fall.status(level, params)
        message += (
            f"; from {fall.before:.1%} before, it fell by {fall.lost.estimate:.1f} pp "
            f"[{fall.lost.lo:.1f}, {fall.lost.hi:.1f}] in the last {fall.days} days"
        )
    # A level that was always so low is no test against the past: its interval decides alone.
    is_test = falls and not (is_low and status is Status.WARN)
    return Finding(
        status=status,
        message=f"{message}.",
        n=week.n,
        value=fall.lost.estimate if fall else None,
        lo=fall.lost.lo if fall else None,
        hi=fall.lost.hi if fall else None,
        threshold=params.warn_drop_pp,
        unit="pp",
        p_value=min(1.0, len(_WINDOWS) * min(one.p_value for one in falls)) if is_test else None,
    )


def _evidence(feature: Feature, day: date, far: float) -> str:
    first = day - timedelta(days=_WEEK - 1)
    return (
        "select traffic.cell, count(*) as n_inputs, avg(traffic.similarity) as mean_similarity, "  # noqa: S608 - literals only
        "min(contents.text) as an_input from summary__text_cells as traffic "
        "left join core__contents as contents on traffic.input_sha256 = contents.sha256 "
        f"where traffic.feature_id = {literal(feature.id)} "
        f"and traffic.day between {literal(first)}::date and {literal(day)}::date "
        f"and (traffic.cell < 0 or traffic.similarity < {far:.6f} "
        "or traffic.cell not in (select cases.cell from summary__eval_cells as cases "
        f"where cases.feature_id = {literal(feature.id)} "
        f"and (cases.added_at is null or cases.added_at::date <= {literal(day)}::date) "
        f"and (cases.retired_at is null or cases.retired_at::date > {literal(day)}::date))) "
        "group by traffic.cell order by n_inputs desc, traffic.cell limit 50"
    )
