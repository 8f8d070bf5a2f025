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
_BETWEEN = 4.0  # two texts on one line
_SHAPES = {
    "triangle": "m0-4.6l4.4 7.8h-8.8z",
    "diamond": "m0-4.8l4.8 4.8-4.8 4.8-4.8-4.8z",
    "square": "m-3.4-3.4h6.8v6.8h-6.8z",
    "tick": "m0-4v8",
    "post": "m0-7v14",
    "cut-left": "m4-3.5l-4 3.5 4 3.5",
    "cut-right": "m-4-3.5l4 3.5-4 3.5",
}
_SMALL = _SHAPES | {
    "triangle": "m0-2.6l2.4 4.2h-4.8z",
    "diamond": "m0-2.6l2.6 2.6-2.6 2.6-2.6-2.6z",
    "square": "m-2.1-2.1h4.2v4.2h-4.2z",
}
Shape = Literal["triangle", "diamond", "square", "tick", "post", "cut-left", "cut-right"]


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

    def levels(self, points: Sequence[Point | None], half: float, classes: str) -> None:
        """Draw each point as a level `2 * half` wide, with nothing between two that differ."""
        runs = _runs(_stepped(points, half))
        ends = [end for run in runs for end in zip(run[::2], run[1::2], strict=True)]
        self.path("".join(map(_route, ends)), classes)
        self._avoid(point for point in points if point is not None)

    def area(
        self, upper: Sequence[Point | None], lower: Sequence[Point | None], classes: str
    ) -> None:
        """Fill what lies between two lines over the same places; None interrupts it."""
        self.path("".join(map(_filled, _both(upper, lower))), classes)

    def stepped_area(
        self,
        upper: Sequence[Point | None],
        lower: Sequence[Point | None],
        half: float,
        classes: str,
    ) -> None:
        """Fill between two lines of levels `2 * half` wide."""
        stretches = [
            (_steps_of(above, half), _steps_of(below, half)) for above, below in _both(upper, lower)
        ]
        self.path("".join(map(_filled, stretches)), classes)

    def rectangle(self, left: float, top: float, right: float, bottom: float, classes: str) -> None:
        """Draw a rectangle."""
        wide, high = coordinate(max(right - left, 0)), coordinate(max(bottom - top, 0))
        self._elements.append(
            f'<rect class="{classes}" x="{coordinate(left)}" y="{coordinate(top)}"'
            f' width="{wide}" height="{high}"/>'
        )

    def outline(self, corners: Sequence[Point], classes: str) -> None:
        """Fill a shape by its corners."""
        self.path(f"{_route(corners)}z", classes)

    def blocks(
        self, spans: Iterable[tuple[float, float]], ends: tuple[float, float], classes: str
    ) -> None:
        """Fill stretches of a strip between two heights; each is wide enough to be seen."""
        top, bottom = ends
        self.panels(((left, top, max(right, left + 1), bottom) for left, right in spans), classes)

    def panels(self, boxes: Iterable[tuple[float, float, float, float]], classes: str) -> None:
        """Draw rectangles of one look: each its left, upper, right and lower end."""
        self.path(
            "".join(
                _route([(left, top), (right, top), (right, bottom), (left, bottom)]) + "z"
                for left, top, right, bottom in boxes
            ),
            classes,
        )

    def whiskers(self, spans: Iterable[tuple[float, float, float]], classes: str) -> None:
        """Draw upright intervals: each a place, an upper and a lower end."""
        spans = list(spans)
        self.path("".join(_route([(x, top), (x, bottom)]) for x, top, bottom in spans), classes)

    def dots(self, points: Iterable[Point], classes: str) -> None:
        """Draw round marks: lines of no length with round ends, which is the shortest way."""
        points = list(points)
        self.path(_touched(points), classes)
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
        self.path("".join(f"M{_pair(*_tenths(point))}{data}" for point in points), classes)
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
        self._texts.append(text_box(x, y, words, anchor, strong=_is_strong(look)))
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
            box = text_box(x, y, words, anchor, strong=_is_strong(look))
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
        apart = Box(box.left - _BETWEEN, box.top, box.right + _BETWEEN, box.bottom)
        return inside and not any(apart.overlaps(other) for other in self._texts)

    def _avoid(self, points: Iterable[Point]) -> None:
        self._obstacles += [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]


def _is_strong(look: str) -> bool:
    return "p-strong" in look.split()


def _tenths(point: Point) -> tuple[int, int]:
    return round(10 * point[0]), round(10 * point[1])


def _pair(x: int, y: int) -> str:
    """Write two numbers of tenths; a minus parts them as well as a space."""
    first, second = _short(x), _short(y)
    return f"{first}{second}" if second.startswith("-") else f"{first} {second}"


def _short(tenths: int) -> str:
    text = f"{abs(tenths) / 10:g}"
    return f"{'-' if tenths < 0 else ''}{text.removeprefix('0') if text != '0' else text}"


def _route(points: Sequence[Point]) -> str:
    """Return a path through points: after the first, by steps, which are short to write."""
    places = [_tenths(point) for point in points]
    parts = [f"M{_pair(*places[0])}"]
    last = ""
    for (x, y), (u, v) in pairwise(places):
        across, down = u - x, v - y
        letter = "h" if down == 0 else "v" if across == 0 else "l"
        numbers = {"h": _short(across), "v": _short(down), "l": _pair(across, down)}[letter]
        is_parted = letter != last or numbers.startswith("-")
        parts.append(f"{'' if letter == last else letter}{'' if is_parted else ' '}{numbers}")
        last = letter
    return "".join(parts)


def _touched(points: Sequence[Point]) -> str:
    """Return a path that only touches each point."""
    places = [_tenths(point) for point in points]
    steps = [f"m{_pair(u - x, v - y)}h0" for (x, y), (u, v) in pairwise(places)]
    return "".join([f"M{_pair(*places[0])}h0", *steps]) if places else ""


def _runs(points: Sequence[_T | None]) -> list[list[_T]]:
    runs: list[list[_T]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _both(
    upper: Sequence[Point | None], lower: Sequence[Point | None]
) -> list[tuple[list[Point], list[Point]]]:
    """Return the stretches where both lines are."""
    pairs = [
        None if one is None or other is None else (one, other)
        for one, other in zip(upper, lower, strict=True)
    ]
    return [([one for one, _ in run], [other for _, other in run]) for run in _runs(pairs)]


def _filled(sides: tuple[list[Point], list[Point]]) -> str:
    upper, lower = sides
    return f"{_route([*upper, *reversed(lower)])}z" if len(upper) > 1 else ""


def _steps_of(points: Sequence[Point], half: float) -> list[Point]:
    return [point for point in _stepped(points, half) if point is not None]


def _stepped(points: Sequence[Point | None], half: float) -> list[Point | None]:
    """Return both ends of each level; neighbours of one height are one level."""
    stepped: list[Point | None] = []
    height: float | None = None
    for point in points:
        if point is None:
            stepped.append(None)
            height = None
            continue
        if height is not None and abs(height - point[1]) < 0.05:
            stepped[-1] = (point[0] + half, height)
        else:
            height = point[1]
            stepped += [(point[0] - half, height), (point[0] + half, height)]
    return stepped
