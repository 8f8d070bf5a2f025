"""Drawing a `Parts`: a bar per part of a whole, the judged one filled, and its limit."""

from __future__ import annotations

from llmops_health.figures import Estimate, Part, Parts
from llmops_health.report.plots import axes, limits, rows
from llmops_health.report.plots.axes import KeyItem
from llmops_health.report.plots.canvas import Canvas
from llmops_health.report.plots.rows import BAR, Row
from llmops_health.report.plots.scales import Scale, Unit, is_known, known, nice_ticks

_MOST_ROWS = 18
_PERCENT = Unit.of("share", 1.0)


def draw(figure: Parts) -> Canvas:
    """Draw the figure, as high as its parts need."""
    canvas = Canvas(0.0)
    shown = _rows(figure)
    has_chosen = any(one.is_chosen for one in shown)
    key: list[KeyItem] = [("bar", "judged"), ("rest", "other parts")] if has_chosen else []
    top = axes.head(canvas, "", key) - 6 if key else 2.0
    top += limits.ROOM if is_known(figure.limit) else 0.0
    readings = _PERCENT.column([one.share.value for one in shown])
    table = [
        Row(one.label, (reading,), is_strong=one.is_chosen)
        for one, reading in zip(shown, readings, strict=True)
    ]
    at, middles = rows.write(canvas, table, top, _PERCENT)
    words = f"share of {figure.whole}" if figure.whole else "share"
    canvas.height = at.bottom + axes.axis_room(words) + 4
    range_ = limits.reach(_range(shown), figure.limit)
    x = axes.numbers_axis(canvas, range_, "share", words, at, is_gridded=True)
    for one, middle in zip(shown, middles, strict=True):
        _bar(canvas, one, middle, x, "bar" if one.is_chosen or not has_chosen else "rest")
    canvas.line((x(0.0), at.top), (x(0.0), at.bottom), "p-axis")
    limits.upright(canvas, figure.limit, "", at, x, _PERCENT)
    if not shown:
        axes.nothing(canvas, at, "No part to show.")
    return canvas


def _rows(figure: Parts) -> list[Part]:
    """Return the parts to show, the smallest of too many as one."""
    if len(figure.parts) <= _MOST_ROWS:
        return list(figure.parts)
    shown, others = rows.telling(figure.parts, _MOST_ROWS - 1, _rank)
    values = known(one.share.value for one in others)
    rest = Estimate(value=sum(values) if values else None)
    return [*shown, Part(label=f"{len(others)} more", share=rest)]


def _rank(one: Part) -> tuple[float, float]:
    return one.is_chosen, one.share.value if is_known(one.share.value) else 0.0


def _range(shown: list[Part]) -> tuple[float, float]:
    """Return round numbers past all shares and intervals, within -1 and 1."""
    shares = known(one.share.value for one in shown)
    numbers = [*shares, *rows.ends(one.share for one in shown)]
    lo, hi = max(min(numbers, default=0.0), -1.0), min(max(numbers, default=0.0), 1.0)
    lo, hi = min(lo, 0.0), max(hi, 0.0)
    if hi - lo < 1e-12:
        return 0.0, 1.0
    ticks = nice_ticks(lo, hi, 6)
    return max(ticks[0], -1.0), min(ticks[-1], 1.0)


def _bar(canvas: Canvas, one: Part, middle: float, x: Scale, look: str) -> None:
    if is_known(one.share.value):
        left, right = sorted((x(0.0), x(one.share.value)))
        canvas.rectangle(left, middle - BAR / 2, right, middle + BAR / 2, f"p-{look}")
    rows.interval(canvas, one.share, middle, x, "p-guide")
