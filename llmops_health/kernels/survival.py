"""How long things last while some have not ended yet: Kaplan-Meier, and rates with a prior.

An item that is still open is censored at its age: it counts as having lasted at least that long.
Leaving it out, or the mean of what has ended, makes every queue and every model look quick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, ndtri

from llmops_health.kernels.intervals import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurve:
    """Share that lasts beyond each time at which something ended, all of shape (n_times,).

    `time` rises; `at_risk` had lasted up to just before it, `events` ended at it. `survival` is
    0-1 with its Greenwood error `se` and log-log interval `lo`, `hi`. `last` is the longest
    duration, ended or not: beyond it nothing is known, and the curve is continued flat.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    survival: Floats
    se: Floats
    lo: Floats
    hi: Floats
    n: float
    n_events: float
    last: float

    def at(self, time: float) -> Interval:
        """Return the share that lasts beyond a time, with its interval; 1 before the first end."""
        place = int(np.searchsorted(self.time, time, side="right")) - 1
        if place < 0:
            return Interval(1.0, 1.0, 1.0)
        return Interval(*(float(one[place]) for one in (self.survival, self.lo, self.hi)))

    def quantile(self, p: float = 0.5) -> float | None:
        """Return the time by which a share `p` has ended, None where fewer ever did.

        Raises
        ------
        ValueError
            If `p` does not lie strictly between 0 and 1.
        """
        if not 0 < p < 1:
            raise ValueError(f"p must fulfil 0 < p < 1, got {p}.")
        ended = np.flatnonzero(self.survival <= 1 - p + 1e-12)
        return float(self.time[ended[0]]) if len(ended) else None

    def quantile_interval(self, p: float = 0.5) -> tuple[float | None, float | None]:
        """Return the interval of `quantile`: where the ends of the curve's interval have passed it.

        None is an end that lies beyond what was seen. Brookmeyer and Crowley (1982), Biometrics
        38:29-41.

        Raises
        ------
        ValueError
            If `p` does not lie strictly between 0 and 1.
        """
        if not 0 < p < 1:
            raise ValueError(f"p must fulfil 0 < p < 1, got {p}.")
        ends = (np.flatnonzero(bound <= 1 - p + 1e-12) for bound in (self.lo, self.hi))
        first, last = (float(self.time[passed[0]]) if len(passed) else None for passed in ends)
        return first, last

    def restricted_mean(self, horizon: float) -> float:
        """Return the mean of duration, each counted up to a horizon: the area under the curve.

        Raises
        ------
        ValueError
            If `horizon` is not positive, or lies beyond the longest duration while some last.
        """
        if not 0 < horizon < np.inf:
            raise ValueError(f"horizon must be positive and finite, got {horizon}.")
        if horizon > self.last and (not len(self.survival) or self.survival[-1] > 0):
            raise ValueError(f"horizon {horizon} lies beyond the longest duration, {self.last}.")
        ends = np.append(self.time[self.time < horizon], horizon)
        steps = np.append(1.0, self.survival[: len(ends) - 1])
        return float(np.diff(ends, prepend=0.0) @ steps)


def kaplan_meier(
    durations: ArrayLike,
    ended: ArrayLike,
    *,
    counts: ArrayLike | None = None,
    level: float = 0.95,
) -> SurvivalCurve:
    """Estimate how long items last, of which some are still open.

    Parameters
    ----------
    durations
        How long each lasted, or has lasted so far; in any one unit, not negative, shape (n,).
    ended
        Whether it ended (True) or is still open (False), shape (n,). Something that left in
        another way, as an item that expired unread, is not open: that is a competing risk.
    counts
        How many items each entry stands for, not negative, shape (n,); one each by default. Sums
        over days of a table of durations give the same curve as the items themselves.
    level
        Coverage of the interval, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If shapes differ, there is no item, a value is negative or not finite, or `level` is out
        of range.

    Notes
    -----
    ``S(t) = prod (1 - d_i / n_i)``, an item open at t is at risk at t. Error by Greenwood,
    ``S sqrt(sum d / (n (n - d)))``; interval on log(-log S), which stays within 0-1. Where all
    have ended (S = 0) it is [0, 0], as that scale has no error there. Kaplan and Meier (1958),
    JASA 53:457-481; Kalbfleisch and Prentice (1980), section 1.4.

    Examples
    --------
    >>> curve = kaplan_meier([6, 6, 6, 7, 10, 6], [True, True, True, True, False, False])
    >>> curve.survival.round(3).tolist(), curve.quantile(0.5)
    ([0.5, 0.25], 6.0)
    """
    time, is_end, n = _items(durations, ended, counts)
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    at, place = np.unique(time, return_inverse=True)
    leaving = _per_time(place, n, len(at))
    events = _per_time(place, n * is_end, len(at))
    at_risk = leaving[::-1].cumsum()[::-1]
    kept = events > 0
    at, events, at_risk = at[kept], events[kept], at_risk[kept]
    survival = np.cumprod(1 - events / at_risk)
    survival[at_risk == events] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.sqrt(np.cumsum(events / (at_risk * (at_risk - events))))
        reach = ndtri((1 + level) / 2) * relative / np.log(survival)
        lo, hi = survival ** np.exp(-reach), survival ** np.exp(reach)
    certain = survival == 0
    return SurvivalCurve(
        time=at,
        at_risk=at_risk,
        events=events,
        survival=survival,
        se=np.where(certain, 0.0, survival * np.where(certain, 0.0, relative)),
        lo=np.where(certain, 0.0, lo),
        hi=np.where(certain, 0.0, hi),
        n=float(n.sum()),
        n_events=float(events.sum()),
        last=float(time.max()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class RiskTable:
    """What became of the items by each time, shape (n_times,): they add up to all of them."""

    time: Floats
    at_risk: Floats
    ended: Floats
    censored: Floats


def risk_table(
    durations: ArrayLike, ended: ArrayLike, times: ArrayLike, *, counts: ArrayLike | None = None
) -> RiskTable:
    """Count the items at risk at some times, and those that ended or were last seen before.

    Parameters
    ----------
    durations, ended, counts
        As for `kaplan_meier`.
    times
        Times to show under a curve, not negative, shape (n_times,).

    Raises
    ------
    ValueError
        As `kaplan_meier`, or if a time is negative or not finite.

    Examples
    --------
    >>> table = risk_table([6, 6, 7, 10], [True, False, True, False], [0, 7, 11])
    >>> [row.tolist() for row in (table.at_risk, table.ended, table.censored)]
    [[4.0, 2.0, 0.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]
    """
    time, is_end, n = _items(durations, ended, counts)
    shown = np.asarray(times, dtype=np.float64)
    if shown.ndim != 1 or not (np.isfinite(shown) & (shown >= 0)).all():
        raise ValueError(f"times must be a vector of finite values from 0 on, got {times!r}.")
    gone = time[None, :] < shown[:, None]
    return RiskTable(
        time=shown,
        at_risk=(~gone) @ n,
        ended=gone @ (n * is_end),
        censored=gone @ (n * ~is_end),
    )


def shrunk_hazard(
    events: float,
    exposure: float,
    *,
    prior_rate: float,
    prior_events: float = 2.0,
    level: float = 0.95,
) -> Interval:
    """Rate of events of one unit that has few, drawn towards the rate of all.

    Parameters
    ----------
    events, exposure
        What was seen of the unit: events, and the time it was watched; not negative.
    prior_rate
        Rate of all units together, per the unit of time of `exposure`, positive.
    prior_events
        Events that the prior is worth, positive; 2 leave the rate open within a factor of ten.
    level
        Coverage of the credible interval, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Gamma(a, b) prior with ``a = prior_events``, ``b = a / prior_rate``; the posterior is
    Gamma(a + events, b + exposure), its mean ``(a + events) / (b + exposure)``. Gelman et al.
    (2013), Bayesian Data Analysis, section 2.6.

    Examples
    --------
    >>> round(shrunk_hazard(1, 36, prior_rate=0.08).estimate, 6)
    0.04918
    """
    for name, value in (("events", events), ("exposure", exposure)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} must not be negative, got {value}.")
    for name, value in (("prior_rate", prior_rate), ("prior_events", prior_events)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive, got {value}.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    shape, rate = prior_events + events, prior_events / prior_rate + exposure
    ends = gammaincinv(shape, np.array([(1 - level) / 2, (1 + level) / 2])) / rate
    return Interval(shape / rate, float(ends[0]), float(ends[1]))


def _per_time(place: NDArray[np.int64], n: Floats, n_times: int) -> Floats:
    return np.asarray(np.bincount(place, weights=n, minlength=n_times), dtype=np.float64)


def _items(
    durations: ArrayLike, ended: ArrayLike, counts: ArrayLike | None
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    time = np.asarray(durations, dtype=np.float64)
    is_end = np.asarray(ended, dtype=np.bool_)
    n = np.ones(time.shape) if counts is None else np.asarray(counts, dtype=np.float64)
    if time.ndim != 1 or not time.shape == is_end.shape == n.shape:
        raise ValueError(
            "durations, ended and counts must be vectors of one length, got "
            f"{time.shape}, {is_end.shape} and {n.shape}."
        )
    if not (np.isfinite(time) & (time >= 0)).all():
        raise ValueError("durations must be finite and not negative.")
    if not (np.isfinite(n) & (n >= 0)).all():
        raise ValueError("counts must be finite and not negative.")
    kept = n > 0
    if not kept.any():
        raise ValueError("there must be at least one item, got none.")
    return time[kept], is_end[kept], n[kept]
