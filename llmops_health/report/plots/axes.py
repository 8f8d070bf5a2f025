"""What surrounds the data: grid, axes of numbers and of days, and a key where words cannot be near.

The quantity on the vertical axis is written above it, level, where it is read first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from llmops_health.report.plots.canvas import WIDTH, Canvas, Place, Point, Shape
from llmops_health.report.plots.lettering import shorten, width, wrap
from llmops_health.report.plots.scales import Scale, Unit, day_ticks, is_known, nice_ticks

LINE = 16.0  # from one line of text to the next
_BASELINE = 11.0  # of the first line
_TICK_ROOM = 26.0  # between labels of the vertical axis
_SAMPLE = 16.0
_AREAS = {
    *("band", "season", "bar", "bar-other", "bar-open", "open", "rest", "wide", "narrow"),
    *("flow", "lost", "odd"),
}

Sample = Literal[
    "band",
    "season",
    "bar",
    "bar-other",
    "bar-open",
    "open",
    "rest",
    "wide",
    "narrow",
    "flow",
    "lost",
    "odd",
    "ribbon",
    "edge",
    "line",
    "dashed",
    "weekend",
    "dot",
    "hollow",
]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a strip: its classes, and its upper and lower end as parts of the strip."""

    look: str
    upper: float
    lower: float


KeyItem = tuple[Sample | Block | tuple[Shape, str], str]
"""A sample of a line, an area or a mark (a shape with its classes), and the word for it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where data go: from `left` to `right` and, downwards, from `top` to `bottom`."""

    left: float
    top: float
    right: float
    bottom: float
    y: Scale
    unit: Unit


def head(canvas: Canvas, words: str, key: Sequence[KeyItem]) -> float:
    """Write what the vertical axis shows and, beside or below it, the key; return where it ends."""
    room = [_SAMPLE + width(word) + 10 for _, word in key]
    # On the same line if there is room, else from the left of the next one.
    beside = not words or width(words) + 14 + sum(room) <= WIDTH
    if words:
        canvas.text(0, _BASELINE, shorten(words, WIDTH), "start", "p-soft")
    x, y = (WIDTH - sum(room) + 10, _BASELINE) if beside else (0.0, _BASELINE + LINE)
    x = x if words else 0.0
    for (sample, word), wide in zip(key, room, strict=True):
        if x > 0 and x + wide - 10 > WIDTH + 1:
            x, y = 0.0, y + LINE
        _sample(canvas, sample, x, y - 4)
        canvas.text(x + _SAMPLE, y, word, "start", "p-soft")
        x += wide
    return y + 18


def _sample(canvas: Canvas, sample: Sample | Block | tuple[Shape, str], x: float, y: float) -> None:
    if isinstance(sample, tuple):
        canvas.shapes([(x + 8, y)], *sample)
    elif isinstance(sample, Block):
        ends = (y - 5 + 9 * sample.upper, y - 5 + 9 * sample.lower)
        canvas.blocks([(x + 2, x + 12)], ends, sample.look)
    elif sample in _AREAS:
        canvas.rectangle(x, y - 4, x + 12, y + 4, f"p-{sample}")
    elif sample == "ribbon":
        canvas.rectangle(x, y - 4, x + 12, y + 4, "p-ribbon")
        for level in (y - 4, y + 4):
            canvas.line((x, level), (x + 12, level), "p-edge")
    elif sample == "hollow":
        canvas.rings([(x + 8, y)])
    elif sample == "dot":
        canvas.dots([(x + 8, y)], "p-mark")
    else:
        look = "line p-dashed" if sample == "dashed" else sample
        canvas.line((x, y), (x + 12, y), f"p-{look}")


def frame(
    canvas: Canvas,
    range_: tuple[float, float],
    unit: str,
    *,
    top: float,
    bottom: float,
    right: float,
) -> Frame:
    """Draw the vertical axis over at least a range, with a thin line at each tick."""
    n = max(2, int((bottom - top) / _TICK_ROOM) + 1)
    ticks = nice_ticks(*range_, n)
    step = ticks[1] - ticks[0]
    how = Unit.of(unit, max(abs(ticks[0]), abs(ticks[-1])))
    names = [how.write(tick, step) for tick in ticks]
    left = max(map(width, names)) + 6
    y = Scale(ticks[0], ticks[-1], bottom, top)
    for tick, name in zip(ticks, names, strict=True):
        canvas.line((left, y(tick)), (right, y(tick)), "p-grid")
        canvas.text(left - 6, y(tick) + 4, name, "end", "p-soft")
    canvas.line((left, bottom), (right, bottom), "p-axis")
    return Frame(left, top, right, bottom, y, how)


def days_axis(canvas: Canvas, first: date, last: date, at: Frame, bottom: float) -> Scale:
    """Draw the axis of days at `bottom`; its scale takes ordinals, and each day has a width."""
    x = Scale(first.toordinal() - 0.5, last.toordinal() + 0.5, at.left, at.right)
    for day, name in day_ticks(first, last, at.right - at.left):
        place = x(day.toordinal())
        canvas.line((place, bottom), (place, bottom + 4), "p-axis")
        _below(canvas, place, bottom + 17, name)
    return x


def over_days(
    rows: Iterable[tuple[date, float | None]], at: Frame, x: Scale, reach: int = 1
) -> list[Point | None]:
    """Return a point per row, oldest first; None without a value and where days are left out.

    Days are left out where two rows lie more than `reach` days apart.
    """
    points: list[Point | None] = []
    before: date | None = None
    for day, value in rows:
        if before is not None and day - before > timedelta(days=reach):
            points.append(None)
        points.append((x(day.toordinal()), at.y(value)) if is_known(value) else None)
        before = day
    return points


def window(canvas: Canvas, days: tuple[date, date], words: str, at: Frame, x: Scale) -> None:
    """Shade the days of a window from above the frame on, and name it there."""
    left, right = _ends(days, x)
    canvas.rectangle(left, at.top - LINE - 1, right, at.bottom, "p-window")
    _name_days(canvas, (left, right), words, at)


def bracket(canvas: Canvas, days: tuple[date, date], words: str, at: Frame, x: Scale) -> None:
    """Bracket the days that a window is compared with, above the frame, and name them there."""
    left, right = _ends(days, x)
    level = at.top - 3
    canvas.polyline(
        [(left + 1, level + 4), (left + 1, level), (right - 1, level), (right - 1, level + 4)],
        "p-axis",
    )
    _name_days(canvas, (left, right), words, at)


def _ends(days: tuple[date, date], x: Scale) -> tuple[float, float]:
    return x(days[0].toordinal() - 0.5), x(days[1].toordinal() + 0.5)


def _name_days(canvas: Canvas, ends: tuple[float, float], words: str, at: Frame) -> None:
    left, right = ends
    level = at.top - 6
    places: list[Place] = [
        ((left + right) / 2, level, "middle"),
        (right - 2, level, "end"),
        (left + 2, level, "start"),
        *(((left + part * (right - left)), level, "middle") for part in (0.35, 0.65)),
        (left - 4, level, "end"),
        (right + 4, level, "start"),
    ]
    canvas.label(places, words, "p-soft")


def numbers_axis(
    canvas: Canvas,
    range_: tuple[float, float],
    unit: str,
    words: str,
    at: Frame,
    *,
    is_gridded: bool = False,
) -> Scale:
    """Draw a horizontal axis of numbers below the frame, with its quantity below the labels.

    With a grid, each tick has a thin line through the frame. All needs `axis_room(words)`.
    """
    lo, hi = range_
    slack = 1e-9 * (hi - lo)
    how = Unit.of(unit, max(abs(lo), abs(hi)))
    n = 8
    while True:
        ticks = [tick for tick in nice_ticks(lo, hi, n) if lo - slack <= tick <= hi + slack]
        step = ticks[1] - ticks[0] if len(ticks) > 1 else hi - lo
        names = [how.write(tick, step) for tick in ticks]
        if n == 2 or (max(map(width, names)) + 12) * len(names) <= at.right - at.left:
            break
        n -= 1
    x = Scale(lo, hi, at.left, at.right)
    for tick, name in zip(ticks, names, strict=True):
        if is_gridded:
            canvas.line((x(tick), at.top), (x(tick), at.bottom), "p-grid")
        canvas.line((x(tick), at.bottom), (x(tick), at.bottom + 4), "p-axis")
        _below(canvas, x(tick), at.bottom + 17, name)
    for place, line in enumerate(wrap(words, WIDTH, 2)):
        half = width(line) / 2
        middle = min(max((at.left + at.right) / 2, half), WIDTH - half)
        canvas.text(middle, at.bottom + 32 + place * LINE, line, "middle", "p-soft")
    return x


def axis_room(words: str) -> float:
    """Return how high an axis of numbers is, with its quantity in one or two lines."""
    return 22.0 + LINE * len(wrap(words, WIDTH, 2))


def quantity(measure: str, unit: Unit) -> str:
    """Return a measure with the name of its unit, unless the measure says it."""
    is_told = unit.words.lower() in measure.lower().split()
    return ", ".join(part for part in (measure, "" if is_told else unit.words) if part)


def _below(canvas: Canvas, x: float, y: float, name: str) -> None:
    half = width(name) / 2
    canvas.text(min(max(x, half), WIDTH - half), y, name, "middle", "p-soft")


def nothing(canvas: Canvas, at: Frame, words: str) -> None:
    """Say in the middle of the frame why it is empty."""
    canvas.text((at.left + at.right) / 2, (at.top + at.bottom) / 2, words, "middle", "p-soft")
