"""Waterfall: each step starts where the one before ends, points where it goes, and adds up."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from llmops_health.figures import Estimate, Waterfall, WaterfallStep
from llmops_health_tests.report.plots.plot_dom import across, drawn, parsed, points, route, words
from llmops_health_tests.report.plots.plot_samples import waterfall

MINUS = "\N{MINUS SIGN}"
FIGURE = Waterfall(
    title="t",
    description="d",
    measure="cost per day",
    unit="USD",
    start_label="before",
    start=100,
    steps=(
        WaterfallStep(label="calls", change=Estimate(value=60, lo=50, hi=70)),
        WaterfallStep(label="price", change=Estimate(value=-30)),
    ),
    end_label="after",
    end=130,
)


def arrow(figure: Waterfall, look: str) -> list[tuple[float, float]]:
    """Return where arrows of a look start and stop, as numbers of the axis."""
    root = parsed(figure)
    x = across(root, ("100", 100), ("140", 140))
    slope = x(1) - x(0)
    routes = [route(one.get("d") or "") for one in drawn(root, look)]
    ends = [(corners[0][0], corners[2][0]) for corners in routes if len(corners) == 5]
    return [((start - x(0)) / slope, (stop - x(0)) / slope) for start, stop in ends]


def test_steps_go_from_level_to_level() -> None:
    assert arrow(FIGURE, "p-bar") == [pytest.approx((100, 160), abs=0.5)]
    assert arrow(FIGURE, "p-bar-other") == [pytest.approx((160, 130), abs=0.5)]
    assert not arrow(FIGURE, "p-open")


def test_a_step_points_where_it_goes() -> None:
    for look, sign in (("p-bar", 1), ("p-bar-other", -1)):
        [one] = drawn(parsed(FIGURE), look)
        (start, _), (neck, _), (stop, _), *_ = route(one.get("d") or "")
        assert sign * start < sign * neck < sign * stop


def test_levels_and_intervals_stand_where_the_axis_says() -> None:
    root = parsed(FIGURE)
    x = across(root, ("100", 100), ("140", 140))
    posts = [place for place, _ in points(root, "p-level")]
    assert posts == pytest.approx([x(100)] * 3 + [x(130)] * 3, abs=0.3)
    guides = [place for place, _ in points(root, "p-guide")]
    assert guides == pytest.approx([x(150), x(170)], abs=0.3)


def test_changes_are_written_with_their_sign_and_those_of_shares_in_points() -> None:
    assert {"100", "+60", f"{MINUS}30", "130", "cost per day, USD"} <= set(words(FIGURE))
    assert {"80.0 %", "+1.0 pp", f"{MINUS}2.0 pp"} <= set(words(waterfall()))


def test_what_the_steps_leave_open_is_a_row() -> None:
    figure = replace(FIGURE, end=120)
    assert arrow(figure, "p-open") == [pytest.approx((130, 120), abs=0.5)]
    assert {"not explained", f"{MINUS}10"} <= set(words(figure))
    assert "not explained" not in words(FIGURE)


def test_rounding_is_not_left_open() -> None:
    assert "not explained" not in words(replace(FIGURE, end=130 + 1e-9))


def test_an_unknown_step_is_a_gap_that_shows_as_left_open() -> None:
    unknown = WaterfallStep(label="cache", change=Estimate(value=nan))
    figure = replace(FIGURE, steps=(*FIGURE.steps, unknown), end=140)
    assert {"no value", "not explained", "+10"} <= set(words(figure))
    assert arrow(figure, "p-bar") == [pytest.approx((100, 160), abs=0.5)]


def test_of_many_steps_the_small_ones_are_one_and_all_add_up() -> None:
    figure = waterfall(40)
    shown = words(figure)
    assert "25 smaller steps" in shown
    assert "step 39" in shown
    assert "step 3" not in shown
    assert "not explained" not in shown
