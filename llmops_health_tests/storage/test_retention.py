"""Retention: texts and rows past their time go, counted from the newest day; summaries stay."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from llmops_health.config import Retention
from llmops_health.storage import contents, days, retention
from llmops_health.storage.day import Day
from llmops_health_tests.storage.small_project import SmallProject, call

KEEP = Retention(contents=2, calls=4)
TABLES = ("calls", "labels", "feedback", "eval_cases")
MADE = ("core__labels", "core__feedback", "summary__rates")
# Retention counts from the newest day: the machine's clock, years later, does not matter.
DAYS = [date(2021, 3, day) for day in range(1, 7)]


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Return a project with a call, a label and a comment on each of six days."""
    made = SmallProject(tmp_path, TABLES, MADE)
    for day in DAYS:
        at = f"{day}T13:00:00Z"
        made.write("calls", "calls", [call(f"c{day.day}", f"{day}", input_text=f"text {day.day}")])
        made.write("labels", "l", [{"call_id": f"c{day.day}", "label": "x", "labelled_at": at}])
        comment = {"feedback_id": f"f{day.day}", "feature_id": "help", "created_at": at}
        made.write("feedback", "f", [comment | {"score": 1, "comment_text": f"said {day.day}"}])
    case = {"suite_id": "s", "case_id": "1", "feature_id": "help", "input_text": "the case"}
    made.write("eval_cases", "cases", [case])
    assert made.run() == Day(DAYS[0], DAYS[-1])
    return made


def texts(project: SmallProject) -> list[str]:
    with project.warehouse.read() as connection:
        view = contents.view_sql(project.warehouse).replace("view", "temp view", 1)
        connection.execute(view)
        rows = connection.execute("select text from core__contents order by text").fetchall()
    return [row[0] for row in rows]


def column(project: SmallProject, query: str) -> list[str]:
    return [str(value) for value in project.warehouse.frame(query).to_series()]


def test_what_is_past_its_time_goes_and_summaries_stay(project: SmallProject) -> None:
    rates = "select * from summary__rates order by all"
    before = project.warehouse.frame(rates)
    assert set(before["day"]) == set(DAYS)
    for _ in range(2):  # applying again changes nothing
        retention.apply(project.warehouse, KEEP)
        # The last two of six days, and what has no day.
        assert texts(project) == ["said 5", "said 6", "text 5", "text 6", "the case"]
        folder = project.warehouse.contents
        files = [str(path.relative_to(folder)) for path in folder.rglob("b*.parquet")]
        assert len(files) == 5
        assert sorted(column(project, "select path from landed__contents")) == sorted(files)
        for table, key in (
            ("calls", "call_id"),
            ("labels", "call_id"),
            ("feedback", "feedback_id"),
        ):
            for layer in ("landed", "core"):
                kept = column(project, f"select right({key}, 1) from {layer}__{table} order by all")
                assert kept == ["3", "4", "5", "6"]
        assert project.warehouse.frame(rates).equals(before)


def test_nothing_is_past_its_time_on_an_empty_project(tmp_path: Path) -> None:
    empty = SmallProject(tmp_path)
    retention.apply(empty.warehouse, KEEP)
    assert empty.run() is None


def test_days_without_rows_are_never_made_again(project: SmallProject) -> None:
    retention.apply(project.warehouse, KEEP)
    query = "select day, sum(n)::bigint as n from summary__rates group by day order by day"
    before = project.warehouse.frame(query)
    assert days.all_days(project.warehouse, DAYS[-1]) == Day(DAYS[2], DAYS[-1])
    project.write("calls", "very_late", [call("old", "2021-03-01")])
    assert project.run() is None
    project.write("calls", "late", [call("newer", "2021-03-04")])
    assert project.run() == Day(DAYS[3], DAYS[-1])
    after = project.warehouse.frame(query)
    assert after.filter(after["day"] < DAYS[3]).equals(before.filter(before["day"] < DAYS[3]))
    assert set(after["day"]) == set(DAYS)
    # A longer retention later brings no empty day back.
    retention.apply(project.warehouse, Retention(contents=30, calls=400))
    assert days.all_days(project.warehouse, DAYS[-1]) == Day(DAYS[2], DAYS[-1])
