"""Which pipelines are a feature's, which steps are in force, and what a step was built on."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.health.provenance import _ledger
from llmops_health_tests.health.provenance.simulate import (
    FEATURE,
    LAST,
    NO_PIPELINES,
    PIPELINES,
    Book,
    ago,
    at,
    frame,
    table,
    weekly,
)


def run_of(name: str, **fields: object) -> pl.DataFrame:
    book = Book(name)
    book.add("ingest", at(ago(3)), 10, 10, **fields)
    return book.frame()


@pytest.mark.parametrize(
    ("pipeline", "is_mine"),
    [("help", True), ("help/x", True), ("helpdesk", False), ("x/help", False), ("Help", False)],
)
def test_a_pipeline_is_told_by_its_name(pipeline: str, is_mine: bool) -> None:  # noqa: FBT001
    found = _ledger.pipelines_of(FEATURE, LAST, run_of(pipeline), NO_PIPELINES)
    assert found == ({pipeline} if is_mine else set())


def test_a_pipeline_is_told_by_what_the_summary_says_from_then_on() -> None:
    told = table(
        PIPELINES, {"pipeline_id": "shared", "feature_id": "help", "first_at": at(ago(3), 4)}
    )
    steps = run_of("shared")
    assert _ledger.pipelines_of(FEATURE, ago(3), steps, told) == {"shared"}
    assert _ledger.pipelines_of(FEATURE, ago(4), steps, told) == set()


def test_pipelines_that_made_what_is_read_belong_too() -> None:
    curated, trained = Book("curation"), Book("help/train")
    made = curated.add("ingest", at(ago(4)), 10, 10)
    trained.add("train", at(ago(3)), 10, 1, input_artifacts=[made["output_artifact"]])
    other = Book("other").add("ingest", at(ago(4)), 5, 5)
    steps = frame([*curated.rows, *trained.rows, other])
    assert _ledger.pipelines_of(FEATURE, LAST, steps, NO_PIPELINES) == {"curation", "help/train"}
    assert _ledger.pipelines_of(Feature(id="x", kind="rag"), LAST, steps, NO_PIPELINES) == set()


def test_the_newest_step_of_each_kind_is_in_force() -> None:
    book = weekly(np.random.default_rng(1), 3)
    steps = _ledger.as_steps(book.frame())
    judged = _ledger.in_force(steps, LAST, 90)
    assert [one.seq for one in judged] == list(range(15, 22))
    midweek = [one for one in steps if one.seq <= 17]
    assert [one.seq for one in _ledger.in_force(midweek, LAST, 90)] == [11, 12, 13, 14, 15, 16, 17]


def test_two_filters_of_one_run_are_both_in_force() -> None:
    book = Book()
    for week in (9, 2):
        book.add("ingest", at(ago(week), 1), 10, 10)
        book.add("filter", at(ago(week), 2), 10, 9)
        book.add("filter", at(ago(week), 3), 9, 8)
    steps = _ledger.as_steps(book.frame())
    assert [one.seq for one in _ledger.in_force(steps, LAST, 90)] == [4, 5, 6]


def test_old_steps_are_in_force_no_more() -> None:
    steps = _ledger.as_steps(weekly(np.random.default_rng(1), 2).frame())
    assert _ledger.in_force(steps, LAST + timedelta(days=100), 90) == []


def test_a_step_is_built_on_what_it_names_or_on_the_one_before() -> None:
    book = Book()
    first = book.add("ingest", at(ago(3), 1), 10, 10)
    book.add("map", at(ago(3), 2), 10, 10, input_artifacts=None, output_artifact=None)
    book.add("filter", at(ago(3), 3), 10, 9, input_artifacts=[first["output_artifact"]])
    book.add("train", at(ago(3), 4), 9, 1)
    steps = _ledger.as_steps(book.frame())
    built_on = _ledger.sources(steps)
    assert [one.seq for one in _ledger.upstream(steps[3], built_on)] == [4, 3, 1]
    assert [one.seq for one in _ledger.upstream(steps[1], built_on)] == [2, 1]


def test_an_artifact_that_is_made_again_is_the_newest_one_before_its_reader() -> None:
    book = Book()
    for hour in (1, 2):
        book.add("ingest", at(ago(3), hour), 10, 10 * hour, output_artifact="same")
    book.add("filter", at(ago(3), 3), 20, 9, input_artifacts=["same"], output_artifact="same")
    steps = _ledger.as_steps(book.frame())
    assert [one.seq for one in _ledger.upstream(steps[2], _ledger.sources(steps))] == [3, 2]


def test_json_that_is_none_is_unknown() -> None:
    steps = run_of("help").with_columns(
        params=pl.lit("{"), class_counts_in=pl.lit('{"a": -1}'), input_artifacts=pl.lit("{}")
    )
    [step] = _ledger.as_steps(steps)
    assert (step.params, step.classes_in, step.inputs, step.reason) == (None, None, (), None)
