"""A drawing under way: the elements so far, and where text stands, so that no two texts meet.

Only shapes and classes; what is shown, and in which order, is each figure's own module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, TypeVar

from llmops_health.report.plots.lettering import Box, clean, escape, text_box

WIDTH = 420.0
"""Width of every view box; at 400 px a text is 11.4 px high."""

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
Place = tuple[float, float, Anchor]
_T = TypeVar("_T")

_MARGIN = 1.0
_SHAPES = {
    "triangle": "m0-4.6l4.4 7.8h-8.8z",
    "diamond": "m0-4.8l4.8 4.8-4.8 4.8-4.8-4.8z",
    "square": "m-3.4-3.4h6.8v6.8h-6.8z",
    "tick": "m0-4v8",
}
_SMALL = _SHAPES | {
    "triangle": "m0-2.6l2.4 4.2h-4.8z",
    "diamond": "m0-2.6l2.6 2.6-2.6 2.6-2.6-2.6z",
}
Shape = Literal["triangle", "diamond", "square", "tick"]


def coordinate(value: float) -> str:
    """Write a coordinate to one decimal.

    Examples
    --------
    >>> coordinate(2.04), coordinate(-0.01), coordinate(10.25)
    ('2', '0', '10.2')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


class Canvas:
    """Elements of an SVG in the order they were drawn."""

    def __init__(self, height: float) -> None:
        """Start an empty drawing of `WIDTH` by `height`."""
        self.height = height
        self._elements: list[str] = []
        self._texts: list[Box] = []
        self._obstacles: list[Box] = []

    @property
    def body(self) -> str:
        """The elements, as SVG."""
        return "".join(self._elements)

    def line(self, start: Point, stop: Point, classes: str) -> None:
        """Draw a straight line."""
        self.path(_route([start, stop]), classes)

    def polyline(self, points: Sequence[Point | None], classes: str) -> None:
        """Draw a line through points; None interrupts it."""
        runs = [_route(run) for run in _runs(points) if len(run) > 1]
        self.path("".join(runs), classes)
        self._obstacles += [
            Box(min(x, u), min(y, v) - 1, max(x, u), max(y, v) + 1)
            for run in _runs(points)
            for (x, y), (u, v) in pairwise(run)
            if abs(u - x) < 30
        ]

    def steps(self, points: Sequence[Point | None], half: float, classes: str) -> None:
        """Draw each point as a level `2 * half` wide, joined to its neighbours."""
        self.polyline(_stepped(points, half), classes)

    def area(
        self, upper: Sequence[Point | None], lower: Sequence[Point | None], classes: str
    ) -> None:
        """Fill what lies between two lines over the same places; None interrupts it."""
        both = [
            None if u is None or v is None else (u, v) for u, v in zip(upper, lower, strict=True)
        ]
        parts = [
            _route([u for u, _ in run] + [v for _, v in reversed(run)]) + "z"
            for run in _runs(both)
            if len(run) > 1
        ]
        self.path("".join(parts), classes)

    def stepped_area(
        self,
        upper: Sequence[Point | None],
        lower: Sequence[Point | None],
        half: float,
        classes: str,
    ) -> None:
        """Fill between two lines of levels `2 * half` wide."""
        self.area(_stepped(upper, half), _stepped(lower, half), classes)

    def rectangle(self, left: float, top: float, right: float, bottom: float, classes: str) -> None:
        """Draw a rectangle."""
        wide, high = coordinate(max(right - left, 0)), coordinate(max(bottom - top, 0))
        self._elements.append(
            f'<rect class="{classes}" x="{coordinate(left)}" y="{coordinate(top)}"'
            f' width="{wide}" height="{high}"/>'
        )

    def whiskers(self, spans: Iterable[tuple[float, float, float]], classes: str) -> None:
        """Draw upright intervals: each a place, an upper and a lower end."""
        spans = list(spans)
        self.path("".join(_route([(x, top), (x, bottom)]) for x, top, bottom in spans), classes)

    def dots(self, points: Iterable[Point], classes: str) -> None:
        """Draw round marks: lines of no length with round ends, which is the shortest way."""
        points = list(points)
        self.path("".join(f"M{_pair(point)}h0" for point in points), classes)
        self._avoid(points)

    def rings(self, points: Iterable[Point], *, small: bool = False) -> None:
        """Draw round marks that are hollow: a value that proves nothing, or a lesser day."""
        points = list(points)
        self.dots(points, "p-mark p-small" if small else "p-mark")
        self.dots(points, "p-hole p-small" if small else "p-hole")

    def disc(self, centre: Point, radius: float, classes: str) -> None:
        """Draw a round mark whose size says something."""
        x, y, r = (coordinate(value) for value in (*centre, radius))
        self._elements.append(f'<circle class="{classes}" cx="{x}" cy="{y}" r="{r}"/>')
        self._avoid([centre])

    def shapes(
        self, points: Iterable[Point], shape: Shape, classes: str, *, small: bool = False
    ) -> None:
        """Draw marks of another shape; small ones are for days that lie close."""
        points = list(points)
        data = (_SMALL if small else _SHAPES)[shape]
        self.path("".join(f"M{_pair(point)}{data}" for point in points), classes)
        self._avoid(points)

    def path(self, data: str, classes: str) -> None:
        """Draw a path, unless it is empty."""
        if data:
            self._elements.append(f'<path class="{classes}" d="{data}"/>')

    def text(
        self, x: float, y: float, words: str, anchor: Anchor = "start", look: str = ""
    ) -> None:
        """Write at a place, whatever is there; `look` is any classes."""
        words = clean(words)
        self._texts.append(text_box(x, y, words, anchor))
        classes = f' class="{look}"' if look else ""
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._elements.append(
            f'<text{classes} x="{coordinate(x)}" y="{coordinate(y)}"{anchored}>'
            f"{escape(words)}</text>"
        )

    def label(self, places: Sequence[Place], words: str, look: str = "") -> bool:
        """Write at the place that hides least, or nowhere if all would meet another text."""
        words = clean(words)
        free = []
        for order, (x, y, anchor) in enumerate(places):
            box = text_box(x, y, words, anchor)
            if self._fits(box):
                hidden = sum(box.overlaps(obstacle) for obstacle in self._obstacles)
                free.append((hidden, order))
        if not free:
            return False
        x, y, anchor = places[min(free)[1]]
        self.text(x, y, words, anchor, f"p-halo {look}".strip())
        return True

    def _fits(self, box: Box) -> bool:
        inside = (
            box.left >= -_MARGIN
            and box.right <= WIDTH + _MARGIN
            and box.top >= 0
            and box.bottom <= self.height
        )
        return inside and not any(box.overlaps(other) for other in self._texts)

    def _avoid(self, points: Iterable[Point]) -> None:
        self._obstacles += [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]


def _pair(point: Point) -> str:
    x, y = map(coordinate, point)
    return f"{x}{y}" if y.startswith("-") else f"{x} {y}"


def _route(points: Sequence[Point]) -> str:
    return "M" + "L".join(map(_pair, points))


def _runs(points: Sequence[_T | None]) -> list[list[_T]]:
    runs: list[list[_T]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _stepped(points: Sequence[Point | None], half: float) -> list[Point | None]:
    stepped: list[Point | None] = []
    for point in points:
        stepped += (
            [None] if point is None else [(point[0] - half, point[1]), (point[0] + half, point[1])]
        )
    return stepped
