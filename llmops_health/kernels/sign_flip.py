"""Are paired differences centred on zero: the randomisation test that flips whole clusters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ROUNDING = 1e-12


def cluster_sign_flip(
    differences: ArrayLike, clusters: ArrayLike, *, n_flips: int = 9_999, seed: int = 0
) -> NDArray[np.float64]:
    """Two-sided p of the sum of paired differences, for several measures at once.

    Parameters
    ----------
    differences
        One side minus the other, a row per pair and a column per measure, shape (n_pairs,) or
        (n_pairs, n_measures). nan is a pair that does not know the measure: it counts as 0.
    clusters
        Group of each pair (a user, a shared control), shape (n_pairs,), any labels. The pairs of
        a cluster change sign together.
    n_flips
        Random assignments of signs, at least 1. No p is below ``1 / (n_flips + 1)``, nor below
        ``2 / 2^n_clusters``.
    seed
        Seed of the signs; all measures share them.

    Returns
    -------
    NDArray
        p per measure, shape (n_measures,); a single one for a vector of differences.

    Raises
    ------
    ValueError
        If shapes do not match, a difference is infinite, or there are no pairs.

    Notes
    -----
    ``(1 + #{|sum_c s_c D_c| >= |sum_c D_c|}) / (n_flips + 1)``, D_c the sum of cluster c and s_c
    its sign: exact where the clusters' differences are symmetric about zero. Canay, Romano and
    Shaikh (2017), Econometrica 85:1013-1030.

    Examples
    --------
    >>> cluster_sign_flip([1.0, 2.0, 1.0, 3.0, 2.0, 1.0, 2.0, 1.0], np.arange(8)).round(3).tolist()
    [0.008]
    """
    values = np.asarray(differences, dtype=np.float64)
    groups = np.asarray(clusters)
    matrix = values[:, None] if values.ndim == 1 else values
    if matrix.ndim != 2 or groups.shape != matrix.shape[:1] or not len(matrix):
        raise ValueError(
            f"differences must be (n_pairs, n_measures) with a cluster each, got {values.shape}, "
            f"{groups.shape}."
        )
    if np.isinf(matrix).any():
        raise ValueError("differences must not be infinite.")
    if n_flips < 1:
        raise ValueError(f"n_flips must be at least 1, got {n_flips}.")
    label = np.unique(groups, return_inverse=True)[1]
    sums = np.zeros((int(label.max()) + 1, matrix.shape[1]))
    np.add.at(sums, label, np.nan_to_num(matrix))
    seen = np.abs(sums.sum(axis=0))
    flipped = np.abs(_signs(len(sums), n_flips, seed) @ sums)
    as_large = (flipped >= seen * (1 - _ROUNDING) - _ROUNDING).sum(axis=0)
    return np.asarray((1 + as_large) / (n_flips + 1))


@lru_cache(maxsize=4)
def _signs(n_clusters: int, n_flips: int, seed: int) -> NDArray[np.float64]:
    """Random signs, shape (n_flips, n_clusters); kept, because days share their number."""
    signs = np.random.default_rng(seed).choice([-1, 1], (n_flips, n_clusters))
    return signs.astype(np.float64)
