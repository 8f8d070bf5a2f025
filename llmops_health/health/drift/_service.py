"""The service's daily sums on one axis of days, and its windows held against the 28 days before.

A window is the last 1, 2 or 7 days. Its reference ends 7 days before the judged day, so that it
is the same for every window, and is given the window's mix of weekdays and weekends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import exp, log, sqrt

import numpy as np
import polars as pl

from llmops_health.health.drift import _seasons
from llmops_health.health.drift._seasons import Flags, Floats, Ints
from llmops_health.kernels.nulls import median, robust_z
from llmops_health.kernels.shift import (
    Shift,
    contrast_deff,
    day_dispersion,
    mean_shift,
    share_shift,
)
from llmops_health.kernels.trend import theil_sen

N_BUCKETS = 64
WINDOWS = (2, 7, 1)  # in the order in which they are reported
REFERENCE_DAYS = 28
REFERENCE_ENDS = 7
# Edges of a coarse bin in log-bins: it holds the bins 8 k ... 8 k + 7, each closed on the right.
_LOG_GAMMA = log(1.01 / 0.99)
_LOWEST = -12_000


@dataclass(frozen=True, slots=True)
class Move:
    """How one measure of one window stands to its reference.

    `lasts` is whether the effect is there on every day of a short window, or in a week without
    its worst day. `limit` is the reference times the floor that was tested.
    """

    days: int
    n: int
    value: float
    lo: float
    hi: float
    reference: float
    p_value: float
    deff: float
    lasts: bool

    @property
    def ratio(self) -> float:
        """Value over reference; infinite where the reference is 0."""
        return self.value / self.reference if self.reference > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Axis:
    """The judged day, how many days there are, and which of them are weekend."""

    day: date
    n_days: int
    weekend: Flags

    @classmethod
    def ending(cls, day: date, n_days: int) -> Axis:
        """Build the axis of `n_days` days up to and including `day`."""
        return cls(day, n_days, _seasons.is_weekend(day, n_days))

    def window(self, days: int) -> Flags:
        """Return which days are the last `days`."""
        return self._between(self.n_days - days, self.n_days)

    def reference(self) -> Flags:
        """Return which days are the reference."""
        last = self.n_days - REFERENCE_ENDS
        return self._between(last - REFERENCE_DAYS, last)

    def _between(self, start: int, stop: int) -> Flags:
        flags = np.zeros(self.n_days, dtype=np.bool_)
        flags[max(start, 0) : max(stop, 0)] = True
        return flags

    def weights(self, rows: Floats, days: int) -> Floats | None:
        """Return a weight per day of the reference that gives it the window's mix of day types."""
        return _seasons.mixed_like(rows, self.weekend, self.window(days), self.reference())


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The last `days` with their `n` rows, and the weights of the days they are held against.

    `judged` and `weights` have shape (n_days,); weights are 0 off the reference.
    """

    days: int
    n: int
    judged: Flags
    weights: Floats


def windows(rows: Floats, axis: Axis, lengths: Sequence[int], least: int) -> list[Window]:
    """Return the windows that have rows enough, and a reference with their types of days."""
    found = []
    for days in lengths:
        judged = axis.window(days)
        n = int(rows[judged].sum())
        weights = axis.weights(rows, days) if n >= max(least, 1) else None
        if weights is not None:
            found.append(Window(days, n, judged, weights))
    return found


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums and rows of one metric, shape (n_days, 64) each."""

    x: Floats
    n: Floats

    def by_bucket(self, weights: Floats | Flags) -> Floats:
        """Return the sums and rows per bucket over weighted days, shape (64, 2)."""
        of_days = weights.astype(np.float64)
        sums = np.empty((self.x.shape[1], 2))
        sums[:, 0], sums[:, 1] = of_days @ self.x, of_days @ self.n
        return sums

    def dispersion(self, axis: Axis) -> float:
        """Measure how much shares vary between the days of the reference, beyond chance."""
        days = axis.reference()
        return day_dispersion(self.x[days].sum(axis=1), self.n[days].sum(axis=1))


def metric_sums(rates: pl.DataFrame, kept: pl.Series, metric: str, axis: Axis) -> Sums:
    """Lay one metric of `summary__rates` out by day and bucket, of the rows that are kept."""
    chosen = kept & (rates["metric"] == metric)
    index = _seasons.day_index(rates["day"].filter(chosen), axis.day, axis.n_days)
    buckets = rates["bucket"].filter(chosen).to_numpy().astype(np.int64)
    shape = (axis.n_days, N_BUCKETS)
    sum_x, n = (rates[name].filter(chosen).to_numpy() for name in ("sum_x", "n"))
    return Sums(
        _seasons.daily_sums(index, buckets, sum_x, shape),
        _seasons.daily_sums(index, buckets, n, shape),
    )


def share_moves(sums: Sums, axis: Axis, of: Sequence[Window], floor: float) -> tuple[Move, ...]:
    """Hold a share of each window against its reference."""
    dispersion = sums.dispersion(axis)
    return tuple(_move(sums, sums, window, dispersion, floor) for window in of)


def _move(sums: Sums, before: Sums, window: Window, dispersion: float, floor: float) -> Move:
    now, then = sums.by_bucket(window.judged), before.by_bucket(window.weights)
    return _as_move(share_shift(now, then, dispersion=dispersion), sums, window, floor)


def _lasts(x: Floats, n: Floats, level: float) -> bool:
    """Whether every day of two, or a week without its worst day, is at or above a level.

    And at half of the window's own: chance lifts a rare error's share above the level on the day
    next to an outage.
    """
    if n.sum() <= 0:
        return False
    level = max(level, 0.5 * float(x.sum() / n.sum()))
    if len(n) < 7:
        return bool((x >= level * n).all() and (n > 0).all())
    worst = int(np.argmax(x - level * n))
    rest = np.arange(len(n)) != worst
    return bool(n[rest].sum() > 0 and x[rest].sum() >= level * n[rest].sum())


def _as_move(shift: Shift, sums: Sums, window: Window, floor: float) -> Move:
    x, n = sums.x[window.judged].sum(axis=1), sums.n[window.judged].sum(axis=1)
    return Move(
        days=window.days,
        n=window.n,
        value=shift.current,
        lo=shift.lo,
        hi=shift.hi,
        reference=shift.reference,
        p_value=shift.p_rise,
        deff=shift.deff,
        lasts=_lasts(x, n, floor * shift.reference),
    )


def mean_moves(sums: Sums, axis: Axis, of: Sequence[Window], floor: float) -> tuple[Move, ...]:
    """Hold a mean of each window against its reference; both need positive sums."""
    scatter = _scatter_of_days(sums, axis)
    moves = []
    for window in of:
        now, then = sums.by_bucket(window.judged), sums.by_bucket(window.weights)
        if now[:, 0].sum() > 0 and then[:, 0].sum() > 0:
            shift = mean_shift(now, then, se_day=scatter / sqrt(window.days))
            moves.append(_as_move(shift, sums, window, floor))
    return tuple(moves)


def _scatter_of_days(sums: Sums, axis: Axis) -> float:
    """Robust standard deviation of ln daily means about the median of their type of day."""
    x, n = sums.x.sum(axis=1), sums.n.sum(axis=1)
    residuals = []
    for kind in (axis.weekend, ~axis.weekend):
        days = axis.reference() & kind & (x > 0)
        if days.sum() > 2:
            means = np.log(x[days] / n[days])
            residuals.append(means - median(means))
    if not residuals:
        return 0.0
    return 1.4826 * float(median(np.abs(np.concatenate(residuals))))


@dataclass(frozen=True, slots=True)
class Timings:
    """Calls by day, bucket and coarse bin of one duration, as rows."""

    index: Ints
    cell: Ints  # of each row's day and bucket in `calls`, laid flat
    edges: Floats  # upper edges of the bins that occur, in log-bins
    place: Ints  # of each row's bin among them
    n: Floats
    calls: Floats  # shape (n_days, 64)
    by_day: Floats  # calls too, shape (n_days, n_bins)

    @classmethod
    def of(cls, latency: pl.DataFrame, chosen: pl.Series, axis: Axis) -> Timings:
        """Take the chosen rows that lie on the axis."""
        index = _seasons.day_index(latency["day"].filter(chosen), axis.day, axis.n_days)
        bucket, k_coarse, n = (
            latency[name].filter(chosen).to_numpy() for name in ("bucket", "k_coarse", "n")
        )
        inside = (index >= 0) & (index < axis.n_days)
        if not inside.all():
            index, bucket, k_coarse, n = (part[inside] for part in (index, bucket, k_coarse, n))
        lowest = k_coarse.min(initial=0)
        there = np.bincount(k_coarse - lowest) > 0
        bins = np.flatnonzero(there) + lowest
        place = (np.cumsum(there) - 1)[k_coarse - lowest]
        rows = n.astype(np.float64)
        return cls(
            index,
            index * N_BUCKETS + bucket,
            8.0 * bins.astype(np.float64) + 7.0,
            place,
            rows,
            _seasons.daily_sums(index, bucket, rows, (axis.n_days, N_BUCKETS)),
            _seasons.daily_sums(index, place, rows, (axis.n_days, len(bins))),
        )

    def quantile(self, weights: Floats, ranks: Floats) -> Floats:
        """Return quantiles in ms over weighted days, interpolated inside bins."""
        mass = np.bincount(self.place, self.n * weights[self.index], len(self.edges))
        return self.quantile_of(mass.astype(np.float64), ranks)

    def share_above(self, limit_ms: float) -> Floats:
        """Share of each bin's calls that are slower than a limit, shape (n_bins,)."""
        position = log(limit_ms) / _LOG_GAMMA
        return np.clip((self.edges - position) / 8, 0.0, 1.0)

    def quantile_of(self, mass: Floats, ranks: Floats) -> Floats:
        """Return quantiles in ms of calls per bin, interpolated inside bins."""
        kept = mass > 0
        below = mass[kept].cumsum()
        wanted = np.clip(ranks, 0.0, 1.0) * below[-1]
        at = np.minimum(np.searchsorted(below, wanted), kept.sum() - 1)
        into = np.clip((wanted - below[at]) / mass[kept][at] + 1, 0.0, 1.0)
        position = self.edges[kept][at] - 8 * (1 - into)
        return np.where(position < _LOWEST, 0.0, np.exp(_LOG_GAMMA * np.maximum(position, -999)))

    def above(self, limit_ms: float) -> Sums:
        """Count calls slower than a limit, by day and bucket."""
        slow = self.n * self.share_above(limit_ms)[self.place]
        sums = np.bincount(self.cell, slow, self.calls.size)
        return Sums(sums.astype(np.float64).reshape(self.calls.shape), self.calls)


def quantile_moves(
    timings: Timings, axis: Axis, of: Sequence[Window], q: float, floor: float
) -> tuple[Move, ...]:
    """Hold a quantile of each window against `floor` times that of its reference.

    The p-value is that of the share of calls beyond the limit, whose expectation is 1 - q or
    less where the quantile has not risen beyond it; the interval is Woodruff's.
    """
    moves = []
    for window in of:
        reference = float(timings.quantile(window.weights, np.array([q]))[0])
        if reference > 0:
            slow, slow_then = timings.above(floor * reference), timings.above(reference)
            move = _move(slow, slow_then, window, slow_then.dispersion(axis), 1.0)
            value, lo, hi = woodruff(timings, window.judged, q, move.deff)
            moves.append(replace(move, value=value, lo=lo, hi=hi, reference=reference))
    return tuple(moves)


def woodruff(
    timings: Timings, days: Flags, q: float, deff: float, *, t: float = 2.0
) -> tuple[float, float, float]:
    """Return a quantile in ms with its interval: the error of the share below it, in values."""
    mass = timings.by_day[days].sum(axis=0)
    reach = t * sqrt(q * (1 - q) * deff / float(mass.sum()))
    value, lo, hi = timings.quantile_of(mass, np.array([q, q - reach, q + reach]))
    return float(value), float(lo), float(hi)


def quantile_deff(timings: Timings, axis: Axis, days: int, limit_ms: float) -> float:
    """Design effect of the share of calls beyond a limit in the last `days`."""
    slow = timings.above(limit_ms)
    now = slow.by_bucket(axis.window(days))
    alike = np.broadcast_to(now.sum(axis=0) / N_BUCKETS, now.shape) * 1e6
    return max(day_dispersion(slow.x.sum(axis=1), slow.n.sum(axis=1)), contrast_deff(now, alike))


@dataclass(frozen=True, slots=True)
class VolumeTrend:
    """How the two judged weekdays went in past weeks.

    `past` has shape (n_weeks, 2), newest first; `level` and `slope` (per week) are of the ln of
    their totals, the level at the judged days. `first` is the place of the first day logged.
    """

    past: Floats
    level: float
    slope: float
    first: int

    @property
    def expected(self) -> float:
        """Calls that the two judged days are expected to have."""
        return exp(self.level)


def volume_trend(calls: Floats, axis: Axis) -> VolumeTrend | None:
    """Fit up to eight past weeks of the weekdays of the last two days; None of fewer than four."""
    n_weeks = min(8, (axis.n_days - 2) // 7)
    ago = axis.n_days - 2 - 7 * np.arange(1, n_weeks + 1)
    days = calls[ago[:, None] + np.arange(2)]
    first_logged = int(np.argmax(calls > 0)) if (calls > 0).any() else axis.n_days
    kept = (ago >= first_logged) & (days.sum(axis=1) > 0)
    past = days[kept]
    if len(past) < 4:
        return None
    weeks = -np.flatnonzero(kept) - 1.0
    y = np.log(past.sum(axis=1) + 0.5)
    slope = float(np.clip(theil_sen(y, weeks).slope, -log(1.25), log(1.25)))
    return VolumeTrend(past, float(median(y - slope * weeks)), slope, first_logged)


def volume_move(calls: Floats, axis: Axis, ceiling: float, smallest: float) -> Move | None:
    """Hold the calls of the last two days against the same weekdays of past weeks with their trend.

    None where fewer than four past weeks have `smallest` calls expected.

    The p-value is that of a fall. `lasts` is whether each day is below `ceiling` times what was
    expected of it.
    """
    trend = volume_trend(calls, axis)
    if trend is None or trend.expected < smallest:
        return None
    expected, past = trend.expected, trend.past
    total = float(calls[-2:].sum())
    fall = trend.level - log(total + 0.5)
    by_day = median(past / np.maximum(past.sum(axis=1, keepdims=True), 1)) * expected
    p_value = robust_z(_volume_scatter(calls, trend.first), -fall, mad_floor=0.05).p_value / 2
    return Move(
        days=2,
        n=int(total),
        value=total,
        lo=max(0.0, total - 2 * sqrt(total)),
        hi=total + 2 * sqrt(total),
        reference=expected,
        p_value=p_value if fall > 0 else 1.0,
        deff=1.0,
        lasts=bool((calls[-2:] < ceiling * by_day).all()),
    )


def _volume_scatter(calls: Floats, first_logged: int) -> Floats:
    """Ln of past two-day totals over the median of the same weekdays."""
    totals = calls[1:] + calls[:-1]
    scatter = []
    for start in range(7):
        same = totals[:-2][::-1][start::7][::-1]
        place = np.arange(len(totals) - 2)[::-1][start::7][::-1]
        same = same[place >= first_logged]
        if len(same) > 1:
            ln = np.log(same + 0.5)
            scatter.append(ln - median(ln))
    return np.concatenate(scatter) if scatter else np.zeros(2)
