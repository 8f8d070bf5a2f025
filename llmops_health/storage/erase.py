"""Erasing a person: rows, texts and what was drawn from them, so that nothing can be read back.

A deleted row stays readable inside a DuckDB file until its block is used again, so both working
databases are copied to fresh files afterwards, and the published one with them.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb

from llmops_health.columns import Kind
from llmops_health.config import Config
from llmops_health.contract import BY_NAME, TABLES, Table
from llmops_health.ingest import land, persons
from llmops_health.storage import contents, retention
from llmops_health.storage.engines import memory
from llmops_health.storage.warehouse import Warehouse


def erase_person(config: Config, user_id: str) -> dict[str, int]:
    """Remove a person everywhere and return how many landed rows went, by table.

    The source files are the user's own: a person who is still in them comes back with the next
    file that changes. What the person's calls added to daily sums goes with the next run.
    """
    warehouse = Warehouse(config.storage.path)
    land.prepare(warehouse)
    key = persons.key_of(config.privacy.user_id_key.get_secret_value(), warehouse.work)
    person = persons.pseudonym(user_id, key)
    with warehouse.alone("ingest"), warehouse.without_swaps():
        contents.remove_orphans(warehouse)
        with warehouse.read() as connection:
            calls = connection.execute(
                "select call_id from landed__calls where user_id = ?", [person]
            ).fetchall()
        call_ids = [row[0] for row in calls]
        stale = _rewrite_texts(warehouse, person, call_ids)
        # The landed rows go last: killed before, the next try still knows the person's calls.
        with warehouse.write() as connection:
            _delete(connection, "core", person, call_ids)
            _delete_by_call(connection, call_ids)
            _blank_rejects(connection, "ingest__rejects", user_id)
            if "judged_days" in _tables(connection):
                connection.execute("delete from judged_days")
        with warehouse.write("landed") as connection:
            counts = _delete(connection, "landed", person, call_ids)
            _blank_rejects(connection, "landed__rejects", user_id)
            for old, new, table, day, batch in stale:
                connection.execute("delete from landed__contents where path = ?", [old])
                connection.execute(
                    "insert into landed__contents values (?, ?, ?, ?)", [new, table, day, batch]
                )
        for old, *_ in stale:
            (warehouse.contents / old).unlink(missing_ok=True)
        for name in ("landed", "working"):
            warehouse.compact(name)
        if warehouse.path.exists():
            warehouse.publish([])
        # Exports hold texts, and nothing in them says whose: they are written again.
        retention.remove_exports(warehouse)
    return counts


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute("select table_name from duckdb_tables()").fetchall()
    return {row[0] for row in rows}


def _persons_of(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.kind is Kind.PERSON]


def _theirs(table: Table, person: str, call_ids: list[str]) -> tuple[str, dict[str, object]]:
    """Return the condition, and its parameters, of rows by a person or about the person's calls."""
    conditions = [f"coalesce({name} = $person, false)" for name in _persons_of(table)]
    given: dict[str, object] = {"person": person} if conditions else {}
    if "call_id" in table.stored_columns:
        conditions.append("coalesce(call_id in (select unnest($calls)), false)")
        given["calls"] = call_ids
    return " or ".join(conditions), given


def _delete(
    connection: duckdb.DuckDBPyConnection, layer: str, person: str, call_ids: list[str]
) -> dict[str, int]:
    counts: dict[str, int] = {}
    made = _tables(connection)
    for table in TABLES:
        if f"{layer}__{table.name}" not in made:
            continue
        theirs, given = _theirs(table, person, call_ids)
        if not theirs:
            continue
        rows = connection.execute(
            f"delete from {layer}__{table.name} where {theirs}", given
        ).fetchone()
        counts[table.name] = int(rows[0]) if rows else 0
    return counts


def _delete_by_call(connection: duckdb.DuckDBPyConnection, call_ids: list[str]) -> None:
    rows = connection.execute(
        "select table_name from information_schema.columns"
        " where column_name = 'call_id' and not starts_with(table_name, 'core__')"
        " and table_name in (select table_name from duckdb_tables())"
    ).fetchall()
    for (table,) in rows:
        connection.execute(
            f"delete from {table} where call_id in (select unnest($calls))", {"calls": call_ids}
        )


def _blank_rejects(connection: duckdb.DuckDBPyConnection, table: str, user_id: str) -> None:
    """Blank what is shown of refused rows where it names the person: it was never pseudonymised."""
    if table in _tables(connection):
        connection.execute(
            f"update {table} set value = '' where contains(value, $user_id)", {"user_id": user_id}
        )


def _rewrite_texts(
    warehouse: Warehouse, person: str, call_ids: list[str]
) -> list[tuple[str, str, str, str, int]]:
    """Write every content file that holds the person again without; the old ones stay for now."""
    with warehouse.read() as reader:
        files = reader.execute(
            "select path, table_name, day, batch from landed__contents"
        ).fetchall()
    stale: list[tuple[str, str, str, str, int]] = []
    connection = memory(with_macros=False)
    try:
        for path, table, day, batch in files:
            theirs, given = _theirs(BY_NAME[table], person, call_ids)
            source = warehouse.contents / path
            if not theirs or not source.exists():
                continue
            params = given | {"path": str(source)}
            found = connection.execute(
                f"select 1 from read_parquet($path, hive_partitioning = false)"
                f" where {theirs} limit 1",
                params,
            ).fetchall()
            if not found:
                continue
            # Whole before it is among the files that readers of `core__contents` find.
            half = warehouse.staging / f"swaps-{uuid.uuid4().hex}.parquet"
            fresh = source.with_name(f"{source.stem}e{source.suffix}")
            connection.sql(
                f"select * from read_parquet($path, hive_partitioning = false)"
                f" where not ({theirs})",
                params=params,
            ).write_parquet(str(half), compression="zstd")
            half.replace(fresh)
            relative = str(Path(path).with_name(fresh.name))
            stale.append((path, relative, table, day, batch))
    finally:
        connection.close()
    return stale
