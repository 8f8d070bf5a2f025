"""How much of today's rows lies where there were none, or fewer: bounded from below, with an error.

The share of rows in cells beyond their earlier share is half the total variation distance, and
noise alone makes it positive. So cells are chosen on one half of the users and measured on the
other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llmops_health.kernels.intervals import t_interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Churn:
    """Share of rows in grown cells beyond their share before, in 0-1; noise may make it negative.

    `clusters` are the users of the thinner half of the thinner period, as if all were alike.
    """

    estimate: float
    se: float
    lo: float
    hi: float
    clusters: float


def cross_fitted_churn(before: ArrayLike, after: ArrayLike, *, level: float = 0.95) -> Churn:
    """Return the share of rows that lies in cells beyond the share these had before.

    Parameters
    ----------
    before, after
        Rows per bucket of users and cell, shape (n_buckets, n_cells), the same in both.
    level
        Coverage of the interval, strictly between 0 and 1.

    Raises
    ------
    ValueError
        For other shapes or negative counts, and where a half of the buckets has rows of a period
        in fewer than 2 buckets.

    Notes
    -----
    Even buckets choose the cells that grew, odd ones tell by how much, and the other way round;
    the mean of both has no bias upwards, and a small one downwards where cells are chosen amiss.
    Errors are a jackknife over the buckets of a half. The lower end of 95 % intervals exceeded the
    true churn in 2 % of simulations, and in 6 % where it was 0: hold it against a limit above 0.
    Cross-fitting as in Chernozhukov et al. (2018), Econometrics Journal 21(1).

    Examples
    --------
    >>> then, now = np.tile([6.0, 4.0], (64, 1)), np.tile([3.0, 7.0], (64, 1))
    >>> round(cross_fitted_churn(then, now).estimate, 3)
    0.3
    """
    old, new = (np.asarray(counts, dtype=np.float64) for counts in (before, after))
    if old.ndim != 2 or old.shape != new.shape:
        raise ValueError(
            f"before and after must have one shape (n_buckets, n_cells), got {old.shape} and "
            f"{new.shape}."
        )
    if not ((old >= 0).all() and (new >= 0).all()):
        raise ValueError("before and after must hold counts that are not negative.")
    halves = [(old[half::2], new[half::2]) for half in (0, 1)]
    parts = [_growth(*halves[half], _grown(*halves[1 - half])) for half in (0, 1)]
    estimate = float(np.mean([part[0] for part in parts]))
    se = float(np.hypot(parts[0][1], parts[1][1])) / 2
    clusters = min(effective_clusters(side.sum(axis=1)) for half in halves for side in half)
    interval = t_interval(estimate, se, max(int(clusters) - 1, 1), level=level)
    return Churn(estimate, se, interval.lo, interval.hi, clusters)


def _grown(before: Floats, after: Floats) -> NDArray[np.bool_]:
    """Return which cells have a larger share now, shape (n_cells,)."""
    old, new = before.sum(axis=0), after.sum(axis=0)
    return np.asarray(new * old.sum() > old * new.sum())


def _growth(before: Floats, after: Floats, grown: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how much the share of these cells grew, and its standard error."""

    def growth(totals: Floats) -> Floats:
        grown_then, n_then, grown_now, n_now = np.moveaxis(totals, -1, 0)
        return np.asarray(grown_now / n_now - grown_then / n_then)

    columns = (before[:, grown], before, after[:, grown], after)
    found = bucket_jackknife(np.stack([side.sum(axis=1) for side in columns], axis=1), growth)
    return found.estimate, found.se
