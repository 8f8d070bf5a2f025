"""Texts: Parquet files by day beside the databases, under names that are never used twice.

A text never enters a database file, where a deleted row would stay readable. `landed__contents`
lists the files that count; any other file in the folder is a leftover of a killed run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from llmops_health.contract import TABLES, Table, sha256_column
from llmops_health.storage.warehouse import Warehouse

KEPT = "kept"
_REJECTED = "rejected"
_ROWS_PER_FLUSH = 20_000


class Query(Protocol):
    """What is staged: a query with one row per file row."""

    @property
    def table(self) -> Table:
        """Return the contract table of the rows."""

    @property
    def select(self) -> str:
        """Return the query."""

    @property
    def has_text(self) -> bool:
        """Return whether texts are to be kept."""

    @property
    def stored(self) -> tuple[str, ...]:
        """Return the stored columns."""


@dataclass(frozen=True, slots=True)
class Staged:
    """The Parquet files of one batch: those with texts stay, the others go."""

    files: tuple[Path, ...]
    root: Path
    keeps_text: bool

    def narrow(self) -> str:
        """Return a FROM item over the batch's rows."""
        listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in self.files)
        return f"read_parquet([{listed}], hive_partitioning = false)"

    def faulty_files(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """Return the names of the source files that have refused rows."""
        if not self.files:
            return []
        rows = connection.execute(
            f"select distinct filename from {self.narrow()} where fault is not null"
        ).fetchall()
        return [row[0] for row in rows]

    def content_files(self) -> Iterator[tuple[str, str]]:
        """Yield the files to keep, relative to the contents folder, with their day."""
        if self.keeps_text:
            for path in self.files:
                day = path.parent.name.removeprefix("day=")
                if day != _REJECTED:
                    yield str(path.relative_to(self.root)), day

    def settle(self) -> None:
        """Remove the files that hold no text to keep, once their rows are in."""
        kept = {str(self.root / path) for path, _ in self.content_files()}
        for path in self.files:
            if str(path) not in kept:
                path.unlink(missing_ok=True)


def stage(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, query: Query, token: str
) -> Staged:
    """Run a batch's query once, into Parquet: by day where texts are kept, else one file."""
    stored = ", ".join(query.stored)
    narrow = f"filename, fault, {stored}"
    if not query.has_text:
        path = warehouse.staging / f"batch-{token}.parquet"
        connection.execute(
            f"copy (select {narrow} from ({query.select})) to '{_quoted(path)}'"
            " (format parquet, compression lz4_raw)"
        )
        return Staged((path,), warehouse.contents, keeps_text=False)
    folder = warehouse.contents / query.table.name
    folder.mkdir(parents=True, exist_ok=True)
    connection.execute(f"set partitioned_write_flush_threshold = {_ROWS_PER_FLUSH}")
    texts = ", ".join(query.table.text_columns)
    day = f"case when fault is not null then '{_REJECTED}' else coalesce(strftime(day, '%Y-%m-%d'), '{KEPT}') end"
    connection.execute(
        f"copy (select {narrow}, {texts}, {day} as day from ({query.select}))"
        f" to '{_quoted(folder)}' (format parquet, compression zstd, partition_by (day),"
        f" filename_pattern 'b{token}_{{i}}', overwrite_or_ignore true)"
    )
    files = tuple(sorted(folder.glob(f"day=*/b{token}_*.parquet")))
    return Staged(files, warehouse.contents, keeps_text=True)


def remove_orphans(warehouse: Warehouse) -> int:
    """Delete content and staging files that no transaction knows; return how many."""
    with warehouse.read() as connection:
        rows = connection.execute("select path from landed__contents").fetchall()
    known = {row[0] for row in rows}
    orphans = [
        path
        for path in warehouse.contents.glob("*/day=*/*.parquet")
        if str(path.relative_to(warehouse.contents)) not in known
    ]
    orphans += list(warehouse.staging.glob("batch-*.parquet"))
    orphans += list(warehouse.staging.glob("repaired-*.jsonl"))
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def view_sql(warehouse: Warehouse) -> str:
    """Return the view `core__contents`: every text that is kept, by its hash, with its day."""
    selects = []
    for table in TABLES:
        glob = warehouse.contents / table.name / "day=*" / "*.parquet"
        if table.text_columns and any(warehouse.contents.glob(f"{table.name}/day=*/*.parquet")):
            selects += [
                f"select {sha256_column(name)} as sha256, {name} as text, '{table.name}' as"
                f" table_name, day from read_parquet('{_quoted(glob)}', hive_partitioning = true,"
                f" hive_types_autocast = false) where {name} is not null"
                for name in table.text_columns
            ]
    nothing = "select null::varchar as sha256, null::varchar as text, null::varchar as table_name,"
    nothing += " null::varchar as day where false"
    return "create or replace view core__contents as " + " union all ".join(selects or [nothing])


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
