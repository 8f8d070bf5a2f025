"""Drawing a `CoverageByTopic`: a bar per topic, filled where the eval set has cases for it."""

from __future__ import annotations

from llmops_health.figures import CoverageByTopic, Estimate, TopicShare
from llmops_health.report.plots import axes
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas
from llmops_health.report.plots.lettering import shorten, width
from llmops_health.report.plots.scales import Scale, Unit, is_known, known, nice_ticks

_ROW = 20.0
_BAR = 10.0
_MOST_ROWS = 18
_NAMES = 130.0
_AXIS = 38.0
_TOTAL = 20.0
_PERCENT = Unit.of("share", 1.0)
_COUNT = Unit.of("cases", 1.0)


def draw(figure: CoverageByTopic) -> Canvas:
    """Draw the figure, as high as its topics need."""
    topics, rest = _rows(figure)
    rows = [*topics, *([rest] if rest else [])]
    canvas = Canvas(0.0)
    top = axes.head(canvas, "share of traffic", _key(topics, rest)) - 5
    bottom = top + max(len(rows), 2) * _ROW
    canvas.height = bottom + _AXIS + (_TOTAL if _total(figure.covered) else 0)
    looks = ["" if row is rest or row.is_covered else "p-strong" for row in rows]
    names = [
        shorten(row.name, _NAMES, strong=bool(look)) for row, look in zip(rows, looks, strict=True)
    ]
    counts = [_cases(row) for row in rows]
    left = _widest(names, looks) + 8
    right = WIDTH - _widest(counts, looks) - 8
    at = Frame(left, top, right, bottom, Scale(0.0, 1.0, bottom, top), _PERCENT)
    x = axes.numbers_axis(canvas, (0.0, _most(rows)), "share", "share of traffic", at)
    canvas.line((left, top), (left, bottom), "p-axis")
    if not rows:
        axes.nothing(canvas, at, "No traffic has a topic.")
    for place, (row, name, count, look) in enumerate(zip(rows, names, counts, looks, strict=True)):
        middle = top + (place + 0.5) * _ROW
        _bar(canvas, row, middle, x, "rest" if row is rest else _look(row))
        canvas.text(left - 8, middle + 4, name, "end", look)
        canvas.text(WIDTH, middle + 4, count, "end", look or "p-soft")
    if total := _total(figure.covered):
        canvas.text(0, canvas.height - 5, total, "start", "p-strong")
    return canvas


def _widest(texts: list[str], looks: list[str]) -> float:
    pairs = zip(texts, looks, strict=True)
    return max((width(words, strong=bool(look)) for words, look in pairs), default=0.0)


def _rows(figure: CoverageByTopic) -> tuple[list[TopicShare], TopicShare | None]:
    """Return the topics to show, and one row for all others."""
    topics = [one for one in figure.topics if is_known(one.share)]
    shown, others = topics[:_MOST_ROWS], topics[_MOST_ROWS:]
    rest = figure.rest if figure.rest and is_known(figure.rest.share) else None
    if not others:
        return shown, rest
    parts = [*others, *([rest] if rest else [])]
    before = known(one.share_before for one in parts)
    share = sum(one.share for one in parts)
    return shown, TopicShare(
        name="other topics",
        share=share,
        lo=share,
        hi=share,
        n_cases=sum(one.n_cases for one in parts),
        is_covered=all(one.is_covered for one in parts),
        share_before=sum(before) if len(before) == len(parts) else None,
    )


def _key(topics: list[TopicShare], rest: TopicShare | None) -> list[KeyItem]:
    items: list[KeyItem] = []
    if any(one.is_covered for one in topics):
        items.append(("bar", "covered by eval cases"))
    if any(not one.is_covered for one in topics):
        items.append(("bar-open", "not covered"))
    if any(is_known(one.share_before) for one in (*topics, *([rest] if rest else []))):
        items.append((("post", "p-post"), "before"))
    return items


def _cases(row: TopicShare) -> str:
    words = "case" if row.n_cases == 1 else "cases"
    many = _COUNT.read(row.n_cases) if row.n_cases else "no"
    return f"{_PERCENT.write(row.share, 0.01)}, {many} {words}"


def _look(row: TopicShare) -> str:
    return "bar" if row.is_covered else "bar-open"


def _most(rows: list[TopicShare]) -> float:
    """Return where the axis ends: a round number, past all shares and intervals."""
    shares = known(number for row in rows for number in (row.share, row.hi, row.share_before))
    highest = min(max(shares, default=0.0), 1.0)
    return min(1.0, nice_ticks(0.0, highest, 5)[-1]) if highest > 0 else 1.0


def _bar(canvas: Canvas, row: TopicShare, middle: float, x: Scale, look: str) -> None:
    canvas.rectangle(x(0.0), middle - _BAR / 2, x(row.share), middle + _BAR / 2, f"p-{look}")
    if is_known(row.lo) and is_known(row.hi) and row.hi > row.lo:
        canvas.line((x(row.lo), middle), (x(row.hi), middle), "p-guide")
    if is_known(row.share_before):
        place = (x(row.share_before), middle)
        canvas.shapes([place], "post", "p-post p-under")
        canvas.shapes([place], "post", "p-post")


def _total(covered: Estimate) -> str:
    if not is_known(covered.value):
        return ""
    words = f"Covered in all: {_PERCENT.write(covered.value, 0.001)}"
    if is_known(covered.lo) and is_known(covered.hi):
        ends = (_PERCENT.write(end, 0.001) for end in (covered.lo, covered.hi))
        words += f" ({' to '.join(ends)})"
    return words
