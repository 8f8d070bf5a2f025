"""Leaked eval cases: by run, by row, by text, nearly; and what a filter took out in time."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.leaked_eval_cases import Params, check
from llmops_health.text.training_texts import SCHEMAS
from llmops_health_tests.health.provenance.simulate import (
    ARTIFACTS,
    CASES,
    FEATURE,
    LAST,
    LEAKS,
    NO_ARTIFACTS,
    NO_PIPELINES,
    Book,
    Schema,
    ago,
    at,
    fates,
    table,
)

NEAR: Schema = {**SCHEMAS["summary__near_cases"]}
SUITE = table(
    CASES, *({"suite_id": "s", "case_id": f"k{i}", "feature_id": "help"} for i in range(100))
)


def pipeline(*, filtered: bool = False, rows_at: str = "ingest-1") -> tuple[Book, pl.DataFrame]:
    book = Book()
    book.add("ingest", at(ago(2), 1), 1000, 1000)
    if filtered:
        book.add("filter", at(ago(2), 2), 1000, 900)
    book.add("train", at(ago(2), 3), 1000, 1)
    step = {"pipeline_id": "help/feedback", "step_id": f"help/feedback/{rows_at}"}
    return book, fates(step | {"action": "kept", "n": 1000})


def leaks(n: int, match: str = "input", **more: Any) -> pl.DataFrame:
    fixed = {"pipeline_id": "help/feedback", "step_id": "help/feedback/ingest-1", "suite_id": "s",
             "feature_id": "help", "started_at": at(ago(2)), "match": match, "n": 1}  # fmt: skip
    return table(LEAKS, *(fixed | {"case_id": f"k{i}"} | more for i in range(n)))


def near(n: int, similarity: float) -> pl.DataFrame:
    fixed = {"pipeline_id": "help/feedback", "step_id": "help/feedback/ingest-1", "suite_id": "s",
             "feature_id": "help", "started_at": at(ago(2)), "similarity": similarity,
             "n": 1}  # fmt: skip
    return table(NEAR, *(fixed | {"case_id": f"k{i}"} for i in range(n)))


def judged(book: Book, rows: pl.DataFrame, **tables: Any) -> Finding:
    given = {
        "core__artifacts": NO_ARTIFACTS,
        "core__eval_cases": SUITE,
        "summary__leaks": table(LEAKS),
        "summary__near_cases": table(NEAR),
        "params": Params(),
        **tables,
    }
    [found] = check(
        feature=FEATURE, day=LAST, core__ledger_steps=book.frame(), summary__ledger_fates=rows,
        summary__pipelines=NO_PIPELINES, **given,
    )  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (leaks(0), Status.PASS),
        (leaks(1), Status.WARN),  # a plain question comes again by itself
        (leaks(2), Status.WARN),  # 2 % and no more
        (leaks(3), Status.FAIL),
        (leaks(1, "run"), Status.FAIL),
        (leaks(1, "row"), Status.FAIL),
        (leaks(9, retired_at=at(ago(1))), Status.PASS),
        (leaks(9, added_at=at(ago(-1))), Status.PASS),
        (leaks(9, step_id="elsewhere"), Status.PASS),
    ],
)
def test_cases_in_the_training_set(found: pl.DataFrame, status: Status) -> None:
    assert judged(*pipeline(), summary__leaks=found).status is status


@pytest.mark.parametrize(
    ("found", "status"), [(near(3, 0.81), Status.FAIL), (near(2, 0.95), Status.WARN)]
)
def test_cases_that_are_nearly_in_it(found: pl.DataFrame, status: Status) -> None:
    assert judged(*pipeline(), summary__near_cases=found).status is status
    strict = Params(min_similarity=0.99)
    passed = judged(*pipeline(), summary__near_cases=found, params=strict)
    assert passed.status is Status.PASS


def test_a_case_found_both_ways_counts_once() -> None:
    found = judged(*pipeline(), summary__leaks=leaks(4), summary__near_cases=near(4, 1.0))
    assert found.value == pytest.approx(4.0)
    assert found.message == (
        "4 of 100 eval cases (4.0 %; 0 by row or eval run, 4 as near-duplicates) are in the"
        " training set of train (seq 2 of help/feedback, 2026-03-27), for example k0 of s."
    )


def test_a_filter_that_does_not_say_what_it_dropped_leaves_doubt() -> None:
    found = judged(*pipeline(filtered=True), summary__leaks=leaks(9))
    assert found.status is Status.WARN
    assert "whether filter (seq 2 of help/feedback, 2026-03-27) removed them" in found.message


def test_a_filter_that_dropped_the_cases_passes() -> None:
    book, rows = pipeline(filtered=True, rows_at="filter-2")
    assert judged(book, rows, summary__leaks=leaks(9)).status is Status.PASS


EVAL_SET = table(ARTIFACTS, {"artifact_sha256": "evals", "kind": "eval_set", "name": "intents-v1"})


@pytest.mark.parametrize(("op", "status"), [("merge", Status.FAIL), ("filter", Status.PASS)])
def test_an_eval_set_as_an_input(op: str, status: Status) -> None:
    book = Book()
    made = book.add("ingest", at(ago(2), 1), 900, 900)["output_artifact"]
    book.add(op, at(ago(2), 2), 1000, 1000, input_artifacts=[made, "evals"])
    book.add("train", at(ago(2), 3), 1000, 1)
    _, rows = pipeline()
    found = judged(book, rows, core__artifacts=EVAL_SET)
    assert found.status is status
    assert ("intents-v1" in found.message) == (op == "merge")


def test_what_lacks_is_said() -> None:
    book, rows = pipeline()
    assert judged(book, rows, core__eval_cases=SUITE.clear()).status is Status.NOT_APPLICABLE
    assert judged(book, rows.clear()).status is Status.NOT_ENOUGH_DATA
    assert judged(Book("other"), rows).status is Status.NOT_APPLICABLE


def test_a_step_of_tomorrow_is_not_known() -> None:
    book, rows = pipeline()
    found = leaks(9, started_at=at(ago(-1)))
    assert judged(book, rows, summary__leaks=found).status is Status.PASS
