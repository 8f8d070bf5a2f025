"""Mixed label schemas: what meets in a training set, and what was relabelled before it could."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.mixed_label_schemas import Params, check
from llmops_health_tests.health.provenance.simulate import (
    FEATURE,
    LAST,
    NO_PIPELINES,
    RELABELS,
    Book,
    ago,
    at,
    table,
    weekly,
)

NO_PAIRS = table(RELABELS)


def judged(book: Book, pairs: pl.DataFrame = NO_PAIRS) -> Finding:
    [found] = check(FEATURE, LAST, book.frame(), NO_PIPELINES, pairs, Params())
    return found


def merged(first: dict[str, Any], second: dict[str, Any], *, relabelled: Any = None) -> Book:
    """Two branches of 100 rows, each ingested and labelled, merged, and trained on."""
    book = Book()
    ends = []
    for hour, said in ((1, first), (3, second)):
        book.add("ingest", at(ago(2), hour), 100, 100)
        ends.append(book.add("relabel", at(ago(2), hour + 1), 100, 100, **said)["output_artifact"])
    book.add("merge", at(ago(2), 5), 200, 200, input_artifacts=ends)
    if relabelled is not None:
        book.add("relabel", at(ago(2), 6), 200, 200, **relabelled)
    book.add("train", at(ago(2), 7), 200, 1)
    return book


V1, V2 = {"prompt_version": "v1"}, {"prompt_version": "v2"}


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (V1, V1, Status.PASS),
        (V1, V2, Status.WARN),
        ({**V1, "params": {"label_schema": "2025"}}, {**V2, "params": {"label_schema": "2026"}},
         Status.FAIL),
        ({**V1, "params": {"label_schema": "x"}}, {**V1, "params": {"label_schema": "x"}},
         Status.PASS),
        (V1, {"prompt_version": None}, Status.PASS),
        ({"prompt_version": None}, {"prompt_version": None}, Status.NOT_ENOUGH_DATA),
    ],
)  # fmt: skip
def test_what_meets_in_a_training_set(
    first: dict[str, Any], second: dict[str, Any], status: Status
) -> None:
    assert judged(merged(first, second)).status is status


def test_a_relabelling_of_all_rows_mends_it_and_of_some_does_not() -> None:
    assert judged(merged(V1, V2, relabelled=V2)).status is Status.PASS
    some = {**V2, "params": {"relabelled_rows": 20}}
    assert judged(merged(V1, V2, relabelled=some)).status is Status.WARN
    every = {**V2, "params": {"relabelled_rows": 200}}
    assert judged(merged(V1, V2, relabelled=every)).status is Status.PASS


def shared(n: dict[tuple[str, str], int]) -> pl.DataFrame:
    fixed = {"pipeline_id": "help/feedback", "step_id": "help/feedback/relabel-4",
             "started_at": at(ago(2)), "version": "v2", "other_version": "v1"}  # fmt: skip
    return table(
        RELABELS,
        *(fixed | {"other_label": a, "label": b, "n": count} for (a, b), count in n.items()),
    )


@pytest.mark.parametrize(
    ("n", "status"),
    [
        # 30 to b and none back of 200: p = 2e-9, +15 pp
        ({("a", "a"): 100, ("b", "b"): 70, ("a", "b"): 30}, Status.FAIL),
        # as many each way
        ({("a", "a"): 85, ("b", "b"): 85, ("a", "b"): 15, ("b", "a"): 15}, Status.WARN),
        # too few rows
        ({("a", "b"): 49}, Status.WARN),
    ],
)
def test_rows_that_both_labelled_decide(n: dict[tuple[str, str], int], status: Status) -> None:
    found = judged(merged(V1, V2), shared(n))
    assert found.status is status
    if status is Status.FAIL:
        assert "on 200 shared rows v2 gives 'a' -15.0 pp more often than v1" in found.message


def test_versions_that_agree_never_fail() -> None:
    """Both ways alike: McNemar's p below 0.001 in 1 of 1,000 labels."""
    rng = np.random.default_rng(3)
    failed = 0
    for _ in range(300):
        there = int(rng.binomial(60, 0.5))
        pairs = shared(
            {("a", "a"): 200, ("b", "b"): 200, ("a", "b"): there, ("b", "a"): 60 - there}
        )
        failed += judged(merged(V1, V2), pairs).status is Status.FAIL
    assert failed <= 3


def test_one_pipeline_of_one_version_passes() -> None:
    assert judged(weekly(np.random.default_rng(1))).status is Status.PASS


def test_without_a_training_there_is_no_verdict() -> None:
    book = Book()
    book.add("relabel", at(ago(2)), 10, 10)
    assert judged(book).status is Status.NOT_APPLICABLE
    assert judged(Book("other")).status is Status.NOT_APPLICABLE
