"""Label flips: budgets at their edges, what class counts give away, and versions that disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.label_flips import Params, check
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


def judged(book: Book, pairs: pl.DataFrame = NO_PAIRS) -> list[Finding]:
    return list(check(FEATURE, LAST, book.frame(), NO_PIPELINES, pairs, Params()))


def relabelled(n: int, flips: int | None, op: str = "relabel", **fields: Any) -> Book:
    book = Book()
    book.add(op, at(ago(2)), n, n, labels_flipped=flips, **fields)
    return book


@pytest.mark.parametrize(
    ("op", "n", "flips", "status"),
    [
        # The exact 99.8 % interval of 70 / 1000 is 0.047 to 0.099, of 80 / 1000 0.056 to 0.110.
        ("relabel", 1000, 70, Status.PASS),
        ("relabel", 1000, 80, Status.FAIL),
        ("relabel", 100, 12, Status.PASS),
        ("relabel", 20, 20, Status.NOT_ENOUGH_DATA),
        ("relabel", 1000, None, Status.NOT_ENOUGH_DATA),
        ("dedup", 1000, 0, Status.PASS),
        ("dedup", 1000, 1, Status.PASS),
        ("dedup", 1000, 8, Status.WARN),
        ("dedup", 1000, None, Status.NOT_APPLICABLE),
    ],
)
def test_the_lower_end_of_the_interval_decides(
    op: str, n: int, flips: int | None, status: Status
) -> None:
    assert judged(relabelled(n, flips, op))[0].status is status


def test_a_recorded_reason_makes_it_a_look() -> None:
    [found] = judged(relabelled(1000, 200, params={"reason": "new taxonomy"}))
    assert found.status is Status.WARN
    assert "the reason recorded is: new taxonomy" in found.message


@pytest.mark.parametrize(
    ("op", "after", "flips", "status"),
    [
        ("relabel", {"a": 300, "b": 700}, None, Status.FAIL),  # at least 200 of 1000
        ("relabel", {"a": 490, "b": 510}, None, Status.PASS),
        ("relabel", {"a": 300, "b": 700}, 200, Status.FAIL),
        ("relabel", {"a": 470, "b": 530}, 10, Status.FAIL),  # it says fewer than there were
        ("map", {"a": 470, "b": 530}, None, Status.WARN),
        ("map", {"a": 500, "b": 500}, None, Status.PASS),
    ],
)
def test_class_counts_give_flips_away(
    op: str, after: dict[str, int], flips: int | None, status: Status
) -> None:
    before = {"a": 500, "b": 500}
    book = relabelled(1000, flips, op, class_counts_in=before, class_counts_out=after)
    assert judged(book)[0].status is status


def test_class_counts_of_other_rows_say_nothing_of_flips() -> None:
    book = Book()
    book.add(
        "filter",
        at(ago(2)),
        1000,
        500, class_counts_in={"a": 500, "b": 500},
        class_counts_out={"a": 0, "b": 500},
    )  # fmt: skip
    assert judged(book)[0].status is Status.PASS


def pair(n: dict[tuple[str, str], int], other_version: str | None, **more: Any) -> pl.DataFrame:
    fixed = {"pipeline_id": "help/feedback", "step_id": "help/feedback/relabel-1",
             "started_at": at(ago(2)), "version": "v2", "other_version": other_version}  # fmt: skip
    rows = [
        fixed | {"other_label": before, "label": after, "n": count} | more
        for (before, after), count in n.items()
    ]
    return table(RELABELS, *rows)


def test_the_most_frequent_flip_is_named() -> None:
    pairs = pair({("a", "a"): 800, ("a", "b'\n"): 150, ("b'\n", "a"): 50}, None)
    [found] = judged(relabelled(1000, 200), pairs)
    assert "most often 'a' to \"b'\\n\" (150 rows)" in found.message


@pytest.mark.parametrize(
    ("apart", "status"), [(5, Status.PASS), (20, Status.PASS), (60, Status.WARN)]
)
def test_versions_that_disagree_are_a_look(apart: int, status: Status) -> None:
    same = (200 - apart) // 2
    pairs = pair({("a", "a"): same, ("b", "b"): 200 - apart - same, ("a", "b"): apart}, "v1")
    _, found = judged(relabelled(1000, 0), pairs)
    assert (found.status, found.segment) == (status, "template versions")


def test_agreement_is_gwets() -> None:
    pairs = pair({("a", "a"): 70, ("a", "b"): 10, ("b", "b"): 20}, "v1")
    _, found = judged(relabelled(1000, 0), pairs)
    assert found.value == pytest.approx(0.84, abs=0.001)


def test_few_shared_rows_and_other_steps_are_left_out() -> None:
    few = pair({("a", "b"): 49, ("b", "b"): 0}, "v1")
    assert len(judged(relabelled(1000, 0), few)) == 1
    elsewhere = pair({("a", "b"): 99, ("b", "b"): 9}, "v1", step_id="other")
    assert len(judged(relabelled(1000, 0), elsewhere)) == 1
    later = pair({("a", "b"): 99, ("b", "b"): 9}, "v1", started_at=at(ago(-1)))
    assert len(judged(relabelled(1000, 0), later)) == 1


def test_no_ledger_is_no_verdict() -> None:
    assert judged(Book("other"))[0].status is Status.NOT_APPLICABLE


def test_a_usual_relabelling_passes_and_a_spoilt_one_fails() -> None:
    """2 % of some 800 labels flip, or 10 %: the interval of 10 % lies above 6 %."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        assert judged(weekly(rng, 2))[0].status is Status.PASS
        book = weekly(rng, 2, relabel={"labels_flipped": int(rng.binomial(800, 0.1))})
        assert judged(book)[0].status is Status.FAIL
