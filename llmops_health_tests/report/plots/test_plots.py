"""Plots: whole XML, escaped, small, inside their view box, legible, and every mark in its place."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from llmops_health.figures import (
    ConfidenceGroup,
    ControlChart,
    ControlDay,
    CoverageByTopic,
    DatedEstimate,
    Estimate,
    Figure,
    GatePoint,
    ReliabilityDiagram,
    RiskCoverage,
    TopicShare,
    Trend,
    TrendDay,
    TwoScores,
)
from llmops_health.findings import Status
from llmops_health.report import plots
from llmops_health.report.plots.lettering import Box, width
from llmops_health.report.plots.style import DARK, LIGHT

SVG = "{http://www.w3.org/2000/svg}"
LAST = date(2026, 10, 31)
HOSTILE = "<script>alert('x')</script> & \"quoted\" \u202e"


def days(n: int) -> list[date]:
    return [LAST - timedelta(days=n - 1 - at) for at in range(n)]


def trend(n: int = 56, value: float | None = 0.3) -> Trend:
    kinds = list(Status)
    return Trend(
        title="Overconfidence, day by day",
        description="It rose.",
        unit="probability",
        days=tuple(
            TrendDay(
                day=day,
                status=kinds[at % len(kinds)],
                value=value if value is None else value + 0.01 * (at % 5),
                lo=None if value is None else value - 0.1,
                hi=None if value is None else value + 0.2,
                threshold=0.05,
            )
            for at, day in enumerate(days(n))
        ),
    )


def reliability(n: int = 13) -> ReliabilityDiagram:
    stated = [0.5 + 0.5 * (at + 0.5) / n for at in range(n)]
    return ReliabilityDiagram(
        title="Accuracy by stated confidence",
        description="Two groups lie outside.",
        groups=tuple(
            ConfidenceGroup(confidence=p, accuracy=p - 0.1, n=40 + at, band_lo=p - 0.05, band_hi=p)
            for at, p in enumerate(stated)
        ),
        band_level=0.9,
        gate=0.8,
    )


def control(n: int = 60, name: str = "95th percentile of latency") -> ControlChart:
    return ControlChart(
        title=name,
        description="It rose.",
        measure=name,
        unit="ms",
        days=tuple(
            ControlDay(
                day=day,
                value=None if at == 3 else 800.0 + 10 * (at % 7),
                usual=820,
                usual_lo=700,
                usual_hi=930,
                visible_lo=650,
                visible_hi=990,
            )
            for at, day in enumerate(days(n))
        ),
        judged_from=LAST - timedelta(days=6),
        reference=(LAST - timedelta(days=min(n - 1, 34)), LAST - timedelta(days=7)),
        limit=1200,
        limit_label="promised",
    )


def risk(n: int = 50) -> RiskCoverage:
    points = tuple(
        GatePoint(gate=0.99 - 0.01 * at, share=(at + 1) / n, error=0.2 * at / n, lo=0, hi=0.3, n=9)
        for at in range(n)
    )
    return RiskCoverage(
        title="Errors among accepted calls",
        description="The gate lets through too many.",
        points=points,
        max_error=0.1,
        in_force=points[-1] if points else None,
        to_set=points[0] if points else None,
    )


def topics(n: int = 12, name: str = "topic") -> CoverageByTopic:
    listed = tuple(
        TopicShare(name=f"{name} {at}", share=0.5 / (at + 1), lo=0.4 / (at + 1), hi=0.6 / (at + 1),
                   n_cases=at % 3, is_covered=at % 3 > 0, share_before=0.02)
        for at in range(n)
    )  # fmt: skip
    return CoverageByTopic(
        title="Share of traffic per topic",
        description="A topic is new.",
        topics=listed,
        covered=Estimate(value=0.739, lo=0.7, hi=0.78),
    )


def scores(n: int = 8) -> TwoScores:
    weeks = [LAST - timedelta(days=7 * (n - at)) for at in range(n)]
    return TwoScores(
        title="Eval score and satisfaction",
        description="They part.",
        evals=tuple(dated(day, 0.8) for day in weeks),
        satisfaction=tuple(dated(day, 0.8 - 0.03 * at) for at, day in enumerate(weeks)),
        before=(weeks[0], LAST - timedelta(days=29)) if n > 4 else None,
        after=(LAST - timedelta(days=28), LAST) if n > 4 else None,
        widened=Estimate(value=14.8, lo=5.1, hi=24.4),
    )


def dated(first: date, value: float) -> DatedEstimate:
    return DatedEstimate(
        first=first,
        last=first + timedelta(days=6),
        estimate=Estimate(value=value, lo=value - 0.05, hi=value + 0.05),
    )


FULL: list[Figure] = [trend(), reliability(), control(), risk(), topics(), scores()]
THIN: list[Figure] = [
    *(make(n) for make in (trend, reliability, control, risk, topics, scores) for n in (0, 1)),
    trend(value=None),
    trend(value=math.nan),
    trend(value=0.0),
    trend(value=1e9),
    trend(value=-1e-9),
]


def name_of(figure: Figure) -> str:
    return type(figure).__name__


def parsed(figure: Figure) -> ET.Element:
    return ET.fromstring(plots.svg(figure))  # noqa: S314


def letters(root: ET.Element) -> list[tuple[str, Box]]:
    """Return each text of a plot with the room it takes."""
    found: list[tuple[str, Box]] = []
    for one in root.iter(f"{SVG}text"):
        words = "".join(one.itertext())
        x, y, wide = float(one.get("x", 0)), float(one.get("y", 0)), width(words)
        shift = {"start": 0.0, "middle": wide / 2, "end": wide}[one.get("text-anchor", "start")]
        found.append((words, Box(x - shift, y - 9, x - shift + wide, y + 2)))
    return found


@pytest.mark.parametrize("figure", [*FULL, *THIN], ids=name_of)
def test_a_plot_is_whole_and_tells_what_it_shows(figure: Figure) -> None:
    root = parsed(figure)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    ids = (root.get("aria-labelledby") or "").split()
    named = {one.get("id"): one.text for one in root if one.get("id")}
    assert [named[one] for one in ids] == [figure.title, figure.description]
    assert not {"nan", "inf", "None"} & set(re.findall(r"[A-Za-z]+", " ".join(
        value for one in root.iter() for key, value in one.attrib.items() if key in
        {"d", "x", "y", "cx", "cy", "width", "height", "points"})))  # fmt: skip
    ET.fromstring(plots.standalone(figure))  # noqa: S314


@pytest.mark.parametrize("figure", FULL, ids=name_of)
def test_hostile_words_are_shown_as_words(figure: Figure) -> None:
    hostile = replace(figure, title=HOSTILE, description=HOSTILE)
    if isinstance(hostile, ControlChart):
        hostile = replace(hostile, measure=HOSTILE, limit_label=HOSTILE)
    if isinstance(hostile, CoverageByTopic):
        hostile = topics(name=HOSTILE)
    for drawn in (plots.svg(hostile), plots.standalone(hostile)):
        assert "<script" not in drawn
        ET.fromstring(drawn)  # noqa: S314


@pytest.mark.parametrize("figure", FULL, ids=name_of)
def test_a_data_uri_is_small_and_holds_the_standalone_picture(figure: Figure) -> None:
    uri = plots.data_uri(figure)
    assert len(uri) < 24_000
    head, _, body = uri.partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(body).decode() == plots.standalone(figure)


@pytest.mark.parametrize("figure", FULL, ids=name_of)
def test_words_stay_inside_and_apart(figure: Figure) -> None:
    root = parsed(figure)
    _, _, wide, high = (float(part) for part in (root.get("viewBox") or "").split())
    placed = letters(root)
    assert len(placed) >= 4
    for words, box in placed:
        assert box.left >= -1, words
        assert box.right <= wide + 1, words
        assert box.top >= -3, words
        assert box.bottom <= high + 1, words
    for (first, one), (second, other) in combinations(placed, 2):
        assert not one.overlaps(other), (first, second)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("names", "least"), [(("ink", "soft"), 4.5), (("main", "other", "warn", "fail"), 3.0)]
)
def test_colours_can_be_seen(palette: dict[str, str], names: tuple[str, ...], least: float) -> None:
    for name in names:
        light, dark = sorted((luminance(palette["paper"]), luminance(palette[name])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, name


def test_an_inline_plot_brings_no_colours_of_its_own() -> None:
    for figure in FULL:
        drawn = plots.svg(figure)
        assert "style" not in drawn
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", drawn)


def heights(root: ET.Element) -> dict[str, float]:
    """Return where each tick label of the vertical axis stands, by its words."""
    return {words: box.bottom for words, box in letters(root)}


def test_values_stand_where_the_axis_says() -> None:
    """On a linear axis a value of 0.3 lies midway between the ticks of 0.2 and 0.4."""
    figure = Trend(
        title="t",
        description="d.",
        unit="probability",
        days=tuple(TrendDay(day=day, status=Status.FAIL, value=v)
                   for day, v in zip(days(3), (0.0, 0.3, 0.4), strict=True)),
    )  # fmt: skip
    root = parsed(figure)
    at = heights(root)
    assert at["0.2"] - at["0.4"] == pytest.approx(at["0"] - at["0.2"], abs=0.3)
    line = next(one for one in root.iter(f"{SVG}path") if one.get("class") == "p-line")
    ys = [float(y) for _, y in route(line.get("d") or "")]
    assert ys[0] - ys[2] == pytest.approx(at["0"] - at["0.4"], abs=0.3)
    assert (ys[0] - ys[1]) / (ys[0] - ys[2]) == pytest.approx(0.75, abs=0.01)


def route(d: str) -> list[tuple[float, float]]:
    """Return the points of a path of absolute or relative moves and lines."""
    x = y = 0.0
    points: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MmLlHhVv])([^MmLlHhVvZz]*)", d):
        values = [float(one) for one in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        step = 1 if command in "HhVv" else 2
        for at in range(0, len(values), step):
            if command in "Hh":
                x = values[at] + (x if command == "h" else 0)
            elif command in "Vv":
                y = values[at] + (y if command == "v" else 0)
            else:
                base = (x, y) if command.islower() else (0.0, 0.0)
                x, y = base[0] + values[at], base[1] + values[at + 1]
            points.append((x, y))
    return points
