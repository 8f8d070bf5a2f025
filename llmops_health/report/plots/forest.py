"""Drawing a `Forest`: an effect and its interval per row, and the zone of what is too small."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from llmops_health.figures import Forest, ForestRow
from llmops_health.report.plots import axes, rows
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import Canvas, Shape
from llmops_health.report.plots.rows import Row
from llmops_health.report.plots.scales import Scale, Unit, domain, is_known, known, number

_Answer = Literal["moved", "fine", "cannot tell"]

_MOST_ROWS = 24
_MOVED: tuple[Shape, str] = ("diamond", "p-fill-other")
_KEYS: dict[_Answer, KeyItem] = {
    "moved": (_MOVED, "moved"),
    "fine": ("dot", "fine"),
    "cannot tell": ("hollow", "cannot tell"),
}
_FIRST = {"moved": 2.0, "cannot tell": 1.0}


def draw(figure: Forest) -> Canvas:
    """Draw the figure, as high as its rows need."""
    canvas = Canvas(0.0)
    shown, others = rows.telling(figure.rows, _MOST_ROWS, _rank)
    values = [one.effect.value for one in shown]
    unit = Unit.of(figure.unit, max(map(abs, known(values)), default=0.0))
    top = axes.head(canvas, "", _key(figure, shown)) - 6
    table = [
        Row(one.label, (reading, number(one.n, 1)), is_strong=one.answer == "moved")
        for one, reading in zip(shown, unit.column(values, signed=True), strict=True)
    ]
    at, middles = rows.write(canvas, table, top, unit, ("", "n"))
    words = axes.quantity(figure.measure, unit)
    canvas.height = at.bottom + axes.axis_room(words) + (rows.MORE if others else 4)
    range_ = _range(figure, shown)
    x = axes.numbers_axis(canvas, range_, figure.unit, words, at, is_gridded=True)
    _zone(canvas, figure, at, x)
    if not shown:
        axes.nothing(canvas, at, "No effect to show.")
    for one, middle in zip(shown, middles, strict=True):
        _effect(canvas, one, middle, x)
    if others:
        canvas.text(0, canvas.height - 5, _rest(others), "start", "p-soft")
    return canvas


def _rank(one: ForestRow) -> tuple[float, float]:
    return _FIRST.get(one.answer, 0.0), 0.0


def _range(figure: Forest, shown: list[ForestRow]) -> tuple[float, float]:
    values = known([*(one.effect.value for one in shown), figure.zone_lo, figure.zone_hi])
    lo, hi = domain([0.0, *values], rows.ends(one.effect for one in shown))
    air = 0.04 * (hi - lo)
    return lo - air, hi + air


def _key(figure: Forest, shown: list[ForestRow]) -> list[KeyItem]:
    items = [item for answer, item in _KEYS.items() if any(one.answer == answer for one in shown)]
    if is_known(figure.zone_lo) or is_known(figure.zone_hi):
        items.append(("season", "within the margin"))
    return items


def _zone(canvas: Canvas, figure: Forest, at: Frame, x: Scale) -> None:
    lo, hi = figure.zone_lo, figure.zone_hi
    if is_known(lo) or is_known(hi):
        left = x(lo) if is_known(lo) else at.left
        right = x(hi) if is_known(hi) else at.right
        canvas.rectangle(left, at.top, right, at.bottom, "p-season")
        for place in (x(end) for end in (lo, hi) if is_known(end)):
            canvas.line((place, at.top), (place, at.bottom), "p-edge")
    canvas.line((x(0.0), at.top), (x(0.0), at.bottom), "p-axis")


def _effect(canvas: Canvas, one: ForestRow, middle: float, x: Scale) -> None:
    moved = one.answer == "moved"
    look = "p-whisker-other" if moved else "p-whisker"
    rows.interval(canvas, one.effect, middle, x, look)
    if not is_known(one.effect.value):
        return
    place = [(x(one.effect.value), middle)]
    if moved:
        canvas.shapes(place, *_MOVED)
    elif one.answer == "fine":
        canvas.dots(place, "p-mark")
    else:
        canvas.rings(place)


def _rest(others: list[ForestRow]) -> str:
    many = Counter(one.answer for one in others)
    parts = ", ".join(f"{many[answer]} {answer}" for answer in _KEYS if many[answer])
    return f"{len(others)} more: {parts}"
