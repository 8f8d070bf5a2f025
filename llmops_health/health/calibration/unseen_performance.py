"""Unseen performance: calls became harder to get right, before their labels are in.

Why it matters
    Labels come days late. Confidence comes with the call, and where it has meant something, a fall
    of confidence is a fall of accuracy that nobody has seen yet.
How it is found
    Labels that became known 8 to 56 days ago say how often each confidence is right (isotonic, per
    bin). That map prices the confidence of the last 7 days and of the 49 days before, labelled or
    not: the difference is the expected change of accuracy. Its interval adds the doubt about the
    map to the jackknife over users. FAIL when the whole interval lies below -`max_fall`; only WARN
    when confidence has moved so far that the map extrapolates (effective sample below `min_ess`),
    or when labels of the same 7 days rule out such a fall.
How to mend it
    Look at what is new among the least sure calls (`input_drift`), raise the gate, label those
    calls first.
What it cannot see
    A change in what confidence means: answers that are wrong with the same confidence, or a new
    model that states it otherwise. The message therefore gives the labelled accuracy beside the
    estimate, and `overconfidence` judges it. Weighting the reference towards today's mix (PAPE) is
    left out: where it is admissible it changes little, elsewhere it made the error larger.
Source
    NannyML documentation, "Confidence-based Performance Estimation (CBPE)"; Kish (1965) for the
    effective sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.calibration import _evidence
from llmops_health.health.calibration._bins import N_BUCKETS, LabelledCalls, labelled_calls
from llmops_health.kernels.calibration import N_BINS
from llmops_health.kernels.jackknife import ratio
from llmops_health.kernels.performance_estimation import (
    CalibratedBins,
    calibrate_bins,
    covariate_ess,
)

WINDOW_DAYS = 7
HISTORY_DAYS = 56

Floats = npt.NDArray[np.float64]

_EPOCH = date(1970, 1, 1).toordinal()


class Params(CheckParams):
    """Settings of this check."""

    max_fall: float = Field(
        default=0.03, ge=0, le=1, description="Tolerated fall of expected accuracy (0-1)."
    )
    min_ess: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Effective share of the reference below which the map extrapolates.",
    )
    min_labelled: int = Field(
        default=200, ge=50, description="Labelled calls behind the map; below, it is a guess."
    )
    min_calls: int = Field(default=100, ge=20, description="Calls of the last 7 days.")
    min_reference_days: int = Field(
        default=14, ge=7, description="Days with calls before the window: two of each weekday."
    )
    min_audited: int = Field(
        default=30, ge=10, description="Labels of the last 7 days before they may contradict."
    )
    level: float = Field(default=0.98, gt=0, lt=1, description="Coverage of the interval.")


@dataclass(frozen=True, slots=True, eq=False)
class _Traffic:
    """Production calls with a confidence: per bucket and bin, in the window and before it."""

    now: Floats
    before: Floats
    n_days_before: int


def check(
    feature: Feature,
    day: date,
    summary__confidence: pl.DataFrame,
    summary__calibration: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: accuracy to expect of the last 7 days against that of the 49 before."""
    traffic = _traffic(summary__confidence, day)
    labelled = labelled_calls(summary__calibration, day).stated()
    if not traffic.now.any() and not traffic.before.any():
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message=f"No call chose a label and stated a confidence in {HISTORY_DAYS} days.",
        )
        return
    if labelled.n.size == 0:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA
            if feature.kind == "classifier"
            else Status.NOT_APPLICABLE,
            n=int(traffic.now.sum()),
            message=f"No call with a confidence was labelled in {HISTORY_DAYS} days, so nothing "
            "tells what confidence means.",
        )
        return
    reference = labelled.where(labelled.age >= WINDOW_DAYS).bins()
    lack = _lack(traffic, int(reference.total), params)
    if lack:
        yield Finding(status=Status.NOT_ENOUGH_DATA, n=int(traffic.now.sum()), message=lack)
        return
    yield _judge(feature, day, traffic, labelled, calibrate_bins(reference), params)


def _lack(traffic: _Traffic, n_labelled: int, params: Params) -> str:
    n_now = int(traffic.now.sum())
    if traffic.n_days_before < params.min_reference_days:
        return (
            f"Warming up: {traffic.n_days_before} days with calls before the last {WINDOW_DAYS}, "
            f"{params.min_reference_days} needed."
        )
    if n_labelled < params.min_labelled:
        return f"{n_labelled} labelled calls in the reference, {params.min_labelled} needed."
    if n_now < params.min_calls:
        return f"{n_now} calls in {WINDOW_DAYS} days, {params.min_calls} needed."
    return ""


def _judge(
    feature: Feature,
    day: date,
    traffic: _Traffic,
    labelled: LabelledCalls,
    known: CalibratedBins,
    params: Params,
) -> Finding:
    now, before = traffic.now.sum(axis=0), traffic.before.sum(axis=0)
    n_now = int(now.sum())
    per_bucket = np.column_stack(
        [
            traffic.now @ known.accuracy,
            traffic.now.sum(axis=1),
            traffic.before @ known.accuracy,
            traffic.before.sum(axis=1),
        ]
    )
    shift = now / now.sum() - before / before.sum()
    change = _evidence.from_buckets(
        per_bucket,
        _difference,
        per_bucket[:, [1, 3]],
        level=params.level,
        other_variance=_map_variance(known, shift),
    )
    if change is None:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n_now,
            message=f"{n_now} calls in {WINDOW_DAYS} days come from too few users to compare.",
        )
    ess = covariate_ess(known.n_reference, now)
    expected = float(now @ known.accuracy) / n_now
    usual = float(before @ known.accuracy) / float(before.sum())
    audit, contradicted = _audit(labelled, usual - params.max_fall, params)
    message = (
        f"Accuracy to expect of {n_now} calls in {WINDOW_DAYS} days is {expected:.3f} against "
        f"{usual:.3f} before, {change.estimate:+.3f} [{change.lo:+.3f}, {change.hi:+.3f}] with a "
        f"fall of {params.max_fall:.3f} tolerated; {audit}"
    )
    fell = change.hi < -params.max_fall
    extrapolates = ess < params.min_ess
    if extrapolates:
        message += f"; extrapolating, effective sample {ess:.2f} of the reference"
    if fell:
        status = Status.WARN if extrapolates or contradicted else Status.FAIL
    elif change.smallest_detectable > params.max_fall:
        status, message = Status.NOT_ENOUGH_DATA, f"Cannot tell: {message}"
    else:
        status = Status.PASS
    return Finding(
        status=status,
        n=n_now,
        value=change.estimate,
        lo=change.lo,
        hi=change.hi,
        threshold=-params.max_fall,
        unit="accuracy",
        p_value=change.p_below(-params.max_fall),
        message=f"{message}.",
        action="Label the least sure calls of the last week first, see what is new among them, and "
        "raise the gate until their accuracy is known."
        if fell
        else "",
        evidence_sql=_evidence_sql(feature, day),
    )


def _difference(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3])


def _map_variance(known: CalibratedBins, shift: Floats) -> float:
    """Variance that the doubt about the map gives a difference of shares per bin, shape (bins,)."""
    weight = shift @ known.loading
    shrunk = (known.level * known.n_block + 0.5) / (known.n_block + 1)
    return float((weight**2 * shrunk * (1 - shrunk) / known.n_block).sum())


def _audit(labelled: LabelledCalls, tolerated: float, params: Params) -> tuple[str, bool]:
    """Tell the accuracy of labels that came in the window, and whether it rules out the fall.

    These labels belong to earlier calls in part, so being above the estimate is no contradiction.
    """
    recent = labelled.within(WINDOW_DAYS)
    n = recent.total
    if n == 0:
        return f"no labels came in these {WINDOW_DAYS} days", False
    told = f"the {n} labels of these {WINDOW_DAYS} days say {recent.n_correct / n:.3f}"
    if n < params.min_audited:
        return told, False
    sums = recent.bucket_sums()
    audited = _evidence.from_buckets(sums, ratio(1, 0), sums[:, 0], level=params.level)
    if audited is None:
        return told, False
    audited = audited.within(0, 1)
    return f"{told} [{audited.lo:.3f}, {audited.hi:.3f}]", audited.lo > tolerated


def _traffic(table: pl.DataFrame, day: date) -> _Traffic:
    kind = table["run_kind"]
    wanted = "prod" if (kind == "prod").any() else "unknown"
    rows = table.filter(
        (pl.col("run_kind") == wanted)
        & (pl.col("k") >= 0)
        & pl.col("predicted_label").is_not_null()
    )
    days = rows["day"].cast(pl.Date).to_physical().to_numpy().astype(np.int64)
    age = day.toordinal() - _EPOCH - days
    cell = rows["bucket"].to_numpy().astype(np.int64) * N_BINS + rows["k"].to_numpy()
    n = rows["n"].to_numpy().astype(np.float64)

    def summed(keep: npt.NDArray[np.bool_]) -> Floats:
        sums = np.bincount(cell[keep], n[keep], N_BUCKETS * N_BINS)
        return np.asarray(sums.reshape(N_BUCKETS, N_BINS), dtype=np.float64)

    # Whole weeks before the window: the mix of weekdays and weekends is then that of the window.
    weeks = (int(age.max(initial=0)) + 1 - WINDOW_DAYS) // 7
    is_before = (age >= WINDOW_DAYS) & (age < WINDOW_DAYS + 7 * weeks)
    n_days_before = np.unique(age[is_before]).size
    return _Traffic(summed(age < WINDOW_DAYS), summed(is_before), n_days_before)


def _evidence_sql(feature: Feature, day: date) -> str:
    return (
        "select call_id, started_at, predicted_label, confidence from core__calls "  # noqa: S608
        f"where feature_id = {literal(feature.id)} and confidence is not null "
        f"and predicted_label is not null and day > date {literal(day)} - {WINDOW_DAYS} "
        f"and day <= date {literal(day)} order by confidence, call_id limit 50"
    )
