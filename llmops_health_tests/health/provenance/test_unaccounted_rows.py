"""Unaccounted rows: by hand, with numbers that are missing, and on pipelines that are whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.unaccounted_rows import Params, check, figure
from llmops_health_tests.health.provenance.simulate import (
    ARTIFACTS,
    FEATURE,
    LAST,
    NO_ARTIFACTS,
    NO_FATES,
    NO_PIPELINES,
    Book,
    ago,
    at,
    fate,
    fates,
    known_on,
    table,
    weekly,
)

PARAMS = Params()


def judged(
    steps: pl.DataFrame, rows: pl.DataFrame = NO_FATES, artifacts: pl.DataFrame = NO_ARTIFACTS
) -> Finding:
    [finding] = check(FEATURE, LAST, steps, artifacts, rows, NO_PIPELINES, PARAMS)
    return finding


def filtering(rows_in: int, rows_out: int, **fields: Any) -> Book:
    book = Book()
    book.add("ingest", at(ago(2), 1), 0, rows_in)
    book.add("filter", at(ago(2), 2), rows_in, rows_out, **fields)
    return book


@pytest.mark.parametrize(
    ("rows_out", "fields", "status", "n"),
    [
        (93, {"rows_dropped": 7, "rows_created": None}, Status.PASS, 0),
        (92, {"rows_dropped": 7, "rows_created": 0}, Status.FAIL, 1),
        (94, {"rows_dropped": 7, "rows_created": 0}, Status.FAIL, 1),
        (120, {"rows_dropped": 0, "rows_created": 20}, Status.PASS, 0),
        (93, {"rows_dropped": None, "rows_created": None}, Status.WARN, 7),
        (94, {"rows_dropped": 7, "rows_created": None}, Status.WARN, 1),
        (92, {"rows_dropped": 7, "rows_created": None}, Status.FAIL, 1),
        (100, {"rows_dropped": None, "rows_created": None}, Status.PASS, 0),
    ],
)
def test_a_step_adds_up(rows_out: int, fields: dict[str, Any], status: Status, n: int) -> None:
    found = judged(filtering(100, rows_out, **fields).frame())
    assert (found.status, found.value) == (status, n)


def test_the_message_names_the_step_and_its_numbers() -> None:
    found = judged(filtering(1000, 900, rows_dropped=60, rows_created=0).frame())
    assert found.message == (
        "40 rows vanish in filter (seq 2 of help/feedback, 2026-03-27): 1,000 in, 900 out, 60"
        " dropped are recorded."
    )
    assert "filter.py:1@abc" in found.action


@pytest.mark.parametrize(("rows_in", "status"), [(100, Status.PASS), (99, Status.FAIL)])
def test_what_is_read_is_what_was_made(rows_in: int, status: Status) -> None:
    book = filtering(100, 100)
    book.add("map", at(ago(2), 3), rows_in, rows_in)
    assert judged(book.frame()).status is status


def test_a_merge_reads_all_of_its_inputs() -> None:
    book = filtering(100, 90)
    first = book.rows[-1]["output_artifact"]
    second = book.add("ingest", at(ago(2), 3), 0, 50)["output_artifact"]
    book.add("merge", at(ago(2), 4), 140, 140, input_artifacts=[first, second])
    assert judged(book.frame()).status is Status.PASS
    book.add("merge", at(ago(2), 5), 139, 139, input_artifacts=[first, second])
    assert judged(book.frame()).status is Status.FAIL


def test_the_size_of_a_listed_artifact_counts() -> None:
    book = Book()
    book.add("filter", at(ago(2)), 90, 80, input_artifacts=["raw"])
    listed = table(ARTIFACTS, {"artifact_sha256": "raw", "kind": "raw_feedback", "n_rows": 100})
    assert judged(book.frame()).status is Status.PASS
    assert judged(book.frame(), artifacts=listed).value == 10


def test_a_training_on_a_part_is_a_look_and_on_more_a_fault() -> None:
    for rows_in, status in ((80, Status.WARN), (100, Status.PASS), (101, Status.FAIL)):
        book = filtering(120, 100)
        book.add("train", at(ago(2), 3), rows_in, 1, rows_dropped=None, rows_created=None)
        assert judged(book.frame()).status is status


def recorded(kept: list[str], read: list[str]) -> tuple[Book, pl.DataFrame]:
    book = filtering(len(kept), len(kept))
    first = book.rows[-1]
    second = book.add("map", at(ago(2), 3), len(kept), len(kept))
    return book, fates(fate(first, "kept", kept, kept), fate(second, "modified", read, read))


IDS = [f"r{at_}" for at_ in range(100)]


@pytest.mark.parametrize(
    ("read", "status"),
    [
        (IDS, Status.PASS),
        (IDS[::-1], Status.PASS),
        ([*IDS[:99], "other"], Status.FAIL),  # as many, but not the same
        ([*IDS[:98], "r0", "r1"], Status.FAIL),  # two came twice
        (IDS[:97], Status.FAIL),  # three without a fate
        (IDS[:50], Status.PASS),  # a sample
    ],
)
def test_single_rows_are_followed(read: list[str], status: Status) -> None:
    book, rows = recorded(IDS, read)
    assert judged(book.frame(), rows).status is status


def test_rows_without_ids_are_counted_only() -> None:
    book, rows = recorded(IDS, IDS)
    other = rows.with_columns(n_in=pl.lit(0), n_out=pl.lit(0), hash_in=pl.lit("7"))
    assert judged(book.frame(), other).status is Status.PASS


def test_only_the_newest_run_counts() -> None:
    book = filtering(100, 90, rows_dropped=0)
    assert judged(book.frame()).status is Status.FAIL
    book.add("ingest", at(ago(1), 1), 0, 100)
    book.add("filter", at(ago(1), 2), 100, 90)
    assert judged(book.frame()).status is Status.PASS


def test_a_fault_is_not_known_before_it_happens() -> None:
    book = filtering(100, 90)
    book.add("map", at(LAST), 80, 80)
    for day, status in ((ago(1), Status.PASS), (LAST, Status.FAIL)):
        steps = known_on(book.frame(), day)
        [found] = check(FEATURE, day, steps, NO_ARTIFACTS, NO_FATES, NO_PIPELINES, PARAMS)
        assert found.status is status


def test_no_ledger_is_no_verdict() -> None:
    assert judged(Book("other").frame()).status is Status.NOT_APPLICABLE
    old = Book()
    old.add("filter", at(ago(200)), 10, 9)
    assert judged(old.frame()).status is Status.NOT_ENOUGH_DATA


def test_whole_pipelines_never_alarm_and_a_lost_row_always_does() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert judged(weekly(rng).frame()).status is Status.PASS
        book = weekly(rng)
        place = int(rng.integers(-7, -2))
        book.rows[place]["rows_out"] -= 1
        assert judged(book.frame()).status is Status.FAIL


def test_the_figure_conserves_rows() -> None:
    book = filtering(1000, 900, rows_dropped=60, rows_created=0)
    book.add("upsample", at(ago(2), 3), 850, 1000)
    shown = figure(FEATURE, LAST, book.frame(), NO_ARTIFACTS, NO_FATES, NO_PIPELINES, PARAMS)
    assert shown is not None
    assert shown.steps == ("1 ingest", "2 filter", "3 upsample")
    for name in shown.steps:
        into = sum(flow.n for flow in shown.flows if flow.to == name)
        assert into == sum(flow.n for flow in shown.flows if flow.source == name)
    assert sum(flow.n for flow in shown.flows if flow.is_unexplained) == 40 + 50
    none = figure(FEATURE, LAST, Book("o").frame(), NO_ARTIFACTS, NO_FATES, NO_PIPELINES, PARAMS)
    assert none is None
