"""The warehouse: the only module that opens DuckDB files.

Two working databases lie in `<path>.work/`: `landed.duckdb` (rows as they came, file records,
rejects) and `working.duckdb` (core, summary, health). People open `<path>`, a published copy of
the second. Writers take an exclusive lock, readers a shared one, each only for a short
transaction; a reader of the published copy needs no lock and never waits.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from llmops_health.storage.day import Day
from llmops_health.storage.engines import SETTINGS, lent, memory
from llmops_health.storage.locks import EXCLUSIVE, SHARED, locked, locked_in_turn

if TYPE_CHECKING:  # DuckDB imports it where a frame is asked for; `status` asks for none
    import polars as pl

LOCK_TIMEOUT_SECONDS = 300.0
# Lock, and first word of the files, of replacements that are on their way.
_SWAPS = "swaps"
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


class Warehouse:
    """The databases that belong to one `storage.path`."""

    def __init__(
        self,
        path: Path,
        *,
        memory_limit: str | None = None,
        lock_timeout: float = LOCK_TIMEOUT_SECONDS,
    ) -> None:
        """Name the files; nothing is opened or made before it is needed.

        `memory_limit` is what DuckDB may take, such as 2GB (None: 80 % of the machine's), and
        `lock_timeout` how long another process may keep us waiting, in seconds.
        """
        self.path = path.absolute()
        self.memory_limit = memory_limit
        self.lock_timeout = lock_timeout
        self.work = self.path.with_name(self.path.name + ".work")
        self.contents = self.work / "contents"
        self.staging = self.work / "staging"

    def prepare(self) -> None:
        """Make the folders, and the two databases where they are missing; sweep up leftovers."""
        for folder in (self.work, self.contents, self.staging):
            folder.mkdir(parents=True, exist_ok=True)
        with self._lock(EXCLUSIVE):
            for name in ("landed", "working"):
                path = self.work / f"{name}.duckdb"
                if not path.exists():
                    # Killed while it is made, a database is not one: it gets its name when whole.
                    fresh = self.work / f"{name}.fresh.duckdb"
                    for leftover in (fresh, _wal(fresh)):
                        leftover.unlink(missing_ok=True)
                    _connect(fresh).close()
                    fresh.replace(path)
        try:
            with self._lock(EXCLUSIVE, name=_SWAPS, timeout=0):
                self._remove_staged()
        except TimeoutError:
            # Somebody is at it: the next run sweeps.
            return

    @contextmanager
    def write(self, name: str = "working") -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a working database alone, in one transaction that an error rolls back."""
        path = self.work / f"{name}.duckdb"
        with self._lock(EXCLUSIVE), self._attached({name: path}) as connection:
            connection.execute(f"use {name}")
            connection.execute("begin transaction")
            yield connection
            connection.execute("commit")

    @contextmanager
    def read(self, *, with_macros: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open both working databases for reading; their tables are named without a prefix."""
        with self._lock(SHARED):
            paths = {name: self.work / f"{name}.duckdb" for name in ("working", "landed")}
            with self._attached(paths, "read_only", with_macros=with_macros) as connection:
                connection.execute("set search_path = 'memory.main,working.main,landed.main'")
                yield connection

    def frame(self, query: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Return the rows of a query over the working databases."""
        with self.read() as connection:
            return frame(connection, query, params)

    def replace(
        self,
        table: str,
        columns: Mapping[str, str],
        query: str,
        params: Mapping[str, Any],
        day: Day | None,
    ) -> int:
        """Put the rows of `query` in place of those of `day` (None: of all), in one transaction.

        The query runs before the exclusive lock is taken, so that readers wait for the swap only.
        Returns the number of rows.
        """
        _check_names([table, *columns])
        with self._staged(table) as staged:
            with self.read(with_macros=True) as connection:
                relation = connection.sql(query, params=dict(params) or None)
                relation.write_parquet(str(staged), compression="lz4")
            return self.swap(table, columns, staged, day)

    def replace_frame(
        self,
        table: str,
        columns: Mapping[str, str],
        rows: pl.DataFrame,
        day: Day | None,
        **only: Sequence[str],
    ) -> int:
        """Put a frame in place of the rows of `day` (None: of all) whose columns are in `only`."""
        _check_names([table, *columns])
        with self._staged(table) as staged:
            rows.write_parquet(staged, compression="lz4")
            return self.swap(table, columns, staged, day, **only)

    def swap(
        self,
        table: str,
        columns: Mapping[str, str],
        staged: Path,
        day: Day | None,
        **only: Sequence[str],
    ) -> int:
        """Put a Parquet file in place of rows, as `replace_frame` does; count its rows."""
        _check_names([table, *columns, *only])
        conditions = [f"{name} in (select unnest(?))" for name in only]
        values: list[object] = [list(listed) for listed in only.values()]
        if day is not None:
            conditions.append("day between ? and ?")
            values += [day.first, day.last]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        with self.write() as connection:
            ensure_table(connection, table, columns)
            connection.execute(f"delete from {table}{where}", values)
            names = ", ".join(columns)
            connection.execute(
                f"insert into {table} ({names}) select {names} from read_parquet(?)",
                [str(staged)],
            )
            counted = connection.execute(
                "select count(*) from read_parquet(?)", [str(staged)]
            ).fetchone()
        return int(counted[0]) if counted else 0

    def ensure(self, tables: Mapping[str, Mapping[str, str]], name: str = "working") -> None:
        """Make every table that is missing."""
        with self.write(name) as connection:
            present = _columns(connection)
            fresh = [table for table in tables if table not in present]
            _check_names([*fresh, *(name for table in fresh for name in tables[table])])
            # As one script: a statement each, and a look at all columns after it, take longer.
            connection.execute("; ".join(_create(table, tables[table]) for table in fresh))
            for table, columns in tables.items():
                if table in present and not columns.keys() <= present[table]:
                    ensure_table(connection, table, columns)

    def publish(self, views: Iterable[str]) -> int:
        """Copy the working database to the file people open, atomically; return its size.

        A killed publish leaves the last complete file, and its leftovers go with the next one.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.pub")
        # One publisher at a time to the very end, or an older copy could come last.
        with self._lock(EXCLUSIVE, name="published"):
            with self._lock(EXCLUSIVE):
                connection = _connect(self.work / "working.duckdb")
                try:
                    for view in views:
                        connection.execute(view)
                    connection.execute("checkpoint")
                finally:
                    connection.close()
                shutil.copyfile(self.work / "working.duckdb", fresh)
            with fresh.open("rb+") as handle:
                os.fsync(handle.fileno())
            fresh.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            return self.path.stat().st_size

    def compact(self, name: str) -> None:
        """Copy a working database to a fresh file and put it in place: freed blocks go.

        Killed in between, the old file stays as it was.
        """
        path = self.work / f"{name}.duckdb"
        fresh = self.work / f"{name}.compact.duckdb"
        with self._lock(EXCLUSIVE):
            for leftover in (fresh, _wal(fresh)):
                leftover.unlink(missing_ok=True)
            # The log of a killed writer goes into the old file first: beside the new one it would
            # be another database's, and DuckDB would open the two never again.
            connection = _connect(path)
            try:
                connection.execute("checkpoint")
            finally:
                connection.close()
            connection = memory(with_macros=False)
            try:
                connection.execute(f"attach '{_quoted(path)}' as old (read_only)")
                connection.execute(f"attach '{_quoted(fresh)}' as fresh (storage_version 'v1.4.0')")
                connection.execute("copy from database old to fresh")
                connection.execute("checkpoint fresh")
            finally:
                connection.close()
            fresh.replace(path)

    def free_share(self, name: str) -> float:
        """Return the share of a working database's blocks that are free, 0-1."""
        with self._lock(SHARED):
            connection = duckdb.connect(self.work / f"{name}.duckdb", read_only=True)
            try:
                row = connection.execute(
                    "select free_blocks, total_blocks from pragma_database_size()"
                ).fetchone()
            finally:
                connection.close()
        return row[0] / row[1] if row and row[1] else 0.0

    @contextmanager
    def alone(self, purpose: str) -> Iterator[None]:
        """Hold a named lock for long work that only one process may do, such as ingest."""
        with self._lock(EXCLUSIVE, name=purpose):
            yield

    @contextmanager
    def without_swaps(self) -> Iterator[None]:
        """Hold off every replacement that would bring back rows which are being erased."""
        with self._lock(EXCLUSIVE, name=_SWAPS):
            self._remove_staged()
            yield

    @contextmanager
    def _staged(self, table: str) -> Iterator[Path]:
        with self._lock(SHARED, name=_SWAPS):
            staged = self.staging / f"{_SWAPS}-{table}-{uuid.uuid4().hex}.parquet"
            try:
                yield staged
            finally:
                staged.unlink(missing_ok=True)

    def _remove_staged(self) -> None:
        for leftover in self.staging.glob(f"{_SWAPS}-*"):
            leftover.unlink(missing_ok=True)

    @contextmanager
    def _attached(
        self, paths: Mapping[str, Path], option: str = "read_write", *, with_macros: bool = False
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open files by name, in an engine of this process that nobody else uses meanwhile."""
        with lent(self.work / "spilled", self.memory_limit, with_macros=with_macros) as engine:
            for name, path in paths.items():
                engine.execute(f"attach '{_quoted(path)}' as {name} ({option})")
            connection = engine.cursor()
            try:
                yield connection
            finally:
                connection.close()
            for name in paths:
                engine.execute(f"detach {name}")

    @contextmanager
    def _lock(
        self, kind: int, *, name: str = "database", timeout: float | None = None
    ) -> Iterator[None]:
        self.work.mkdir(parents=True, exist_ok=True)
        seconds = self.lock_timeout if timeout is None else timeout
        lock = locked_in_turn if name == "database" else locked
        with lock(self.work / f"{name}.lock", kind, seconds):
            yield


def open_published(path: Path, readable_folder: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open a published file for anybody's queries: read only, no other file, settings locked."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist yet. Make it with: llmops-health run")
    connection = duckdb.connect(path, read_only=True, config={"threads": os.cpu_count() or 1})
    if readable_folder is not None:
        connection.execute(f"set allowed_directories = ['{_quoted(readable_folder)}']")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def frame(
    connection: duckdb.DuckDBPyConnection, query: str, params: Mapping[str, Any] | None = None
) -> pl.DataFrame:
    """Return a query's rows as a Polars frame."""
    used = dict(params) if params else None
    rows: pl.DataFrame = connection.sql(query, params=used).pl()
    return rows


def ensure_table(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str]
) -> None:
    """Make a table, or add the columns that a newer version of us brought."""
    _check_names([table, *columns])
    connection.execute(_create(table, columns))
    # Of this table alone: all columns of all tables are a look of 20 ms, before every write.
    present = {column[0] for column in connection.execute(f"from {table} limit 0").description}
    for name, kind in columns.items():
        if name not in present:
            connection.execute(f"alter table {table} add column {name} {kind}")


def _create(table: str, columns: Mapping[str, str]) -> str:
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"create table if not exists {table} ({listed})"


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    present: dict[str, set[str]] = {}
    rows = connection.execute("select table_name, column_name from duckdb_columns()").fetchall()
    for table, column in rows:
        present.setdefault(table, set()).add(column)
    return present


def insert_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Insert a handful of rows, bound as a list per column."""
    if not rows:
        return
    _check_names([table, *columns])
    # Not registered as an Arrow table: DuckDB would import pandas for that, for a second.
    names = ", ".join(columns)
    lists = ", ".join(f"unnest(${name})" for name in columns)
    given = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    connection.execute(f"insert into {table} ({names}) select {lists}", given)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(path, config=SETTINGS)
    connection.execute("set timezone = 'UTC'")
    return connection


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _quoted(path: Path | str) -> str:
    return str(path).replace("'", "''")


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"{name!r} is not a plain lower-case SQL name.")
