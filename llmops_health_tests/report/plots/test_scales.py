"""Scales: ranges, ticks and days to label, and how numbers are written."""

from __future__ import annotations

import doctest
import math
import random
from datetime import date, timedelta
from itertools import pairwise

import pytest

from llmops_health.report.plots import canvas, lettering, scales
from llmops_health.report.plots.lettering import width
from llmops_health.report.plots.scales import (
    Scale,
    Unit,
    day_ticks,
    domain,
    natural_domain,
    nice_ticks,
    number,
)


@pytest.mark.parametrize("module", [scales, lettering, canvas])
def test_the_examples_of_these_modules_hold(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert tried > 0
    assert failed == 0


def test_a_scale_is_linear_and_keeps_to_its_ends() -> None:
    scale = Scale(10, 20, 300, 100)
    assert [scale(value) for value in (10, 12.5, 20, 5, 99)] == [300, 250, 100, 300, 100]


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0, 7e4, 3e12])
def test_ticks_are_round_even_few_and_cover_the_range(size: float) -> None:
    draw = random.Random(20260101)  # noqa: S311
    for _ in range(200):
        lo = draw.uniform(-size, size)
        hi = lo + draw.uniform(1e-3, 1) * size
        n = draw.randint(3, 9)
        ticks = nice_ticks(lo, hi, n)
        step = ticks[1] - ticks[0]
        assert 2 <= len(ticks) <= n
        assert ticks[0] <= lo + 1e-6 * step
        assert ticks[-1] >= hi - 1e-6 * step
        assert all(b - a == pytest.approx(step, rel=1e-6) for a, b in pairwise(ticks))
        assert f"{step:.6e}"[:3].rstrip("0.") in {"1", "2", "2.5", "5"}


def test_the_names_of_ticks_differ() -> None:
    draw = random.Random(1)  # noqa: S311
    for _ in range(500):
        lo, size = draw.uniform(-1, 1) * 10 ** draw.uniform(-3, 9), 10 ** draw.uniform(-3, 9)
        ticks = nice_ticks(lo, lo + max(size, abs(lo) / 50), 8)
        names = [number(tick, ticks[1] - ticks[0]) for tick in ticks]
        assert len(set(names)) == len(names), (lo, size, names)


@pytest.mark.parametrize(
    ("values", "extras", "expected"),
    [
        ([], [], (0.0, 1.0)),
        ([0.0], [], (-0.5, 0.5)),
        ([5.0, 5.0], [], (4.75, 5.25)),
        ([2.0, 3.0], [-100.0, 100.0], (0.0, 4.0)),
        ([12.0, 13.0], [-100.0, 100.0], (11.0, 14.0)),
        ([1.0, 10.0], [], (0.0, 10.0)),
    ],
)
def test_a_range_holds_what_must_be_seen_and_is_not_flattened(
    values: list[float], extras: list[float], expected: tuple[float, float]
) -> None:
    assert domain(values, extras) == pytest.approx(expected)


@pytest.mark.parametrize("n_days", [1, 2, 6, 14, 30, 60, 120, 329, 331, 400, 1200])
@pytest.mark.parametrize("room", [250, 340, 390])
def test_labels_of_days_do_not_meet_and_lie_in_the_range(n_days: int, room: float) -> None:
    last = date(2026, 5, 30)
    first = last - timedelta(days=n_days - 1)
    ticks = day_ticks(first, last, room)
    assert ticks
    assert all(first <= day <= last for day, _ in ticks)
    for (before, left), (after, right) in pairwise(ticks):
        apart = (after - before).days / max(n_days - 1, 1) * room
        assert apart >= (width(left) + width(right)) / 2
    if n_days <= 330:
        assert ticks[-1] == (last, "30 May")
        assert len({(last - day).days % 7 for day, _ in ticks}) == 1 or n_days < 20


@pytest.mark.parametrize(
    ("unit", "largest", "value", "words"),
    [
        ("share", 1.0, 0.0512, "5.12 %"),
        ("ms", 900.0, 812.4, "812"),
        ("ms", 34_000.0, 34_567.0, "34.6"),
        ("calls", 2e6, 1_234_567.0, "1.23M"),
        ("usd", 1e-9, 1.5e-10, "1.5e\N{MINUS SIGN}10"),
        ("pp", 1.0, 0.0, "0"),
    ],
)
def test_a_value_by_itself_has_three_digits(
    unit: str, largest: float, value: float, words: str
) -> None:
    assert Unit.of(unit, largest).read(value) == words


@pytest.mark.parametrize(
    ("values", "signed", "written"),
    [
        ([12.34, -0.5, None], True, ["+12.3", "\N{MINUS SIGN}0.5", "no value"]),
        ([0.0, 0.004], True, ["0", "+0.0040"]),
        ([1234.5, 0.4], False, ["1,234", "0"]),
        ([math.nan, math.inf], False, ["no value", "no value"]),
        ([], False, []),
    ],
)
def test_a_column_has_one_precision(
    values: list[float | None], written: list[str], *, signed: bool
) -> None:
    assert Unit("pp").column(values, signed=signed) == written


@pytest.mark.parametrize(
    ("values", "ends", "unit", "expected"),
    [
        ([0.1, 0.9], [-0.2, 1.1], "share", (0.0, 1.0)),
        ([1.0, 3.0], [0.5], "ms", (0.0, 3.0)),
        ([-1.0, 3.0], [], "ms", (-1.0, 3.0)),
        ([-0.5, 0.5], [], "share", (-0.5, 0.5)),
    ],
)
def test_a_range_is_kept_within_what_can_be(
    values: list[float], ends: list[float], unit: str, expected: tuple[float, float]
) -> None:
    assert natural_domain(values, ends, unit) == pytest.approx(expected)
