"""Where rows of a `Flows` go, as lanes and bands: sums and places, nothing drawn.

Each step is a level. A flow that passes levels has a lane of its own beside each step that it
passes, so that no band runs through a step that it has nothing to do with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from llmops_health.figures import Flow, Flows

_LANE_GAP = 5.0


@dataclass(frozen=True, slots=True)
class Band:
    """A flow between two levels: where it leaves the upper and where it reaches the lower.

    `is_passing` says that it does not begin at the upper level but only passes it.
    """

    level: int
    upper: tuple[float, float]
    lower: tuple[float, float]
    is_unexplained: bool
    is_passing: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """What is said beside a step; `source` is where its rows leave the bar, if they do."""

    n: int
    words: str
    is_unexplained: bool = True
    source: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A step: its name, its rows, where its bar ends, and what is said beside it."""

    name: str
    n: int
    right: float
    ends: tuple[End, ...]


def trace(figure: Flows, width: float) -> tuple[list[Level], list[Band]]:
    """Return levels and bands for bars that are together at most `width` wide, from 0."""
    names = list(dict.fromkeys(figure.steps))
    levels = {name: at for at, name in enumerate(names)}
    flows = [one for one in figure.flows if one.n > 0]
    onward = [one for one in flows if _goes_on(one, levels)]
    n_in = [sum(one.n for one in flows if one.to == name) for name in names]
    n_out = [sum(one.n for one in flows if one.source == name) for name in names]
    sizes = [max(pair) for pair in zip(n_in, n_out, strict=True)]
    passing = [
        [one for one in onward if levels[one.source] < at < levels[one.to or ""]]
        for at in range(len(names))
    ]
    scale = min(
        (
            (width - _LANE_GAP * len(lanes)) / max(size + sum(one.n for one in lanes), 1)
            for size, lanes in zip(sizes, passing, strict=True)
        ),
        default=1.0,
    )
    scale = max(scale, 0.0)
    leaving, bands, reached = [0.0] * len(names), [], [0.0] * len(names)
    for one in sorted(onward, key=lambda flow: levels[flow.to or ""] - levels[flow.source]):
        start, stop, wide = levels[one.source], levels[one.to or ""], one.n * scale
        places = [(leaving[start], leaving[start] + wide)]
        leaving[start] += wide
        for at in range(start + 1, stop):
            left = sizes[at] * scale + _before(passing[at], one, scale)
            places.append((left, left + wide))
        places.append((reached[stop], reached[stop] + wide))
        reached[stop] += wide
        bands += [
            Band(start + off, upper, lower, one.is_unexplained, off > 0)
            for off, (upper, lower) in enumerate(pairwise(places))
        ]
    made = []
    for at, name in enumerate(names):
        ends = _ends(flows, name, levels, leaving[at], scale)
        ends += _imbalance(n_in[at], n_out[at], is_last=at == len(names) - 1)
        made.append(Level(name, sizes[at], sizes[at] * scale, tuple(ends)))
    return made, bands


def _goes_on(one: Flow, levels: dict[str, int]) -> bool:
    is_known = one.source in levels and one.to in levels
    return is_known and levels[one.to or ""] > levels[one.source]


def _before(lanes: Sequence[Flow], one: Flow, scale: float) -> float:
    """Return how far right of a step the lane of a flow starts."""
    place = next(at for at, other in enumerate(lanes) if other is one)
    return _LANE_GAP * (place + 1) + scale * sum(other.n for other in lanes[:place])


def _ends(
    flows: list[Flow], name: str, levels: dict[str, int], left: float, scale: float
) -> list[End]:
    """Return what leaves a step for no later one, and what is said of its flows."""
    ends = []
    for one in sorted(flows, key=lambda flow: (-flow.is_unexplained, -flow.n)):
        if one.source == name and not _goes_on(one, levels):
            where = f"to {one.to}" if one.to is not None else ""
            why = one.why or ("not explained" if one.is_unexplained else "end here")
            words = f"{where}: {one.why}" if where and one.why else where or why
            source = (left, left + one.n * scale)
            left = source[1]
            ends.append(End(one.n, words, one.is_unexplained, source))
        elif one.source == name and one.is_unexplained:
            ends.append(End(one.n, f"to {one.to}: {one.why or 'not explained'}"))
        elif one.to == name and one.source not in levels:
            why = f": {one.why}" if one.why else ""
            ends.append(End(one.n, f"from {one.source}{why}", one.is_unexplained))
    return ends


def _imbalance(n_in: int, n_out: int, *, is_last: bool) -> list[End]:
    """Return what a step has more on one side than on the other, where both are to be equal."""
    if n_in in {0, n_out} or (is_last and n_out == 0):
        return []
    if n_in > n_out:
        return [End(n_in - n_out, "go in and not out")]
    return [End(n_out - n_in, "go out and not in")]
