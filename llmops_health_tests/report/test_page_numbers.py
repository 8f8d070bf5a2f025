"""Numbers on the page: as many digits as the interval carries, no minus zero, no nan."""

from __future__ import annotations

from datetime import date

import pytest

from llmops_health.report.page_numbers import (
    counted,
    full_date,
    interval,
    listed,
    long_date,
    number,
    p_value,
    places,
    sentence,
    short,
    words,
)

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.122, 0.099, 0.145), 3),
        ((0.5, 0.35, 0.65), 2),
        ((20.5, 13.1, 27.9), 1),
        ((2100.0, 1800.0, 2400.0), 0),
        ((3.0, None, None), 1),
        ((0.0, 0.0, 0.0), 0),
        ((None, None, None), 0),
        ((NAN, INF, None), 0),
        ((1e-12, 0.0, 2e-12), 6),
    ],
)
def test_decimals_follow_the_width_of_the_interval(
    numbers: tuple[float | None, ...], expected: int
) -> None:
    assert places(*numbers) == expected


@pytest.mark.parametrize(
    ("value", "n_places", "expected"),
    [
        (1234.56, 1, "1,234.6"),
        (-0.25, 2, "\N{MINUS SIGN}0.25"),
        (-0.001, 2, "0.00"),
        (None, 2, ""),
        (NAN, 2, ""),
        (-INF, 2, ""),
    ],
)
def test_number(value: float | None, n_places: int, expected: str) -> None:
    assert number(value, n_places) == expected


def test_interval_shows_an_open_end_and_nothing_for_none() -> None:
    assert interval(0.1, 0.2, 1) == "[0.1, 0.2]"
    assert interval(0.1, None, 1) == "[0.1, …]"
    assert interval(None, NAN, 1) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.05, "0.05"), (0.0777281, "0.0777"), (3.0, "3"), (1500.0, "1,500"), (None, ""),
     (-0.03, "\N{MINUS SIGN}0.03"), (NAN, "")],
)  # fmt: skip
def test_short(value: float | None, expected: str) -> None:
    assert short(value) == expected


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.0001, "0.0001"), (0.00009, "< 0.0001"), (0.0, "< 0.0001"), (0.5, "0.5"), (None, ""),
     (NAN, "")],
)  # fmt: skip
def test_p_value(p: float | None, expected: str) -> None:
    assert p_value(p) == expected


def test_words_for_people() -> None:
    assert counted(1, "day") == "1 day"
    assert counted(0, "query", "queries") == "0 queries"
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], most=1) == "a and 2 more"
    assert sentence("no gate") == "No gate"
    assert sentence("") == ""
    assert words("eval_rot") == "Eval rot"


def test_dates_do_not_hang_on_the_locale() -> None:
    day = date(2026, 10, 3)
    assert long_date(day) == "Saturday 3 October 2026"
    assert full_date(day) == "3 Oct 2026"
    assert full_date(day, beside=date(2026, 12, 31)) == "3 Oct"
    assert full_date(day, beside=date(2027, 1, 1)) == "3 Oct 2026"
