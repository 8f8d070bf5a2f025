"""Which days are out of date: new days, late rows, grown files, rows without a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from llmops_health.storage import days
from llmops_health.storage.day import Day
from llmops_health_tests.storage.small_project import SmallProject, call

FIRST, SECOND, FOURTH = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 5)
TABLES = ("calls", "labels", "eval_cases")


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Return a project with calls on four days but the third, all up to date."""
    made = SmallProject(tmp_path, TABLES)
    listed = [call("a", "2026-03-02"), call("b", "2026-03-03"), call("d", "2026-03-05")]
    made.write("calls", "first", listed)
    assert made.run() == Day(FIRST, FOURTH)
    return made


def label(call_id: str, day: str, word: str) -> dict[str, object]:
    return {"call_id": call_id, "label": word, "labelled_at": f"{day}T18:00:00Z"}


def test_nothing_landed_is_nothing_to_do(tmp_path: Path) -> None:
    empty = SmallProject(tmp_path)
    assert empty.run() is None
    assert days.all_days(empty.warehouse, FOURTH) is None
    assert days.newest_batch(empty.warehouse) == 0


def test_nothing_new_is_nothing_to_do(project: SmallProject) -> None:
    assert project.run() is None
    assert days.all_days(project.warehouse, FOURTH) == Day(FIRST, FOURTH)


def test_a_new_day_is_done_with_the_gap_before_it(project: SmallProject) -> None:
    project.write("calls", "second", [call("g", "2026-03-08")])
    assert project.run() == Day(date(2026, 3, 6), date(2026, 3, 8))
    assert project.run() is None


def test_a_late_row_dirties_its_day_and_all_after(project: SmallProject) -> None:
    project.write("calls", "late", [call("b2", "2026-03-03")])
    assert project.run() == Day(SECOND, FOURTH)
    calls = project.warehouse.frame("select call_id from core__calls order by call_id")
    assert calls["call_id"].to_list() == ["a", "b", "b2", "d"]
    assert project.run() is None


def test_a_row_before_the_first_day_starts_there(project: SmallProject) -> None:
    project.write("calls", "early", [call("z", "2026-02-28")])
    assert project.run() == Day(date(2026, 2, 28), FOURTH)


def test_a_grown_file_dirties_only_what_grew(project: SmallProject) -> None:
    project.write("calls", "first", [call("d2", "2026-03-05")])
    assert project.run() == Day(FOURTH, FOURTH)
    assert project.run() is None


def test_the_same_rows_again_dirty_nothing(project: SmallProject) -> None:
    project.write("calls", "again", [call("a", "2026-03-02"), call("b", "2026-03-03")])
    assert project.run() is None


def test_a_label_dirties_the_day_it_was_given(project: SmallProject) -> None:
    project.write("labels", "one", [label("a", "2026-03-03", "yes")])
    assert project.run() == Day(SECOND, FOURTH)
    project.write("labels", "two", [label("a", "2026-03-04", "no")])
    assert project.run() == Day(date(2026, 3, 4), FOURTH)


def test_an_updated_call_dirties_its_old_day_and_its_new_one(project: SmallProject) -> None:
    moved = call("d", "2026-03-03", updated_at="2026-03-09T00:00:00Z")
    project.write("calls", "moved", [moved])
    assert project.run() == Day(SECOND, FOURTH)
    rows = project.warehouse.frame("select day from core__calls where call_id = 'd'")
    assert rows["day"].to_list() == [SECOND]


def test_a_row_without_a_day_dirties_the_last(project: SmallProject) -> None:
    case = {"suite_id": "s", "case_id": "1", "feature_id": "help"}
    project.write("eval_cases", "cases", [case])
    assert project.run() == Day(FOURTH, FOURTH)
    assert project.run() is None


def test_rows_after_today_wait_for_their_day(project: SmallProject) -> None:
    project.write("calls", "future", [call("x", "2031-01-01")])
    assert project.run(today=FOURTH) is None
    case = {"suite_id": "s", "case_id": "1", "feature_id": "help"}
    project.write("eval_cases", "cases", [case])
    assert project.run(today=FOURTH) == Day(FOURTH, FOURTH)
    assert days.all_days(project.warehouse, FOURTH) == Day(FIRST, FOURTH)
    assert project.out_of_date(date(2031, 1, 1)) == Day(date(2026, 3, 6), date(2031, 1, 1))


def test_days_made_and_not_judged_are_out_of_date(project: SmallProject) -> None:
    project.write("calls", "late", [call("b2", "2026-03-03")])
    project.land()
    project.make(Day(SECOND, FOURTH))
    assert project.out_of_date() == Day(SECOND, FOURTH)


def test_rows_landed_while_a_run_works_stay_out_of_date(project: SmallProject) -> None:
    project.write("calls", "late", [call("b2", "2026-03-03")])
    project.land()
    before = days.newest_batch(project.warehouse)
    project.write("calls", "later", [call("d2", "2026-03-05")])
    project.land()
    days.mark_core(project.warehouse, Day(SECOND, FOURTH), before)
    days.mark_judged(project.warehouse, Day(SECOND, FOURTH))
    assert project.out_of_date() == Day(FOURTH, FOURTH)
