"""Stated confidence against accuracy as one signed number, with calls clustered by user.

Whether confidence is right bin by bin is `calibration`; here over- and underconfidence cancel.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, exp, pi, sinh, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr, ndtri

from llmops_health.kernels.calibration import ConfidenceBins, debiased_l2, equal_mass_edges
from llmops_health.kernels.intervals import Interval, t_interval
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters

_FEW_BUCKETS = 10


@dataclass(frozen=True, slots=True)
class ConfidenceGap:
    """Mean of confidence minus correctness (probability); above 0 means overconfident.

    `lo` and `hi` are the interval, `p_over` the chance of as many errors if confidence were right
    or too low, `deff` the design effect in both, `n_clusters` equally large buckets.
    """

    gap: float
    lo: float
    hi: float
    p_over: float
    n: int
    errors: int
    deff: float
    n_clusters: float


def confidence_gap(
    bins: ConfidenceBins, bucket_sums: ArrayLike, *, deff: float = 1.0, level: float = 0.95
) -> ConfidenceGap:
    """Measure overconfidence.

    Parameters
    ----------
    bins
        Labelled calls per confidence bin; at least one call.
    bucket_sums
        The same calls per bucket of users, shape (n_buckets, 5) with the columns of
        `gap_design_effect`; only the sizes of the buckets are read.
    deff
        Design effect of clustered calls, at least 1: see `gap_design_effect`.
    level
        Coverage of the interval, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If there are no calls or an argument is out of range.

    Notes
    -----
    ``gap = (sum conf - correct) / n``, interval ``gap -/+ t[G-1] sqrt(deff var(conf - y) / n)``
    with G the effective number of buckets. ``p_over`` is the upper tail of the number of errors
    where a call errs with probability 1 - confidence, counts divided by `deff`.

    Examples
    --------
    >>> bins = ConfidenceBins.by_value([0.9] * 200, [1] * 160 + [0] * 40)
    >>> gap = confidence_gap(bins, [[50, 40, 45, 40.5, 36]] * 4)
    >>> round(gap.gap, 3), f"{gap.p_over:.1e}", gap.errors
    (0.1, '1.7e-05', 40)
    """
    if not deff >= 1:
        raise ValueError(f"deff must be at least 1, got {deff}.")
    cells, matrix = bins.occupied(), _sums(bucket_sums)
    names = ("n", "n_correct", "sum_conf", "sum_conf_sq", "sum_conf_correct")
    total = np.array([getattr(cells, name).sum() for name in names])
    gap, se_iid = _gap_and_se(total)
    clusters = effective_clusters(np.maximum(matrix[:, 0], 0))
    interval = t_interval(gap, sqrt(deff) * se_iid, max(1, round(clusters) - 1), level=level)
    errors = float(total[0] - total[1])
    p_over = error_tail(errors / deff, cells.n / deff, np.clip(1 - cells.mean_conf, 0, 1))
    return ConfidenceGap(
        gap, interval.lo, interval.hi, p_over, round(total[0]), round(errors), deff, clusters
    )


def error_tail(errors: float, n: ArrayLike, p_error: ArrayLike) -> float:
    """Chance of at least `errors` errors among calls that err independently.

    Parameters
    ----------
    errors
        Observed errors, not negative; fractions are allowed, so that all may be divided by a
        design effect.
    n, p_error
        Calls and their probability of an error, 0-1, per group, shape (groups,).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Saddlepoint approximation of the Poisson binomial with continuity correction, good to a few
    per cent of the probability far into the tail. Daniels (1987), Int. Statist. Rev. 55:37-48.

    Examples
    --------
    >>> f"{error_tail(40, [200], [0.1]):.4e}"  # binomial: 1.7007e-05
    '1.7013e-05'
    """
    size, p = np.asarray(n, dtype=np.float64), np.asarray(p_error, dtype=np.float64)
    if size.shape != p.shape or size.ndim != 1 or not (np.all(size >= 0) and errors >= 0):
        raise ValueError("n and p_error must be (groups,) alike, n and errors not negative.")
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p_error must lie in 0-1, got {p.min()} to {p.max()}.")
    target = errors - 0.5 - float(size[p == 1].sum())
    size, log_odds = size[(p > 0) & (p < 1)], logit(p[(p > 0) & (p < 1)])
    if target <= 0:
        return 1.0
    if target >= size.sum():
        return 0.0

    def tilted(t: float) -> NDArray[np.float64]:
        return np.asarray(expit(t + log_odds))

    from scipy.optimize import brentq  # noqa: PLC0415 - half a second of import

    t = float(brentq(lambda t: (size * tilted(t)).sum() - target, -60, 60))
    at = tilted(t)
    cumulant = (size * (np.logaddexp(0, t + log_odds) - np.logaddexp(0, log_odds))).sum()
    w = copysign(sqrt(max(2 * (t * target - float(cumulant)), 0.0)), t)
    if abs(w) < 1e-3:
        return 0.5
    u = 2 * sinh(t / 2) * sqrt(float((size * at * (1 - at)).sum()))
    density = exp(-w * w / 2) / sqrt(2 * pi)
    return float(np.clip(ndtr(-w) + density * (1 / u - 1 / w), 0, 1))


def gap_design_effect(sums: ArrayLike) -> float:
    """Design effect of `confidence_gap` from the bucket jackknife; 1 where it cannot be told.

    Parameters
    ----------
    sums
        Shape (n_buckets, 5): calls, correct calls, and sums of confidence, of its square, and of
        confidence over correct calls. Rows may be negative as long as the totals can occur. At
        least 10 buckets must hold calls, else the result is 1: with fewer, the jackknife's own
        error exceeds what it measures.

    Raises
    ------
    ValueError
        If `sums` has another shape or holds no calls.
    """
    matrix = _sums(sums)
    _, se_iid = _gap_and_se(matrix.sum(axis=0))
    if np.count_nonzero(matrix[:, 0] > 0) < _FEW_BUCKETS or se_iid == 0:
        return 1.0
    jackknifed = bucket_jackknife(
        np.column_stack([matrix[:, 2] - matrix[:, 1], matrix[:, 0]]),
        lambda s: np.asarray(s[..., 0] / s[..., 1]),
    )
    return max(1.0, (jackknifed.se / se_iid) ** 2)


def scaled_design_effect(deff: float, rows: ArrayLike, rows_now: ArrayLike) -> float:
    """Carry a design effect from one window to another of the same users.

    Parameters
    ----------
    deff
        Design effect of the first window, at least 1.
    rows, rows_now
        Calls per bucket in the first and in the other window, shape (n_buckets,), not negative.

    Raises
    ------
    ValueError
        If `deff` is below 1.

    Notes
    -----
    ``1 + (deff - 1) (m' - 1) / (m - 1)`` with m the mean bucket size that a call sees,
    ``sum n^2 / sum n``: the intraclass correlation stays, the clusters shrink. Kish (1965).

    Examples
    --------
    >>> round(scaled_design_effect(3.0, [20, 20], [5, 5]), 3)
    1.421
    """
    if not deff >= 1:
        raise ValueError(f"deff must be at least 1, got {deff}.")
    before, now = _mean_size(rows), _mean_size(rows_now)
    return 1 + (deff - 1) * max(0.0, now - 1) / (before - 1) if before > 1 else deff


def rms_gap_interval(
    bins: ConfidenceBins, n_groups: int = 15, *, deff: float = 1.0, level: float = 0.95
) -> Interval:
    """Root of `debiased_l2` with its interval: how far confidence is off, either way.

    Parameters
    ----------
    bins
        Labelled calls per confidence bin, at least 2 calls.
    n_groups
        Groups of about equal counts.
    deff
        Design effect of clustered calls, at least 1.
    level
        Coverage, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If there are fewer than 2 calls or an argument is out of range.

    Notes
    -----
    The squared error is a sum of ``w (d^2 - v)`` with d the gap of a group and v its variance, so
    its own variance is ``sum w^2 (4 d^2 v + 2 v^2)``; ends below 0 become 0 before the root. Under
    perfect calibration the lower end is 0 most of the time; test that with `miscalibration_null`.

    Examples
    --------
    >>> bins = ConfidenceBins.by_value([0.9] * 200 + [0.6] * 200, [1] * 320 + [0] * 80)
    >>> interval = rms_gap_interval(bins)
    >>> round(interval.estimate, 3), round(interval.lo, 3), round(interval.hi, 3)
    (0.066, 0.051, 0.079)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    squared = debiased_l2(bins, n_groups, deff=deff)
    cells = bins.occupied()
    groups = cells.coarsen(equal_mass_edges(cells.n, n_groups))
    weight, accuracy = groups.n / groups.total, groups.accuracy
    # Half a call away from 0 and 1: a group without errors does not prove that there are none.
    clear = (groups.n * accuracy + 0.5) / (groups.n + 1)
    noise = deff * clear * (1 - clear) / np.maximum(groups.n - 1, 1)
    gap = groups.mean_conf - accuracy
    se = sqrt(float((weight**2 * (4 * gap**2 * noise + 2 * noise**2)).sum()))
    reach = float(ndtri((1 + level) / 2)) * se
    lo, estimate, hi = (sqrt(max(0.0, squared + step)) for step in (-reach, 0.0, reach))
    return Interval(estimate, lo, hi)


def _mean_size(rows: ArrayLike) -> float:
    counts = np.maximum(np.asarray(rows, dtype=np.float64), 0)
    return float((counts**2).sum() / counts.sum()) if counts.any() else 0.0


def _gap_and_se(total: NDArray[np.float64]) -> tuple[float, float]:
    n, correct, conf, conf_sq, conf_correct = (float(value) for value in total)
    gap = (conf - correct) / n
    variance = (conf_sq - 2 * conf_correct + correct) / n - gap**2
    return gap, sqrt(max(variance, 0.0) / n)


def _sums(sums: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(sums, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != 5:
        raise ValueError(f"sums must be a (n_buckets, 5) array, got {matrix.shape}.")
    total = matrix.sum(axis=0)
    if not (total[0] > 0 and 0 <= total[1] <= total[0]):
        raise ValueError(f"sums must hold calls, and no more correct than all, got {total[:2]}.")
    return matrix
