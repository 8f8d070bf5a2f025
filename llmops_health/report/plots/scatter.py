"""Drawing a `Scatter`: a mark per thing, as large as its rows are many."""

from __future__ import annotations

from math import sqrt

from llmops_health.figures import Estimate, Mark, Scatter
from llmops_health.report.plots import axes, limits, rows
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas, Place
from llmops_health.report.plots.lettering import shorten
from llmops_health.report.plots.scales import Scale, Unit, is_known, known, natural_domain, number

_PLOT = 210.0
_MOST_MARKS = 200
_CROWDED = 40  # marks above which they are smaller, and only the judged ones have intervals
_MOST_NAMES = 10
_NAME = 130.0
_LAST_LINE = 18.0


def draw(figure: Scatter) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(0.0)
    there = [one for one in figure.marks if is_known(one.x.value) and is_known(one.y.value)]
    shown, others = rows.telling(there, _MOST_MARKS, lambda one: (one.is_chosen, one.n))
    x_unit, y_unit = (
        Unit.of(name, max(map(abs, known(one.value for one in estimates)), default=0.0))
        for name, estimates in (
            (figure.x_unit, [one.x for one in shown]),
            (figure.y_unit, [one.y for one in shown]),
        )
    )
    top = axes.head(canvas, axes.quantity(figure.y_label, y_unit), _key(shown))
    top += limits.ROOM - 4 if is_known(figure.x_limit) else 0
    note = _note(figure, shown, len(others), len(figure.marks) - len(there))
    words = axes.quantity(figure.x_label, x_unit)
    bottom = top + _PLOT
    canvas.height = bottom + axes.axis_room(words) + (_LAST_LINE if note else 4)
    at = axes.frame(
        canvas,
        _range([one.y for one in shown], figure.y_unit, figure.y_limit),
        figure.y_unit,
        top=top,
        bottom=bottom,
        right=WIDTH - 10,
    )
    across = _range([one.x for one in shown], figure.x_unit, figure.x_limit, air=0.04)
    x = axes.numbers_axis(canvas, across, figure.x_unit, words, at)
    limits.upright(canvas, figure.x_limit, "", at, x, x_unit)
    _draw_marks(canvas, shown, at, x)
    limits.level(canvas, figure.y_limit, "", at)
    _names(canvas, shown, at, x)
    if not shown:
        axes.nothing(canvas, at, "No mark has both values.")
    if note:
        canvas.text(0, canvas.height - 5, shorten(note, WIDTH), "start", "p-soft")
    return canvas


def _range(
    estimates: list[Estimate], unit: str, limit: float | None, air: float = 0.0
) -> tuple[float, float]:
    values, ends = known(one.value for one in estimates), rows.ends(estimates)
    lo, hi = limits.reach(natural_domain(values, ends, unit), limit)
    return (lo if lo == 0 else lo - air * (hi - lo)), hi + air * (hi - lo)


def _key(shown: list[Mark]) -> list[KeyItem]:
    items: list[KeyItem] = []
    if any(one.is_chosen for one in shown):
        items.append((("diamond", "p-fill-other"), "judged"))
        if not all(one.is_chosen for one in shown):
            items.append(("dot", "others"))
    return items


def _note(figure: Scatter, shown: list[Mark], n_more: int, n_unknown: int) -> str:
    counts = [one.n for one in shown]
    parts = []
    if counts and min(counts) < max(counts):
        parts.append(f"Area: n, {number(min(counts), 1)} to {number(max(counts), 1)}")
    if n_more:
        parts.append(f"{n_more} smaller ones not shown")
    if n_unknown and n_unknown < len(figure.marks):
        parts.append(f"{n_unknown} without both values")
    return "; ".join(parts)


def _radius(one: Mark, shown: list[Mark]) -> float:
    most = max(1, *(other.n for other in shown))
    least, more = (2.4, 5.6) if len(shown) <= _CROWDED else (1.6, 3.2)
    return least + more * sqrt(max(one.n, 0) / most)


def _draw_marks(canvas: Canvas, shown: list[Mark], at: Frame, x: Scale) -> None:
    for one in sorted(shown, key=lambda mark: (mark.is_chosen, -mark.n)):
        if not is_known(one.x.value) or not is_known(one.y.value):
            continue
        place, level = x(one.x.value), at.y(one.y.value)
        if one.is_chosen or len(shown) <= _CROWDED:
            look = "p-whisker-other" if one.is_chosen else "p-whisker p-thin"
            rows.interval(canvas, one.x, level, x, look)
            if is_known(one.y.lo) and is_known(one.y.hi):
                canvas.whiskers([(place, at.y(one.y.hi), at.y(one.y.lo))], look)
        radius = _radius(one, shown)
        if one.is_chosen:
            reach = 1.35 * radius
            corners = [(0, -reach), (reach, 0), (0, reach), (-reach, 0)]
            canvas.outline([(place + a, level + b) for a, b in corners], "p-fill-other")
        else:
            canvas.disc((place, level), radius, "p-fill")


def _names(canvas: Canvas, shown: list[Mark], at: Frame, x: Scale) -> None:
    """Name the judged marks and, where there are few, the largest others, if there is room."""
    named = [one for one in shown if one.is_chosen or len(shown) <= _CROWDED]
    order = sorted(named, key=lambda one: (-one.is_chosen, -one.n))
    for one in order[:_MOST_NAMES]:
        if not is_known(one.x.value) or not is_known(one.y.value):
            continue
        place, level, off = x(one.x.value), at.y(one.y.value), _radius(one, shown) + 4
        places: list[Place] = [
            (place + off, level + 4, "start"),
            (place - off, level + 4, "end"),
            (place, level - off, "middle"),
            (place, level + off + 9, "middle"),
            (place + off, level - off, "start"),
            (place - off, level - off, "end"),
        ]
        inside = [spot for spot in places if at.top + 9 <= spot[1] <= at.bottom - 4]
        look = "p-strong" if one.is_chosen else "p-soft"
        canvas.label(inside, shorten(one.label, _NAME, strong=one.is_chosen), look)
