"""Does a short series move, do two means differ, does one series run ahead of another.

Mann-Kendall is for show: on autocorrelated series it rejects far too often. A planned
contrast is what an alarm may rest on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class MannKendall:
    """S, its z with continuity correction, the two-sided p, and Kendall's tau-a."""

    s: int
    z: float
    p_value: float
    tau: float


@dataclass(frozen=True, slots=True)
class TheilSen:
    """Median slope per unit of x with its interval, and the intercept of that line."""

    slope: float
    lo: float
    hi: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """After minus before, its standard error and interval, and p two-sided and per side."""

    estimate: float
    se: float
    lo: float
    hi: float
    p_two_sided: float
    p_rise: float
    p_fall: float


@dataclass(frozen=True, slots=True)
class LaggedCorrelation:
    """Correlation of differences per lag 0, 1, ...; p-values allow for the choice of lag."""

    correlation: npt.NDArray[np.float64]
    p_values: npt.NDArray[np.float64]
    best_lag: int
    r_squared: float
    p_value: float


def mann_kendall(x: npt.ArrayLike) -> MannKendall:
    """Test a series for a monotone trend.

    Parameters
    ----------
    x : array-like, shape (n,)
        Values in order of time, n >= 3, without gaps. Only their order counts.

    Returns
    -------
    MannKendall
        z = 0 and p = 1 for a constant series.

    Raises
    ------
    ValueError
        For another shape, fewer than 3 values, or values that are not finite.

    Notes
    -----
    S = sum_{i<j} sign(x_j - x_i); Var S = (n (n - 1)(2n + 5) - sum_t t (t - 1)(2t + 5)) / 18
    over groups of t ties; z = (S - sign S) / sqrt(Var S). Valid for independent values only.
    Source: Mann (1945), Econometrica 13(3); Kendall (1975), "Rank Correlation Methods".

    Examples
    --------
    >>> found = mann_kendall([1.0, 2.0, 2.0, 4.0, 5.0])
    >>> found.s, round(found.p_value, 4)
    (9, 0.0433)
    """
    values = _series("x", x, 3)
    n = len(values)
    s = int(np.triu(np.sign(values[None, :] - values[:, None]), 1).sum())
    variance = _kendall_variance(n, [values])
    z = (s - np.sign(s)) / np.sqrt(variance) if variance > 0 else 0.0
    return MannKendall(s, float(z), 2 * float(ndtr(-abs(z))), s / (n * (n - 1) / 2))


def theil_sen(y: npt.ArrayLike, x: npt.ArrayLike | None = None, *, level: float = 0.95) -> TheilSen:
    """Fit a line by the median of the slopes of all pairs.

    Parameters
    ----------
    y : array-like, shape (n,)
        Values, n >= 2.
    x : array-like, shape (n,), optional
        Where they were taken, not all equal; 0, 1, ... if left out.
    level : float
        Coverage of the interval, 0 < level < 1.

    Returns
    -------
    TheilSen

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or arguments out of range.

    Notes
    -----
    The interval takes the order statistics (N -/+ z sqrt(Var S)) / 2 of the N slopes.
    Intercept: median(y) - slope median(x). Source: Sen (1968), JASA 63(324).

    Examples
    --------
    >>> theil_sen([0.0, 1.0, 2.0, 30.0, 4.0, 5.0]).slope
    1.0
    """
    values = _series("y", y, 2)
    times = np.arange(len(values), dtype=np.float64) if x is None else _series("x", x, 2)
    if times.shape != values.shape:
        raise ValueError(f"Arguments x and y must match, got {len(times)} and {len(values)}.")
    if not 0 < level < 1:
        raise ValueError(f"Argument level must fulfil 0 < level < 1, got {level}.")
    run = times[:, None] - times[None, :]
    later = run > 0
    slopes = np.sort((values[:, None] - values[None, :])[later] / run[later])
    if not len(slopes):
        raise ValueError("Argument x must hold at least two different values.")
    slope = float(np.median(slopes))
    reach = float(ndtri(0.5 + level / 2)) * np.sqrt(_kendall_variance(len(values), [times, values]))
    lowest = max(round((len(slopes) - reach) / 2) - 1, 0)
    highest = min(round((len(slopes) + reach) / 2), len(slopes) - 1)
    intercept = float(np.median(values)) - slope * float(np.median(times))
    return TheilSen(slope, float(slopes[lowest]), float(slopes[highest]), intercept)


def planned_contrast(
    before_mean: float,
    before_se: float,
    after_mean: float,
    after_se: float,
    *,
    level: float = 0.95,
    df: float = float("inf"),
) -> Contrast:
    """Compare two means of two windows that were fixed beforehand.

    Parameters
    ----------
    before_mean, after_mean : float
        Means of two independent windows, in one unit.
    before_se, after_se : float
        Their standard errors, >= 0, not both 0; from buckets of users where calls cluster.
    level : float
        Coverage of the interval, 0 < level < 1.
    df : float
        Degrees of freedom of the standard errors, > 0; 63 for 64 buckets.

    Returns
    -------
    Contrast
        `p_rise` is small where after exceeds before, `p_fall` where it lies below.

    Raises
    ------
    ValueError
        For arguments out of range or undefined.

    Notes
    -----
    t = (after - before) / sqrt(se_after^2 + se_before^2). Users seen in both windows make the
    two dependent; then the difference must be formed per bucket before it gets here.

    Examples
    --------
    >>> found = planned_contrast(0.10, 0.03, 0.20, 0.04)
    >>> round(found.lo, 4), round(found.hi, 4), round(found.p_rise, 4)
    (0.002, 0.198, 0.0228)
    """
    if not 0 < level < 1:
        raise ValueError(f"Argument level must fulfil 0 < level < 1, got {level}.")
    if not df > 0:
        raise ValueError(f"Argument df must be > 0, got {df}.")
    estimate = after_mean - before_mean
    if not np.isfinite(estimate):
        raise ValueError(f"Both means must be finite, got {before_mean} and {after_mean}.")
    se = float(np.hypot(before_se, after_se))
    if not (before_se >= 0 and after_se >= 0 and 0 < se < np.inf):
        raise ValueError(
            f"Arguments before_se and after_se must be >= 0, finite and not both 0, "
            f"got {before_se} and {after_se}."
        )
    reach = float(stdtrit(df, 0.5 + level / 2)) * se
    p_fall, p_rise = (float(stdtr(df, side * estimate / se)) for side in (1, -1))
    return Contrast(
        estimate=estimate,
        se=se,
        lo=estimate - reach,
        hi=estimate + reach,
        p_two_sided=2 * min(p_rise, p_fall),
        p_rise=p_rise,
        p_fall=p_fall,
    )


def lagged_correlation(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    max_lag: int,
    rng: np.random.Generator,
    permutations: int = 9_999,
) -> LaggedCorrelation:
    """Correlate the changes of x with the changes of y that follow 0 ... max_lag steps later.

    Parameters
    ----------
    x, y : array-like, shape (n,)
        Two series on the same steps; x is the one that may run ahead.
    max_lag : int
        Longest lag, >= 0; n - 1 - max_lag >= 3 pairs must remain.
    rng : numpy.random.Generator
        Source of the permutations.
    permutations : int
        At least 1; the smallest possible p is 1 / (permutations + 1).

    Returns
    -------
    LaggedCorrelation
        A series whose changes do not vary has correlation 0 and p = 1.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or arguments out of range.

    Notes
    -----
    Levels of two independent random walks correlate "significantly" every other time, their
    first differences do not. p = (1 + #{max_l |r*_l| >= |r|}) / (1 + permutations), r* with the
    changes of x permuted: one null for all lags, so the choice of the lag is paid for.
    Source: Westfall and Young (1993), "Resampling-Based Multiple Testing".

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=40).cumsum()
    >>> lagged_correlation(x, np.roll(x, 2), 4, rng, permutations=99).best_lag
    2
    """
    left, right = _series("x", x, 2), _series("y", y, 2)
    if len(left) != len(right):
        raise ValueError(f"Arguments x and y must match, got {len(left)} and {len(right)}.")
    if max_lag < 0 or len(left) - 1 - max_lag < 3:
        raise ValueError(
            f"Argument max_lag must fulfil 0 <= max_lag <= n - 4 = {len(left) - 4}, got {max_lag}."
        )
    if permutations < 1:
        raise ValueError(f"Argument permutations must be >= 1, got {permutations}.")
    change, response = np.diff(left), np.diff(right)
    correlation = _correlations(change[None, :], response, max_lag)[0]
    shuffled = rng.permuted(np.tile(change, (permutations, 1)), axis=1)
    null = np.sort(np.abs(_correlations(shuffled, response, max_lag)).max(axis=1))
    # Equal arrangements may differ in the last bit; they must count as equal.
    n_above = permutations - np.searchsorted(null, np.abs(correlation) * (1 - 1e-12))
    p_values = (1 + n_above) / (1 + permutations)
    best = int(np.abs(correlation).argmax())
    return LaggedCorrelation(
        correlation, p_values, best, float(correlation[best] ** 2), float(p_values[best])
    )


def _series(name: str, values: npt.ArrayLike, shortest: int) -> npt.NDArray[np.float64]:
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or len(series) < shortest or not np.all(np.isfinite(series)):
        raise ValueError(
            f"Argument {name} must hold at least {shortest} finite values in one dimension, "
            f"got {series.tolist()}."
        )
    return series


def _kendall_variance(n: int, tied: list[npt.NDArray[np.float64]]) -> float:
    """Var S, less the ties of each series."""
    sizes = np.concatenate([np.unique(series, return_counts=True)[1] for series in tied])
    ties = float(np.sum(sizes * (sizes - 1) * (2 * sizes + 5)))
    return max(0.0, n * (n - 1) * (2 * n + 5) - ties) / 18


def _correlations(
    changes: npt.NDArray[np.float64], response: npt.NDArray[np.float64], max_lag: int
) -> npt.NDArray[np.float64]:
    """Pearson r of every row of `changes` with `response`, shape (n_rows, max_lag + 1)."""
    n = len(response)
    correlation = np.zeros((len(changes), max_lag + 1))
    for lag in range(max_lag + 1):
        ahead = changes[:, : n - lag]
        ahead = ahead - ahead.mean(axis=1, keepdims=True)
        behind = response[lag:] - response[lag:].mean()
        norm = np.linalg.norm(ahead, axis=1) * np.linalg.norm(behind)
        np.divide(ahead @ behind, norm, out=correlation[:, lag], where=norm > 1e-300)
    return correlation
