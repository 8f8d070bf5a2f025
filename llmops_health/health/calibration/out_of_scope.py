"""Out of scope: inputs that belong to no class are answered with confidence.

Why it matters
    A classifier must choose among its classes, and often does so confidently where none fits. What
    passes the gate then is acted on, and no accuracy over in-scope inputs shows it.
How it is found
    With `out_of_scope_label` and labels: the share of truly out-of-scope calls that were called so
    or stayed below the gate (recall), over labels of the last 7, else 14, else 28 days. FAIL when
    its upper bound, Wilson on the effective number of calls, is below `min_recall`. AUROC and the
    false positive rate at 95 % in-scope acceptance are told beside it. Otherwise: the share of
    calls that are on a new topic and pass the gate, last 7 days against the weeks before; WARN
    when it rose by more than `max_rise` with its whole interval and beyond every week before.
How to mend it
    Raise the gate, teach the model the out-of-scope answer with the calls shown, or add the class
    that is missing.
What it cannot see
    Out-of-scope inputs that look like known topics, as long as nobody labels them. A new topic may
    well belong to a class: the unlabelled way can only ask for a look.
Source
    Larson et al. (2019), "An evaluation dataset for intent classification and out-of-scope
    prediction"; Wilson (1927).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import ceil

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field
from scipy.special import betaincc

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.calibration import _evidence
from llmops_health.health.calibration._bins import N_BUCKETS, LabelledCalls, labelled_calls
from llmops_health.kernels.calibration import N_BINS
from llmops_health.kernels.intervals import Interval, wilson_interval
from llmops_health.kernels.jackknife import ratio
from llmops_health.kernels.outofscope import out_of_scope_detection
from llmops_health.kernels.power import design_effect

HISTORY_DAYS = 56
WINDOWS = (7, 14, 28)

Floats = npt.NDArray[np.float64]

_EPOCH = date(1970, 1, 1).toordinal()


class Params(CheckParams):
    """Settings of this check."""

    min_recall: float = Field(
        default=0.8,
        gt=0,
        lt=1,
        description="Share of out-of-scope calls (0-1) that must not be answered with confidence.",
    )
    min_out_of_scope: int = Field(
        default=20, ge=5, description="Labelled out-of-scope calls; below, a share says nothing."
    )
    max_rise: float = Field(
        default=0.03,
        ge=0,
        le=1,
        description="Tolerated rise of new-topic calls above the gate, as a share of all calls.",
    )
    min_calls: int = Field(default=100, ge=20, description="Sampled calls of the last 7 days.")
    min_weeks: int = Field(default=2, ge=2, description="Weeks of history before the last one.")
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the intervals.")


def check(
    feature: Feature,
    day: date,
    summary__calibration: pl.DataFrame,
    summary__novelty: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: by labels where there are enough, else by new topics."""
    labelled = labelled_calls(summary__calibration, day)
    states_confidence = (labelled.k >= 0).any() or (summary__novelty["k"] >= 0).any()
    if feature.kind != "classifier" and not states_confidence:
        yield _none("The feature is no classifier and states no confidence.")
        return
    name = feature.out_of_scope_label
    n_outside = 0
    if name is not None and name in labelled.names:
        code = labelled.names.index(name)
        for window in WINDOWS:
            calls = labelled.within(window)
            outside = calls.where(calls.label == code)
            n_outside = outside.total
            if n_outside >= params.min_out_of_scope and outside.total < calls.total:
                yield _by_labels(feature, day, _Scope.of(calls, code, feature), window, params)
                return
    yield _by_topics(feature, day, summary__novelty, n_outside, params)


@dataclass(frozen=True, slots=True, eq=False)
class _Scope:
    """Labelled calls by how strongly they were answered as in scope.

    A call that was called out of scope counts in the lowest bin, and one without a confidence,
    which nothing holds back, in the highest. `caught` and `outside` have shape (64,).
    """

    inside_bins: Floats
    outside_bins: Floats
    caught: Floats
    outside: Floats
    gate: float

    @classmethod
    def of(cls, calls: LabelledCalls, code: int, feature: Feature) -> _Scope:
        stated = np.where(calls.k >= 0, calls.k, N_BINS - 1)
        bin_ = np.where(calls.predicted == code, 0, stated)
        # Without a gate everything but the out-of-scope answer is acted on.
        gate = max(feature.confidence_gate or 0.0, 1 / N_BINS)
        outside = calls.label == code
        held_back = outside & (bin_ < ceil(gate * N_BINS - 1e-9))

        def summed(index: npt.NDArray[np.int64], keep: npt.NDArray[np.bool_], size: int) -> Floats:
            return np.maximum(np.bincount(index[keep], calls.n[keep], size), 0.0)

        n_outside = summed(calls.bucket, outside, N_BUCKETS)
        caught = summed(calls.bucket, held_back, N_BUCKETS)
        return cls(
            inside_bins=summed(bin_, ~outside, N_BINS),
            outside_bins=summed(bin_, outside, N_BINS),
            caught=np.minimum(caught, n_outside),
            outside=n_outside,
            gate=gate,
        )

    def recall(self, level: float) -> tuple[Interval, float, float]:
        """Return the share caught with its interval, and the effective counts caught and of all.

        The jackknife gives the design effect and Wilson the interval: the jackknife alone is
        certain where everything was caught.
        """
        n, n_caught = float(self.outside.sum()), float(self.caught.sum())
        share, deff = n_caught / n, 1.0
        sums = np.column_stack([self.caught, self.outside])
        found = _evidence.from_buckets(sums, ratio(0, 1), self.outside, level=level)
        if found is None:
            # So few users that their own number is all there is.
            deff = n / max(1.0, float((self.outside > 0).sum()))
        elif 0 < share < 1:
            deff = max(1.0, design_effect(found.se, (share * (1 - share) / n) ** 0.5))
        return (
            wilson_interval(n_caught / deff, n / deff, level=level),
            n_caught / deff,
            n / deff,
        )


def _by_labels(feature: Feature, day: date, scope: _Scope, window: int, params: Params) -> Finding:
    recall, caught, n = scope.recall(params.level)
    n_outside = int(scope.outside.sum())
    message = (
        f"{recall.estimate:.0%} [{recall.lo:.0%}, {recall.hi:.0%}] of {n_outside} out-of-scope "
        f"calls were held back at the gate {scope.gate:g}, at least {params.min_recall:.0%} must be"
    )
    if scope.inside_bins.sum() >= 2 and scope.outside_bins.sum() >= 2:
        found = out_of_scope_detection(
            scope.inside_bins, scope.outside_bins, gate=scope.gate, level=params.level
        )
        message += (
            f" (AUROC {found.auroc.estimate:.2f} [{found.auroc.lo:.2f}, {found.auroc.hi:.2f}], "
            f"{found.fpr95.estimate:.0%} [{found.fpr95.lo:.0%}, {found.fpr95.hi:.0%}] pass with "
            "95% of in-scope calls)"
        )
    if recall.hi < params.min_recall:
        status = Status.FAIL
    elif recall.estimate < params.min_recall:
        status, message = Status.NOT_ENOUGH_DATA, f"Cannot tell: {message}"
    else:
        status = Status.PASS
    return Finding(
        status=status,
        n=n_outside,
        value=recall.estimate,
        lo=recall.lo,
        hi=recall.hi,
        threshold=params.min_recall,
        unit="share",
        # Binomial chance of so few caught if the recall were what it must be.
        p_value=float(betaincc(caught + 1, n - caught, params.min_recall)) if caught < n else 1.0,
        message=f"{message}.",
        action="Raise confidence_gate, and add the calls shown to the prompt or the training data "
        f"as {feature.out_of_scope_label}, or as the class that is missing."
        if status is Status.FAIL
        else "",
        evidence_sql=_labelled_sql(feature, day, scope.gate, window),
    )


def _by_topics(
    feature: Feature, day: date, table: pl.DataFrame, n_outside: int, params: Params
) -> Finding:
    gate = feature.confidence_gate
    why = (
        "No out_of_scope_label is set"
        if feature.out_of_scope_label is None
        else f"{n_outside} out-of-scope labels in {WINDOWS[-1]} days, {params.min_out_of_scope} "
        "needed"
    )
    if gate is None:
        status = Status.NOT_APPLICABLE
        if feature.out_of_scope_label is not None:
            status = Status.NOT_ENOUGH_DATA
        return Finding(
            status=status, n=n_outside, message=f"{why}, and no confidence_gate to judge topics by."
        )
    weeks = _weeks(table, day, gate)
    n_now = int(weeks[-1, :, 1].sum())
    n_weeks = int((weeks[:-1, :, 1].sum(axis=1) >= params.min_calls).sum())
    if n_now < params.min_calls or n_weeks < params.min_weeks:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n_now,
            message=f"{why}; topics are known of {n_now} calls in 7 days and of {n_weeks} weeks "
            f"before, {params.min_calls} and {params.min_weeks} needed.",
        )
    before = weeks[:-1].sum(axis=0)
    rise = _evidence.from_buckets(
        np.hstack([weeks[-1], before]),
        _difference,
        np.column_stack([weeks[-1, :, 1], before[:, 1]]),
        level=params.level,
    )
    if rise is None:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n_now,
            message=f"{why}; {n_now} calls in 7 days come from too few users to compare.",
        )
    return _judge_topics(feature, day, weeks, rise, why, params)


def _judge_topics(
    feature: Feature, day: date, weeks: Floats, rise: _evidence.Evidence, why: str, params: Params
) -> Finding:
    hits, n = weeks.sum(axis=1).T
    shares = hits[n >= params.min_calls] / n[n >= params.min_calls]
    message = (
        f"{why}; {shares[-1]:.1%} of {int(n[-1])} calls in 7 days are on a new topic and pass the "
        f"gate, {rise.estimate:+.1%} [{rise.lo:+.1%}, {rise.hi:+.1%}] on the weeks before with "
        f"{params.max_rise:.1%} tolerated."
    )
    if rise.lo > params.max_rise and shares[-1] > shares[:-1].max():
        status = Status.WARN
    elif rise.smallest_detectable > 2 * params.max_rise:
        status, message = Status.NOT_ENOUGH_DATA, f"Cannot tell: {message}"
    else:
        status = Status.PASS
    return Finding(
        status=status,
        n=int(n[-1]),
        value=rise.estimate,
        lo=rise.lo,
        hi=rise.hi,
        threshold=params.max_rise,
        unit="share",
        p_value=rise.p_above(params.max_rise),
        message=message,
        action="Read the calls shown: label those that belong to no class, and set "
        "out_of_scope_label or add the missing class."
        if status is Status.WARN
        else "",
        evidence_sql=_topics_sql(feature, day),
    )


def _none(message: str) -> Finding:
    return Finding(status=Status.NOT_APPLICABLE, n=0, message=message)


def _difference(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3])


def _weeks(table: pl.DataFrame, day: date, gate: float) -> Floats:
    """New-topic calls above the gate, and all calls, shape (8 weeks, 64, 2); the last is judged."""
    days = table["day"].cast(pl.Date).to_physical().to_numpy().astype(np.int64)
    n_weeks = HISTORY_DAYS // 7
    week = n_weeks - 1 - (day.toordinal() - _EPOCH - days) // 7
    row = week * N_BUCKETS + table["bucket"].to_numpy().astype(np.int64)
    n = table["n"].to_numpy().astype(np.float64)
    is_hit = table["cell_is_new"].to_numpy().astype(np.bool_)
    is_hit &= table["k"].to_numpy() >= ceil(gate * N_BINS - 1e-9)
    size = n_weeks * N_BUCKETS
    sums = np.stack([np.bincount(row, n * is_hit, size), np.bincount(row, n, size)], axis=-1)
    return np.asarray(sums.reshape(n_weeks, N_BUCKETS, 2), dtype=np.float64)


def _labelled_sql(feature: Feature, day: date, gate: float, window: int) -> str:
    return (
        "select c.call_id, c.started_at, c.predicted_label, c.confidence, l.labelled_at, "  # noqa: S608
        "l.labeller_kind from core__labels as l inner join core__calls as c "
        f"on l.call_id = c.call_id where c.feature_id = {literal(feature.id)} "
        f"and l.label = {literal(feature.out_of_scope_label)} "
        f"and c.predicted_label <> {literal(feature.out_of_scope_label)} "
        f"and l.labeller_kind <> 'judge' and c.confidence >= {literal(gate)} "
        f"and l.day > date {literal(day)} - {window} and l.day <= date {literal(day)} "
        "order by c.confidence desc, c.call_id limit 50"
    )


def _topics_sql(feature: Feature, day: date) -> str:
    return (
        "select c.call_id, c.started_at, c.predicted_label, c.confidence, t.similarity "  # noqa: S608
        "from summary__text_cells as t inner join core__calls as c on t.call_id = c.call_id "
        f"where t.feature_id = {literal(feature.id)} and t.cell = -1 "
        f"and c.confidence >= {literal(feature.confidence_gate)} "
        f"and t.day > date {literal(day)} - 7 and t.day <= date {literal(day)} "
        "order by t.similarity, c.call_id limit 50"
    )
