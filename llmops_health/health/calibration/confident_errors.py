"""Confident errors: answers above the gate are wrong more often than was promised.

Why it matters
    At or above `confidence_gate` nobody looks. Errors there reach users, and an accuracy over all
    calls hides them behind the many easy ones.
How it is found
    Errors among labelled calls at or above the gate, day by day, against the promised error rate:
    `promised_error`, or else what the stated confidences promise themselves, the mean of
    (1 - confidence) above the gate plus `margin`, and never more than 1 - gate. A Beta-mixture
    e-process, started on every day of the last 28 and averaged over the starts, may be looked at
    daily without false alarms adding up. FAIL when it passes 1 / `p_fail`: the breaker trips.
    Users are counted as alike by dividing counts by their design effect.
How to mend it
    Send everything to people, or back to the previous model, until the cause is known; then set
    the gate that `circuit_breaker` certifies.
What it cannot see
    Calls that nobody labels, and a judge's labels, which are not truth. Calls in the hundredth of
    confidence that the gate cuts through are left out. Rows of run_kind unknown count as
    production only where the feature logs no prod at all.
Source
    Shin, Ramdas, Rinaldo (2024), "E-detectors: a nonparametric framework for sequential change
    detection", arXiv:2203.03532.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from math import ceil, exp, log

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import ControlChart
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health.calibration._answers import Clustering, cannot_answer, wrong_answers_sql
from llmops_health.health.calibration._bins import Floats, LabelledCalls, labelled_calls
from llmops_health.health.calibration._pictures import ErrorsByDay, errors_by_day
from llmops_health.kernels.eprocess import restarted_log_e
from llmops_health.kernels.intervals import wilson_interval
from llmops_health.kernels.power import mde_proportion

HISTORY_DAYS = 28

_ALARMS = {Status.WARN, Status.FAIL}


class Params(CheckParams):
    """Settings of this check."""

    promised_error: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Error rate promised at or above the gate; null: what confidence promises.",
    )
    margin: float = Field(
        default=0.02,
        ge=0,
        le=0.5,
        description="Added to what confidence promises (probability): no confidence is exact.",
    )
    p_fail: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="Chance that evidence gets this far within the 28 days while the promise "
        "holds; in simulation of calibrated features it never did in 2,700 days.",
    )
    p_warn: float = Field(default=0.05, gt=0, lt=1, description="As p_fail, for a look.")
    min_labelled: int = Field(
        default=50, ge=10, description="Labelled calls at or above the gate to judge them."
    )
    min_deff: float = Field(
        default=1.2, ge=1, description="Least design effect; see overconfidence."
    )
    unknown_deff: float = Field(
        default=3.0, ge=1, description="Design effect where fewer than 10 buckets hold calls."
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the interval.")


def check(
    feature: Feature, day: date, summary__calibration: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding about the calls at or above the gate."""
    gate = feature.confidence_gate
    if gate is None:
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message="No confidence_gate is configured: no call is acted on without a person.",
        )
        return
    every = labelled_calls(summary__calibration, day).within(HISTORY_DAYS)
    refusal = cannot_answer(feature, every, HISTORY_DAYS)
    if refusal:
        yield refusal
        return
    above = every.where(every.k >= ceil(gate * 100 - 1e-9))
    if above.total < params.min_labelled:
        yield Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=above.total,
            message=f"{above.total} labelled calls at or above the gate of {gate:.2f} in "
            f"{HISTORY_DAYS} days, {params.min_labelled} needed.",
        )
        return
    yield _finding(feature, day, _weigh(gate, above, params))


def figure(
    feature: Feature, day: date, summary__calibration: pl.DataFrame, params: Params
) -> ControlChart | None:
    """Show the error share above the gate by day, against what was promised."""
    gate = feature.confidence_gate
    if gate is None:
        return None
    every = labelled_calls(summary__calibration, day).within(HISTORY_DAYS)
    above = every.where(every.k >= ceil(gate * 100 - 1e-9))
    if above.total < params.min_labelled:
        return None
    return errors_by_day(day, _weigh(gate, above, params))


def _weigh(gate: float, above: LabelledCalls, params: Params) -> ErrorsByDay:
    deff = Clustering(above, params.min_deff, params.unknown_deff).deff(above)
    promised = _promised(gate, above, params)
    errors, n = _by_day(above)
    log_e = restarted_log_e(errors / deff, n / deff, promised)
    # A day without labels starts nothing: only days that could have shown a change are paid for.
    starts = np.flatnonzero(n > 0)
    p_value = exp(min(0.0, log(starts.size) - float(np.logaddexp.reduce(log_e[starts]))))
    status = _status(p_value, promised, above.total, deff, params)
    since = int(starts[np.argmax(log_e[starts])] if status in _ALARMS else starts[0])
    n_since = float(n[since:].sum())
    wrong = float(np.clip(errors[since:].sum(), 0, n_since))
    rate = wilson_interval(wrong / deff, n_since / deff, level=params.level)
    return ErrorsByDay(gate, promised, deff, errors, n, since, p_value, status, wrong, rate)


def _finding(feature: Feature, day: date, found: ErrorsByDay) -> Finding:
    rate, status, since = found.rate, found.status, found.since
    message = (
        f"{found.n_wrong:.0f} of {found.n_since:.0f} labelled calls at or above {found.gate:.2f} "
        f"were wrong since {day - timedelta(days=HISTORY_DAYS - 1 - since)} ({rate.estimate:.3f} "
        f"[{rate.lo:.3f}, {rate.hi:.3f}]); {found.promised:.3f} was promised."
    )
    return Finding(
        status=status,
        value=rate.estimate,
        lo=rate.lo,
        hi=rate.hi,
        threshold=found.promised,
        unit="probability",
        n=round(found.n_since),
        p_value=found.p_value,
        message=f"Cannot tell: {message}" if status is Status.NOT_ENOUGH_DATA else message,
        action="Trip the breaker: send these calls to people or to the previous model."
        if status is Status.FAIL
        else "Read the wrong answers above the gate."
        if status is Status.WARN
        else "",
        evidence_sql=wrong_answers_sql(feature, day, HISTORY_DAYS - since, gate=found.gate)
        if status in _ALARMS
        else "",
    )


def _promised(gate: float, above: LabelledCalls, params: Params) -> float:
    if params.promised_error is not None:
        return params.promised_error
    bins = above.bins()
    stated = 1 - float(bins.sum_conf.sum() / bins.total)
    # A gate of 1 promises no error at all, which one call would break: the margin remains.
    return max(min(1 - gate, stated + params.margin), params.margin, 0.001)


def _by_day(above: LabelledCalls) -> tuple[Floats, Floats]:
    """Errors and calls per day, oldest first, shape (HISTORY_DAYS,)."""
    index = HISTORY_DAYS - 1 - above.age
    n = np.bincount(index, above.n, HISTORY_DAYS).astype(np.float64)
    right = np.bincount(index, above.n * above.is_correct, HISTORY_DAYS)
    return n - right, n


def _status(p_value: float, promised: float, n: int, deff: float, params: Params) -> Status:
    if p_value <= params.p_fail:
        return Status.FAIL
    if p_value <= params.p_warn:
        return Status.WARN
    # What doubles the promised errors has to be visible before silence is good news.
    if mde_proportion(promised, n, deff) > promised:
        return Status.NOT_ENOUGH_DATA
    return Status.PASS
