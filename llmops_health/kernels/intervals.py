"""Confidence intervals of a mean, a proportion, or any estimate with a standard error.

Everything here takes independent observations. Rows of one user are not: pass `n / deff` as `n`
to the proportion intervals, or take the standard error from `jackknife.bucket_jackknife`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy.special import betaincinv, ndtri, stdtrit


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate and its interval, all three in the unit of the estimate."""

    estimate: float
    lo: float
    hi: float


def t_interval(estimate: float, se: float, dof: int, *, level: float = 0.95) -> Interval:
    """Student-t interval of an estimate with a known standard error.

    Parameters
    ----------
    estimate, se
        The estimate and its standard error, in one unit; `se` is not negative.
    dof
        Degrees of freedom behind `se`, at least 1.
    level
        Coverage, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `se`, `dof` or `level` is out of range.

    Notes
    -----
    ``estimate -/+ t[dof, (1 + level) / 2] * se``.

    Examples
    --------
    >>> t_interval(0.0, 1.0, dof=63).hi.__round__(4)
    1.9983
    """
    if not se >= 0:
        raise ValueError(f"se must not be negative, got {se}.")
    if dof < 1:
        raise ValueError(f"dof must be at least 1, got {dof}.")
    _require_level(level)
    half_width = float(stdtrit(dof, (1 + level) / 2)) * se
    return Interval(estimate, estimate - half_width, estimate + half_width)


def mean_interval(mean: float, variance: float, n: int, *, level: float = 0.95) -> Interval:
    """Student-t interval of a mean of independent values.

    Parameters
    ----------
    mean, variance
        Sample mean, and sample variance with the n - 1 divisor (unit squared).
    n
        Number of independent values, at least 2.
    level
        Coverage, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `n`, `variance` or `level` is out of range.

    Notes
    -----
    ``mean -/+ t[n-1, (1+level)/2] * sqrt(variance / n)``; exact for normal values, and
    asymptotically valid otherwise.

    Examples
    --------
    >>> interval = mean_interval(mean=0.1, variance=0.04, n=4)
    >>> round(interval.lo, 4), round(interval.hi, 4)
    (-0.2182, 0.4182)
    """
    if n < 2:
        raise ValueError(f"n must be at least 2 to estimate a variance, got {n}.")
    if not variance >= 0:
        raise ValueError(f"variance must not be negative, got {variance}.")
    return t_interval(mean, sqrt(variance / n), n - 1, level=level)


def wilson_interval(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Wilson score interval of a proportion: the one to show, close to nominal on average.

    Parameters
    ----------
    successes, n
        Counts with ``0 <= successes <= n`` and ``n > 0``. Fractions are allowed, so that both
        may be divided by a design effect.
    level
        Coverage, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `n`, `successes` or `level` is out of range.

    Notes
    -----
    The roots in p of ``|p_hat - p| = z sqrt(p (1 - p) / n)``. Wilson (1927), JASA 22:209-212.

    Examples
    --------
    >>> interval = wilson_interval(7, 50)
    >>> round(interval.lo, 4), round(interval.hi, 4)
    (0.0695, 0.2619)
    """
    _require_counts(successes, n)
    _require_level(level)
    p, z2 = successes / n, float(ndtri((1 + level) / 2)) ** 2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half_width = sqrt(z2 * (p * (1 - p) + z2 / (4 * n)) / n) / (1 + z2 / n)
    # Rounding must not push an end past the estimate at 0 or n successes.
    return Interval(p, min(p, max(0.0, centre - half_width)), max(p, min(1.0, centre + half_width)))


def clopper_pearson_interval(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Clopper-Pearson interval of a proportion: covers at least `level`, and is wide for it.

    Parameters
    ----------
    successes, n
        Counts with ``0 <= successes <= n`` and ``n > 0``.
    level
        Coverage, strictly between 0 and 1, half of the remainder on each side.

    Raises
    ------
    ValueError
        If `n`, `successes` or `level` is out of range.

    Notes
    -----
    Beta quantiles: ``B(a/2; x, n-x+1)`` and ``B(1-a/2; x+1, n-x)`` with ``a = 1 - level``.
    Clopper and Pearson (1934), Biometrika 26:404-413.

    Examples
    --------
    >>> interval = clopper_pearson_interval(7, 50)
    >>> round(interval.lo, 4), round(interval.hi, 4)
    (0.0582, 0.2674)
    """
    _require_counts(successes, n)
    _require_level(level)
    upper = clopper_pearson_upper(successes, n, level=(1 + level) / 2)
    lower = 1 - clopper_pearson_upper(n - successes, n, level=(1 + level) / 2)
    return Interval(successes / n, lower, upper)


def clopper_pearson_upper(successes: float, n: float, *, level: float = 0.95) -> float:
    """One-sided upper bound of a proportion; the true value lies below it `level` of the time.

    Parameters
    ----------
    successes, n
        Counts with ``0 <= successes <= n`` and ``n > 0``.
    level
        Coverage, strictly between 0 and 1, all of the remainder above.

    Raises
    ------
    ValueError
        If `n`, `successes` or `level` is out of range.

    Notes
    -----
    ``B(level; x + 1, n - x)``, and 1 when ``x = n``. With no successes this is about ``3 / n``.
    Clopper and Pearson (1934), Biometrika 26:404-413.

    Examples
    --------
    >>> round(clopper_pearson_upper(12, 200), 4)
    0.0954
    """
    _require_counts(successes, n)
    _require_level(level)
    if successes == n:
        return 1.0
    return float(betaincinv(successes + 1, n - successes, level))


def _require_counts(successes: float, n: float) -> None:
    if not n > 0:
        raise ValueError(f"n must be positive, got {n}.")
    if not 0 <= successes <= n:
        raise ValueError(f"successes must fulfil 0 <= successes <= n = {n}, got {successes}.")


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
