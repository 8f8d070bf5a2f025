"""How much of a quality's variance each group of causes explains: R2 divided by Shapley's rule.

Everything is computed from cross-products per bucket of users, which add up over days. What the
groups are, and how much is much, belongs to the checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

Floats = NDArray[np.float64]

_MAX_GROUPS = 8
# Of a column's own variation: what is left of a column that others determine is rounding.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Shares of the variance of the outcome by group, 0-1, with bucket-jackknife intervals.

    `raw` sums up to `raw_r2`. `shares` are freed of the bias that chance gives every R2 (they may
    be below 0), `lo` and `hi` bound them, and `without` holds the values without each bucket,
    shape (n_buckets, n_groups).
    """

    raw: Floats
    raw_r2: float
    shares: Floats
    se: Floats
    lo: Floats
    hi: Floats
    r2: float
    without: Floats

    @property
    def n_buckets(self) -> int:
        """Number of buckets that hold data."""
        return len(self.without)

    def exceeds(self, group: int, other: int, margin: float = 0.0) -> float:
        """One-sided p-value that a group's share exceeds another's by no more than `margin`."""
        gap = float(self.shares[group] - self.shares[other]) - margin
        se = float(_jackknife_se((self.without[:, group] - self.without[:, other])[:, None])[0])
        if se == 0:
            return float(gap <= 0)
        return float(stdtr(self.n_buckets - 1, -gap / se))


def lmg(gram: ArrayLike, groups: Sequence[Sequence[int]]) -> Floats:
    """Divide R2 of a linear regression among groups of columns, by their mean gain over orders.

    Parameters
    ----------
    gram
        Cross-products Z'Z of ``Z = [1, x_1, ..., x_k, y]``, shape (..., k + 2, k + 2).
    groups
        Places of the columns of each group, from 1 to k, each at most once; 1 to 8 groups.

    Returns
    -------
    ndarray
        Share of the variance of y per group, shape (..., n_groups); they sum up to R2 of all
        groups. 0 where y does not vary.

    Raises
    ------
    ValueError
        If `gram` is not square and finite, or `groups` names another column, or one twice.

    Notes
    -----
    ``sum_S |S|! (g - |S| - 1)! / g! (R2(S + i) - R2(S))`` over the sets S of other groups. Columns
    that others determine add nothing. Lindeman, Merenda and Gold (1980), "Introduction to
    Bivariate and Multivariate Analysis"; Groemping (2007), Am. Statist. 61:139-147.

    Examples
    --------
    >>> z = np.array([[1, 0, 0, 0.0], [1, 0, 1, 1], [1, 1, 0, 2], [1, 1, 1, 3]])
    >>> lmg(z.T @ z, [[1], [2]]).round(6).tolist()
    [0.8, 0.2]
    """
    matrix = np.asarray(gram, dtype=np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or not np.isfinite(matrix).all():
        raise ValueError(f"gram must be square and finite, got shape {matrix.shape}.")
    n_columns = matrix.shape[-1] - 2
    listed = [place for group in groups for place in group]
    if not 1 <= len(groups) <= _MAX_GROUPS or not all(groups):
        raise ValueError(f"groups must hold 1 to {_MAX_GROUPS} groups with columns, got {groups}.")
    if len(set(listed)) != len(listed) or not all(1 <= one <= n_columns for one in listed):
        raise ValueError(f"groups must name columns 1 to {n_columns} once, got {groups}.")
    centred = _centred(matrix)
    n_groups = len(groups)
    every = range(n_groups)
    r2 = _r2_of_sets(centred, [[place - 1 for place in group] for group in groups])
    shares = np.zeros((*matrix.shape[:-2], n_groups))
    for chosen, alone in r2.items():
        size = len(chosen)
        if size == n_groups:
            continue
        weight = factorial(size) * factorial(n_groups - size - 1) / factorial(n_groups)
        for group in set(every) - set(chosen):
            shares[..., group] += weight * (r2[tuple(sorted((*chosen, group)))] - alone)
    return shares


def attribute(
    grams: ArrayLike, groups: Sequence[Sequence[int]], *, level: float = 0.95
) -> Attribution:
    """Divide R2 among groups, with intervals from the sums of each bucket of users.

    Parameters
    ----------
    grams
        Cross-products per bucket as for `lmg`, shape (n_buckets, k + 2, k + 2). Buckets without
        rows are ignored.
    groups
        As for `lmg`.
    level
        Coverage of the intervals, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If fewer than 2 buckets hold rows, `level` is out of range, or `lmg` refuses.

    Notes
    -----
    Delete-one-bucket jackknife, which also removes the bias of order 1/n: columns without effect
    explain a share of about k deff / n by chance. Intervals are Student's t with B - 1 degrees of
    freedom. Near 0 a share is not normal, and its interval is too wide rather than too narrow.
    Quenouille (1956), Biometrika 43:353-360.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(16, 50, 2))
    >>> y = x[..., :1] + rng.normal(size=(16, 50, 1))
    >>> z = np.concatenate([np.ones((16, 50, 1)), x, y], axis=2)
    >>> found = attribute(z.transpose(0, 2, 1) @ z, [[1], [2]])
    >>> found.shares.round(2).tolist(), found.exceeds(0, 1) < 1e-6
    ([0.49, 0.0], True)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    matrices = np.asarray(grams, dtype=np.float64)
    if matrices.ndim != 3:
        raise ValueError(f"grams must have shape (n_buckets, k, k), got {matrices.shape}.")
    filled = matrices[matrices[:, 0, 0] > 0]
    n_buckets = len(filled)
    if n_buckets < 2:
        raise ValueError(f"grams must fill at least 2 buckets to show an error, got {n_buckets}.")
    total = filled.sum(axis=0)
    values = lmg(np.concatenate([total[None], total - filled]), groups)
    raw, without = values[0], values[1:]
    shares = n_buckets * raw - (n_buckets - 1) * without.mean(axis=0)
    se = _jackknife_se(without)
    reach = float(stdtrit(n_buckets - 1, (1 + level) / 2)) * se
    return Attribution(
        raw=raw,
        raw_r2=float(raw.sum()),
        shares=shares,
        se=se,
        lo=shares - reach,
        hi=shares + reach,
        r2=float(shares.sum()),
        without=without,
    )


def e_value(risk_ratio: float) -> float:
    """How strong a hidden cause must be, with both sides, to explain a risk ratio away.

    Parameters
    ----------
    risk_ratio
        Positive; below 1 its inverse is taken.

    Raises
    ------
    ValueError
        If `risk_ratio` is not positive and finite.

    Notes
    -----
    ``RR + sqrt(RR (RR - 1))``. VanderWeele and Ding (2017), Ann. Intern. Med. 167:268-274.

    Examples
    --------
    >>> round(e_value(1.8), 6)
    3.0
    """
    if not 0 < risk_ratio < np.inf:
        raise ValueError(f"risk_ratio must be positive and finite, got {risk_ratio}.")
    ratio = max(risk_ratio, 1 / risk_ratio)
    return float(ratio + np.sqrt(ratio * (ratio - 1)))


def _centred(gram: Floats) -> Floats:
    """Return cross-products about the means, of x_1 ... x_k and y."""
    n = gram[..., :1, :1]
    sums = gram[..., 1:, :1]
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = gram[..., 1:, 1:] - sums * np.swapaxes(sums, -1, -2) / n
    return np.asarray(np.nan_to_num(centred))


def _r2_of_sets(centred: Floats, groups: Sequence[Sequence[int]]) -> dict[tuple[int, ...], Floats]:
    """Return the share of y's variation that each set of groups explains, shape (...)."""
    whole = np.maximum(centred[..., -1, -1], 0.0)
    own = np.maximum(np.diagonal(centred, axis1=-2, axis2=-1), 0.0)
    r2: dict[tuple[int, ...], Floats] = {}

    def add(left: Floats, chosen: tuple[int, ...]) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            explained = 1 - left[..., -1, -1] / whole
        r2[chosen] = np.where(whole > 0, np.clip(explained, 0.0, 1.0), 0.0)
        for group in range(chosen[-1] + 1 if chosen else 0, len(groups)):
            add(_swept(left, own, groups[group]), (*chosen, group))

    add(centred, ())
    return r2


def _swept(matrix: Floats, own: Floats, places: Sequence[int]) -> Floats:
    """Return the cross-products that are left when these columns have explained their part."""
    for at in places:
        pivot = matrix[..., at, at]
        usable = pivot > _TOLERANCE * own[..., at]
        row = np.where(usable[..., None], matrix[..., at, :], 0.0)
        part = row / np.where(usable, pivot, 1.0)[..., None]
        matrix = matrix - row[..., :, None] * part[..., None, :]
    return matrix


def _jackknife_se(without: Floats) -> Floats:
    n = len(without)
    squares = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt((n - 1) / n * squares))
