"""The evidence of every alarm runs on the tables as they are stored, whatever the names hold."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.generalization import (
    broken_scorer,
    capability_regression,
    forgetting_trend,
    narrow_gain,
    untested_capability,
)
from llmops_health_tests.health.generalization.simulate import LAST, World, placed, right, traffic

TARGET = 'sql\n"2"'
HOSTILE = "it's; drop table --\n{x}"
FEATURE = Feature(id="help", kind="rag", target_capability=TARGET)


def hostile() -> World:
    world = World({HOSTILE: 60, TARGET: 60}, suite_id="s'1\n")
    for at, n_right in enumerate((50, 52, 52)):
        scores = np.concatenate([right(60, n_right), right(60, 20)])
        world.run(
            "champion", scores, age=40 - at, run_id=f"r'{at}\n", model="m", component_id=f"c'{at}"
        )
    scores = np.concatenate([np.zeros(60), right(60, 55)])
    return world.run("candidate", scores, run_id="new'", model="m", component_id="c'9\n")


TABLES = hostile().tables()
CELLS, SAMPLES = traffic([0] * 300 + [3] * 300)
EVAL_CELLS = placed([0, 0, 0])


def alarms() -> dict[str, Iterable[Finding]]:
    return {
        "capability_regression": capability_regression.check(
            FEATURE, LAST, *TABLES, capability_regression.Params()
        ),
        "narrow_gain": narrow_gain.check(FEATURE, LAST, *TABLES, narrow_gain.Params()),
        "untested_capability": untested_capability.check(
            FEATURE, LAST, *TABLES, CELLS, SAMPLES, EVAL_CELLS, untested_capability.Params()
        ),
        "forgetting_trend": forgetting_trend.check(
            FEATURE, LAST, *TABLES, forgetting_trend.Params()
        ),
        "broken_scorer": broken_scorer.check(FEATURE, LAST, *TABLES, broken_scorer.Params()),
    }


@pytest.mark.parametrize("name", sorted(alarms()))
def test_evidence_runs_and_shows_rows(name: str) -> None:
    found = list(alarms()[name])
    assert found[0].status in (Status.WARN, Status.FAIL)
    assert found[0].segment == ""
    assert len({finding.segment for finding in found}) == len(found)
    names = ("core__eval_runs", "core__eval_cases", "summary__eval_items", "summary__eval_errors")
    stored = dict(zip(names, TABLES, strict=True)) | {
        "summary__text_cells": CELLS,
        "summary__eval_cells": EVAL_CELLS,
        "core__contents": pl.DataFrame({"sha256": ["h3-400"], "text": ["join two tables"]}),
    }
    with duckdb.connect() as db:
        for table, rows in stored.items():
            db.register("rows", rows.to_arrow())
            db.execute(f"create table {table} as select * from rows")
        for finding in found:
            assert finding.action
            assert finding.message.endswith(".")
            assert "\n" not in finding.message
            assert db.execute(finding.evidence_sql).fetchall()
            assert " limit " in finding.evidence_sql


def test_a_lost_case_is_shown_first() -> None:
    [whole, *_] = alarms()["capability_regression"]
    with duckdb.connect() as db:
        names = ("core__eval_cases", "summary__eval_items")
        for table, rows in zip(names, TABLES[1:3], strict=True):
            db.register("rows", rows.to_arrow())
            db.execute(f"create table {table} as select * from rows")
        shown = db.execute(whole.evidence_sql).fetchall()
    assert shown[0] == (HOSTILE, "k0000", 1.0, 0.0, 1)
    assert len(shown) == 120
