"""Checks of the page: what leads, which alarms count, and how many segments are shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.judge import FINDING_SCHEMA
from llmops_health.report.page_checks import (
    MOST_SEGMENTS,
    CheckView,
    alarms,
    alarms_that_count,
    check_views,
)
from llmops_health.report.page_power import all_power, power_line
from llmops_health.report.page_reading import read
from llmops_health.report.verdicts import verdicts
from llmops_health_tests.report.page_world import DAY, finding, published


def views(*rows: dict[str, Any]) -> list[CheckView]:
    return [view for found in check_views(read(published(rows)), {}).values() for view in found]


def test_the_whole_leads_when_it_is_alarmed() -> None:
    [view] = views(finding(segment="a", p_value=1e-9), finding(status="WARN", p_value=1e-4))
    assert view.lead.segment == ""
    assert [one.segment for one in view.segments] == ["a"]


def test_an_alarmed_segment_leads_when_the_whole_passes() -> None:
    [view] = views(finding(status="PASS"), finding(status="WARN", segment="a"),
                   finding(segment="b"))  # fmt: skip
    assert (view.lead.segment, view.lead.status) == ("b", "FAIL")
    assert [one.segment for one in view.segments] == ["a", ""]
    assert view.is_alarm


def test_an_alarm_that_counts_leads_before_one_that_does_not() -> None:
    [view] = views(finding(status="PASS"), finding(segment="a", p_value=0.2),
                   finding(status="WARN", segment="b", p_value=1e-9))  # fmt: skip
    assert (view.lead.segment, view.is_alarm) == ("b", True)


def test_segments_beyond_the_first_are_counted_and_can_be_queried() -> None:
    n_more = 5
    listed = [finding(segment=f"s{at}") for at in range(MOST_SEGMENTS + n_more)]
    connection = published([finding("it's"), *[row | {"feature_id": "it's"} for row in listed]])
    [[view]] = check_views(read(connection), {}).values()
    assert len(view.segments) == MOST_SEGMENTS
    assert view.n_more_segments == n_more
    rows = connection.sql(view.more_query).fetchall()
    assert len(rows) == 1 + MOST_SEGMENTS + n_more


def test_an_alarm_that_does_not_stand_correction_is_no_alarm() -> None:
    # 1 alarm at 0.04 of 20 tests: adjusted 0.8.
    quiet = [finding(status="PASS", check_name=f"c{at}", p_value=0.5 + at / 100)
             for at in range(19)]  # fmt: skip
    found = views(finding(p_value=0.04), *quiet)
    [view] = [view for view in found if view.name == "input_drift"]
    assert view.lead.word == "fail, not counted"
    assert not view.is_alarm
    assert alarms({"triage": found}, ["triage"]) == []


def test_what_counts_here_counts_in_the_verdicts() -> None:
    rng = np.random.default_rng(7)
    for _ in range(50):
        p = rng.choice([1e-6, 0.01, 0.03, 0.05, 0.2, 0.9, np.nan], size=12)
        statuses = rng.choice(["FAIL", "WARN", "PASS", "NOT_ENOUGH_DATA"], size=12)
        rows = [
            finding(
                status=str(status),
                mode=f"m{at % 4}",
                check_name=f"c{at}",
                p_value=None if np.isnan(one) else float(one),
            )
            for at, (one, status) in enumerate(zip(p, statuses, strict=True))
        ]
        frame = pl.DataFrame(rows, schema=FINDING_SCHEMA, orient="row")
        counting = frame.filter(alarms_that_count(frame) & pl.col("status").is_in(["FAIL", "WARN"]))
        rolled = verdicts(frame).filter(pl.col("status").is_in(["failing", "warning"]))
        assert set(counting["mode"]) == set(rolled["mode"])


def test_alarms_go_by_status_then_feature_then_how_sure_they_are() -> None:
    found = views(
        finding("b", p_value=1e-4, check_name="x"),
        finding("b", p_value=1e-8, check_name="y"),
        finding("a", "WARN", p_value=1e-9),
        finding("c", p_value=1e-9),
    )
    by_feature = {name: [view for view in found if view.feature_id == name] for name in "abc"}
    listed = alarms(by_feature, ["b", "c", "a"])
    assert [(view.feature_id, view.name) for view in listed] == [
        ("b", "y"),
        ("b", "x"),
        ("c", "input_drift"),
        ("a", "input_drift"),
    ]
    assert [view.anchor for view in listed] == ["alarm-1", "alarm-2", "alarm-3", "alarm-4"]


def test_numbers_are_written_with_their_interval() -> None:
    [view] = views(finding(value=0.2636, lo=0.2139, hi=0.3182, threshold=0.1, p_value=0.00012))
    assert view.lead.value == "0.264"
    assert view.lead.interval == "[0.214, 0.318]"
    assert view.lead.threshold == "0.1"
    assert view.lead.p == "0.00012"


def test_shares_are_percentages() -> None:
    [view] = views(finding(value=0.362, lo=0.25, hi=0.491, threshold=0.8, unit="share"))
    assert (view.lead.value, view.lead.interval, view.lead.threshold) == (
        "36.2 %",
        "[25.0, 49.1]",
        "80 %",
    )


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_no_number_is_no_zero(missing: float | None) -> None:
    [view] = views(finding(status="NOT_ENOUGH_DATA", value=missing, lo=missing, hi=missing,
                           threshold=missing, n=0))  # fmt: skip
    assert (view.lead.value, view.lead.interval, view.lead.unit) == ("", "", "")
    assert view.lead.threshold.strip() == ""


def test_since_is_told_with_its_days() -> None:
    [view] = views(finding(status="PASS", day=DAY - timedelta(2)),
                   finding(day=DAY - timedelta(1)), finding())  # fmt: skip
    assert view.since == "since 30 Oct, 2 days"
    [first] = views(finding())
    assert first.since == "since at least 31 Oct, 1 day"


CARD = {
    "n_quiet": 56,
    "false_alarms_per_month": 0.3,
    "false_lo": 0.0,
    "false_hi": 1.52,
    "shift": "25 % of the rows shifted (ratings fall to 0)",
    "n_planted": 10,
    "n_found": 9,
    "smallest_effect": 0.1,
    "effect_unit": "share of rows",
    "message": "why",
}


def test_a_power_card_is_one_sentence() -> None:
    assert power_line(CARD) == (
        "Finds 25 % of the rows shifted in 9 of 10 replays; 0.3 [0, 1.5] false alarms a month;"
        " smallest effect found 10 % of rows."
    )
    assert "no planted effect is found reliably" in power_line(CARD | {"smallest_effect": None})


def test_a_card_without_numbers_says_why() -> None:
    empty = dict.fromkeys(CARD) | {"message": "Cannot be replayed: no labels."}
    assert power_line(empty) == "Cannot be replayed: no labels."
    assert power_line(None) == ""
    assert all_power([empty]) == ""


def test_all_cards_are_summed() -> None:
    assert all_power([CARD, CARD, dict.fromkeys(CARD)]) == (
        "In replays of past days 18 of 20 planted faults were found by 2 checks;"
        " without a fault these rang 0.6 times a month in all."
    )
