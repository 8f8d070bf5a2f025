"""Drawing a `TwoScores`: what evals say and how satisfied users are, over the same days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from llmops_health.figures import DatedEstimate, Estimate, TwoScores
from llmops_health.report.plots import axes
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas, Point
from llmops_health.report.plots.lettering import width
from llmops_health.report.plots.scales import Scale, Unit, domain, is_known, known

HEIGHT = 250.0

_PERCENT = Unit.of("share", 1.0)
_POINTS = Unit.of("pp", 1.0)
_CROWDED = 9.0  # units between estimates below which their intervals are a band
_DENSE = 3.0  # units between estimates below which they are only a line
_BAND_STEP = 2.4  # units between points of a dense band
_DODGE = 1.8  # to either side, where both have estimates about the same days
_LAST_LINE = 20.0
_EVALS: KeyItem = ("dot", "eval score")
_SATISFACTION: KeyItem = (("square", "p-fill-other"), "satisfaction")


def draw(figure: TwoScores) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(HEIGHT)
    evals, satisfaction = _shown(figure.evals), _shown(figure.satisfaction)
    every = [*evals, *satisfaction]
    key = [*([_EVALS] if evals else []), *([_SATISFACTION] if satisfaction else [])]
    has_windows = figure.before is not None or figure.after is not None
    top = axes.head(canvas, "mean score", key) + (axes.LINE - 4 if has_windows and every else 0)
    widened = _widened(figure.widened)
    floor = HEIGHT - 22 - (_LAST_LINE if widened else 0)
    endings = [_ending(one[-1]) for one in (evals, satisfaction) if one]
    at = axes.frame(
        canvas,
        _range(every),
        "share",
        top=top,
        bottom=floor,
        right=WIDTH - max((width(ending, strong=True) for ending in endings), default=0.0) - 8,
    )
    if widened:
        canvas.text(0, HEIGHT - 5, widened, "start", "p-strong")
    if not every:
        axes.nothing(canvas, at, "No score on any day.")
        return canvas
    first, last = min(one.first for one in every), max(one.last for one in every)
    x = axes.days_axis(canvas, first, last, at, floor)
    for days, words, show in (
        (figure.after, "after", axes.window),
        (figure.before, "before", axes.bracket),
    ):
        if days and days[0] <= last and days[1] >= first:
            show(canvas, (max(days[0], first), min(days[1], last)), words, at, x)
    aside = _DODGE if _share_days(evals, satisfaction) else 0.0
    left, right = (replace(x, start=x.start + off, stop=x.stop + off) for off in (-aside, aside))
    _intervals(canvas, satisfaction, at, right, "-other")
    _intervals(canvas, evals, at, left, "")
    paths = [_points(evals, at, left), _points(satisfaction, at, right)]
    fine = [" p-fine" if _spacing(path) < _DENSE else "" for path in paths]
    canvas.polyline(paths[1], f"p-other{fine[1]}")
    canvas.polyline(paths[0], f"p-line{fine[0]}")
    if not fine[1]:
        canvas.shapes(paths[1], "square", "p-fill-other", small=_is_crowded(paths[1]))
    if not fine[0]:
        canvas.dots(paths[0], "p-mark p-small" if _is_crowded(paths[0]) else "p-mark")
    _name_endings(canvas, [one[-1] for one in (evals, satisfaction) if one], at)
    return canvas


def _shown(estimates: Sequence[DatedEstimate]) -> list[DatedEstimate]:
    there = [one for one in estimates if is_known(one.estimate.value)]
    return sorted(there, key=lambda one: (one.last, one.first))


def _share_days(evals: list[DatedEstimate], satisfaction: list[DatedEstimate]) -> bool:
    """Return whether intervals of the two would lie upon each other."""
    return bool({one.first for one in evals} & {one.first for one in satisfaction})


def _range(every: list[DatedEstimate]) -> tuple[float, float]:
    values = known(one.estimate.value for one in every)
    ends = known(end for one in every for end in (one.estimate.lo, one.estimate.hi))
    return domain(values, ends, floor_at=0.0, ceiling_at=1.0)


def _points(estimates: list[DatedEstimate], at: Frame, x: Scale) -> list[Point]:
    return [
        (x((one.first.toordinal() + one.last.toordinal()) / 2), at.y(one.estimate.value))
        for one in estimates
        if is_known(one.estimate.value)
    ]


def _spacing(points: Sequence[Point]) -> float:
    return (points[-1][0] - points[0][0]) / (len(points) - 1) if len(points) > 1 else inf


def _is_crowded(points: Sequence[Point]) -> bool:
    return _spacing(points) < _CROWDED


def _intervals(
    canvas: Canvas, estimates: list[DatedEstimate], at: Frame, x: Scale, which: str
) -> None:
    """Draw each interval and the days it is about; a band where they would stand too close."""
    spans: list[tuple[float, float, float]] = []
    points = _points(estimates, at, x)
    is_crowded = _is_crowded(points)
    for one, (place, level) in zip(estimates, points, strict=True):
        lo, hi = one.estimate.lo, one.estimate.hi
        if is_known(lo) and is_known(hi):
            spans.append((place, at.y(hi), at.y(lo)))
        if one.last > one.first and not is_crowded:
            start, stop = (x(day.toordinal()) for day in (one.first, one.last))
            canvas.line((start, level), (stop, level), f"p-whisker{which}")
    tops = [(place, top) for place, top, _ in spans]
    if _is_crowded(tops):
        each = max(1, round(_BAND_STEP / max(_spacing(tops), 0.1)))
        upper = tops[::each]
        lower = [(place, bottom) for place, _, bottom in spans[::each]]
        canvas.area(upper, lower, f"p-band{which}")
    else:
        canvas.whiskers(spans, f"p-whisker{which}")


def _ending(one: DatedEstimate) -> str:
    return _PERCENT.write(one.estimate.value, 0.001) if is_known(one.estimate.value) else ""


def _name_endings(canvas: Canvas, newest: list[DatedEstimate], at: Frame) -> None:
    """Write the newest values at the right, moved apart where they would meet."""
    named = sorted(
        (at.y(one.estimate.value), _ending(one)) for one in newest if is_known(one.estimate.value)
    )
    levels = [level for level, _ in named]
    if len(levels) == 2 and levels[1] - levels[0] < axes.LINE:
        middle = min(max(sum(levels) / 2, at.top + axes.LINE / 2), at.bottom - axes.LINE / 2)
        levels = [middle - axes.LINE / 2, middle + axes.LINE / 2]
    for level, (_, words) in zip(levels, named, strict=True):
        canvas.text(at.right + 6, level + 4, words, "start", "p-strong")


def _widened(change: Estimate | None) -> str:
    if change is None or not is_known(change.value):
        return ""
    sign = "+" if change.value > 0 else ""
    words = f"Change of the gap: {sign}{_POINTS.write(change.value, 0.1)} pp"
    if is_known(change.lo) and is_known(change.hi):
        words += f" ({_POINTS.write(change.lo, 0.1)} to {_POINTS.write(change.hi, 0.1)})"
    return words
