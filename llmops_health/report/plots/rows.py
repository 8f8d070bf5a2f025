"""Rows of names and numbers beside an axis: which of many are shown, and where each stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llmops_health.figures import Estimate
from llmops_health.report.plots.axes import Frame
from llmops_health.report.plots.canvas import WIDTH, Canvas
from llmops_health.report.plots.lettering import clean, fold, shorten, width
from llmops_health.report.plots.scales import Scale, Unit, is_known, known

BAR = 10.0
"""Height of a bar."""
MORE = 18.0
"""Room for a last line about what is not shown."""

_NAMES = 138.0
_COLUMN = 84.0
_ROW = 20.0
_LINE = 13.0  # between two lines of a name
_GAP = 8.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Row:
    """A name, and what is read at the right of it, one text per column."""

    name: str
    readings: tuple[str, ...] = ()
    is_strong: bool = False


def telling(
    rows: Sequence[_T], most: int, rank: Callable[[_T], tuple[float, float]]
) -> tuple[list[_T], list[_T]]:
    """Return the rows of highest rank, at most `most`, and the others, both in their own order."""
    order = sorted(range(len(rows)), key=lambda at: rank(rows[at]), reverse=True)
    shown = set(order[:most])
    return (
        [row for at, row in enumerate(rows) if at in shown],
        [row for at, row in enumerate(rows) if at not in shown],
    )


def write(
    canvas: Canvas, rows: Sequence[Row], top: float, unit: Unit, heads: Sequence[str] = ()
) -> tuple[Frame, list[float]]:
    """Write names and readings; return the frame left between them and each row's middle.

    `heads` name the columns of readings, in a line above the first row.
    """
    names = [fold(clean(row.name) or "unnamed", _NAMES, 2, strong=row.is_strong) for row in rows]
    n_columns = max([len(heads), *(len(row.readings) for row in rows)], default=0)
    rights = _columns(rows, heads, n_columns)
    widest = max(
        (
            width(line, strong=row.is_strong)
            for row, lines in zip(rows, names, strict=True)
            for line in lines
        ),
        default=0.0,
    )
    if any(heads):
        for right, head in zip(rights, heads, strict=False):
            if head:
                canvas.text(right, top + 4, shorten(head, _COLUMN), "end", "p-soft")
        top += 10
    level = top
    middles: list[float] = []
    for row, lines in zip(rows, names, strict=True):
        high = _ROW + (len(lines) - 1) * (_LINE - 2)
        middle = level + high / 2
        look = "p-strong" if row.is_strong else ""
        for at, line in enumerate(lines):
            place = middle + 4 + (at - (len(lines) - 1) / 2) * _LINE
            canvas.text(widest, place, line, "end", look)
        for at, (right, reading) in enumerate(zip(rights, row.readings, strict=False)):
            if reading:
                cut = shorten(reading, _COLUMN, strong=row.is_strong)
                canvas.text(right, middle + 4, cut, "end", look if at == 0 else "p-soft")
        middles.append(middle)
        level += high
    left = widest + _GAP
    right = _leftmost(rows, heads, rights) - _GAP - 2
    bottom = max(level, top + 2 * _ROW)
    return Frame(left, top, right, bottom, Scale(0.0, 1.0, bottom, top), unit), middles


def interval(
    canvas: Canvas, estimate: Estimate, level: float, x: Scale, look: str, origin: float = 0.0
) -> None:
    """Draw an interval as a line, with an arrow where it goes on beyond the axis."""
    if not is_known(estimate.lo) or not is_known(estimate.hi):
        return
    lo, hi = origin + min(estimate.lo, estimate.hi), origin + max(estimate.lo, estimate.hi)
    slack = 1e-6 * (x.hi - x.lo)
    if hi - lo <= slack and x.lo <= lo <= x.hi:
        return
    canvas.line((x(lo), level), (x(hi), level), look)
    if lo < x.lo - slack:
        canvas.shapes([(x.start, level)], "cut-left", look)
    if hi > x.hi + slack:
        canvas.shapes([(x.stop, level)], "cut-right", look)


def ends(estimates: Iterable[Estimate]) -> list[float]:
    """Return the known ends of intervals."""
    return known(end for one in estimates for end in (one.lo, one.hi))


def _columns(rows: Sequence[Row], heads: Sequence[str], n: int) -> list[float]:
    """Return where each column of readings ends."""
    rights = [WIDTH] * n
    for at in range(n - 1, 0, -1):
        rights[at - 1] = rights[at] - _widest(rows, heads, at) - _GAP
    return rights


def _leftmost(rows: Sequence[Row], heads: Sequence[str], rights: Sequence[float]) -> float:
    return rights[0] - _widest(rows, heads, 0) if rights else WIDTH


def _widest(rows: Sequence[Row], heads: Sequence[str], at: int) -> float:
    texts = [
        (row.readings[at], row.is_strong and at == 0) for row in rows if at < len(row.readings)
    ]
    texts += [(head, False) for head in heads[at : at + 1]]
    return max((min(width(clean(t), strong=s), _COLUMN) for t, s in texts), default=0.0)
