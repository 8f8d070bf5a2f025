"""Control chart: days, limits, windows in their places; what is unusual; weekends; long spans."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from llmops_health.figures import ControlChart, ControlDay
from llmops_health_tests.report.plots.plot_dom import (
    across,
    drawn,
    letters,
    levels,
    near,
    parsed,
    points,
    words,
)

FRIDAY = date(2026, 10, 30)
VALUES = (100.0, 300.0, 200.0)  # Wednesday to Friday


def figure(*days: ControlDay, limit: float | None = None, window: int = 1) -> ControlChart:
    return ControlChart(
        title="t",
        description="d",
        measure="p95 latency",
        unit="ms",
        days=days,
        judged_from=days[-1].day - timedelta(days=window - 1),
        reference=(days[0].day, days[-1].day - timedelta(days=window)),
        limit=limit,
        limit_label="promised",
    )


def three(limits: dict[str, float], limit: float | None = None) -> ControlChart:
    return figure(
        *(
            ControlDay(day=FRIDAY - timedelta(days=2 - at), value=value, **limits)
            for at, value in enumerate(VALUES)
        ),
        limit=limit,
    )


def test_days_stand_where_the_axes_say() -> None:
    root = parsed(three({}))
    x, y = across(root, ("28 Oct", 0), ("30 Oct", 2)), levels(root)
    expected = near((x(at), y(value)) for at, value in enumerate(VALUES))
    assert points(root, "p-line p-thin") == expected
    assert points(root, "p-mark")[2::2] == expected  # after the sample of the key


def test_the_season_and_the_visible_change_lie_between_their_limits() -> None:
    root = parsed(three({"usual": 200, "usual_lo": 150, "usual_hi": 250, "visible_lo": 120,
                         "visible_hi": 280}))  # fmt: skip
    y = levels(root)
    for look, low, high in (("p-season", 150, 250), ("p-ribbon", 120, 280)):
        heights = {level for _, level in points(root, look)}
        assert (max(heights), min(heights)) == pytest.approx((y(low), y(high)), abs=0.2), look
    edges = [level for _, level in points(root, "p-edge")[4:]]
    assert edges == pytest.approx([y(120), y(120), y(280), y(280)], abs=0.2)
    middle = [level for _, level in points(root, "p-axis p-thin")]
    assert middle == pytest.approx([y(200)] * 2, abs=0.2)


def test_a_limit_of_sight_beyond_the_frame_is_not_drawn_on_its_rim() -> None:
    root = parsed(three({"visible_lo": 120, "visible_hi": 9000}))
    assert len(points(root, "p-edge")) == 4 + 2  # the key's two lines, and the lower limit
    assert levels(root)(120) == pytest.approx(points(root, "p-edge")[-1][1], abs=0.2)


def test_a_day_outside_its_limits_is_a_diamond() -> None:
    root = parsed(three({"usual_lo": 150, "usual_hi": 250}))
    y = levels(root)
    tops = [level for _, level in points(root, "p-fill-other")]
    for value in (100.0, 300.0):
        assert min(abs(top - y(value)) for top in tops) < 0.3
    assert len(points(root, "p-mark")) == 2 * (1 + 1)  # the key's, and Friday's
    assert "unusual" in words(three({"usual_lo": 150, "usual_hi": 250}))
    assert "unusual" not in words(three({"usual_lo": 50, "usual_hi": 350}))


def test_weekend_days_are_hollow() -> None:
    days = [ControlDay(day=FRIDAY + timedelta(days=at), value=100.0 + at) for at in range(-1, 3)]
    root = parsed(figure(*days))
    assert len(drawn(root, "p-hole")) == 2  # the key's, and one path for both days
    y = levels(root)
    assert [level for _, level in points(root, "p-hole")[2::2]] == pytest.approx(
        [y(101), y(102)], abs=0.2
    )


def test_the_windows_span_their_days_and_are_named_apart() -> None:
    days = [ControlDay(day=FRIDAY - timedelta(days=59 - at), value=1.0) for at in range(60)]
    root = parsed(figure(*days, window=7))
    [shade] = drawn(root, "p-window")
    left, wide = float(shade.get("x", 0)), float(shade.get("width", 0))
    line = points(root, "p-line p-thin")
    per_day = (line[-1][0] - line[0][0]) / 59
    assert wide == pytest.approx(7 * per_day, abs=0.2)
    assert left + wide == pytest.approx(line[-1][0] + per_day / 2, abs=0.2)
    bracket = points(root, "p-axis")
    assert any(abs(x - (left - 1)) < 0.2 for x, _ in bracket)
    named = {text: box for text, box in letters(root) if text in {"judged", "compared with"}}
    assert len(named) == 2
    assert named["compared with"].right + 4 <= named["judged"].left


def test_a_limit_near_is_a_line_and_a_limit_far_away_is_told() -> None:
    near, far = three({}, limit=400), three({}, limit=9000)
    root = parsed(near)
    assert points(root, "p-limit")[0][1] == pytest.approx(levels(root)(400), abs=0.2)
    assert "promised 400" in words(near)
    assert not drawn(parsed(far), "p-limit")
    assert "promised 9,000 ↑" in words(far)
    assert "promised \N{MINUS SIGN}9,000 ↓" in words(three({}, limit=-9000))


def test_a_day_without_a_value_is_a_gap() -> None:
    days = [
        ControlDay(day=FRIDAY - timedelta(days=at), value=None if at == 2 else 1.0 + at)
        for at in reversed(range(5))
    ]
    [line] = drawn(parsed(figure(*days)), "p-line p-thin")
    assert (line.get("d") or "").count("M") == 2


def test_a_long_span_has_a_line_for_weekdays_and_one_for_weekends() -> None:
    days = [
        ControlDay(day=day, value=100.0 if day.weekday() < 5 else 50.0, usual_lo=0, usual_hi=200)
        for day in (FRIDAY - timedelta(days=399 - at) for at in range(400))
    ]
    root = parsed(figure(*days))
    y = levels(root)
    for look, value in (("p-line p-fine", 100), ("p-weekend", 50)):
        shown = [level for _, level in points(root, look)]
        assert shown[-2:] == pytest.approx([y(value)] * 2, abs=0.2)
    assert {"weekday", "weekend"} <= set(words(figure(*days)))


def test_the_key_names_the_visible_change_only_where_it_is_seen() -> None:
    assert "least visible change" in words(three({"visible_lo": 120, "visible_hi": 9000}))
    assert "least visible change" not in words(three({"visible_lo": -9000, "visible_hi": 9000}))
