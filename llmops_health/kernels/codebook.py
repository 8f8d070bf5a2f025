"""Cells of meaning: a frozen set of centroids on the unit sphere, and which one a vector is in.

A codebook is fitted once on a golden reference and kept. Another codebook is another series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

_BLOCK_ROWS = 8_192
_MAX_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Codebook:
    """Centroids, shape (n_cells, d), unit length up to 1e-6, and reference rows in each.

    Cells are in order of size, the largest first.
    """

    centroids: npt.NDArray[np.float64]
    n_rows: npt.NDArray[np.int64]


def suggest_cells(n: int) -> int:
    """Return a number of cells for n reference rows: sqrt(n / 2), at least 8, at most 64.

    Parameters
    ----------
    n : int
        Rows of the reference, >= 0.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If n is negative.

    Notes
    -----
    Cells then hold sqrt(2 n) rows on average: more than 10 from 50 rows on.

    Examples
    --------
    >>> suggest_cells(100), suggest_cells(2_000), suggest_cells(1_000_000)
    (8, 31, 64)
    """
    if n < 0:
        raise ValueError(f"Argument n must be >= 0, got {n}.")
    return int(np.clip(np.sqrt(n / 2), 8, 64))


def fit_codebook(x: npt.ArrayLike, n_cells: int, seed: int) -> Codebook:
    """Fit centroids by spherical k-means.

    Parameters
    ----------
    x : array-like, shape (n, d)
        Vectors; only their directions count. Rows of zeros (no content) are left out.
    n_cells : int
        Cells wanted, >= 1. There are fewer where the rows have fewer distinct directions.
    seed : int
        Seed of the starting centroids.

    Returns
    -------
    Codebook
        The same rows in the same order and the same seed give the same centroids.

    Raises
    ------
    ValueError
        For another shape, values that are not finite, no row with content, or n_cells < 1.

    Notes
    -----
    Maximises sum_i max_c <x_i, m_c>. Start: k-means++ on the sphere, where a row is drawn with
    probability proportional to 1 - max_c <x_i, m_c>, which is half its squared distance. At
    most 100 rounds. Centroids are rounded to 1e-6, so that they survive being stored as text.
    Source: Dhillon and Modha (2001), Machine Learning 42; Arthur and Vassilvitskii (2007).

    Examples
    --------
    >>> book = fit_codebook([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]], n_cells=5, seed=0)
    >>> book.centroids.tolist(), book.n_rows.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [2, 1])
    """
    rows = _matrix("x", x)
    if n_cells < 1:
        raise ValueError(f"Argument n_cells must be >= 1, got {n_cells}.")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows[length[:, 0] > 0] / length[length[:, 0] > 0]
    if not len(units):
        raise ValueError("Argument x must hold at least one row that is not zero.")
    centroids = _starting_centroids(units, n_cells, np.random.default_rng(seed))
    labels = np.full(len(units), -1)
    for _ in range(_MAX_ROUNDS):
        previous, labels = labels, assign_cells(units, centroids).astype(np.int64)
        if np.array_equal(previous, labels):
            break
        centroids = _mean_directions(units, labels, centroids)
    sizes = np.bincount(labels, minlength=len(centroids))
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    # Adding 0.0 turns -0.0 into 0.0, which would be another text.
    return Codebook(np.round(centroids[order], 6) + 0.0, sizes[order])


def assign_cells(x: npt.ArrayLike, centroids: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Return the cell of each vector: the centroid with the largest dot product.

    Parameters
    ----------
    x : array-like, shape (n, d)
        Vectors; for given centroids their length makes no difference.
    centroids : array-like, shape (n_cells, d)
        Unit rows, n_cells >= 1.

    Returns
    -------
    ndarray of int32, shape (n,)
        Cells 0 ... n_cells - 1, the first of equals; -1 for a row of zeros (no content).

    Raises
    ------
    ValueError
        For other shapes or values that are not finite.

    Examples
    --------
    >>> assign_cells([[0.6, 0.8], [0.8, 0.6], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]).tolist()
    [1, 0, -1]
    """
    rows, centres = _matrix("x", x), _matrix("centroids", centroids)
    if not len(centres) or rows.shape[1] != centres.shape[1]:
        raise ValueError(
            f"Arguments x and centroids must have shapes (n, d) and (n_cells >= 1, d), "
            f"got {rows.shape} and {centres.shape}."
        )
    cells = np.empty(len(rows), dtype=np.int32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        cells[block] = (rows[block] @ centres.T).argmax(axis=1)
    cells[~rows.any(axis=1)] = -1
    return cells


def _matrix(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or not np.all(np.isfinite(matrix)):
        raise ValueError(
            f"Argument {name} must be a matrix of finite values, got shape {matrix.shape}."
        )
    return matrix


def _starting_centroids(
    units: npt.NDArray[np.float64], n_cells: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    chosen = [int(rng.integers(len(units)))]
    farness = 1 - units @ units[chosen[0]]
    while len(chosen) < n_cells and farness.max() > 1e-9:
        mass = np.cumsum(np.where(farness > 1e-9, farness, 0.0))
        chosen.append(int(np.searchsorted(mass, rng.random() * mass[-1], side="right")))
        farness = np.minimum(farness, 1 - units @ units[chosen[-1]])
    return units[chosen]


def _mean_directions(
    units: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    centroids: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Mean direction of each cell; a cell without one (empty, or balanced) stays."""
    membership = csr_array(
        (np.ones(len(labels)), (labels, np.arange(len(labels)))),
        shape=(len(centroids), len(labels)),
    )
    sums = membership @ units
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(length > 1e-9, sums / np.maximum(length, 1e-9), centroids)
