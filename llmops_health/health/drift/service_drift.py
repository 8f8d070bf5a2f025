"""Service drift: the service is slower, fails or truncates more, costs more, or is used far less.

Why it matters
    A slow, failing or cut-off answer is lost on its user however good the model is, and a doubled
    cost per call is found on next month's invoice.
How it is found
    The last 2 and 7 days against the 28 days that end a week earlier, weighted to the same mix of
    weekdays and weekends: latency p50 and p95 and TTFT p95 by the share of calls beyond the
    tolerated multiple of the reference, errors and truncations by their share, cost by the mean
    per call (a call counts with at most 100 times its day's geometric mean; what is above is
    named, not averaged). Errors of estimates allow for users who call often and for days that
    differ. Volume is the last 2 days against the same weekdays of past weeks and their trend.
    An alarm needs the effect, the evidence, and that it lasts: both days, or the week without its
    worst day. One day alone is at most a WARN. FAIL for what users notice (`fail_*`), and where
    an objective of the configuration (`slo`) is broken with the whole interval. Only rises of
    latency, errors, truncation and cost alarm, and falls of volume.
    Production is `run_kind` prod; unknown counts only where no call in the window is prod.
How to mend it
    Look at what changed on the first bad day: model or provider, prompt length, retries, region.
    Roll it back or route around it; raise `max_tokens` where answers are cut off.
What it cannot see
    Slow drift over months, which its rolling reference follows (set `slo`); a fault that users
    give up on before a call is logged, other than by volume; the first two weeks of a feature.
Source
    Woodruff (1952), JASA 47:635-646; Kish (1965), Survey Sampling, section 8.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import ControlChart
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health.drift import _promises, _service, _service_charts
from llmops_health.health.drift._seasons import Floats
from llmops_health.health.drift._service import Axis, Move, Sums, Timings, Window
from llmops_health.health.drift._service_log import Log
from llmops_health.kernels.power import mde_proportion

HISTORY_DAYS = 63
_ORDER = (Status.FAIL, Status.WARN, Status.PASS)
_SLOWEST = "latency_ms p95"
_DURATIONS = {"latency_ms": (0.5, 0.95), "ttft_ms": (0.95,)}


class Params(CheckParams):
    """Settings of this check."""

    warn_slower: float = Field(
        default=1.25, gt=1, description="Times the usual latency: users begin to notice."
    )
    fail_slower: float = Field(
        default=1.5, gt=1, description="Times the usual latency: a doubling is found in 2 days."
    )
    warn_ratio: float = Field(
        default=1.5, gt=1, description="Times the usual share of errors or truncations."
    )
    fail_ratio: float = Field(
        default=2.5, gt=1, description="Times the usual share; four times is found in a week."
    )
    warn_rise: float = Field(
        default=0.005, gt=0, le=1, description="And at least this rise (share of calls)."
    )
    fail_rise: float = Field(
        default=0.01, gt=0, le=1, description="And at least this rise (share of calls)."
    )
    warn_cost: float = Field(default=1.25, gt=1, description="Times the usual cost per call.")
    fail_cost: float = Field(default=1.5, gt=1, description="Times the usual cost per call.")
    min_volume: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Tolerated share of the usual calls: a holiday is 0.55.",
    )
    min_calls: int = Field(
        default=50, ge=20, description="Calls in a window; below, a p95 rests on 2 calls."
    )
    min_reference_days: int = Field(
        default=14, ge=7, description="Days with calls in the reference: two of each weekday."
    )
    max_p: float = Field(
        default=1e-3, gt=0, lt=1, description="Evidence, before allowing for many measures."
    )
    max_p_day: float = Field(
        default=1e-6, gt=0, lt=1, description="Evidence for one day alone, which is a WARN."
    )
    max_mde: float = Field(
        default=0.03, gt=0, lt=1, description="Rise of errors that a week must be able to show."
    )


@dataclass(frozen=True, slots=True)
class _Measure:
    """What is measured, how to say it, and which of its moves are too large."""

    name: str
    unit: str
    words: str
    moves: tuple[Move, ...]
    fails: tuple[bool, ...]
    warns: tuple[bool, ...]
    limit: float

    def finding(self, feature: Feature, day: date, n_tests: int, params: Params) -> Finding:
        """Return the finding of the gravest window."""
        status, move = self.gravest(params)
        window = "the last day" if move.days == 1 else f"{move.days} days"
        return Finding(
            status=status,
            segment=self.name,
            value=move.value,
            lo=move.lo,
            hi=move.hi,
            threshold=self.limit * move.reference,
            unit=self.unit,
            n=move.n,
            p_value=min(1.0, move.p_value * n_tests),
            message=f"{self.words} was {_number(move.value, self.unit)} "
            f"[{_number(move.lo, self.unit)}, {_number(move.hi, self.unit)}] over {window}, "
            f"{move.ratio:.2f} times the usual {_number(move.reference, self.unit)}.",
            action="" if status is Status.PASS else _ACTIONS[self.name],
            evidence_sql=_promises.calls_behind(feature, day, self.name),
        )

    def gravest(self, params: Params) -> tuple[Status, Move]:
        """Return the gravest of its moves, the surest of those, and what it earns."""
        grades = [self._status(at, params) for at in range(len(self.moves))]
        at = min(range(len(grades)), key=lambda i: (_ORDER.index(grades[i]), self.moves[i].p_value))
        return grades[at], self.moves[at]

    def _status(self, at: int, params: Params) -> Status:
        move = self.moves[at]
        if not move.lasts:
            return Status.PASS
        if move.days == 1:
            grave = self.warns[at] and move.p_value < params.max_p_day
            return Status.WARN if grave else Status.PASS
        if move.p_value >= params.max_p:
            return Status.PASS
        if self.fails[at]:
            return Status.FAIL
        return Status.WARN if self.warns[at] else Status.PASS


_ACTIONS = {
    "latency_ms p50": "See which model, region or prompt length became slower; route around it.",
    "latency_ms p95": "See which model, region or prompt length became slower; route around it.",
    "ttft_ms p95": "See whether the provider queues or prompts grew; route around it.",
    "error": "Read the error types of the last days, then fix, retry elsewhere or roll back.",
    "truncated": "Raise max_tokens or ask for shorter answers; cut-off answers are lost.",
    "cost_usd": "See whether tokens per call, the model or its price changed.",
    "calls": "Ask whether a caller was switched off, and whether the log still gets all calls.",
}


def check(
    feature: Feature,
    day: date,
    summary__rates: pl.DataFrame,
    summary__latency_buckets: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding per measure that moved, and one about the whole service."""
    axis = Axis.ending(day, HISTORY_DAYS)
    log = Log.of(summary__rates, summary__latency_buckets, axis)
    if not log.calls.any():
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message=f"No production call in the {HISTORY_DAYS} days up to {day}.",
        )
        return
    measures = _measures(feature, log, axis, params)
    broken = _broken(feature, log, axis, params)
    n_tests = max(1, sum(len(measure.moves) for measure in measures))
    found = [measure.finding(feature, day, n_tests, params) for measure in measures]
    moved = [one for one in found if one.status is not Status.PASS]
    yield _whole(found, broken, log, axis, params)
    yield from moved
    yield from broken


def figure(
    feature: Feature,
    day: date,
    summary__rates: pl.DataFrame,
    summary__latency_buckets: pl.DataFrame,
    params: Params,
) -> ControlChart | None:
    """Show the measure of the first finding, or the slowest calls where none has moved."""
    axis = Axis.ending(day, HISTORY_DAYS)
    log = Log.of(summary__rates, summary__latency_buckets, axis)
    measures = _measures(feature, log, axis, params)
    if not measures:
        return None
    promised = {one.segment: one.threshold or 0.0 for one in _broken(feature, log, axis, params)}
    promises = {
        _SLOWEST: promised.get("slo p95_latency_ms"),
        "cost_usd": promised.get("slo cost_usd_per_1k_calls"),
    }

    def rank(one: _Measure) -> tuple[int, bool]:
        status, _ = one.gravest(params)
        grade = -1 if promises.get(one.name) else _ORDER.index(status)
        return grade, status is Status.PASS and one.name != _SLOWEST

    worst = min(measures, key=rank)
    _, move = worst.gravest(params)
    tolerated = worst.limit * move.reference
    if worst.unit == "share":
        tolerated = max(tolerated, move.reference + params.warn_rise)
    shown = _service_charts.Shown(
        worst.name, worst.words, worst.unit, move, tolerated, promises.get(worst.name), params.max_p
    )
    return _service_charts.of_measure(shown, log, axis)


def _measures(feature: Feature, log: Log, axis: Axis, params: Params) -> list[_Measure]:
    return [
        *_durations(log.timings, axis, params),
        *_shares(log, axis, params),
        *_cost(log.costs, axis, params),
        *_volume(feature, log.calls, axis, params),
    ]


def _broken(feature: Feature, log: Log, axis: Axis, params: Params) -> list[Finding]:
    latency = log.timings["latency_ms"]
    return [
        *_promises.slow_promise(feature, latency, axis, params.min_calls),
        *_promises.costly_promise(feature, log.costs, axis, params.min_calls),
    ]


def _windows(rows: Floats, axis: Axis, params: Params) -> list[Window]:
    """Return what can be judged of a measure with such rows, shape (n_days, 64)."""
    per_day = rows.sum(axis=1)
    if np.count_nonzero(per_day[axis.reference()] > 0) < params.min_reference_days:
        return []
    return _service.windows(per_day, axis, _service.WINDOWS, params.min_calls)


def _durations(timings: dict[str, Timings], axis: Axis, params: Params) -> Iterator[_Measure]:
    for field, ranks in _DURATIONS.items():
        one = timings[field]
        windows = _windows(one.calls, axis, params)
        for q in ranks if windows else ():
            moves = _service.quantile_moves(one, axis, windows, q, params.warn_slower)
            fails = tuple(move.ratio >= params.fail_slower for move in moves)
            warns = tuple(move.ratio >= params.warn_slower for move in moves)
            name = f"{field} p{100 * q:.0f}"
            words = f"The {'median' if q == 0.5 else '95th percentile'} of {field}"
            if moves:
                yield _Measure(name, "ms", words, moves, fails, warns, params.warn_slower)


def _shares(log: Log, axis: Axis, params: Params) -> Iterator[_Measure]:
    for name, words in (
        ("error", "The error share"),
        ("truncated", "The share of cut-off answers"),
    ):
        sums = log.sums(name, axis)
        windows = _windows(sums.n, axis, params)
        if not windows:
            continue
        moves = _service.share_moves(sums, axis, windows, params.warn_ratio)
        fails = [_rose(move, params.fail_ratio, params.fail_rise) for move in moves]
        warns = [_rose(move, params.warn_ratio, params.warn_rise) for move in moves]
        yield _Measure(name, "share", words, moves, tuple(fails), tuple(warns), params.warn_ratio)


def _rose(move: Move, ratio: float, rise: float) -> bool:
    return move.value >= max(ratio * move.reference, move.reference + rise)


def _cost(costs: Sums, axis: Axis, params: Params) -> Iterator[_Measure]:
    windows = _windows(costs.n, axis, params)
    if not windows:
        return
    moves = _service.mean_moves(costs, axis, windows, params.warn_cost)
    fails = tuple(move.ratio >= params.fail_cost for move in moves)
    warns = tuple(move.ratio >= params.warn_cost for move in moves)
    if moves:
        yield _Measure(
            "cost_usd", "USD", "The mean cost per call", moves, fails, warns, params.warn_cost
        )


def _volume(
    feature: Feature,
    calls: Floats,
    axis: Axis,
    params: Params,
) -> Iterator[_Measure]:
    if feature.lifecycle in ("deprecated", "retired"):
        return
    move = _service.volume_move(calls, axis, params.min_volume, params.min_calls)
    if move is not None:
        fell = (move.ratio < params.min_volume,)
        yield _Measure("calls", "calls", "The volume", (move,), fell, fell, params.min_volume)


def _whole(
    found: list[Finding],
    broken: list[Finding],
    log: Log,
    axis: Axis,
    params: Params,
) -> Finding:
    n = int(log.calls[axis.window(7)].sum())
    note = _isolated_cost(log, axis.day)
    bad = [one for one in (*broken, *found) if one.status is not Status.PASS]
    if bad:
        worst = min(bad, key=lambda one: one.status is not Status.FAIL)
        names = ", ".join(one.segment for one in bad)
        p_values = [one.p_value for one in found if one.p_value is not None]
        return replace(
            worst,
            segment="",
            p_value=None if worst in broken else min(p_values),
            message=f"{len(bad)} of {len(found) + len(broken)} measures of the service moved "
            f"({names}): {worst.message[0].lower()}{worst.message[1:-1]}{note}.",
        )
    if not found:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n,
            message=f"Warming up: {n} calls in 7 days and {np.count_nonzero(log.calls[:-7] > 0)} "
            f"earlier days with calls; {params.min_calls} and {params.min_reference_days} are "
            f"needed{note}.",
        )
    error = next((one for one in found if one.segment == "error"), None)
    mde = mde_proportion(0.01, n) if error is not None and n else 1.0
    p_value = min(one.p_value for one in found if one.p_value is not None)
    if mde > params.max_mde:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n,
            p_value=p_value,
            message=f"Cannot tell: {n} calls in 7 days show a rise of errors only from "
            f"{100 * mde:.1f} points, {100 * params.max_mde:.1f} are wanted{note}.",
        )
    return Finding(
        status=Status.PASS,
        n=n,
        p_value=p_value,
        message=f"All {len(found)} measures of the service are as usual ({n} calls in 7 "
        f"days){note}.",
    )


def _isolated_cost(log: Log, day: date) -> str:
    rows = log.is_production & (log.rates["metric"] == "cost_usd_isolated")
    rows &= log.rates["day"] > day - timedelta(days=7)
    n = int(log.rates["n"].filter(rows).sum())
    if not n:
        return ""
    total = float(log.rates["sum_x"].filter(rows).sum())
    calls, verb = ("one call", "is") if n == 1 else (f"{n} calls together", "are")
    return (
        f"; {calls} cost {total:,.2f} USD, over 100 times the usual, and {verb} left out of the "
        "mean"
    )


def _number(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.2f} %"
    if unit == "USD":
        return f"{value:.3g} USD"
    return f"{value:,.0f} {unit}"
