"""Overconfidence: a feature states more confidence than its accuracy supports.

Why it matters
    Callers act on the stated confidence. If 0.9 means right 7 times in 10, a gate at 0.9 lets
    through three times the errors it was set for, and nothing else in the log shows it.
How it is found
    The mean of (stated confidence - correct) over the labels of people and outcomes that became
    known in the last 5 and in the last 28 days, whole and per predicted label. Evidence is the
    chance of so many errors if every call were right as often as it says, with the calls of one
    user counted as alike. FAIL when the gap exceeds `max_gap` and that chance is below `p_fail`,
    WARN below `p_warn`. A predicted label must also be worse than its own earlier labels (63 days),
    because rare labels of a well calibrated feature collect the errors of the others; all of them
    are judged together (Benjamini-Hochberg).
How to mend it
    Look at the surest wrong answers first: a label that changed its meaning needs a new prompt or
    new examples. Else refit the confidence on the newest labels, or raise the gate meanwhile.
What it cannot see
    Over- and underconfidence that cancel (see `miscalibration`), a single predicted label that has
    been overconfident for as long as there are labels, calls that nobody labels, and a judge's
    labels, which are not truth. Rows of run_kind unknown count as production only where the
    feature logs no prod at all.
Source
    Guo et al. (2017), "On Calibration of Modern Neural Networks", arXiv:1706.04599.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import ReliabilityDiagram
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health.calibration._answers import (
    Clustering,
    cannot_answer,
    too_few,
    wrong_answers_sql,
)
from llmops_health.health.calibration._bins import LabelledCalls, labelled_calls
from llmops_health.health.calibration._pictures import reliability
from llmops_health.kernels.confidence_gap import ConfidenceGap, confidence_gap, error_tail
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.power import mde_mean

HISTORY_DAYS = 63

_ALARMS = {Status.WARN, Status.FAIL}


class Params(CheckParams):
    """Settings of this check."""

    max_gap: float = Field(
        default=0.05, ge=0, le=1, description="Tolerated gap (probability): 1 error in 20 unstated."
    )
    recent_days: int = Field(
        default=5,
        ge=1,
        le=28,
        description="Days of labels that show a sudden fall: at 37 labels a day, one to six days "
        "late, 4 to 7 days find 0.16 soonest, and 5 was best of them.",
    )
    window_days: int = Field(
        default=28, ge=7, le=63, description="Days of labels that show a small or a slow gap."
    )
    recent_share: float = Field(
        default=0.75,
        gt=0,
        lt=1,
        description="Share of the false-alarm chance that the recent window may spend.",
    )
    p_fail: float = Field(
        default=0.002,
        gt=0,
        lt=1,
        description="False alarms per day, both windows: 1 in 500 days before the gap must exceed "
        "max_gap, in simulation below 1 in 1,000 after.",
    )
    p_warn: float = Field(default=0.02, gt=0, lt=1, description="As p_fail, for a look.")
    min_labelled: int = Field(
        default=30, ge=10, description="Labelled calls of a window or predicted label to judge it."
    )
    min_deff: float = Field(
        default=1.2,
        ge=1,
        description="Least design effect: what 300 unequal users showed in simulation, and a short "
        "window cannot show.",
    )
    unknown_deff: float = Field(
        default=3.0,
        ge=1,
        description="Design effect where fewer than 10 of 64 buckets of users hold calls: the "
        "largest that is common (3.2 was measured).",
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the interval.")


@dataclass(frozen=True, slots=True)
class _Judged:
    gap: ConfidenceGap
    p_value: float
    n_days: int


def check(
    feature: Feature, day: date, summary__calibration: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield the whole feature, then each predicted label that is overconfident."""
    history = labelled_calls(summary__calibration, day).within(HISTORY_DAYS)
    every = history.within(params.window_days)
    refusal = cannot_answer(feature, every, params.window_days)
    if refusal:
        yield refusal
        return
    labels = every.stated()
    if labels.total < params.min_labelled:
        yield too_few(labels.total, params.min_labelled, params.window_days)
        return
    clustering = Clustering(labels, params.min_deff, params.unknown_deff)
    whole = _judge(labels, clustering, params)
    yield _finding(feature, day, "", whole, whole.p_value, params)
    for name, judged, p_value in _segments(history, clustering, params):
        finding = _finding(feature, day, name, judged, p_value, params)
        if finding.status in {Status.WARN, Status.FAIL}:
            yield finding


def figure(
    feature: Feature, day: date, summary__calibration: pl.DataFrame, params: Params
) -> ReliabilityDiagram | None:
    """Show accuracy by confidence: of all answers, or of the one that alarms by itself."""
    history = labelled_calls(summary__calibration, day).within(HISTORY_DAYS).stated()
    labels = history.within(params.window_days)
    if labels.total < params.min_labelled:
        return None
    clustering = Clustering(labels, params.min_deff, params.unknown_deff)
    answer, judged, shown = "", _judge(labels, clustering, params), labels
    if _status(judged.gap, judged.p_value, params) not in _ALARMS:
        alarmed = [
            (name, one, p_value)
            for name, one, p_value in _segments(history, clustering, params)
            if _status(one.gap, p_value, params) in _ALARMS
        ]
        if alarmed:
            answer, judged, _ = min(alarmed, key=lambda one: one[2])
            shown = dict(labels.by_predicted())[answer]
    bins = shown.within(judged.n_days).bins()
    return reliability(bins, judged.gap.deff, judged.n_days, day, feature.confidence_gate, answer)


def _segments(
    history: LabelledCalls, clustering: Clustering, params: Params
) -> Iterator[tuple[str, _Judged, float]]:
    """Yield each predicted label with enough labels, and its p-value among all of them."""
    segments = [
        (name, _judge_rise(part, clustering, params))
        for name, part in history.stated().by_predicted()
        if part.within(params.window_days).total >= params.min_labelled
    ]
    adjusted = benjamini_hochberg([judged.p_value for _, judged in segments]).adjusted
    for (name, judged), p_value in zip(segments, adjusted, strict=True):
        yield name, judged, float(p_value)


def _judge_rise(history: LabelledCalls, clustering: Clustering, params: Params) -> _Judged:
    """Judge one predicted label, which must also be worse than it was before the window."""
    judged = _judge(history.within(params.window_days), clustering, params)
    if judged.gap.gap <= params.max_gap or judged.p_value > params.p_warn:
        return judged
    earlier = history.where(history.age >= judged.n_days)
    if earlier.total < params.min_labelled:
        return replace(judged, p_value=1.0)
    before = confidence_gap(
        earlier.bins(), earlier.bucket_sums(), deff=clustering.deff(earlier), level=params.level
    )
    now, deff = history.within(judged.n_days).bins().occupied(), judged.gap.deff
    # The upper end: what a label may always have been is no rise.
    usual = np.clip(1 - now.mean_conf + max(0.0, before.hi), 0, 1)
    p_rise = error_tail(judged.gap.errors / deff, now.n / deff, usual)
    share = params.recent_share if judged.n_days == params.recent_days else 1 - params.recent_share
    return replace(judged, p_value=min(1.0, max(judged.p_value, p_rise / share)))


def _judge(labels: LabelledCalls, clustering: Clustering, params: Params) -> _Judged:
    """Judge both windows; the longer one speaks unless the recent one has the better alarm."""
    longer = _judge_window(labels, clustering, params.window_days, 1 - params.recent_share, params)
    recent = labels.within(params.recent_days)
    if recent.total < params.min_labelled:
        return longer
    sooner = _judge_window(recent, clustering, params.recent_days, params.recent_share, params)
    alarmed = [
        judged
        for judged in (longer, sooner)
        if judged.gap.gap > params.max_gap and judged.p_value <= params.p_warn
    ]
    return min(alarmed, key=lambda judged: judged.p_value, default=longer)


def _judge_window(
    labels: LabelledCalls, clustering: Clustering, n_days: int, share: float, params: Params
) -> _Judged:
    gap = confidence_gap(
        labels.bins(), labels.bucket_sums(), deff=clustering.deff(labels), level=params.level
    )
    return _Judged(gap, min(1.0, gap.p_over / share), n_days)


def _finding(
    feature: Feature, day: date, segment: str, judged: _Judged, p_value: float, params: Params
) -> Finding:
    gap = judged.gap
    status = _status(gap, p_value, params)
    of = f"Where the answer is {segment}, confidence" if segment else "Confidence"
    message = (
        f"{of} exceeds accuracy by {gap.gap:+.3f} [{gap.lo:+.3f}, {gap.hi:+.3f}] over {gap.n} "
        f"labels of {judged.n_days} days ({gap.errors} errors); {params.max_gap:.3f} is tolerated."
    )
    found = status in {Status.WARN, Status.FAIL}
    return Finding(
        status=status,
        segment=f"predicted_label = {segment}" if segment else "",
        value=gap.gap,
        lo=gap.lo,
        hi=gap.hi,
        threshold=params.max_gap,
        unit="probability",
        n=gap.n,
        p_value=p_value,
        message=f"Cannot tell: {message[0].lower()}{message[1:]}"
        if status is Status.NOT_ENOUGH_DATA
        else message,
        action="Read the surest wrong answers, and raise the gate until labels agree again."
        if found
        else "",
        evidence_sql=wrong_answers_sql(feature, day, judged.n_days, predicted=segment)
        if found
        else "",
    )


def _status(gap: ConfidenceGap, p_value: float, params: Params) -> Status:
    if gap.gap > params.max_gap and p_value <= params.p_fail:
        return Status.FAIL
    if gap.gap > params.max_gap and p_value <= params.p_warn:
        return Status.WARN
    accuracy = 1 - gap.errors / gap.n
    sd = max(accuracy * (1 - accuracy), 1 / gap.n) ** 0.5
    if mde_mean(sd, gap.n, gap.deff) > params.max_gap:
        return Status.NOT_ENOUGH_DATA
    return Status.PASS
