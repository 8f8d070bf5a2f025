"""Canvas: paths go through their points, gaps stay gaps, and labels evade one another."""

from __future__ import annotations

import random
import re

import pytest

from llmops_health.report.plots.canvas import Canvas, Point
from llmops_health_tests.report.plots.plot_dom import near, route


def path(canvas: Canvas) -> str:
    [found] = re.findall(r' d="([^"]*)"', canvas.body)
    assert isinstance(found, str)
    return found


def test_rounding_does_not_add_up_along_a_path() -> None:
    draw = random.Random(20260101)  # noqa: S311
    points = [(draw.uniform(-9, 420), draw.uniform(-9, 300)) for _ in range(2000)]
    canvas = Canvas(300)
    canvas.polyline(points, "x")
    assert route(path(canvas)) == near(points, 0.051)


def test_level_and_upright_steps_are_kept() -> None:
    points = [(1.0, 2.0), (3.0, 2.0), (3.0, 9.5), (2.5, 9.5), (2.5, 9.5), (2.0, 0.0)]
    canvas = Canvas(300)
    canvas.polyline(points, "x")
    assert route(path(canvas)) == near(points)


def test_dots_touch_each_point_once() -> None:
    points = [(10.0, 20.0), (15.5, 12.3), (9.0, 12.3)]
    canvas = Canvas(300)
    canvas.dots(points, "x")
    assert route(path(canvas))[::2] == near(points)


def test_nothing_interrupts_a_line_and_an_area() -> None:
    line: list[Point | None] = [(0, 1), (1, 1), None, (3, 2), (4, 3), None, (6, 1)]
    canvas = Canvas(300)
    canvas.polyline(line, "x")
    assert path(canvas).count("M") == 2  # a point alone is no line
    canvas = Canvas(300)
    below = [None if point is None else (point[0], 9.0) for point in line]
    canvas.area(line, [None, *below[1:]], "x")
    assert route(path(canvas)) == [(3, 2), (4, 3), (4, 9), (3, 9)]


def test_levels_of_one_height_are_one_piece() -> None:
    points: list[Point | None] = [(1, 5), (2, 5), (3, 8), None, (5, 8)]
    canvas = Canvas(300)
    canvas.levels(points, 0.5, "x")
    assert route(path(canvas)) == [(0.5, 5), (2.5, 5), (2.5, 8), (3.5, 8), (4.5, 8), (5.5, 8)]
    canvas = Canvas(300)
    canvas.stepped_area(points, [p and (p[0], 9.0) for p in points], 0.5, "x")
    assert path(canvas).count("z") == 2
    assert {(0.5, 5.0), (2.5, 5.0), (2.5, 8.0), (3.5, 9.0), (0.5, 9.0)} <= set(route(path(canvas)))


def test_a_label_takes_the_first_place_that_hides_nothing() -> None:
    canvas = Canvas(300)
    canvas.dots([(20, 96)], "x")
    assert canvas.label([(10, 100, "start"), (10, 150, "start")], "limit")
    assert 'y="150"' in canvas.body


def test_a_label_does_not_stand_on_a_dashed_level() -> None:
    canvas = Canvas(300)
    canvas.levels([(20, 96), (30, 96)], 5, "x")
    assert canvas.label([(10, 100, "start"), (10, 150, "start")], "limit")
    assert 'y="150"' in canvas.body


def test_a_label_without_room_is_left_out() -> None:
    canvas = Canvas(300)
    canvas.text(10, 100, "judged")
    before = canvas.body
    assert not canvas.label([(12, 104, "start"), (415, 50, "start"), (5, 299, "end")], "limit")
    assert canvas.body == before


def test_a_short_run_of_a_strip_is_still_seen() -> None:
    canvas = Canvas(300)
    canvas.blocks([(10.0, 10.2)], (5, 9), "x")
    places = [x for x, _ in route(path(canvas))]
    assert max(places) - min(places) == pytest.approx(1.0)
