"""How fields moved in the last 2 and the last 7 days, against the four weeks before, and how sure.

A share is tested value by value, with a design effect that past days and past weeks have shown;
weekends are held against weekends. Who warns and who fails is the checks' choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import asin, exp, sin, sqrt

import numpy as np
from pydantic import Field as Setting
from scipy.special import stdtrit

from llmops_health.findings import CheckParams
from llmops_health.health.drift import _seasons
from llmops_health.health.drift._fields import REST, Axis, Field, Scale
from llmops_health.health.drift._seasons import Floats
from llmops_health.kernels.distances import corrected_distance, js_distances, w1_distances
from llmops_health.kernels.intervals import Interval, t_interval
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.shares import period_dispersion, share_changes, share_dispersion

WINDOWS = (7, 2)
_WEEK = 7
_SEED = 20_260_101
_P_WITHOUT_A_DAY = 0.01
# Pairs of days behind a design effect: 19 of weekdays and 7 of weekends.
_DOF = 26.0
_LEAST_SPREAD = 0.1
_POWER_Z = 0.84  # 4 in 5
# Jensen-Shannon distance (base 2) over Cohen's w, for small moves: 1 / sqrt(8 ln 2).
_JS_PER_W = 0.4247
# Cohen's w of the outer sixth, over a shift of a normal in standard deviations: phi(0.967) over
# sqrt(1/6 * 5/6).
W_PER_SD = 0.67


class MoveParams(CheckParams):
    """Settings that both checks of fields have."""

    max_js: float = Setting(
        default=0.12,
        gt=0,
        le=1,
        description="Tolerated Jensen-Shannon distance (base 2) of a field of names. A value that "
        "goes from 5 to 13 % of calls is 0.12, a new one with 3 % as well.",
    )
    max_sd: float = Setting(
        default=0.35,
        gt=0,
        description="Tolerated move of a number (W1), in standard deviations of its reference. "
        "At 150 calls a day this and the others are found 4 times in 5 within a week.",
    )
    max_h: float = Setting(
        default=0.25,
        gt=0,
        le=3,
        description="Tolerated move of a rate, Cohen's h: from 1 to 5 %, 10 to 18 %, 50 to 62 %.",
    )
    alpha: float = Setting(
        default=0.002,
        gt=0,
        lt=1,
        description="Largest p-value that is evidence, over all fields and windows of a day.",
    )
    min_days: int = Setting(
        default=14, ge=7, description="Days with calls before the judged week, else warming up."
    )
    min_calls: int = Setting(
        default=50, ge=10, description="Calls in a window, else it is not looked at."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """One field in one window beside its reference.

    Attributes
    ----------
    current, reference : shape (n_values,)
        Rows per value; those of the reference weighted to the window's mix of days.
    fine
        Fine bins of the reference, and of the window.
    deff, deffs
        Design effect of the field, and of each of its values.
    changes : shape (n_values,)
        Current minus reference shares.
    top
        Index of the value whose move is surest.
    p_value
        Two-sided, adjusted for the values of the field and for all fields and windows of the day.
    """

    field: Field
    days: int
    current: Floats
    reference: Floats
    fine: tuple[Floats, Floats]
    deff: float
    deffs: Floats
    changes: Floats
    ends: tuple[Floats, Floats]
    top: int
    p_value: float

    @property
    def n(self) -> int:
        """Rows in the window."""
        return round(float(self.current.sum()))

    def is_sure(self, params: MoveParams) -> bool:
        """Return whether the move is no chance, and lasts."""
        return self.p_value <= params.alpha and self._lasts()

    def _lasts(self) -> bool:
        """Whether half of the move stays, beyond chance, whichever day is left out."""
        of_days, top = self.field.counts[-self.days :], self.top
        rest = of_days.sum(axis=0) - of_days
        rows = rest.sum(axis=1)
        if not (rows > 0).all() or np.count_nonzero(of_days.sum(axis=1)) < 2:
            return False
        then, change = self.reference, self.changes[top]
        without = share_changes(rest[:, top], rows, then[top], then.sum(), self.deffs[top])
        stays = without.estimate * np.sign(change) >= abs(change) / 2
        return bool((stays & (without.p_value <= _P_WITHOUT_A_DAY)).all())

    def shares(self) -> tuple[float, float]:
        """Return the share of the first value now and before."""
        return (
            float(self.current[0] / self.current.sum()),
            float(self.reference[0] / self.reference.sum()),
        )

    def effect(self) -> Interval:
        """Measure the move in the unit of its field."""
        if self.field.scale is Scale.RATE:
            lo, hi = self.ends
            return Interval(float(self.changes[0]), float(lo[0]), float(hi[0]))
        rng = np.random.default_rng(_SEED)
        before, now = self.fine
        if self.field.scale is Scale.KIND:
            return corrected_distance(js_distances, before, now, deff=self.deff, rng=rng)
        spread = self.spread
        moved = corrected_distance(
            partial(w1_distances, self.field.positions), before, now, deff=self.deff, rng=rng
        )
        return Interval(moved.estimate / spread, moved.lo / spread, moved.hi / spread)

    def moments(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return mean and standard deviation of a number, of the reference and of the window."""
        then, now = (_moments(self.field.positions, rows) for rows in self.fine)
        return then, now

    @property
    def spread(self) -> float:
        """The unit of numbers; at least a tenth, or a constant's least change is endless."""
        mean, sd = self.moments()[0]
        least = _LEAST_SPREAD if self.field.scale is Scale.LOG else _LEAST_SPREAD * abs(mean)
        return max(sd, least) or 1.0

    def floor(self, params: MoveParams) -> float:
        """Return the tolerated move, in the unit of `effect`."""
        if self.field.scale is Scale.RATE:
            _, before = self.shares()
            return rate_floor(before, params.max_h, rises=self.changes[0] > 0)
        return params.max_js if self.field.scale is Scale.KIND else params.max_sd

    def ratio(self) -> Interval:
        """Measure how many times as large a number on a logarithmic scale is as before."""
        (mean_then, sd_then), (mean, sd) = self.moments()
        n_then, n = (float(rows.sum()) for rows in self.fine)
        se = sqrt(self.deff * (sd**2 / n + sd_then**2 / n_then))
        ln = t_interval(mean - mean_then, se, dof=max(round(n / self.deff), 1))
        return Interval(exp(ln.estimate), exp(ln.lo), exp(ln.hi))

    def findable_w(self, params: MoveParams, n_tests: int) -> float:
        """Return the smallest move of one value found 4 times in 5, Cohen's w (for a rate h)."""
        n = self.current.sum() * self.reference.sum()
        rows = n / (self.current.sum() + self.reference.sum()) / self.deff
        tail = params.alpha / (2 * n_tests * len(self.current))
        return float((-float(stdtrit(_DOF, tail)) + _POWER_Z) / sqrt(rows))

    def in_tolerated(self, cohen: float, params: MoveParams) -> float:
        """Return Cohen's w of one value (for a rate h) in tolerated moves."""
        if self.field.scale is Scale.RATE:
            return cohen / params.max_h
        if self.field.scale is Scale.KIND:
            return _JS_PER_W * cohen / params.max_js
        return cohen / W_PER_SD / params.max_sd


def rate_floor(before: float, h: float, *, rises: bool) -> float:
    """Return the difference of shares that is Cohen's h away from a share.

    Examples
    --------
    >>> round(rate_floor(0.01, 0.25, rises=True), 3)
    0.04
    """
    angle = asin(sqrt(min(1.0, before)))
    turned = angle + h / 2 if rises else angle - h / 2
    return abs(sin(min(max(turned, 0.0), asin(1.0))) ** 2 - before)


def n_days_logged(fields: Sequence[Field], axis: Axis) -> int:
    """Return how many days of the reference have rows of any field."""
    logged = np.zeros(axis.n_days, dtype=np.bool_)
    for field in fields:
        logged |= field.counts.any(axis=1)
    return int(np.count_nonzero(logged[axis.reference()]))


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The counts of a move before it is tested."""

    field: Field
    days: int
    current: Floats
    reference: Floats
    fine: tuple[Floats, Floats]


def measure(fields: Sequence[Field], axis: Axis, params: MoveParams) -> list[Move]:
    """Test every field in every window; fields with one value only are left out."""
    windows: list[_Window] = []
    deffs: list[Floats] = []
    for field in fields:
        if np.count_nonzero(field.counts.any(axis=0)) > 1:
            rows = field.counts.sum(axis=1)
            found = [_window(field, rows, axis, days, params) for days in WINDOWS]
            there = [window for window in found if window is not None]
            if there:
                windows += there
                deffs += [_design_effects(field, rows, axis, params)] * len(there)
    return _tested(windows, deffs) if windows else []


def _tested(windows: Sequence[_Window], deffs: Sequence[Floats]) -> list[Move]:
    sizes = [len(deff) for deff in deffs]
    changes = share_changes(
        np.concatenate([window.current for window in windows]),
        np.repeat([window.current.sum() for window in windows], sizes),
        np.concatenate([window.reference for window in windows]),
        np.repeat([window.reference.sum() for window in windows], sizes),
        np.concatenate(deffs),
        dof=_DOF,
    )
    ends = np.cumsum(sizes).tolist()
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    p_values = [_smallest_adjusted(changes.p_value[part]) for part in parts]
    adjusted = benjamini_hochberg(p_values).adjusted.tolist()
    return [
        Move(
            field=window.field,
            days=window.days,
            current=window.current,
            reference=window.reference,
            fine=window.fine,
            deff=float(deff.mean()),
            deffs=deff,
            changes=changes.estimate[part],
            ends=(changes.lo[part], changes.hi[part]),
            top=int(np.argmin(changes.p_value[part])),
            p_value=p_value,
        )
        for window, deff, part, p_value in zip(windows, deffs, parts, adjusted, strict=True)
    ]


def _smallest_adjusted(p: Floats) -> float:
    """Return the smallest p-value of a field as `benjamini_hochberg` adjusts it."""
    return min(1.0, float((np.sort(p) * len(p) / np.arange(1, len(p) + 1)).min()))


def _window(
    field: Field, rows: Floats, axis: Axis, days: int, params: MoveParams
) -> _Window | None:
    window = axis.window(days)
    now = field.counts[window].sum(axis=0)
    if now.sum() < params.min_calls:
        return None
    weights = _seasons.mixed_like(rows, axis.weekend, window, axis.reference())
    if weights is None:
        return None
    then = weights @ field.counts
    if then.sum() < params.min_calls:
        return None
    fine = (weights @ field.fine, field.fine[window].sum(axis=0))
    return _Window(field, days, now, then, fine)


def _design_effects(field: Field, rows: Floats, axis: Axis, params: MoveParams) -> Floats:
    """How unlike each other past days and past weeks were, beyond chance; shape (n_values,)."""
    past = axis.reference()
    of_days = share_dispersion(field.counts[past], axis.weekend[past])
    current, reference = [], []
    for ago in range(_WEEK, axis.n_days, _WEEK):
        window, before = axis.window(_WEEK, ago), axis.reference(ago)
        if np.count_nonzero(rows[before]) < params.min_days or not rows[window].any():
            continue
        weights = _seasons.mixed_like(rows, axis.weekend, window, before)
        if weights is not None:
            current.append(field.counts[window].sum(axis=0))
            reference.append(weights @ field.counts)
    if not current:
        return of_days
    now, then = np.stack(current), np.stack(reference)
    of_weeks = period_dispersion(now, now.sum(axis=1), then, then.sum(axis=1))
    return np.maximum(of_days, of_weeks)


def _moments(positions: Floats, counts: Floats) -> tuple[float, float]:
    shares = counts / counts.sum()
    mean = float(shares @ positions)
    return mean, sqrt(float(shares @ (positions - mean) ** 2))


def leading_values(move: Move, n: int = 3) -> str:
    """Name the values that moved most, with the points by which they did."""
    order = np.argsort(-np.abs(move.changes))[:n]
    named = [j for j in order if move.field.labels[j] != REST or abs(move.changes[j]) > 0.02]
    return ", ".join(
        f"{move.field.labels[j]} {100 * move.changes[j]:+.1f} pp"
        for j in named
        if abs(move.changes[j]) >= 0.005
    )
