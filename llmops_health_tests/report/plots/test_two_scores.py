"""Two scores: both series in their places, told apart, with their windows and the gap's change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from llmops_health.figures import DatedEstimate, Estimate, TwoScores
from llmops_health_tests.report.plots.plot_dom import (
    across,
    drawn,
    levels,
    near,
    parsed,
    points,
    words,
)

FIRST = date(2026, 10, 1)


def dated(at: int, value: float, n_days: int = 1) -> DatedEstimate:
    first = FIRST + timedelta(days=at)
    return DatedEstimate(
        first=first,
        last=first + timedelta(days=n_days - 1),
        estimate=Estimate(value=value, lo=value - 0.1, hi=value + 0.1),
    )


FIGURE = TwoScores(
    title="t",
    description="d",
    evals=(dated(0, 0.8), dated(14, 0.7), dated(28, 0.85)),
    satisfaction=(dated(7, 0.6, 7), dated(21, 0.5, 7)),
    before=(FIRST, FIRST + timedelta(days=13)),
    after=(FIRST + timedelta(days=14), FIRST + timedelta(days=28)),
    widened=Estimate(value=9.1, lo=-4.25, hi=14.0),
)


def test_estimates_stand_in_the_middle_of_their_days() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("1 Oct", 0), ("29 Oct", 28)), levels(root, " %")
    for look, expected in (
        ("p-line", [(0, 80), (14, 70), (28, 85)]),
        ("p-other", [(10, 60), (24, 50)]),
    ):
        assert points(root, look) == near((x(at), y(value)) for at, value in expected), look


def test_intervals_and_the_days_they_are_about_are_lines() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("1 Oct", 0), ("29 Oct", 28)), levels(root, " %")
    about, *_, upright = drawn(root, "p-whisker-other")
    assert about is not upright
    first, second, *rest = points(root, "p-whisker-other")
    assert (first[0], second[0]) == pytest.approx((x(7), x(13)), abs=0.3)
    ends = [level for _, level in rest[2:]]
    assert ends == pytest.approx([y(70), y(50), y(60), y(40)], abs=0.3)


def test_estimates_about_the_same_days_stand_beside_each_other() -> None:
    same = replace(FIGURE, evals=FIGURE.satisfaction)
    root = parsed(same)
    line, other = points(root, "p-line"), points(root, "p-other")
    gaps = [right - left for (left, _), (right, _) in zip(line, other, strict=True)]
    assert gaps == pytest.approx([3.6, 3.6], abs=0.2)


def test_windows_are_named_and_the_later_one_is_shaded() -> None:
    root = parsed(FIGURE)
    x = across(root, ("1 Oct", 0), ("29 Oct", 28))
    [shade] = drawn(root, "p-window")
    assert float(shade.get("x", 0)) == pytest.approx(x(13.5), abs=0.3)
    assert {"before", "after"} <= set(words(FIGURE))


def test_the_newest_values_and_the_change_of_the_gap_are_written() -> None:
    assert {"85.0 %", "50.0 %", "Change of the gap: +9.1 pp (\N{MINUS SIGN}4.2 to 14.0)"} <= set(
        words(FIGURE)
    )


def test_equal_newest_values_are_written_apart() -> None:
    close = replace(FIGURE, satisfaction=(dated(21, 0.85, 7),))
    assert words(close).count("85.0 %") == 2


def test_daily_scores_have_bands_and_two_kinds_of_line() -> None:
    daily = replace(
        FIGURE,
        evals=tuple(dated(at, 0.8) for at in range(60)),
        satisfaction=tuple(dated(at, 0.6) for at in range(60)),
    )
    root = parsed(daily)
    y = levels(root, " %")
    for look, value in (("p-band", 80), ("p-band-other", 60)):
        heights = [level for _, level in points(root, look)]
        ends = y(value - 10), y(value + 10)
        assert (max(heights), min(heights)) == pytest.approx(ends, abs=0.3), look
