"""Every SQL file: its header tells the truth, it stays portable, and its golden cases come out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from polars.testing import assert_frame_equal

from llmops_health import sqlfiles, steps
from llmops_health.contract import TABLES
from llmops_health.ingest.enter import DUPLICATE_COLUMNS, landed_columns
from llmops_health.storage.engines import memory

CASES = sorted((Path(__file__).parent / "sql").glob("*/*/expect.csv"))
FILES = {sql.table: sql for sql in sqlfiles.load()}
MADE = {table: columns for table, columns in steps.all_tables().items() if table != "core_days"}
TYPES = (
    MADE
    | {f"landed__{table.name}": landed_columns(table) for table in TABLES}
    | {"landed__duplicates": DUPLICATE_COLUMNS}
)
# What Spark would compute otherwise than DuckDB, or not at all.
NOT_PORTABLE = {"quantile_cont", "quantile", "median", "list", "histogram", "epoch_ms", "arg_max",
                "mode", "approx_quantile", "string_agg", "first", "last"}  # fmt: skip


def nodes(tree: Any, key: str) -> Iterator[Any]:
    if isinstance(tree, dict):
        if key in tree:
            yield tree[key]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from nodes(branch, key)


def parsed(sql: sqlfiles.SqlFile) -> Any:
    row = duckdb.execute("select json_serialize_sql(?)", [sql.query]).fetchone()
    assert row is not None
    return json.loads(row[0])


@pytest.mark.parametrize("sql", list(FILES.values()), ids=list(FILES))
def test_header_reads_what_the_query_reads(sql: sqlfiles.SqlFile) -> None:
    tree = parsed(sql)
    assert tree["error"] is False
    ctes = {entry["key"] for cte in nodes(tree, "cte_map") for entry in cte["map"]}
    assert set(nodes(tree, "table_name")) - ctes - {""} == set(sql.reads)


@pytest.mark.parametrize("sql", list(FILES.values()), ids=list(FILES))
def test_a_layer_reads_only_what_lies_before_it(sql: sqlfiles.SqlFile) -> None:
    allowed = {
        "core": ("landed__",),
        "summary": ("core__", "summary__"),
        "views": ("core__", "summary__", "health__"),
    }
    assert all(name.startswith(allowed[sql.layer]) for name in sql.reads)


@pytest.mark.parametrize("sql", list(FILES.values()), ids=list(FILES))
def test_only_functions_that_other_engines_compute_alike(sql: sqlfiles.SqlFile) -> None:
    assert set(nodes(parsed(sql), "function_name")) & NOT_PORTABLE == set()


@pytest.mark.parametrize(
    "sql", [f for f in FILES.values() if f.layer != "views"], ids=lambda f: f.table
)
def test_every_daily_table_takes_a_range(sql: sqlfiles.SqlFile) -> None:
    if sql.is_daily:
        assert sql.params == ("first_day", "last_day")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_core_has_every_column_of_the_contract(table: Any) -> None:
    day = {"day": "date"} if table.time else {}
    assert FILES[f"core__{table.name}"].columns == day | table.stored_columns


@pytest.mark.parametrize("sql", list(FILES.values()), ids=list(FILES))
def test_columns_and_types_are_those_of_the_header(sql: sqlfiles.SqlFile) -> None:
    with memory() as db:
        make_inputs(db, sql, None)
        got = db.sql(sql.query, params=params_of(sql, {}))
        types = {n: str(k).lower() for n, k in zip(got.columns, got.types, strict=True)}
        assert types == sql.columns


def csv(path: Path) -> str:
    """Return the rows of a golden file as text; nothing is null, "" an empty text."""
    return f"read_csv('{path}', header = true, all_varchar = true, allow_quoted_nulls = false)"


def make_inputs(db: duckdb.DuckDBPyConnection, sql: sqlfiles.SqlFile, folder: Path | None) -> None:
    for table in sql.reads:
        columns = TYPES[table]
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        db.execute(f"create table {table} ({listed})")
        path = folder / f"{table}.csv" if folder else None
        if path and path.exists():
            header = path.read_text("utf-8").splitlines()[0].split(",")
            names = ", ".join(header)
            unknown = set(header) - set(columns)
            assert not unknown, (path, unknown)
            casts = ", ".join(f"{name}::{columns[name]} as {name}" for name in header)
            db.execute(f"insert into {table} ({names}) select {casts} from {csv(path)}")


def params_of(sql: sqlfiles.SqlFile, given: dict[str, str]) -> dict[str, date] | None:
    days = {name: date.fromisoformat(given.get(name, "2026-01-01")) for name in sql.params}
    return days or None


def test_every_summary_has_a_case() -> None:
    summaries = {name for name, sql in FILES.items() if sql.layer == "summary"}
    assert summaries - {expect.parts[-3] for expect in CASES} == set()


@pytest.mark.parametrize("expect", CASES, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_golden_case(expect: Path) -> None:
    sql, params = FILES[expect.parts[-3]], expect.with_name("params.json")
    with memory() as db:
        make_inputs(db, sql, expect.parent)
        given = json.loads(params.read_text("utf-8")) if params.exists() else {}
        rows = db.sql(sql.query, params=params_of(sql, given)).pl()
        columns = ", ".join(f"{name}::{kind} as {name}" for name, kind in sql.columns.items())
        wanted = db.sql(f"select {columns} from {csv(expect)}").pl()
    grain = list(sql.grain)
    assert rows.n_unique(subset=grain) == rows.height
    assert_frame_equal(rows.sort(grain), wanted.sort(grain), check_dtypes=False)
