"""The evidence of every alarm runs on the tables as they are stored, and shows rows."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health import steps
from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health import Check, discover
from llmops_health_tests.health.provenance import simulate, simulate_feedback
from llmops_health_tests.health.provenance.simulate import (
    ARTIFACTS,
    CASES,
    INPUTS,
    LAST,
    LEAKS,
    NO_FATES,
    RELABELS,
    Book,
    ago,
    at,
    table,
)

HOSTILE = "h'elp\n"
FEATURE = Feature.unlisted(HOSTILE)
CHECKS = {check.name: check for check in discover() if check.mode == "provenance"}


def book() -> Book:
    """A run of which every step is spoilt, by names that break SQL that is not quoted."""
    made = Book(f"{HOSTILE}/feedback")
    mix, other = {"a'": 100, "b\n": 700}, {"a'": 3_700, "b\n": 700}
    made.add("ingest", at(ago(2), 1), 1000, 1000, code_sha256=None, prompt_version="v1")
    made.add("filter", at(ago(2), 2), 1000, 800, rows_dropped=10)
    made.add("upsample", at(ago(2), 3), 800, 4_400, class_counts_in=mix, class_counts_out=other)
    made.add(
        "relabel", at(ago(2), 4), 4_400, 4_400, labels_flipped=3_000, prompt_version="v2",
        input_artifacts=[made.rows[-1]["output_artifact"], "no'body"],
        params={"relabelled_rows": 5},
    )  # fmt: skip
    made.add("train", at(ago(2), 5), 4_400, 1)
    return made


BOOK = book()
STEP = {"pipeline_id": BOOK.pipeline, "step_id": BOOK.rows[3]["step_id"], "feature_id": HOSTILE,
        "started_at": at(ago(2))}  # fmt: skip


def tables() -> dict[str, pl.DataFrame]:
    fate = simulate.fates(STEP | {"action": "kept", "n": 4_400})
    leak = STEP | {"suite_id": "s", "match": "run", "n": 1}
    loud = simulate_feedback.strata(np.random.default_rng(1), loud=6.0, worse=0.6)
    given = {
        "core__ledger_steps": BOOK.frame().with_columns(
            rows_in=pl.when(pl.col("seq") == 1).then(1000).otherwise(pl.col("rows_in"))
        ),
        "core__artifacts": table(ARTIFACTS),
        "core__eval_cases": table(CASES, {"suite_id": "s", "case_id": "k'1"}),
        "core__components": table(simulate.COMPONENTS),
        "core__component_edges": table(simulate.EDGES),
        "summary__ledger_fates": fate,
        "summary__pipelines": simulate.NO_PIPELINES,
        "summary__relabels": table(RELABELS),
        "summary__training_inputs": table(INPUTS, STEP | {"input_sha256": "h'1", "n": 4_400}),
        "summary__leaks": table(LEAKS, leak | {"case_id": "k'1"}),
        "summary__near_cases": pl.DataFrame(
            schema=dict.fromkeys(steps.all_tables()["summary__near_cases"], pl.String)
            | {"similarity": pl.Float64, "n": pl.Int64}
            | {name: pl.Datetime("us") for name in ("started_at", "added_at", "retired_at")}
        ),
        "summary__near_duplicates": pl.DataFrame(
            schema={
                name: pl.Int64 if name.startswith("n_") else pl.String
                for name in steps.all_tables()["summary__near_duplicates"]
            }
            | {"started_at": pl.Datetime("us")}
        ),
        "summary__feedback_strata": loud.with_columns(feature_id=pl.lit(HOSTILE)),
    }
    return given | {"core__ledger_steps": given["core__ledger_steps"].with_columns(
        actor=pl.when(pl.col("seq") == 3).then(pl.lit("someone else")).otherwise(pl.col("actor"))
    )}  # fmt: skip


TABLES = tables()


def findings(check: Check) -> list[Finding]:
    given: dict[str, Any] = {name: TABLES[name] for name in check.reads}
    return list(check.run(feature=FEATURE, day=LAST, params=check.params(), **given))


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_evidence_runs_and_shows_rows(name: str) -> None:
    [found] = findings(CHECKS[name])
    assert found.status in (Status.WARN, Status.FAIL), found.message
    assert found.action
    assert found.message.endswith(".")
    with duckdb.connect() as db:
        for table_name, rows in TABLES.items():
            db.register("rows", rows.to_arrow())
            db.execute(f"create table {table_name} as select * from rows")
        assert db.execute(found.evidence_sql).fetchall()


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_feature_without_a_ledger_is_left_alone(name: str) -> None:
    check = CHECKS[name]
    given: dict[str, Any] = {one: TABLES[one].clear() for one in check.reads}
    other = Feature.unlisted("other")
    [found] = check.run(feature=other, day=LAST, params=check.params(), **given)
    assert found.status is Status.NOT_APPLICABLE
    assert check.figure is None or (
        check.figure(feature=other, day=LAST, params=check.params(), **given) is None
    )


def test_no_fates_leave_no_doubt_unsaid() -> None:
    check = CHECKS["leaked_eval_cases"]
    given: dict[str, Any] = {one: TABLES[one] for one in check.reads}
    given["summary__ledger_fates"] = NO_FATES
    [found] = check.run(feature=FEATURE, day=LAST, params=check.params(), **given)
    assert found.status is Status.NOT_ENOUGH_DATA
