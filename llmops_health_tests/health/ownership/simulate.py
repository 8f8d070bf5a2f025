"""Rows of the tables that the checks of ownership read, built from few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import duckdb
import polars as pl

from llmops_health import sqlfiles
from llmops_health.config import Feature
from llmops_health.judge import FINDING_COLUMNS

DAY = date(2026, 10, 30)
FEATURE = Feature(
    id="help", kind="rag", owner="team-docs@example.com", lifecycle="production", risk_tier="medium"
)
HOSTILE = 'it\'s "x"\n; drop table core__calls'
_COLUMNS = {file.table: file.columns for file in sqlfiles.load()} | {
    "health__findings": FINDING_COLUMNS
}
_KINDS: dict[str, Any] = {
    "varchar": pl.String,
    "double": pl.Float64,
    "bigint": pl.Int64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
}


def ago(days: float) -> date:
    """Return the day that lies some days before the judged one."""
    return DAY - timedelta(days=days)


def at(days: float) -> datetime:
    """Return the noon that lies some days before the judged day's."""
    return datetime.combine(DAY, time(12)) - timedelta(days=days)


def table(name: str, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return rows of a table of ours; columns that are not given are null."""
    columns = _COLUMNS[name]
    schema = {column: _KINDS[kind] for column, kind in columns.items()}
    unknown = {key for row in rows for key in row} - set(columns)
    assert not unknown, unknown
    return pl.DataFrame([{column: row.get(column) for column in columns} for row in rows],
                        schema=schema, orient="row")  # fmt: skip


def parts(*rows: dict[str, object]) -> pl.DataFrame:
    """Return rows of `summary__listed_parts`; each is an application unless it says otherwise."""
    given = [{"component_id": f"c{place}", "kind": "application", "name": f"c{place}"} | row
             for place, row in enumerate(rows)]  # fmt: skip
    return table("summary__listed_parts", given)


def entry(owner: str | None, name: str = "help", **more: object) -> dict[str, object]:
    """Return a row of the catalogue."""
    return {"component_id": f"component:default/{name}", "name": name, "owner": owner} | more


def rule(pattern: str, owner: str | None, of: str | None = "help") -> dict[str, object]:
    """Return a rule of CODEOWNERS."""
    return {"component_id": f"path:{pattern}", "name": pattern, "owner": owner, "of_feature": of}


def versions(n: int = 100, days: int = 7, kind: str = "prod", **more: object) -> pl.DataFrame:
    """Return rows of `summary__versions`: so many calls on each of the last days."""
    rows = [{"day": ago(age), "feature_id": "help", "run_kind": kind, "n": n, "n_cost": 0,
             "request_model": "m", "response_model": "m-1", "sum_cost_usd": 0.0,
             "sum_cost_sq": 0.0} | more for age in range(days)]  # fmt: skip
    return table("summary__versions", rows)


def steps(*given: tuple[float, str, str | None], pipeline: str = "help") -> pl.DataFrame:
    """Return rows of `core__ledger_steps`: age in days, op and actor."""
    rows = [{"day": ago(age), "pipeline_id": pipeline, "step_id": f"s{place}", "seq": place,
             "op": op, "actor": actor, "started_at": at(age), "rows_in": 1, "rows_out": 1,
             "output_artifact": f"a{place}"}
            for place, (age, op, actor) in enumerate(given)]  # fmt: skip
    return table("core__ledger_steps", rows)


def database(**tables: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    """Return a database with these tables, as evidence is run on."""
    connection = duckdb.connect()
    for name, rows in tables.items():
        connection.register("given", rows)
        connection.execute(f"create table {name} as from given")
        connection.unregister("given")
    return connection


NO_PARTS = table("summary__listed_parts", [])
NO_STEPS = table("core__ledger_steps", [])
NO_PIPELINES = table("summary__pipelines", [])
