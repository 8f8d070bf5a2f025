"""Eval score and satisfaction by week: for a message and for a picture. Nothing is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.figures import DatedEstimate, Estimate, TwoScores
from llmops_health.kernels.intervals import mean_interval, t_interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters
from llmops_health.kernels.trend import Contrast, lagged_correlation, mann_kendall, theil_sen

_N_BUCKETS = 64
_TREND_WEEKS = 8
_VALIDITY_WEEKS = 12
_MAX_LAG_WEEKS = 4
_PERMUTATIONS = 999
_PERMUTATION_SEED = 20_260_101
_WEEK = 7
_KINDS = ["name", "source_kind"]
_MIN_CLUSTERS = 4  # users, as if all rated equally often: 3 degrees of freedom are left

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two windows, by their days, and how the gap between the scores changed, in pp.

    `kinds` are the kinds of feedback compared, each with the weight that it has.
    """

    after_days: int
    before_days: int
    gap: Contrast
    kinds: pl.DataFrame

    def cases(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Keep the runs of the cases that were run in both windows."""
        age, keys = pl.col("age"), ["suite_id", "case_id"]
        both = self.after_days + self.before_days
        after = runs.filter(age < self.after_days)
        before = runs.filter(age.is_between(self.after_days, both - 1))
        return runs.join(after, on=keys, how="semi").join(before, on=keys, how="semi")


def used(
    eval_items: pl.DataFrame, satisfaction: pl.DataFrame, day: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep runs of the version in use and ratings by people, with their age in days."""
    age = pl.lit(day).sub(pl.col("day")).dt.total_days().alias("age")
    people = pl.col("source_kind").is_null() | pl.col("source_kind").is_in(
        ["HUMAN", "USER_IMPLICIT"]
    )
    in_use = pl.col("role").is_null() | (pl.col("role") == "champion")
    return eval_items.with_columns(age).filter(in_use), satisfaction.with_columns(age).filter(
        people
    )


def weekly(runs: pl.DataFrame, ratings: pl.DataFrame) -> pl.DataFrame:
    """Return score and satisfaction in pp of the weeks that have both, the newest (0) last."""
    week = (pl.col("age") // 7).alias("week")
    score = runs.group_by(week).agg(score=100 * pl.col("score").mean())
    liked = ratings.group_by(week).agg(liked=100 * pl.col("sum_score").sum() / pl.col("n").sum())
    return score.join(liked, on="week").sort("week", descending=True)


def trend(weeks: pl.DataFrame) -> str:
    """Describe the weekly gap where there are enough weeks; it is shown, never judged."""
    if len(weeks) < _TREND_WEEKS:
        return ""
    gap = (weeks["score"] - weeks["liked"]).to_numpy()
    slope, p = theil_sen(gap).slope, mann_kendall(gap).p_value
    return f", and its weekly trend is {slope:+.1f} pp a week (Mann-Kendall p {p:.2g}, for show)"


def validity(weeks: pl.DataFrame) -> str:
    """Say how well the score predicts satisfaction; it is shown, never judged."""
    newest_first = weeks["week"].to_numpy()[::-1]
    # A lag of one week must be one week: the series ends at the newest hole.
    unbroken = newest_first == newest_first[:1] + np.arange(len(newest_first))
    n = int(np.logical_and.accumulate(unbroken).sum())
    if n < _VALIDITY_WEEKS:
        return ""
    series = weeks.tail(n)
    rng = np.random.default_rng(_PERMUTATION_SEED)
    found = lagged_correlation(
        series["score"], series["liked"], _MAX_LAG_WEEKS, rng, permutations=_PERMUTATIONS
    )
    r = found.correlation[found.best_lag]
    return (
        f"; eval predicts satisfaction R2 {found.r_squared:.2f} (r {r:+.2f}, "
        f"{found.best_lag}-week lag, permutation p {found.p_value:.2g}, {n} weeks, for show)"
    )


def scores_by_week(
    day: date, runs: pl.DataFrame, ratings: pl.DataFrame, compared: Compared
) -> TwoScores:
    """Lay out both scores by week: of the cases and the kinds of feedback that are compared.

    The interval of an eval score is that of a mean over its cases, that of satisfaction a jackknife
    over buckets of users; a week too thin for one has none.
    """
    gap, n_days, n_before = compared.gap, compared.after_days, compared.before_days
    evals = _by_week(day, compared.cases(runs), _mean_score)
    satisfaction = _by_week(
        day,
        ratings.join(compared.kinds, on=_KINDS, nulls_equal=True),
        lambda part: _mean_rating(part, compared.kinds["weight"].to_numpy()),
    )
    told = [
        f"{name} went from {of[0].estimate.value:.2f} to {of[-1].estimate.value:.2f}"
        for name, of in (("the eval score", evals), ("satisfaction", satisfaction))
    ]
    return TwoScores(
        title="Eval score and satisfaction per week",
        description=f"From the first week to the last {' and '.join(told)}. From the "
        f"{n_before // _WEEK} weeks before to the last {n_days // _WEEK} the gap changed by "
        f"{gap.estimate:+.1f} pp [{gap.lo:+.1f}, {gap.hi:+.1f}].",
        evals=evals,
        satisfaction=satisfaction,
        before=(day - timedelta(n_days + n_before - 1), day - timedelta(n_days)),
        after=(day - timedelta(n_days - 1), day),
        widened=Estimate(value=gap.estimate, lo=gap.lo, hi=gap.hi),
    )


def _by_week(
    day: date, rows: pl.DataFrame, mean: Callable[[pl.DataFrame], Estimate]
) -> tuple[DatedEstimate, ...]:
    weeks = rows.with_columns(week=pl.col("age") // _WEEK).partition_by(
        "week", as_dict=True, include_key=False
    )
    return tuple(
        DatedEstimate(
            first=day - timedelta(_WEEK * week + _WEEK - 1),
            last=day - timedelta(_WEEK * week),
            estimate=mean(part),
        )
        for (week,), part in sorted(weeks.items(), reverse=True)
    )


def _mean_score(runs: pl.DataFrame) -> Estimate:
    of_cases = runs.group_by("suite_id", "case_id").agg(pl.col("score").mean())["score"].to_numpy()
    mean = float(of_cases.mean())
    if len(of_cases) < 2:
        return Estimate(value=mean)
    found = mean_interval(mean, float(of_cases.var(ddof=1)), len(of_cases))
    return Estimate(value=mean, lo=max(0.0, found.lo), hi=min(1.0, found.hi))


def _mean_rating(ratings: pl.DataFrame, weights: Floats) -> Estimate:
    """Mean of the kinds' means, weighted; kinds that the week lacks are left out."""
    n_kinds = len(weights)
    flat = ratings["bucket"].to_numpy() * n_kinds + ratings["kind"].to_numpy()
    sums = np.stack(
        [
            np.bincount(flat, ratings[of].to_numpy(), _N_BUCKETS * n_kinds).astype(np.float64)
            for of in ("n", "sum_score")
        ],
        axis=1,
    ).reshape(_N_BUCKETS, n_kinds, 2)

    def mean(totals: Floats) -> Floats:
        n, total = np.moveaxis(totals.reshape(-1, n_kinds, 2), -1, 0)
        weight = np.where(n > 0, weights, 0.0)
        means = total / np.maximum(n, 1)
        return np.asarray((weight * means).sum(axis=-1) / weight.sum(axis=-1))

    value = float(mean(sums.sum(axis=0)).item())
    users = effective_clusters(sums[:, :, 0].sum(axis=1))
    if users < _MIN_CLUSTERS:
        return Estimate(value=value)
    found = bucket_jackknife(sums.reshape(_N_BUCKETS, -1), mean)
    # Ratings that are all equal have no visible error; half a rating may always be otherwise.
    se = max(found.se, 0.5 / float(sums[:, :, 0].sum()))
    interval = t_interval(value, se, max(int(users) - 1, 1))
    return Estimate(value=value, lo=max(0.0, interval.lo), hi=min(1.0, interval.hi))
