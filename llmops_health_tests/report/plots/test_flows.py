"""Flows: bars and bands as wide as rows are many, losses told beside their step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmops_health.figures import Flow, Flows
from llmops_health_tests.report.plots.plot_dom import drawn, letters, parsed, words
from llmops_health_tests.report.plots.plot_samples import flows

FIGURE = Flows(
    title="t",
    description="d",
    steps=("requests", "calls", "labels"),
    flows=(
        Flow(source="requests", to="calls", n=1000),
        Flow(source="requests", to=None, n=250, why="blocked"),
        Flow(source="calls", to="labels", n=400),
        Flow(source="calls", to=None, n=590, why="not rated"),
        Flow(source="calls", to=None, n=10, is_unexplained=True),
    ),
)


def test_bars_are_as_wide_as_rows_are_many() -> None:
    bars = [float(one.get("width", 0)) for one in drawn(parsed(FIGURE), "p-bar")]
    assert [wide / bars[0] for wide in bars] == pytest.approx([1, 0.8, 0.32], abs=0.01)
    assert {"1,250", "1,000", "400"} <= set(words(FIGURE))


def test_there_is_a_band_per_flow_of_its_kind() -> None:
    root = parsed(FIGURE)
    assert [len(drawn(root, look)) for look in ("p-flow", "p-lost", "p-odd")] == [3, 3, 2]
    assert {"go on", "end, explained", "not explained"} <= set(words(FIGURE))


def test_a_loss_is_told_with_its_share_below_its_step() -> None:
    shown = dict(letters(parsed(FIGURE)))
    assert "250 (20 %) blocked" in shown or "250 (20.0 %) blocked" in shown
    loss = next(box for text, box in shown.items() if text.endswith("blocked"))
    assert shown["requests"].top < loss.top < shown["calls"].top


def test_what_is_not_explained_is_strong_and_dashed() -> None:
    strong = ["".join(one.itertext()) for one in drawn(parsed(FIGURE), "p-strong")]
    assert " ".join(strong).startswith("10 (1.0 %) not explained")
    plain = replace(FIGURE, flows=FIGURE.flows[:2])
    explained = replace(plain, steps=("requests", "calls"))
    assert not drawn(parsed(explained), "p-odd")
    assert "not explained" not in words(explained)


def test_rows_that_vanish_are_told() -> None:
    lacking = replace(FIGURE, flows=(*FIGURE.flows[:3], FIGURE.flows[4]))
    shown = words(lacking)
    assert "590 go in and not out" in shown
    assert drawn(parsed(lacking), "p-fail")


def test_many_losses_of_a_step_are_summed() -> None:
    lost = tuple(Flow(source="requests", to=None, n=10 + at, why=f"why {at}") for at in range(9))
    shown = words(replace(FIGURE, flows=(FIGURE.flows[0], *lost)))
    assert any(text.startswith("18 (") and text.endswith("why 8") for text in shown)
    assert any(text.startswith("75 (") and text.endswith("in 6 more ways") for text in shown)
    assert not any(text.endswith("why 1") for text in shown)


def test_steps_beyond_the_shown_are_counted() -> None:
    shown = words(flows(30))
    assert "step 13" in shown
    assert "step 14" not in shown
    assert "16 more steps" in shown
    assert "step 11" in words(flows(12))
