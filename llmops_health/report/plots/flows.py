"""Drawing a `Flows`: steps from top to bottom, bands as wide as rows are many, and what is lost."""

from __future__ import annotations

from llmops_health.figures import Flows
from llmops_health.report.plots import axes, streams
from llmops_health.report.plots.axes import KeyItem, Sample
from llmops_health.report.plots.canvas import WIDTH, Canvas, coordinate
from llmops_health.report.plots.lettering import clean, fold, shorten, width
from llmops_health.report.plots.scales import Unit, number
from llmops_health.report.plots.streams import Band, End, Level

_MOST_STEPS = 14
_NAMES = 112.0
_BARS = 118.0
_SIDE = 14.0  # from the bars to the words about what ends
_BAR = 8.0
_LINE = 13.5
_LEAST = 48.0  # from one step to the next
_MOST_ENDS = 4
_STEM = 11.0  # the most that a band to the side is wide
_PERCENT = Unit.of("share", 1.0)

_Place = tuple[float, End, list[str]]


def draw(figure: Flows) -> Canvas:
    """Draw the figure, as high as its steps need."""
    canvas = Canvas(0.0)
    levels, bands = streams.trace(figure, _BARS)
    levels, bands = levels[:_MOST_STEPS], [b for b in bands if b.level < _MOST_STEPS - 1]
    names = [fold(clean(one.name) or "unnamed", _NAMES, 2) for one in levels]
    left = max((width(line) for lines in names for line in lines), default=0.0)
    left = max(left, *(width(number(one.n, 1)) for one in levels), 0.0) + 8 if levels else _NAMES
    side = left + _BARS + _SIDE
    top = axes.head(canvas, "", _key(levels, bands)) - 4
    tops: list[float] = []
    told: list[list[_Place]] = []
    for level, lines in zip(levels, names, strict=True):
        tops.append(top)
        placed, bottom = _placed(level, top, WIDTH - side)
        told.append(placed)
        top = max(top + _LEAST, top + len(lines) * _LINE + 20, bottom)
    n_hidden = len(dict.fromkeys(figure.steps)) - len(levels)
    canvas.height = max(top, 60.0) + (14 if n_hidden else -6)
    for band in bands:
        _band(canvas, band, left, tops)
    for level, lines, place, ends in zip(levels, names, tops, told, strict=True):
        _ends(canvas, ends, left, side, place)
        _step(canvas, level, lines, left, place)
    if not levels:
        canvas.text(WIDTH / 2, 36, "No step to show.", "middle", "p-soft")
    if n_hidden:
        canvas.text(0, canvas.height - 5, f"{n_hidden} more steps", "start", "p-soft")
    return canvas


def _key(levels: list[Level], bands: list[Band]) -> list[KeyItem]:
    ends = [end for level in levels for end in level.ends]
    items: list[tuple[Sample, str]] = []
    if any(not band.is_unexplained for band in bands):
        items.append(("flow", "go on"))
    if any(not end.is_unexplained and end.source for end in ends):
        items.append(("lost", "end, explained"))
    if any(band.is_unexplained for band in bands) or any(end.is_unexplained for end in ends):
        items.append(("odd", "not explained"))
    return [(sample, words) for sample, words in items]


def _placed(level: Level, top: float, room: float) -> tuple[list[_Place], float]:
    """Return what is said beside a step, line by line, and where that ends."""
    shown, others = list(level.ends), level.ends[:0]
    if len(shown) > _MOST_ENDS:
        shown, others = shown[: _MOST_ENDS - 1], level.ends[_MOST_ENDS - 1 :]
    if others:
        sources = [end.source for end in others if end.source]
        source = (min(s[0] for s in sources), max(s[1] for s in sources)) if sources else None
        is_odd = any(end.is_unexplained for end in others)
        n = sum(end.n for end in others)
        shown.append(End(n, f"in {len(others)} more ways", is_odd, source))
    placed: list[_Place] = []
    y = top + _BAR + 15
    for end in shown:
        part = f" ({_PERCENT.write(end.n / level.n, 0.001)})" if level.n and end.source else ""
        words = f"{number(end.n, 1)}{part} {end.words}"
        lines = fold(words, room, 3, strong=end.is_unexplained)
        placed.append((y, end, lines))
        y += len(lines) * _LINE + 3
    return placed, y + 1


def _step(canvas: Canvas, level: Level, lines: list[str], left: float, top: float) -> None:
    canvas.rectangle(left, top, left + max(level.right, 1.2), top + _BAR, "p-bar")
    for at, line in enumerate(lines):
        canvas.text(left - 8, top + 8 + at * _LINE, line, "end")
    count = shorten(number(level.n, 1), _NAMES)
    canvas.text(left - 8, top + 8 + len(lines) * _LINE, count, "end", "p-soft")


def _band(canvas: Canvas, band: Band, left: float, tops: list[float]) -> None:
    above, below = tops[band.level] + _BAR, tops[band.level + 1]
    (a, b), (c, d) = (
        (left + start, left + max(stop, start + 0.6)) for start, stop in (band.upper, band.lower)
    )
    middle = (above + below) / 2
    start = above - _BAR if band.is_passing else above
    canvas.path(
        f"M{_at(a, start)}V{coordinate(above)}C{_at(a, middle)} {_at(c, middle)} {_at(c, below)}"
        f"L{_at(d, below)}C{_at(d, middle)} {_at(b, middle)} {_at(b, above)}V{coordinate(start)}Z",
        "p-odd" if band.is_unexplained else "p-flow",
    )


def _ends(canvas: Canvas, ends: list[_Place], left: float, side: float, top: float) -> None:
    for y, end, lines in ends:
        if end.source:
            _stem(canvas, end, left, side - 5, top + _BAR, y - 4)
        elif end.is_unexplained:
            canvas.shapes([(side - 7, y - 4)], "diamond", "p-fail")
        look = "p-strong" if end.is_unexplained else ""
        for at, line in enumerate(lines):
            canvas.text(side, y + at * _LINE, line, "start", look)


def _stem(canvas: Canvas, end: End, left: float, right: float, above: float, y: float) -> None:
    """Draw a band from a bar to the side, narrowed to fit beside its words."""
    if end.source is None:
        return
    start, stop = left + end.source[0], left + max(end.source[1], end.source[0] + 0.6)
    half = min(stop - start, _STEM) / 2
    canvas.path(
        f"M{_at(start, above)}C{_at(start, y + half)} {_at(start, y + half)} {_at(right, y + half)}"
        f"L{_at(right, y - half)}C{_at(stop, y - half)} {_at(stop, y - half)} {_at(stop, above)}Z",
        "p-odd" if end.is_unexplained else "p-lost",
    )


def _at(x: float, y: float) -> str:
    return f"{coordinate(x)} {coordinate(y)}"
