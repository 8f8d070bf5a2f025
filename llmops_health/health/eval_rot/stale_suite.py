"""Stale suite: the eval cases are old, and the traffic has moved on since.

Why it matters
    A suite is a snapshot of what users asked when it was written. Age alone does no harm; age and
    a changed traffic mean that releases are decided on last season's questions.
How it is found
    The age of the newest change (a case added or retired) and the median age of the cases, beside
    the churn of traffic: the share of the last 14 days' inputs that lies in cells of meaning
    beyond the share these cells had in the oldest 28 days of the history that are younger than
    the suite. Which cells grew is decided on one half of the users and measured on the other, so
    that noise alone gives no churn. WARN when nothing changed for `max_age_days` and the whole
    interval of the churn lies above `max_churn_pp`. An old suite with stable traffic passes.
How to mend it
    Add cases from `health__refresh_candidates`, retire those of `health__retirement_candidates`
    and look at the suite once a quarter.
What it cannot see
    Churn before the history begins, or within a cell of meaning. Whether the changed part is
    covered after all is for `uncovered_traffic`.
Source
    Cross-fitting as in Chernozhukov et al. (2018), Econometrics Journal 21(1); the share is half
    the total variation distance of the cells, bounded from below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.eval_rot._cases import Flags, Floats, Traffic, live
from llmops_health.kernels.intervals import Interval, t_interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters
from llmops_health.kernels.trend import planned_contrast

HISTORY_DAYS = 119

_NOW_DAYS = 14
_LONGEST_BASE_WEEKS = 4


class Params(CheckParams):
    """Settings of this check."""

    max_age_days: int = Field(
        default=90, ge=1, description="Days without a change: a suite is looked at quarterly."
    )
    max_churn_pp: float = Field(
        default=10.0, ge=0, le=100, description="Tolerated churn (pp of the inputs)."
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    min_inputs: int = Field(default=200, ge=2, description="Inputs that each window needs.")
    min_base_weeks: int = Field(
        default=2, ge=1, le=4, description="Weeks to compare with: one week has no spread."
    )
    min_clusters: float = Field(
        default=8,
        ge=2,
        description="Users, as if all asked equally often, that each half of a window needs.",
    )


@dataclass(frozen=True, slots=True)
class _Age:
    """Days since the newest change, and the median age of the cases; None where not known."""

    newest: int
    median: int
    n_cases: int


@dataclass(frozen=True, slots=True)
class _Churn:
    """Share of the inputs in grown cells beyond its share before, in pp."""

    share: Interval
    p_value: float
    n: int


def check(
    feature: Feature,
    day: date,
    core__eval_cases: pl.DataFrame,
    summary__text_cells: pl.DataFrame,
    summary__text_samples: pl.DataFrame,
    summary__eval_cells: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all suites of the feature together."""
    cases = live(core__eval_cases, day)
    if cases.is_empty():
        yield Finding(
            status=Status.NOT_APPLICABLE, n=0, message="The feature has no eval cases to grow old."
        )
        return
    age = _age(core__eval_cases, cases, day)
    if age is None:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=len(cases),
            message=f"None of the {len(cases)} eval cases says when it was added.",
        )
        return
    stale = f"The newest change to the {age.n_cases} eval cases is {age.newest} days old, their "
    stale += f"median age is {age.median} days"
    if age.newest <= params.max_age_days:
        yield Finding(
            status=Status.PASS,
            n=age.n_cases,
            message=f"{stale}, {params.max_age_days} are tolerated.",
        )
        return
    has_cells = (summary__eval_cells["fitted_on"] <= day).any()
    oldest = min(age.newest, HISTORY_DAYS - 1)
    traffic = Traffic(summary__text_cells, summary__text_samples, day, range(oldest + 1))
    churn = _churn(traffic, params) if has_cells else None
    if churn is None:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=len(traffic),
            message=f"{stale}; whether traffic changed cannot be told from {len(traffic)} inputs "
            f"with text: {_NOW_DAYS} days and {params.min_base_weeks} weeks before them are "
            f"needed, with {params.min_inputs} inputs each from many people.",
        )
        return
    yield _finding(feature, day, stale, churn, params)


def _age(all_cases: pl.DataFrame, cases: pl.DataFrame, day: date) -> _Age | None:
    added: list[date] = cases["added_at"].dt.date().drop_nulls().to_list()
    if not added:
        return None
    retired: list[date] = all_cases["retired_at"].dt.date().drop_nulls().to_list()
    newest = max([*added, *(when for when in retired if when <= day)])
    middle = median([(day - when).days for when in added])
    return _Age((day - newest).days, int(middle), len(cases))


def _churn(traffic: Traffic, params: Params) -> _Churn | None:
    n_days = int(traffic.age.max(initial=-1)) + 1
    n_weeks = min(_LONGEST_BASE_WEEKS, (n_days - _NOW_DAYS) // 7)
    if n_weeks < params.min_base_weeks:
        return None
    now = traffic.counts(range(_NOW_DAYS), traffic.n_cells)
    then = traffic.counts(range(n_days - 7 * n_weeks, n_days), traffic.n_cells)
    if min(now.sum(), then.sum()) < params.min_inputs:
        return None
    halves = [(then[half::2], now[half::2]) for half in (0, 1)]
    clusters = [effective_clusters(side.sum(axis=1)) for half in halves for side in half]
    if min(clusters) < params.min_clusters:
        return None
    parts = [_growth(*halves[half], _grown(*halves[1 - half])) for half in (0, 1)]
    estimate = float(np.mean([part[0] for part in parts]))
    se = float(np.hypot(parts[0][1], parts[1][1])) / 2
    dof = int(min(clusters)) - 1
    share = t_interval(estimate, se, dof, level=params.level)
    p_value = float(estimate <= params.max_churn_pp)
    if se > 0:
        p_value = planned_contrast(params.max_churn_pp, 0.0, estimate, se, df=dof).p_rise
    return _Churn(share, p_value, int(now.sum()))


def _grown(then: Floats, now: Floats) -> Flags:
    """Return which cells have a larger share now, shape (n_cells,)."""
    before, after = then.sum(axis=0), now.sum(axis=0)
    return np.asarray(after * before.sum() > before * after.sum())


def _growth(then: Floats, now: Floats, grown: Flags) -> tuple[float, float]:
    """Return how much the share of these cells grew, and its standard error, in pp."""

    def pp(totals: Floats) -> Floats:
        grown_then, n_then, grown_now, n_now = np.moveaxis(totals, -1, 0)
        return np.asarray(100 * (grown_now / n_now - grown_then / n_then))

    columns = (then[:, grown], then, now[:, grown], now)
    found = bucket_jackknife(np.stack([side.sum(axis=1) for side in columns], axis=1), pp)
    return found.estimate, found.se


def _finding(feature: Feature, day: date, stale: str, churn: _Churn, params: Params) -> Finding:
    share = churn.share
    is_stale = share.lo > params.max_churn_pp
    return Finding(
        status=Status.WARN if is_stale else Status.PASS,
        message=f"{stale}, and {share.estimate:.1f} % [{share.lo:.1f}, {share.hi:.1f}] of the "
        f"last {_NOW_DAYS} days' inputs are traffic that has changed since.",
        n=churn.n,
        value=share.estimate,
        lo=share.lo,
        hi=share.hi,
        threshold=params.max_churn_pp,
        unit="pp",
        p_value=churn.p_value,
        action="Review the suite: add cases from health__refresh_candidates, retire those of "
        "health__retirement_candidates."
        if is_stale
        else "",
        evidence_sql=_evidence(feature, day) if is_stale else "",
    )


def _evidence(feature: Feature, day: date) -> str:
    first = day - timedelta(days=HISTORY_DAYS - 1)
    return (
        "select date_trunc('week', day)::date as week, cell, sum(n)::bigint as n "  # noqa: S608 - literals only
        f"from summary__cells where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "group by week, cell order by week desc, n desc, cell limit 500"
    )
