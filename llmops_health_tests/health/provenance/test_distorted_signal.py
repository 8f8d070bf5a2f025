"""Distorted signal: weights, factors and drop rates by hand, with their look-alikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.distorted_signal import Params, check, figure
from llmops_health_tests.health.provenance.simulate import (
    FEATURE,
    LAST,
    NO_FATES,
    NO_PIPELINES,
    Book,
    ago,
    at,
    fates,
    weekly,
)


def judged(book: Book, rows: pl.DataFrame = NO_FATES, **params: Any) -> Finding:
    given = Params.model_validate(params)
    [found] = check(FEATURE, LAST, book.frame(), rows, NO_PIPELINES, given)
    return found


def mixed(op: str, before: dict[str, int], after: dict[str, int], **fields: Any) -> Book:
    book = Book()
    book.add(op, at(ago(2)), sum(before.values()), sum(after.values()), class_counts_in=before,
             class_counts_out=after, **fields)  # fmt: skip
    return book


EVEN = {"a": 400, "b": 400, "c": 400, "d": 400}
UNEVEN = {"a": 500, "b": 300, "c": 150, "d": 50}


@pytest.mark.parametrize(
    ("op", "before", "after", "status"),
    [
        ("upsample", UNEVEN, EVEN, Status.WARN),  # d 8 times
        ("upsample", UNEVEN, UNEVEN | {"d": 250}, Status.PASS),  # 5 times, not more
        ("upsample", UNEVEN, {name: 10 * n for name, n in UNEVEN.items()}, Status.PASS),
        ("relabel", UNEVEN, EVEN, Status.PASS),  # judged as flips
        ("filter", EVEN, EVEN | {"d": 30}, Status.WARN),  # 0.25 to 0.024, at most 0.044
        ("filter", EVEN, EVEN | {"d": 100}, Status.PASS),
        ("filter", EVEN, dict.fromkeys(EVEN, 4), Status.PASS),  # all alike
        ("filter", {"a": 400, "b": 10}, {"a": 400, "b": 0}, Status.PASS),  # too few to tell
        ("dedup", EVEN, EVEN | {"d": 200}, Status.WARN),  # 50 % against 0 %
        ("dedup", EVEN, EVEN | {"d": 300}, Status.PASS),  # 25 %
        ("dedup", EVEN, dict.fromkeys(EVEN, 100), Status.PASS),
    ],
)
def test_a_change_of_the_mix(
    op: str, before: dict[str, int], after: dict[str, int], status: Status
) -> None:
    assert judged(mixed(op, before, after)).status is status


def test_the_message_has_the_numbers() -> None:
    found = judged(mixed("upsample", UNEVEN, EVEN))
    assert found.value == 8.0
    assert "repeats class 'd' 8.0 times (50 rows become 400; the mix moves by 0.311 nat)" in (
        found.message
    )


def test_a_recorded_reason_passes_and_is_counted() -> None:
    found = judged(mixed("upsample", UNEVEN, EVEN, params={"reason": "balance the classes"}))
    assert found.status is Status.PASS
    assert "1 changes are meant" in found.message


def weighted(weights: list[float], n_rows: int) -> tuple[Book, pl.DataFrame]:
    book = Book()
    book.add("weight", at(ago(2)), n_rows, n_rows)
    w = np.array(weights)
    row = {"pipeline_id": "help/feedback", "step_id": "help/feedback/weight-1", "action": "kept",
           "n": n_rows, "n_weighted": len(w), "sum_weight": float(w.sum()),
           "sum_weight_sq": float((w**2).sum())}  # fmt: skip
    return book, fates(row)


@pytest.mark.parametrize(
    ("weights", "status"),
    [
        ([1.0] * 80 + [5.0] * 20, Status.PASS),  # 55.9 of 100
        ([1.0] * 80 + [8.0] * 20, Status.WARN),  # 42.3 of 100
        ([3.0] * 100, Status.PASS),
    ],
)
def test_weights_leave_effective_rows(weights: list[float], status: Status) -> None:
    assert judged(*weighted(weights, 100)).status is status


def test_weights_of_a_sample_are_not_judged() -> None:
    assert judged(*weighted([1.0] * 10 + [99.0] * 10, 1000)).status is Status.PASS


@pytest.mark.parametrize(("n_dropped", "status"), [(150, Status.WARN), (60, Status.PASS)])
def test_a_source_that_is_dropped_more_often(n_dropped: int, status: Status) -> None:
    book = mixed("dedup", {"a": 400}, {"a": 400 - n_dropped})
    step = {"pipeline_id": "help/feedback", "step_id": "help/feedback/dedup-1"}
    rows = fates(
        step | {"action": "kept", "n": 200, "source_kind": "HUMAN"},
        step | {"action": "kept", "n": 200 - n_dropped, "source_kind": "LLM"},
        step | {"action": "dropped", "n": n_dropped, "source_kind": "LLM"},
    )
    assert judged(book, rows).status is status


def test_small_changes_that_add_up_over_a_run_are_found() -> None:
    book = Book()
    counts = dict.fromkeys("abcd", 1000)
    book.add("ingest", at(ago(2), 1), 4000, 4000, class_counts_in=counts, class_counts_out=counts)
    for hour in (2, 3):
        fewer = counts | {"d": counts["d"] * 3 // 10}
        book.add("filter", at(ago(2), hour), sum(counts.values()), sum(fewer.values()),
                 class_counts_in=counts, class_counts_out=fewer)  # fmt: skip
        counts = fewer
    found = judged(book)
    assert found.status is Status.WARN
    assert "from ingest (seq 1) to filter (seq 3)" in found.message


def test_no_numbers_are_no_verdict() -> None:
    book = Book()
    book.add("filter", at(ago(2)), 10, 9)
    assert judged(book).status is Status.NOT_ENOUGH_DATA
    assert judged(Book("other")).status is Status.NOT_APPLICABLE


def test_usual_pipelines_pass_and_a_repeated_class_warns() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        assert judged(weekly(rng, 2)).status is Status.PASS
        before = {"billing": 300, "cancel": 230, "login": 150, "refund": 70}
        after = before | {"refund": 70 * int(rng.integers(6, 20))}
        spoilt = weekly(rng, 2, upsample={"class_counts_in": before, "class_counts_out": after})
        assert judged(spoilt).status is Status.WARN


def test_the_figure_shows_every_class() -> None:
    book = mixed("upsample", UNEVEN, EVEN)
    shown = figure(FEATURE, LAST, book.frame(), NO_FATES, NO_PIPELINES, Params())
    assert shown is not None
    assert [(row.label, row.answer) for row in shown.rows] == [
        ("a", "fine"), ("b", "fine"), ("c", "fine"), ("d", "moved"),
    ]  # fmt: skip
    assert shown.rows[0].effect.value == pytest.approx(-25.0)
    assert figure(FEATURE, LAST, Book("o").frame(), NO_FATES, NO_PIPELINES, Params()) is None
