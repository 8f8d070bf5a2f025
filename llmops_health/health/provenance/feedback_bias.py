"""Feedback bias: those who give feedback are not those who use the feature.

Why it matters
    Thumbs come from the delighted and the furious, from heavy users and from failures. A model
    tuned to them, or a dashboard that averages them, serves the loud.
How it is found
    Calls of the last `window_days`, and the feedback that people gave on them within a week, by
    stratum: the user's calls a day, language, length and outcome. Within each dimension the mean
    score is weighted by the strata's shares of calls, that is by 1 / P(feedback), and set beside
    the raw mean, with an interval over groups of users. WARN when for some dimension the whole
    interval of the difference lies beyond `max_shift_pp`. Which strata answer most is said.
How to mend it
    Weight feedback by 1 / P(feedback) before it trains or is averaged, ask a random sample of
    users, and watch the strata that never answer.
What it cannot see
    Who answers within a stratum: the furious among the heavy users. Feedback on whole sessions,
    which names no call. Strata without feedback have no weight, and are named.
Source
    Horvitz and Thompson (1952), J. Am. Stat. Assoc. 47; Little and Rubin (2019), Statistical
    Analysis with Missing Data, section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Forest, ForestRow
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.kernels.intervals import t_interval, wilson_interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters

HISTORY_DAYS = 28

Floats = npt.NDArray[np.float64]


class Params(CheckParams):
    """Settings of this check."""

    max_shift_pp: float = Field(
        default=3.0, ge=0, le=100, description="Weighted minus raw mean score that matters (pp)."
    )
    window_days: int = Field(default=28, ge=7, le=28, description="Days of calls: four weeks.")
    min_feedback: int = Field(default=100, ge=10, description="Calls with feedback of one name.")
    min_stratum: int = Field(default=20, ge=2, description="Calls with feedback in a stratum.")
    min_clusters: float = Field(
        default=5, ge=2, description="Users, as if all answered equally often."
    )
    level: float = Field(
        default=0.995, gt=0, lt=1, description="Coverage: several dimensions, judged every day."
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Shift:
    """Weighted minus raw mean of one feedback's scores in one dimension, in pp."""

    name: str
    dimension: str
    value: float
    lo: float
    hi: float
    n: int
    raw: float
    silent_share: float
    strata: tuple[tuple[str, int, int], ...]  # name, calls, calls with feedback

    @property
    def beyond(self) -> float:
        """How far the whole interval is from zero."""
        return max(self.lo, -self.hi, 0.0)


def check(
    feature: Feature,
    day: date,
    summary__feedback_strata: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the feature, then one per kind of feedback where there are several."""
    rows = _window(summary__feedback_strata, day, params)
    given = rows.filter((pl.col("name") != "") & (pl.col("dimension") == "activity"))
    if given.is_empty():
        yield not_applicable("No person's feedback on a call is known.")
        return
    totals = given.group_by("name").agg(pl.col("n").sum()).sort("name")
    found: list[Finding] = []
    for name, n in totals.iter_rows():
        shifts = _shifts(rows, name, params) if n >= params.min_feedback else []
        if shifts:
            found.append(_finding(feature, day, name, shifts, params))
    if found:
        worst = max(found, key=lambda one: (one.status is Status.WARN, abs(one.value or 0.0)))
        yield replace(worst, segment="")
        if len(found) > 1:
            yield from found
    else:
        n_most = int(totals["n"].sum())
        yield not_enough_data(
            n_most,
            f"{n_most} calls have feedback; {params.min_feedback} of one kind, from many people,"
            " are needed.",
        )


def figure(
    feature: Feature,
    day: date,
    summary__feedback_strata: pl.DataFrame,
    params: Params,
) -> Forest | None:
    """Return how often each stratum answers, in the dimension that matters most."""
    del feature
    rows = _window(summary__feedback_strata, day, params)
    given = rows.filter((pl.col("name") != "") & (pl.col("dimension") == "activity"))
    shifts = [
        shift
        for name in sorted(given["name"].unique().to_list())
        for shift in _shifts(rows, name, params)
    ]
    if not shifts:
        return None
    worst = max(shifts, key=lambda one: abs(one.value))
    n_calls = sum(calls for _, calls, _ in worst.strata)
    rate = sum(n for _, _, n in worst.strata) / n_calls
    shown = []
    for stratum, calls, n in sorted(worst.strata, key=lambda one: -one[1])[:12]:
        share = wilson_interval(n, calls, level=params.level)
        apart = share.lo > 1.5 * rate or share.hi < rate / 1.5
        shown.append(
            ForestRow(
                label=stratum,
                effect=Estimate(value=100 * share.estimate, lo=100 * share.lo, hi=100 * share.hi),
                n=calls,
                answer="moved" if apart else "fine",
            )
        )
    return Forest(
        title=f"Who gives {worst.name}: by {worst.dimension}",
        description=f"{100 * rate:.2f} % of {n_calls:,} calls have feedback; weighted by who asks,"
        f" the mean score moves by {worst.value:+.1f} pp.",
        measure="calls with feedback",
        unit="%",
        rows=tuple(shown),
        zone_lo=100 * rate / 1.5,
        zone_hi=100 * rate * 1.5,
    )


def _window(rows: pl.DataFrame, day: date, params: Params) -> pl.DataFrame:
    return rows.filter(pl.col("day") > day - timedelta(days=params.window_days))


def _shifts(rows: pl.DataFrame, name: str, params: Params) -> list[_Shift]:
    found = []
    for dimension in ("activity", "language", "length", "outcome"):
        part = rows.filter(pl.col("dimension") == dimension)
        shift = _shift(part, name, dimension, params)
        if shift is not None:
            found.append(shift)
    return found


def _shift(rows: pl.DataFrame, name: str, dimension: str, params: Params) -> _Shift | None:
    calls, _ = _matrix(rows.filter(pl.col("name") == ""))
    n, score = _matrix(rows.filter(pl.col("name") == name), list(calls))
    strata = sorted(calls)
    totals = {one: (int(calls[one].sum()), int(n[one].sum())) for one in strata}
    judged = [one for one in strata if totals[one][1] >= params.min_stratum]
    n_given = sum(totals[one][1] for one in judged)
    if len(judged) < 2 or n_given < params.min_feedback:
        return None
    all_calls = sum(of_all for of_all, _ in totals.values())
    silent = 1 - sum(totals[one][0] for one in judged) / all_calls
    sums = np.column_stack(
        [
            *(calls[one] for one in judged),
            *(n[one] for one in judged),
            *(score[one] for one in judged),
        ]
    )
    k = len(judged)
    per_bucket = sums[:, k : 2 * k].sum(axis=1)
    clusters = effective_clusters(per_bucket)
    if clusters < params.min_clusters:
        return None

    def weighted_minus_raw(total: Floats) -> Floats:
        of_calls, of_n, of_score = total[..., :k], total[..., k : 2 * k], total[..., 2 * k :]
        weights = of_calls / of_calls.sum(axis=-1, keepdims=True)
        weighted = (weights * of_score / of_n).sum(axis=-1)
        return np.asarray(100 * (weighted - of_score.sum(axis=-1) / of_n.sum(axis=-1)))

    try:
        found = bucket_jackknife(sums, weighted_minus_raw, level=params.level)
    except ValueError:  # a stratum whose feedback is one group of users
        return None
    # Few users who answer make the error itself uncertain.
    reach = t_interval(found.estimate, found.se, max(2 * int(clusters), 1), level=params.level)
    return _Shift(
        name=name,
        dimension=dimension,
        value=found.estimate,
        lo=reach.lo,
        hi=reach.hi,
        n=n_given,
        raw=100 * float(sum(score[one].sum() for one in judged)) / n_given,
        silent_share=silent,
        strata=tuple((one, *totals[one]) for one in strata),
    )


def _matrix(
    rows: pl.DataFrame, strata: list[str] | None = None
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return counts and sums of scores per stratum, each shape (64,)."""
    grouped = rows.group_by("stratum", "bucket").agg(pl.col("n").sum(), pl.col("sum_score").sum())
    names = strata if strata is not None else sorted(grouped["stratum"].unique().to_list())
    n = {one: np.zeros(64) for one in names}
    score = {one: np.zeros(64) for one in names}
    for stratum, bucket, count, total in grouped.iter_rows():
        if stratum in n:
            n[stratum][bucket] += count
            score[stratum][bucket] += total
    return n, score


def _finding(
    feature: Feature, day: date, name: str, shifts: list[_Shift], params: Params
) -> Finding:
    worst = max(shifts, key=lambda one: (one.beyond, abs(one.value)))
    is_biased = worst.beyond > params.max_shift_pp
    rates = sorted(
        ((n / calls, stratum) for stratum, calls, n in worst.strata if calls >= 50), reverse=True
    )
    message = (
        f"Feedback {name}: weighted by who asks ({worst.dimension}) the mean score is"
        f" {worst.raw + worst.value:.1f} % instead of {worst.raw:.1f} %, a shift of"
        f" {worst.value:+.1f} pp [{worst.lo:+.1f}, {worst.hi:+.1f}] on {worst.n:,} calls"
    )
    if len(rates) > 1:
        message += (
            f"; {rates[0][1]} answers {100 * rates[0][0]:.1f} %, {rates[-1][1]}"
            f" {100 * rates[-1][0]:.1f} % of the time"
        )
    if worst.silent_share > 0.05:
        message += f"; {100 * worst.silent_share:.0f} % of the calls are in strata that are silent"
    first = day - timedelta(days=params.window_days - 1)
    return Finding(
        status=Status.WARN if is_biased else Status.PASS,
        n=worst.n,
        segment=name,
        message=f"{message}.",
        value=worst.value,
        lo=worst.lo,
        hi=worst.hi,
        threshold=params.max_shift_pp,
        unit="pp",
        action="Weight this feedback by 1 / P(feedback) before it trains or is averaged, and ask a"
        " random sample of users."
        if is_biased
        else "",
        evidence_sql="select stratum, sum(case when name = '' then n else 0 end)::bigint as calls,"  # noqa: S608 - literals only
        f" sum(case when name = {literal(name)} then n else 0 end)::bigint as answered,"
        f" sum(case when name = {literal(name)} then sum_score else 0 end)"
        f" / nullif(sum(case when name = {literal(name)} then n else 0 end), 0) as mean_score"
        f" from summary__feedback_strata where feature_id = {literal(feature.id)}"
        f" and dimension = {literal(worst.dimension)}"
        f" and day between {literal(first)}::date and {literal(day)}::date"
        " group by stratum order by calls desc, stratum limit 100"
        if is_biased
        else "",
    )
