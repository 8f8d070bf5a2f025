"""Did the same items change: tests of paired differences, one difference per item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr, stdtrit

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
