"""Requests as trees of spans: what is clipped, what is waited for, and where the time goes.

Critical and exclusive time of every span, from arrays. `sql/summary/summary__stage_times.sql` does
the same inside the engine and is held to this. How long requests would take if a stage were
faster is `span_replay`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

ASYNC_MS = 10.0
ASYNC_SHARE = 0.01
OVERLAP_MS = 1.0

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SpanTrees:
    """Spans of many requests, each array of shape (n_spans,).

    `parent` is the place of the parent, -1 of a request's first span. `depth` is 0 there, and -1
    of spans that no request reaches (cycles, and what lies below them): nothing is told of those.
    `start` and `end` are clipped to the parent, in ms. `is_waited_for` is false of spans that
    outlast their parent by more than clocks differ: those keep their own interval.
    """

    parent: Ints
    depth: Ints
    start: Floats
    end: Floats
    is_waited_for: Flags

    @property
    def roots(self) -> Ints:
        """Places of the requests' first spans."""
        return np.flatnonzero(self.depth == 0)

    @property
    def freed(self) -> Floats:
        """From when on a sibling may be taken to have followed, in ms."""
        return self.end - np.minimum(OVERLAP_MS, (self.end - self.start) / 2)

    def on_path(self) -> Ints:
        """Places of the spans that a path may take: waited for, and not of no length."""
        lasts = self.is_waited_for & (self.end > self.start)
        return np.flatnonzero((self.depth > 0) & lasts)


def span_trees(parent: ArrayLike, start: ArrayLike, duration: ArrayLike) -> SpanTrees:
    """Walk from each request down its spans, level by level.

    Parameters
    ----------
    parent
        Place of each span's parent in these arrays, -1 for the first span of a request; shape
        (n_spans,). Spans whose parent was lost have to be given one before.
    start, duration
        In ms on one clock per request; shape (n_spans,). A duration below 0 counts as 0.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite, or a parent is not among the spans.

    Notes
    -----
    A span that ends more than max(10 ms, 1 % of the parent) after its parent was not waited for.
    Of all others, what lies outside of the parent is the clocks' and cut off.

    Examples
    --------
    >>> trees = span_trees([-1, 0, 0], [0, -3, 90], [100, 50, 500])
    >>> trees.start.tolist(), trees.end.tolist(), trees.is_waited_for.tolist()
    ([0.0, 0.0, 90.0], [100.0, 47.0, 590.0], [True, True, False])
    """
    above = np.asarray(parent, dtype=np.int64)
    began = np.asarray(start, dtype=np.float64)
    lasted = np.maximum(np.asarray(duration, dtype=np.float64), 0.0)
    if not (above.ndim == 1 and above.shape == began.shape == lasted.shape):
        raise ValueError(
            "parent, start and duration must be vectors of one length, got "
            f"{above.shape}, {began.shape}, {lasted.shape}."
        )
    if not (np.isfinite(began).all() and np.isfinite(lasted).all()):
        raise ValueError("start and duration must be finite, got one that is not.")
    if ((above < -1) | (above >= len(above))).any():
        raise ValueError(f"parent must be -1 or a place in 0-{len(above) - 1}.")
    ended = began + lasted
    slack = np.maximum(ASYNC_MS, ASYNC_SHARE * lasted)
    is_root = above < 0
    waited = is_root | (ended <= (ended + slack)[above])
    lo, hi = began.copy(), ended.copy()
    depth = np.where(is_root, 0, -1)
    level = 0
    while True:
        at = np.flatnonzero((depth < 0) & (depth[above] == level) & ~is_root)
        if not at.size:
            return SpanTrees(above, depth, lo, hi, waited)
        cut = at[waited[at]]
        lo[cut] = np.clip(lo[cut], lo[above[cut]], hi[above[cut]])
        hi[cut] = np.clip(hi[cut], lo[above[cut]], hi[above[cut]])
        level += 1
        depth[at] = level


def exclusive_times(trees: SpanTrees) -> Floats:
    """Time of each span that none of its children covers.

    Returns
    -------
    NDArray
        In ms, shape (n_spans,); nan where `depth` is -1.

    Notes
    -----
    Duration less the union of the children that are waited for.

    Examples
    --------
    >>> exclusive_times(span_trees([-1, 0, 0], [0, 10, 30], [100, 40, 30])).tolist()
    [50.0, 40.0, 30.0]
    """
    own = np.where(trees.depth < 0, np.nan, trees.end - trees.start)
    for parent, children in _families(trees, trees.start).items():
        covered_to = -np.inf
        for child in children:
            begin = max(float(trees.start[child]), covered_to)
            own[parent] -= max(0.0, float(trees.end[child]) - begin)
            covered_to = max(covered_to, float(trees.end[child]))
    return own


def critical_times(trees: SpanTrees) -> Floats:
    """Time that each request spent waiting for each of its spans.

    Returns
    -------
    NDArray
        In ms, shape (n_spans,); 0 off the path, nan where `depth` is -1. The spans of a request
        add up to its duration, to 1 ms for each overlap that rounding made.

    Notes
    -----
    From a span's end backwards, its child that ended last has the path, then, from that one's
    beginning, the child that had ended last by then; what remains is the span's own. Ties go to
    the longer child. Rounded times make steps overlap that follow each other: a child may end
    1 ms, and at most half of itself, after the next began, and is cut off there. As in Jaeger's
    critical path, and Zhang et al. (2022), "CRISP", USENIX ATC.

    Examples
    --------
    >>> critical_times(span_trees([-1, 0, 0], [0, 10, 30], [100, 40, 30])).tolist()
    [70.0, 0.0, 30.0]
    """
    freed = trees.freed
    families = _families(trees, freed)
    found = np.where(trees.depth < 0, np.nan, 0.0)
    waiting = [(int(root), float(trees.end[root] - trees.start[root])) for root in trees.roots]
    while waiting:
        span, own = waiting.pop()
        at = float(trees.end[span])
        for child in reversed(families.get(span, [])):
            if freed[child] <= at:
                lasted = min(float(trees.end[child]), at) - float(trees.start[child])
                at = float(trees.start[child])
                own -= lasted
                waiting.append((child, lasted))
        found[span] = max(0.0, own)
    return found


def _families(trees: SpanTrees, order: Floats) -> dict[int, list[int]]:
    """Children of each span that a path may take, in this order and then the longer one last."""
    places = trees.on_path()
    places = places[np.lexsort((-trees.start[places], order[places]))]
    families: dict[int, list[int]] = {}
    for place in places.tolist():
        families.setdefault(int(trees.parent[place]), []).append(place)
    return families
