"""Axes: ticks, names and keys in their places; days left out are gaps."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

import pytest

from llmops_health.report.plots import axes
from llmops_health.report.plots.axes import Frame, KeyItem
from llmops_health.report.plots.canvas import WIDTH, Canvas
from llmops_health.report.plots.scales import Scale, Unit

LAST = date(2026, 10, 31)


def frame(canvas: Canvas, lo: float = 0.0, hi: float = 0.4) -> Frame:
    return axes.frame(canvas, (lo, hi), "share", top=30, bottom=230, right=400)


def test_a_frame_covers_its_range_and_names_its_ticks() -> None:
    canvas = Canvas(260)
    at = frame(canvas, 0.03, 0.37)
    assert (at.y(0.0), at.y(0.4)) == (230, 30)
    assert [f">{name} %<" in canvas.body for name in (0, 10, 20, 40)] == [True] * 4
    assert canvas.body.count("p-grid") == 5


def test_days_are_as_wide_as_each_other_and_fill_the_frame() -> None:
    canvas = Canvas(260)
    at = frame(canvas)
    x = axes.days_axis(canvas, LAST - timedelta(days=9), LAST, at, 230)
    half = (at.right - at.left) / 20
    assert x(LAST.toordinal()) == pytest.approx(at.right - half)
    assert x(LAST.toordinal() - 9) == pytest.approx(at.left + half)


@pytest.mark.parametrize(("reach", "n_gaps"), [(1, 2), (3, 1), (6, 0)])
def test_days_left_out_are_gaps(reach: int, n_gaps: int) -> None:
    rows = [(LAST - timedelta(days=back), 0.1) for back in (12, 11, 5, 4, 1)]
    points = axes.over_days(rows, frame(Canvas(260)), Scale(0, 1, 0, 1), reach)
    assert len([point for point in points if point is None]) == n_gaps


def test_no_value_is_a_gap() -> None:
    rows = [(LAST, None), (LAST + timedelta(days=1), float("nan")), (LAST + timedelta(days=2), 0.1)]
    points = axes.over_days(rows, frame(Canvas(260)), Scale(0, 1, 0, 1))
    assert [point is None for point in points] == [True, True, False]


def test_a_key_takes_as_many_lines_as_it_needs() -> None:
    key: list[KeyItem] = [("dot", f"a mark of kind {at}") for at in range(9)]
    canvas = Canvas(260)
    assert axes.head(canvas, "share", key[:2]) < axes.head(Canvas(260), "share", key)
    axes.head(canvas := Canvas(260), "share", key)
    for one, other in combinations(canvas._texts, 2):
        assert not one.overlaps(other)
    assert max(box.right for box in canvas._texts) <= WIDTH + 1


def test_numbers_below_do_not_meet_and_stay_inside() -> None:
    for unit, range_ in (("share", (0.0, 1.0)), ("", (0.0, 0.123)), ("", (1e6, 9e6))):
        canvas = Canvas(300)
        at = Frame(40, 10, 419, 250, Scale(0, 1, 250, 10), Unit(""))
        axes.numbers_axis(canvas, range_, unit, "stated confidence", at)
        assert len(canvas._texts) >= 3
        for one, other in combinations(canvas._texts, 2):
            assert not one.overlaps(other)
        assert max(box.right for box in canvas._texts) <= WIDTH + 1e-9


def test_an_axis_of_numbers_below_zero_has_a_grid_and_its_words_in_two_lines() -> None:
    canvas = Canvas(300)
    at = Frame(150, 30, 330, 230, Scale(0, 1, 230, 30), Unit(""))
    words = "change of the score of the tuned model against its base, in percentage points of it"
    x = axes.numbers_axis(canvas, (-4.0, 4.0), "pp", words, at, is_gridded=True)
    assert x(0.0) == pytest.approx(240)
    assert ">\N{MINUS SIGN}4<" in canvas.body
    assert canvas.body.count("p-grid") >= 3
    assert axes.axis_room(words) - axes.axis_room("short") == axes.LINE
    assert "percentage points of it<" in canvas.body


def test_a_unit_is_not_said_twice() -> None:
    assert axes.quantity("cost", Unit("USD")) == "cost, USD"
    assert axes.quantity("USD per call", Unit("USD")) == "USD per call"
    assert axes.quantity("accepted", Unit("")) == "accepted"
