"""Drawing a `Forecast`: a count so far, what it may become, and when it passes its limit."""

from __future__ import annotations

from datetime import date
from math import ceil

from llmops_health.figures import Forecast, ForecastDay
from llmops_health.report.plots import axes, limits
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas, Point
from llmops_health.report.plots.lettering import shorten, width
from llmops_health.report.plots.scales import Scale, Unit, day_name, domain, is_known, known

HEIGHT = 250.0

_LAST_LINE = 20.0
_DENSE = 4.0  # units per day below which days have no marks
_BAND_STEP = 1.6  # units between points of a dense band
_MARGINS = 80.0


def draw(figure: Forecast) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(HEIGHT)
    seen = sorted((day, value) for day, value in figure.seen if is_known(value))
    coming = sorted((one for one in figure.coming if is_known(one.expected)), key=_day)
    told = _told(figure, seen[-1][0] if seen else None)
    top = axes.head(canvas, figure.measure, _key(seen, coming)) + (axes.LINE - 4 if coming else 0)
    floor = HEIGHT - 22 - (_LAST_LINE if told else 0)
    ending = Unit("").read(coming[-1].expected) if coming else ""
    at = axes.frame(
        canvas,
        _range(figure, seen, coming),
        "",
        top=top,
        bottom=floor,
        right=WIDTH - (width(ending, strong=True) + 8 if ending else 8),
    )
    if told:
        canvas.text(0, HEIGHT - 5, told, "start", "p-strong")
    days = [*(day for day, _ in seen), *(one.day for one in coming)]
    if not days:
        axes.nothing(canvas, at, "No day to show.")
        return canvas
    x = axes.days_axis(canvas, min(days), max(days), at, floor)
    if coming:
        axes.window(canvas, (coming[0].day, coming[-1].day), "to come", at, x)
    _draw_coming(canvas, seen, coming, at, x)
    points = [point for point in axes.over_days(seen, at, x, len(days)) if point]
    per_day = (at.right - at.left) / (x.hi - x.lo)
    canvas.polyline(axes.over_days(seen, at, x), "p-line" if per_day >= _DENSE else "p-line p-fine")
    if per_day >= _DENSE or len(points) == 1:
        canvas.dots(points, "p-mark p-small" if per_day < 2 * _DENSE else "p-mark")
    if coming:
        place = (x(coming[-1].day.toordinal()) + 6, at.y(coming[-1].expected) + 4)
        canvas.label([(*place, "start")], ending, "p-strong")
    limits.level(canvas, figure.limit, figure.limit_label, at)
    _breach(canvas, figure, at, x)
    return canvas


def _day(one: ForecastDay) -> date:
    return one.day


def _range(
    figure: Forecast, seen: list[tuple[date, float]], coming: list[ForecastDay]
) -> tuple[float, float]:
    values = [*(value for _, value in seen), *(one.expected for one in coming)]
    ends = known(end for one in coming for end in (*one.narrow, *one.wide))
    floor_at = 0.0 if min([*values, *ends], default=0) >= 0 else None
    return limits.reach(domain(values, ends, floor_at=floor_at), figure.limit)


def _key(seen: list[tuple[date, float]], coming: list[ForecastDay]) -> list[KeyItem]:
    items: list[KeyItem] = []
    if seen:
        items.append(("line", "seen"))
    if coming:
        items.append(("dashed", "expected"))
    if any(known(one.narrow) for one in coming):
        items.append(("narrow", "likely"))
    if any(known(one.wide) for one in coming):
        items.append(("wide", "possible"))
    return items


def _draw_coming(
    canvas: Canvas,
    seen: list[tuple[date, float]],
    coming: list[ForecastDay],
    at: Frame,
    x: Scale,
) -> None:
    each = max(1, ceil(_BAND_STEP * (x.hi - x.lo) / (at.right - at.left)))
    kept = [
        one for place, one in enumerate(coming) if place % each == 0 or place == len(coming) - 1
    ]
    for name, look in (("wide", "p-wide"), ("narrow", "p-narrow")):
        lower, upper = (
            axes.over_days(((one.day, getattr(one, name)[end]) for one in kept), at, x, each)
            for end in (0, 1)
        )
        canvas.area(upper, lower, look)
    path: list[Point | None] = axes.over_days(
        ((one.day, one.expected) for one in kept), at, x, each
    )
    if path and seen and (coming[0].day - seen[-1][0]).days == 1:
        path.insert(0, (x(seen[-1][0].toordinal()), at.y(seen[-1][1])))
    canvas.polyline(path, "p-line p-dashed")


def _breach(canvas: Canvas, figure: Forecast, at: Frame, x: Scale) -> None:
    """Mark on the limit when it is passed: the days of the interval, and the expected one."""
    limit = figure.limit
    if figure.breach is None or not is_known(limit) or not at.y.lo <= limit <= at.y.hi:
        return
    expected, first, last = figure.breach
    level = at.y(limit)
    if first is not None or last is not None:
        start = x((first or expected or last or date.min).toordinal())
        stop = x(last.toordinal()) if last is not None else at.right
        canvas.line((start, level), (stop, level), "p-level")
        if last is None:
            canvas.shapes([(at.right, level)], "cut-right", "p-level")
    if expected is not None and x.lo <= expected.toordinal() <= x.hi:
        canvas.shapes([(x(expected.toordinal()), level)], "diamond", "p-fail")


def _told(figure: Forecast, today: date | None) -> str:
    """Say when the limit is passed."""
    if figure.breach is None or not is_known(figure.limit):
        return ""
    expected, first, last = (_name(day, today) if day else "" for day in figure.breach)
    if expected:
        ends = f" ({first or 'now'} to {last or 'later than shown'})" if first or last else ""
        words = f"Limit passed about {expected}{ends}"
    elif first:
        words = f"Limit passed {first} at the earliest"
    else:
        words = "Limit not passed in the days shown"
    return shorten(words, WIDTH, strong=True)


def _name(day: date, today: date | None) -> str:
    is_near = today is None or day.year == today.year
    return day_name(day) if is_near else f"{day_name(day)} {day.year}"
