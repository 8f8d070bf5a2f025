"""Trend: values, intervals and limits in their places, a mark per status, gaps, and long spans."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from llmops_health.figures import Trend, TrendDay
from llmops_health.findings import Status
from llmops_health_tests.report.plots.plot_dom import (
    across,
    drawn,
    levels,
    near,
    parsed,
    points,
    words,
)

LAST = date(2026, 10, 4)


def figure(*days: TrendDay, unit: str = "probability") -> Trend:
    return Trend(title="t", description="d", unit=unit, days=days)


def day(
    back: int, value: float | None = None, status: Status = Status.PASS, **more: float
) -> TrendDay:
    return TrendDay(day=LAST - timedelta(days=back), status=status, value=value, **more)


def test_values_and_intervals_stand_where_the_axes_say() -> None:
    values = (0.1, 0.3, 0.2)
    root = parsed(figure(*(day(2 - at, value, lo=value - 0.1, hi=value + 0.05)
                           for at, value in enumerate(values))))  # fmt: skip
    x, y = across(root, ("2 Oct", 0), ("4 Oct", 2)), levels(root)
    line = points(root, "p-line")
    assert line == near((x(at), y(value)) for at, value in enumerate(values))
    assert points(root, "p-mark")[2::2] == line  # after the sample of the key
    band = [level for _, level in points(root, "p-band")]
    expected = [*(y(v + 0.05) for v in values), *(y(v - 0.1) for v in reversed(values))]
    assert band == pytest.approx(expected, abs=0.3)


def test_a_limit_follows_its_days_and_is_named_once() -> None:
    root = parsed(figure(day(2, 0.1, threshold=0.3), day(1, 0.2, threshold=0.3),
                         day(0, 0.1, threshold=0.5)))  # fmt: skip
    y = levels(root)
    assert [level for _, level in points(root, "p-limit")] == pytest.approx(
        [y(0.3), y(0.3), y(0.5), y(0.5)], abs=0.2
    )
    assert [text for text in words(figure(day(0, 0.1, threshold=0.3))) if "limit" in text] == [
        "limit 0.3"
    ]


def test_a_day_without_a_value_and_a_day_left_out_are_gaps() -> None:
    root = parsed(figure(day(6, 0.1), day(5, 0.2), day(4, None, Status.NOT_ENOUGH_DATA),
                         day(3, 0.2), day(2, 0.3), day(0, 0.1)))  # fmt: skip
    [line] = drawn(root, "p-line")
    assert (line.get("d") or "").count("M") == 2
    assert len(points(root, "p-line")) == 4
    zero = levels(root)(0)
    *_, (_, level) = points(root, "p-hole")
    assert level > zero


@pytest.mark.parametrize(
    ("status", "look"),
    [
        (Status.PASS, "p-mark"),
        (Status.WARN, "p-warn"),
        (Status.FAIL, "p-fail"),
        (Status.NOT_ENOUGH_DATA, "p-hole"),
        (Status.NOT_APPLICABLE, "p-guide p-none"),
    ],
)
def test_each_status_has_a_mark_of_its_own_and_a_word(status: Status, look: str) -> None:
    one = figure(day(1, 0.1), day(0, 0.3, status))
    root = parsed(one)
    marks = [element.get("d") for element in drawn(root, look)]
    others = [element.get("d") for element in drawn(parsed(figure(day(1, 0.1))), look)]
    assert len(marks) >= 1
    assert marks != others
    names = {"PASS": "pass", "WARN": "warn", "FAIL": "fail", "NOT_ENOUGH_DATA": "cannot tell",
             "NOT_APPLICABLE": "not applicable"}  # fmt: skip
    assert names[status] in words(one)


def test_a_long_span_has_a_strip_of_statuses_with_a_block_per_run() -> None:
    failing = {3, 4, 5, 300}
    days = [
        day(399 - at, 0.1 + 0.001 * (at % 7), Status.FAIL if at in failing else Status.PASS)
        for at in range(400)
    ]
    root = parsed(figure(*days))
    sample, strip = drawn(root, "p-fail p-flat")
    assert (sample.get("d") or "").count("M") == 1
    assert (strip.get("d") or "").count("M") == 2
    assert len(points(root, "p-line p-fine")) == 400
    edges = [place for place, _ in points(root, "p-fail p-flat")[4:]]
    per_day = (points(root, "p-line p-fine")[-1][0] - points(root, "p-line p-fine")[0][0]) / 399
    assert edges[1] - edges[0] == pytest.approx(3 * per_day, abs=0.2)


@pytest.mark.parametrize(
    ("unit", "value", "ending"),
    [("share", 0.0877, "8.77 %"), ("ms", 34_567.0, "34.6"), ("pp", -9.44, "\N{MINUS SIGN}9.44")],
)
def test_the_newest_value_is_written_beside_it(unit: str, value: float, ending: str) -> None:
    assert ending in words(figure(day(1, value / 2), day(0, value), unit=unit))
