"""Stages: each waits where the one before ends, what is hidden lies beside, and all add up."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from llmops_health.figures import Estimate, Stage, Stages
from llmops_health_tests.report.plots.plot_dom import across, drawn, parsed, points, words
from llmops_health_tests.report.plots.plot_samples import stages

FIGURE = Stages(
    title="t",
    description="d",
    stages=(
        Stage(label="embed", critical_ms=Estimate(value=200, lo=150, hi=250), hidden_ms=0),
        Stage(label="moderate", critical_ms=Estimate(value=0), hidden_ms=300),
        Stage(label="model", critical_ms=Estimate(value=700), hidden_ms=0, is_chosen=True),
    ),
    total_ms=1000,
)


def spans(figure: Stages, look: str) -> list[tuple[float, float]]:
    """Return where bars start and stop, in milliseconds."""
    root = parsed(figure)
    x = across(root, ("0", 0), ("1,000", 1000))
    bars = [one for one in drawn(root, look) if one.get("height") == "10"]
    lefts = [float(one.get("x", 0)) for one in bars]
    rights = [left + float(one.get("width", 0)) for left, one in zip(lefts, bars, strict=True)]
    slope = x(1) - x(0)
    return [((a - x(0)) / slope, (b - x(0)) / slope) for a, b in zip(lefts, rights, strict=True)]


def test_stages_follow_each_other_and_the_judged_one_stands_out() -> None:
    first, *_ = spans(FIGURE, "p-bar")
    assert first == pytest.approx((0, 200), abs=3)
    assert spans(FIGURE, "p-bar-other") == [pytest.approx((200, 900), abs=3)]
    strong = ["".join(one.itertext()) for one in drawn(parsed(FIGURE), "p-strong")]
    assert strong == ["model", "700", "In all: 1,000 milliseconds"]


def test_hidden_time_is_open_and_moves_nothing() -> None:
    assert spans(FIGURE, "p-open") == [pytest.approx((200, 500), abs=3)]
    assert "hidden behind others" in words(FIGURE)
    assert "hidden behind others" not in words(replace(FIGURE, stages=FIGURE.stages[::2]))


def test_time_outside_all_stages_is_a_row() -> None:
    assert spans(FIGURE, "p-bar")[-1] == pytest.approx((900, 1000), abs=3)
    assert {"outside all stages", "100", "10 %"} <= set(words(FIGURE))
    assert "outside all stages" not in words(replace(FIGURE, total_ms=900))


def test_an_interval_starts_where_its_stage_does() -> None:
    root = parsed(FIGURE)
    x = across(root, ("0", 0), ("1,000", 1000))
    guides = [place for place, _ in points(root, "p-guide")]
    assert guides == pytest.approx([x(150), x(250)], abs=0.3)


def test_an_unknown_time_is_a_gap() -> None:
    gap = Stage(label="gap", critical_ms=Estimate(value=nan), hidden_ms=nan)
    figure = replace(FIGURE, stages=(*FIGURE.stages, gap))
    assert "no value" in words(figure)
    assert len(spans(figure, "p-bar")) == len(spans(FIGURE, "p-bar"))


def test_many_seconds_are_written_in_seconds() -> None:
    shown = words(stages(20))
    assert "In all: 19.1 seconds" in shown
    assert "s" in shown


def test_the_shortest_of_many_stages_are_summed() -> None:
    figure = stages(30)
    shown = words(figure)
    assert {"stage 3", "stage 29", "13 more stages"} <= set(shown)
    assert "stage 5" not in shown
    hidden = sum(one.critical_ms.value or 0 for one in figure.stages
                 if one.label not in shown)  # fmt: skip
    assert f"{hidden / 1000:.2f}" in shown
