"""Coverage by topic: a bar per topic as long as its share, and whether cases cover it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmops_health.figures import CoverageByTopic, Estimate, TopicShare
from llmops_health_tests.report.plots.plot_dom import across, drawn, parsed, points, words
from llmops_health_tests.report.plots.plot_samples import topics


def topic(name: str, share: float, n_cases: int, before: float | None = None) -> TopicShare:
    return TopicShare(name=name, share=share, lo=share - 0.02, hi=share + 0.03, n_cases=n_cases,
                      is_covered=n_cases > 0, share_before=before)  # fmt: skip


FIGURE = CoverageByTopic(
    title="t",
    description="d",
    topics=(topic("refunds", 0.3, 1234567, 0.25), topic("returns", 0.15, 0), topic("tax", 0.1, 1)),
    covered=Estimate(value=0.739, lo=0.697, hi=0.779),
    rest=topic("41 other topics", 0.05, 12),
)


def wide(look: str) -> list[float]:
    """Return the widths of bars, as shares; the key's sample is 12 wide and comes first."""
    root = parsed(FIGURE)
    x = across(root, ("0 %", 0), ("20 %", 0.2))
    bars = [one for one in drawn(root, look) if one.get("height") == "10"]
    assert all(float(one.get("x", 0)) == pytest.approx(x(0), abs=0.1) for one in bars)
    return [float(one.get("width", 0)) / (x(1) - x(0)) for one in bars]


def test_bars_are_as_long_as_shares() -> None:
    assert wide("p-bar") == pytest.approx([0.3, 0.1], abs=1e-3)
    assert wide("p-bar-open") == pytest.approx([0.15], abs=1e-3)
    assert wide("p-rest") == pytest.approx([0.05], abs=1e-3)


def test_intervals_and_earlier_shares_stand_where_the_axis_says() -> None:
    root = parsed(FIGURE)
    x = across(root, ("0 %", 0), ("20 %", 0.2))
    first, *_ = drawn(root, "p-guide")
    assert (first.get("d") or "").startswith(f"M{x(0.28):.1f}".removesuffix(".0"))
    *_, (before, _), _ = points(root, "p-post")
    assert before == pytest.approx(x(0.25), abs=0.2)


def test_a_topic_is_named_with_its_share_and_cases() -> None:
    assert {"refunds", "30 %, 1.23M cases", "15 %, no cases", "10 %, 1 case",
            "Covered in all: 73.9 % (69.7 % to 77.9 %)"} <= set(words(FIGURE))  # fmt: skip


def test_what_is_not_covered_stands_out_by_weight_and_outline() -> None:
    root = parsed(FIGURE)
    strong = ["".join(one.itertext()) for one in drawn(root, "p-strong")]
    assert strong[:2] == ["returns", "15 %, no cases"]
    assert "refunds" not in strong


def test_topics_beyond_the_shown_are_summed() -> None:
    figure = topics(400)
    shown = words(figure)
    assert "topic 17" in shown
    assert "topic 18" not in shown
    assert "other topics" in shown
    share = round(100 * sum(one.share for one in figure.topics[18:]))
    cases = sum(one.n_cases for one in figure.topics[18:])
    assert f"{share} %, {cases} cases" in shown


def test_a_long_name_is_cut_not_pushed_out() -> None:
    long = replace(FIGURE, topics=(topic("W" * 80, 0.3, 0), *FIGURE.topics[1:]))
    [name] = [text for text in words(long) if text.startswith("WW")]
    assert name.endswith("…")
