"""Miscalibration: confidence does not mean what it says, either way.

Why it matters
    A confidence that is too low sends work to people that the model would have got right; one that
    is too high in one range and too low in another looks fine on average and routes both wrongly.
How it is found
    The root mean squared gap of confidence and accuracy over 15 groups of equal size, without the
    bias that binning adds, over the labels of people and outcomes that became known in the last 7
    and in the last 28 days; p-values are doubled for looking at both. Evidence comes from drawing
    the outcomes that the stated confidences promise, with the calls of one user counted as alike;
    where that alarms, the CORP miscalibration, which needs no bins, must agree.
    WARN from `max_rms_gap` on, FAIL from `fail_rms_gap` on. The expected calibration error is in
    the message because people ask for it; it decides nothing: 0.09 is normal for 200 good calls.
How to mend it
    Refit the confidence: a temperature below 300 labels, beta calibration below 2,000, isotonic
    regression above. Fit on older labels, and keep it only if newer ones agree.
What it cannot see
    Gaps that differ between labels or users and cancel within a group of confidence (for labels
    see `overconfidence`), and calls that nobody labels. A judge's labels are not truth. Rows of
    run_kind unknown count as production only where the feature logs no prod at all.
Source
    Kumar, Liang, Ma (2019), "Verified Uncertainty Calibration", arXiv:1909.10155; Dimitriadis,
    Gneiting, Jordan (2021), "Stable reliability diagrams", PNAS 118(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import ReliabilityDiagram
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.calibration._answers import Clustering, cannot_answer, too_few
from llmops_health.health.calibration._bins import LabelledCalls, labelled_calls
from llmops_health.health.calibration._pictures import reliability
from llmops_health.kernels.calibration import (
    ConfidenceBins,
    corp,
    ece_from_bins,
    equal_mass_edges,
    miscalibration_null,
)
from llmops_health.kernels.confidence_gap import rms_gap_interval
from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.power import mde_proportion

HISTORY_DAYS = 28

_ALARMS = {Status.WARN, Status.FAIL}
_FIRST_DRAWS = 199  # a p-value above 0.1 needs no more


class Params(CheckParams):
    """Settings of this check."""

    window_days: int = Field(default=28, ge=7, le=28, description="Days of labels.")
    recent_days: int = Field(
        default=7, ge=3, le=28, description="Days of labels that show a sudden change."
    )
    max_rms_gap: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Tolerated root mean squared gap (probability); two 0.01 steps of a gate "
        "cost less than refitting.",
    )
    fail_rms_gap: float = Field(
        default=0.10,
        gt=0,
        le=1,
        description="Gap from which a gate lets through twice the errors it was set for (0.9).",
    )
    p_fail: float = Field(default=0.005, gt=0, lt=1, description="False alarms per day.")
    p_warn: float = Field(default=0.02, gt=0, lt=1, description="As p_fail, for a look.")
    min_labelled: int = Field(
        default=200, ge=30, description="Labelled calls: 13 in each of 15 groups."
    )
    min_recent: int = Field(
        default=120, ge=30, description="As min_labelled, for recent_days: 8 in each group."
    )
    draws: int = Field(
        default=3999, ge=99, description="Draws of the null; the smallest p is 1 / (draws + 1)."
    )
    min_deff: float = Field(
        default=1.2, ge=1, description="Least design effect; see overconfidence."
    )
    unknown_deff: float = Field(
        default=3.0, ge=1, description="Design effect where fewer than 10 buckets hold calls."
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the interval.")


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    bins: ConfidenceBins
    gap: Interval
    p_value: float
    deff: float
    n_days: int


@dataclass(frozen=True, slots=True)
class _Group:
    conf: float
    accuracy: float
    n: int


def check(
    feature: Feature, day: date, summary__calibration: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding about all labelled calls that state a confidence."""
    every = labelled_calls(summary__calibration, day).within(params.window_days)
    refusal = cannot_answer(feature, every, params.window_days)
    if refusal:
        yield refusal
        return
    labels = every.stated()
    if labels.total < params.min_labelled:
        yield too_few(labels.total, params.min_labelled, params.window_days)
        return
    yield _finding(feature, day, _gravest(labels, day, params), params)


def figure(
    feature: Feature, day: date, summary__calibration: pl.DataFrame, params: Params
) -> ReliabilityDiagram | None:
    """Show accuracy by confidence in the window that the finding is about."""
    labels = labelled_calls(summary__calibration, day).within(params.window_days).stated()
    if labels.total < params.min_labelled:
        return None
    # It only matters which window is the graver: a few times 1 / p_fail draws tell as much.
    draws = min(params.draws, ceil(4 / params.p_fail))
    judged = _gravest(labels, day, params.model_copy(update={"draws": draws}))
    return reliability(judged.bins, judged.deff, judged.n_days, day, feature.confidence_gate)


def _gravest(labels: LabelledCalls, day: date, params: Params) -> _Judged:
    """Judge both windows; the longer one speaks unless the recent one has the graver alarm."""
    clustering = Clustering(labels, params.min_deff, params.unknown_deff)
    judged = _judge(labels, params.window_days, clustering, day, params)
    if labels.within(params.recent_days).total < params.min_recent:
        return judged
    recent = _judge(labels, params.recent_days, clustering, day, params)
    return min(
        (one for one in (judged, recent) if _status(one, params) in _ALARMS),
        key=lambda one: (_status(one, params) is not Status.FAIL, one.p_value),
        default=judged,
    )


def _judge(
    labels: LabelledCalls, n_days: int, clustering: Clustering, day: date, params: Params
) -> _Judged:
    part = labels.within(n_days)
    bins, deff = part.bins(), clustering.deff(part)
    gap = rms_gap_interval(bins, deff=deff, level=params.level)
    p_value = 2 * _p_value(bins, deff, day, gap, params)
    return _Judged(bins, gap, min(1.0, p_value), deff, n_days)


def _p_value(bins: ConfidenceBins, deff: float, day: date, gap: Interval, params: Params) -> float:
    rng = np.random.default_rng(day.toordinal())
    p_value = miscalibration_null(bins, rng, draws=_FIRST_DRAWS, deff=deff)
    if p_value > 0.1:
        return p_value
    p_value = miscalibration_null(bins, rng, draws=params.draws, deff=deff)
    if gap.estimate <= params.max_rms_gap or 2 * p_value > params.p_warn:
        return p_value
    # Both must be rare: the larger of two p-values is one, whatever their dependence.
    return max(
        p_value, miscalibration_null(bins, rng, statistic="corp", draws=params.draws, deff=deff)
    )


def _status(judged: _Judged, params: Params) -> Status:
    gap, p_value = judged.gap, judged.p_value
    if gap.estimate >= params.fail_rms_gap and p_value <= params.p_fail:
        return Status.FAIL
    if gap.estimate > params.max_rms_gap and p_value <= params.p_warn:
        return Status.WARN
    accuracy = float(judged.bins.n_correct.sum() / judged.bins.total)
    # A gap of the tolerated size in every group is as visible as one of all calls together.
    if mde_proportion(accuracy, judged.bins.total, judged.deff) > params.max_rms_gap:
        return Status.NOT_ENOUGH_DATA
    return Status.PASS


def _finding(feature: Feature, day: date, judged: _Judged, params: Params) -> Finding:
    gap, bins = judged.gap, judged.bins
    status = _status(judged, params)
    worst = _worst_group(bins)
    message = (
        f"Confidence and accuracy are {gap.estimate:.3f} [{gap.lo:.3f}, {gap.hi:.3f}] apart (root "
        f"mean square) over {bins.total:.0f} labels of {judged.n_days} days, most at "
        f"{worst.conf:.2f}, where {worst.accuracy:.2f} of {worst.n} are right; "
        f"{params.max_rms_gap:.3f} is tolerated (ECE {ece_from_bins(bins):.3f}, CORP "
        f"miscalibration {corp(bins).miscalibration:.4f})."
    )
    found = status in _ALARMS
    return Finding(
        status=status,
        value=gap.estimate,
        lo=gap.lo,
        hi=gap.hi,
        threshold=params.max_rms_gap,
        unit="probability",
        n=round(bins.total),
        p_value=judged.p_value,
        message=f"Cannot tell: {message}" if status is Status.NOT_ENOUGH_DATA else message,
        action="Refit the confidence on these labels and check it on newer ones." if found else "",
        evidence_sql=_reliability_sql(feature, day, judged.n_days) if found else "",
    )


def _worst_group(bins: ConfidenceBins) -> _Group:
    """Find the group of equal size that adds most to the squared gap."""
    cells = bins.occupied()
    groups = cells.coarsen(equal_mass_edges(cells.n, 15))
    conf, accuracy = groups.mean_conf, groups.accuracy
    at = int(np.argmax(groups.n * (conf - accuracy) ** 2))
    return _Group(float(conf[at]), float(accuracy[at]), round(float(groups.n[at])))


def _reliability_sql(feature: Feature, day: date, n_days: int) -> str:
    return "\n".join(
        [
            "select floor(k / 5) * 0.05 as confidence_from, sum(n) as n,",
            "    sum(sum_conf) / sum(n) as mean_confidence,",
            "    sum(case when label = predicted_label then n else 0 end) / sum(n) as accuracy",
            "from summary__calibration",
            f"where feature_id = {literal(feature.id)} and labeller = 'truth' and k >= 0",
            "    and run_kind in ('prod', 'unknown')",
            f"    and day > date {literal(day - timedelta(days=n_days))}",
            f"    and day <= date {literal(day)}",
            "group by floor(k / 5)",
            "having sum(n) > 0",
            "order by confidence_from",
            "limit 20",
        ]
    )
