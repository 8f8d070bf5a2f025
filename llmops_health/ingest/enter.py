"""From staged rows to `landed__*`, in one transaction: what is new, what is newer, what is there.

Rows meet by `row_key`, 63 bits of their identity's MD5, before identities are compared: a file of
new rows costs one pass over the landed keys, and nothing else of the landed rows is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from llmops_health.contract import Table
from llmops_health.ingest import superseded
from llmops_health.ingest.files import Found, State
from llmops_health.ingest.quarantine import REJECT_COLUMNS, Reject
from llmops_health.ingest.statement import ROW_KEY
from llmops_health.storage import contents
from llmops_health.storage.engines import memory
from llmops_health.storage.staging import Staged
from llmops_health.storage.warehouse import Warehouse, insert_rows

FILE_COLUMNS = {
    "file_id": "bigint",
    "table_name": "varchar",
    "path": "varchar",
    "sha256": "varchar",
    "n_bytes": "bigint",
    "mtime_ns": "bigint",
    "mapping_sha256": "varchar",
    "n_rows": "bigint",
    "n_rejected": "bigint",
    "n_new": "bigint",
    "n_duplicates": "bigint",
    "batch": "bigint",
}
DAY_COLUMNS = {"table_name": "varchar", "day": "date", "batch": "bigint"}
DUPLICATE_COLUMNS = {
    "path": "varchar",
    "table_name": "varchar",
    "day": "date",
    "feature_id": "varchar",
    "n_duplicates": "bigint",
}
CONTENT_COLUMNS = {"path": "varchar", "table_name": "varchar", "day": "varchar", "batch": "bigint"}
_READ_AGAIN = frozenset({State.GROWN, State.REMAPPED})


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file."""

    table: str
    path: Path
    state: State
    n_rows: int = 0
    n_rejected: int = 0
    n_new: int = 0
    n_duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A group of files on its way in, their ids and their refused rows."""

    table: Table
    group: Sequence[Found]
    ids: Mapping[Path, int]
    rejects: Mapping[Path, Sequence[Reject]]
    mapping: str
    digests: Mapping[Path, str]
    is_list: bool = False

    @property
    def changed(self) -> list[tuple[Found, int]]:
        """Return documents that say something else now, with their new ids; none that is broken."""
        return [
            (file, self.ids[file.path])
            for file in self.group
            if file.state is State.CHANGED
            and all(reject.row_number for reject in self.rejects.get(file.path, ()))
        ]

    @property
    def again(self) -> list[int]:
        """Return the former ids of files that are read again."""
        return [f.known.file_id for f in self.group if f.known and f.state in _READ_AGAIN]


def landed_columns(table: Table) -> dict[str, str]:
    """Return the columns of `landed__<table>`."""
    return {**table.stored_columns, "file_id": "bigint", ROW_KEY: "bigint"}


def enter(warehouse: Warehouse, entry: Entry, staged: Staged | None) -> list[FileReport]:
    """Put a group's rows, rejects, days and records in; all of them or nothing."""
    replaced = _texts_of_former(warehouse, entry)
    with warehouse.write("landed") as connection:
        batch = _next_batch(connection)
        _forget(connection, entry, batch)
        if entry.changed:
            superseded.take_away(connection, entry, staged, batch)
        counts = _enter_rows(connection, entry, staged, batch) if staged else {}
        if entry.changed:
            superseded.carry_times(connection, entry.table)
        kept = (
            list(staged.content_files()) if staged and any(n for _, n, _ in counts.values()) else []
        )
        _list_contents(connection, entry.table, batch, kept, replaced)
        reports = [_record(connection, entry, file, counts, batch) for file in entry.group]
    if staged:
        staged.settle({path for path, _ in kept})
    for old in replaced:
        (warehouse.contents / old).unlink(missing_ok=True)
    return reports


def _texts_of_former(warehouse: Warehouse, entry: Entry) -> dict[str, str | None]:
    """Write the content files that hold texts of files read again anew, without those."""
    if not entry.again or not entry.table.text_columns:
        return {}
    with warehouse.read() as connection:
        rows = connection.execute(
            "select path from landed__contents where table_name = $table and batch in"
            " (select batch from landed__files where file_id in (select unnest($ids)))",
            {"table": entry.table.name, "ids": entry.again},
        ).fetchall()
    connection = memory()
    try:
        return contents.without(connection, warehouse, [row[0] for row in rows], entry.again)
    finally:
        connection.close()


def _forget(connection: duckdb.DuckDBPyConnection, entry: Entry, batch: int) -> None:
    """Drop the record of a file that is read again, and its rows where it is read differently.

    Rows of a file that only grew stay: what it repeats is no duplicate.
    """
    table = entry.table
    for file in entry.group:
        known = file.known
        if known is None or known.path != str(file.path):
            continue
        if file.state is State.REMAPPED:
            is_list = entry.is_list and not known.mapping_sha256.startswith(superseded.AGAIN)
            ids = superseded.former_ids(connection, table, file) if is_list else [known.file_id]
            connection.execute(
                f"insert into landed__days select distinct $table, {_day_of(table, 'l')}, $batch"
                f" from landed__{table.name} as l where file_id in (select unnest($ids))",
                {"table": table.name, "batch": batch, "ids": ids},
            )
            connection.execute(
                f"delete from landed__{table.name} where file_id in (select unnest($ids))",
                {"ids": ids},
            )
        if file.state in _READ_AGAIN:
            for name in ("landed__files", "landed__rejects"):
                connection.execute(f"delete from {name} where file_id = ?", [known.file_id])
        else:
            # The same path with other content is another file: what it brought before stays.
            connection.execute(
                "update landed__files set path = path || ' (before)' where file_id = ?",
                [known.file_id],
            )
            if file.state is State.CHANGED:
                connection.execute("delete from landed__rejects where file_id = ?", [known.file_id])
        connection.execute(
            "delete from landed__duplicates where path = ? and table_name = ?",
            [known.path, table.name],
        )


def _enter_rows(
    connection: duckdb.DuckDBPyConnection, entry: Entry, staged: Staged, batch: int
) -> dict[Path, tuple[int, int, int]]:
    """Insert rows whose id is new or newer; return rows, new rows and duplicates per file."""
    table = entry.table
    landed = f"landed__{table.name}"
    columns = ", ".join(landed_columns(table))
    good = f"(select {columns} from {staged.rows()} where fault is null)"
    connection.execute(
        f"create temp table met as"
        f" select {ROW_KEY} from {good} group by {ROW_KEY} having count(*) > 1 union"
        f" select {ROW_KEY} from {landed} where {ROW_KEY} in (select {ROW_KEY} from {good})"
    )
    [(n_met,)] = connection.execute("select count(*) from met").fetchall()
    alone = f"(select * from {good} anti join met using ({ROW_KEY}))" if n_met else good
    connection.execute(f"create temp view fresh as select {columns} from {alone}")
    again: dict[int, int] = {}
    if n_met:
        again = _judge_met(connection, entry, good, batch)
        connection.execute(
            f"create or replace temp view fresh as select {columns} from {alone}"
            f" union all select {columns} from winners"
        )
    connection.execute(f"insert into {landed} ({columns}) select {columns} from fresh")
    connection.execute(
        f"insert into landed__days select distinct ?, {_day_of(table, 'fresh')}, ? from fresh",
        [table.name, batch],
    )
    n_rows = dict(connection.execute(f"select file_id, count(*) from {good} group by 1").fetchall())
    n_new = dict(connection.execute("select file_id, count(*) from fresh group by 1").fetchall())
    connection.execute("drop view fresh")
    for name in ("met", "winners", "known_rows"):
        connection.execute(f"drop table if exists {name}")
    return {
        path: (n_rows.get(file_id, 0), n_new.get(file_id, 0), again.get(file_id, 0))
        for path, file_id in entry.ids.items()
    }


def _judge_met(
    connection: duckdb.DuckDBPyConnection, entry: Entry, good: str, batch: int
) -> dict[int, int]:
    """Of rows whose key was met before, make `winners`; drop what they replace.

    Of one identity the newest by `table.newest_by` wins, then the row that was there, then the
    first file. Returns the number of duplicates per file: rows that lost to a row of another line.
    """
    table = entry.table
    landed = f"landed__{table.name}"
    identity = ", ".join(table.identity)
    newest = f"{table.newest_by} desc nulls last, " if table.newest_by else ""
    same = " and ".join(f"l.{name} is not distinct from s.{name}" for name in table.identity)
    is_newer = (
        f"coalesce(s.{table.newest_by} >"
        f" coalesce(l.{table.newest_by}, timestamp '1970-01-01'), false)"
        if newest
        else "false"
    )
    # Rows of one file come in no order: their text settles which of two equals is kept.
    connection.execute(
        f"""
        create temp table winners as
        select *, row_number() over (partition by {identity} order by {newest}file_id, text) as turn
        from (select *, rows::varchar as text from {good} as rows where {ROW_KEY} in (from met))
        """
    )
    connection.execute(
        f"""
        create temp table known_rows as
        select s.rowid as staged_row, l.rowid as landed_row, {_day_of(table, "l")} as day,
            {is_newer} and s.turn = 1 as is_replaced, l.file_id = s.file_id as is_own
        from (select rowid, * from winners) as s
        inner join (
            select rowid, * from {landed} where {ROW_KEY} in (from met)
        ) as l on l.{ROW_KEY} = s.{ROW_KEY} and {same}
        """
    )
    connection.execute(
        "insert into landed__days select distinct ?, day, ? from known_rows where is_replaced",
        [table.name, batch],
    )
    connection.execute(
        f"delete from {landed} where rowid in (select landed_row from known_rows where is_replaced)"
    )
    feature = "feature_id" if "feature_id" in table.stored_columns else "null::varchar"
    lost = "(turn > 1 or rowid in (select staged_row from known_rows where not is_replaced))"
    own = "turn = 1 and rowid in (select staged_row from known_rows where is_own)"
    again = f"select * from winners where {lost} and not ({own})"
    paths = [(file_id, str(path)) for path, file_id in entry.ids.items()]
    insert_rows_of_duplicates = (
        f"insert into landed__duplicates select paths.path, $table, {_day_of(table, 'again')},"
        f" {feature}, count(*) from ({again}) as again inner join (select unnest($ids) as id,"
        " unnest($paths) as path) as paths on again.file_id = paths.id group by all"
    )
    connection.execute(
        insert_rows_of_duplicates,
        {"table": table.name, "ids": [i for i, _ in paths], "paths": [p for _, p in paths]},
    )
    counts = connection.execute(f"select file_id, count(*) from ({again}) group by 1").fetchall()
    connection.execute(f"delete from winners where {lost}")
    return dict(counts)


def _list_contents(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    batch: int,
    kept: Sequence[tuple[str, str]],
    replaced: Mapping[str, str | None],
) -> None:
    for old, new in replaced.items():
        if new is None:
            connection.execute("delete from landed__contents where path = ?", [old])
        else:
            connection.execute("update landed__contents set path = ? where path = ?", [new, old])
    rows = [(path, table.name, day, batch) for path, day in kept]
    insert_rows(connection, "landed__contents", list(CONTENT_COLUMNS), rows)


def _record(
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    file: Found,
    counts: Mapping[Path, tuple[int, int, int]],
    batch: int,
) -> FileReport:
    refused = entry.rejects.get(file.path, [])
    file_id, path, name = entry.ids[file.path], str(file.path), entry.table.name
    good, new, again = counts.get(file.path, (0, 0, 0))
    n_rows = good + sum(reject.row_number > 0 for reject in refused)
    insert_rows(
        connection,
        "landed__rejects",
        list(REJECT_COLUMNS),
        [(file_id, path, name, r.row_number, r.column, r.value, r.reason) for r in refused],
    )
    digest = entry.digests[file.path]
    record = (file_id, name, path, digest, file.n_bytes, file.mtime_ns, entry.mapping)
    insert_rows(
        connection,
        "landed__files",
        list(FILE_COLUMNS),
        [(*record, n_rows, len(refused), new, again, batch)],
    )
    return FileReport(name, file.path, file.state, n_rows, len(refused), new, again)


def _day_of(table: Table, alias: str) -> str:
    if table.time:
        return f"{alias}.{table.time}::date"
    if table.name == "eval_results":
        return (
            "(select any_value(runs.started_at)::date from landed__eval_runs as runs"
            f" where runs.eval_run_id = {alias}.eval_run_id)"
        )
    # Not a case's added_at: a suite written last year gives no day to judge.
    return "null::date"


def _next_batch(connection: duckdb.DuckDBPyConnection) -> int:
    # To the end: what is not fetched keeps the connection busy.
    [(batch,)] = connection.execute(
        "select coalesce(max(batch), 0) + 1 from landed__files"
    ).fetchall()
    return int(batch)
