"""How often something happens in time: episodes from a row of flags, and a rate with its interval.

Alarms of neighbouring days are one event, so days are no independent trials; episodes far enough
apart nearly are, which is what a Poisson rate needs.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv

from llmops_health.kernels.intervals import Interval


def n_episodes(days: ArrayLike, *, quiet_days: int) -> int:
    """Count the episodes in the days on which something happened.

    Parameters
    ----------
    days
        Numbers of the days, shape (n,), in any order.
    quiet_days
        Days without an event that end an episode, at least 1.

    Raises
    ------
    ValueError
        If `quiet_days` is below 1.

    Examples
    --------
    >>> n_episodes([3, 4, 6, 20], quiet_days=7)
    2
    """
    if quiet_days < 1:
        raise ValueError(f"quiet_days must be at least 1, got {quiet_days}.")
    when = np.unique(np.asarray(days, dtype=np.int64))
    return int(np.count_nonzero(np.diff(when) > quiet_days)) + int(when.size > 0)


def poisson_rate(events: float, exposure: float, *, level: float = 0.95) -> Interval:
    """Rate of events, with an interval that covers at least `level`, and is wide for it.

    Parameters
    ----------
    events
        Number of independent events, not negative.
    exposure
        Time watched, positive; the rate is per unit of it.
    level
        Coverage, strictly between 0 and 1, half of the remainder on each side.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Gamma quantiles: ``G(a/2; x) / T`` and ``G(1 - a/2; x + 1) / T`` with ``a = 1 - level``; the
    lower end is 0 without events. Garwood (1936), Biometrika 28:437-442.

    Examples
    --------
    >>> rate = poisson_rate(0, 2.0)
    >>> rate.estimate, round(rate.hi, 3)
    (0.0, 1.844)
    """
    if not (events >= 0 and isfinite(events)):
        raise ValueError(f"events must not be negative, got {events}.")
    if not exposure > 0:
        raise ValueError(f"exposure must be positive, got {exposure}.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    tail = (1 - level) / 2
    lo = float(gammaincinv(events, tail)) if events > 0 else 0.0
    hi = float(gammaincinv(events + 1, 1 - tail))
    return Interval(events / exposure, lo / exposure, hi / exposure)
