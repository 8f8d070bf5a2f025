"""The evidence of every alarm runs on the tables as they are stored, and shows rows."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.frozen_feature import (
    abandoned,
    beaten_by_challenger,
    costly_upkeep,
    stale_model,
)
from llmops_health_tests.health.frozen_feature.simulate import (
    CALIBRATION,
    LAST,
    SATISFACTION,
    accuracy,
    ago,
    duel,
    monthly,
    ratings,
    versions,
    withdrawals,
)

NAME = "tri'age\n--"
FEATURE = Feature(id="triage", kind="rag", maintenance_hours_per_month=10).model_copy(
    update={"id": NAME}
)


def named(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of the feature a name that would break a careless query."""
    column = "of_feature" if "of_feature" in rows.columns else "feature_id"
    its = pl.when(pl.col(column) == "triage").then(pl.lit(NAME)).otherwise(column)
    return rows.with_columns(its.alias(column))


SHADOW = versions(2, per_day=300, usd=0.1, model="n", answered="n-1", run_kind="shadow")
TABLES = {
    "summary__changes": named(monthly(200)),
    "summary__versions": named(pl.concat([versions(per_day=200, usd=0.5), SHADOW])),
    "summary__withdrawals": withdrawals((None, "m-1", None, ago(-5))),
    "summary__eval_items": named(duel(60, 5, 200, 35)),
    "summary__calibration": named(accuracy(0.9, 0.7)),
    "summary__satisfaction": pl.DataFrame(schema=SATISFACTION),
}
RATED = TABLES | {
    "summary__calibration": pl.DataFrame(schema=CALIBRATION),
    "summary__satisfaction": named(ratings(0.9, 0.7)),
}


def alarms() -> dict[str, Iterable[Finding]]:
    changes, used, items = (
        TABLES[f"summary__{name}"] for name in ("changes", "versions", "eval_items")
    )
    return {
        "abandoned": abandoned.check(FEATURE, LAST, changes, used, abandoned.Params()),
        "beaten_by_challenger": beaten_by_challenger.check(
            FEATURE, LAST, items, used, beaten_by_challenger.Params()
        ),
        "costly_upkeep": costly_upkeep.check(FEATURE, LAST, used, items, costly_upkeep.Params()),
        "stale_model": stale_model.check(FEATURE, LAST, **TABLES, params=stale_model.Params()),
        "stale_model, ratings": stale_model.check(
            FEATURE, LAST, **RATED, params=stale_model.Params()
        ),
    }


@pytest.mark.parametrize("name", sorted(alarms()))
def test_evidence_runs_and_shows_rows(name: str) -> None:
    tables = RATED if "ratings" in name else TABLES
    findings = [one for one in alarms()[name] if one.status in (Status.WARN, Status.FAIL)]
    assert len(findings) == 1 + name.startswith("stale_model")
    with duckdb.connect() as db:
        for table, rows in tables.items():
            db.register("rows", rows.to_arrow())
            db.execute(f"create table {table} as select * from rows")
        for found in findings:
            assert found.action
            assert found.message.endswith(".")
            assert db.execute(found.evidence_sql).fetchall()
