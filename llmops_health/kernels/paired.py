"""Did the same items change: tests of paired differences, one difference per item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, ndtr, ndtri, stdtr, stdtrit

_EXACT_UP_TO = 60


@dataclass(frozen=True, slots=True)
class PairedChange:
    """Mean difference with its interval, two-sided p of the t and of the signed-rank test."""

    mean: float
    lo: float
    hi: float
    sd: float
    n: int
    p_t: float
    p_signed_rank: float


def paired_change(differences: ArrayLike, *, level: float = 0.95) -> PairedChange:
    """Test whether paired differences are centred on zero.

    Parameters
    ----------
    differences
        Now minus before, one per item, finite, shape (n_items,), at least 2.
    level
        Coverage of the t interval, strictly between 0 and 1.

    Returns
    -------
    PairedChange
        Differences that do not vary have p_t 0, or 1 where all are zero: rest on the
        signed-rank test then.

    Raises
    ------
    ValueError
        If `differences` has another shape or is not finite, or `level` is out of range.

    Examples
    --------
    >>> change = paired_change([0.4, 0.5, 0.3, 0.6, 0.5, 0.4, 0.7, 0.2])
    >>> round(change.mean, 2), round(change.p_t, 5), round(change.p_signed_rank, 4)
    (0.45, 0.0001, 0.0078)
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or len(d) < 2 or not np.isfinite(d).all():
        raise ValueError(f"differences must be at least 2 finite values, got shape {d.shape}.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    n, mean, sd = len(d), float(d.mean()), float(d.std(ddof=1))
    se = sd / np.sqrt(n)
    if se > 1e-12 * abs(mean):
        p_t = 2 * float(stdtr(n - 1, -abs(mean) / se))
    else:
        p_t = 0.0 if mean else 1.0
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * se
    return PairedChange(mean, mean - reach, mean + reach, sd, n, p_t, signed_rank(d))


def signed_rank(differences: ArrayLike) -> float:
    """Wilcoxon's signed-rank test, two-sided p.

    Parameters
    ----------
    differences
        One per item, finite, shape (n_items,). Zeros say nothing and are left out; without
        others p is 1.

    Raises
    ------
    ValueError
        If `differences` is not a finite vector.

    Notes
    -----
    Up to 60 differences exact, also with ties: the sums of doubled mid-ranks under all 2^n signs,
    by convolution. Above, normal with the variance of the tied ranks and continuity correction.
    Wilcoxon (1945), Biometrics Bulletin 1:80-83.

    Examples
    --------
    >>> signed_rank([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    0.0078125
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError(f"differences must be a finite vector, got shape {d.shape}.")
    d = d[d != 0]
    if not len(d):
        return 1.0
    ranks = _doubled_ranks(np.abs(d))
    total = int(ranks.sum())
    smaller = int(min(ranks[d > 0].sum(), ranks[d < 0].sum()))
    if len(d) <= _EXACT_UP_TO:
        ways = np.zeros(total + 1)
        ways[0] = 1.0
        for rank in ranks:
            ways[rank:] += ways[:-rank].copy()
        p = 2 * float(ways[: smaller + 1].sum() / ways.sum())
    else:
        z = (smaller - total / 2 + 1.0) / np.sqrt(float((ranks.astype(np.float64) ** 2).sum()) / 4)
        p = 2 * float(ndtr(min(z, 0.0)))
    return min(1.0, p)


def _doubled_ranks(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Twice the mid-ranks: whole numbers, ties share theirs."""
    _, place, count = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((2 * last - count + 1)[place], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class BinaryChange:
    """Change of a share on the same items, Tango's interval, mid-p of McNemar's test.

    `p_fall` is small where more items were lost than won, `p_rise` where more were won.
    """

    mean: float
    lo: float
    hi: float
    n: int
    p_two_sided: float
    p_fall: float
    p_rise: float


def binary_change(n_lost: int, n_won: int, n: int, *, level: float = 0.95) -> BinaryChange:
    """Compare right and wrong on the same items before and after.

    Parameters
    ----------
    n_lost, n_won
        Items right before and wrong after, and the reverse; both >= 0.
    n
        All items seen both times, at least 1 and at least `n_lost + n_won`.
    level
        Coverage of the interval, strictly between 0 and 1.

    Returns
    -------
    BinaryChange
        The mean is ``(n_won - n_lost) / n``, in shares.

    Raises
    ------
    ValueError
        If a count or `level` is out of range.

    Notes
    -----
    Mid-p: ``P(X > n_lost) + P(X = n_lost) / 2`` for X ~ Bin(n_lost + n_won, 1/2). McNemar (1947),
    Psychometrika 12:153-157; Fagerland, Lydersen and Laake (2013), BMC Med. Res. Methodol. 13:91.
    The interval inverts the score test of the difference, by bisection; with no discordant items
    it is ``-/+ z^2 / (n + z^2)``. Tango (1998), Statistics in Medicine 17:891-908.

    Examples
    --------
    >>> change = binary_change(25, 12, 400)
    >>> round(change.lo, 4), round(change.hi, 4), round(change.p_two_sided, 4)
    (-0.0644, -0.0028, 0.0336)
    """
    if n_lost < 0 or n_won < 0 or n < max(1, n_lost + n_won):
        raise ValueError(
            "n must be at least 1 and n_lost + n_won, and no count negative, got "
            f"{n_lost}, {n_won} of {n}."
        )
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    mean, z = (n_won - n_lost) / n, float(ndtri((1 + level) / 2))
    p_fall, p_rise = _mid_p(n_lost, n_won), _mid_p(n_won, n_lost)
    lo, hi = -_furthest(n_lost, n_won, n, z), _furthest(n_won, n_lost, n, z)
    return BinaryChange(mean, lo, hi, n, min(1.0, 2 * min(p_fall, p_rise)), p_fall, p_rise)


def _mid_p(more: int, fewer: int) -> float:
    """P(X > more) + P(X = more) / 2 of X ~ Bin(more + fewer, 1/2)."""
    total = more + fewer
    at_least = float(bdtrc(more - 1, total, 0.5)) if more else 1.0
    return (at_least + float(bdtrc(more, total, 0.5) if fewer else 0.0)) / 2


def _furthest(n_won: int, n_lost: int, n: int, z: float) -> float:
    """Largest difference that the score test does not reject, in shares."""
    lo, hi = (n_won - n_lost) / n, 1.0
    for _ in range(60):
        middle = (lo + hi) / 2
        half = (n_won + n_lost - (2 * n - n_won + n_lost) * middle) / 2
        root = np.sqrt(max(half * half + 2 * n * n_lost * middle * (1 - middle), 0.0))
        p_lost = (half + root) / (2 * n)
        variance = n * (2 * p_lost + middle * (1 - middle))
        is_inside = n * middle - n_won + n_lost <= z * np.sqrt(max(variance, 0.0))
        lo, hi = (middle, hi) if is_inside else (lo, middle)
    return lo


@dataclass(frozen=True, slots=True)
class ClusteredChange:
    """Mean difference with its cluster-robust error, t interval and p of each side."""

    mean: float
    se: float
    lo: float
    hi: float
    n: int
    n_clusters: int
    p_fall: float
    p_rise: float


def clustered_change(
    differences: ArrayLike, clusters: ArrayLike | None = None, *, level: float = 0.95
) -> ClusteredChange:
    """Test paired differences of items that come in groups of one passage, template or user.

    Parameters
    ----------
    differences
        After minus before, one per item, finite, shape (n_items,). Average the trials of an item
        first: they are no items of their own.
    clusters
        Group of each item, integers from 0 on, shape (n_items,); left out: each is its own.
    level
        Coverage of the interval, strictly between 0 and 1.

    Returns
    -------
    ClusteredChange
        Differences that do not vary have se 0 and a p of 0, 0.5 or 1: rest on a test of signs or
        ranks then.

    Raises
    ------
    ValueError
        If shapes do not match, there are fewer than 2 clusters, a value is not finite, or `level`
        is out of range.

    Notes
    -----
    ``SE = sqrt(C / (C - 1) sum_c (sum_{i in c} (d_i - mean))^2) / n``, interval and p with
    t[C - 1]. Miller (2024), "Adding Error Bars to Evals", arXiv:2411.00640; the factor C / (C - 1)
    as in Inspect AI.

    Examples
    --------
    >>> change = clustered_change([0.0, 0.0, -1.0, -1.0, 0.0, 0.0], [0, 0, 1, 1, 2, 2])
    >>> round(change.mean, 3), round(change.se, 3), change.n_clusters
    (-0.333, 0.333, 3)
    """
    d = np.asarray(differences, dtype=np.float64)
    group = np.arange(d.size) if clusters is None else np.asarray(clusters)
    if d.ndim != 1 or group.shape != d.shape or not np.isfinite(d).all():
        raise ValueError(
            f"differences must be a finite vector with a cluster each, got {d.shape}, "
            f"{group.shape}."
        )
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    n, n_clusters = len(d), len(np.unique(group))
    if n_clusters < 2:
        raise ValueError(f"Differences must lie in at least 2 clusters, got {n_clusters}.")
    mean = float(d.mean())
    sums = np.bincount(np.unique(group, return_inverse=True)[1], d - mean)
    se = float(np.sqrt(n_clusters / (n_clusters - 1) * (sums**2).sum())) / n
    if se > 1e-12 * abs(mean):
        p_fall = float(stdtr(n_clusters - 1, mean / se))
    else:
        se, p_fall = 0.0, 0.5 * (1 + float(np.sign(mean)))
    reach = float(stdtrit(n_clusters - 1, (1 + level) / 2)) * se
    return ClusteredChange(mean, se, mean - reach, mean + reach, n, n_clusters, p_fall, 1 - p_fall)
