"""Saturated suite: every version passes nearly every case, so no release can be told from another.

Why it matters
    A suite that all versions pass cannot say that a candidate is better, and it will call every
    release good. What it still costs is the confidence it gives.
How it is found
    A taker is a model with a prompt version in a role; its score on a case is the mean over its
    runs. A case is passed by everybody when all of at least `min_takers` takers pass it. WARN when
    the whole Wilson interval of the share of such cases lies above `max_passed_share` and the
    version in use has no room above it: its mean score is at least `full_score`, or, with 30
    takers and more, the suite's information (2PL) where that version stands is below
    `min_information` of its peak. The message also tells how well a case ranks the versions as
    the others do (median item-rest correlation) and how many of the last runs passed every case.
How to mend it
    Add harder cases: failures from production in `health__refresh_candidates`. Retire what all
    pass, or keep it apart as a regression guard (role regression), which is left out here.
What it cannot see
    Whether the cases are right, and whether they are what users ask. With few versions, all
    passing may be luck of easy releases; the suite is then still no use to rank them.
Source
    Lord (1980), "Applications of Item Response Theory to Practical Testing Problems", for
    information; Kuder and Richardson (1937), Psychometrika 2(3), for item-rest correlation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.eval_rot._cases import Floats
from llmops_health.health.eval_rot._shares import share_above
from llmops_health.kernels.items import ability, information_share, item_statistics, two_pl

HISTORY_DAYS = 180

_CASE = ["suite_id", "case_id"]
_TAKER = ["model", "prompt_version", "role"]
_MIN_TAKERS_2PL = 30
_ALL = 1 - 1e-9


class Params(CheckParams):
    """Settings of this check."""

    max_passed_share: float = Field(
        default=0.7,
        gt=0,
        lt=1,
        description="Share of cases passed by everybody: the rest must tell versions apart.",
    )
    full_score: float = Field(
        default=0.95,
        ge=0,
        le=1,
        description="Mean score with no room above it: 5 points are the noise of 80 cases.",
    )
    min_information: float = Field(
        default=0.25, ge=0, le=1, description="Information at the version in use, over the peak."
    )
    pass_score: float = Field(
        default=0.9, ge=0, le=1, description="Score that passes where results do not say so."
    )
    min_takers: int = Field(default=3, ge=2, description="Versions that a case must have seen.")
    min_cases: int = Field(default=20, ge=2, description="Cases with that many takers.")
    last_runs: int = Field(default=5, ge=1, description="Newest runs of which the message tells.")
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the interval.")


@dataclass(frozen=True, slots=True)
class _Grid:
    """Scores and passes, shape (n_takers, n_cases), nan where not seen; which taker is in use."""

    score: Floats
    passed: Floats
    in_use: int


def check(
    feature: Feature,
    day: date,
    summary__eval_items: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all cases, and one per suite that warns where there are several."""
    retired = core__eval_cases.filter(pl.col("retired_at").dt.date() <= day)
    guards = summary__eval_items.filter(pl.col("role") == "regression")["suite_id"].unique()
    items = summary__eval_items.join(retired, on=_CASE, how="anti").filter(
        ~pl.col("suite_id").is_in(guards.to_list())
    )
    if items.is_empty():
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message=f"No eval runs in {HISTORY_DAYS} days besides those of regression guards.",
        )
        return
    yield _judge(feature, day, "", items, params)
    suites = items.partition_by("suite_id", as_dict=True)
    for (suite_id,), rows in sorted(suites.items()):
        if len(suites) > 1:
            finding = _judge(feature, day, str(suite_id), rows, params)
            if finding.status is Status.WARN:
                yield finding


def _judge(
    feature: Feature, day: date, suite_id: str, items: pl.DataFrame, params: Params
) -> Finding:
    grid = _grid(items, params)
    seen = ~np.isnan(grid.score)
    enough = seen.sum(axis=0) >= params.min_takers
    n, n_takers = int(enough.sum()), len(grid.score)
    if n < params.min_cases:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            segment=suite_id,
            n=n,
            message=f"{n} eval cases were run by {params.min_takers} versions or more, "
            f"{params.min_cases} are needed; versions seen: {n_takers}.",
        )
    fails = seen & (grid.passed < _ALL)
    n_passed = int((enough & ~fails.any(axis=0)).sum())
    share = share_above(n_passed, n, params.max_passed_share, params.level)
    mean = float(np.nanmean(grid.score[grid.in_use]))
    is_crowded = share.interval.lo > params.max_passed_share
    information = _information(grid) if is_crowded and mean < params.full_score else None
    is_full = mean >= params.full_score or (
        information is not None and information < params.min_information
    )
    is_alarm = is_crowded and is_full
    rest = float(np.median(np.nan_to_num(item_statistics(grid.score).item_rest[enough])))
    message = (
        f"{n_passed} of {n} cases{f' of {suite_id}' if suite_id else ''} are passed by all of "
        f"{n_takers} versions: {n_passed / n:.0%} [{share.interval.lo:.0%}, "
        f"{share.interval.hi:.0%}], {params.max_passed_share:.0%} are tolerated; the version in "
        f"use scores {mean:.3f}, the median item-rest correlation is {rest:.2f}, and "
        f"{_clean_runs(items, params)}"
    )
    if information is not None:
        message += f"; the suite's information there is {information:.0%} of its peak"
    return Finding(
        status=Status.WARN if is_alarm else Status.PASS,
        segment=suite_id,
        message=f"{message}.",
        n=n,
        value=share.interval.estimate,
        lo=share.interval.lo,
        hi=share.interval.hi,
        threshold=params.max_passed_share,
        unit="share",
        p_value=share.p_value,
        action="Add harder cases, from failures in health__refresh_candidates, and keep what all "
        "versions pass apart as a regression guard."
        if is_alarm
        else "",
        evidence_sql=_evidence(feature, day, suite_id) if is_alarm else "",
    )


def _with_passed(items: pl.DataFrame, params: Params) -> pl.DataFrame:
    by_score = (pl.col("score") >= params.pass_score).cast(pl.Float64)
    return items.with_columns(passed=pl.coalesce("p_passed", by_score))


def _grid(items: pl.DataFrame, params: Params) -> _Grid:
    takers = items.select(_TAKER).unique().sort(_TAKER).with_row_index("taker")
    cases = items.select(_CASE).unique().sort(_CASE).with_row_index("case")
    means = (
        _with_passed(items, params)
        .join(takers, on=_TAKER, nulls_equal=True)
        .join(cases, on=_CASE)
        .group_by("taker", "case")
        .agg(pl.col("score", "passed").mean(), pl.col("day").max())
    )
    at = means["taker"].to_numpy(), means["case"].to_numpy()
    grids = np.full((2, len(takers), len(cases)), np.nan)
    for grid, name in zip(grids, ("score", "passed"), strict=True):
        grid[at] = means[name].to_numpy()
    is_champion = (pl.col("role") == "champion").fill_null(value=False)
    newest = means.group_by("taker").agg(pl.col("day").max()).join(takers, on="taker")
    in_use = newest.sort(is_champion, "day", "taker")["taker"][-1]
    return _Grid(grids[0], grids[1], int(in_use))


def _information(grid: _Grid) -> float | None:
    """Return the information at the version in use over the peak, where it can be known."""
    right = np.where(np.isnan(grid.passed), np.nan, (grid.passed >= 0.5).astype(np.float64))
    share = np.nanmean(right, axis=0)
    if len(right) < _MIN_TAKERS_2PL or np.count_nonzero((share > 0) & (share < 1)) < 2:
        return None
    fit = two_pl(right)
    if not fit.has_converged:
        return None
    theta = ability(right[grid.in_use], fit.discrimination, fit.difficulty).theta
    return information_share(theta, fit.discrimination, fit.difficulty)


def _clean_runs(items: pl.DataFrame, params: Params) -> str:
    runs = (
        _with_passed(items, params)
        .group_by("day", "eval_run_id")
        .agg(is_clean=(pl.col("passed") >= _ALL).all())
        .sort("day", "eval_run_id")
        .tail(params.last_runs)
    )
    return f"{int(runs['is_clean'].sum())} of the last {len(runs)} runs passed every case"


def _evidence(feature: Feature, day: date, suite_id: str) -> str:
    of_suite = f"and suite_id = {literal(suite_id)} " if suite_id else ""
    return (
        "select suite_id, case_id, count(distinct eval_run_id) as n_runs, "  # noqa: S608 - literals only
        "min(score) as lowest_score, avg(score) as mean_score, min(p_passed) as lowest_p_passed "
        f"from summary__eval_items where feature_id = {literal(feature.id)} {of_suite}"
        f"and day <= {literal(day)}::date and (role is null or role <> 'regression') "
        "group by suite_id, case_id order by lowest_score desc, suite_id, case_id limit 200"
    )
