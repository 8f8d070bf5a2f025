"""Strips of days: every day in its place, and the same in words."""

from __future__ import annotations

from datetime import date, timedelta

from llmops_health.report.page_strips import STATES, Line, marks, state, strip

LAST = date(2026, 10, 31)


def test_a_day_stands_at_its_place_and_others_are_blank() -> None:
    given = [
        (LAST, "failing"),
        (LAST - timedelta(3), "healthy"),
        (LAST - timedelta(4), "warning"),
        (LAST + timedelta(1), "failing"),
    ]
    assert marks(given, LAST, n_days=4) == "h  f"


def test_a_run_is_one_dashed_line_that_ends_with_its_last_mark() -> None:
    drawn = strip("hhf h")
    # Marks are 3 wide and begin every 4 units; heights 14 and 4 stand on 15.
    assert drawn.lines == (Line("h", "M0 13h7M16 13h3"), Line("f", "M8 8h3"))


def test_states_differ_by_height_and_not_by_colour_alone() -> None:
    heights = [found.height for found in STATES.values()]
    assert heights == sorted(set(heights), reverse=True)


def test_few_runs_are_told_one_after_the_other() -> None:
    assert strip("h" * 20 + "f" * 8).label == (
        "Last 28 days: healthy 20 days, then failing 8 days."
    )
    assert strip(" " * 27 + "w").label == "Last 28 days: not judged 27 days, then warning 1 day."


def test_many_runs_are_told_by_their_sums_worst_first() -> None:
    assert strip("hfhfhn").label == (
        "Last 6 days: failing 2 days, healthy 3 days, no evidence 1 day;"
        " on the last day no evidence."
    )


def test_nothing_judged_is_said() -> None:
    empty = strip(" " * 28)
    assert empty.lines == ()
    assert empty.label == "Last 28 days: not judged."


def test_what_is_not_known_was_not_judged() -> None:
    assert state(None).word == "not judged"
    assert state("of another version").word == "not judged"
