"""Reliability diagram: groups, band, gate and counts in their places."""

from __future__ import annotations

import pytest

from llmops_health.figures import ConfidenceGroup, ReliabilityDiagram
from llmops_health_tests.report.plots.plot_dom import (
    across,
    drawn,
    levels,
    near,
    parsed,
    points,
    route,
    words,
)


def group(confidence: float, accuracy: float, n: int = 50) -> ConfidenceGroup:
    return ConfidenceGroup(confidence=confidence, accuracy=accuracy, n=n,
                           band_lo=confidence - 0.1, band_hi=min(confidence + 0.1, 1))  # fmt: skip


def figure(*groups: ConfidenceGroup, gate: float | None = None) -> ReliabilityDiagram:
    return ReliabilityDiagram(title="t", description="d", groups=groups, band_level=0.9, gate=gate)


GROUPS = (group(0.6, 0.65, 25), group(0.8, 0.75, 100), group(0.9, 0.7, 50))


def test_groups_and_band_stand_where_the_axes_say() -> None:
    root = parsed(figure(*GROUPS))
    x, y = across(root, ("0.6", 0.6), ("0.9", 0.9)), levels(root)
    assert points(root, "p-line p-thin") == near(
        (x(one.confidence), y(one.accuracy)) for one in GROUPS
    )
    band = route(drawn(root, "p-band")[-1].get("d") or "")
    assert band[:3] == near((x(one.confidence), y(one.band_hi)) for one in GROUPS)
    assert band[-1:] == near([(x(0.6), y(0.5))])


def test_the_diagonal_joins_equal_numbers() -> None:
    root = parsed(figure(*GROUPS))
    x, y = across(root, ("0.6", 0.6), ("0.9", 0.9)), levels(root)
    (left, low), (right, high) = points(root, "p-edge")
    assert (left, right) == pytest.approx((x(0.5), x(1.0)), abs=0.3)
    assert (low, high) == pytest.approx((y(0.5), y(1.0)), abs=0.3)


def test_a_group_outside_the_band_is_a_diamond_and_named() -> None:
    root = parsed(figure(*GROUPS))
    assert len(points(root, "p-mark")) == 2 * (1 + 2)  # the key's, and two groups
    *_, diamond = drawn(root, "p-fill-other")
    assert (diamond.get("d") or "").count("M") == 1
    assert "outside it" in words(figure(*GROUPS))
    assert "outside it" not in words(figure(*GROUPS[:2]))


def test_the_gate_is_a_line_with_its_number() -> None:
    root = parsed(figure(*GROUPS, gate=0.85))
    [(left, _), (right, _)] = points(root, "p-guide")
    assert left == right == pytest.approx(across(root, ("0.6", 0.6), ("0.9", 0.9))(0.85), abs=0.2)
    assert "gate 0.85" in words(figure(*GROUPS, gate=0.85))
    assert not any("gate" in text for text in words(figure(*GROUPS)))


def test_bars_are_as_high_as_groups_are_large() -> None:
    bars = drawn(parsed(figure(*GROUPS)), "p-bar")
    high = [float(bar.get("height", 0)) for bar in bars]
    assert [one / max(high) for one in high] == pytest.approx([0.25, 1.0, 0.5], abs=0.01)
    assert len({float(b.get("y", 0)) + float(b.get("height", 0)) for b in bars}) == 1
    assert "labelled calls in each group, at most 100" in words(figure(*GROUPS))


def test_a_group_alone_has_a_band_with_some_width() -> None:
    root = parsed(figure(GROUPS[1]))
    band = drawn(root, "p-band")[-1]
    y = levels(root)
    assert float(band.get("width", 0)) > 5
    assert float(band.get("height", 0)) == pytest.approx(y(0.7) - y(0.9), abs=0.3)
