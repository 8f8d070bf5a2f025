"""Pictures of the page: what is stored goes first, trends keep to one measure, none costs much."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from llmops_health.figures import TrendDay
from llmops_health.findings import Status
from llmops_health.report.page_figures import Budget, Pictures, describe
from llmops_health.report.page_reading import read
from llmops_health_tests.report.page_world import days, published

KEY = ("triage", "drift", "input_drift")
NONE = pl.DataFrame()


def stored(*drawings: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "feature_id": [KEY[0]] * len(drawings),
            "mode": [KEY[1]] * len(drawings),
            "check_name": [KEY[2]] * len(drawings),
            "title": [f"title {at}" for at in range(len(drawings))],
            "svg": list(drawings),
        }
    )


def drawn(statuses: list[str], unit: str = "JS distance", n_characters: int = 100_000) -> str:
    trend = read(published(days(statuses))).trend
    found = Pictures(NONE, trend, n_characters).trend(KEY, "", "Input drift", unit)
    return "".join(picture.svg for picture in found)


def test_a_budget_lets_a_smaller_one_in_after_a_larger_was_left_out() -> None:
    budget = Budget(10)
    assert [budget.take("x" * n) for n in (6, 5, 4, 1)] == [True, False, True, False]


def test_stored_figures_are_handed_out_within_the_budget() -> None:
    pictures = Pictures(stored("a" * 60, "b" * 50, "c" * 40), NONE, 100)
    assert [picture.title for picture in pictures.stored(KEY)] == ["title 0", "title 2"]
    assert pictures.n_stored(KEY) == 3
    assert pictures.stored(("other", "drift", "input_drift")) == ()


def test_a_trend_shows_every_day_of_the_check() -> None:
    assert "alarmed on 2 of 3 days, first on 30 Oct" in drawn(["PASS", "WARN", "FAIL"])


def test_a_day_of_another_measure_has_no_number() -> None:
    assert drawn(["PASS", "WARN", "FAIL"], unit="standard deviations") == ""


@pytest.mark.parametrize("statuses", [["FAIL"], ["NOT_ENOUGH_DATA", "PASS"]])
def test_a_single_day_or_no_alarm_makes_no_trend(statuses: list[str]) -> None:
    assert drawn(statuses) == ""


def test_a_trend_that_does_not_fit_is_left_out() -> None:
    assert drawn(["PASS", "FAIL"], n_characters=100) == ""


def test_a_trend_is_told_in_words() -> None:
    told = describe(
        [
            TrendDay(day=date(2026, 10, 1), status=Status.NOT_ENOUGH_DATA),
            TrendDay(day=date(2026, 10, 2), status=Status.PASS, value=0.1, lo=0.0, hi=0.2),
            TrendDay(day=date(2026, 10, 3), status=Status.FAIL, value=0.4, lo=0.3, hi=0.5),
        ]
    )
    assert told == (
        "From 0.10 [0.00, 0.20] on 2 Oct to 0.40 [0.30, 0.50] on 3 Oct;"
        " alarmed on 1 of 3 days, first on 3 Oct."
    )
    assert describe([]) == "No day has a value."
