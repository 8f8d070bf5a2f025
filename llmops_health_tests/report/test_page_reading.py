"""Reading the published file: since when a check is alarmed, and files that lack tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from llmops_health.report.page_reading import read
from llmops_health.storage.engines import memory
from llmops_health_tests.report.page_world import (
    CARD_COLUMNS,
    DAY,
    add,
    add_reject,
    days,
    finding,
    published,
)


def since(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[int, bool]]:
    """Return by check how many days ago the alarm began, and whether it was ever clear."""
    found = read(published(rows)).since
    return {
        name: ((DAY - began).days, is_all)
        for name, began, is_all in found.select("check_name", "since", "is_all").iter_rows()
    }


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["PASS", "FAIL"], (0, False)),
        (["PASS", "WARN", "FAIL"], (1, False)),
        (["FAIL", "PASS", "FAIL", "FAIL"], (1, False)),
        (["FAIL", "FAIL"], (1, True)),
        (["FAIL"], (0, True)),
        # Silence does not end an alarm, whether nothing could be said or nothing was.
        (["PASS", "FAIL", "NOT_ENOUGH_DATA", "FAIL"], (2, False)),
        (["PASS", "FAIL", "", "FAIL"], (2, False)),
        (["NOT_ENOUGH_DATA", "FAIL"], (0, True)),
        # Where a check does not apply there is nothing to be alarmed about.
        (["FAIL", "NOT_APPLICABLE", "FAIL"], (0, False)),
        (["PASS", *["WARN"] * 100], (99, False)),
    ],
)
def test_since_is_the_first_day_of_the_present_run(
    statuses: list[str], expected: tuple[int, bool]
) -> None:
    assert since(days(statuses)) == {"input_drift": expected}


def test_a_check_is_alarmed_while_any_of_its_segments_is() -> None:
    rows = days(["PASS", "PASS", "PASS"]) + days(["FAIL", "FAIL"], segment="label = a")
    assert since(rows) == {"input_drift": (1, False)}
    moved = [finding(status="PASS", day=DAY - timedelta(1)), finding(),
             finding(day=DAY - timedelta(1), segment="b")]  # fmt: skip
    assert since(moved) == {"input_drift": (1, True)}


def test_only_what_is_alarmed_on_the_newest_day_has_a_since() -> None:
    assert since(days(["FAIL", "PASS"])) == {}
    rows = days(["FAIL", "PASS"]) + days(["PASS", "FAIL"], check_name="feed_gap")
    assert since(rows) == {"feed_gap": (0, False)}


def test_an_empty_file_has_no_day() -> None:
    reading = read(memory(with_macros=False))
    assert reading.day is None
    assert reading.volume.n_calls == 0
    assert reading.findings.is_empty()


def test_the_newest_card_of_a_check_is_taken_and_none_of_the_future() -> None:
    connection = published([finding()])
    for day, message in (
        (date(2026, 10, 20), "old"),
        (date(2026, 10, 27), "new"),
        (date(2026, 11, 3), "of another day"),
    ):
        add(connection, "health__power_cards", CARD_COLUMNS, day=day, feature_id="triage",
            mode="drift", check_name="input_drift", message=message)  # fmt: skip
    assert read(connection).cards["message"].to_list() == ["new"]


def test_rejects_are_counted_by_file_and_reason_and_their_values_stay_behind() -> None:
    connection = published([finding()])
    for _ in range(3):
        add_reject(connection, column_name="score", reason="missing", value="a secret")
    for at in range(12):
        add_reject(connection, path=f"/x/{at}.csv", column_name="", reason="not JSON")
    reading = read(connection)
    assert reading.volume.n_rejects == 15
    assert len(reading.rejects) == 10
    assert reading.rejects.row(0) == ("/x/calls.csv", "calls", "score", "missing", 3)
    assert "value" not in reading.rejects.columns
