"""Drawing a `Trend`: the value of a check day by day, its interval, its limit, and each status.

A day without a value has its mark on a strip below the others; a day without a finding has none.
Where days are too close for marks, the strip has a block for each run of days of one status.
"""

from __future__ import annotations

from llmops_health.figures import Trend, TrendDay
from llmops_health.findings import Status
from llmops_health.report.plots import axes
from llmops_health.report.plots.axes import Block, Frame, KeyItem, Sample
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
_DENSE = 4.0  # units per day below which statuses are blocks
_CROWDED = 8.0
_MARGINS = 80.0  # left and right of the days, about
_BAND_STEP = 1.6  # units between points of a dense band
_BLOCKS: dict[Status, tuple[str, float, float]] = {
    # Look, and from where to where in the strip: heights tell them apart as colours do.
    Status.WARN: ("p-warn p-flat", 0.5, 1.0),
    Status.FAIL: ("p-fail p-flat", 0.0, 1.0),
    Status.NOT_ENOUGH_DATA: ("p-rest", 0.7, 1.0),
    Status.NOT_APPLICABLE: ("p-rest", 0.9, 1.0),
}


def draw(figure: Trend) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(HEIGHT)
    days = sorted(figure.days, key=lambda one: one.day)
    unit = Unit.of(figure.unit, max(map(abs, known(one.value for one in days)), default=0.0))
    per_day = (WIDTH - _MARGINS) / _n_days(days)
    top = axes.head(canvas, unit.words or "share", _key(days, per_day))
    newest = next((one for one in reversed(days) if is_known(one.value)), None)
    ending = unit.read(newest.value) if newest and newest.value is not None else ""
    is_dense = per_day < _DENSE
    has_strip = is_dense or any(not is_known(one.value) for one in days)
    floor = HEIGHT - 22
    at = axes.frame(
        canvas,
        _range(days, figure.unit),
        figure.unit,
        top=top,
        bottom=floor - (_STRIP if has_strip else 0),
        right=WIDTH - (width(ending, strong=True) + 8 if ending else 4),
    )
    if not days:
        axes.nothing(canvas, at, "No finding in these days.")
        return canvas
    x = axes.days_axis(canvas, days[0].day, days[-1].day, at, floor)
    _lines(canvas, days, per_day, at, x)
    (_blocks if is_dense else _marks)(canvas, days, at, x)
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


def _n_days(days: list[TrendDay]) -> int:
    return days[-1].day.toordinal() - days[0].day.toordinal() + 1 if days else 1


def _key(days: list[TrendDay], per_day: float) -> list[KeyItem]:
    seen = {one.status for one in days}
    items: list[KeyItem] = []
    for status, words in _WORDS.items():
        if status not in seen:
            continue
        if per_day < _DENSE:
            if status in _BLOCKS:
                items.append((Block(*_BLOCKS[status]), words))
        else:
            plain: Sample = "hollow" if status is Status.NOT_ENOUGH_DATA else "dot"
            items.append((_SHAPES.get(status) or plain, words))
    return items


def _lines(canvas: Canvas, days: list[TrendDay], per_day: float, at: Frame, x: Scale) -> None:
    values, limits = (
        axes.over_days(((one.day, getattr(one, name)) for one in days), at, x)
        for name in ("value", "threshold")
    )
    each = max(1, round(_BAND_STEP / per_day))
    lo, hi = (
        axes.over_days(((one.day, getattr(one, name)) for one in days[::each]), at, x, each)
        for name in ("lo", "hi")
    )
    half = (x(1.0 + x.lo) - x(x.lo)) / 2
    canvas.area(hi, lo, "p-band")
    canvas.steps(limits, half, "p-limit")
    canvas.polyline(values, "p-line" if per_day >= _DENSE else "p-line p-fine")


def _marks(canvas: Canvas, days: list[TrendDay], at: Frame, x: Scale) -> None:
    per_day = (at.right - at.left) / _n_days(days)
    strip = at.bottom + _STRIP / 2
    for status in _WORDS:
        points = [
            (x(one.day.toordinal()), at.y(one.value) if is_known(one.value) else strip)
            for one in days
            if one.status is status
        ]
        if status in _SHAPES:
            shape, look = _SHAPES[status]
            canvas.shapes(points, shape, look)
        elif status is Status.NOT_ENOUGH_DATA:
            canvas.rings(points)
        else:
            canvas.dots(points, "p-mark p-small" if per_day < _CROWDED else "p-mark")


def _blocks(canvas: Canvas, days: list[TrendDay], at: Frame, x: Scale) -> None:
    top, high = at.bottom + 2, _STRIP - 4
    runs: dict[Status, list[tuple[int, int]]] = {status: [] for status in _BLOCKS}
    before: tuple[int, Status] | None = None
    for one in days:
        ordinal = one.day.toordinal()
        if one.status in runs:
            found = runs[one.status]
            if before == (ordinal - 1, one.status):
                found[-1] = (found[-1][0], ordinal)
            else:
                found.append((ordinal, ordinal))
        before = ordinal, one.status
    for status, (look, start, stop) in _BLOCKS.items():
        spans = [(x(first - 0.5), x(last + 0.5)) for first, last in runs[status]]
        canvas.blocks(spans, (top + start * high, top + stop * high), look)


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
    inside = [place for place in places if at.top + 8 < place[1] < at.bottom]
    canvas.label(inside, f"limit {at.unit.read(limits[-1][1])}", "p-soft")
