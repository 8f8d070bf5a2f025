"""DuckDB engines in memory: made with our settings and macros, and lent again once made.

Starting an engine and its macros takes 50 ms, longer than most of our queries; a process therefore
keeps the last one. Nothing here knows which files are opened in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from llmops_health.text.behaviour import macros_sql

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # Older DuckDB clients (1.4 on) can open the files.
    "storage_compatibility_version": "v1.4.0",
    "autoinstall_known_extensions": "false",
    "preserve_insertion_order": "false",
}


@dataclass(slots=True)
class _Engine:
    connection: duckdb.DuckDBPyConnection
    bounds: tuple[Path, str | None]
    has_macros: bool = False


# One per process, as a fork cannot use its parent's; one project, as most processes have.
_idle: dict[int, _Engine] = {}


def memory(*, with_macros: bool = True) -> duckdb.DuckDBPyConnection:
    """Open a database in memory, with our macros, for reading files and working databases."""
    connection = duckdb.connect(config=SETTINGS)
    connection.execute("set timezone = 'UTC'")
    if with_macros:
        connection.execute(";".join(macros_sql()))
    return connection


@contextmanager
def lent(
    spilled: Path, memory_limit: str | None, *, with_macros: bool
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend an engine that nobody else has; what the borrower attaches, the borrower detaches.

    Rows that are more than `memory_limit` (None: 80 % of the machine's) go to the folder
    `spilled`. An engine in which something failed is not lent again.
    """
    engine = _started(spilled, memory_limit)
    try:
        if with_macros and not engine.has_macros:
            engine.connection.execute(";".join(macros_sql()))
            engine.has_macros = True
        yield engine.connection
    except BaseException:
        engine.connection.close()
        raise
    if _idle.setdefault(os.getpid(), engine) is not engine:
        engine.connection.close()


def _started(spilled: Path, memory_limit: str | None) -> _Engine:
    bounds = (spilled, memory_limit)
    idle = _idle.pop(os.getpid(), None)
    if idle is not None:
        if idle.bounds == bounds:
            return idle
        # The folder of an engine that has spilled rows cannot be changed.
        idle.connection.close()
    connection = memory(with_macros=False)
    # Parquet files are read once: what is kept of them would only take memory.
    connection.execute("set enable_external_file_cache = false")
    connection.execute("set temp_directory = $1", [str(spilled)])
    if memory_limit is not None:
        connection.execute("set memory_limit = $1", [memory_limit])
    return _Engine(connection, bounds)
