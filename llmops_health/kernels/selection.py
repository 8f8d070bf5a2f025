"""Which candidates to add to a set, and which of its items are spare. No scoring, no text."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BLOCK_ROWS = 64  # stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen candidates in the order they were chosen.

    `gains` holds what each one added: similarity for `facility_location`, the distance to
    everything chosen before for `k_center_greedy`.
    """

    indices: npt.NDArray[np.intp]
    gains: npt.NDArray[np.float64]


def cosine_similarity(left: npt.ArrayLike, right: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the cosine of every pair of unit vectors, opposite directions counted as 0.

    Parameters
    ----------
    left, right : array-like, shapes (n, d) and (m, d)
        Rows of length 1, or 0 for no content.

    Returns
    -------
    ndarray, shape (n, m)
        Values in [0, 1].

    Raises
    ------
    ValueError
        For other shapes.

    Examples
    --------
    >>> cosine_similarity([[1.0, 0.0]], [[0.6, 0.8], [-1.0, 0.0]]).tolist()
    [[0.6, 0.0]]
    """
    rows, columns = np.asarray(left, np.float64), np.asarray(right, np.float64)
    if rows.ndim != 2 or columns.ndim != 2 or rows.shape[1] != columns.shape[1]:
        raise ValueError(
            "Arguments left and right must have shapes (n, d) and (m, d), "
            f"got {rows.shape} and {columns.shape}."
        )
    cosine = rows @ columns.T
    return np.clip(cosine, 0.0, 1.0, out=cosine)


def facility_location(
    similarity: npt.ArrayLike, k: int, *, already: npt.ArrayLike | None = None
) -> Selection:
    """Choose k candidates that represent all points best, greedily.

    Parameters
    ----------
    similarity : array-like, shape (n_candidates, n_points)
        Similarity >= 0 of candidate i to point j. For traffic weights, multiply the columns.
    k : int
        Number to choose, 0 <= k <= n_candidates.
    already : array-like, shape (n_points, n_existing), optional
        Similarity of the points to a set that exists. What it represents brings no gain.
        Columns of `similarity` that were weighted need rows here with the same weights.

    Returns
    -------
    Selection
        Gains never rise. Ties go to the first candidate.

    Raises
    ------
    ValueError
        For other shapes, negative or undefined similarity, or k out of range.

    Notes
    -----
    Maximises f(S) = sum_j max_{i in S} s_ij; greedy reaches at least 1 - 1/e of the optimum.
    A gain can only shrink as S grows, so a stale gain is an upper bound and most candidates
    are never looked at twice. Source: Minoux (1978), "Accelerated greedy algorithms".

    Examples
    --------
    >>> similarity = [[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]]
    >>> facility_location(similarity, 2).indices.tolist()
    [0, 2]
    >>> facility_location(similarity, 1, already=[[1.0], [0.9], [0.0]]).indices.tolist()
    [2]
    """
    matrix = _similarities("similarity", similarity)
    n_candidates, n_points = matrix.shape
    if not 0 <= k <= n_candidates:
        raise ValueError(f"Argument k must fulfil 0 <= k <= {n_candidates}, got {k}.")
    best = np.zeros(n_points)
    if already is not None:
        existing = _similarities("already", already)
        if len(existing) != n_points:
            raise ValueError(f"Argument already must have {n_points} rows, got {len(existing)}.")
        best = existing.max(axis=1, initial=0.0)
    bounds = np.empty(n_candidates)
    for start in range(0, n_candidates, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        bounds[block] = _gains(matrix[block], best)
    queue = [(-bound, index) for index, bound in enumerate(bounds.tolist())]
    heapq.heapify(queue)
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < k:
        index = queue[0][1]
        gain = float(_gains(matrix[index], best))
        heapq.heapreplace(queue, (-gain, index))
        if queue[0][1] == index:
            heapq.heappop(queue)
            chosen.append(index)
            gains.append(gain)
            np.maximum(best, matrix[index], out=best)
    return Selection(np.array(chosen, dtype=np.intp), np.array(gains))


def marginal_gains(similarity: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return what the set would lose without each one of its items.

    Parameters
    ----------
    similarity : array-like, shape (n_items, n_points)
        Similarity >= 0 of item i to point j; points are production, or the items themselves.

    Returns
    -------
    ndarray, shape (n_items,)
        Facility-location gain of the item given all others; 0 for an exact copy.

    Raises
    ------
    ValueError
        For another shape, or negative or undefined similarity.

    Notes
    -----
    f(S) - f(S without i) = sum over the points that i represents best of (best - second best).
    Two copies both have gain 0: retire one, then compute again.

    Examples
    --------
    >>> marginal_gains([[1.0, 0.75], [0.75, 1.0]]).tolist()
    [0.25, 0.25]
    """
    matrix = _similarities("similarity", similarity)
    if not matrix.size:
        return np.zeros(len(matrix))
    best_item = matrix.argmax(axis=0)
    second = np.partition(matrix, -2, axis=0)[-2] if len(matrix) > 1 else 0.0
    gains = np.zeros(len(matrix))
    np.add.at(gains, best_item, matrix.max(axis=0) - second)
    return gains


def k_center_greedy(
    x: npt.ArrayLike, k: int, *, existing: npt.ArrayLike | None = None
) -> Selection:
    """Choose k points, each the one farthest from everything chosen before.

    Finds outliers: good to audit what a set leaves out, poor to refresh it.

    Parameters
    ----------
    x : array-like, shape (n, d)
        Candidates.
    k : int
        Number to choose, 0 <= k <= n.
    existing : array-like, shape (m, d), optional
        Points chosen beforehand. Without any, the first choice is the point nearest to the
        mean, with the distance infinity.

    Returns
    -------
    Selection
        `gains` are the Euclidean distances to the nearest point chosen before.

    Raises
    ------
    ValueError
        For other shapes, or k out of range.

    Notes
    -----
    Within twice the optimal radius. Source: Gonzalez (1985), Theoretical Computer Science 38.

    Examples
    --------
    >>> k_center_greedy([[0.0], [1.0], [9.0]], 2, existing=[[0.0]]).indices.tolist()
    [2, 1]
    """
    points = np.asarray(x, dtype=np.float64)
    if points.ndim != 2 or not 0 <= k <= len(points):
        raise ValueError(
            f"Arguments x and k must have shape (n, d) and fulfil 0 <= k <= n, "
            f"got {points.shape} and {k}."
        )
    nearest = np.full(len(points), np.inf)
    first = int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1))) if k else -1
    if existing is not None:
        nearest = _nearest_distance(points, np.asarray(existing, dtype=np.float64))
    indices = np.zeros(k, dtype=np.intp)
    distances = np.zeros(k)
    for step in range(k):
        index = first if np.isinf(nearest[0]) else int(nearest.argmax())
        indices[step], distances[step] = index, nearest[index]
        nearest = np.minimum(nearest, np.linalg.norm(points - points[index], axis=1))
        # Among copies all distances become 0; a point must not be chosen twice.
        nearest[index] = -1.0
    return Selection(indices, distances)


def _gains(
    similarity: npt.NDArray[np.float64], best: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return what one candidate, or each of several, adds to what is represented already."""
    gain = similarity - best
    return np.asarray(np.maximum(gain, 0.0, out=gain).sum(axis=-1))


def _similarities(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or not np.all(matrix >= 0):
        raise ValueError(
            f"Argument {name} must be a matrix of similarities >= 0, got shape {matrix.shape}"
            f"{'' if matrix.ndim != 2 else ' with negative or undefined values'}."
        )
    return matrix


def _nearest_distance(
    points: npt.NDArray[np.float64], existing: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    if existing.ndim != 2 or existing.shape[1] != points.shape[1]:
        raise ValueError(
            f"Argument existing must have shape (m, {points.shape[1]}), got {existing.shape}."
        )
    if not len(existing):
        return np.full(len(points), np.inf)
    cross = -2 * (points @ existing.T) + np.einsum("ij,ij->i", existing, existing)
    squared = cross.min(axis=1) + np.einsum("ij,ij->i", points, points)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
