"""Drawing a `Waterfall`: two levels, and between them the steps that lead from one to the other.

A step is an arrow, so that its sign needs no colour; what the steps leave open is a row too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from llmops_health.figures import Estimate, Waterfall, WaterfallStep
from llmops_health.report.plots import axes, rows
from llmops_health.report.plots.canvas import Canvas
from llmops_health.report.plots.rows import BAR, Row
from llmops_health.report.plots.scales import Scale, Unit, domain, is_known, known

_MOST_STEPS = 16
_HEAD = 5.0  # of an arrow
_LEFT = 1e-6  # share of all moves below which a remainder is rounding


@dataclass(frozen=True, slots=True)
class _Move:
    """A step from one level to another; both are the same where its size is not known."""

    label: str
    start: float
    change: Estimate
    is_open: bool = False

    @property
    def stop(self) -> float:
        return self.start + (self.change.value if is_known(self.change.value) else 0.0)


def draw(figure: Waterfall) -> Canvas:
    """Draw the figure, as high as its steps need."""
    canvas = Canvas(0.0)
    moves = list(_moves(figure))
    start, end = figure.start, figure.end
    unit = Unit.of(figure.unit, max(map(abs, known([start, end])), default=0.0))
    levels = unit.column([start, end])
    # A share changes by percentage points, not by per cent.
    moved = replace(unit, sign=" pp") if unit.sign else unit
    changes = moved.column([one.change.value for one in moves], signed=True, digits=2)
    table = [
        Row(figure.start_label, (levels[0],), is_strong=True),
        *(Row(one.label, (text,)) for one, text in zip(moves, changes, strict=True)),
        Row(figure.end_label, (levels[1],), is_strong=True),
    ]
    at, middles = rows.write(canvas, table, 2.0, unit)
    words = axes.quantity(figure.measure, unit)
    canvas.height = at.bottom + axes.axis_room(words) + 4
    x = axes.numbers_axis(canvas, _range(figure, moves), figure.unit, words, at, is_gridded=True)
    _joints(canvas, figure, moves, middles, x)
    for one, middle in zip(moves, middles[1:-1], strict=True):
        _arrow(canvas, one, middle, x)
    for level, middle in ((start, middles[0]), (end, middles[-1])):
        if is_known(level):
            canvas.shapes([(x(level), middle)], "post", "p-level")
    return canvas


def _moves(figure: Waterfall) -> Iterator[_Move]:
    """Return the steps from level to level, small ones as one, and what they leave open."""
    steps = figure.steps
    others: list[WaterfallStep] = []
    if len(steps) > _MOST_STEPS:
        shown, others = rows.telling(steps, _MOST_STEPS - 1, lambda one: (_size(one), 0.0))
        steps = tuple(shown)
    if others:
        rest = Estimate(value=sum(known(one.change.value for one in others)))
        steps = (*steps, WaterfallStep(label=f"{len(others)} smaller steps", change=rest))
    level = figure.start if is_known(figure.start) else 0.0
    for step in steps:
        move = _Move(step.label, level, step.change)
        yield move
        level = move.stop
    if is_known(figure.start) and is_known(figure.end):
        left = figure.end - level
        moved = max([abs(figure.end - figure.start), *map(_size, steps)])
        if abs(left) > _LEFT * moved:
            yield _Move("not explained", level, Estimate(value=left), is_open=True)


def _size(step: WaterfallStep) -> float:
    return abs(step.change.value) if is_known(step.change.value) else 0.0


def _range(figure: Waterfall, moves: list[_Move]) -> tuple[float, float]:
    values = known([figure.start, figure.end, *(one.stop for one in moves)])
    lo, hi = domain(values, [one.start + end for one in moves for end in rows.ends([one.change])])
    air = 0.03 * (hi - lo)
    return (lo if lo == 0 else lo - air), hi + air


def _joints(
    canvas: Canvas, figure: Waterfall, moves: list[_Move], middles: list[float], x: Scale
) -> None:
    """Join each row to the next where one ends and the other starts."""
    if not is_known(figure.start):
        return
    stops = [figure.start, *(one.stop for one in moves)]
    for stop, above, below in zip(stops, middles, middles[1:], strict=False):
        canvas.line((x(stop), above), (x(stop), below), "p-edge")


def _arrow(canvas: Canvas, one: _Move, middle: float, x: Scale) -> None:
    if not is_known(one.change.value):
        return
    start, stop = x(one.start), x(one.stop)
    look = "p-open" if one.is_open else "p-bar" if stop >= start else "p-bar-other"
    half, sign = BAR / 2, 1 if stop >= start else -1
    if abs(stop - start) < 0.5:
        canvas.line((start, middle - half), (start, middle + half), "p-guide")
    else:
        neck = stop - sign * min(_HEAD, abs(stop - start))
        corners = [
            (start, middle - half),
            (neck, middle - half),
            (stop, middle),
            (neck, middle + half),
            (start, middle + half),
        ]
        canvas.outline(corners, look)
    rows.interval(canvas, one.change, middle, x, "p-guide", one.start)
