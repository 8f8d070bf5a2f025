"""Texts: Parquet files by day beside the databases, under names that are never used twice.

A text never enters a database file, where a deleted row would stay readable. `landed__contents`
lists the files that count; any other file in the folder is a leftover of a killed run.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from llmops_health.columns import sha256_column
from llmops_health.contract import TABLES, Table
from llmops_health.storage.warehouse import Warehouse

KEPT = "kept"  # in place of the day, of texts whose table has no event time
EMPTY = "empty.parquet"


def _write(connection: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    connection.execute(f"copy ({select}) to '{_quoted(path)}' (format parquet, compression zstd)")


def without(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    paths: Sequence[str],
    file_ids: Collection[int],
) -> dict[str, str | None]:
    """Write content files again without the rows of source files that are read anew.

    Returns what stands in each changed file's place, None for nothing. The old files stay until
    the caller has committed.
    """
    gone = f"file_id in ({', '.join(str(file_id) for file_id in file_ids)})"
    replaced: dict[str, str | None] = {}
    for path in paths:
        old = warehouse.contents / path
        source = f"read_parquet('{_quoted(old)}', hive_partitioning = false)"
        counted = connection.execute(
            f"select count(*) filter (where {gone}), count(*) from {source}"
        ).fetchone()
        n_gone, n_rows = counted or (0, 0)
        if n_gone == n_rows:
            replaced[path] = None
        elif n_gone:
            fresh = old.with_name(f"b{uuid.uuid4().hex[:12]}_0.parquet")
            draft = warehouse.staging / f"batch-{fresh.name}"
            _write(connection, f"select * from {source} where not {gone}", draft)
            draft.rename(fresh)
            replaced[path] = str(fresh.relative_to(warehouse.contents))
    return replaced


def remove_orphans(warehouse: Warehouse) -> int:
    """Delete content and staging files that no transaction knows; return how many."""
    with warehouse.read() as connection:
        rows = connection.execute("select path from landed__contents").fetchall()
    known = {row[0] for row in rows}
    orphans = [
        path
        for path in warehouse.contents.glob("*/day=*/*")
        if path.name != EMPTY and str(path.relative_to(warehouse.contents)) not in known
    ]
    for draft in warehouse.staging.glob("batch-*/"):
        shutil.rmtree(draft, ignore_errors=True)
    orphans += list(warehouse.staging.glob("batch-*.parquet"))
    orphans += list(warehouse.staging.glob("repaired-*"))
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def view_sql(warehouse: Warehouse) -> str:
    """Return the view `core__contents`: every text that is kept, by its hash, with its day."""
    selects: list[str] = []
    for table in TABLES:
        if not table.text_columns:
            continue
        _keep_an_empty_file(warehouse, table)
        glob = warehouse.contents / table.name / "day=*" / "*.parquet"
        selects += [
            f"select {sha256_column(name)} as sha256, {name} as text, '{table.name}' as"
            f" table_name, day from read_parquet('{_quoted(glob)}', hive_partitioning = true,"
            f" hive_types_autocast = false, union_by_name = true) where {name} is not null"
            for name in table.text_columns
        ]
    return "create or replace view core__contents as " + " union all ".join(selects)


def _keep_an_empty_file(warehouse: Warehouse, table: Table) -> None:
    """Have one file that never goes, so that a glob over the contents always matches."""
    path = warehouse.contents / table.name / f"day={KEPT}" / EMPTY
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [*map(sha256_column, table.text_columns), *table.text_columns]
    draft = path.with_suffix(f".{uuid.uuid4().hex}")
    # Not of Python lists: pyarrow would import pandas for that, for a second.
    nothing = [pa.nulls(0, pa.string()) for _ in names]
    pq.write_table(pa.Table.from_arrays(nothing, names), draft)
    draft.replace(path)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
