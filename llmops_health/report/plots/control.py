"""Drawing a `ControlChart`: a measure per day over the range that its past leads to expect."""

from __future__ import annotations

from math import ceil

from llmops_health.figures import ControlChart, ControlDay
from llmops_health.report.plots import axes, limits
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas, Point
from llmops_health.report.plots.lettering import width
from llmops_health.report.plots.scales import Scale, Unit, domain, is_known, known

HEIGHT = 250.0

_SATURDAY = 5
_DENSE = 3.0  # units per day below which weekdays and weekends are a line each
_CLOSE = 4.5  # units per day below which all marks are small
_CROWDED = 8.0
_BAND_STEP = 3.0  # units between points of a band where days are dense
_MARGINS = 90.0  # left and right of the days, about


def draw(figure: ControlChart) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(HEIGHT)
    days = sorted(figure.days, key=lambda one: one.day)
    unit = Unit.of(figure.unit, max(map(abs, known(one.value for one in days)), default=0.0))
    what = axes.quantity(figure.measure, unit)
    per_day = (WIDTH - _MARGINS) / _n_days(days)
    range_ = _range(figure, days)
    top = axes.head(canvas, what, _key(days, per_day, range_)) + axes.LINE - 4
    newest = next((one for one in reversed(days) if is_known(one.value)), None)
    ending = unit.read(newest.value) if newest and newest.value is not None else ""
    at = axes.frame(
        canvas,
        range_,
        figure.unit,
        top=top,
        bottom=HEIGHT - 22,
        right=WIDTH - (width(ending, strong=True) + 8 if ending else 4),
    )
    if not days:
        axes.nothing(canvas, at, "No day to show.")
        return canvas
    x = axes.days_axis(canvas, days[0].day, days[-1].day, at, at.bottom)
    _windows(canvas, figure, days, at, x)
    if per_day >= _DENSE:
        _season(canvas, days, range_, at, x)
        values = axes.over_days(((one.day, one.value) for one in days), at, x)
        canvas.polyline(values, "p-line p-thin")
    else:
        _weeks(canvas, days, per_day, at, x)
    _marks(canvas, days, per_day, at, x)
    if newest and newest.value is not None:
        place = (x(newest.day.toordinal()) + 7, at.y(newest.value) + 4)
        canvas.label([(*place, "start")], ending, "p-strong")
    limits.level(canvas, figure.limit, figure.limit_label, at)
    if not newest:
        axes.nothing(canvas, at, "No day has a value.")
    return canvas


def _range(figure: ControlChart, days: list[ControlDay]) -> tuple[float, float]:
    values = known([number for one in days for number in (one.value, one.usual)])
    ends = known(
        number
        for one in days
        for number in (one.usual_lo, one.usual_hi, one.visible_lo, one.visible_hi)
    )
    floor_at = 0.0 if min([*values, *ends], default=0) >= 0 else None
    ceiling_at = 1.0 if figure.unit == "share" and max([*values, *ends], default=1) <= 1 else None
    lo, hi = domain(values, ends, floor_at=floor_at, ceiling_at=ceiling_at)
    return limits.reach((lo, hi), figure.limit)


def _is_outside(one: ControlDay) -> bool:
    if not is_known(one.value):
        return False
    below = is_known(one.usual_lo) and one.value < one.usual_lo
    return below or (is_known(one.usual_hi) and one.value > one.usual_hi)


def _is_weekend(one: ControlDay) -> bool:
    return one.day.weekday() >= _SATURDAY


def _n_days(days: list[ControlDay]) -> int:
    return days[-1].day.toordinal() - days[0].day.toordinal() + 1 if days else 1


def _key(days: list[ControlDay], per_day: float, range_: tuple[float, float]) -> list[KeyItem]:
    shown = [one for one in days if is_known(one.value)]
    within = [one for one in shown if not _is_outside(one)]
    items: list[KeyItem] = []
    if any(not _is_weekend(one) for one in within):
        items.append(("dot", "day") if per_day >= _DENSE else ("line", "weekday"))
    if any(map(_is_weekend, within)):
        items.append(("hollow" if per_day >= _DENSE else "weekend", "weekend"))
    if any(map(_is_outside, shown)):
        items.append((("diamond", "p-fill-other"), "unusual"))
    if any(is_known(one.usual_lo) and is_known(one.usual_hi) for one in days):
        items.append(("season", "usual range"))
    ends = [[_within(end, range_) for end in (one.visible_lo, one.visible_hi)] for one in days]
    if any(len(known(pair)) > 0 for pair in ends):
        has_both = any(is_known(one.visible_lo) and is_known(one.visible_hi) for one in days)
        items.append(("ribbon" if has_both else "edge", "least visible change"))
    return items


def _windows(
    canvas: Canvas, figure: ControlChart, days: list[ControlDay], at: Frame, x: Scale
) -> None:
    first, last = days[0].day, days[-1].day
    if first <= figure.judged_from <= last:
        axes.window(canvas, (figure.judged_from, last), "judged", at, x)
    if figure.reference and figure.reference[0] <= last and figure.reference[1] >= first:
        start, stop = max(figure.reference[0], first), min(figure.reference[1], last)
        axes.bracket(canvas, (start, stop), "compared with", at, x)


def _season(
    canvas: Canvas, days: list[ControlDay], range_: tuple[float, float], at: Frame, x: Scale
) -> None:
    half = (x(1.0 + x.lo) - x(x.lo)) / 2
    levels = _levels(days, at, x, 1)
    canvas.stepped_area(levels["visible_hi"], levels["visible_lo"], half, "p-ribbon")
    canvas.stepped_area(levels["usual_hi"], levels["usual_lo"], half, "p-season")
    for name in ("visible_lo", "visible_hi"):
        # A limit beyond the frame is not drawn on its rim, where none is.
        inside = ((one.day, _within(getattr(one, name), range_)) for one in days)
        canvas.levels(axes.over_days(inside, at, x), half, "p-edge")
    canvas.levels(levels["usual"], half, "p-axis p-thin")


def _within(limit: float | None, range_: tuple[float, float]) -> float | None:
    return limit if is_known(limit) and range_[0] <= limit <= range_[1] else None


def _weeks(canvas: Canvas, days: list[ControlDay], per_day: float, at: Frame, x: Scale) -> None:
    """Draw weekdays and weekends as a line each, where one of both would only go up and down."""
    each = ceil(_BAND_STEP / per_day)
    parts = ([one for one in days if _is_weekend(one) is which] for which in (False, True))
    for part, reach, look in zip(parts, (3, 6), ("p-line p-fine", "p-weekend"), strict=True):
        levels = _levels(part[::each], at, x, reach * each)
        canvas.area(levels["visible_hi"], levels["visible_lo"], "p-ribbon")
        canvas.area(levels["usual_hi"], levels["usual_lo"], "p-season")
        values = ((one.day, one.value) for one in part)
        canvas.polyline(axes.over_days(values, at, x, reach), look)


def _levels(
    days: list[ControlDay], at: Frame, x: Scale, reach: int
) -> dict[str, list[Point | None]]:
    return {
        name: axes.over_days(((one.day, getattr(one, name)) for one in days), at, x, reach)
        for name in ("usual", "usual_lo", "usual_hi", "visible_lo", "visible_hi")
    }


def _marks(canvas: Canvas, days: list[ControlDay], per_day: float, at: Frame, x: Scale) -> None:
    plain: list[Point] = []
    weekend: list[Point] = []
    outside: list[Point] = []
    for one in days:
        if is_known(one.value):
            kind = outside if _is_outside(one) else weekend if _is_weekend(one) else plain
            kind.append((x(one.day.toordinal()), at.y(one.value)))
    if per_day >= _DENSE:
        canvas.dots(plain, "p-mark p-small" if per_day < _CROWDED else "p-mark")
        canvas.rings(weekend, small=per_day < _CLOSE)
    canvas.shapes(outside, "diamond", "p-fill-other", small=per_day < _CLOSE)
