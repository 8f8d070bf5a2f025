"""Drawing a `RiskCoverage`: how wrong the accepted calls are, the more of them a gate accepts."""

from __future__ import annotations

from math import floor

from llmops_health.figures import GatePoint, RiskCoverage
from llmops_health.report.plots import axes
from llmops_health.report.plots.axes import Frame
from llmops_health.report.plots.canvas import WIDTH, Canvas, Place, Point, Shape
from llmops_health.report.plots.lettering import width
from llmops_health.report.plots.scales import Scale, domain, is_known, known, number

HEIGHT = 260.0


def draw(figure: RiskCoverage) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(HEIGHT)
    points = sorted(
        (one for one in figure.points if is_known(one.share) and is_known(one.error)),
        key=lambda one: (one.share, -one.gate),
    )
    banded = any(is_known(one.lo) and is_known(one.hi) for one in points)
    top = axes.head(
        canvas, "wrong among the accepted", [("band", "interval of each gate")] if banded else ()
    )
    at = axes.frame(
        canvas, _range(figure, points), "share", top=top, bottom=HEIGHT - 38, right=WIDTH - 8
    )
    shares = known([one.share for one in (*points, *_marked(figure))])
    least = max(0.0, min(0.8, floor(10 * min(shares, default=0.0) + 1e-9) / 10))
    x = axes.numbers_axis(canvas, (least, 1.0), "share", "share of calls accepted", at)
    _curve(canvas, points, at, x)
    _promise(canvas, figure, at)
    _gates(canvas, figure, at, x)
    if points:
        _name_ends(canvas, figure, points, at, x)
    else:
        axes.nothing(canvas, at, "No gate accepts a labelled call.")
    return canvas


def _marked(figure: RiskCoverage) -> list[GatePoint]:
    return [
        one
        for one in (figure.in_force, figure.to_set)
        if one is not None and is_known(one.share) and is_known(one.error)
    ]


def _range(figure: RiskCoverage, points: list[GatePoint]) -> tuple[float, float]:
    marked = _marked(figure)
    errors = known([*(one.error for one in (*points, *marked)), figure.max_error])
    ends = known([one.hi for one in points])
    lo, hi = domain([0.0, *errors], ends, floor_at=0.0, ceiling_at=1.0)
    return lo, hi


def _curve(canvas: Canvas, points: list[GatePoint], at: Frame, x: Scale) -> None:
    upper: list[Point | None] = []
    lower: list[Point | None] = []
    for one in points:
        is_there = is_known(one.lo) and is_known(one.hi)
        upper.append((x(one.share), at.y(one.hi)) if is_there else None)
        lower.append((x(one.share), at.y(one.lo)) if is_there else None)
    line = [(x(one.share), at.y(one.error)) for one in points]
    canvas.area(upper, lower, "p-band")
    canvas.polyline(line, "p-line")
    if len(points) == 1:
        canvas.dots(line, "p-mark")


def _promise(canvas: Canvas, figure: RiskCoverage, at: Frame) -> None:
    if not is_known(figure.max_error):
        return
    level = at.y(figure.max_error)
    canvas.line((at.left, level), (at.right, level), "p-limit")
    places: list[Place] = [
        (at.left + 4, level - 5, "start"),
        (at.right - 4, level - 5, "end"),
        (at.left + 4, level + 14, "start"),
        (at.right - 4, level + 14, "end"),
    ]
    inside = [place for place in places if place[1] > at.top + 8]
    canvas.label(inside, f"promised: at most {at.unit.read(figure.max_error)}", "p-soft")


def _gates(canvas: Canvas, figure: RiskCoverage, at: Frame, x: Scale) -> None:
    in_force, to_set = figure.in_force, figure.to_set
    if in_force and to_set and in_force.gate == to_set.gate:
        _gate(canvas, in_force, "in force, and right", "square", "p-fill", at, x)
        return
    if in_force:
        _gate(canvas, in_force, "in force", "square", "p-fill", at, x)
    if to_set:
        _gate(canvas, to_set, "to set", "diamond", "p-fill-other", at, x)


def _gate(
    canvas: Canvas, one: GatePoint, words: str, shape: Shape, look: str, at: Frame, x: Scale
) -> None:
    if not is_known(one.share) or not is_known(one.error):
        return
    place, level = x(one.share), at.y(one.error)
    canvas.line((place, level), (place, at.bottom), "p-edge")
    canvas.shapes([(place, level)], shape, look)
    name = f"gate {number(one.gate, 0.01)} {words}"
    _beside(canvas, name, "p-strong", (place, level), at)


def _beside(canvas: Canvas, words: str, look: str, point: Point, at: Frame) -> None:
    """Write near a point: left and right of it, then farther up and down, within the frame."""
    x, y = point
    half = width(words, strong=look == "p-strong") / 2
    middle = min(max(x, at.left + half + 2), at.right - half)
    places: list[Place] = [
        (x - 8, y - 7, "end"),
        (x + 8, y + 15, "start"),
        (x - 8, y + 15, "end"),
        (x + 8, y - 7, "start"),
        *((middle, y + off, "middle") for off in (-12, 22, -28, 38, -44, 54, -60, 70)),
    ]
    inside = [place for place in places if at.top + 9 <= place[1] <= at.bottom - 4]
    canvas.label(inside, words, look)


def _name_ends(
    canvas: Canvas, figure: RiskCoverage, points: list[GatePoint], at: Frame, x: Scale
) -> None:
    named = {one.gate for one in _marked(figure)}
    for one in dict.fromkeys((points[0], points[-1])):
        if one.gate not in named:
            words = f"gate {number(one.gate, 0.01)}"
            _beside(canvas, words, "p-soft", (x(one.share), at.y(one.error)), at)
