"""Untraceable checkpoints: where the way back ends, by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.untraceable_checkpoint import Params, check
from llmops_health_tests.health.provenance.simulate import (
    ARTIFACTS,
    COMPONENTS,
    EDGES,
    FEATURE,
    LAST,
    NO_ARTIFACTS,
    NO_FATES,
    NO_PIPELINES,
    Book,
    ago,
    at,
    fates,
    table,
    weekly,
)


def judged(book: Book, **tables: Any) -> Finding:
    given = {
        "core__artifacts": NO_ARTIFACTS,
        "core__components": table(COMPONENTS),
        "core__component_edges": table(EDGES),
        "summary__ledger_fates": NO_FATES,
        "summary__pipelines": NO_PIPELINES,
        "feature": FEATURE,
        **tables,
    }
    [found] = check(day=LAST, core__ledger_steps=book.frame(), params=Params(), **given)
    return found


def trained(inputs: list[str], **fields: Any) -> Book:
    """An ingest of 300 rows and a training on its output and other inputs."""
    book = Book()
    made = book.add("ingest", at(ago(2), 1), 300, 300)["output_artifact"]
    named = [made if name == "made" else name for name in inputs]
    book.add("train", at(ago(2), 2), 400, 1, input_artifacts=named, **fields)
    return book


def listed(kind: str, n_rows: int | None = None) -> pl.DataFrame:
    return table(ARTIFACTS, {"artifact_sha256": "other", "kind": kind, "n_rows": n_rows})


@pytest.mark.parametrize(
    ("inputs", "artifacts", "share"),
    [
        (["made"], NO_ARTIFACTS, 100),
        (["made", "other"], listed("raw_feedback", 100), 100),
        (["made", "other"], listed("checkpoint"), 100),  # a base model has no rows
        (["made", "other"], listed("dataset", 100), 75),
        (["other"], NO_ARTIFACTS, 0),
    ],
)
def test_inputs_count_with_their_rows(
    inputs: list[str], artifacts: pl.DataFrame, share: float
) -> None:
    found = judged(trained(inputs), core__artifacts=artifacts)
    assert found.value == pytest.approx(share)
    assert found.status is (Status.PASS if share == 100 else Status.WARN)


def test_the_end_of_the_way_is_named() -> None:
    found = judged(trained(["other"]))
    assert "input other of train (seq 2 of help/feedback, 2026-03-27) was made by no step" in (
        found.message
    )


def test_a_promoted_model_without_any_trace_fails() -> None:
    book = trained(["other"])
    book.add("promote", at(ago(1)), 1, 1)
    assert judged(book).status is Status.FAIL


@pytest.mark.parametrize(
    ("n_traced", "n", "value", "status"),
    [
        (300, 300, 100, Status.PASS),
        (297, 300, 99, Status.PASS),
        (296, 300, 98.7, Status.WARN),
        (0, 30, 100, Status.PASS),  # a sample of the rows tells nothing of all
    ],
)
def test_rows_that_name_no_known_feedback(
    n_traced: int, n: int, value: float, status: Status
) -> None:
    step = {"pipeline_id": "help/feedback", "step_id": "help/feedback/ingest-1", "action": "kept"}
    rows = fates(step | {"n": n, "n_named": n, "n_traced": n_traced})
    found = judged(trained(["made"]), summary__ledger_fates=rows)
    assert found.value == pytest.approx(value, abs=0.05)
    assert found.status is status


CHECKPOINT = {"component_id": "m1", "kind": "checkpoint", "name": "m1", "feature_id": "help",
              "sha256": "abc"}  # fmt: skip
EDGE = {"src": "m1", "dst": "d1", "relation": "trained_on"}


def test_a_checkpoint_in_use_that_no_step_made() -> None:
    tables = {
        "core__components": table(COMPONENTS, CHECKPOINT),
        "core__component_edges": table(EDGES, EDGE),
    }
    found = judged(Book("none"), **tables)
    assert (found.status, found.value) == (Status.WARN, 0)
    bought = {**tables, "core__component_edges": table(EDGES)}
    assert judged(Book("none"), **bought).status is Status.NOT_APPLICABLE
    gone = {**tables, "core__components": table(COMPONENTS, CHECKPOINT | {
        "deprecated_on": at(ago(5))})}  # fmt: skip
    assert judged(Book("none"), **gone).status is Status.NOT_APPLICABLE
    ours = trained(["made"], output_artifact="abc")
    assert judged(ours, **tables).status is Status.PASS


def test_the_newest_list_says_which_hash_is_in_use() -> None:
    rows = [
        CHECKPOINT | {"sha256": sha256, "listed_on": at(ago(age))}
        for sha256, age in (("old", 60), ("abc", 20), ("later", -30))
    ]
    tables = {
        "core__components": table(COMPONENTS, *rows),
        "core__component_edges": table(EDGES, EDGE),
    }
    assert judged(trained(["made"], output_artifact="abc"), **tables).status is Status.PASS
    assert judged(trained(["made"], output_artifact="old"), **tables).status is Status.WARN


def test_a_trained_feature_without_a_ledger_lacks_it() -> None:
    feature = Feature(id="help", kind="classifier", trained_on=date(2026, 2, 1))
    found = judged(Book("none"), feature=feature)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "no ledger tells" in found.message
    later = Feature(id="help", kind="classifier", trained_on=date(2026, 4, 1))
    assert judged(Book("none"), feature=later).status is Status.NOT_APPLICABLE


def test_usual_pipelines_are_traced_whole() -> None:
    for seed in range(10):
        assert judged(weekly(np.random.default_rng(seed), 3)).status is Status.PASS
