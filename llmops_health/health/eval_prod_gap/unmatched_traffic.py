"""Unmatched traffic: too little of production resembles the eval inputs to compare the two.

Why it matters
    Where evals ask what nobody asks, their score is about another product, and whether the feature
    behaves when it is watched cannot be told: `behaviour_switch` compares like with like only.
How it is found
    Over the last 7 days (14 or 28 where evals are rare): the share of eval inputs without any like
    in production; the share of production inputs off the evals' support, less like any eval input
    than nine of ten are where as many production inputs stand in for the evals; and how many
    production calls remain, as a share, once odds weights bring them to the evals' mix of meaning
    and length (effective sample size). WARN when the interval of the first lies above
    `max_unmatched`, of the second above `max_off_support`, or of the third below `min_effective`.
    Largest standardized differences of length and language before and after matching stand in the
    message. It warns and never fails.
How to mend it
    Add cases from `health__refresh_candidates`: they are drawn from the traffic that evals miss.
    Retire cases about what nobody asks any more.
What it cannot see
    Texts that are not kept have no meaning. Which topics are missing is for
    `eval_rot.uncovered_traffic`; here the logged eval calls count, there the eval cases.
Source
    Stuart (2010), Statistical Science 25:1-21; Kish (1965), "Survey Sampling", on effective sample
    size; Austin (2009), Statistics in Medicine 28:3083-3107, on standardized differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.eval_prod_gap import _pairs
from llmops_health.health.eval_prod_gap._controls import UNIT, Floats
from llmops_health.health.eval_prod_gap._pairs import n_days_of_evals
from llmops_health.health.eval_prod_gap._windows import WINDOWS, of_days
from llmops_health.kernels.intervals import Interval, wilson_interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters, ratio
from llmops_health.kernels.matching import standardized_difference

HISTORY_DAYS = _pairs.HISTORY_DAYS

_N_BUCKETS = 64
_ASKED = ["ln_input_chars", "input_language"]
_FREQUENT = 0.05


class Params(CheckParams):
    """Settings of this check."""

    max_unmatched: float = Field(
        default=0.5, gt=0, lt=1, description="Tolerated share of eval inputs without a like."
    )
    max_off_support: float = Field(
        default=0.5, gt=0, lt=1, description="Tolerated share of production off the support."
    )
    min_effective: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="Production calls that weighting must leave (share): with fewer, a handful of "
        "calls would stand for all.",
    )
    level: float = Field(
        default=0.999, gt=0, lt=1, description="Coverage of the intervals: judged every day."
    )
    min_inputs: int = Field(default=20, ge=2, description="Eval inputs needed.")
    min_calls: int = Field(default=100, ge=10, description="Production calls needed.")
    min_clusters: float = Field(
        default=6, ge=2, description="Users, as if all asked equally often, behind those calls."
    )


@dataclass(frozen=True, slots=True)
class _Support:
    """Shares with their intervals: eval inputs unmatched, production off support, and left."""

    unmatched: Interval
    off_support: Interval
    effective: Interval | None
    n_inputs: int
    n_calls: int
    n_days: int


def check(
    feature: Feature,
    day: date,
    summary__compared_calls: pl.DataFrame,
    summary__matches: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on both sides together."""
    n_days = n_days_of_evals(summary__compared_calls, day, params.min_inputs)
    if n_days is None:
        yield not_applicable(f"No eval call with input and answer is logged in {WINDOWS[-1]} days.")
        return
    known = of_days(summary__compared_calls, day, n_days + _pairs.MATCH_DAYS - 1).with_columns(
        pl.col("ln_input_chars").fill_null(0.0), pl.col("input_language").fill_null("")
    )
    compared = of_days(known, day, n_days)
    matches = of_days(summary__matches, day, n_days)
    rows = matches.drop("day", "feature_id").join(
        compared[["call_id", "bucket", *UNIT, *_ASKED]], on="call_id"
    )
    inputs, calls = rows.filter(rows["is_eval"]), rows.filter(~rows["is_eval"])
    matched = inputs.filter(inputs["similarity"] >= inputs["caliper"])
    n_inputs, n_matched = (len(side[UNIT].unique()) for side in (inputs, matched))
    sums = _bucket_sums(calls)
    has_people = effective_clusters(sums[:, 0]) >= params.min_clusters
    if n_inputs < params.min_inputs or len(calls) < params.min_calls or not has_people:
        yield not_enough_data(
            len(calls),
            f"{n_inputs} eval inputs and {len(calls)} sampled production calls of {n_days} days "
            f"have been compared by their texts; {params.min_inputs} and {params.min_calls} of "
            f"{params.min_clusters:g} users or more are needed.",
        )
        return
    support = _Support(
        unmatched=wilson_interval(n_inputs - n_matched, n_inputs, level=params.level),
        off_support=_interval(sums[:, :2], params),
        effective=_effective(sums, params),
        n_inputs=n_inputs,
        n_calls=len(calls),
        n_days=n_days,
    )
    yield _finding(feature, day, support, _balance(compared, matched, known), params)


def _bucket_sums(calls: pl.DataFrame) -> Floats:
    """Return calls, calls off support, calls with a weight, weights and their squares by bucket."""
    bucket = calls["bucket"].to_numpy()
    off = calls["similarity"].to_numpy() < calls["caliper"].to_numpy()
    weight = calls["odds_weight"].to_numpy()
    known = ~np.isnan(weight)
    w = np.where(known, weight, 0.0)
    columns = (np.ones(len(bucket)), off, known, w, w**2)
    return np.stack(
        [np.bincount(bucket, column, minlength=_N_BUCKETS) for column in columns], axis=1
    )


def _interval(sums: Floats, params: Params) -> Interval:
    found = bucket_jackknife(sums, ratio(1, 0), level=params.level)
    return Interval(found.estimate, max(found.lo, 0.0), min(found.hi, 1.0))


def _effective(sums: Floats, params: Params) -> Interval | None:
    """Return the effective share of the weighted calls; None where none has a weight."""

    def share(totals: Floats) -> Floats:
        n, w, ww = totals[..., 0], totals[..., 1], totals[..., 2]
        return np.asarray(w**2 / (ww * n))

    weighted = sums[:, 2:]
    if weighted[:, 0].sum() < params.min_calls:
        return None
    found = bucket_jackknife(weighted, share, level=params.level)
    return Interval(found.estimate, max(found.lo, 0.0), min(found.hi, 1.0))


def _balance(compared: pl.DataFrame, matched: pl.DataFrame, known: pl.DataFrame) -> str:
    """Say how unlike the two sides are in length and language, before and after matching.

    `matched` are the matches of eval inputs, `known` the calls among which their controls are.
    """
    is_eval = compared["is_eval"]
    evals = compared[[*UNIT, *_ASKED]].filter(is_eval)
    evals = evals.unique(UNIT, keep="first", maintain_order=True)
    live = compared[_ASKED].filter(~is_eval & compared["is_sample"])
    first = matched.filter(matched["rank"] == 1).unique(UNIT, keep="first", maintain_order=True)
    controls = first[["match_call_id"]].join(
        known[["call_id", *_ASKED]].filter(~known["is_eval"]),
        left_on="match_call_id",
        right_on="call_id",
    )
    if min(len(evals), len(live), len(first), len(controls)) < 2:
        return ""
    both = pl.concat([evals["input_language"], live["input_language"]])
    languages = sorted(
        language
        for language, n in both.value_counts().iter_rows()
        if language and n / len(both) >= _FREQUENT
    )

    def covariates(side: pl.DataFrame) -> Floats:
        said = side["input_language"]
        return np.column_stack(
            [side["ln_input_chars"].to_numpy(), *((said == one).to_numpy() for one in languages)]
        ).astype(np.float64)

    before, after = (
        float(np.max(np.abs(standardized_difference(covariates(a), covariates(b)))))
        for a, b in ((evals, live), (first, controls))
    )
    return (
        f" Largest standardized difference of length and language: {before:.2f} before matching, "
        f"{after:.2f} after."
    )


def _finding(
    feature: Feature, day: date, support: _Support, balance: str, params: Params
) -> Finding:
    unmatched, off, left = support.unmatched, support.off_support, support.effective
    faults: list[tuple[Interval, float, str]] = []
    if unmatched.lo > params.max_unmatched:
        faults.append(
            (unmatched, params.max_unmatched, "most eval inputs have no like in production")
        )
    if off.lo > params.max_off_support:
        faults.append((off, params.max_off_support, "most of production is unlike any eval input"))
    if left is not None and left.hi < params.min_effective:
        faults.append(
            (left, params.min_effective, "few production calls can stand for what evals ask")
        )
    value, threshold, _ = faults[0] if faults else (off, params.max_off_support, "")
    shares = (
        f"{_percent(unmatched)} of {support.n_inputs} eval inputs have no like in production, "
        f"{_percent(off)} of {support.n_calls} production calls of {support.n_days} days are off "
        "the evals' support"
    )
    if left is not None:
        shares += f", and weighting to the evals' mix leaves {_percent(left)} of them"
    why = f"{'; '.join(fault[2] for fault in faults).capitalize()}: " if faults else ""
    return Finding(
        status=Status.WARN if faults else Status.PASS,
        n=support.n_calls,
        value=value.estimate,
        lo=value.lo,
        hi=value.hi,
        threshold=threshold,
        unit="share",
        message=f"{why}{shares}.{balance}",
        action="Add cases from health__refresh_candidates, which are drawn from the traffic that "
        "evals miss, and retire cases that nobody's questions resemble."
        if faults
        else "",
        evidence_sql=_evidence(feature, day, support.n_days) if faults else "",
    )


def _percent(share: Interval) -> str:
    return f"{100 * share.estimate:.0f} % [{100 * share.lo:.0f}, {100 * share.hi:.0f}]"


def _evidence(feature: Feature, day: date, n_days: int) -> str:
    return (
        "select is_eval, call_id, match_call_id, similarity, caliper, odds_weight, day "  # noqa: S608 - literals only
        f"from summary__matches where feature_id = {literal(feature.id)} and similarity < caliper "
        f"and day between {literal(day)}::date - {n_days - 1} and {literal(day)}::date "
        "order by is_eval desc, similarity, day, call_id limit 200"
    )
