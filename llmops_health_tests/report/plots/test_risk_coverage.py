"""Risk against coverage: the curve, its band, the promise and both gates in their places."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from llmops_health.figures import GatePoint, RiskCoverage
from llmops_health_tests.report.plots.plot_dom import (
    across,
    drawn,
    levels,
    parsed,
    points,
    route,
    words,
)

POINTS = tuple(
    GatePoint(gate=gate, share=share, error=error, lo=error - 0.01, hi=error + 0.02, n=100)
    for gate, share, error in ((0.9, 0.2, 0.02), (0.8, 0.6, 0.05), (0.7, 0.8, 0.06), (0.5, 1, 0.1))
)
FIGURE = RiskCoverage(title="t", description="d", points=POINTS, max_error=0.04,
                      in_force=POINTS[2], to_set=POINTS[1])  # fmt: skip


def place(one: GatePoint) -> Any:
    root = parsed(FIGURE)
    x, y = across(root, ("20 %", 0.2), ("80 %", 0.8)), levels(root, " %")
    return pytest.approx((x(one.share), y(100 * one.error)), abs=0.3)


def test_the_curve_goes_through_every_gate_from_strict_to_loose() -> None:
    for order in (POINTS, POINTS[::-1]):
        root = parsed(replace(FIGURE, points=order))
        assert points(root, "p-line") == [place(one) for one in POINTS]


def test_the_band_lies_between_the_intervals() -> None:
    root = parsed(FIGURE)
    y = levels(root, " %")
    band = [level for _, level in route(drawn(root, "p-band")[-1].get("d") or "")]
    expected = [*(y(100 * one.hi) for one in POINTS), *(y(100 * one.lo) for one in POINTS[::-1])]
    assert band == pytest.approx(expected, abs=0.3)


def test_the_promise_is_a_line_and_told() -> None:
    root = parsed(FIGURE)
    heights = [level for _, level in points(root, "p-limit")]
    assert heights == pytest.approx([levels(root, " %")(4)] * 2, abs=0.2)
    assert "promised: at most 4 %" in words(FIGURE)


def test_the_gate_in_force_and_the_gate_to_set_are_marked_and_named() -> None:
    root = parsed(FIGURE)
    assert points(root, "p-fill")[0] == place(POINTS[2])
    assert points(root, "p-fill-other")[0] == place(POINTS[1])
    assert {"gate 0.70 in force", "gate 0.80 to set"} <= set(words(FIGURE))


def test_a_gate_that_is_right_is_marked_once() -> None:
    figure = replace(FIGURE, to_set=POINTS[2])
    assert not drawn(parsed(figure), "p-fill-other")
    assert "gate 0.70 in force, and right" in words(figure)


def test_a_gate_of_which_nothing_is_known_is_left_out() -> None:
    unknown = replace(POINTS[0], gate=0.95, share=math.nan, error=math.nan)
    root = parsed(replace(FIGURE, points=(unknown, *POINTS), in_force=unknown))
    assert len(points(root, "p-line")) == len(POINTS)
    assert not drawn(root, "p-fill")
