"""Limits that a value must keep: a dashed line and its words, level or upright."""

from __future__ import annotations

from llmops_health.report.plots.axes import Frame
from llmops_health.report.plots.canvas import WIDTH, Anchor, Canvas, Place
from llmops_health.report.plots.lettering import shorten, width
from llmops_health.report.plots.scales import Scale, Unit, is_known

ROOM = 15.0
"""Above a frame, for the words of an upright limit."""


def reach(range_: tuple[float, float], limit: float | None) -> tuple[float, float]:
    """Widen a range to a limit, unless it is so far that it would flatten what the data did."""
    lo, hi = range_
    if is_known(limit) and lo - (hi - lo) <= limit <= hi + (hi - lo):
        return min(lo, limit), max(hi, limit)
    return lo, hi


def level(canvas: Canvas, limit: float | None, words: str, at: Frame) -> None:
    """Draw a limit of the vertical axis; one beyond the frame is told with an arrow."""
    if not is_known(limit):
        return
    words = f"{words or 'limit'} {at.unit.read(limit)}"
    height = at.y(limit)
    if at.y.lo <= limit <= at.y.hi:
        canvas.line((at.left, height), (at.right, height), "p-limit")
    else:
        arrow = "\N{UPWARDS ARROW}" if limit > at.y.hi else "\N{DOWNWARDS ARROW}"
        words = f"{words} {arrow}"
    sides: tuple[tuple[float, Anchor], ...] = ((at.left + 4, "start"), (at.right - 4, "end"))
    places: list[Place] = [
        (place, height + off, anchor)
        for off in (-5, 14)
        for place, anchor in sides
        if height + off > at.top + 8
    ]
    canvas.label(places, shorten(words, at.right - at.left - 8), "p-soft")


def upright(
    canvas: Canvas, limit: float | None, words: str, at: Frame, x: Scale, unit: Unit
) -> None:
    """Draw a limit of the horizontal axis, with its words above the frame."""
    if not is_known(limit):
        return
    place = x(limit)
    words = f"{words or 'limit'} {unit.read(limit)}"
    if x.lo <= limit <= x.hi:
        canvas.line((place, at.top - 3), (place, at.bottom), "p-limit")
    else:
        arrow = "\N{RIGHTWARDS ARROW}" if limit > x.hi else "\N{LEFTWARDS ARROW}"
        words = f"{words} {arrow}"
    words = shorten(words, WIDTH - 8)
    half = width(words) / 2
    middle = min(max(place, half + 2), WIDTH - half - 2)
    canvas.label([(middle, at.top - 6, "middle")], words, "p-soft")
