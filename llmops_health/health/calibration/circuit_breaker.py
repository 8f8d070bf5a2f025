"""Circuit breaker: no threshold keeps the promised risk, or the gate in force is not one that does.

Why it matters
    A gate chosen by eye, or by the error rate that one sample showed, breaks its promise about
    every second time. A certified one breaks it at most `delta` of the time.
How it is found
    Learn-then-Test over the gates 0.50 to 0.99: from strict to loose, each gate is tested for an
    error rate above `max_error` among the labelled calls it accepts, and the first that cannot be
    certified ends the sequence. Labels are those of 28 days, or of the last 7 where these refute
    what the 28 say. FAIL when no gate is certified and either every gate or the one in force is
    refuted: it lets through more than `max_error`, and not by chance. WARN when the gate in force
    is looser than the certified one and is refuted itself.
How to mend it
    Set the certified gate and staff for the review load in the message; with none, send every
    call to people until the model or its confidence is mended.
What it cannot see
    Whether coming calls resemble the labelled ones, on which the guarantee rests: look at drift
    too. A judge's labels are not truth. Rows of run_kind unknown count as production only where
    the feature logs no prod at all. The review load comes from all calls where
    `summary__confidence` has them, else from the labelled ones.
Source
    Angelopoulos, Bates, Candes, Jordan, Lei (2021), "Learn then Test", arXiv:2110.01052.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import RiskCoverage
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health.calibration._answers import (
    Clustering,
    cannot_answer,
    too_few,
    wrong_answers_sql,
)
from llmops_health.health.calibration._bins import Floats, LabelledCalls, labelled_calls
from llmops_health.health.calibration._pictures import Gates, risk_by_gate
from llmops_health.kernels.confidence_gap import error_tail
from llmops_health.kernels.intervals import clopper_pearson_interval
from llmops_health.kernels.selective import CertifiedGate, gate_counts, learn_then_test

HISTORY_DAYS = 28

_LOOSEST = 50  # gates 0.50 to 0.99 are the upper half of the stored bins


class Params(CheckParams):
    """Settings of this check."""

    max_error: float = Field(
        default=0.10, gt=0, lt=1, description="Error rate that calls above the gate may have."
    )
    delta: float = Field(
        default=0.10, gt=0, lt=1, description="Chance that a certified gate breaks the promise."
    )
    recent_days: int = Field(
        default=7, ge=3, le=28, description="Days of labels that show a sudden fall."
    )
    min_accepted: int = Field(
        default=100,
        ge=20,
        description="Labelled calls that a gate must accept to be tested; with fewer, two chance "
        "errors at the strictest gate would end the search.",
    )
    p_fail: float = Field(default=0.005, gt=0, lt=1, description="False alarms per day.")
    p_warn: float = Field(default=0.02, gt=0, lt=1, description="As p_fail, for a look.")
    min_deff: float = Field(
        default=1.2, ge=1, description="Least design effect; see overconfidence."
    )
    unknown_deff: float = Field(
        default=3.0, ge=1, description="Design effect where fewer than 10 buckets hold calls."
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the interval.")


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Calls and errors at or above each gate from 0.50 on, and the chance of so many errors."""

    n_days: int
    n_labelled: int
    gates: Floats
    n: Floats
    errors: Floats
    deff: float
    max_error: float

    def at(self, gate: float) -> int:
        """Place of the loosest tested gate that accepts nothing below `gate`."""
        return int(np.clip(np.ceil(gate * 100 - 1e-9) - _LOOSEST, 0, self.gates.size - 1))

    def p_value(self, at: int) -> float:
        """Chance of so many errors above a gate that keeps the promise."""
        n = np.array([self.n[at] / self.deff])
        return error_tail(self.errors[at] / self.deff, n, np.array([self.max_error]))

    def p_none(self, min_n: int) -> float:
        """Chance of the errors above every tested gate, if one of them kept the promise."""
        tested = np.flatnonzero(self.n >= min_n)
        rates = self.errors[tested] / self.n[tested]
        if not tested.size or (rates <= self.max_error).any():
            return 1.0
        return max(self.p_value(int(at)) for at in tested)


def check(
    feature: Feature,
    day: date,
    summary__calibration: pl.DataFrame,
    summary__confidence: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: the gate to set, what it accepts, and the review load it makes."""
    every = labelled_calls(summary__calibration, day).within(HISTORY_DAYS)
    refusal = cannot_answer(feature, every, HISTORY_DAYS)
    if refusal:
        yield refusal
        return
    labels = every.stated()
    if labels.total < params.min_accepted:
        yield too_few(labels.total, params.min_accepted, HISTORY_DAYS)
        return
    windows, _, certified = _certified(feature, labels, params)
    calls = _calls_per_bin(summary__confidence, day)
    yield _judge(feature, day, windows, certified, calls, params)


def figure(
    feature: Feature,
    day: date,
    summary__calibration: pl.DataFrame,
    summary__confidence: pl.DataFrame,
    params: Params,
) -> RiskCoverage | None:
    """Show errors against calls accepted, gate by gate, in the window the finding is about."""
    del summary__confidence
    labels = labelled_calls(summary__calibration, day).within(HISTORY_DAYS).stated()
    if labels.total < params.min_accepted:
        return None
    windows, chosen, certified = _certified(feature, labels, params)
    refuting, _, status, _ = _verdict(feature, windows, certified, params)
    window = refuting if status in {Status.WARN, Status.FAIL} else chosen
    gate, to_set = feature.confidence_gate, certified.threshold
    return risk_by_gate(
        Gates(
            gates=window.gates,
            n=window.n,
            errors=window.errors,
            n_labelled=window.n_labelled,
            n_days=window.n_days,
            deff=window.deff,
            max_error=params.max_error,
            tested=tuple(np.flatnonzero(window.n >= params.min_accepted).tolist()),
            # A looser gate than these accepts calls that are not counted here.
            in_force=None if gate is None or gate < window.gates[0] else window.at(gate),
            to_set=None if to_set is None else window.at(to_set),
        ),
        params.level,
    )


def _certified(
    feature: Feature, labels: LabelledCalls, params: Params
) -> tuple[list[_Window], _Window, CertifiedGate]:
    """Return both windows, the one that a gate is certified on, and that gate.

    The longer window, or the recent one where it refutes what the longer one says.
    """
    clustering = Clustering(labels, params.min_deff, params.unknown_deff)
    whole, recent = (
        _window(labels.within(n_days), n_days, clustering, params)
        for n_days in (HISTORY_DAYS, params.recent_days)
    )
    chosen, certified = whole, _certify(whole, params)
    gates = [gate for gate in (certified.threshold, feature.confidence_gate) if gate is not None]
    p_recent = min(recent.p_value(recent.at(gate)) for gate in gates) if gates else 1.0
    if recent.n[0] >= params.min_accepted and 2 * p_recent <= params.p_warn:
        chosen, certified = recent, _certify(recent, params)
    return [whole, recent], chosen, certified


def _certify(window: _Window, params: Params) -> CertifiedGate:
    return learn_then_test(
        window.errors,
        window.n,
        window.gates,
        alpha=params.max_error,
        delta=params.delta,
        n_total=window.n_labelled,
        min_n=params.min_accepted,
        deff=window.deff,
    )


def _window(labels: LabelledCalls, n_days: int, clustering: Clustering, params: Params) -> _Window:
    counts = gate_counts(labels.bins())
    upper = slice(_LOOSEST, None)
    return _Window(
        n_days,
        round(float(counts.n[0])),
        counts.gates[upper],
        counts.n[upper],
        counts.errors[upper],
        clustering.deff(labels),
        params.max_error,
    )


def _judge(
    feature: Feature,
    day: date,
    windows: list[_Window],
    certified: CertifiedGate,
    calls: Floats,
    params: Params,
) -> Finding:
    shown, at, status, p_value = _verdict(feature, windows, certified, params)
    return _finding(feature, day, status, min(1.0, p_value), (shown, at), certified, calls, params)


def _verdict(
    feature: Feature, windows: list[_Window], certified: CertifiedGate, params: Params
) -> tuple[_Window, int, Status, float]:
    """Return the window and the place of the gate that speak, what they say, and how surely."""
    gate = feature.confidence_gate
    # Two windows are looked at, so every p-value counts twice.
    p_none, refuting = min((w.p_none(params.min_accepted), i) for i, w in enumerate(windows))
    p_value, shown, at = 2 * p_none, windows[refuting], 0
    status = Status.FAIL if p_value <= params.p_fail else Status.PASS
    if status is Status.PASS and gate is not None:
        at = windows[0].at(gate)
        p_gate, refuting = min(
            (w.p_value(at) if w.n[at] >= params.min_accepted else 1.0, i)
            for i, w in enumerate(windows)
        )
        p_value, shown = 2 * p_gate, windows[refuting]
        if certified.threshold is None and p_value <= params.p_fail:
            status = Status.FAIL
        elif certified.threshold is None or gate < certified.threshold:
            status = Status.WARN if p_value <= params.p_warn else Status.NOT_ENOUGH_DATA
    if status is Status.PASS and certified.threshold is None:
        status = Status.NOT_ENOUGH_DATA
    return shown, at, status, p_value


def _finding(
    feature: Feature,
    day: date,
    status: Status,
    p_value: float,
    shown: tuple[_Window, int],
    certified: CertifiedGate,
    calls: Floats,
    params: Params,
) -> Finding:
    window, at = shown
    gate = feature.confidence_gate
    if gate is None and certified.threshold is not None:
        at = int(np.searchsorted(window.gates, certified.threshold))
    n, errors = float(window.n[at]), float(window.errors[at])
    message = f"{_certificate(certified, params)}{_load(certified, calls)}"
    rate = None
    if n > 0:
        rate = clopper_pearson_interval(errors / window.deff, n / window.deff, level=params.level)
        message += (
            f"; at or above {window.gates[at]:.2f}, {errors:.0f} of {n:.0f} were wrong in "
            f"{window.n_days} days ({rate.estimate:.3f} [{rate.lo:.3f}, {rate.hi:.3f}])"
        )
    in_force = "no gate is configured" if gate is None else f"the gate in force is {gate:.2f}"
    found = status in {Status.WARN, Status.FAIL}
    prefix = "Cannot tell: " if status is Status.NOT_ENOUGH_DATA else ""
    return Finding(
        status=status,
        value=rate.estimate if rate else None,
        lo=rate.lo if rate else None,
        hi=rate.hi if rate else None,
        threshold=params.max_error,
        unit="probability",
        n=round(n),
        p_value=p_value,
        message=f"{prefix}{message}; {in_force}.",
        action=_action(status, certified),
        evidence_sql=wrong_answers_sql(feature, day, window.n_days, gate=float(window.gates[at]))
        if found
        else "",
    )


def _certificate(certified: CertifiedGate, params: Params) -> str:
    if certified.threshold is None:
        return f"no gate from 0.50 to 0.99 is certified to keep errors at {params.max_error:.2f}"
    return (
        f"gate {certified.threshold:.2f} is certified to keep errors at {params.max_error:.2f} "
        f"(confidence {1 - params.delta:.2f}) and accepts {certified.coverage:.0%} of labelled "
        "calls"
    )


def _load(certified: CertifiedGate, calls: Floats) -> str:
    if not calls.any():
        return ""
    below = calls.sum()
    if certified.threshold is not None:
        below -= calls[1 + round(certified.threshold * 100) :].sum()
    return f", leaving {below:.0f} of {calls.sum():.0f} calls a day to review"


def _action(status: Status, certified: CertifiedGate) -> str:
    if status is Status.FAIL:
        return "Trip the breaker: send every call to people or to the previous model."
    if status is Status.WARN and certified.threshold is not None:
        return f"Set confidence_gate to {certified.threshold:.2f}."
    if status is Status.WARN:
        return "Send every call to people until a gate is certified."
    return ""


def _calls_per_bin(table: pl.DataFrame, day: date) -> Floats:
    """Production calls a day per confidence bin, shape (101,); place 0: none was stated."""
    kind = table["run_kind"]
    wanted = "prod" if (kind == "prod").any() else "unknown"
    first = day - timedelta(days=HISTORY_DAYS - 1)
    rows = table.filter((pl.col("run_kind") == wanted) & pl.col("day").is_between(first, day))
    n_days = max(1, rows["day"].n_unique())
    place = rows["k"].fill_null(-1).to_numpy().astype(np.int64) + 1
    return np.bincount(place, rows["n"].to_numpy().astype(np.float64), 101) / n_days
