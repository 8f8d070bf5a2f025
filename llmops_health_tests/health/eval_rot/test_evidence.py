"""The evidence of every alarm runs on the tables as they are stored, and shows rows."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_rot import (
    divergence,
    redundant_cases,
    saturated_suite,
    stale_suite,
    uncovered_traffic,
)
from llmops_health_tests.health.eval_rot.simulate import (
    FEATURE,
    LAST,
    SATISFACTION,
    ago,
    by_day,
    cases,
    placed,
    runs,
)

SUITE = cases(40, added=ago(200))
EVAL_CELLS = placed(SUITE, [0, 1, 2, 3]).with_columns(
    nearest_case_id=pl.lit("k000"), nearest_similarity=pl.lit(0.99)
)
TEXT_CELLS, TEXT_SAMPLES = by_day(
    {age: [0, 1, 2, 3] * 15 + [-1 if age < 14 else 0] * 40 for age in range(63)}
)
ITEMS = runs({f"r{age}": (ago(age), "champion", f"v{age}", np.ones(40)) for age in (40, 30, 12, 5)})
RATED = pl.DataFrame(
    [
        (ago(age), "help", "thumb", "HUMAN", bucket, 10, 10 * (mean + bucket % 2 / 10), 5.0)
        for age, mean in ((41, 0.8), (3, 0.4))
        for bucket in range(20)
    ],
    schema=SATISFACTION,
    orient="row",
)


def alarms() -> dict[str, Iterable[Finding]]:
    return {
        "divergence": divergence.check(FEATURE, LAST, ITEMS, RATED, divergence.Params()),
        "uncovered_traffic": uncovered_traffic.check(
            *(FEATURE, LAST, TEXT_CELLS, TEXT_SAMPLES, EVAL_CELLS, ITEMS, SUITE),
            uncovered_traffic.Params(),
        ),
        "stale_suite": stale_suite.check(
            *(FEATURE, LAST, SUITE, TEXT_CELLS, TEXT_SAMPLES, EVAL_CELLS), stale_suite.Params()
        ),
        "saturated_suite": saturated_suite.check(
            FEATURE, LAST, ITEMS, SUITE, saturated_suite.Params()
        ),
        "redundant_cases": redundant_cases.check(
            FEATURE, LAST, SUITE, EVAL_CELLS, ITEMS, redundant_cases.Params()
        ),
    }


@pytest.mark.parametrize("name", sorted(alarms()))
def test_evidence_runs_and_shows_rows(name: str) -> None:
    [found] = alarms()[name]
    assert found.status in (Status.WARN, Status.FAIL)
    assert found.action
    assert found.message.endswith(".")
    counted = TEXT_CELLS.group_by("day", "feature_id", "cell").len("n")
    tables = {
        "summary__eval_items": ITEMS,
        "summary__satisfaction": RATED,
        "summary__text_cells": TEXT_CELLS,
        "summary__cells": counted,
        "summary__eval_cells": EVAL_CELLS,
        "core__contents": pl.DataFrame({"sha256": ["h3-60"], "text": ["how do I record a call"]}),
    }
    with duckdb.connect() as db:
        for table, rows in tables.items():
            db.register("rows", rows.to_arrow())
            db.execute(f"create table {table} as select * from rows")
        shown = db.execute(found.evidence_sql).fetchall()
    assert shown
    if name == "uncovered_traffic":
        assert shown == [(-1, 280, pytest.approx(0.7), "how do I record a call")]
