"""Scatter: marks where both axes say and as large as their rows are many, judged ones named."""

from __future__ import annotations

from dataclasses import replace
from math import nan, pi

import pytest

from llmops_health.figures import Estimate, Mark, Scatter
from llmops_health_tests.report.plots.plot_dom import (
    across,
    drawn,
    levels,
    parsed,
    points,
    words,
)
from llmops_health_tests.report.plots.plot_samples import scatter


def mark(label: str, x: float, y: float, n: int, *, is_chosen: bool = False) -> Mark:
    cost = Estimate(value=x, lo=x - 1, hi=x + 1)
    accepted = Estimate(value=y, lo=y - 0.05, hi=y + 0.05)
    return Mark(label=label, x=cost, y=accepted, n=n, is_chosen=is_chosen)


FIGURE = Scatter(
    title="t",
    description="d",
    x_label="cost",
    x_unit="USD",
    y_label="accepted",
    y_unit="share",
    marks=(mark("a", 2, 0.6, 100), mark("b", 8, 0.9, 400), mark("c", 5, 0.7, 50, is_chosen=True)),
    x_limit=6,
    y_limit=0.75,
)


def test_marks_stand_where_the_axes_say() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("2", 2), ("8", 8)), levels(root, " %")
    discs = {(float(one.get("cx", 0)), float(one.get("cy", 0))) for one in drawn(root, "p-fill")}
    for place, level in ((2, 60), (8, 90)):
        assert any((x(place), y(level)) == pytest.approx(disc, abs=0.3) for disc in discs)
    diamond = points(root, "p-fill-other")[5:]  # after that of the key
    assert diamond[1][1] == pytest.approx(y(70), abs=0.3)
    assert diamond[0][0] == pytest.approx(x(5), abs=0.3)


def test_more_rows_make_a_larger_mark() -> None:
    radii = [float(one.get("r", 0)) for one in drawn(parsed(FIGURE), "p-fill")]
    assert radii == sorted(radii, reverse=True)
    assert pi * radii[0] ** 2 > 2 * pi * radii[1] ** 2
    assert "Area: n, 50 to 400" in words(FIGURE)


def test_intervals_go_both_ways() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("2", 2), ("8", 8)), levels(root, " %")
    ends = points(root, "p-whisker-other")
    assert [place for place, _ in ends[:2]] == pytest.approx([x(4), x(6)], abs=0.3)
    assert [level for _, level in ends[2:]] == pytest.approx([y(75), y(65)], abs=0.3)


def test_limits_divide_the_plane_and_are_named() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("2", 2), ("8", 8)), levels(root, " %")
    (upright, _), _, (_, level), _ = points(root, "p-limit")
    assert (upright, level) == pytest.approx((x(6), y(75)), abs=0.3)
    assert {"limit 6", "limit 75 %", "cost, USD"} <= set(words(FIGURE))


def test_a_mark_without_both_values_is_counted_not_drawn() -> None:
    half = Mark(label="half", x=Estimate(value=3), y=Estimate(value=nan), n=9)
    figure = replace(FIGURE, marks=(*FIGURE.marks, half))
    assert len(drawn(parsed(figure), "p-fill")) == 2
    assert "Area: n, 50 to 400; 1 without both values" in words(figure)


def test_of_many_marks_the_judged_are_named_and_the_largest_shown() -> None:
    figure = scatter(400)
    root, shown = parsed(figure), words(figure)
    assert len(drawn(root, "p-fill")) + len(drawn(root, "p-fill-other")) - 1 == 200
    assert any("200 smaller ones not shown" in text for text in shown)
    named = [text for text in shown if text.startswith("model")]
    judged = {one.label for one in figure.marks if one.is_chosen}
    assert named
    assert set(named) <= judged
    assert not drawn(root, "p-whisker p-thin")
