"""Drawing a `Curves`: up to six lines over a numeric axis, each named at its end.

Lines differ in mark and dash as well as in colour. Intervals are bands where points are close and
lines are few, else upright lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from llmops_health.figures import Curve, CurvePoint, Curves
from llmops_health.report.plots import axes, limits, rows
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas, Point, Shape
from llmops_health.report.plots.lettering import clean, fold, shorten, width
from llmops_health.report.plots.scales import (
    Scale,
    Unit,
    domain,
    is_known,
    known,
    natural_domain,
    number,
)

_PLOT = 200.0  # from the head to the axis
_MOST_LINES = 6
_NAMES = 108.0
_LINE = 14.0
_SAMPLE = 13.0
_CROWDED = 9.0  # units between points below which a line has no marks and intervals are a band
_BAND_LINES = 2
_SPARSE = 18.0  # units between upright intervals of crowded points
_DODGE = 2.2
_AIR = 0.02  # of the axis, beside the first and the last point
_MOST_POINTS = 280
_MARKS: tuple[tuple[Shape, str] | None, ...] = (
    None,  # a dot
    ("square", "p-fill-other"),
    ("triangle", "p-fill-ink"),
    ("diamond", "p-fill-soft"),
    None,  # a ring
    ("square", "p-fill-open"),
)
_RING = 4


@dataclass(frozen=True, slots=True)
class _Line:
    """A curve with its place among those shown, its points in order and its name in lines."""

    place: int
    points: list[CurvePoint]
    name: list[str]

    @property
    def look(self) -> str:
        return f"p-curve-{self.place + 1}"


def draw(figure: Curves) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(0.0)
    shown, others = rows.telling(figure.curves, _MOST_LINES, lambda one: (_weight(one), 0.0))
    lines = [_Line(at, _points(one), _name(one, len(shown))) for at, one in enumerate(shown)]
    every = [one for line in lines for one in line.points]
    unit = Unit.of(figure.unit, max(map(abs, known(one.y.value for one in every)), default=0.0))
    key: list[KeyItem] = []
    if len(lines) == 1:
        key = [("line", shorten(", ".join(lines[0].name), WIDTH - 20))]
    top = axes.head(canvas, axes.quantity(figure.measure, unit), key)
    bottom = top + _PLOT
    note = f"{len(others)} more lines are not shown" if others else ""
    canvas.height = bottom + axes.axis_room(figure.x_label) + (rows.MORE if note else 4)
    names = [line for one in lines for line in one.name] if len(lines) > 1 else []
    right = WIDTH - (max(map(width, names)) + _SAMPLE + 10 if names else 8)
    at = axes.frame(canvas, _range(figure, every), figure.unit, top=top, bottom=bottom, right=right)
    x = axes.numbers_axis(canvas, _across(every), "", figure.x_label, at)
    for line in lines:
        _intervals(canvas, line, lines, at, x)
    for line in lines:
        _draw_line(canvas, line, at, x)
    if names:
        _names(canvas, lines, at)
    limits.level(canvas, figure.limit, figure.limit_label, at)
    if not known(one.y.value for one in every):
        axes.nothing(canvas, at, "No line has a point.")
    if note:
        canvas.text(0, canvas.height - 5, note, "start", "p-soft")
    return canvas


def _weight(curve: Curve) -> float:
    return float(sum(one.n for one in curve.points))


def _points(curve: Curve) -> list[CurvePoint]:
    points = sorted((one for one in curve.points if is_known(one.x)), key=lambda one: one.x)
    each = max(1, ceil(len(points) / _MOST_POINTS))
    return [one for at, one in enumerate(points) if at % each == 0 or at == len(points) - 1]


def _name(curve: Curve, n_lines: int) -> list[str]:
    """Return the lines of a name; the last says how many rows are behind each point."""
    room = _NAMES if n_lines > 1 else WIDTH
    name = fold(clean(curve.label) or "unnamed", room, 2)
    counts = [one.n for one in curve.points if is_known(one.y.value)]
    if not counts:
        return [*name, "no value"]
    if n_lines > _MOST_LINES // 2:
        return name
    few, many = number(min(counts), 1), number(max(counts), 1)
    return [*name, f"n {few}" if few == many else f"n {few} to {many}"]


def _range(figure: Curves, every: list[CurvePoint]) -> tuple[float, float]:
    values, ends = known(one.y.value for one in every), rows.ends(one.y for one in every)
    return limits.reach(natural_domain(values, ends, figure.unit), figure.limit)


def _across(every: list[CurvePoint]) -> tuple[float, float]:
    places = [one.x for one in every]
    lo, hi = min(places, default=0.0), max(places, default=1.0)
    if hi <= lo:
        return domain(places)
    air = _AIR * (hi - lo)
    return lo - air, hi + air


def _spacing(points: list[Point]) -> float:
    return (points[-1][0] - points[0][0]) / (len(points) - 1) if len(points) > 1 else WIDTH


def _drawn(line: _Line, at: Frame, x: Scale) -> list[Point]:
    return [(x(one.x), at.y(one.y.value)) for one in line.points if is_known(one.y.value)]


def _intervals(canvas: Canvas, line: _Line, lines: list[_Line], at: Frame, x: Scale) -> None:
    spacing = _spacing(_drawn(line, at, x))
    spans = [
        (x(one.x), at.y(one.y.hi), at.y(one.y.lo))
        if is_known(one.y.value) and is_known(one.y.lo) and is_known(one.y.hi)
        else None
        for one in line.points
    ]
    if spacing < _CROWDED and len(lines) <= _BAND_LINES:
        upper = [(span[0], span[1]) if span else None for span in spans]
        lower = [(span[0], span[2]) if span else None for span in spans]
        canvas.area(upper, lower, "p-band-other" if line.place else "p-band")
        return
    aside = _DODGE * (line.place - (len(lines) - 1) / 2)
    each = 1 if spacing >= _CROWDED else max(1, round(_SPARSE / max(spacing, 0.1)))
    kept = spans[line.place * each // max(len(lines), 1) :: each]
    canvas.whiskers(
        ((span[0] + aside, span[1], span[2]) for span in kept if span), f"{line.look} p-solid"
    )


def _draw_line(canvas: Canvas, line: _Line, at: Frame, x: Scale) -> None:
    path = [(x(one.x), at.y(one.y.value)) if is_known(one.y.value) else None for one in line.points]
    canvas.polyline(path, line.look)
    points = _drawn(line, at, x)
    # A point between two gaps has no line, so that it needs its mark.
    alone = [
        point
        for place, point in enumerate(path)
        if point and not any(path[max(place - 1, 0) : place] + path[place + 1 : place + 2])
    ]
    _mark(canvas, line, points if _spacing(points) >= _CROWDED else alone)


def _mark(canvas: Canvas, line: _Line, points: list[Point]) -> None:
    shape = _MARKS[line.place]
    if shape is not None:
        canvas.shapes(points, *shape)
    elif line.place == _RING:
        canvas.rings(points)
    else:
        canvas.dots(points, "p-mark")


def _names(canvas: Canvas, lines: list[_Line], at: Frame) -> None:
    """Write names at the right, near the ends of their lines, moved apart where they would meet."""
    ends = []
    for line in lines:
        values = known(one.y.value for one in line.points)
        ends.append((at.y(values[-1]) if values else at.bottom, line))
    ends.sort(key=lambda end: (end[0], end[1].place))
    highs = [_LINE * len(line.name) + 2 for _, line in ends]
    tops = [end - high / 2 for (end, _), high in zip(ends, highs, strict=True)]
    for place, top in enumerate(tops):
        above = tops[place - 1] + highs[place - 1] if place else at.top - 6
        tops[place] = max(top, above)
    for place in reversed(range(len(tops))):
        below = tops[place + 1] if place + 1 < len(tops) else at.bottom + 6
        tops[place] = min(tops[place], below - highs[place])
    for (_, line), top in zip(ends, tops, strict=True):
        middle = top + _LINE / 2 + 1
        canvas.line((at.right + 4, middle), (at.right + 18, middle), line.look)
        _mark(canvas, line, [(at.right + 11, middle)])
        for place, words in enumerate(line.name):
            is_count = place == len(line.name) - 1 and words.startswith(("n ", "no value"))
            look = "p-soft" if is_count else ""
            canvas.text(at.right + 22, middle + 4 + place * _LINE, words, "start", look)
