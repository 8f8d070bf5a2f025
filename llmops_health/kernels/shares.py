"""Many shares at once: how the categories of one field moved from one period to another.

Rows of one user or one day are alike, so every test takes a design effect, and two functions here
measure it from past days and past weeks. `shift` has the tests for one share with buckets of users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, chdtri, gammainc, ndtri, stdtr

_KEPT_DAYS = 0.9
_KEPT_PERIODS = 0.6
_MIN_PAIRS = 10


@dataclass(frozen=True, slots=True, eq=False)
class ShareChanges:
    """Current minus reference share of each category, its interval, and the two-sided p-value."""

    estimate: NDArray[np.float64]
    lo: NDArray[np.float64]
    hi: NDArray[np.float64]
    p_value: NDArray[np.float64]


def share_changes(
    current: ArrayLike,
    n_current: ArrayLike,
    reference: ArrayLike,
    n_reference: ArrayLike,
    deff: ArrayLike = 1.0,
    *,
    dof: float = np.inf,
    level: float = 0.95,
) -> ShareChanges:
    """Test of every category whether its share is another one now.

    Parameters
    ----------
    current, reference
        Rows per category, any shape; fractions are allowed, of rows with weights of at most 1.
    n_current, n_reference
        All rows of the period, positive, in a shape that broadcasts with the counts.
    deff
        Design effect, at least 1, likewise; all counts are divided by it.
    dof
        Degrees of freedom behind `deff`, at least 1; infinite where it is known.
    level
        Coverage of the intervals, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If a count exceeds its period or is negative, a period has no rows, or `deff`, `dof` or
        `level` is out of range.

    Notes
    -----
    Given all rows of a category, those of the current period are binomial with its share of
    the rows: ``p = min(1, 2 min(P(X >= x), P(X <= x)))``, Przyborowski and Wilenski (1940),
    Biometrika 31:313-323. That holds for rare categories; of a common one the other rows are
    tested, and counts are divided by the larger pooled share besides `deff`, which gives a
    binomial's variance. With finite `dof` the p-value's normal score is referred to Student's t,
    as an estimated `deff` demands. The interval joins two Wilson intervals: Newcombe (1998),
    Statist. Med. 17:873-890, method 10.

    Examples
    --------
    >>> moved = share_changes([20, 480], 500, [10, 990], 1000)
    >>> moved.estimate.round(3).tolist(), moved.p_value.round(5).tolist()
    ([0.03, -0.03], [0.00033, 0.00033])
    """
    x, n = np.asarray(current, dtype=np.float64), np.asarray(n_current, dtype=np.float64)
    y, m = np.asarray(reference, dtype=np.float64), np.asarray(n_reference, dtype=np.float64)
    d = np.asarray(deff, dtype=np.float64)
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    if not (d >= 1).all():
        raise ValueError(f"deff must be at least 1, got {d.min()}.")
    if not dof >= 1:
        raise ValueError(f"dof must be at least 1, got {dof}.")
    for name, part, whole in (("current", x, n), ("reference", y, m)):
        if not (whole > 0).all():
            raise ValueError(f"n_{name} must be positive, got {whole.min()}.")
        # Weighted counts may miss a bound by a rounding.
        if not ((part >= 0) & (part <= whole * (1 + 1e-9) + 1e-9)).all():
            raise ValueError(f"{name} must fulfil 0 <= count <= n_{name}.")
    x, n, y, m, d = np.broadcast_arrays(x, n, y, m, d)
    pooled = (x + y) / (n + m)
    rare_x, rare_y = np.where(pooled > 0.5, (n - x, m - y), (x, y))
    width = d * np.maximum(pooled, 1 - pooled)
    rise = _at_least(rare_x / width, rare_y / width, n / (n + m))
    fall = _at_least(rare_y / width, rare_x / width, m / (n + m))
    z = float(ndtri((1 + level) / 2))
    q, q_lo, q_hi = _wilson(x / d, n / d, z)
    p, p_lo, p_hi = _wilson(y / d, m / d, z)
    return ShareChanges(
        q - p,
        q - p - np.hypot(q - q_lo, p_hi - p),
        q - p + np.hypot(q_hi - q, p - p_lo),
        np.minimum(1.0, 2 * _as_t(np.minimum(rise, fall), dof)),
    )


def share_dispersion(counts: ArrayLike, groups: ArrayLike) -> NDArray[np.float64]:
    """Measure how much more each share varies from day to day than rows at random would.

    Parameters
    ----------
    counts
        Rows per day and category, shape (n_days, n_categories), not negative, days in order.
    groups
        Whole numbers that tell which days are alike, as weekdays or weekends; shape (n_days,).

    Returns
    -------
    NDArray
        At least 1, shape (n_categories,); 1 where fewer than 10 pairs of days can say.

    Raises
    ------
    ValueError
        If shapes do not fit or a count is negative.

    Notes
    -----
    Each day is held against the one of its group before it: the squared difference of shares over
    ``p (1 - p) (1 / n + 1 / n')``, p of the group. A lasting change of the level thus counts once.
    Mean of the lower nine tenths over its expectation 0.623, so that one past incident does not
    hide the next one. Von Neumann (1941), Ann. Math. Statist. 12:367-395.

    Examples
    --------
    >>> share_dispersion([[10, 90], [0, 100]] * 10, [0] * 20).round(1).tolist()
    [16.9, 16.9]
    """
    x, of_group = np.asarray(counts, dtype=np.float64), np.asarray(groups, dtype=np.int64)
    if x.ndim != 2 or of_group.shape != x.shape[:1]:
        raise ValueError(
            f"counts must be (n_days, n_categories) and groups (n_days,), got {x.shape} and "
            f"{of_group.shape}."
        )
    if not (x >= 0).all():
        raise ValueError("counts must not be negative.")
    filled = x.sum(axis=1) > 0
    pairs = [_steps(x[(of_group == g) & filled]) for g in np.unique(of_group)]
    squares = np.concatenate([np.empty((0, x.shape[1])), *pairs])
    known = np.isfinite(squares).sum(axis=0)
    squares.sort(axis=0)
    kept = np.maximum(np.rint(_KEPT_DAYS * known).astype(np.int64), 1)
    below = np.arange(len(squares))[:, None] < kept
    mean = np.where(below, np.nan_to_num(squares), 0.0).sum(axis=0) / kept
    return np.where(known >= _MIN_PAIRS, np.maximum(1.0, mean / _USUAL_OF_DAYS), 1.0)


def _steps(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared standardised differences of successive days, nan where the share is 0 or 1."""
    if len(x) < 2:
        return np.empty((0, x.shape[1]))
    n = x.sum(axis=1, keepdims=True)
    p = x.sum(axis=0) / n.sum()
    varies = (p > 0) & (p < 1)
    variance = np.where(varies, p * (1 - p), np.nan) * (1 / n[1:] + 1 / n[:-1])
    return np.asarray(np.diff(x / n, axis=0) ** 2 / variance)


def period_dispersion(
    current: ArrayLike, n_current: ArrayLike, reference: ArrayLike, n_reference: ArrayLike
) -> float:
    """Measure how much further past periods lay from their reference than rows at random would.

    Parameters
    ----------
    current, reference
        Rows per category of past periods and of what each was compared with, shape
        (n_periods, n_categories).
    n_current, n_reference
        All rows of them, positive, shape (n_periods,).

    Returns
    -------
    float
        At least 1; 1 with fewer than 3 periods or fewer than 2 categories.

    Raises
    ------
    ValueError
        If shapes do not fit or a period has no rows.

    Notes
    -----
    Pearson's chi-squared of each period over its degrees of freedom; mean of the lower six tenths
    over the expectation of that, because a lasting change sets several periods off. Finds what
    days hide: users who stay away for a week.

    Examples
    --------
    >>> now = [[30, 70], [70, 30], [30, 70], [70, 30]]
    >>> round(period_dispersion(now, [100] * 4, [[200, 200]] * 4, [400] * 4), 1)
    90.3
    """
    x, y = np.asarray(current, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    n, m = np.asarray(n_current, dtype=np.float64), np.asarray(n_reference, dtype=np.float64)
    if x.ndim != 2 or x.shape != y.shape or not n.shape == m.shape == x.shape[:1]:
        raise ValueError(
            "current and reference must be (n_periods, n_categories), n_current and n_reference "
            f"(n_periods,), got {x.shape}, {y.shape}, {n.shape}, {m.shape}."
        )
    if not ((n > 0).all() and (m > 0).all()):
        raise ValueError("Every period needs rows, got one without.")
    n_periods, dof = len(x), x.shape[1] - 1
    if n_periods < 3 or dof < 1:
        return 1.0
    n, m = n[:, None], m[:, None]
    pooled = (x + y) / (n + m)
    variance = pooled * (1 / n + 1 / m)
    squares = np.where(pooled > 0, (x / n - y / m) ** 2 / np.where(pooled > 0, variance, 1.0), 0.0)
    kept = round(_KEPT_PERIODS * n_periods)
    statistic = np.sort(squares.sum(axis=1) / dof)[:kept]
    usual = _trimmed_mean(dof, kept / n_periods)
    return max(1.0, float(statistic.mean()) / usual)


def _at_least(
    x: NDArray[np.float64], y: NDArray[np.float64], chance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """P(X >= x) of a binomial with x + y trials; 1 where x is 0."""
    tail = betainc(np.maximum(x, 1e-300), np.maximum(y, 0.0) + 1, chance)
    return np.where(x > 0, tail, 1.0)


def _as_t(p: NDArray[np.float64], dof: float) -> NDArray[np.float64]:
    """One-sided p-values of a normal as those of a t; what is below 1e-300 counts as that."""
    return p if np.isinf(dof) else np.asarray(stdtr(dof, ndtri(np.maximum(p, 1e-300))))


def _trimmed_mean(dof: int, kept: float) -> float:
    """Mean of the lowest `kept` of chi-squared values over their degrees of freedom."""
    cut = chdtri(dof, 1 - kept)
    return float(gammainc(dof / 2 + 1, cut / 2)) / kept


_USUAL_OF_DAYS = _trimmed_mean(1, _KEPT_DAYS)


def _wilson(
    x: NDArray[np.float64], n: NDArray[np.float64], z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    p = x / n
    centre = (x + z * z / 2) / (n + z * z)
    reach = z / (n + z * z) * np.sqrt(np.maximum(x * (1 - p), 0.0) + z * z / 4)
    return p, np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)
