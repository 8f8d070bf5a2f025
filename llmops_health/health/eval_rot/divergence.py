"""Divergence: the eval score holds or rises while users become less satisfied.

Why it matters
    Releases are decided on the eval score. Once it parts from what users say, every release that
    "improves" may make the feature worse, and nobody looks because the number is green.
How it is found
    gap = eval score - satisfaction, both 0-1, in percentage points (pp). Its change is a planned
    contrast: the last 2 weeks, and with 8 weeks of history also the last 4, against up to 4 weeks
    before. Satisfaction is the mean feedback score of people, compared within each kind of
    feedback (thumbs with thumbs) with a jackknife over buckets of users. The eval score compares
    the same cases in both windows, over the runs of the version in use (role champion or none),
    two runs each at least. Both windows are paid for in the level of the interval.
    From 12 weeks without a hole on, the message also says how well the changes of the weekly
    score predict those of satisfaction 0 to 4 weeks later: R2 at the best lag, with a permutation
    p that pays for the choice of the lag. Neither this nor the trend is judged.
    FAIL when the whole interval of the gap's change lies above `min_gap_pp` and satisfaction fell
    with its interval; WARN when only the gap widened.
How to mend it
    Read the newest bad feedback beside the newest eval cases. Add cases from
    `health__refresh_candidates`, and stop releasing on this suite until both move together.
What it cannot see
    Users who leave without a word, and people who rate only when annoyed. With few ratings a fall
    has to be large: the message says how large.
Source
    Contrast instead of trend tests: Mann-Kendall rejects 13 to 23 % of trendless autocorrelated
    series of 24 to 28 weeks. Efron and Stein (1981), Ann. Statist. 9:586-596, for the jackknife.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import TwoScores
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.eval_rot._weeks import (
    Compared,
    scores_by_week,
    trend,
    used,
    validity,
    weekly,
)
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters
from llmops_health.kernels.trend import Contrast, planned_contrast

HISTORY_DAYS = 182

_JUDGED_DAYS = 56
_N_BUCKETS = 64
_LONGEST_BEFORE = 28
_SHORTEST_BEFORE = 14

Floats = npt.NDArray[np.float64]


class Params(CheckParams):
    """Settings of this check."""

    min_gap_pp: float = Field(
        default=3.0, ge=0, le=100, description="Tolerated widening (pp): less changes no decision."
    )
    level: float = Field(
        default=0.99,
        gt=0,
        lt=1,
        description="Coverage of the intervals, all windows together: judged daily, 0.95 would "
        "cry wolf twice a year.",
    )
    min_feedback: int = Field(
        default=40, ge=2, description="Feedback events a window needs: half of them say 15 pp."
    )
    min_clusters: float = Field(
        default=10, ge=2, description="Users, as if all rated equally often, that a window needs."
    )
    min_runs: int = Field(default=2, ge=1, description="Eval runs a window needs.")
    min_cases: int = Field(
        default=10, ge=2, description="Cases that were run in both windows, to have an error."
    )
    worth_finding_pp: float = Field(
        default=15.0,
        gt=0,
        le=100,
        description="Widening (pp) that must be findable 4 times in 5, else: cannot tell.",
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """A mean before and after, with the standard error of its change."""

    before: float
    after: float
    se: float
    df: float
    n: int


@dataclass(frozen=True, slots=True)
class _Window:
    """The judged contrast of one pair of windows, in pp."""

    after_days: int
    before_days: int
    gap: Contrast
    p_value: float
    satisfaction_hi: float
    score: _Change
    satisfaction: _Change


def check(
    feature: Feature,
    day: date,
    summary__eval_items: pl.DataFrame,
    summary__satisfaction: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: of the window that says most."""
    all_runs, all_ratings = used(summary__eval_items, summary__satisfaction, day)
    runs, ratings = (rows.filter(pl.col("age") < _JUDGED_DAYS) for rows in (all_runs, all_ratings))
    if runs.is_empty() or ratings.is_empty():
        lacking = "feedback by people" if ratings.is_empty() else "eval runs of the version in use"
        yield Finding(
            status=Status.NOT_APPLICABLE, n=0, message=f"No {lacking} in {_JUDGED_DAYS} days."
        )
        return
    windows = _pairs_of_windows(_oldest(runs), _oldest(ratings))
    judged = _contrasts(runs, ratings, windows, params)
    if not judged:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=int(ratings["n"].sum()),
            message=f"Two windows of 2 weeks with {params.min_feedback} ratings, of "
            f"{params.min_clusters:g} people who rate alike often, and {params.min_runs} eval runs "
            f"on {params.min_cases} common cases are needed each.",
        )
        return
    weeks = weekly(all_runs, all_ratings)
    for_show = trend(weeks.filter(pl.col("week") < _JUDGED_DAYS // 7)) + validity(weeks)
    yield _finding(feature, day, judged, len(windows), for_show, params)


def figure(
    feature: Feature,
    day: date,
    summary__eval_items: pl.DataFrame,
    summary__satisfaction: pl.DataFrame,
    params: Params,
) -> TwoScores | None:
    """Show the eval score and satisfaction by week, with the windows that are compared."""
    del feature
    runs, ratings = (
        rows.filter(pl.col("age") < _JUDGED_DAYS)
        for rows in used(summary__eval_items, summary__satisfaction, day)
    )
    if runs.is_empty() or ratings.is_empty():
        return None
    windows = _pairs_of_windows(_oldest(runs), _oldest(ratings))
    judged = _contrasts(runs, ratings, windows, params)
    if not judged:
        return None
    window = _sayer(judged, params)
    after, before = _sides(window.after_days, window.before_days)
    kinds = _common_kinds(ratings.filter(after), ratings.filter(before), params)
    return scores_by_week(
        day,
        runs,
        ratings,
        Compared(
            window.after_days,
            window.before_days,
            window.gap,
            kinds.select("name", "source_kind", "kind", weight="n"),
        ),
    )


def _contrasts(
    runs: pl.DataFrame,
    ratings: pl.DataFrame,
    windows: list[tuple[int, int]],
    params: Params,
) -> list[_Window]:
    level = 1 - (1 - params.level) / max(len(windows), 1)
    return [
        window
        for after_days, before_days in windows
        if (window := _contrast(runs, ratings, after_days, before_days, level, params))
    ]


def _sayer(judged: list[_Window], params: Params) -> _Window:
    """Return the window that says most."""
    return min(judged, key=lambda one: (one.gap.lo <= params.min_gap_pp, one.p_value))


def _pairs_of_windows(runs_since: int, ratings_since: int) -> list[tuple[int, int]]:
    """Return lengths (after, before) in days that both series reach back to (ages in days)."""
    # A weekly eval speaks for its week, whichever day of it the first one was on.
    n_weeks = min((ratings_since + 1) // 7, -(-(runs_since + 1) // 7))
    pairs = [(14, min(_LONGEST_BEFORE, 7 * n_weeks - 14)), (28, 7 * n_weeks - 28)]
    needed = (_SHORTEST_BEFORE, _LONGEST_BEFORE)
    return [pair for pair, days in zip(pairs, needed, strict=True) if pair[1] >= days]


def _oldest(rows: pl.DataFrame) -> int:
    return int(rows["age"].to_numpy().max())


def _sides(after_days: int, before_days: int) -> tuple[pl.Expr, pl.Expr]:
    age = pl.col("age")
    return age < after_days, age.is_between(after_days, after_days + before_days - 1)


def _contrast(
    runs: pl.DataFrame,
    ratings: pl.DataFrame,
    after_days: int,
    before_days: int,
    level: float,
    params: Params,
) -> _Window | None:
    after, before = _sides(after_days, before_days)
    score = _score_change(runs.filter(after), runs.filter(before), params)
    satisfaction = _satisfaction_change(ratings.filter(after), ratings.filter(before), params)
    if score is None or satisfaction is None:
        return None
    rise = score.after - score.before
    fall = satisfaction.after - satisfaction.before
    gap = planned_contrast(fall, satisfaction.se, rise, score.se, level=level, df=satisfaction.df)
    beyond = planned_contrast(params.min_gap_pp, 0.0, gap.estimate, gap.se, df=satisfaction.df)
    alone = planned_contrast(0.0, 0.0, fall, satisfaction.se, level=level, df=satisfaction.df)
    return _Window(after_days, before_days, gap, beyond.p_rise, alone.hi, score, satisfaction)


def _score_change(after: pl.DataFrame, before: pl.DataFrame, params: Params) -> _Change | None:
    """Compare the mean score of the cases that were run on both sides, in pp."""
    if min(after["eval_run_id"].n_unique(), before["eval_run_id"].n_unique()) < params.min_runs:
        return None
    keys = ["suite_id", "case_id"]
    both = (
        after.group_by(keys)
        .agg(after=pl.col("score").mean())
        .join(before.group_by(keys).agg(before=pl.col("score").mean()), on=keys)
    )
    if len(both) < params.min_cases:
        return None
    now, then = 100 * both["after"].to_numpy(), 100 * both["before"].to_numpy()
    se = float((now - then).std(ddof=1)) / len(both) ** 0.5
    return _Change(float(then.mean()), float(now.mean()), se, len(both) - 1, len(both))


def _satisfaction_change(
    after: pl.DataFrame, before: pl.DataFrame, params: Params
) -> _Change | None:
    """Compare mean feedback within each kind of it, weighted by its share now, in pp."""
    kinds, common = ["name", "source_kind"], _common_kinds(after, before, params)
    if common.is_empty():
        return None
    sums = np.concatenate(
        [
            _sums(side.join(common, on=kinds, nulls_equal=True), len(common))
            for side in (before, after)
        ],
        axis=2,
    )
    clusters = [effective_clusters(sums[:, :, at].sum(axis=1)) for at in (0, 2)]
    n_before, n_after = sums[:, :, 0].sum(), sums[:, :, 2].sum()
    if min(n_before, n_after) < params.min_feedback or min(clusters) < params.min_clusters:
        return None
    shape = sums.shape[1:]

    def change(totals: Floats) -> Floats:
        return np.subtract(*_means(totals.reshape(-1, *shape)))

    found = bucket_jackknife(sums.reshape(_N_BUCKETS, -1), change)
    now, then = _means(sums.sum(axis=0)[None])
    # Ratings that are all equal have no visible error; half a rating may always be otherwise.
    se = max(found.se, 0.5 / min(n_before, n_after))
    n = int(n_before + n_after)
    return _Change(100 * then.item(), 100 * now.item(), 100 * se, min(clusters) - 1, n)


def _common_kinds(after: pl.DataFrame, before: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Return the kinds of feedback that both sides have enough of, and how much of each."""
    kinds = ["name", "source_kind"]
    return (
        after.group_by(kinds)
        .agg(pl.col("n").sum())
        .join(before.group_by(kinds).agg(n_before=pl.col("n").sum()), on=kinds, nulls_equal=True)
        .filter(pl.min_horizontal("n", "n_before") * 4 >= params.min_feedback)
        .sort(kinds)
        .with_row_index("kind")
    )


def _sums(side: pl.DataFrame, n_kinds: int) -> Floats:
    """Add up n and score per bucket and kind, shape (64, n_kinds, 2)."""
    flat = side["bucket"].to_numpy() * n_kinds + side["kind"].to_numpy()
    size = _N_BUCKETS * n_kinds
    columns = [np.bincount(flat, side[of].to_numpy(), size) for of in ("n", "sum_score")]
    return np.stack(columns, axis=1).reshape(_N_BUCKETS, n_kinds, 2).astype(np.float64)


def _means(totals: Floats) -> tuple[Floats, Floats]:
    """Return the mean after and before, each kind weighted by its number after."""
    n_before, before, n_after, after = np.moveaxis(totals, -1, 0)
    weight = np.where(n_before > 0, n_after, 0.0)
    share = weight / weight.sum(axis=-1, keepdims=True)
    return (
        (share * after / np.maximum(n_after, 1)).sum(axis=-1),
        (share * before / np.maximum(n_before, 1)).sum(axis=-1),
    )


def _finding(
    feature: Feature,
    day: date,
    judged: list[_Window],
    n_windows: int,
    for_show: str,
    params: Params,
) -> Finding:
    window = _sayer(judged, params)
    gap, score, liked = window.gap, window.score, window.satisfaction
    status = Status.PASS
    if gap.lo > params.min_gap_pp:
        status = Status.FAIL if window.satisfaction_hi < 0 else Status.WARN
    # 2.8 standard errors: found 4 times in 5 by a two-sided test at 0.05.
    findable = 2.8 * min(one.gap.se for one in judged)
    cannot_tell = status is Status.PASS and findable > params.worth_finding_pp
    if cannot_tell:
        status = Status.NOT_ENOUGH_DATA
    is_alarm = status in (Status.WARN, Status.FAIL)
    message = (
        f"From the {window.before_days // 7} weeks before to the last {window.after_days // 7} "
        f"weeks the eval score went from {score.before:.1f} to {score.after:.1f} and satisfaction "
        f"from {liked.before:.1f} to {liked.after:.1f}: the gap changed by {gap.estimate:+.1f} pp "
        f"[{gap.lo:+.1f}, {gap.hi:+.1f}]{for_show}."
    )
    if cannot_tell:
        message = (
            f"Cannot tell: {liked.n} ratings find a widening of {findable:.0f} pp, "
            f"{params.worth_finding_pp:.0f} pp is worth finding; {message[0].lower()}{message[1:]}"
        )
    return Finding(
        status=status,
        message=message,
        n=liked.n,
        value=gap.estimate,
        lo=gap.lo,
        hi=gap.hi,
        threshold=params.min_gap_pp,
        unit="pp",
        p_value=min(1.0, n_windows * window.p_value),
        action="Read the newest bad feedback beside the eval cases, add cases from "
        "health__refresh_candidates, and do not release on this suite alone."
        if is_alarm
        else "",
        evidence_sql=_evidence(feature, day, window) if is_alarm else "",
    )


def _evidence(feature: Feature, day: date, window: _Window) -> str:
    first = day - timedelta(days=window.after_days + window.before_days - 1)
    where = (
        f"feature_id = {literal(feature.id)} and day between {literal(first)}::date "
        f"and {literal(day)}::date"
    )
    return (
        "select day, 'satisfaction' as what, sum(sum_score) / sum(n) as mean_score, "  # noqa: S608 - literals only
        f"sum(n)::bigint as n from summary__satisfaction where {where} "
        "and (source_kind is null or source_kind in ('HUMAN', 'USER_IMPLICIT')) group by day "
        "union all select day, 'eval score' as what, avg(score) as mean_score, "
        f"count(*)::bigint as n from summary__eval_items where {where} "
        "and (role is null or role = 'champion') group by day "
        "order by what, day limit 200"
    )
