"""An estimate from sums per bucket of users, with what it is evidence for.

The degrees of freedom follow the effective number of buckets: where a few users make most calls,
64 buckets are no 64 independent groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtr

from llmops_health.kernels.intervals import t_interval
from llmops_health.kernels.jackknife import Functional, bucket_jackknife, effective_clusters

Floats = npt.NDArray[np.float64]

MIN_CLUSTERS = 4
"""Effective buckets below which no error can be told: 3 degrees of freedom are left."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An estimate, its standard error and interval, and the degrees of freedom behind it."""

    estimate: float
    se: float
    lo: float
    hi: float
    dof: int

    def within(self, lowest: float, highest: float) -> Evidence:
        """Hold the interval to the values that can occur; error and p-values stay."""
        return replace(self, lo=max(self.lo, lowest), hi=min(self.hi, highest))

    def p_above(self, bound: float) -> float:
        """One-sided p-value of H0: the true value is at most `bound`."""
        return self._tail(self.estimate - bound)

    def p_below(self, bound: float) -> float:
        """One-sided p-value of H0: the true value is at least `bound`."""
        return self._tail(bound - self.estimate)

    @property
    def smallest_detectable(self) -> float:
        """Effect found 4 times in 5 by a two-sided test at 0.05, in the unit of the estimate."""
        return float(ndtri(0.975) + ndtri(0.8)) * self.se

    def _tail(self, excess: float) -> float:
        if self.se == 0:
            return 0.0 if excess > 0 else 1.0
        return float(stdtr(self.dof, -excess / self.se))


def from_buckets(
    sums: Floats,
    functional: Functional,
    counts: Floats,
    *,
    level: float,
    other_variance: float = 0.0,
) -> Evidence | None:
    """Jackknife a functional of sums per bucket; None where too few users stand behind it.

    Parameters
    ----------
    sums : shape (buckets, sums)
        What `functional` takes, as in `bucket_jackknife`.
    counts : shape (buckets,) or (buckets, periods)
        Calls per bucket, of each period compared: how evenly the evidence is spread.
    level
        Coverage of the interval.
    other_variance
        Variance that does not come from these users (unit squared), added to theirs.
    """
    periods = np.atleast_2d(np.maximum(counts, 0).T)
    clusters = min(effective_clusters(period) for period in periods)
    if clusters < MIN_CLUSTERS:
        return None
    found = bucket_jackknife(sums, functional, level=level)
    se, dof = sqrt(found.se**2 + other_variance), int(clusters) - 1
    interval = t_interval(found.estimate, se, dof, level=level)
    return Evidence(found.estimate, se, interval.lo, interval.hi, dof)
