"""Drawing a `Trend`: the value of a check day by day, its interval, its limit, and each status.

A day without a value has its mark on a strip below the others; a day without a finding has none.
"""

from __future__ import annotations

from llmops_health.figures import Trend, TrendDay
from llmops_health.findings import Status
from llmops_health.report.plots import axes
from llmops_health.report.plots.axes import Frame, KeyItem, Sample
from llmops_health.report.plots.canvas import WIDTH, Anchor, Canvas, Place, Shape
from llmops_health.report.plots.lettering import width
from llmops_health.report.plots.scales import Scale, Unit, domain, is_known, known

HEIGHT = 220.0

_WORDS = {
    Status.PASS: "pass",
    Status.WARN: "warn",
    Status.FAIL: "fail",
    Status.NOT_ENOUGH_DATA: "cannot tell",
    Status.NOT_APPLICABLE: "not applicable",
}
_SHAPES: dict[Status, tuple[Shape, str]] = {
    Status.WARN: ("triangle", "p-warn"),
    Status.FAIL: ("diamond", "p-fail"),
    Status.NOT_APPLICABLE: ("tick", "p-guide p-none"),
}
_STRIP = 13.0
_DENSE = 4.0  # units per day below which passing days are only a line
_CROWDED = 8.0


def draw(figure: Trend) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(HEIGHT)
    days = sorted(figure.days, key=lambda one: one.day)
    unit = Unit.of(figure.unit, max(map(abs, known(one.value for one in days)), default=0.0))
    top = axes.head(canvas, unit.words or "share", _key(days))
    newest = next((one for one in reversed(days) if is_known(one.value)), None)
    ending = unit.read(newest.value) if newest and newest.value is not None else ""
    has_strip = any(not is_known(one.value) for one in days)
    floor = HEIGHT - 22
    at = axes.frame(
        canvas,
        _range(days, figure.unit),
        figure.unit,
        top=top,
        bottom=floor - (_STRIP if has_strip else 0),
        right=WIDTH - (width(ending) + 8 if ending else 4),
    )
    if not days:
        axes.nothing(canvas, at, "No finding in these days.")
        return canvas
    x = axes.days_axis(canvas, days[0].day, days[-1].day, at, floor)
    _lines(canvas, days, at, x)
    _marks(canvas, days, at, x)
    if newest and newest.value is not None:
        place = (x(newest.day.toordinal()) + 7, at.y(newest.value) + 4)
        canvas.label([(*place, "start")], ending, "p-strong")
    _name_limit(canvas, days, at, x)
    return canvas


def _range(days: list[TrendDay], unit: str) -> tuple[float, float]:
    values = known([*(one.value for one in days), *(one.threshold for one in days)])
    ends = known([*(one.lo for one in days), *(one.hi for one in days)])
    return domain(
        values,
        ends,
        floor_at=0.0 if min([*values, *ends], default=0) >= 0 else None,
        ceiling_at=1.0 if unit == "share" and max([*values, *ends], default=1) <= 1 else None,
    )


def _key(days: list[TrendDay]) -> list[KeyItem]:
    seen = {one.status for one in days}
    items: list[KeyItem] = []
    for status, words in _WORDS.items():
        if status in seen:
            plain: Sample = "hollow" if status is Status.NOT_ENOUGH_DATA else "dot"
            items.append((_SHAPES.get(status) or plain, words))
    return items


def _lines(canvas: Canvas, days: list[TrendDay], at: Frame, x: Scale) -> None:
    lo, hi, values, limits = (
        axes.over_days(((one.day, getattr(one, name)) for one in days), at, x)
        for name in ("lo", "hi", "value", "threshold")
    )
    half = (x(1.0 + x.lo) - x(x.lo)) / 2
    canvas.area(hi, lo, "p-band")
    canvas.steps(limits, half, "p-limit")
    canvas.polyline(values, "p-line")


def _marks(canvas: Canvas, days: list[TrendDay], at: Frame, x: Scale) -> None:
    per_day = (at.right - at.left) / (days[-1].day.toordinal() - days[0].day.toordinal() + 1)
    strip = at.bottom + _STRIP / 2
    for status in _WORDS:
        points = [
            (x(one.day.toordinal()), at.y(one.value) if is_known(one.value) else strip)
            for one in days
            if one.status is status and (per_day >= _DENSE or status in _SHAPES)
        ]
        if status in _SHAPES:
            shape, look = _SHAPES[status]
            canvas.shapes(points, shape, look, small=per_day < _DENSE)
        elif status is Status.NOT_ENOUGH_DATA:
            canvas.rings(points)
        else:
            canvas.dots(points, "p-mark p-small" if per_day < _CROWDED else "p-mark")


def _name_limit(canvas: Canvas, days: list[TrendDay], at: Frame, x: Scale) -> None:
    limits = [(one.day, one.threshold) for one in days if is_known(one.threshold)]
    if not limits:
        return
    places: list[Place] = []
    left, right = at.left + 4, at.right - 4
    for day, limit in (limits[0], limits[-1], limits[len(limits) // 2]):
        middle = min(max(x(day.toordinal()), left), right)
        anchor: Anchor = "start" if middle < (left + right) / 2 else "end"
        places += [(middle, at.y(limit) - 5, anchor), (middle, at.y(limit) + 14, anchor)]
    canvas.label(places, f"limit {at.unit.read(limits[-1][1])}", "p-soft")
