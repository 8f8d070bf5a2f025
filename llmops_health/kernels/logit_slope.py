"""A logistic slope within groups, from counts, with an error by clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtrit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LogitSlopes:
    """Slopes per unit of each covariate (log odds) with error and interval, shape (n_x,)."""

    slope: Floats
    se: Floats
    lo: Floats
    hi: Floats
    n_clusters: int


def logit_slopes(
    right: npt.ArrayLike,
    n: npt.ArrayLike,
    x: npt.ArrayLike,
    group: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> LogitSlopes:
    """Fit ``logit P(right) = group + x slope``.

    Parameters
    ----------
    right, n
        Successes and trials of each row, ``0 <= right <= n``, ``n > 0``, shape (n_rows,).
    x
        Covariates, shape (n_rows, n_x); none may be constant within all groups.
    group, cluster
        Whole numbers from 0 on, shape (n_rows,): each group has its own level, clusters are
        independent of each other.
    level
        Coverage of the intervals, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If shapes or values are out of range, there are too few clusters, or the slopes are not
        determined.

    Notes
    -----
    Newton steps with a ridge of 1e-6; error by the sandwich over clusters with
    ``G / (G - 1)``, Student-t with G - 1 degrees. A group with no failure or no success tells
    nothing of a slope and is left out. Liang and Zeger (1986), Biometrika 73.

    Examples
    --------
    >>> found = logit_slopes([90, 50], [100, 100], [[0], [1]], [0, 0], [0, 1])
    >>> round(float(found.slope[0]), 3)
    -2.197
    """
    y, m = np.asarray(right, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = np.asarray(x, dtype=np.float64)
    g, c = np.asarray(group, dtype=np.int64), np.asarray(cluster, dtype=np.int64)
    if z.ndim != 2 or not y.shape == m.shape == g.shape == c.shape == z.shape[:1]:
        raise ValueError("right, n, group and cluster must be vectors as long as x.")
    if not ((y >= 0) & (y <= m) & (m > 0)).all() or not np.isfinite(z).all():
        raise ValueError("counts must fulfil 0 <= right <= n, n > 0, and x be finite.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    sums = np.bincount(g, weights=y), np.bincount(g, weights=m)
    kept = ((sums[0] > 0) & (sums[0] < sums[1]))[g]
    y, m, z, g, c = y[kept], m[kept], z[kept], g[kept], c[kept]
    clusters, c = np.unique(c, return_inverse=True)
    if len(clusters) < 2:
        raise ValueError(f"at least 2 clusters must tell of a slope, got {len(clusters)}.")
    centred = z - z.mean(axis=0)
    levels = (g[:, None] == np.unique(g)[None, :]).astype(np.float64)
    design = np.hstack([centred, levels])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("a covariate is constant within every group: its slope is undetermined.")
    beta = np.zeros(design.shape[1])
    bread = np.eye(len(beta))
    for _ in range(50):
        p = expit(design @ beta)
        information = (design * (m * p * (1 - p))[:, None]).T @ design
        bread = np.linalg.inv(information + 1e-6 * np.eye(len(beta)))
        step = np.clip(bread @ (design.T @ (y - m * p)), -2, 2)
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    scores = design * (y - m * expit(design @ beta))[:, None]
    meat = np.zeros((len(clusters), len(beta)))
    np.add.at(meat, c, scores)
    scale = len(clusters) / (len(clusters) - 1)
    covariance = scale * bread @ (meat.T @ meat) @ bread
    n_x = z.shape[1]
    se = np.sqrt(np.diag(covariance))[:n_x]
    reach = float(stdtrit(len(clusters) - 1, (1 + level) / 2)) * se
    slope = beta[:n_x]
    return LogitSlopes(slope, se, slope - reach, slope + reach, len(clusters))
