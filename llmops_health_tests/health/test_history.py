"""What a judgement may know: the days that end with its own, and never a later one."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health import Check, History

MONDAY = date(2026, 3, 2)


def table(*offsets: int) -> pl.DataFrame:
    """Return one row per offset, in days from Monday; `n` numbers them as they are given."""
    return pl.DataFrame(
        {
            "day": [MONDAY + timedelta(days=offset) for offset in offsets],
            "n": list(range(len(offsets))),
        },
        schema={"day": pl.Date, "n": pl.Int64},
    )


@pytest.mark.parametrize(
    ("offset", "n_days", "expected"),
    [
        (0, 1, [0]),
        (2, 1, []),  # a day without rows
        (3, 2, [2]),
        (3, 4, [0, 1, 2]),
        (3, 100, [0, 1, 2]),
        (9, 7, [2]),
        (-1, 30, []),
        (30, 7, []),
    ],
)
def test_a_window_ends_with_its_day(offset: int, n_days: int, expected: list[int]) -> None:
    history = History(table(0, 1, 3))
    rows = history.until(MONDAY + timedelta(days=offset), n_days)
    assert rows["n"].to_list() == expected


def test_rows_may_come_in_any_order() -> None:
    history = History(table(3, 0, 2, 0))
    assert sorted(history.until(MONDAY, 5)["n"]) == [1, 3]
    assert history.until(MONDAY + timedelta(days=2), 2)["n"].to_list() == [2]


def test_a_table_without_days_is_known_whole() -> None:
    rows = pl.DataFrame({"case_id": ["a", "b"]})
    assert History(rows).until(MONDAY, 1).equals(rows)


def test_no_rows_keep_their_columns() -> None:
    assert History(table()).until(MONDAY, 7).schema == table().schema


class Params(CheckParams):
    """Settings of the check below."""


def check(params: Params | None = None) -> tuple[list[Finding], list[list[str]]]:
    """Judge with a check that reads one of two tables; return findings and what it was given."""
    seen: list[list[str]] = []

    def run(
        summary__rates: pl.DataFrame, feature: Feature, day: date, params: CheckParams
    ) -> list[Finding]:
        seen.append([feature.id, day.isoformat(), str(len(summary__rates)), str(params.enabled)])
        return [Finding(status=Status.PASS, n=1, message="Looked.")]

    made = Check("drift", "made", "A check.", ("summary__rates",), 7, Params, run)
    tables = {"summary__rates": table(0, 1), "summary__others": table()}
    feature = Feature(id="help", kind="rag")
    return made.judge(feature, MONDAY, tables, params or Params()), seen


def test_a_check_is_given_the_tables_it_names() -> None:
    findings, seen = check()
    assert [finding.message for finding in findings] == ["Looked."]
    assert seen == [["help", "2026-03-02", "2", "True"]]


def test_a_check_that_is_switched_off_is_not_run() -> None:
    [finding], seen = check(Params(enabled=False))
    assert (finding.status, finding.n) == (Status.NOT_APPLICABLE, 0)
    assert seen == []


def test_a_check_is_known_by_mode_and_name() -> None:
    made = Check("drift", "made", "First line.\n\nMore.", (), 7, Params, list)
    assert made.key == "health__drift__made"
    assert made.title == "First line."
