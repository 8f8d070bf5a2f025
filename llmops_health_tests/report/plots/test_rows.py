"""Rows: names, readings and what lies between them; the most telling of many; cut intervals."""

from __future__ import annotations

import pytest

from llmops_health.figures import Estimate
from llmops_health.report.plots import rows
from llmops_health.report.plots.canvas import WIDTH, Canvas
from llmops_health.report.plots.rows import Row
from llmops_health.report.plots.scales import Scale, Unit


def test_the_highest_ranks_are_shown_in_their_own_order() -> None:
    shown, others = rows.telling([3, 9, 1, 9, 2], 3, lambda one: (one, 0.0))
    assert (shown, others) == ([3, 9, 9], [1, 2])
    assert rows.telling([1, 2], 5, lambda one: (one, 0.0)) == ([1, 2], [])


def test_the_frame_lies_between_names_and_readings() -> None:
    canvas = Canvas(0.0)
    table = [Row("short", ("1", "22")), Row("a name that takes two whole lines", ("333", ""))]
    at, middles = rows.write(canvas, table, 10.0, Unit(""), ("", "n"))
    assert 90 < at.left < 160
    assert 300 < at.right < WIDTH - 40
    assert at.top < middles[0] < middles[1] < at.bottom
    assert middles[1] - middles[0] > 22
    assert canvas.body.count("<text") == 1 + 3 + 3


def test_a_row_without_a_name_says_so() -> None:
    canvas = Canvas(0.0)
    rows.write(canvas, [Row("\x00", ("1",))], 0.0, Unit(""))
    assert ">unnamed<" in canvas.body


@pytest.mark.parametrize(
    ("estimate", "n_paths"),
    [
        (Estimate(value=1, lo=0, hi=2), 1),
        (Estimate(value=1, lo=-99, hi=2), 2),
        (Estimate(value=1, lo=-99, hi=99), 3),
        (Estimate(value=1, lo=1, hi=1), 0),
        (Estimate(value=1, lo=None, hi=2), 0),
        (Estimate(value=1, lo=float("nan"), hi=2), 0),
    ],
)
def test_an_interval_has_an_arrow_at_each_end_that_is_cut(estimate: Estimate, n_paths: int) -> None:
    canvas = Canvas(100)
    rows.interval(canvas, estimate, 50, Scale(-3, 3, 0, 300), "p-guide")
    assert canvas.body.count("<path") == n_paths
