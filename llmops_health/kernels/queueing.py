"""Queues with people as servers: waits at rest, and what a backlog becomes when it is not at rest.

Rates are per one unit of time and waits in that unit. Whether a queue is at rest at all is for
the caller: the waits here are refused at and above full load.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, sqrt

from scipy.special import log_ndtr, ndtr, ndtri


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queue at rest: load per server, chance to wait, mean wait, and how fast waits thin out."""

    load: float
    p_wait: float
    mean_wait: float
    decay: float

    def p_longer(self, time: float) -> float:
        """Return the chance to wait longer than a time, which must not be negative."""
        if not time >= 0:
            raise ValueError(f"time must not be negative, got {time}.")
        return self.p_wait * exp(-self.decay * time)


def erlang_b(servers: int, offered: float) -> float:
    """Return the chance that all servers are busy where nobody waits.

    Parameters
    ----------
    servers
        At least 0.
    offered
        Arrival rate over the service rate of one server, in Erlang, not negative.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    ``B_0 = 1, B_k = a B_(k-1) / (k + a B_(k-1))``. Erlang (1917).

    Examples
    --------
    >>> erlang_b(1, 1.0)
    0.5
    """
    if servers < 0 or not 0 <= offered < inf:
        raise ValueError(f"servers and offered must not be negative, got {servers}, {offered}.")
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked


def erlang_c(
    arrival_rate: float,
    service_rate: float,
    servers: int,
    *,
    arrival_cv2: float = 1.0,
    service_cv2: float = 1.0,
) -> Waiting:
    """Wait in a queue at rest with several servers and any spread of gaps and service times.

    Parameters
    ----------
    arrival_rate, service_rate
        Items that come, and that one server completes, per unit of time; positive.
    servers
        At least 1.
    arrival_cv2, service_cv2
        Squared coefficients of variation of gaps and of service times; 1 each is M/M/c, exact.

    Raises
    ------
    ValueError
        If an argument is out of range, or the load is 1 or more: such a queue has no rest.

    Notes
    -----
    ``C = B / (1 - rho (1 - B))``, ``Wq = C / (c mu - lambda) * (ca2 + cs2) / 2``, and waits of
    those who wait taken as exponential. Allen (1990), "Probability, Statistics, and Queueing
    Theory", on the approximation of Allen and Cunneen.

    Examples
    --------
    >>> wait = erlang_c(10, 3, 4)
    >>> round(wait.p_wait, 4), round(wait.mean_wait, 4)
    (0.6577, 0.3289)
    """
    for name, value in (("arrival_rate", arrival_rate), ("service_rate", service_rate)):
        if not 0 < value < inf:
            raise ValueError(f"{name} must be positive and finite, got {value}.")
    if servers < 1 or not (0 <= arrival_cv2 < inf and 0 <= service_cv2 < inf):
        raise ValueError("servers must be at least 1 and cv2 finite and not negative.")
    spread = (arrival_cv2 + service_cv2) / 2
    offered = arrival_rate / service_rate
    load = offered / servers
    if not load < 1:
        raise ValueError(f"a queue at load {load:.3f} has no stationary wait.")
    blocked = erlang_b(servers, offered)
    p_wait = blocked / (1 - load * (1 - blocked))
    spare = servers * service_rate - arrival_rate
    decay = spare / spread if spread > 0 else inf
    return Waiting(load, p_wait, p_wait * spread / spare, decay)


def servers_needed(
    arrival_rate: float,
    service_rate: float,
    *,
    within: float,
    max_late: float,
    arrival_cv2: float = 1.0,
    service_cv2: float = 1.0,
) -> int:
    """Return the fewest servers with whom at most a share `max_late` waits longer than `within`.

    Arguments as for `erlang_c`; `within` is not negative, `max_late` strictly between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> servers_needed(10, 3, within=0.5, max_late=0.1)
    5
    """
    if not 0 < max_late < 1:
        raise ValueError(f"max_late must fulfil 0 < max_late < 1, got {max_late}.")
    servers = int(arrival_rate / service_rate) + 1
    while True:
        wait = erlang_c(
            arrival_rate, service_rate, servers, arrival_cv2=arrival_cv2, service_cv2=service_cv2
        )
        if wait.p_longer(within) <= max_late:
            return servers
        servers += 1


def little_gap(in_system: float, arrival_rate: float, mean_time: float) -> float:
    """Return how far records are from Little's law, ``|L - lambda W| / L``.

    Parameters
    ----------
    in_system
        Mean number of items in the system over a window, positive.
    arrival_rate, mean_time
        Items per unit of time, and their mean time in the system in that unit.

    Raises
    ------
    ValueError
        If `in_system` is not positive.

    Notes
    -----
    Little (1961), Operations Research 9(3).

    Examples
    --------
    >>> round(little_gap(10.0, 4.0, 2.0), 3)
    0.2
    """
    if not in_system > 0:
        raise ValueError(f"in_system must be positive, got {in_system}.")
    return abs(in_system - arrival_rate * mean_time) / in_system


@dataclass(frozen=True, slots=True)
class Backlog:
    """A backlog as a fluid with noise: level now, drift per unit of time, variance per unit."""

    now: float
    drift: float
    variance: float

    def expected(self, time: float) -> float:
        """Return the expected backlog after a time; never below 0."""
        return max(0.0, self.now + self.drift * time)

    def between(self, time: float, level: float) -> tuple[float, float]:
        """Return the range that holds the backlog after a time with probability `level`."""
        if not (time >= 0 and 0 < level < 1):
            raise ValueError(f"time must be >= 0 and 0 < level < 1, got {time}, {level}.")
        reach = float(ndtri((1 + level) / 2)) * sqrt(self.variance * time)
        middle = self.now + self.drift * time
        return max(0.0, middle - reach), max(0.0, middle + reach)

    def p_above(self, limit: float, time: float) -> float:
        """Return the chance that the backlog lies above a limit after a positive time."""
        return float(ndtr((self.now + self.drift * time - limit) / sqrt(self.variance * time)))

    def p_passed(self, limit: float, time: float) -> float:
        """Return the chance that the backlog passes a limit within a time.

        Notes
        -----
        First passage of a Brownian motion with drift (inverse Gaussian):
        ``Phi((v t - d) / s) + exp(2 v d / var) Phi(-(v t + d) / s)``, ``s = sqrt(var t)``,
        d the distance. Folks and Chhikara (1978), J. R. Statist. Soc. B 40(3).
        """
        distance = limit - self.now
        if distance <= 0:
            return 1.0
        if time <= 0:
            return 0.0
        if self.variance <= 0:
            return float(self.drift * time >= distance)
        spread = sqrt(self.variance * time)
        straight = float(ndtr((self.drift * time - distance) / spread))
        tail = float(log_ndtr(-(self.drift * time + distance) / spread))
        return min(1.0, straight + exp(2 * self.drift * distance / self.variance + tail))

    def passage(self, limit: float, p: float, *, longest: float = 365.0) -> float | None:
        """Return the time by which a limit is passed with chance `p`; None: not by `longest`."""
        if not 0 < p < 1:
            raise ValueError(f"p must fulfil 0 < p < 1, got {p}.")
        if self.p_passed(limit, longest) < p:
            return None
        low, high = 0.0, longest
        while high - low > 1e-6 * longest:
            middle = (low + high) / 2
            low, high = (low, middle) if self.p_passed(limit, middle) >= p else (middle, high)
        return high


def fluid_breach(backlog: float, arrivals: float, completions: float, within: float) -> float:
    """Return when the wait behind a backlog exceeds `within`; inf where arrivals do not exceed.

    Parameters
    ----------
    backlog
        Open items now.
    arrivals, completions
        Per unit of time; completions positive.
    within
        The longest wait that was promised, in that unit.

    Raises
    ------
    ValueError
        If `completions` is not positive.

    Notes
    -----
    ``(within * completions - backlog) / (arrivals - completions)``, 0 where already passed.

    Examples
    --------
    >>> fluid_breach(60, 120, 100, 1.0)
    2.0
    """
    if not completions > 0:
        raise ValueError(f"completions must be positive, got {completions}.")
    room = within * completions - backlog
    if room <= 0:
        return 0.0
    return room / (arrivals - completions) if arrivals > completions else inf
