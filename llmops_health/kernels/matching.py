"""Pairs of like units from two groups, and how alike the groups are.

Similarities are given: what makes units alike, and which may be paired at all, is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Nearest controls of each unit, the nearest first, shape (n_units, k).

    `control` is -1 and `similarity` -inf where there are fewer than k within the caliper.
    """

    control: NDArray[np.int64]
    similarity: NDArray[np.float64]


def nearest_controls(
    similarity: ArrayLike, caliper: float, k: int = 1, *, allowed: ArrayLike | None = None
) -> Matches:
    """Find the k most similar controls of each unit, with replacement.

    Parameters
    ----------
    similarity
        Similarity of each unit (row) to each control (column), shape (n_units, n_controls), any
        scale on which more is nearer; for distances, pass their negatives.
    caliper
        Least similarity of a match; -inf for none.
    k
        Controls per unit, at least 1.
    allowed
        Which pairs may be matched, shape of `similarity`; left out: all.

    Raises
    ------
    ValueError
        If shapes do not match, `k` is below 1, or `similarity` or `caliper` is nan.

    Notes
    -----
    A control may serve several units: their differences are not independent, so take errors by
    clusters of controls. Rosenbaum and Rubin (1985), Am. Stat. 39:33-38, on calipers.

    Examples
    --------
    >>> found = nearest_controls([[0.9, 0.2, 0.8], [0.1, 0.3, 0.2]], caliper=0.5, k=2)
    >>> found.control.tolist()
    [[0, 2], [-1, -1]]
    """
    near = np.array(similarity, dtype=np.float64)
    if near.ndim != 2 or np.isnan(near).any() or np.isnan(caliper):
        raise ValueError(f"similarity must be (n_units, n_controls) without nan, got {near.shape}.")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}.")
    if allowed is not None:
        mask = np.asarray(allowed, dtype=np.bool_)
        if mask.shape != near.shape:
            raise ValueError(f"allowed must have shape {near.shape}, got {mask.shape}.")
        near[~mask] = -np.inf
    near[near < caliper] = -np.inf
    k_found = min(k, near.shape[1])
    if k_found < near.shape[1]:
        top = np.argpartition(-near, k_found - 1, axis=1)[:, :k_found]
    else:
        top = np.tile(np.arange(near.shape[1]), (len(near), 1))
    values = np.take_along_axis(near, top, axis=1)
    # Ties go to the first control, so that the order of the partition does not show.
    order = np.lexsort((top, -values), axis=1)
    top, values = np.take_along_axis(top, order, 1), np.take_along_axis(values, order, 1)
    control = np.full((len(near), k), -1, dtype=np.int64)
    found = np.full((len(near), k), -np.inf)
    control[:, :k_found] = np.where(np.isfinite(values), top, -1)
    found[:, :k_found] = values
    return Matches(control, found)


def standardized_difference(
    x: ArrayLike, y: ArrayLike, y_weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Difference of means in standard deviations, per covariate: how unlike two groups are.

    Parameters
    ----------
    x, y
        Covariates of each group, shape (n,) or (n, n_covariates), finite, at least 2 rows each.
    y_weights
        Weights of the rows of `y` in its mean, not negative; left out: all alike. The standard
        deviations are always those without weights, so that weighting cannot hide a difference.

    Returns
    -------
    NDArray
        Shape (n_covariates,); 0 where a covariate does not vary and the means agree.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, or weights do not add up to more than 0.

    Notes
    -----
    ``(mean x - mean y) / sqrt((var x + var y) / 2)``; above 0.1 in size groups are usually not
    called balanced. Austin (2009), Statistics in Medicine 28:3083-3107.

    Examples
    --------
    >>> standardized_difference([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]).tolist()
    [-1.0]
    """
    a, b = (np.asarray(side, dtype=np.float64) for side in (x, y))
    a, b = (side[:, None] if side.ndim == 1 else side for side in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"x and y need the same covariates and 2 rows, got {a.shape}, {b.shape}.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("x and y must be finite.")
    weights = np.ones(len(b)) if y_weights is None else np.asarray(y_weights, dtype=np.float64)
    if weights.shape != (len(b),) or not (weights >= 0).all() or not weights.sum() > 0:
        raise ValueError(f"y_weights must be {len(b)} weights with a sum above 0.")
    gap = a.mean(axis=0) - (weights @ b) / weights.sum()
    sd = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.abs(gap) > 1e-12, gap / sd, 0.0))
