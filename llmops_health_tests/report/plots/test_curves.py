"""Curves: points where the axes say, lines told apart without colour, names near their ends."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from llmops_health.figures import Curve, CurvePoint, Curves, Estimate
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
from llmops_health_tests.report.plots.plot_samples import curves


def curve(label: str, values: list[float | None], n: int = 30) -> Curve:
    return Curve(
        label=label,
        points=tuple(
            CurvePoint(x=at, y=Estimate(value=y, lo=y and y - 0.1, hi=y and y + 0.1), n=n + at)
            for at, y in enumerate(values)
        ),
    )


FIGURE = Curves(
    title="t",
    description="d",
    x_label="weeks",
    measure="accepted",
    unit="share",
    curves=(curve("first", [0.9, 0.8, 0.7, 0.6]), curve("second", [0.5, 0.4, 0.3, 0.2])),
    limit=0.65,
    limit_label="promised",
)


def test_points_stand_where_the_axes_say() -> None:
    root = parsed(FIGURE)
    x, y = across(root, ("0", 0), ("3", 3)), levels(root, " %")
    for look, values in (("p-curve-1", (90, 80, 70, 60)), ("p-curve-2", (50, 40, 30, 20))):
        path = points(root, look)[:4]
        assert path == near((x(at), y(value)) for at, value in enumerate(values)), look


def test_intervals_of_sparse_points_are_upright_and_stand_beside_each_other() -> None:
    root = parsed(FIGURE)
    y = levels(root, " %")
    first, second = points(root, "p-curve-1 p-solid"), points(root, "p-curve-2 p-solid")
    assert [level for _, level in first[:2]] == pytest.approx([y(100), y(80)], abs=0.3)
    assert second[0][0] - first[0][0] == pytest.approx(2.2, abs=0.2)


def test_intervals_of_two_dense_lines_are_bands_and_those_of_more_are_thinned() -> None:
    two, six = parsed(curves(2, 100)), parsed(curves(6, 100))
    assert len(drawn(two, "p-band")) == len(drawn(two, "p-band-other")) == 1
    assert not drawn(two, "p-curve-1 p-solid")
    assert not drawn(six, "p-band")
    assert 10 < len(points(six, "p-curve-1 p-solid")) < 60


def test_six_lines_have_six_looks_and_marks() -> None:
    root = parsed(curves(6, 5))
    for at in range(1, 7):
        assert drawn(root, f"p-curve-{at}")
    marks = [drawn(root, look) for look in ("p-fill-other", "p-fill-ink", "p-fill-soft",
                                            "p-fill-open", "p-hole")]  # fmt: skip
    assert all(marks)
    assert len({one[0].get("d", "")[-12:] for one in marks}) >= 4


def test_a_name_stands_level_with_the_end_of_its_line() -> None:
    root = parsed(FIGURE)
    y = levels(root, " %")
    at = {text: box for text, box in letters(root) if text in {"first", "second"}}
    for name, value in (("first", 60), ("second", 20)):
        middle = (at[name].top + at[name].bottom) / 2
        assert abs(middle - y(value)) < 16, name
    assert "n 30 to 33" in words(FIGURE)


def test_one_line_has_its_name_above_and_all_the_room() -> None:
    one = replace(FIGURE, curves=FIGURE.curves[:1])
    assert "first, n 30 to 33" in words(one)
    assert max(points(parsed(one), "p-grid"))[0] > max(points(parsed(FIGURE), "p-grid"))[0]


def test_an_unknown_value_interrupts_the_line() -> None:
    gap = replace(FIGURE, curves=(curve("first", [0.9, nan, 0.7, None, 0.5, 0.4]),))
    [path] = [one for one in drawn(parsed(gap), "p-curve-1") if "M" in (one.get("d") or "")]
    assert (path.get("d") or "").count("M") == 1
    crowded = curve("first", [0.9 if at != 50 else nan for at in range(100)])
    broken = parsed(replace(FIGURE, curves=(crowded,)))
    assert (drawn(broken, "p-curve-1")[0].get("d") or "").count("M") == 2
    alone = curve("first", [None if at % 2 else 0.9 for at in range(100)])
    assert len(points(parsed(replace(FIGURE, curves=(alone,))), "p-mark")) == 2 * 50


def test_a_line_without_values_says_so() -> None:
    empty = replace(FIGURE, curves=(FIGURE.curves[0], curve("second", [None, nan])))
    assert "no value" in words(empty)
    assert not points(parsed(empty), "p-fill-other")[5:]


def test_lines_beyond_six_are_counted() -> None:
    assert "3 more lines are not shown" in words(curves(9))


def test_the_limit_is_drawn_or_told() -> None:
    root = parsed(FIGURE)
    y = levels(root, " %")
    assert points(root, "p-limit")[0][1] == pytest.approx(y(65), abs=0.3)
    assert "promised 65 %" in words(FIGURE)
    far = replace(FIGURE, unit="", limit=900.0)
    assert "promised 900 \N{UPWARDS ARROW}" in words(far)
    assert not drawn(parsed(far), "p-limit")


def test_shares_stay_between_nothing_and_all() -> None:
    ticks = [text for text in words(FIGURE) if text.endswith(" %") and " " not in text[:-2]]
    assert {"0 %", "100 %"} <= set(ticks)
    assert "120 %" not in ticks


def test_a_long_name_of_the_axis_takes_two_lines() -> None:
    label = "weeks since the first call (of the first cohort: since the history begins), all users"
    shown = words(replace(FIGURE, x_label=label))
    assert label not in shown
    assert " ".join(shown).count("all users") == 1
