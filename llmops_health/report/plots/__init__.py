"""Pictures of figures as SVG, made of strings: no plotting library, no script.

`svg` is for a page, which holds `STYLE` once and prints the figure's title itself; `standalone`
and `data_uri` are for anywhere else. What a figure holds is `llmops_health.figures`.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import assert_never

from llmops_health.figures import (
    ControlChart,
    CoverageByTopic,
    Curves,
    Figure,
    Flows,
    Forecast,
    Forest,
    HeatMap,
    Parts,
    ReliabilityDiagram,
    RiskCoverage,
    Scatter,
    Stages,
    Trend,
    TwoScores,
    Waterfall,
)
from llmops_health.report.plots import (
    control,
    curves,
    flows,
    forecast,
    forest,
    heat_map,
    parts,
    reliability,
    risk_coverage,
    scatter,
    stages,
    topics,
    trend,
    two_scores,
    waterfall,
)
from llmops_health.report.plots.canvas import WIDTH, Canvas, coordinate
from llmops_health.report.plots.lettering import escape, wrap
from llmops_health.report.plots.style import STANDALONE_STYLE, STYLE

__all__ = ["STYLE", "data_uri", "standalone", "svg"]

_MARGIN = 10.0
_TITLE_LINE = 16.0
_TITLE_LINES = 2
_TITLE_GAP = 6.0


def svg(figure: Figure) -> str:
    """Return the picture as an element for a page; its title is not drawn, only told.

    The same figure has the same ids: show it once per page.
    """
    canvas = _canvas(figure)
    view = f"0 0 {coordinate(WIDTH)} {coordinate(canvas.height)}"
    return _element(figure, view, canvas.body)


def standalone(figure: Figure) -> str:
    """Return the picture as a file of its own: titled, light, on its own paper."""
    canvas = _canvas(figure)
    lines = wrap(figure.title, WIDTH, _TITLE_LINES, strong=True)
    above = _MARGIN + _TITLE_LINE * len(lines) + _TITLE_GAP
    left, top = coordinate(-_MARGIN), coordinate(-above)
    wide, high = coordinate(WIDTH + 2 * _MARGIN), coordinate(above + canvas.height + _MARGIN)
    title = "".join(
        f'<text class="p-strong" x="0" y="{coordinate(_MARGIN - 4 + _TITLE_LINE * at - above)}">'
        f"{escape(line)}</text>"
        for at, line in enumerate(lines, start=1)
    )
    paper = f'<rect class="p-paper" x="{left}" y="{top}" width="{wide}" height="{high}"/>'
    return _element(
        figure,
        f"{left} {top} {wide} {high}",
        f"<style>{STANDALONE_STYLE}</style>{paper}{title}{canvas.body}",
        f' width="{wide}" height="{high}"',
    )


def data_uri(figure: Figure) -> str:
    """Return `standalone` as the address of an image."""
    return f"data:image/svg+xml;base64,{b64encode(standalone(figure).encode()).decode()}"


def _canvas(figure: Figure) -> Canvas:  # noqa: C901, PLR0911, PLR0912
    match figure:
        case ReliabilityDiagram():
            return reliability.draw(figure)
        case ControlChart():
            return control.draw(figure)
        case RiskCoverage():
            return risk_coverage.draw(figure)
        case CoverageByTopic():
            return topics.draw(figure)
        case TwoScores():
            return two_scores.draw(figure)
        case Trend():
            return trend.draw(figure)
        case Forest():
            return forest.draw(figure)
        case Parts():
            return parts.draw(figure)
        case Waterfall():
            return waterfall.draw(figure)
        case Curves():
            return curves.draw(figure)
        case Stages():
            return stages.draw(figure)
        case Forecast():
            return forecast.draw(figure)
        case Scatter():
            return scatter.draw(figure)
        case Flows():
            return flows.draw(figure)
        case HeatMap():
            return heat_map.draw(figure)
        case _:
            assert_never(figure)


def _element(figure: Figure, view: str, body: str, size: str = "") -> str:
    key = sha256(f"{figure!r}{view}".encode("utf-8", "replace")).hexdigest()[:12]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="p-figure" viewBox="{view}"{size}'
        f' role="img" aria-labelledby="p-{key}-t p-{key}-d">'
        f'<title id="p-{key}-t">{escape(figure.title)}</title>'
        f'<desc id="p-{key}-d">{escape(figure.description)}</desc>{body}</svg>'
    )
