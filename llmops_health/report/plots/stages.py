"""Drawing a `Stages`: what a request waits for, one stage after the other, and what runs beside."""

from __future__ import annotations

from llmops_health.figures import Estimate, Stage, Stages
from llmops_health.report.plots import axes, rows
from llmops_health.report.plots.axes import KeyItem
from llmops_health.report.plots.canvas import Canvas
from llmops_health.report.plots.rows import BAR, Row
from llmops_health.report.plots.scales import Scale, Unit, domain, is_known, known

_MOST_ROWS = 18
_PERCENT = Unit.of("share", 1.0)
_NAMED = 0.005  # of the total: the least time outside all stages that has a row


def draw(figure: Stages) -> Canvas:
    """Draw the figure, as high as its stages need."""
    canvas = Canvas(0.0)
    shown = _rows(figure)
    times = [_critical(one) for one in shown]
    unit = Unit.of("ms", max([*known([figure.total_ms]), sum(times)]))
    top = axes.head(canvas, "", _key(shown)) - 6
    readings = unit.column([one.critical_ms.value for one in shown])
    table = [
        Row(one.label, (reading, _part(one, figure.total_ms)), is_strong=one.is_chosen)
        for one, reading in zip(shown, readings, strict=True)
    ]
    at, middles = rows.write(canvas, table, top, unit, (_short(unit), ""))
    words = axes.quantity("time waited since the request", unit)
    total = _total(figure, unit)
    canvas.height = at.bottom + axes.axis_room(words) + (rows.MORE if total else 4)
    range_ = _range(figure, shown)
    x = axes.numbers_axis(canvas, range_, "ms", words, at, is_gridded=True)
    canvas.line((at.left, at.top), (at.left, at.bottom), "p-axis")
    since = 0.0
    for one, time, middle in zip(shown, times, middles, strict=True):
        _stage(canvas, one, since, middle, x)
        since += time
        if time > 0:
            canvas.line((x(since), middle), (x(since), min(middle + 20, at.bottom)), "p-edge")
    if not shown:
        axes.nothing(canvas, at, "No stage to show.")
    if total:
        canvas.text(0, canvas.height - 5, total, "start", "p-strong")
    return canvas


def _critical(one: Stage) -> float:
    value = one.critical_ms.value
    return max(value, 0.0) if is_known(value) else 0.0


def _hidden(one: Stage) -> float:
    return max(one.hidden_ms, 0.0) if is_known(one.hidden_ms) else 0.0


def _rows(figure: Stages) -> list[Stage]:
    """Return the stages to show, the shortest of too many as one, and the time outside all."""
    shown, others = list(figure.stages), list[Stage]()
    if len(shown) > _MOST_ROWS:
        shown, others = rows.telling(figure.stages, _MOST_ROWS - 1, _rank)
    if others:
        shown.append(
            Stage(
                label=f"{len(others)} more stages",
                critical_ms=Estimate(value=sum(map(_critical, others))),
                hidden_ms=sum(map(_hidden, others)),
            )
        )
    outside = figure.total_ms - sum(map(_critical, shown)) if is_known(figure.total_ms) else 0.0
    if shown and outside > _NAMED * figure.total_ms:
        rest = Estimate(value=outside)
        shown.append(Stage(label="outside all stages", critical_ms=rest, hidden_ms=0.0))
    return shown


def _rank(one: Stage) -> tuple[float, float]:
    return one.is_chosen, _critical(one) + _hidden(one)


def _range(figure: Stages, shown: list[Stage]) -> tuple[float, float]:
    since, stops, ends = 0.0, [0.0], [0.0]
    for one in shown:
        ends += [since + end for end in rows.ends([one.critical_ms])]
        stops += [since + _critical(one), since + _critical(one) + _hidden(one)]
        since += _critical(one)
    _, hi = domain(known([*stops, figure.total_ms]), ends, floor_at=0.0)
    return 0.0, hi if hi > 0 else 1.0


def _key(shown: list[Stage]) -> list[KeyItem]:
    items: list[KeyItem] = []
    if any(_critical(one) > 0 and not one.is_chosen for one in shown):
        items.append(("bar", "waited for"))
    if any(one.is_chosen for one in shown):
        items.append(("bar-other", "judged"))
    if any(_hidden(one) > 0 for one in shown):
        items.append(("open", "hidden behind others"))
    return items


def _short(unit: Unit) -> str:
    return "s" if unit.words == "seconds" else "ms"


def _part(one: Stage, total: float) -> str:
    if not is_known(total) or total <= 0 or not is_known(one.critical_ms.value):
        return ""
    return _PERCENT.write(_critical(one) / total, 0.01)


def _stage(canvas: Canvas, one: Stage, since: float, middle: float, x: Scale) -> None:
    time, hidden = _critical(one), _hidden(one)
    top, bottom = middle - BAR / 2, middle + BAR / 2
    if hidden > 0:
        canvas.rectangle(x(since + time), top, x(since + time + hidden), bottom, "p-open")
    if is_known(one.critical_ms.value):
        right = max(x(since + time), x(since) + 1)
        look = "p-bar-other" if one.is_chosen else "p-bar"
        canvas.rectangle(x(since), top, right, bottom, look)
    rows.interval(canvas, one.critical_ms, middle, x, "p-guide", since)


def _total(figure: Stages, unit: Unit) -> str:
    if not is_known(figure.total_ms):
        return ""
    return f"In all: {unit.read(figure.total_ms)} {unit.words}"
