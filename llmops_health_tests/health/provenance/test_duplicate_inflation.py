"""Duplicate inflation: shares at their edges, near-duplicates, and repeats that are meant."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.duplicate_inflation import Params, check
from llmops_health.text.training_texts import SCHEMAS
from llmops_health_tests.health.provenance.simulate import (
    FEATURE,
    INPUTS,
    LAST,
    NO_PIPELINES,
    Book,
    Schema,
    ago,
    at,
    table,
)

NEAR: Schema = {**SCHEMAS["summary__near_duplicates"]}
STEP = {"pipeline_id": "help/feedback", "step_id": "help/feedback/filter-2", "feature_id": "help",
        "started_at": at(ago(2))}  # fmt: skip


def pipeline(**upsample: Any) -> Book:
    book = Book()
    book.add("ingest", at(ago(2), 1), 1000, 1000)
    if upsample:
        book.add("upsample", at(ago(2), 2), 1000, 1000, **upsample)
        book.rows[-1]["step_id"] = STEP["step_id"]
    else:
        book.add("filter", at(ago(2), 2), 1000, 1000)
    book.add("train", at(ago(2), 3), 1000, 1)
    return book


def inputs(*counts: int) -> pl.DataFrame:
    return table(INPUTS, *(STEP | {"input_sha256": f"h{i:04}", "n": n} for i, n in enumerate(
        counts)))  # fmt: skip


def judged(rows: pl.DataFrame, near: pl.DataFrame | None = None, **upsample: Any) -> Finding:
    found = table(NEAR) if near is None else near
    steps = pipeline(**upsample).frame()
    [finding] = check(FEATURE, LAST, steps, found, NO_PIPELINES, rows, Params())
    return finding


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ([1] * 1000, Status.PASS),
        ([2] * 300 + [1] * 400, Status.PASS),  # 30 % repeat, and no more
        ([2] * 310 + [1] * 380, Status.WARN),
        ([101, *[1] * 899], Status.WARN),  # one group of 10.1 %
        ([100, *[1] * 900], Status.PASS),
        ([50] * 1, Status.NOT_ENOUGH_DATA),
    ],
)
def test_equal_inputs(counts: list[int], status: Status) -> None:
    assert judged(inputs(*counts)).status is status


def near(n_read: int, n_repeated: int, n_largest: int) -> pl.DataFrame:
    return table(
        NEAR,
        STEP
        | {"n_read": n_read, "n_texts": 900, "n_repeated": n_repeated, "n_largest": n_largest,
           "example_sha256": "h0007"},
    )  # fmt: skip


def test_near_duplicates_count_as_well() -> None:
    found = judged(inputs(*[1] * 1000), near(1000, 400, 60))
    assert found.status is Status.WARN
    assert found.message == (
        "40.0 % of 1,000 rows of the training set of train (seq 3 of help/feedback, 2026-03-27)"
        " repeat an input that is there already (near-duplicates), the largest group holds 60 rows"
        " (6.0 %)."
    )
    assert judged(inputs(*[1] * 1000), near(1000, 100, 60)).status is Status.PASS


def test_a_few_texts_that_are_left_tell_nothing_of_all() -> None:
    found = judged(inputs(*[1] * 1000), near(500, 400, 300))
    assert found.status is Status.PASS
    assert "near-duplicates are not told" in found.message


def test_repeats_that_are_meant_pass() -> None:
    twice = inputs(*[2] * 500)
    assert judged(twice, params={}).status is Status.WARN
    found = judged(twice, params={"reason": "balance"})
    assert found.status is Status.PASS
    assert "it is meant: balance" in found.message


def test_no_ledger_is_no_verdict() -> None:
    steps = Book("other").frame()
    [found] = check(FEATURE, LAST, steps, table(NEAR), NO_PIPELINES, table(INPUTS), Params())
    assert found.status is Status.NOT_APPLICABLE
    assert judged(table(INPUTS)).status is Status.NOT_ENOUGH_DATA
