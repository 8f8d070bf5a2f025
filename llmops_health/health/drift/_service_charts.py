"""Control charts of the service's measures, each beside the season and the limit of its check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log

import numpy as np
from scipy.special import stdtrit

from llmops_health.figures import ControlChart
from llmops_health.health.drift import _charts, _limits, _service
from llmops_health.health.drift._limits import Limits
from llmops_health.health.drift._seasons import Flags, Floats
from llmops_health.health.drift._service import Axis, Move, Sums, Timings
from llmops_health.health.drift._service_log import Log
from llmops_health.kernels.power import mde_proportion

_POWER_Z = 0.84  # 4 in 5
_WEEK = 7
_SIGNS = {"share": "%"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A measure, its gravest move, and what is tolerated and promised of it.

    `max_p` is the largest one-sided p-value that is evidence.
    """

    name: str
    words: str
    unit: str
    move: Move
    tolerated: float
    promise: float | None
    max_p: float


def of_measure(shown: Shown, service: Log, axis: Axis) -> ControlChart | None:
    """Draw up one measure of the service."""
    if shown.unit == "ms":
        field, percentile = shown.name.split(" p")
        return _of_quantile(shown, service.timings[field], axis, float(percentile) / 100)
    if shown.name == "calls":
        return _of_volume(shown, service.calls, axis)
    if shown.name == "cost_usd":
        return _of_mean(shown, service.costs, axis)
    return _of_share(shown, service.sums(shown.name, axis), axis)


def _of_share(shown: Shown, sums: Sums, axis: Axis) -> ControlChart | None:
    x, n = sums.x.sum(axis=1), sums.n.sum(axis=1)
    limits = _limits.share_limits(x, n, axis.weekend, axis.reference())
    rise = _findable(shown, n, axis, limits.usual)
    title = "Share of failed calls per day" if shown.name == "error" else "Cut-off answers per day"
    return _chart(shown, limits, axis, np.minimum(limits.usual + rise, 1.0), title)


def _of_mean(shown: Shown, sums: Sums, axis: Axis) -> ControlChart | None:
    x, n = sums.x.sum(axis=1), sums.n.sum(axis=1)
    limits = _limits.ratio_limits(x, n, axis.weekend, axis.reference())
    move = shown.move
    dof = max(int(np.count_nonzero(sums.n.sum(axis=0))) - 1, 1)
    # The interval is 95 % of Student's t on the logarithmic scale.
    se = log(move.hi / move.lo) / 2 / float(stdtrit(dof, 0.975)) if move.lo > 0 else 0.0
    of_days = se * np.sqrt(move.n / np.where(n > 0, n * move.days, np.nan))
    rise = np.exp((float(stdtrit(dof, 1 - shown.max_p)) + _POWER_Z) * of_days)
    return _chart(shown, limits, axis, limits.usual * rise, "Mean cost per call, by day")


def _of_quantile(shown: Shown, timings: Timings, axis: Axis, q: float) -> ControlChart | None:
    counts = timings.by_day
    limits = _quantile_limits(timings, counts, q, axis)
    seen = _findable_quantile(shown, timings, counts, q, axis)
    which = "Median" if q == 0.5 else f"{100 * q:.0f}th percentile"
    kind = "time to first token" if shown.name.startswith("ttft") else "latency"
    return _chart(shown, limits, axis, seen, f"{which} of {kind} per day")


def _findable_quantile(
    shown: Shown, timings: Timings, counts: Floats, q: float, axis: Axis
) -> Floats:
    """Quantile per day that is found 4 times in 5, of calls that are all as many times slower.

    They have as many calls beyond what is tolerated as the reference has beyond a quantile that
    lies as many times lower.
    """
    n = counts.sum(axis=1)
    past = _limits.others(counts, axis.weekend, axis.reference())
    ranks = q - _findable(shown, n, axis, np.full(axis.n_days, 1 - q))
    floor = shown.tolerated / shown.move.reference
    seen = np.full(axis.n_days, np.nan)
    for at in np.flatnonzero((past.sum(axis=1) > 0) & (ranks > 0)):
        usual, lower = timings.quantile_of(past[at], np.array([q, ranks[at]])).tolist()
        seen[at] = floor * usual * usual / lower if lower > 0 else np.nan
    return seen


def _quantile_limits(timings: Timings, counts: Floats, q: float, axis: Axis) -> Limits:
    """Limits of a quantile: the error of the share below it, read off the reference days' calls."""
    reference, n = axis.reference(), counts.sum(axis=1)
    past = _limits.others(counts, axis.weekend, reference)
    rows = past.sum(axis=1)
    value, usual, lo, hi = (np.full(axis.n_days, np.nan) for _ in range(4))
    slow = np.full(axis.n_days, np.nan)
    there = np.flatnonzero((n > 0) & (rows > 0))
    for at in np.flatnonzero(n > 0):
        value[at] = timings.quantile_of(counts[at], np.array([q]))[0]
    for at in there:
        usual[at] = timings.quantile_of(past[at], np.array([q]))[0]
        slow[at] = timings.share_above(max(usual[at], 1e-6)) @ counts[at] / n[at]
    unit = q * (1 - q)
    own = np.where(n > 0, unit / np.where(n > 0, n, 1.0), np.nan)
    spread = _limits.step_dispersion(slow, own, axis.weekend, reference)
    scale = own + unit / np.maximum(rows, 1.0)
    reach = _limits.quantile(n, reference) * np.sqrt(spread * scale)
    for at in there:
        ranks = np.array([q - reach[at], q + reach[at]])
        lo[at], hi[at] = timings.quantile_of(past[at], ranks)
    return Limits(value, usual, lo, hi)


def _of_volume(shown: Shown, calls: Floats, axis: Axis) -> ControlChart | None:
    trend = _service.volume_trend(calls, axis)
    if trend is None:
        return None
    place = np.arange(axis.n_days)
    past = (place >= trend.first) & (place < axis.n_days - shown.move.days)
    growth = np.exp(trend.slope * (place - axis.n_days + 1) / _WEEK)
    scatter = _limits.weekly_scatter(calls, past, growth)
    limits = _limits.count_limits(calls, past, scatter, growth)
    limits = Limits(
        np.where(place >= trend.first, calls, np.nan), limits.usual, limits.lo, limits.hi
    )
    move, days = shown.move, shown.move.days
    # The check adds the window's days up; the chart has single days.
    per_day = replace(
        move,
        value=move.value / days,
        lo=move.lo / days,
        hi=move.hi / days,
        reference=move.reference / days,
    )
    shown = replace(shown, move=per_day, tolerated=shown.tolerated / days)
    return _chart(shown, limits, axis, None, "Calls per day", past)


def _chart(
    shown: Shown,
    limits: Limits,
    axis: Axis,
    seen: Floats | None,
    title: str,
    reference: Flags | None = None,
) -> ControlChart | None:
    move = shown.move
    limit, label = (
        (shown.tolerated, "tolerated") if shown.promise is None else (shown.promise, "promised")
    )
    window = "last day" if move.days == 1 else f"last {move.days} days"
    unit = " calls a day" if shown.unit == "calls" else f" {_SIGNS.get(shown.unit, shown.unit)}"
    numbers = (move.value, move.lo, move.hi, move.reference, limit)
    value, lo, hi, usual, end = (_written(one, shown.unit) for one in numbers)
    least = _least(seen, move)
    found = (
        ""
        if least is None
        else f" A rise to {_written(least, shown.unit)}{unit} would be found 4 times in 5."
    )
    return _charts.chart(
        limits,
        axis.day,
        axis.reference() if reference is None else reference,
        title=title,
        description=f"{_named(shown)} was {value}{unit} [{lo}, {hi}] in the {window}, {usual} is "
        f"usual and {end} {label}.{found}",
        measure=_named(shown).removeprefix("The ").replace("95th percentile of", "p95"),
        unit=shown.unit,
        days=move.days,
        visible=(None, seen),
        limit=limit,
        limit_label=label,
    )


def _least(seen: Floats | None, move: Move) -> float | None:
    """Return the rise that the judged window would show, of its middle day."""
    if seen is None or not np.isfinite(seen[-move.days :]).any():
        return None
    return float(np.nanmedian(seen[-move.days :]))


def _named(shown: Shown) -> str:
    name = shown.words.replace("latency_ms", "latency")
    return name.replace("ttft_ms", "the time to first token")


def _written(value: float, unit: str) -> str:
    return f"{100 * value:.2f}" if unit == "share" else _charts.number(value)


def _findable(shown: Shown, rows: Floats, axis: Axis, share: Floats) -> Floats:
    """Rise of a share per day that a window of such days finds 4 times in 5, shape (n_days,).

    The error of the reference is included.
    """
    weights = axis.weights(rows, shown.move.days)
    then = float(weights @ rows) if weights is not None else 0.0
    found = np.full(len(rows), np.nan)
    for at in np.flatnonzero((rows > 0) & np.isfinite(share)) if then > 0 else ():
        n = 1 / (1 / (shown.move.days * rows[at]) + 1 / then)
        found[at] = mde_proportion(share[at], n, shown.move.deff, alpha=2 * shown.max_p)
    return found
