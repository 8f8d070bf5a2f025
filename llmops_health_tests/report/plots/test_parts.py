"""Parts: a bar per part as long as its share, the judged one filled, and the limit."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from llmops_health.figures import Estimate, Part, Parts
from llmops_health_tests.report.plots.plot_dom import across, drawn, parsed, points, words
from llmops_health_tests.report.plots.plot_samples import parts

FIGURE = Parts(
    title="t",
    description="d",
    whole="the variance",
    parts=(
        Part(label="cases", share=Estimate(value=0.55, lo=0.5, hi=0.6)),
        Part(label="judge", share=Estimate(value=0.25, lo=0.2, hi=0.3), is_chosen=True),
        Part(label="rest", share=Estimate(value=0.2)),
    ),
    limit=0.1,
)


def lengths(figure: Parts, look: str) -> list[float]:
    """Return the widths of bars as shares; bars are 10 high, samples of the key 8."""
    root = parsed(figure)
    x = across(root, ("0 %", 0), ("20 %", 0.2))
    bars = [one for one in drawn(root, look) if one.get("height") == "10"]
    return [float(one.get("width", 0)) / (x(1) - x(0)) for one in bars]


def test_bars_are_as_long_as_shares_and_the_judged_one_is_filled() -> None:
    assert lengths(FIGURE, "p-bar") == pytest.approx([0.25], abs=2e-3)
    assert lengths(FIGURE, "p-rest") == pytest.approx([0.55, 0.2], abs=2e-3)
    strong = ["".join(one.itertext()) for one in drawn(parsed(FIGURE), "p-strong")]
    assert strong == ["judge", "25.0 %"]


def test_where_nothing_is_judged_all_are_alike_and_there_is_no_key() -> None:
    plain = replace(FIGURE, parts=tuple(replace(one, is_chosen=False) for one in FIGURE.parts))
    assert lengths(plain, "p-bar") == pytest.approx([0.55, 0.25, 0.2], abs=2e-3)
    assert "judged" in words(FIGURE)
    assert "judged" not in words(plain)


def test_intervals_and_the_limit_stand_where_the_axis_says() -> None:
    root = parsed(FIGURE)
    x = across(root, ("0 %", 0), ("20 %", 0.2))
    guides = [place for place, _ in points(root, "p-guide")]
    assert guides == pytest.approx([x(0.5), x(0.6), x(0.2), x(0.3)], abs=0.3)
    assert points(root, "p-limit")[0][0] == pytest.approx(x(0.1), abs=0.3)
    assert {"limit 10 %", "share of the variance"} <= set(words(FIGURE))


def test_an_unknown_share_is_a_gap_and_one_below_zero_goes_left() -> None:
    odd = (Part(label="a", share=Estimate(value=nan)), Part(label="b", share=Estimate(value=-0.1)))
    figure = replace(FIGURE, parts=(*FIGURE.parts, *odd))
    root = parsed(figure)
    x = across(root, ("0 %", 0), ("20 %", 0.2))
    bars = [one for one in drawn(root, "p-rest") if one.get("height") == "10"]
    assert len(bars) == 3
    assert float(bars[-1].get("x", 0)) == pytest.approx(x(-0.1), abs=0.3)
    assert "no value" in words(figure)


def test_too_many_parts_are_summed_but_never_the_judged_one() -> None:
    figure = parts(400)
    last = tuple(replace(one, is_chosen=at == 399) for at, one in enumerate(figure.parts))
    shown = words(replace(figure, parts=last))
    assert "part 399" in shown
    assert "383 more" in shown
    rest = sum(one.share.value or 0 for one in figure.parts[16:399])
    assert f"{100 * rest:.0f} %" in shown
