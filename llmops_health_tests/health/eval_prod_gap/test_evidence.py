"""The evidence of every alarm runs on the tables as they are stored, and shows rows."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.eval_prod_gap import (
    behaviour_switch,
    eval_marker,
    harness_differs,
    unmatched_traffic,
)
from llmops_health_tests.health.eval_prod_gap.simulate import (
    LAST,
    MARKERS,
    SAME,
    World,
    harness,
)

HOSTILE = Feature(id="it's; -- help", kind="rag")

COMPARED, MATCHES = World(n_days=10, switch=0.6).tables(np.random.default_rng(1))
FAR = MATCHES.with_columns(
    similarity=pl.when("is_eval").then("similarity").otherwise(pl.col("similarity") - 0.5)
)
HARNESS = harness(SAME)
FIELDS = {
    "request_model": {"prod": {"m-2": 100}, "eval": {"m'1": 40}},
    "system_text": {"prod": {"b" * 64: 100}, "eval": {"a" * 64: 40}},
    "temperature": {"prod": {"0.7": 100}, "eval": {"0.0": 40}},
    "max_tokens": {"prod": {"300": 100}, "eval": {"unset": 40}},
    "tool": {"prod": {"search": 60}},
}
OTHER = harness(FIELDS)
WORDS = pl.DataFrame(
    [(LAST, "help", half, word, 20, 15, 0.0, 15.0) for half in (0, 1) for word in ("", "case-#")],
    schema=MARKERS,
    orient="row",
)
TABLES = dict(
    zip(
        (
            "summary__compared_calls",
            "summary__matches",
            "summary__marker_words",
            "summary__categories",
            "summary__parameters",
            "summary__system_texts",
        ),
        (
            table.with_columns(feature_id=pl.lit(HOSTILE.id))
            for table in (COMPARED, FAR, WORDS, *OTHER)
        ),
        strict=True,
    )
)


def alarms() -> dict[str, list[Finding]]:
    return {
        "behaviour_switch": list(
            behaviour_switch.check(
                *(HOSTILE, LAST, COMPARED, FAR, *HARNESS), behaviour_switch.Params()
            )
        ),
        "harness_differs": list(
            harness_differs.check(HOSTILE, LAST, *OTHER, harness_differs.Params())
        ),
        "eval_marker": list(eval_marker.check(HOSTILE, LAST, WORDS, eval_marker.Params())),
        "unmatched_traffic": list(
            unmatched_traffic.check(HOSTILE, LAST, COMPARED, FAR, unmatched_traffic.Params())
        ),
    }


@pytest.mark.parametrize("name", sorted(alarms()))
def test_evidence_runs_and_shows_rows(name: str) -> None:
    found = alarms()[name]
    segments = {"harness_differs": 6, "behaviour_switch": 2}
    assert len(found) == segments.get(name, 1)
    with duckdb.connect() as db:
        for table, rows in TABLES.items():
            db.register("rows", rows)
            db.execute(f"create table {table} as select * from rows")
            db.unregister("rows")
        for one in found:
            assert one.status in (Status.WARN, Status.FAIL)
            assert one.action
            assert one.message.endswith(".")
            assert "order by" in one.evidence_sql
            assert db.execute(one.evidence_sql).fetchall()
