"""Texts: Parquet files by day beside the databases, under names that are never used twice.

A text never enters a database file, where a deleted row would stay readable. `landed__contents`
lists the files that count; any other file in the folder is a leftover of a killed run.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from llmops_health.contract import TABLES, Table, sha256_column
from llmops_health.storage.warehouse import Warehouse

KEPT = "kept"
EMPTY = "empty.parquet"
_REJECTED = "rejected"
_ROWS_PER_FLUSH = 8_192


class Query(Protocol):
    """What is staged: a query of file_id, fault, day, row_key, stored columns and texts."""

    @property
    def table(self) -> Table:
        """Return the contract table of the rows."""

    @property
    def select(self) -> str:
        """Return the query."""

    @property
    def keeps_text(self) -> bool:
        """Return whether texts are to be kept."""


@dataclass(frozen=True, slots=True)
class Staged:
    """The Parquet files of one batch: those with texts stay, the others go."""

    files: tuple[Path, ...]
    root: Path
    keeps_text: bool

    def rows(self) -> str:
        """Return a FROM item over the batch's rows."""
        return f"read_parquet({_listed(self.files)}, hive_partitioning = false)"

    def content_files(self) -> Iterator[tuple[str, str]]:
        """Yield the files to keep, relative to the contents folder, with their day."""
        if self.keeps_text:
            for path in self.files:
                day = path.parent.name.removeprefix("day=")
                if day != _REJECTED:
                    yield str(path.relative_to(self.root)), day

    def settle(self, kept: Collection[str]) -> None:
        """Remove the files that are not `kept`, once their rows are in."""
        for path in self.files:
            if not self.keeps_text or str(path.relative_to(self.root)) not in kept:
                path.unlink(missing_ok=True)


def stage(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    query: Query,
    token: str,
    *,
    is_one_file: bool = False,
) -> Staged:
    """Run a batch's query once, into Parquet: by day where texts are kept, else one file.

    A single source file (`is_one_file`) mostly holds a single day. It is written as a whole, which
    costs half of writing by day, and split only where it holds several.
    """
    whole = warehouse.staging / f"batch-{token}.parquet"
    if not query.keeps_text:
        _write(connection, f"select * exclude (day) from ({query.select})", whole, "lz4_raw")
        return Staged((whole,), warehouse.contents, keeps_text=False)
    folder = warehouse.contents / query.table.name
    folder.mkdir(parents=True, exist_ok=True)
    if not is_one_file:
        files = _write_by_day(connection, warehouse, query.select, folder, token)
        return Staged(files, warehouse.contents, keeps_text=True)
    _write(connection, f"select * exclude (day) from ({query.select})", whole, "zstd")
    time = f"{query.table.time}::date" if query.table.time else "null::date"
    rows = f"read_parquet('{_quoted(whole)}')"
    [(day, last, n_refused)] = connection.execute(
        f"select min({time}) filter (where fault is null),"
        f" max({time}) filter (where fault is null), count(fault) from {rows}"
    ).fetchall()
    if day != last or n_refused:
        by_day = f"select *, {time} as day from {rows}"
        files = _write_by_day(connection, warehouse, by_day, folder, token)
        whole.unlink()
    else:
        of_day = folder / f"day={day or KEPT}" / f"b{token}_0.parquet"
        of_day.parent.mkdir(exist_ok=True)
        files = (whole.rename(of_day),)
    return Staged(files, warehouse.contents, keeps_text=True)


def _write(
    connection: duckdb.DuckDBPyConnection, select: str, path: Path, compression: str
) -> None:
    connection.execute(
        f"copy ({select}) to '{_quoted(path)}' (format parquet, compression {compression})"
    )


def _write_by_day(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    select: str,
    folder: Path,
    token: str,
) -> tuple[Path, ...]:
    """Write by day beside the contents, and give the files their names there when they are whole.

    People's queries glob the contents folder: a file that is being written must not be in it.
    """
    draft = warehouse.staging / f"batch-{token}"
    connection.execute(f"set partitioned_write_flush_threshold = {_ROWS_PER_FLUSH}")
    day = (
        f"case when fault is not null then '{_REJECTED}' else coalesce(day::varchar, '{KEPT}') end"
    )
    connection.execute(
        f"copy (select * replace ({day} as day) from ({select}))"
        f" to '{_quoted(draft)}' (format parquet, compression zstd, partition_by (day),"
        f" filename_pattern 'b{token}_{{i}}', overwrite_or_ignore true)"
    )
    files: list[Path] = []
    for path in sorted(draft.glob("day=*/*.parquet")):
        named = folder / path.parent.name / path.name
        named.parent.mkdir(parents=True, exist_ok=True)
        files.append(path.rename(named))
    shutil.rmtree(draft, ignore_errors=True)
    return tuple(files)


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
            _write(connection, f"select * from {source} where not {gone}", draft, "zstd")
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
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in names}), draft)
    draft.replace(path)


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(f"'{_quoted(path)}'" for path in paths) + "]"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
