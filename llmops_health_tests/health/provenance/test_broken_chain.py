"""Broken chains: what was altered, removed, put in or cut off, and what only looks like it."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.broken_chain import KeptHead, Params, check
from llmops_health_tests.health.provenance.simulate import (
    ARTIFACTS,
    FEATURE,
    LAST,
    NO_ARTIFACTS,
    NO_PIPELINES,
    PIPELINE,
    Book,
    ago,
    at,
    frame,
    known_on,
    sha256,
    table,
    weekly,
)

BOOK = weekly(np.random.default_rng(1), 4)
WHOLE = BOOK.frame()


def judged(
    steps: pl.DataFrame,
    day: date = LAST,
    artifacts: pl.DataFrame = NO_ARTIFACTS,
    **params: object,
) -> Finding:
    [found] = check(
        FEATURE, day, known_on(steps, day), artifacts, NO_PIPELINES, Params.model_validate(params)
    )
    return found


def test_a_whole_chain_passes() -> None:
    found = judged(WHOLE)
    assert found.status is Status.PASS
    assert found.message == "The chain of 28 ledger rows in 1 pipelines is whole."


@pytest.mark.parametrize(
    ("column", "value"),
    [("rows_out", 5), ("params", '{"a": 1}'), ("actor", "me"), ("output_artifact", "x")],
)
def test_an_altered_row_fails(column: str, value: object) -> None:
    changed = WHOLE.with_columns(
        pl.when(pl.col("seq") == 6).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
    )
    found = judged(changed)
    assert found.status is Status.FAIL
    assert "breaks at seq 6: its content is not what its hash was made of" in found.message


def test_the_form_of_json_and_numbers_does_not_matter() -> None:
    other = WHOLE.with_columns(
        pl.col("params", "class_counts_in").str.replace_all(" ", ""),
        attributes=pl.lit('{"note": "x"}'),
    )
    assert judged(other).status is Status.PASS


def test_a_removed_row_fails_once_the_gap_is_settled() -> None:
    found = judged(WHOLE.filter(pl.col("seq") != 6))
    assert found.status is Status.FAIL
    assert "seq 6 before it is missing" in found.message
    newest = WHOLE.filter(pl.col("seq") != 27)
    assert judged(newest, ago(2)).status is Status.PASS
    assert judged(newest, LAST).status is Status.FAIL


def test_a_removed_row_that_was_counted_over_fails() -> None:
    left = WHOLE.filter(pl.col("seq") != 6).with_columns(
        seq=pl.when(pl.col("seq") > 6).then(pl.col("seq") - 1).otherwise(pl.col("seq"))
    )
    assert "seq 6" in judged(left).message


def test_reordered_rows_fail() -> None:
    swapped = WHOLE.with_columns(seq=pl.col("seq").replace({6: 7, 7: 6}))
    assert judged(swapped).status is Status.FAIL


def test_a_row_put_in_by_hand_fails() -> None:
    more = table(dict(WHOLE.schema), WHOLE.to_dicts()[-1] | {
        "seq": 29, "step_id": "x", "prev_hash": None, "row_hash": None})  # fmt: skip
    assert "carries no hash" in judged(pl.concat([WHOLE, more])).message
    twice = more.with_columns(seq=pl.lit(28, pl.Int64), row_hash=pl.lit("y"))
    assert "two steps have this place" in judged(pl.concat([WHOLE, twice])).message


def test_a_ledger_without_hashes_cannot_be_judged() -> None:
    found = judged(frame(BOOK.rows, chained=False))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("28 of 28 ledger rows carry no hash")


def test_a_ledger_that_began_before_its_history_passes() -> None:
    assert judged(WHOLE.filter(pl.col("seq") > 9)).status is Status.PASS


def test_pipelines_are_chains_of_their_own() -> None:
    other = Book("help/other")
    other.add("ingest", at(ago(3)), 5, 5)
    both = frame([*BOOK.rows, *other.rows])
    assert judged(both).status is Status.PASS


@pytest.mark.parametrize(
    ("seq", "row_hash", "words"),
    [
        (28, None, ""),
        (29, sha256("x"), "it was there on 2026-03-28 and is gone"),
        (20, sha256("x"), "all was written anew"),
    ],
)
def test_a_head_kept_elsewhere_is_found_again(seq: int, row_hash: str | None, words: str) -> None:
    kept = row_hash or WHOLE["row_hash"][-1]
    head = KeptHead(seq=seq, row_hash=kept, kept_on=date(2026, 3, 28))
    found = judged(WHOLE, kept_heads={PIPELINE: head})
    assert (found.status is Status.PASS) == (not words)
    assert words in found.message
    # What is kept tomorrow is not known today.
    assert judged(WHOLE, ago(2), kept_heads={PIPELINE: head}).status is Status.PASS


def test_a_pipeline_that_is_gone_altogether_fails() -> None:
    head = KeptHead(seq=3, row_hash=sha256("x"), kept_on=ago(5))
    assert judged(WHOLE.clear(), kept_heads={PIPELINE: head}).status is Status.FAIL
    assert judged(WHOLE.clear()).status is Status.NOT_APPLICABLE


def test_an_input_that_nobody_made_is_a_look_unless_it_is_listed() -> None:
    book = Book()
    book.add("ingest", at(ago(2), 1), 10, 10)
    book.add("filter", at(ago(2), 2), 10, 9, input_artifacts=["elsewhere"])
    found = judged(book.frame())
    assert found.status is Status.WARN
    assert "its input elsewhere is made by no step" in found.message
    listed = table(ARTIFACTS, {"artifact_sha256": "elsewhere", "kind": "dataset"})
    assert judged(book.frame(), artifacts=listed).status is Status.PASS


def test_every_altered_cell_is_found_and_no_whole_chain_alarms() -> None:
    rng = np.random.default_rng(7)
    for seed in range(15):
        steps = weekly(np.random.default_rng(seed), 3).frame()
        assert judged(steps).status is Status.PASS
        row = int(rng.integers(len(steps)))
        changed = steps.with_row_index("i").with_columns(
            rows_out=pl.col("rows_out") + (pl.col("i") == row)
        )
        assert judged(changed.drop("i")).status is Status.FAIL
