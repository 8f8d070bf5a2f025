"""Forecast: what was, what may come, the limit, and when it is passed, in picture and words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from math import nan

import pytest

from llmops_health.figures import Forecast, ForecastDay
from llmops_health_tests.report.plots.plot_dom import (
    across,
    drawn,
    levels,
    near,
    parsed,
    points,
    words,
)
from llmops_health_tests.report.plots.plot_samples import forecast

FIRST = date(2026, 10, 1)


def day(at: int) -> date:
    return FIRST + timedelta(days=at)


FIGURE = Forecast(
    title="t",
    description="d",
    measure="documents",
    seen=tuple((day(at), 100.0 + 10 * at) for at in range(15)),
    coming=tuple(
        ForecastDay(day=day(15 + at), expected=250.0 + 10 * at, narrow=(240, 260 + 10 * at),
                    wide=(220, 300 + 10 * at))
        for at in range(14)
    ),
    limit=300,
    limit_label="allowed",
    breach=(day(20), day(17), day(25)),
)  # fmt: skip


def test_seen_and_expected_days_stand_where_the_axes_say() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("1 Oct", 0), ("29 Oct", 28)), levels(root)
    seen = points(root, "p-line")
    assert seen[-15:] == near((x(at), y(100 + 10 * at)) for at in range(15))
    expected = points(root, "p-line p-dashed")
    assert expected[-14:] == near((x(15 + at), y(250 + 10 * at)) for at in range(14))


def test_ranges_are_areas_of_two_tints() -> None:
    root = parsed(FIGURE)
    y = levels(root)
    for look, highest, lowest in (("p-narrow", 390, 240), ("p-wide", 430, 220)):
        heights = [level for _, level in points(root, look)]
        assert (min(heights), max(heights)) == pytest.approx((y(highest), y(lowest)), abs=0.3)
    assert {"seen", "expected", "likely", "possible", "to come"} <= set(words(FIGURE))


def test_the_breach_is_marked_on_the_limit() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("1 Oct", 0), ("29 Oct", 28)), levels(root)
    assert points(root, "p-level") == near([(x(17), y(300)), (x(25), y(300))])
    (place, level), *_ = points(root, "p-fail")
    assert (place, level) == pytest.approx((x(20), y(300)), abs=0.3)
    assert points(root, "p-limit")[0][1] == pytest.approx(y(300), abs=0.3)


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ((day(20), day(17), day(25)), "Limit passed about 21 Oct (18 Oct to 26 Oct)"),
        ((day(20), day(17), None), "Limit passed about 21 Oct (18 Oct to later than shown)"),
        ((day(20), None, None), "Limit passed about 21 Oct"),
        ((None, day(17), None), "Limit passed 18 Oct at the earliest"),
        ((None, None, None), "Limit not passed in the days shown"),
        ((day(100), day(90), None), "Limit passed about 9 Jan 2027 (30 Dec to later than shown)"),
    ],
)
def test_the_breach_is_told(
    breach: tuple[date | None, date | None, date | None], told: str
) -> None:
    assert told in words(replace(FIGURE, breach=breach))


def test_without_a_limit_or_a_breach_nothing_is_told() -> None:
    for figure in (replace(FIGURE, breach=None), replace(FIGURE, limit=None)):
        assert not any(text.startswith("Limit") for text in words(figure))
        assert not drawn(parsed(figure), "p-level")


def test_a_far_limit_is_told_and_does_not_flatten_the_days() -> None:
    far = replace(FIGURE, limit=90_000, breach=(None, None, None))
    assert "allowed 90,000 \N{UPWARDS ARROW}" in words(far)
    assert not drawn(parsed(far), "p-limit")


def test_an_unknown_day_is_a_gap() -> None:
    seen = tuple((one, nan if at == 7 else value) for at, (one, value) in enumerate(FIGURE.seen))
    path = drawn(parsed(replace(FIGURE, seen=seen)), "p-line")[-1]
    assert (path.get("d") or "").count("M") == 2


def test_a_year_of_days_is_a_line_without_marks() -> None:
    root = parsed(forecast(365, 90))
    assert drawn(root, "p-line p-fine")
    assert not drawn(root, "p-mark")
    assert drawn(parsed(FIGURE), "p-mark")
