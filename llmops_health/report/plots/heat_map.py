"""Drawing a `HeatMap`: a table of words, each cell tinted and marked by its level.

Columns that do not fit beside each other follow in a second table below the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil

from llmops_health.figures import HeatCell, HeatMap
from llmops_health.report.plots import axes, rows
from llmops_health.report.plots.axes import Block, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas, Shape
from llmops_health.report.plots.lettering import clean, fold, shorten, width

_MOST_COLUMNS = 16
_MOST_ROWS = 24
_MOST_CELLS = 240
_NAMES = (104.0, 86.0, 70.0)
_HEADS = 3  # lines
_ROW = 21.0
_LINE = 13.0
_MARK = 12.0
_PAD = 4.0
_TEXT = 92.0
_WIDEST = 118.0
_NARROWEST = 40.0
_SHAPES: dict[str, tuple[Shape, str]] = {
    "partly": ("triangle", "p-warn"),
    "bad": ("diamond", "p-fail"),
}
_LEVELS = ("good", "partly", "bad")
_PLAIN = "plain"
_Cells = dict[tuple[str, str], HeatCell]
_Placed = tuple[HeatCell, float, float, float, float]  # with its left, right, upper and lower end


@dataclass(frozen=True, slots=True)
class _Shown:
    """The rows and columns of a table, and how wide names and columns are."""

    rows: list[str]
    columns: list[str]
    names: list[list[str]]
    left: float
    widths: list[float]


def draw(figure: HeatMap) -> Canvas:
    """Draw the figure, as high as its rows and tables need."""
    canvas = Canvas(0.0)
    row_names, column_names = list(dict.fromkeys(figure.rows)), list(dict.fromkeys(figure.columns))
    cells = {
        (one.row, one.column): one
        for one in figure.cells
        if one.row in row_names and one.column in column_names
    }
    columns, more_columns = rows.telling(
        column_names, _MOST_COLUMNS, lambda name: _rank([cells.get((r, name)) for r in row_names])
    )
    most = max(6, min(_MOST_ROWS, _MOST_CELLS // max(len(columns), 1)))
    kept, more_rows = rows.telling(
        row_names, most, lambda name: _rank([cells.get((name, c)) for c in columns])
    )
    # Names give way where that spares a table.
    options = [_lay_out(columns, kept, cells, room) for room in _NAMES]
    tables = min(options, key=len)
    if not kept or not columns:
        canvas.height = 60.0
        canvas.text(WIDTH / 2, 34, "Nothing to show.", "middle", "p-soft")
        return canvas
    top = axes.head(canvas, "", _key(cells)) - 6
    for table in tables:
        top = _table(canvas, table, cells, top) + 14
    note = _note(len(more_rows), len(more_columns))
    canvas.height = top + (8 if note else -8)
    if note:
        canvas.text(0, canvas.height - 5, note, "start", "p-soft")
    return canvas


def _rank(found: list[HeatCell | None]) -> tuple[float, float]:
    """Rank what has bad cells first, then what has cells that are partly good."""
    levels = [one.level for one in found if one is not None]
    return levels.count("bad"), levels.count("partly")


def _key(cells: _Cells) -> list[KeyItem]:
    seen = {one.level for one in cells.values()}
    items: list[KeyItem] = [
        (_SHAPES.get(level, "dot"), level) for level in _LEVELS if level in seen
    ]
    if None in seen:
        items.append((Block("p-cell-none", 0.0, 1.0), "unknown"))
    return items


def _lay_out(columns: list[str], kept: list[str], cells: _Cells, names_room: float) -> list[_Shown]:
    """Return the tables, as few as hold the columns, each with about as many."""
    names = [fold(clean(name) or "unnamed", names_room, 2) for name in kept]
    left = max((width(line) for lines in names for line in lines), default=0.0) + 8
    room = WIDTH - left
    needs = [_need(name, [cells.get((row, name)) for row in kept], _TEXT) for name in columns]
    wishes = [_need(name, [cells.get((row, name)) for row in kept], room) for name in columns]
    parts: list[range] = []
    for n_tables in range(1, len(columns) + 1):
        size = ceil(len(columns) / n_tables)
        parts = [
            range(start, min(start + size, len(columns))) for start in range(0, len(columns), size)
        ]
        if all(sum(needs[at] for at in part) <= room for part in parts):
            break
    return [
        _Shown(
            kept,
            [columns[at] for at in part],
            names,
            left,
            _widths([needs[at] for at in part], [wishes[at] for at in part], room),
        )
        for part in parts
    ]


def _need(name: str, found: list[HeatCell | None], most: float) -> float:
    """Return the width of a column whose texts and words are cut from `most` on."""
    texts = [width(clean(one.text), strong=one.level == "bad") for one in found if one is not None]
    words = [width(word) for word in clean(name).split()]
    text = min(max(texts, default=0.0), most) + _MARK + 2 * _PAD
    return max(text, min(max(words, default=0.0), most) + 4, _NARROWEST)


def _widths(needs: list[float], wishes: list[float], room: float) -> list[float]:
    """Share room out: to columns that would be cut, then to all up to a readable width."""
    found = list(needs)
    for wanted in (wishes, [max(_WIDEST, wish) for wish in wishes]):
        lacks = [want - had for want, had in zip(wanted, found, strict=True)]
        share = min(1.0, max(room - sum(found), 0.0) / max(sum(lacks), 1e-9))
        found = [had + share * lack for had, lack in zip(found, lacks, strict=True)]
    return found


def _table(canvas: Canvas, shown: _Shown, cells: _Cells, top: float) -> float:
    """Draw one table and return where it ends."""
    ends = list(accumulate(shown.widths, initial=shown.left))
    heads = [
        fold(clean(name) or "unnamed", wide - 4, _HEADS)
        for name, wide in zip(shown.columns, shown.widths, strict=True)
    ]
    n_lines = max(map(len, heads), default=0)
    for left, lines in zip(ends, heads, strict=False):
        for place, line in enumerate(lines):
            level = top + 6 + (n_lines - len(lines) + place) * _LINE
            canvas.text(left + 1, level, line, "start", "p-soft")
    bottom: float = top + n_lines * _LINE
    placed: list[_Placed] = []
    for name, lines in zip(shown.rows, shown.names, strict=True):
        start, bottom = bottom, bottom + _ROW + (len(lines) - 1) * (_LINE - 2)
        for at, line in enumerate(lines):
            middle = (start + bottom) / 2 + 4 + (at - (len(lines) - 1) / 2) * _LINE
            canvas.text(shown.left - 8, middle, line, "end")
        placed += [
            (cells[name, column], left, right, start, bottom)
            for column, (left, right) in zip(shown.columns, pairwise(ends), strict=True)
            if (name, column) in cells
        ]
    for look in (*_LEVELS, _PLAIN, None):
        _cells(canvas, [one for one in placed if one[0].level == look], look)
    return bottom


def _cells(canvas: Canvas, placed: list[_Placed], look: str | None) -> None:
    """Draw the cells of one level: all tints as one path and all marks as another."""
    if look != _PLAIN:
        canvas.panels(
            ((left + 1, top + 1, right - 1, bottom - 1) for _, left, right, top, bottom in placed),
            f"p-cell-{look or 'none'}",
        )
    marks = [(left + _PAD + 4, (top + bottom) / 2) for _, left, _, top, bottom in placed]
    if look in _SHAPES:
        canvas.shapes(marks, *_SHAPES[look])
    elif look == "good":
        canvas.dots(marks, "p-mark")
    is_strong = look == "bad"
    for one, left, right, top, bottom in placed:
        start = left + _PAD + (_MARK if look in _LEVELS else 0)
        text = clean(one.text) or look or "unknown"
        cut = shorten(text, right - start - 2, strong=is_strong)
        canvas.text(start, (top + bottom) / 2 + 4, cut, "start", "p-strong" if is_strong else "")


def _note(n_rows: int, n_columns: int) -> str:
    parts = [
        f"{n} more {word}{'' if n == 1 else 's'}"
        for n, word in ((n_rows, "row"), (n_columns, "column"))
        if n
    ]
    return f"{' and '.join(parts)} not shown" if parts else ""
