"""Plots of every kind: whole XML, escaped, small, inside their view box, and without colours."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from llmops_health.figures import (
    ControlChart,
    CoverageByTopic,
    Figure,
    Flows,
    HeatMap,
    Stage,
    WaterfallStep,
)
from llmops_health.report import plots
from llmops_health_tests.report.plots.plot_dom import drawn, letters, parsed, words
from llmops_health_tests.report.plots.plot_samples import (
    LAST,
    control,
    curves,
    estimate,
    flows,
    forecast,
    forest,
    heat_map,
    parts,
    reliability,
    risk,
    scatter,
    scores,
    stages,
    topics,
    trend,
    waterfall,
)

HOSTILE = "<script>alert('x')</script> & \"quoted\" \u202e\x00\ud800"
NAMED = (forest, parts, waterfall, stages, scatter, flows)
FULL: list[Figure] = [
    *(trend(60), reliability(15), control(60), risk(60), topics(), scores(60)),
    *(forest(), parts(), waterfall(), curves(), curves(6), curves(2, 40), stages()),
    *(forecast(), scatter(), flows(), flows(12), heat_map()),
]
LONG: list[Figure] = [
    *(trend(400), control(400), risk(400), topics(400), scores(57)),
    *(make(400) for make in NAMED),
    *(forest(40), stages(30), flows(30), scatter(200)),
    *(curves(1, 400), curves(2, 400), curves(9, 400)),
    *(forecast(400, 90), heat_map(40, 40), heat_map(24, 10), heat_map(100, 2)),
]
VALUES = (math.nan, math.inf, 0.0, 1e9, -1e9, -1e-9, 1e300, -1e-300, 123_456.789)
THIN: list[Figure] = [
    *(make(n) for make in (trend, reliability, control, risk, topics, scores) for n in (0, 1, 2)),
    *(make(n) for make in (*NAMED, heat_map, forecast) for n in (0, 1, 2)),
    *(curves(n, n_points) for n in (0, 1, 2) for n_points in (0, 1, 2)),
    *(forecast(n, n_coming) for n, n_coming in ((0, 0), (1, 0), (0, 1), (1, 1), (30, 0))),
    heat_map(3, 0),
    heat_map(0, 3),
    trend(value=None),
    *(
        replace(trend(value=value), unit=unit)
        for value in (math.nan, math.inf, 0.0, 1e9, -1e-9, 1e300, -1e-300, 123_456.789)
        for unit in ("share", "ms", "pp")
    ),
]
WORDY: list[Figure] = [
    control(name="share of calls in which the answer is cut" * 9),
    topics(25, "refunds and cancellations of orders made abroad"),
    replace(trend(), title="W" * 500, unit="W" * 80),
    *(make(9, name) for make in NAMED for name in ("W" * 90, "of orders made abroad and back")),
    *(curves(6, 5, name) for name in ("W" * 90, "of orders made abroad and back")),
    curves(1, 5, "W" * 90),
    *(heat_map(5, 5, name) for name in ("W" * 90, "of orders made abroad and back")),
    replace(curves(), x_label="W" * 90, measure="W" * 90, unit="W" * 90, limit_label="W" * 90),
    replace(forest(), measure="W" * 90, unit="W" * 90),
    replace(parts(), whole="of orders made abroad " * 20),
    replace(scatter(), x_label="W" * 90, x_unit="W" * 90, y_label="W" * 90, y_unit="W" * 90),
    replace(forecast(), measure="W" * 90, limit_label="W" * 90),
]


def extremes(value: float) -> list[Figure]:
    """Return figures in which one value, or all, are unlike what a figure is for."""
    odd, one = estimate(value, abs(value) / 2), curves(2, 5)
    point = replace(one.curves[0].points[2], y=odd)
    points = (*one.curves[0].points[:2], point, *one.curves[0].points[3:])
    alike = tuple(replace(row, effect=odd) for row in forest(4).rows)
    coming = [
        replace(day, expected=value, narrow=(value, value), wide=(value, value))
        for day in forecast().coming[:3]
    ]
    return [
        replace(forest(4), rows=(replace(forest(1).rows[0], effect=odd), *forest(4).rows)),
        replace(forest(4), rows=alike, zone_lo=None, zone_hi=value),
        replace(parts(), parts=(replace(parts().parts[0], share=odd), *parts().parts)),
        replace(parts(), limit=value),
        replace(waterfall(), start=value),
        replace(waterfall(), start=value, end=value, unit="ms"),
        replace(waterfall(), steps=(*waterfall().steps, WaterfallStep(label="odd", change=odd))),
        replace(one, curves=(replace(one.curves[0], points=points), one.curves[1]), unit="ms"),
        replace(one, curves=(replace(one.curves[0], points=points), one.curves[1]), limit=value),
        replace(stages(), total_ms=value),
        replace(stages(), stages=(Stage(label="odd", critical_ms=odd, hidden_ms=value),)),
        replace(forecast(), coming=tuple(coming), limit=value),
        replace(forecast(), seen=((LAST, value),)),
        replace(scatter(), marks=(replace(scatter().marks[1], x=odd), *scatter().marks)),
        replace(scatter(), marks=(replace(scatter().marks[1], y=odd, x=odd),), x_limit=value),
        replace(scatter(), x_limit=value, y_limit=value),
    ]


EXTREME = [figure for value in VALUES for figure in extremes(value)]


def name_of(figure: Figure) -> str:
    return type(figure).__name__


@pytest.mark.parametrize("figure", [*FULL, *LONG, *THIN, *WORDY, *EXTREME], ids=name_of)
def test_a_plot_is_whole_and_tells_what_it_shows(figure: Figure) -> None:
    root = parsed(figure)
    assert root.get("role") == "img"
    ids = (root.get("aria-labelledby") or "").split()
    named = {one.get("id"): one.text for one in root if one.get("id")}
    assert [named[one] for one in ids] == [figure.title, figure.description]
    coordinates = {"d", "x", "y", "cx", "cy", "r", "width", "height"}
    for one in root.iter():
        for key in coordinates & set(one.attrib):
            if key != "width" or one is not root:
                assert not re.search(r"nan|inf|None|e[-+]?\d", one.attrib[key]), one.attrib
    ET.fromstring(plots.standalone(figure))  # noqa: S314


@pytest.mark.parametrize("figure", FULL, ids=name_of)
def test_hostile_words_are_shown_as_words(figure: Figure) -> None:
    hostile = replace(figure, title=HOSTILE, description=HOSTILE)
    if isinstance(hostile, ControlChart):
        hostile = replace(hostile, measure=HOSTILE, limit_label=HOSTILE, unit=HOSTILE)
    if isinstance(hostile, CoverageByTopic):
        hostile = replace(topics(name=HOSTILE), title=HOSTILE, description=HOSTILE)
    shown = "<script>alert('x')</script> & \"quoted\""
    root = parsed(hostile)
    assert [one.text for one in root[:2]] == [shown, shown]
    for svg in (plots.svg(hostile), plots.standalone(hostile)):
        assert "<script" not in svg
        assert "\u202e" not in svg
        assert {one.tag.partition("}")[2] for one in ET.fromstring(svg).iter()} <= {  # noqa: S314
            *("svg", "title", "desc", "path", "rect", "text", "circle", "style"),
        }


@pytest.mark.parametrize("make", [*NAMED, curves, heat_map])
def test_hostile_names_are_shown_as_words(make: Callable[..., Figure]) -> None:
    svg = plots.svg(make(3, name=HOSTILE))
    assert "<script" not in svg
    assert "\u202e" not in svg
    assert "&lt;script&gt;" in svg
    assert {one.tag.partition("}")[2] for one in ET.fromstring(svg).iter()} <= {  # noqa: S314
        *("svg", "title", "desc", "path", "rect", "text", "circle"),
    }


@pytest.mark.parametrize("figure", [*FULL, *LONG, *WORDY], ids=name_of)
def test_a_data_uri_is_small_and_holds_the_standalone_picture(figure: Figure) -> None:
    uri = plots.data_uri(figure)
    assert len(uri) < 45_000
    head, _, body = uri.partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(body).decode() == plots.standalone(figure)


@pytest.mark.parametrize("figure", [*FULL, *LONG, *THIN, *WORDY, *EXTREME], ids=name_of)
def test_words_stay_inside_and_apart(figure: Figure) -> None:
    root = parsed(figure)
    _, _, wide, high = (float(part) for part in (root.get("viewBox") or "").split())
    placed = letters(root)
    # Others have an axis even where they have no data.
    assert len(placed) >= (1 if isinstance(figure, Flows | HeatMap) else 3)
    for text, box in placed:
        assert box.left >= -1, text
        assert box.right <= wide + 1, text
        assert box.top >= 0, text
        assert box.bottom <= high, text
    for (first, one), (second, other) in combinations(placed, 2):
        assert not one.overlaps(other), (first, second)


def test_the_same_figure_has_the_same_ids_and_another_has_others() -> None:
    assert plots.svg(trend()) == plots.svg(trend())
    names = [parsed(one).get("aria-labelledby") for one in (*FULL, trend(59))]
    names.append(ET.fromstring(plots.standalone(FULL[0])).get("aria-labelledby"))  # noqa: S314
    assert len(set(names)) == len(FULL) + 2


def test_an_inline_plot_brings_no_colours_of_its_own() -> None:
    for figure in FULL:
        svg = plots.svg(figure)
        assert "style" not in svg
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", svg)


def test_a_page_prints_the_title_and_a_file_holds_it_in_two_lines_at_most() -> None:
    figure = replace(trend(3), title="Overconfidence of a feature with a long name, " * 4)
    assert not drawn(parsed(figure), "p-strong")
    root = ET.fromstring(plots.standalone(figure))  # noqa: S314
    lines = [one.text or "" for one in drawn(root, "p-strong")]
    assert len(lines) == 2
    assert lines[0].startswith("Overconfidence of a feature")
    assert lines[1].endswith("…")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (trend, "No finding in these days."),
        (reliability, "No labelled call states its confidence."),
        (control, "No day to show."),
        (risk, "No gate accepts a labelled call."),
        (topics, "No traffic has a topic."),
        (scores, "No score on any day."),
        (forest, "No effect to show."),
        (parts, "No part to show."),
        (curves, "No line has a point."),
        (stages, "No stage to show."),
        (scatter, "No mark has both values."),
        (flows, "No step to show."),
        (heat_map, "Nothing to show."),
        (lambda n: forecast(n, 0), "No day to show."),
    ],
)
def test_an_empty_figure_says_so(make: Callable[[int], Figure], told: str) -> None:
    assert told in words(make(0))
    assert told not in words(make(2))
