"""How long requests would take if some of their spans were faster.

The order of the steps stays as it was: what began after others had ended waits for them again.
Where the time went is `span_tree`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from llmops_health.kernels.span_tree import Flags, Floats, Ints, SpanTrees


def replayed(trees: SpanTrees, pace: ArrayLike) -> Floats:
    """Durations of the requests when each span's own time is stretched or shrunk.

    Parameters
    ----------
    trees
        Spans of many requests.
    pace
        What each span's own time is multiplied by, not negative; shape (n_spans, n_cases).

    Returns
    -------
    NDArray
        In ms, shape (n_requests, n_cases), requests in the order of `trees.roots`.

    Raises
    ------
    ValueError
        If `pace` has another shape, is negative or not finite.

    Notes
    -----
    A child begins as long after the last of the siblings that had ended before it as it did, that
    time being its parent's own; a parent ends as long after the last of its children. So a
    shorter stage helps until another branch is the last to end: the next path takes over, which
    Amdahl's law of the share on the path (`capacity.amdahl_speedup`) does not know. A pace of 1
    gives every request the duration it had.

    Examples
    --------
    >>> from llmops_health.kernels.span_tree import span_trees
    >>> trees = span_trees([-1, 0, 0], [0, 0, 0], [100, 100, 80])
    >>> replayed(trees, [[1.0, 1.0], [1.0, 0.5], [1.0, 1.0]]).tolist()
    [[100.0, 80.0]]
    """
    factor = np.asarray(pace, dtype=np.float64)
    if factor.ndim != 2 or len(factor) != len(trees.parent):
        raise ValueError(
            f"pace must have shape ({len(trees.parent)}, n_cases), got {factor.shape}."
        )
    if not (np.isfinite(factor) & (factor >= 0)).all():
        raise ValueError("pace must be finite and not negative, got a value that is not.")
    lasted = (trees.end - trees.start)[:, None] * factor
    waited = trees.on_path()
    depth = trees.depth[waited]
    for level in np.unique(depth)[::-1]:
        _refit(trees, waited[depth == level], lasted, factor)
    return lasted[trees.roots]


def _refit(trees: SpanTrees, children: Ints, lasted: Floats, factor: Floats) -> None:
    """Set how long the parents of these children last, from how long the children do."""
    parents, family = np.unique(trees.parent[children], return_inverse=True)
    order, begins = _events(trees, children, family)
    n_events = 2 * np.bincount(family)
    first = np.cumsum(n_events) - n_events
    own = factor[parents]
    # When the last child that has ended did so, as it was and as it would be.
    last = trees.start[parents].copy()
    would = np.zeros(own.shape)
    ended = np.zeros((len(children), own.shape[1]))
    for step in range(int(n_events.max())):
        running = np.flatnonzero(n_events > step)
        at = order[first[running] + step]
        is_begin = begins[first[running] + step]
        of, child = running[is_begin], at[is_begin]
        place = children[child]
        gap = (trees.start[place] - last[of])[:, None]
        stretched = np.where(gap > 0, gap * own[of], gap)
        ended[child] = would[of] + stretched + lasted[place]
        of, child = running[~is_begin], at[~is_begin]
        last[of] = np.maximum(last[of], trees.end[children[child]])
        would[of] = np.maximum(would[of], ended[child])
    lasted[parents] = would + (trees.end[parents] - last)[:, None] * own


def _events(trees: SpanTrees, children: Ints, family: Ints) -> tuple[Ints, Flags]:
    """Return who begins or ends, by family and time, and which of them begin."""
    n = len(children)
    times = np.concatenate([trees.freed[children], trees.start[children]])
    begins = np.arange(2 * n) >= n
    order = np.lexsort((begins, times, np.tile(family, 2)))
    return order % n, begins[order]
