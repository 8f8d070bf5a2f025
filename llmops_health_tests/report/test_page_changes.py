"""What changed since a day: by kind of turn, and that lost evidence is no recovery."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from llmops_health.report.page_changes import Turn, changes, on_day
from llmops_health.report.page_reading import read
from llmops_health_tests.report.page_world import DAY, days, published, text

KEY = ("triage", "drift")
KINDS = ("worse", "eased", "recovered", "lost")


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        ("healthy", "failing", "worse"),
        ("healthy", "warning", "worse"),
        ("warning", "failing", "worse"),
        ("no_evidence", "failing", "worse"),
        ("not_applicable", "warning", "worse"),
        (None, "failing", "worse"),
        ("failing", "warning", "eased"),
        ("failing", "healthy", "recovered"),
        ("warning", "healthy", "recovered"),
        ("failing", "no_evidence", "lost"),
        ("warning", "not_applicable", "lost"),
        ("healthy", "no_evidence", "lost"),
        ("failing", None, "lost"),
        ("no_evidence", "healthy", ""),
        ("no_evidence", "not_applicable", ""),
        ("failing", "failing", ""),
        ("healthy", "healthy", ""),
        (None, "healthy", ""),
        (None, "no_evidence", ""),
    ],
)
def test_each_turn_has_its_kind(before: str | None, now: str | None, kind: str) -> None:
    other = {("other", "drift"): "healthy"}
    found = changes(
        other | ({KEY: before} if before else {}), other | ({KEY: now} if now else {}), DAY
    )
    turn = Turn(*KEY, before or "", now or "")
    assert {name: getattr(found, name) for name in KINDS} == {
        name: (turn,) if name == kind else () for name in KINDS
    }
    assert found.is_quiet == (kind == "")


def test_failing_comes_before_warning() -> None:
    before = {("a", "drift"): "healthy", ("b", "drift"): "healthy"}
    now = {("a", "drift"): "warning", ("b", "drift"): "failing"}
    assert [turn.feature_id for turn in changes(before, now, DAY).worse] == ["b", "a"]


def test_a_day_without_verdicts_is_not_a_day_without_change() -> None:
    found = changes({}, {KEY: "failing"}, DAY)
    assert not found.is_known
    assert found.worse == ()


def test_yesterday_is_the_calendar_day_before() -> None:
    reading = read(published(days(["PASS", "", "FAIL"])))
    assert on_day(reading.verdicts, DAY - timedelta(1)) == {}
    assert on_day(reading.verdicts, DAY - timedelta(2)) == {KEY: "healthy"}


def test_the_page_says_what_turned_since_yesterday_and_last_week() -> None:
    shown = text(days(["PASS"] * 3 + ["WARN"] * 5 + ["PASS"]))
    assert "Since yesterday, 30 Oct" in shown
    assert "<b>Recovered:</b> triage drift is healthy, was warning." in shown
    assert "Since a week ago, 24 Oct</dt><dd>No verdict changed." in shown
    first = text(days(["FAIL"]))
    assert first.count("That day was not judged.") == 2


def test_the_week_ends_seven_days_ago() -> None:
    [week] = [
        part
        for part in text(days(["FAIL", *["PASS"] * 7])).split("<div>")
        if "Since a week ago" in part
    ]
    assert date(2026, 10, 24) == DAY - timedelta(7)
    assert "was failing" in week


def test_a_verdict_without_evidence_is_said_to_have_none() -> None:
    lost = text(days(["PASS", "NOT_ENOUGH_DATA"]))
    assert "<b>Evidence lost:</b> triage drift has no evidence, was healthy." in lost
