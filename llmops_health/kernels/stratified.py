"""Means of two arms compared within strata, from counts and sums per bucket of users.

What the arms and the strata are belongs to the checks. An estimate here is an association: it
says what differs at equal strata, not what would happen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from llmops_health.kernels.intervals import t_interval
from llmops_health.kernels.jackknife import effective_clusters

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StratifiedContrast:
    """Difference of means (arm 1 minus arm 0) within strata, in the unit of the values.

    `mean_0` and `mean_1` are the arms' means over the compared strata, weighted alike. `overlap`
    is the share of arm 1's rows that lie in strata with both arms. `p_fall` and `p_rise` are
    one-sided.
    """

    estimate: float
    se: float
    lo: float
    hi: float
    p_fall: float
    p_rise: float
    mean_0: float
    mean_1: float
    overlap: float
    n_0: float
    n_1: float
    n_buckets: int


def within_strata(n: ArrayLike, sum_y: ArrayLike, *, weights: str = "overlap") -> Floats:
    """Return the weighted mean over strata of the difference of two arms' means.

    Parameters
    ----------
    n, sum_y
        Rows and sums per stratum and arm, shape (..., n_strata, 2).
    weights
        "overlap": ``n_0 n_1 / (n_0 + n_1)``, which is least squares with a level per stratum;
        "size": ``n_0 + n_1``, which is post-stratification to both arms together. Strata without
        one of the arms have no weight.

    Raises
    ------
    ValueError
        If shapes differ or do not end with 2 arms, or `weights` is another word.

    Examples
    --------
    >>> within_strata([[10, 10], [10, 30]], [[5, 4], [9, 24]], weights="size").round(4).item()
    -0.1
    """
    rows, sums = np.asarray(n, dtype=np.float64), np.asarray(sum_y, dtype=np.float64)
    if rows.shape != sums.shape or rows.ndim < 2 or rows.shape[-1] != 2:
        raise ValueError(f"n and sum_y must be (..., n_strata, 2), got {rows.shape}, {sums.shape}.")
    means, weight = _means_and_weights(rows, sums, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = ((means[..., 1] - means[..., 0]) * weight).sum(axis=-1) / weight.sum(axis=-1)
    return np.asarray(gap)


def stratified_contrast(
    n: ArrayLike, sum_y: ArrayLike, *, level: float = 0.95
) -> StratifiedContrast | None:
    """Compare two arms within strata, with the error that whole buckets of users give it.

    Parameters
    ----------
    n, sum_y
        Rows and sums per bucket, stratum and arm, shape (n_buckets, n_strata, 2).
    level
        Coverage, strictly between 0 and 1.

    Returns
    -------
    StratifiedContrast or None
        None where no stratum has both arms in every delete-one sample: there is no error then.

    Raises
    ------
    ValueError
        As `within_strata` and `t_interval`.

    Notes
    -----
    Overlap weights; delete-one-bucket jackknife, Student's t with G - 1 degrees of freedom, G the
    buckets of arm 1, the arm of interest, counted as if all were equally large: where one user
    makes a quarter of the rows, 64 buckets are no 64. Li, Morgan and Zaslavsky (2018), JASA
    113:390-400, on overlap weights; Carter, Schnepel and Steigerwald (2017), Rev. Econ. Stat.
    99:698-709, on G.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> right = rng.binomial(50, [0.8, 0.5], size=(30, 3, 2))
    >>> found = stratified_contrast(np.full((30, 3, 2), 50), right)
    >>> round(found.estimate, 1), found.p_fall < 1e-6
    (-0.3, True)
    """
    rows, sums = np.asarray(n, dtype=np.float64), np.asarray(sum_y, dtype=np.float64)
    if rows.ndim != 3:
        raise ValueError(f"n must have shape (n_buckets, n_strata, 2), got {rows.shape}.")
    held = rows.sum(axis=(1, 2)) > 0
    rows, sums = rows[held], sums[held]
    n_buckets = int((rows[..., 1].sum(axis=1) > 0).sum())
    if n_buckets < 2:
        return None
    total_n, total_y = rows.sum(axis=0), sums.sum(axis=0)
    values = within_strata(
        np.concatenate([total_n[None], total_n - rows]),
        np.concatenate([total_y[None], total_y - sums]),
    )
    if not np.isfinite(values).all():
        return None
    estimate, without = float(values[0]), values[1:]
    b = len(without)
    se = float(np.sqrt((b - 1) / b * ((without - without.mean()) ** 2).sum()))
    dof = max(1, int(effective_clusters(rows[..., 1].sum(axis=1))) - 1)
    interval = t_interval(estimate, se, dof, level=level)
    means, weight = _means_and_weights(total_n, total_y, "overlap")
    both = (total_n > 0).all(axis=-1)
    arms = (means * weight[:, None]).sum(axis=0) / weight.sum()
    t = estimate / se if se > 0 else np.copysign(np.inf, estimate) if estimate else 0.0
    return StratifiedContrast(
        estimate=estimate,
        se=se,
        lo=interval.lo,
        hi=interval.hi,
        p_fall=float(stdtr(dof, t)),
        p_rise=float(stdtr(dof, -t)),
        mean_0=float(arms[0]),
        mean_1=float(arms[1]),
        overlap=float(total_n[both, 1].sum() / total_n[:, 1].sum()),
        n_0=float(total_n[both, 0].sum()),
        n_1=float(total_n[both, 1].sum()),
        n_buckets=n_buckets,
    )


def _means_and_weights(rows: Floats, sums: Floats, weights: str) -> tuple[Floats, Floats]:
    both = np.asarray((rows > 0).all(axis=-1))
    all_rows = rows.sum(axis=-1)
    if weights == "overlap":
        weight = np.where(both, rows.prod(axis=-1) / np.where(all_rows > 0, all_rows, 1.0), 0.0)
    elif weights == "size":
        weight = np.where(both, all_rows, 0.0)
    else:
        raise ValueError(f'weights must be "overlap" or "size", got {weights!r}.')
    means = np.where(both[..., None], sums / np.where(rows > 0, rows, 1.0), 0.0)
    return means, weight
