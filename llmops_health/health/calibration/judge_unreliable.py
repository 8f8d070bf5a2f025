"""Judge unreliable: an LLM judge disagrees with people, scores constants, or prefers a place.

Why it matters
    Where a judge stands in for people, its errors are everybody's: evals improve and gates open by
    what the judge likes.
How it is found
    Calls that a judge and a person (or an outcome) both labelled, by the day the second label was
    known, 28 days. Agreement beyond chance is Gwet's AC1 with a bucket-jackknife interval: FAIL
    when its upper bound is below `min_ac1`, WARN below `good_ac1`; Krippendorff's alpha and the
    prevalence are told beside it. With several judges each answers for itself.
    Segments: "one label" FAILs when a judge said one label of all calls although people said
    another of so many that a judge who sees a third of those would not have missed them all;
    "output length" WARNs when the judge's commonest label, against that of people, becomes more
    frequent by `max_length_slope` per doubling of the output; "order" WARNs when one call labelled
    twice by one judge, with other values of `order` or `position` in the label's further columns,
    gets one label less often than `min_consistency`.
How to mend it
    Read the disagreements with whoever labels, then change the judge's rubric, model or scale; ask
    in both orders; until it agrees, do not use its labels as truth.
What it cannot see
    Errors that people and judge share, and calls that only the judge labelled. A judge that
    labels where people do because they are easy looks better than it is.
Source
    Gwet (2008), "Computing inter-rater reliability and its variance in the presence of high
    agreement"; Krippendorff (2011); Zheng et al. (2023), "Judging LLM-as-a-judge", arXiv:2306.05685
    for the biases of place and length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import log

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.calibration import _evidence
from llmops_health.health.calibration._bins import N_BUCKETS
from llmops_health.kernels.agreement import ac1_from_sums, two_rater_agreement
from llmops_health.kernels.jackknife import effective_clusters, ratio

HISTORY_DAYS = 28

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# One step of length_k is 8 bins of ln(1.01 / 0.99); slopes are told per doubling.
_DOUBLINGS_PER_STEP = 8 * log(1.01 / 0.99) / log(2)


class Params(CheckParams):
    """Settings of this check."""

    min_ac1: float = Field(
        default=0.4, ge=-1, le=1, description="AC1 below which a judge is not usable."
    )
    good_ac1: float = Field(
        default=0.6, ge=-1, le=1, description="AC1 that counts as substantial agreement."
    )
    min_pairs: int = Field(
        default=50, ge=10, description="Calls with both labels; the interval is then about 0.2."
    )
    seen_share: float = Field(
        default=1 / 3,
        gt=0,
        lt=1,
        description="Share of people's other labels that a judge who answers at all would see.",
    )
    one_label_level: float = Field(
        default=0.001, gt=0, lt=1, description="Chance at which 'one label' fails."
    )
    max_length_slope: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Tolerated rise (probability) of the judge's commonest label per doubling.",
    )
    min_consistency: float = Field(
        default=0.85, ge=0, le=1, description="Share of calls that get one label in both orders."
    )
    level: float = Field(default=0.98, gt=0, lt=1, description="Coverage of the intervals.")


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of labels as codes of `names`; every array has shape (rows,)."""

    names: tuple[str, ...]
    judged: Ints
    other: Ints
    length_k: Ints
    bucket: Ints
    n: Floats

    @property
    def total(self) -> int:
        return int(self.n.sum())

    def per_bucket(self, weight: Floats | Flags) -> Floats:
        return np.bincount(self.bucket, self.n * weight, N_BUCKETS).astype(np.float64)

    def per_label(self, codes: Ints) -> Floats:
        return np.bincount(codes, self.n, len(self.names)).astype(np.float64)


def check(
    feature: Feature, day: date, summary__judgements: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding for all judges, and one per judge and kind of fault that shows."""
    kind = summary__judgements["run_kind"]
    wanted = "prod" if (kind == "prod").any() else "unknown"
    table = summary__judgements.filter(pl.col("run_kind") == wanted)
    truth = table.filter(pl.col("pair") == "truth")
    if table.is_empty():
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message=f"In {HISTORY_DAYS} days no call was labelled by a judge and by a person.",
        )
        return
    yield _agreement(feature, day, _pairs(truth), "", params)
    judges = sorted(table["judge"].unique())
    for judge in judges:
        name = f"judge = {judge[:12] or 'unknown'}" if len(judges) > 1 else ""
        of_judge = table.filter(pl.col("judge") == judge)
        pairs = _pairs(of_judge.filter(pl.col("pair") == "truth"))
        found = [
            *([_agreement(feature, day, pairs, name, params)] if name else []),
            *_one_label(feature, day, pairs, _segment(name, "one label"), params),
            *_length(feature, day, pairs, _segment(name, "output length"), params),
            *_order(feature, day, of_judge, _segment(name, "order"), params),
        ]
        yield from (f for f in found if f.status in {Status.WARN, Status.FAIL})


def _agreement(feature: Feature, day: date, pairs: _Pairs, segment: str, params: Params) -> Finding:
    if pairs.total < params.min_pairs:
        return _thin(pairs.total, segment, f"{params.min_pairs} needed")
    agreed = pairs.judged == pairs.other
    n_labels = len(pairs.names)
    if n_labels < 2:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=pairs.total,
            segment=segment,
            message=f"Judge and people said one and the same label of all {pairs.total} calls, "
            "which does not tell whether the judge can see another.",
        )
    cells = pairs.bucket * n_labels
    ratings = sum(
        np.bincount(cells + codes, pairs.n, N_BUCKETS * n_labels)
        for codes in (pairs.judged, pairs.other)
    )
    n = pairs.per_bucket(np.ones_like(pairs.n))
    per_label = np.asarray(ratings).reshape(N_BUCKETS, n_labels)
    sums = np.column_stack([n, pairs.per_bucket(agreed), per_label])
    ac1 = _evidence.from_buckets(sums, ac1_from_sums, n, level=params.level)
    if ac1 is None:
        return _thin(pairs.total, segment, "but from too few users to tell")
    ac1 = ac1.within(-1, 1)
    grid = np.bincount(pairs.judged * n_labels + pairs.other, pairs.n, n_labels**2)
    both = two_rater_agreement(grid.reshape(n_labels, n_labels))
    common = pairs.per_label(pairs.other)
    message = (
        f"Judge and people agree on {both.percent:.0%} of {pairs.total} calls, AC1 "
        f"{ac1.estimate:.2f} [{ac1.lo:.2f}, {ac1.hi:.2f}], alpha {both.alpha:.2f}, where people "
        f"say {pairs.names[int(common.argmax())]!r} of {common.max() / common.sum():.0%}; "
        f"an AC1 of {params.good_ac1:g} is good, {params.min_ac1:g} the least."
    )
    threshold = params.good_ac1
    if ac1.hi < params.min_ac1:
        status, threshold = Status.FAIL, params.min_ac1
    elif ac1.hi < params.good_ac1:
        status = Status.WARN
    elif ac1.lo < params.min_ac1:
        status, message = Status.NOT_ENOUGH_DATA, f"Cannot tell: {message}"
    else:
        status = Status.PASS
    return Finding(
        status=status,
        n=pairs.total,
        segment=segment,
        value=ac1.estimate,
        lo=ac1.lo,
        hi=ac1.hi,
        threshold=threshold,
        unit="AC1",
        p_value=ac1.p_below(threshold),
        message=message,
        action="Read the disagreements with whoever labels, then change the judge's rubric or "
        "model; do not use its labels as truth until it agrees."
        if status in {Status.WARN, Status.FAIL}
        else "",
        evidence_sql=_evidence_sql(feature, day, "truth"),
    )


def _one_label(
    feature: Feature, day: date, pairs: _Pairs, segment: str, params: Params
) -> Iterator[Finding]:
    """Yield a finding where the judge said one label of every call and people did not."""
    said = np.unique(pairs.judged)
    if pairs.total < params.min_pairs or said.size != 1:
        return
    missed = pairs.per_bucket(pairs.other != said[0])
    n_missed = int(missed.sum())
    # Calls of one user are one chance to see the other label, not many.
    chance = (1 - params.seen_share) ** effective_clusters(missed)
    if chance < params.one_label_level:
        label = pairs.names[int(said[0])]
        yield Finding(
            status=Status.FAIL,
            n=pairs.total,
            segment=segment,
            value=0.0,
            threshold=params.seen_share,
            unit="share",
            p_value=chance,
            message=f"The judge said {label!r} of all {pairs.total} calls, people said something "
            f"else of {n_missed}.",
            action="Do not use this judge: see whether its answers are parsed, then give it a "
            "rubric with an example of every label.",
            evidence_sql=_evidence_sql(feature, day, "truth"),
        )


def _length(
    feature: Feature, day: date, pairs: _Pairs, segment: str, params: Params
) -> Iterator[Finding]:
    """Yield a finding where the judge's commonest label follows the length of the output."""
    known = pairs.length_k >= 0
    n_known = int(pairs.n[known].sum())
    if n_known < params.min_pairs or np.unique(pairs.length_k[known]).size < 3:
        return
    favourite = int(pairs.per_label(pairs.judged).argmax())
    x = pairs.length_k * _DOUBLINGS_PER_STEP
    x = x - np.average(x[known], weights=pairs.n[known])
    excess = (pairs.judged == favourite) * 1.0 - (pairs.other == favourite)
    sums = np.column_stack(
        [
            pairs.per_bucket(known * weight)
            for weight in (np.ones_like(x), x, x * x, excess, x * excess)
        ]
    )
    without = sums.sum(axis=0) - sums
    if np.any(without[:, 2] * without[:, 0] - without[:, 1] ** 2 <= 1e-9):
        return
    slope = _evidence.from_buckets(sums, _slope, sums[:, 0], level=params.level)
    if slope is None or not slope.lo > params.max_length_slope:
        return
    yield Finding(
        status=Status.WARN,
        n=n_known,
        segment=segment,
        value=slope.estimate,
        lo=slope.lo,
        hi=slope.hi,
        threshold=params.max_length_slope,
        unit="probability per doubling",
        p_value=slope.p_above(params.max_length_slope),
        message=f"With every doubling of the output the judge says {pairs.names[favourite]!r} "
        f"{slope.estimate:+.1%} [{slope.lo:+.1%}, {slope.hi:+.1%}] more often than people do, "
        f"{params.max_length_slope:.1%} is tolerated.",
        action="Tell the judge to ignore length, or compare answers of one length only.",
        evidence_sql=_evidence_sql(feature, day, "truth"),
    )


def _order(
    feature: Feature, day: date, table: pl.DataFrame, segment: str, params: Params
) -> Iterator[Finding]:
    """Yield a finding where another order of the options makes another label."""
    pairs = _pairs(table.filter(pl.col("pair") == "order"))
    if pairs.total < params.min_pairs:
        return
    n = pairs.per_bucket(np.ones_like(pairs.n))
    sums = np.column_stack([pairs.per_bucket(pairs.judged == pairs.other), n])
    same = _evidence.from_buckets(sums, ratio(0, 1), n, level=params.level)
    if same is None or not same.hi < params.min_consistency:
        return
    same = same.within(0, 1)
    yield Finding(
        status=Status.WARN,
        n=pairs.total,
        segment=segment,
        value=same.estimate,
        lo=same.lo,
        hi=same.hi,
        threshold=params.min_consistency,
        unit="share",
        p_value=same.p_below(params.min_consistency),
        message=f"{same.estimate:.0%} [{same.lo:.0%}, {same.hi:.0%}] of {pairs.total} calls got "
        f"one label in both orders of the options, {params.min_consistency:.0%} should.",
        action="Ask the judge in both orders and count only what it says in both.",
        evidence_sql=_evidence_sql(feature, day, "order"),
    )


def _slope(sums: Floats) -> Floats:
    """Least-squares slope from the columns n, x, xx, y, xy."""
    n, x, xx, y, xy = np.moveaxis(sums, -1, 0)
    return np.asarray((n * xy - x * y) / (n * xx - x * x))


def _thin(n: int, segment: str, why: str) -> Finding:
    return Finding(
        status=Status.NOT_ENOUGH_DATA,
        n=n,
        segment=segment,
        message=f"{n} calls labelled by a judge and by people in {HISTORY_DAYS} days, {why}.",
    )


def _segment(judge: str, fault: str) -> str:
    return f"{judge}, {fault}" if judge else fault


def _pairs(table: pl.DataFrame) -> _Pairs:
    both = pl.concat([table["label"], table["other_label"].rename("label")])
    names = pl.Enum(both.cast(pl.String).unique().sort())

    def codes(column: str) -> Ints:
        values = table[column].cast(pl.String).cast(names).to_physical().to_numpy()
        return values.astype(np.int64)

    return _Pairs(
        names=tuple(names.categories),
        judged=codes("label"),
        other=codes("other_label"),
        length_k=table["length_k"].to_numpy().astype(np.int64),
        bucket=table["bucket"].to_numpy().astype(np.int64),
        n=table["n"].to_numpy().astype(np.float64),
    )


def _evidence_sql(feature: Feature, day: date, pair: str) -> str:
    return (
        "select judge, label, other_label, sum(n) as n from summary__judgements "  # noqa: S608
        f"where feature_id = {literal(feature.id)} and pair = {literal(pair)} "
        f"and day > date {literal(day)} - {HISTORY_DAYS} and day <= date {literal(day)} "
        "group by judge, label, other_label order by n desc, judge, label, other_label limit 50"
    )
