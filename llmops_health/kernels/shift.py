"""Has a share or a mean risen from one period to another, when users and days are not alike.

Both periods come as sums per bucket of users. What the counts of independent rows would vary is
multiplied by a design effect: the larger of what buckets and what days have shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, stdtr

from llmops_health.kernels.intervals import t_interval, wilson_interval

# Mean of the lower nine tenths of chi-squared values with 1 degree of freedom.
_TRIMMED_CHI2_MEAN = 0.6233


@dataclass(frozen=True, slots=True)
class Shift:
    """The current value with its interval, the reference, and the one-sided p of a rise."""

    current: float
    lo: float
    hi: float
    reference: float
    p_rise: float
    deff: float


def day_dispersion(x: ArrayLike, n: ArrayLike) -> float:
    """Measure how much more shares vary from day to day than independent rows would.

    Parameters
    ----------
    x, n
        Counts per day, 0 <= x <= n, shape (n_days,). Days without rows are left out.

    Returns
    -------
    float
        At least 1; 1 where fewer than 10 days have rows, or the share is 0 or 1.

    Raises
    ------
    ValueError
        If a count is out of range.

    Notes
    -----
    Pearson's ``(x - p n)^2 / (n p (1 - p))`` per day, mean of the lower nine tenths over its
    expectation 0.623: one past incident must not hide the next one.
    McCullagh and Nelder (1989), Generalized Linear Models, section 4.5.

    Examples
    --------
    >>> day_dispersion([10, 0] * 10, [100] * 20).__round__(1)
    8.4
    """
    hits, rows = _counts(x, n)
    hits, rows = hits[rows > 0], rows[rows > 0]
    if len(rows) < 10 or not 0 < hits.sum() < rows.sum():
        return 1.0
    p = hits.sum() / rows.sum()
    contributions = np.sort((hits - p * rows) ** 2 / (rows * p * (1 - p)))
    kept = contributions[: max(1, round(0.9 * len(contributions)))]
    return max(1.0, float(kept.mean()) / _TRIMMED_CHI2_MEAN)


def contrast_deff(current: ArrayLike, reference: ArrayLike) -> float:
    """Design effect of the difference of two shares whose rows come in buckets of users.

    Parameters
    ----------
    current, reference
        Hits and rows per bucket, shape (n_buckets, 2), the same buckets in both. A user who is
        slow in both periods cancels; who comes in one of them does not.

    Returns
    -------
    float
        At least 1; 1 where fewer than two buckets have rows, or both shares are 0 or 1.

    Raises
    ------
    ValueError
        If shapes differ, counts are out of range, or a period has no rows.

    Notes
    -----
    ``B / (B - 1) sum_b e_b^2 / (p (1 - p) / N + q (1 - q) / M)`` with ``e_b`` the difference of
    ``(x_b - p n_b) / N`` of the two periods: the linearised jackknife variance over that of
    independent rows. Kish (1965), Survey Sampling, section 8.2.

    Examples
    --------
    >>> contrast_deff([[10, 10], [0, 10], [0, 10]], [[0, 10], [0, 10], [10, 10]])
    22.5
    """
    return _contrast_deff(*_pair(current, reference))


def _contrast_deff(now: NDArray[np.float64], then: NDArray[np.float64]) -> float:
    (hits, rows), (hits_then, rows_then) = now.sum(axis=0), then.sum(axis=0)
    n_buckets = int(((now[:, 1] + then[:, 1]) > 0).sum())
    p, q = hits / rows, hits_then / rows_then
    independent = float(p * (1 - p) / rows + q * (1 - q) / rows_then)
    if n_buckets < 2 or independent <= 0:
        return 1.0
    inside = (now[:, 0] - p * now[:, 1]) / rows
    before = (then[:, 0] - q * then[:, 1]) / rows_then
    clustered = n_buckets / (n_buckets - 1) * float(((inside - before) ** 2).sum())
    return max(1.0, clustered / independent)


def share_shift(current: ArrayLike, reference: ArrayLike, *, dispersion: float = 1.0) -> Shift:
    """Test whether a share is higher than it was.

    Parameters
    ----------
    current, reference
        Hits and rows per bucket, shape (n_buckets, 2), the same buckets in both. Weighted
        counts are allowed where weights are at most 1.
    dispersion
        From `day_dispersion`, at least 1.

    Returns
    -------
    Shift
        Wilson's 95 % interval of the current share on rows divided by the design effect.

    Raises
    ------
    ValueError
        If shapes differ, counts are out of range, or a period has no rows.

    Notes
    -----
    Given all hits, those of the current period are binomial with its share of the rows:
    ``p = P(X >= x) = I_s(x, y + 1)``, x and y the hits over the design effect, fractions allowed.
    Przyborowski and Wilenski (1940), Biometrika 31:313-323.

    Examples
    --------
    >>> shift = share_shift([[20, 500], [22, 500]], [[20, 2000], [22, 2000]])
    >>> shift.current, shift.reference, f"{shift.p_rise:.1e}"
    (0.042, 0.0105, '8.3e-10')
    """
    now, then = _pair(current, reference)
    hits, rows = now.sum(axis=0)
    hits_then, rows_then = then.sum(axis=0)
    deff = max(1.0, dispersion, _contrast_deff(now, then))
    chance = rows / (rows + rows_then)
    p_rise = float(betainc(hits / deff, hits_then / deff + 1, chance)) if hits > 0 else 1.0
    interval = wilson_interval(hits / deff, rows / deff)
    return Shift(
        float(hits / rows), interval.lo, interval.hi, float(hits_then / rows_then), p_rise, deff
    )


def mean_shift(current: ArrayLike, reference: ArrayLike, *, se_day: float = 0.0) -> Shift:
    """Test whether the mean of a positive quantity is higher than it was.

    Parameters
    ----------
    current, reference
        Sum and rows per bucket, shape (n_buckets, 2), the same buckets in both.
    se_day
        What days alone make the ln of the current mean vary (a standard error), not negative.

    Returns
    -------
    Shift
        95 % interval of the current mean, on the log scale.

    Raises
    ------
    ValueError
        If shapes differ, a period has no rows or no positive sum, or `se_day` is negative.

    Notes
    -----
    ``t = ln(current / reference) / SE``. SE is the bucket jackknife of the contrast, linearised,
    so users who are in both periods cancel; or `se_day`, where that is larger.

    Examples
    --------
    >>> shift = mean_shift([[2.0, 1], [3.0, 1], [2.0, 1]], [[1.0, 1], [1.1, 1], [0.9, 1]])
    >>> round(shift.current, 3), round(shift.reference, 3), shift.p_rise < 0.05
    (2.333, 1.0, True)
    """
    now, then = _pair(current, reference)
    if not se_day >= 0:
        raise ValueError(f"se_day must not be negative, got {se_day}.")
    total, rows = now.sum(axis=0)
    total_then, rows_then = then.sum(axis=0)
    if total <= 0 or total_then <= 0:
        raise ValueError(f"Sums must be positive, got {total} and {total_then}.")
    used = (now[:, 1] + then[:, 1]) > 0
    dof = max(int(used.sum()) - 1, 1)
    inside = now[used, 0] / total - now[used, 1] / rows
    before = then[used, 0] / total_then - then[used, 1] / rows_then
    se = max(sqrt((dof + 1) / dof * float(((inside - before) ** 2).sum())), se_day)
    se_current = max(sqrt((dof + 1) / dof * float((inside**2).sum())), se_day)
    mean, mean_then = float(total / rows), float(total_then / rows_then)
    rise = log(mean / mean_then)
    p_rise = float(stdtr(dof, -rise / se)) if se > 0 else (0.0 if rise > 0 else 1.0)
    interval = t_interval(log(mean), se_current, dof)
    return Shift(mean, exp(interval.lo), exp(interval.hi), mean_then, p_rise, 1.0)


def _counts(x: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    hits, rows = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if hits.ndim != 1 or hits.shape != rows.shape:
        raise ValueError(f"x and n must be vectors of one length, got {hits.shape}, {rows.shape}.")
    # Interpolated and weighted counts may miss a bound by a rounding.
    if not ((hits >= 0) & (hits <= rows * (1 + 1e-9) + 1e-9)).all():
        raise ValueError("x must fulfil 0 <= x <= n.")
    return hits, rows


def _pair(
    current: ArrayLike, reference: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    now, then = np.asarray(current, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if now.ndim != 2 or now.shape[1] != 2 or now.shape != then.shape:
        raise ValueError(
            f"current and reference must both be (n_buckets, 2), got {now.shape}, {then.shape}."
        )
    if not (np.isfinite(now).all() and np.isfinite(then).all()):
        raise ValueError("current and reference must be finite.")
    if not (now[:, 1].sum() > 0 and then[:, 1].sum() > 0):
        raise ValueError("Both periods need rows, got a period without.")
    return now, then
