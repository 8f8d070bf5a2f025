"""How far two category counts lie apart, and whether sampling alone would explain it.

Rows of one user are not independent, so the p-values here are for display and for power cards.
Alarms come from `nulls`, which asks how far this feature usually moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, rel_entr

from llmops_health.kernels.intervals import wilson_interval


@dataclass(frozen=True, slots=True)
class PopulationStability:
    """A PSI, what sampling alone gives it on average, the excess, and its p-value under no change.

    `psi`, `noise_floor` and `corrected` are in nats; `corrected` may be negative.
    """

    psi: float
    noise_floor: float
    corrected: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """Pearson's chi-squared test of two count vectors, with its effect size in 0-1."""

    statistic: float
    p_value: float
    dof: int
    cramers_v: float


@dataclass(frozen=True, slots=True)
class Excess:
    """Difference of two proportions (current minus reference), and its one-sided p-value."""

    estimate: float
    lo: float
    hi: float
    z: float
    p_value: float


def psi(ref: ArrayLike, cur: ArrayLike, *, prior: float = 0.5) -> PopulationStability:
    """Measure the population stability index of two count vectors, with its noise floor.

    Parameters
    ----------
    ref, cur
        Counts per category in one order, shape (n_categories,), each with at least one row.
        Categories empty on both sides are left out.
    prior
        Added to every category. 0.5 is Jeffreys' prior; 0 is the textbook index and needs
        every category filled.

    Raises
    ------
    ValueError
        If counts are negative, empty or of different shapes, or `prior` is negative, or 0 with
        an empty category.

    Notes
    -----
    ``sum (q - p) ln(q / p)`` with ``p = (n + prior) / (N + prior K)``. Without change,
    ``PSI R C / (R + C)`` is chi-squared with K - 1 degrees of freedom, so PSI averages
    ``(K - 1) (1/R + 1/C)``: the noise floor. A PSI limit below the floor alarms on sample size.
    Yurdakul and Naranjo (2020), J. Risk Model Validation 14:89-100.

    Examples
    --------
    >>> shift = psi([120, 300, 250, 180, 100, 50], [90, 220, 260, 230, 130, 70])
    >>> round(shift.psi, 4), round(shift.noise_floor, 4)
    (0.0603, 0.01)
    """
    r, c = _count_pair(ref, cur)
    if not prior >= 0:
        raise ValueError(f"prior must not be negative, got {prior}.")
    if prior == 0 and not (r.all() and c.all()):
        raise ValueError("prior must be positive where a category is empty on one side, got 0.")
    n_categories, n_ref, n_cur = len(r), float(r.sum()), float(c.sum())
    p = (r + prior) / (n_ref + prior * n_categories)
    q = (c + prior) / (n_cur + prior * n_categories)
    value = float(((q - p) * np.log(q / p)).sum())
    floor = (n_categories - 1) * (1 / n_ref + 1 / n_cur)
    p_value = _chi2_tail(value * n_ref * n_cur / (n_ref + n_cur), n_categories - 1)
    return PopulationStability(value, floor, value - floor, p_value)


def js_distance(ref: ArrayLike, cur: ArrayLike, base: float = 2.0) -> float:
    """Jensen-Shannon distance of two count vectors: 0 when proportional, at most 1 in base 2.

    Parameters
    ----------
    ref, cur
        Counts per category in one order, shape (n_categories,), each with at least one row.
    base
        Base of the logarithm, above 1.

    Raises
    ------
    ValueError
        If counts are negative, empty or of different shapes, or `base` is out of range.

    Notes
    -----
    ``sqrt(KL(p || m) / 2 + KL(q || m) / 2)``, ``m = (p + q) / 2``; a metric, without smoothing.
    Endres and Schindelin (2003), IEEE Trans. Inf. Theory 49:1858-1860.

    Examples
    --------
    >>> js_distance([5, 0], [0, 5])
    1.0
    """
    if not base > 1:
        raise ValueError(f"base must be above 1, got {base}.")
    p, q = _shares(ref, cur)
    middle = (p + q) / 2
    nats = float((rel_entr(p, middle) + rel_entr(q, middle)).sum()) / 2
    return sqrt(max(0.0, nats) / log(base))


def total_variation(ref: ArrayLike, cur: ArrayLike) -> float:
    """Total variation distance: the share of rows, 0-1, that changed category.

    Parameters
    ----------
    ref, cur
        Counts per category in one order, shape (n_categories,), each with at least one row.

    Raises
    ------
    ValueError
        If counts are negative, empty or of different shapes.

    Notes
    -----
    ``sum |p - q| / 2``.

    Examples
    --------
    >>> total_variation([5, 5], [10, 0])
    0.5
    """
    p, q = _shares(ref, cur)
    return float(np.abs(p - q).sum()) / 2


def chi2_homogeneity(ref: ArrayLike, cur: ArrayLike) -> Homogeneity:
    """Pearson's test that two count vectors come from one distribution; both sides have error.

    Parameters
    ----------
    ref, cur
        Counts per category in one order, shape (n_categories,), each with at least one row.
        Categories empty on both sides are left out; with one left there is nothing to test and
        the p-value is 1.

    Raises
    ------
    ValueError
        If counts are negative, empty or of different shapes.

    Notes
    -----
    ``sum (n - e)^2 / e`` over the 2 x K table, K - 1 degrees of freedom, without continuity
    correction. Cramer's V is ``sqrt(chi2 / N)``.

    Examples
    --------
    >>> chi2_homogeneity([10, 20], [20, 10]).cramers_v.__round__(4)
    0.3333
    """
    table = np.vstack(_count_pair(ref, cur))
    total = float(table.sum())
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    dof = table.shape[1] - 1
    return Homogeneity(statistic, _chi2_tail(statistic, dof), dof, sqrt(statistic / total))


def binomial_excess(
    ref_successes: float,
    ref_n: float,
    cur_successes: float,
    cur_n: float,
    *,
    deff: float = 1.0,
    level: float = 0.95,
) -> Excess:
    """Test whether a share (nulls, new categories) is higher now than in the reference.

    Parameters
    ----------
    ref_successes, ref_n, cur_successes, cur_n
        Counts with ``0 <= successes <= n`` and ``n > 0``, reference and current.
    deff
        Design effect of clustered rows, at least 1; all counts are divided by it.
    level
        Coverage of the interval, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If a count, `deff` or `level` is out of range.

    Notes
    -----
    Score test with the pooled variance; z is 0 where the pooled share is 0 or 1. The interval
    joins two Wilson intervals, so it has width even at 0 of n. Newcombe (1998), Statist. Med.
    17:873-890, method 10.

    Examples
    --------
    >>> excess = binomial_excess(56, 70, 48, 80)
    >>> round(excess.estimate, 4), round(excess.lo, 4), round(excess.hi, 4)
    (-0.2, -0.3339, -0.0524)
    """
    if not deff >= 1:
        raise ValueError(f"deff must be at least 1, got {deff}.")
    ref = wilson_interval(ref_successes / deff, ref_n / deff, level=level)
    cur = wilson_interval(cur_successes / deff, cur_n / deff, level=level)
    difference = cur.estimate - ref.estimate
    lo = difference - np.hypot(cur.estimate - cur.lo, ref.hi - ref.estimate)
    hi = difference + np.hypot(cur.hi - cur.estimate, ref.estimate - ref.lo)
    pooled = (ref_successes + cur_successes) / (ref_n + cur_n)
    se = sqrt(pooled * (1 - pooled) * deff * (1 / ref_n + 1 / cur_n))
    z = difference / se if se > 0 else 0.0
    return Excess(difference, float(lo), float(hi), z, float(ndtr(-z)))


def _count_pair(ref: ArrayLike, cur: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r, c = np.asarray(ref, dtype=np.float64), np.asarray(cur, dtype=np.float64)
    if r.ndim != 1 or r.shape != c.shape:
        raise ValueError(f"ref and cur must be vectors of one length, got {r.shape}, {c.shape}.")
    for name, counts in (("ref", r), ("cur", c)):
        if not (np.isfinite(counts) & (counts >= 0)).all():
            raise ValueError(f"{name} must be finite and not negative, got {counts.min()}.")
        if not counts.any():
            raise ValueError(f"{name} must hold at least one row, got none.")
    filled = (r + c) > 0
    return r[filled], c[filled]


def _shares(ref: ArrayLike, cur: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r, c = _count_pair(ref, cur)
    return r / r.sum(), c / c.sum()


def _chi2_tail(statistic: float, dof: int) -> float:
    return float(chdtrc(dof, statistic)) if dof > 0 else 1.0
