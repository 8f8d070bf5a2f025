"""Does more come into a queue than leaves it: whole weeks of daily counts, with one day forgiven.

What a backlog becomes belongs to `queueing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
_CHI2_MEDIAN = 0.4549364


@dataclass(frozen=True, slots=True)
class NetFlow:
    """Items per day by which a backlog grows, and the counts behind it.

    `dispersion` is the variance of daily arrivals over their mean, given the type of day;
    `variance` that of one day's net, in items squared. `p_value` is one-sided.
    """

    drift: float
    lo: float
    hi: float
    p_value: float
    n_days: int
    arrivals: float
    completions: float
    dispersion: float
    variance: float


def net_flow(
    arrivals: npt.ArrayLike,
    completions: npt.ArrayLike,
    is_weekend: npt.ArrayLike,
    *,
    windows: tuple[int, ...] = (7, 14),
    level: float = 0.999,
) -> NetFlow:
    """Compare arrivals and completions of the last weeks.

    Parameters
    ----------
    arrivals, completions
        Items per day, oldest first, not negative, shape (n_days,); at least 28 days.
    is_weekend
        Type of each day, shape (n_days,): what is usual is told apart by it.
    windows
        Numbers of last days to look at, each a multiple of 7; the one with the clearest growth
        is returned, and `level` allows for the choice.
    level
        Coverage of the interval, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If shapes differ, days are too few, a count is negative, or `level` is out of range.

    Notes
    -----
    In each window the arrivals of the day furthest above its median, and the completions of the
    day furthest below it, are replaced by that median: one burst or one day off is no trend. The
    error is that of overdispersed counts, ``sqrt((phi_a A + phi_c C) / n_days)``, with phi the
    median squared Pearson residual over that of chi-square, from 1 to 10. A queue at rest gives
    back later what it kept, so that its true error is smaller.

    Examples
    --------
    >>> found = net_flow([50] * 28, [50] * 14 + [30] * 14, [False] * 28)
    >>> found.lo > 0, round(found.arrivals)
    (True, 50)
    """
    came, left = (np.asarray(x, dtype=np.float64) for x in (arrivals, completions))
    kind = np.asarray(is_weekend, dtype=np.bool_)
    if came.ndim != 1 or not came.shape == left.shape == kind.shape:
        raise ValueError("arrivals, completions and is_weekend must be vectors of one length.")
    if len(came) < max(28, *windows):
        raise ValueError(f"at least {max(28, *windows)} days are needed, got {len(came)}.")
    if not ((came >= 0).all() and (left >= 0).all()):
        raise ValueError("arrivals and completions must not be negative.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    usual_came, usual_left = _usual(came, kind), _usual(left, kind)
    phi_came, phi_left = _dispersion(came, usual_came), _dispersion(left, usual_left)
    reach = float(ndtri(1 - (1 - level) / 2 / len(windows)))
    best: NetFlow | None = None
    for n_days in windows:
        a, c = came[-n_days:].copy(), left[-n_days:].copy()
        burst = int(np.argmax(a - usual_came[-n_days:]))
        gap = int(np.argmin(c - usual_left[-n_days:]))
        a[burst] = min(a[burst], usual_came[-n_days:][burst])
        c[gap] = max(c[gap], usual_left[-n_days:][gap])
        mean_a, mean_c = float(a.mean()), float(c.mean())
        variance = phi_came * mean_a + phi_left * mean_c
        se = sqrt(variance / n_days)
        drift = mean_a - mean_c
        p_value = float(ndtr(-drift / se)) if se > 0 else 1.0
        found = NetFlow(
            drift, drift - reach * se, drift + reach * se, min(1.0, len(windows) * p_value),
            n_days, mean_a, mean_c, phi_came, variance,
        )  # fmt: skip
        if best is None or found.lo > best.lo:
            best = found
    if best is None:
        raise ValueError("windows must name at least one window.")
    return best


def _usual(counts: Floats, kind: npt.NDArray[np.bool_]) -> Floats:
    """Return the median of the days of each day's type."""
    usual = np.zeros(len(counts))
    for one in (False, True):
        if (kind == one).any():
            usual[kind == one] = np.median(counts[kind == one])
    return usual


def _dispersion(counts: Floats, usual: Floats) -> float:
    seen = usual > 0
    if not seen.any():
        return 1.0
    squared = (counts[seen] - usual[seen]) ** 2 / usual[seen]
    return float(np.clip(np.median(squared) / _CHI2_MEDIAN, 1.0, 10.0))
