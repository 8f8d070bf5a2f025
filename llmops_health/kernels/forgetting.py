"""What later versions of a model no longer do: forgetting, backward transfer, negative flips.

Scores are per version and item or task, in order of time. Which loss matters is for the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Forgetting:
    """Last version minus the best before, per item that both scored (`items`: which).

    `best` are the versions (rows) that each half of the items was compared with.
    """

    differences: _Floats
    items: npt.NDArray[np.int64]
    best: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Flips:
    """Shares of the items: right before and wrong after, and changed either way.

    `relative` is the first over what two unrelated models of these accuracies would have; nan
    where they would have none.
    """

    negative: float
    churn: float
    relative: float
    n: int


def forgetting(scores: npt.ArrayLike, halves: npt.ArrayLike) -> Forgetting | None:
    """Compare the last version with the best before, chosen on the other half of the items.

    Parameters
    ----------
    scores
        Shape (n_versions, n_items), oldest first, at least 2 versions; nan where not scored.
    halves
        Half of each item, 0 or 1, shape (n_items,). Items of one group belong in one half.

    Returns
    -------
    Forgetting or None
        None where a half has no item that the last version and an earlier one scored.

    Raises
    ------
    ValueError
        For other shapes or halves.

    Notes
    -----
    Forgetting is ``F = max_{l<t} a_l - a_t``; the mean of `differences` estimates ``-F``. A
    maximum of noisy scores is too high, so each half only says which version was best, and the
    other half says by how much. Chaudhry et al. (2018), "Riemannian Walk for Incremental
    Learning", arXiv:1801.10112.

    Examples
    --------
    >>> found = forgetting([[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1]], [0, 0, 1, 1])
    >>> found.differences.tolist(), found.best
    ([-1.0, 0.0, -1.0, 0.0], (1, 1))
    """
    rows = np.asarray(scores, dtype=np.float64)
    half = np.asarray(halves)
    if rows.ndim != 2 or len(rows) < 2 or half.shape != rows.shape[1:]:
        raise ValueError(
            f"scores must be (2 or more versions, items) with a half each, got {rows.shape}, "
            f"{half.shape}."
        )
    if not np.isin(half, (0, 1)).all():
        raise ValueError("halves must be 0 or 1.")
    change = rows[-1] - rows[:-1]
    seen = ~np.isnan(change)
    best: list[int] = []
    for one in (0, 1):
        inside = seen & (half == one)
        n = inside.sum(axis=1)
        if not n.any():
            return None
        mean = np.where(inside, change, 0.0).sum(axis=1) / np.maximum(n, 1)
        best.append(int(np.where(n > 0, mean, np.inf).argmin()))
    other = np.where(half == 0, best[1], best[0])
    differences = change[other, np.arange(len(half))]
    items = np.flatnonzero(~np.isnan(differences))
    if not len(items):
        return None
    return Forgetting(differences[items], items, (best[1], best[0]))


def backward_transfer(scores: npt.ArrayLike, learned_at: npt.ArrayLike) -> float:
    """Mean change of the tasks' scores since each was learned; negative: they were forgotten.

    Parameters
    ----------
    scores
        Shape (n_versions, n_tasks), oldest first.
    learned_at
        Version (row) after which each task counts as learned, shape (n_tasks,).

    Returns
    -------
    float
        Over the tasks scored then and last; nan if there is none.

    Raises
    ------
    ValueError
        For other shapes or rows out of range.

    Notes
    -----
    ``BWT = mean_k (a_{t,k} - a_{k,k})``. Lopez-Paz and Ranzato (2017), "Gradient Episodic Memory
    for Continual Learning", arXiv:1706.08840.

    Examples
    --------
    >>> backward_transfer([[0.75, 0.0], [0.5, 0.5]], [0, 1])
    -0.125
    """
    rows, since = np.asarray(scores, dtype=np.float64), np.asarray(learned_at, dtype=np.int64)
    if rows.ndim != 2 or since.shape != rows.shape[1:]:
        raise ValueError(
            f"scores must be (versions, tasks), a row each, got {rows.shape}, {since.shape}."
        )
    if not ((since >= 0) & (since < len(rows))).all():
        raise ValueError(f"learned_at must be rows 0 to {len(rows) - 1}, got {since.tolist()}.")
    change = rows[-1] - rows[since, np.arange(len(since))]
    known = change[~np.isnan(change)]
    return float(known.mean()) if len(known) else float("nan")


def flips(before: npt.ArrayLike, after: npt.ArrayLike) -> Flips:
    """Count items that were right and became wrong, and those that changed at all.

    Parameters
    ----------
    before, after
        True or 1 where right, shape (n_items,), at least 1.

    Raises
    ------
    ValueError
        If the shapes do not match or there are no items.

    Notes
    -----
    Negative flip rate ``b / n``, churn ``(b + c) / n``, and the former over
    ``accuracy before x error after``. Yan et al. (2021), "Positive-Congruent Training",
    arXiv:2011.09161.

    Examples
    --------
    >>> found = flips([1, 1, 1, 0], [1, 1, 0, 1])
    >>> found.negative, found.churn
    (0.25, 0.5)
    """
    was, now = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    if was.ndim != 1 or was.shape != now.shape or not len(was):
        raise ValueError(f"Both must hold the same 1 or more items, got {was.shape}, {now.shape}.")
    negative = float((was & ~now).mean())
    unrelated = float(was.mean() * (~now).mean())
    relative = negative / unrelated if unrelated > 0 else float("nan")
    return Flips(negative, float((was != now).mean()), relative, len(was))
