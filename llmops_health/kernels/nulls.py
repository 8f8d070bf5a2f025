"""Empirical nulls: how unusual today is against the feature's own past days.

Which days are alike (weekday, hour of week) and which are quarantined is the caller's choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

MIN_HISTORY = 14
"""Past days below which a score is "warming up"; the caller decides what to say instead."""

_MAD_TO_SD = 1.4826
_LOG_MAD_FLOOR = 0.05
_DISTANCE_FLOOR = 1e-12


@dataclass(frozen=True, slots=True)
class NullScore:
    """Robust standard deviations from the usual, how rare that is, and out of how many days."""

    z: float
    p_value: float
    n_history: int


@dataclass(frozen=True, slots=True, eq=False)
class Cusum:
    """The cumulative sum per day (in standard deviations), and where it exceeds its limit."""

    statistic: NDArray[np.float64]
    alarm: NDArray[np.bool_]


def median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median along the first axis, as `np.median` has it, in a fraction of its time on few values.

    Parameters
    ----------
    values
        At least one along the first axis, none of them nan, in any unit.

    Examples
    --------
    >>> float(median(np.array([3.0, 1.0, 2.0, 8.0])))
    2.5
    """
    ordered = np.sort(values, axis=0)
    half = len(ordered) // 2
    middle: NDArray[np.float64] = (ordered[half] + ordered[-half - 1]) / 2
    return middle


def robust_log_z(history: ArrayLike, value: float) -> NullScore:
    """Score a distance against past distances on the log scale; only a rise is unusual.

    Parameters
    ----------
    history
        Past distances (PSI, JS, W1, MMD; any unit), shape (n_days,), at least 2 of them. From
        `MIN_HISTORY` days on the score is fit to alarm on.
    value
        Today's distance, in the same unit.

    Raises
    ------
    ValueError
        If there are fewer than 2 past distances, or any is not finite.

    Notes
    -----
    ``z = (ln s - median ln s_j) / (1.4826 max(MAD, 0.05))`` and ``p = P(T[n-1] > z / sqrt(1 +
    1/n))``. The floor of the MAD keeps a constant history from making 1 % a sensation.
    Logarithms need positive numbers: everything below half the smallest positive past distance
    (and below 1e-12, which is rounding) is raised to it, so bias-corrected distances below zero
    count as "no distance". After a history of zeros any real distance scores high.
    On log-normal days without change ``z > 3`` came up in 1.6 % of days after 14 past days, 0.7 %
    after 28 and 0.3 % after 56; the p-value is somewhat too small for the same reason (6.7 %
    below 0.05 after 14 days), because the MAD of few days is uncertain.

    Examples
    --------
    >>> history = [0.010, 0.013, 0.008, 0.021, 0.011, 0.009, 0.015, 0.012]
    >>> score = robust_log_z(history, 0.030)
    >>> round(score.z, 3), round(score.p_value, 4)
    (3.381, 0.0077)
    """
    past = _past(history, value)
    floor = max(float(past[past > 0].min(initial=np.inf)) / 2, _DISTANCE_FLOOR)
    floor = floor if np.isfinite(floor) else _DISTANCE_FLOOR
    z = _robust_z(np.log(np.maximum(past, floor)), float(np.log(max(value, floor))), _LOG_MAD_FLOOR)
    return NullScore(z, _upper_tail(z, len(past)), len(past))


def robust_z(history: ArrayLike, value: float, *, mad_floor: float = 0.0) -> NullScore:
    """Score a signed quantity (volume, rate, gap) against its past; both sides are unusual.

    Parameters
    ----------
    history
        Past values, shape (n_days,), at least 2 of them; see `MIN_HISTORY`.
    value
        Today's value, in the same unit.
    mad_floor
        Smallest median absolute deviation to believe, in the same unit, not negative. Give one
        to quantities that stand still for days: with 0 any move off a constant history scores
        infinitely high.

    Raises
    ------
    ValueError
        If there are fewer than 2 past values, any is not finite, or `mad_floor` is negative.

    Notes
    -----
    ``z = (s - median s_j) / (1.4826 max(MAD, mad_floor))`` and
    ``p = P(|T[n-1]| > |z| / sqrt(1 + 1/n))``.

    Examples
    --------
    >>> round(robust_z([100, 104, 96, 101, 99], 110).z, 2)
    6.74
    """
    if not mad_floor >= 0:
        raise ValueError(f"mad_floor must not be negative, got {mad_floor}.")
    past = _past(history, value)
    z = _robust_z(past, value, mad_floor)
    return NullScore(z, 2 * _upper_tail(abs(z), len(past)), len(past))


def cusum(z: ArrayLike, k: float = 0.5, h: float = 5.0) -> Cusum:
    """Add up what exceeds `k`, day by day, never below zero: finds slow rises of z.

    Parameters
    ----------
    z
        Daily scores in standard deviations, days on the last axis, finite. Negate them to find
        falls.
    k
        Allowance: half the shift worth finding, in standard deviations, not negative.
    h
        Limit; alarm where the sum exceeds it, positive.

    Raises
    ------
    ValueError
        If `z` is not finite, or `k` or `h` is out of range.

    Notes
    -----
    ``S_t = max(0, S_{t-1} + z_t - k)``, which is ``C_t - min(0, min_{s<=t} C_s)`` with C the
    running sum of ``z - k``. The defaults alarm once in 938 days of independent normal z
    (Siegmund's approximation). The sum is not reset after an alarm. Page (1954), Biometrika
    41:100-115.

    Examples
    --------
    >>> cusum([0.5, 3.0, -1.0, 4.5]).statistic.tolist()
    [0.0, 2.5, 1.0, 5.0]
    """
    scores = np.asarray(z, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("z must be finite, got nan or inf; leave out days without a score.")
    if not k >= 0:
        raise ValueError(f"k must not be negative, got {k}.")
    if not h > 0:
        raise ValueError(f"h must be positive, got {h}.")
    running = np.cumsum(scores - k, axis=-1)
    statistic = running - np.minimum(np.minimum.accumulate(running, axis=-1), 0.0)
    return Cusum(statistic, statistic > h)


def _past(history: ArrayLike, value: float) -> NDArray[np.float64]:
    past = np.asarray(history, dtype=np.float64)
    if past.ndim != 1 or len(past) < 2:
        raise ValueError(f"history must hold at least 2 past days, got shape {past.shape}.")
    if not (np.isfinite(past).all() and np.isfinite(value)):
        raise ValueError(f"history and value must be finite, got {past.min()} and {value}.")
    return past


def _robust_z(past: NDArray[np.float64], value: float, mad_floor: float) -> float:
    centre = float(median(past))
    scale = _MAD_TO_SD * max(float(median(np.abs(past - centre))), mad_floor)
    if value == centre:
        return 0.0
    return (value - centre) / scale if scale > 0 else float(np.copysign(np.inf, value - centre))


def _upper_tail(z: float, n: int) -> float:
    return float(stdtr(n - 1, -z / np.sqrt(1 + 1 / n)))
