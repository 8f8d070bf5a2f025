"""Cluster-robust errors of any smooth functional of sums, from sums per bucket of users.

Not for quantiles (see `histograms.quantile_interval`), and not for distances that are zero when
nothing changed (PSI, JS, MMD, ECE): their delete-one values say nothing about the null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llmops_health.kernels.intervals import t_interval

Functional = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class JackknifeEstimate:
    """An estimate with its bucket-jackknife error and interval, in the unit of the estimate."""

    estimate: float
    se: float
    lo: float
    hi: float
    n_buckets: int


def bucket_jackknife(
    sums: ArrayLike, functional: Functional, *, level: float = 0.95
) -> JackknifeEstimate:
    """Estimate a functional of total sums, with the error that whole buckets give it.

    Parameters
    ----------
    sums
        Sufficient statistics per bucket, shape (n_buckets, n_sums). A user is in one bucket
        only, so buckets are independent where users are. Buckets of nothing but zeros are
        ignored. To contrast two periods, put both periods' sums side by side in one row.
    functional
        Maps totals of shape (..., n_sums) to values of shape (...); smooth near the totals.
        It is called once, on the totals and on every delete-one total.
    level
        Coverage, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `sums` is not a finite matrix, fewer than 2 buckets hold data, `functional` returns
        another shape, or it is undefined without some bucket (for example 0 / 0).

    Notes
    -----
    ``SE^2 = (B-1)/B sum_b (t_b - mean(t))^2`` with ``t_b`` the functional of the totals without
    bucket b; the interval is ``estimate -/+ t[B-1] SE``. Coverage of a 95 % interval with 64
    buckets of 1,500 users was 0.95 to 0.98 for means, Brier score and AUGRC, and 0.81 for a 95th
    percentile. Efron and Stein (1981), Ann. Statist. 9:586-596.

    Examples
    --------
    >>> error_rate = bucket_jackknife([[1, 10], [3, 10], [2, 10]], ratio(0, 1))
    >>> round(error_rate.estimate, 3), round(error_rate.se, 3)
    (0.2, 0.058)
    """
    matrix = np.asarray(sums, dtype=np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ValueError(f"sums must be a finite (n_buckets, n_sums) array, got {matrix.shape}.")
    filled = matrix[(matrix != 0).any(axis=1)]
    n_buckets = len(filled)
    if n_buckets < 2:
        raise ValueError(f"sums must fill at least 2 buckets to show an error, got {n_buckets}.")
    total = filled.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(functional(np.vstack([total, total - filled])), dtype=np.float64)
    if values.shape != (n_buckets + 1,):
        raise ValueError(
            f"functional must map shape (..., n_sums) to (...); {(n_buckets + 1, len(total))} "
            f"became {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            "functional must be finite on the totals and without each bucket, got "
            f"{values[~np.isfinite(values)][0]}: too few buckets hold its denominator."
        )
    estimate, without = float(values[0]), values[1:]
    se = sqrt((n_buckets - 1) / n_buckets * float(((without - without.mean()) ** 2).sum()))
    interval = t_interval(estimate, se, n_buckets - 1, level=level)
    return JackknifeEstimate(estimate, se, interval.lo, interval.hi, n_buckets)


def ratio(numerator: int, denominator: int) -> Functional:
    """Functional that divides one column of the sums by another, by index.

    Examples
    --------
    >>> ratio(0, 1)(np.array([3.0, 4.0])).item()
    0.75
    """

    def divide(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(sums[..., numerator] / sums[..., denominator])

    return divide


def effective_clusters(counts: ArrayLike) -> float:
    """Count clusters as if all were equally large; no rows at all are 0 clusters.

    Parameters
    ----------
    counts
        Rows per cluster, shape (n_clusters,), not negative.

    Raises
    ------
    ValueError
        If a count is negative or not finite.

    Notes
    -----
    ``(sum n)^2 / sum n^2``. Below 40 a cluster-robust interval is too narrow.
    Carter, Schnepel and Steigerwald (2017), Rev. Econ. Stat. 99:698-709.

    Examples
    --------
    >>> effective_clusters([10, 10, 10, 0])
    3.0
    """
    rows = _rows_per_cluster(counts)
    squares = float((rows**2).sum())
    return float(rows.sum()) ** 2 / squares if squares > 0 else 0.0


def largest_share(counts: ArrayLike) -> float:
    """Share of all rows that the largest cluster holds, in (0, 1].

    Parameters
    ----------
    counts
        Rows per cluster, shape (n_clusters,), not negative.

    Raises
    ------
    ValueError
        If a count is negative or not finite, or there are no rows.

    Examples
    --------
    >>> largest_share([10, 20, 10])
    0.5
    """
    rows = _rows_per_cluster(counts)
    if not rows.any():
        raise ValueError("counts must hold at least one row, got none.")
    return float(rows.max() / rows.sum())


def _rows_per_cluster(counts: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(counts, dtype=np.float64)
    if not (np.isfinite(rows) & (rows >= 0)).all():
        raise ValueError(f"counts must be finite and not negative, got {rows.min()}.")
    return rows
