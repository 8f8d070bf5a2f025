"""Limits: drawn where they are, told with an arrow where they are not."""

from __future__ import annotations

import math

import pytest

from llmops_health.report.plots import limits
from llmops_health.report.plots.axes import Frame
from llmops_health.report.plots.canvas import Canvas
from llmops_health.report.plots.scales import Scale, Unit

AT = Frame(40, 30, 400, 230, Scale(0, 10, 230, 30), Unit(""))
X = Scale(0, 10, 40, 400)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(12, (0, 12)), (-9, (-9, 10)), (5, (0, 10)), (900, (0, 10)), (-900, (0, 10)),
     (None, (0, 10)), (math.nan, (0, 10))],
)  # fmt: skip
def test_a_near_limit_widens_the_range_and_a_far_one_does_not(
    limit: float | None, expected: tuple[float, float]
) -> None:
    assert limits.reach((0, 10), limit) == expected


@pytest.mark.parametrize(
    ("limit", "words", "is_drawn"),
    [(5, "promised 5", True), (900, "promised 900 \N{UPWARDS ARROW}", False),
     (-9, "promised \N{MINUS SIGN}9 \N{DOWNWARDS ARROW}", False)],
)  # fmt: skip
def test_a_level_is_drawn_or_told(limit: float, words: str, *, is_drawn: bool) -> None:
    canvas = Canvas(260)
    limits.level(canvas, limit, "promised", AT)
    assert f">{words}<" in canvas.body
    assert ("p-limit" in canvas.body) == is_drawn


@pytest.mark.parametrize(
    ("limit", "words", "is_drawn"),
    [(5, "limit 5", True), (0, "limit 0", True), (10, "limit 10", True),
     (900, "limit 900 \N{RIGHTWARDS ARROW}", False),
     (-9, "limit \N{MINUS SIGN}9 \N{LEFTWARDS ARROW}", False)],
)  # fmt: skip
def test_an_upright_is_drawn_or_told(limit: float, words: str, *, is_drawn: bool) -> None:
    canvas = Canvas(260)
    limits.upright(canvas, limit, "", AT, X, Unit(""))
    assert f">{words}<" in canvas.body
    assert ("p-limit" in canvas.body) == is_drawn


def test_no_limit_draws_nothing() -> None:
    canvas = Canvas(260)
    limits.level(canvas, math.nan, "promised", AT)
    limits.upright(canvas, None, "", AT, X, Unit(""))
    assert not canvas.body
