"""Drawing a `ReliabilityDiagram`: accuracy against confidence, and below it how many calls say so.

Both axes span the same numbers, so that the diagonal runs from corner to corner.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import floor

from llmops_health.figures import ConfidenceGroup, ReliabilityDiagram
from llmops_health.report.plots import axes
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas, Place
from llmops_health.report.plots.scales import Scale, is_known, known, number

HEIGHT = 330.0

_AXIS = 36.0
_STRIP = 26.0  # of the bars of counts
_WIDEST_BAR = 12.0
_ALONE = 6.0  # half the width of the band of a group without neighbours
_OUTSIDE: KeyItem = (("diamond", "p-fill-other"), "outside it")


def draw(figure: ReliabilityDiagram) -> Canvas:
    """Draw the figure."""
    canvas = Canvas(HEIGHT)
    groups = sorted(
        (one for one in figure.groups if is_known(one.confidence) and is_known(one.accuracy)),
        key=lambda one: one.confidence,
    )
    top = axes.head(canvas, "share correct", _key(figure, groups) if groups else ())
    strip = HEIGHT - _AXIS
    lowest = _lowest(figure, groups)
    at = axes.frame(
        canvas,
        (lowest, 1.0),
        "",
        top=top,
        bottom=strip - _STRIP - axes.LINE - 4,
        right=WIDTH - 8,
    )
    x = axes.numbers_axis(
        canvas, (at.y.lo, at.y.hi), "", "stated confidence", replace(at, bottom=strip)
    )
    if not groups:
        axes.nothing(canvas, at, "No labelled call states its confidence.")
        return canvas
    _gate(canvas, figure, at, x, strip)
    _band(canvas, groups, at, x)
    _points(canvas, groups, at, x)
    _counts(canvas, groups, x, strip, at.left)
    places: list[Place] = [
        (x(value) + 7, at.y(value) + 13, "start")
        for value in (at.y.lo + part * (at.y.hi - at.y.lo) for part in (0.08, 0.3, 0.55, 0.75))
    ]
    canvas.label(places, "calibrated", "p-soft")
    return canvas


def _lowest(figure: ReliabilityDiagram, groups: list[ConfidenceGroup]) -> float:
    seen = known(
        [
            *(one.confidence for one in groups),
            *(one.accuracy for one in groups),
            *(one.band_lo for one in groups),
            figure.gate,
        ]
    )
    return max(0.0, min(0.9, floor(10 * min(seen, default=0.0) + 1e-9) / 10))


def _is_outside(group: ConfidenceGroup) -> bool:
    return group.accuracy < group.band_lo or group.accuracy > group.band_hi


def _key(figure: ReliabilityDiagram, groups: list[ConfidenceGroup]) -> list[KeyItem]:
    items: list[KeyItem] = []
    if any(is_known(one.band_lo) and is_known(one.band_hi) for one in groups):
        items.append(("band", f"{100 * figure.band_level:.3g} % if calibrated"))
    if not all(map(_is_outside, groups)):
        items.append(("dot", "group of calls"))
    if any(map(_is_outside, groups)):
        items.append(_OUTSIDE)
    return items


def _gate(canvas: Canvas, figure: ReliabilityDiagram, at: Frame, x: Scale, bottom: float) -> None:
    if not is_known(figure.gate):
        return
    place = x(figure.gate)
    canvas.line((place, at.top), (place, bottom), "p-guide")
    places: list[Place] = [
        (place + side, level, "start" if side > 0 else "end")
        for level in (at.top + 12, at.bottom - 6)
        for side in (-5, 5)
    ]
    canvas.label(places, f"gate {number(figure.gate, 0.01)}")


def _band(canvas: Canvas, groups: list[ConfidenceGroup], at: Frame, x: Scale) -> None:
    banded = [one for one in groups if is_known(one.band_lo) and is_known(one.band_hi)]
    upper = [(x(one.confidence), at.y(one.band_hi)) for one in banded]
    lower = [(x(one.confidence), at.y(one.band_lo)) for one in banded]
    if len(banded) == 1:
        place = upper[0][0]
        canvas.rectangle(place - _ALONE, upper[0][1], place + _ALONE, lower[0][1], "p-band")
    canvas.area(upper, lower, "p-band")
    canvas.line((x(at.y.lo), at.y(at.y.lo)), (x(at.y.hi), at.y(at.y.hi)), "p-edge")


def _points(canvas: Canvas, groups: list[ConfidenceGroup], at: Frame, x: Scale) -> None:
    points = [(x(one.confidence), at.y(one.accuracy)) for one in groups]
    outside = list(map(_is_outside, groups))
    canvas.polyline(points, "p-line p-thin")
    canvas.dots([p for p, is_out in zip(points, outside, strict=True) if not is_out], "p-mark")
    canvas.shapes(
        [p for p, is_out in zip(points, outside, strict=True) if is_out],
        "diamond",
        "p-fill-other",
    )


def _counts(
    canvas: Canvas, groups: list[ConfidenceGroup], x: Scale, bottom: float, left: float
) -> None:
    most = max(one.n for one in groups)
    places = [x(one.confidence) for one in groups]
    nearest = min((after - before for before, after in pairwise(places)), default=_WIDEST_BAR)
    half = min(max(nearest - 1, 2.0), _WIDEST_BAR) / 2
    for place, one in zip(places, groups, strict=True):
        high = _STRIP * one.n / max(most, 1)
        if one.n > 0:
            canvas.rectangle(place - half, bottom - max(high, 1), place + half, bottom, "p-bar")
    canvas.line((left, bottom), (x(x.hi), bottom), "p-axis")
    words = f"labelled calls in each group, at most {number(most, 1)}"
    canvas.text(left, bottom - _STRIP - 5, words, "start", "p-soft p-halo")
