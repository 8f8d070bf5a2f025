"""Landing: new files of the configured sources become rows of `landed__*`, exactly once.

A group of files is read in one query into Parquet (texts stay there, by day), then its new rows
enter `landed.duckdb` in one transaction together with the file records, rejects and changed days.
A run killed at any moment leaves nothing half landed; leftovers go with the next run.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from llmops_health.config import Config, ConfigError, Source
from llmops_health.contract import BY_NAME, TABLES, Table
from llmops_health.ingest import files, persons, quarantine, readers, statement
from llmops_health.ingest.files import Found, Known, State
from llmops_health.ingest.quarantine import REJECT_COLUMNS, Reject
from llmops_health.storage import contents
from llmops_health.storage.warehouse import Warehouse, ensure_table, insert_rows, memory

GROUP_BYTES = 256 * 1024 * 1024
GROUP_FILES = 200

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

Progress = Callable[[int, int, str], None]


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


@dataclass(slots=True)
class Landed:
    """What became of all files of a run."""

    files: list[FileReport] = field(default_factory=list)

    def of(self, table: str) -> list[FileReport]:
        """Return the reports of one table's files."""
        return [report for report in self.files if report.table == table]


def landed_columns(table: Table) -> dict[str, str]:
    """Return the columns of `landed__<table>`."""
    return {**table.stored_columns, "file_id": "bigint"}


def prepare(warehouse: Warehouse) -> None:
    """Make the databases and every table of the landing."""
    warehouse.prepare()
    tables = {f"landed__{table.name}": landed_columns(table) for table in TABLES}
    warehouse.ensure(
        tables
        | {
            "landed__files": FILE_COLUMNS,
            "landed__rejects": REJECT_COLUMNS,
            "landed__days": DAY_COLUMNS,
            "landed__duplicates": DUPLICATE_COLUMNS,
            "landed__contents": CONTENT_COLUMNS,
        },
        "landed",
    )


def land(
    config: Config,
    warehouse: Warehouse,
    *,
    tables: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Landed:
    """Read every new or changed file of the sources (of some tables only, if named)."""
    prepare(warehouse)
    landed = Landed()
    with warehouse.alone("ingest"):
        contents.remove_orphans(warehouse)
        for index, source in enumerate(config.sources):
            if tables is None or source.table in tables:
                _land_source(config, index, source, warehouse, landed, progress)
    return landed


def _land_source(
    config: Config,
    index: int,
    source: Source,
    warehouse: Warehouse,
    landed: Landed,
    progress: Progress | None,
) -> None:
    table = BY_NAME[source.table]
    check_columns(config, index, source, table)
    known = _known(warehouse, table.name)
    mapping = mapping_sha256(source, config)
    found = [files.compare(p, known, mapping) for p in files.expand(source.path, config.root)]
    fresh = [f for f in found if f.state not in {State.SAME, State.COPY}]
    fresh = _without_twins(fresh)
    named = {f.path for f in fresh}
    landed.files += [
        FileReport(table.name, f.path, State.SAME if f.state is State.SAME else State.COPY)
        for f in found
        if f.path not in named
    ]
    total = sum(f.n_bytes for f in fresh)
    done = 0
    for group in groups(fresh, source):
        batch = _Batch(config, index, source, table, mapping, warehouse)
        landed.files += batch.land(group)
        done += sum(f.n_bytes for f in group)
        if progress:
            progress(done, total, f"{table.name}: {group[-1].path.name}")


def _without_twins(found: Sequence[Found]) -> list[Found]:
    seen: dict[str, Found] = {}
    for file in found:
        seen.setdefault(file.sha256, file)
    return list(seen.values())


def groups(found: Sequence[Found], source: Source) -> Iterator[list[Found]]:
    """Yield files that one query reads together; those that need row numbers go alone."""
    alone = source.format == "csv" or statement.needs_row_numbers(source.columns)
    group: list[Found] = []
    size = 0
    for file in found:
        full = len(group) >= GROUP_FILES or size + file.n_bytes > GROUP_BYTES
        if group and (alone or full or file.known or group[-1].known):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.n_bytes
    if group:
        yield group


def mapping_sha256(source: Source, config: Config) -> str:
    """Return what changes when a source is read in another way."""
    spoken = json.dumps([dict(source.columns), config.privacy.content], sort_keys=True)
    return hashlib.sha256(spoken.encode()).hexdigest()


def check_columns(config: Config, index: int, source: Source, table: Table) -> None:
    """Raise ConfigError where `columns:` names a column that the table does not have."""
    allowed = statement.table_names(table)
    problems = [
        config.origin.unknown(("sources", index, "columns", name), allowed)
        for name in source.columns
        if name not in allowed
    ]
    if problems:
        raise ConfigError(problems)


def _known(warehouse: Warehouse, table: str) -> list[Known]:
    with warehouse.read() as connection:
        rows = connection.execute(
            "select file_id, path, sha256, n_bytes, mtime_ns, mapping_sha256"
            " from landed__files where table_name = ?",
            [table],
        ).fetchall()
    return [Known(*row) for row in rows]


@dataclass(slots=True)
class _Batch:
    """One group of files on its way into the landed database."""

    config: Config
    index: int
    source: Source
    table: Table
    mapping: str
    warehouse: Warehouse
    repaired: dict[Path, Path] = field(default_factory=dict)
    whole_file: dict[Path, str] = field(default_factory=dict)

    def land(self, group: list[Found]) -> list[FileReport]:
        """Read the group; where that fails, its files one by one, each repaired if it can be."""
        try:
            return self._read_and_enter(group)
        except statement.ExpressionError as error:
            path = ("sources", self.index, "columns", error.column)
            raise ConfigError([self.config.origin.problem(path, str(error))]) from None
        except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException,
                duckdb.OutOfRangeException, duckdb.InvalidTypeException) as error:  # fmt: skip
            if len(group) > 1:
                return [report for file in group for report in self.land([file])]
            return self._repair(group[0], str(error).splitlines()[0])
        finally:
            for copy in self.repaired.values():
                copy.unlink(missing_ok=True)

    def _repair(self, file: Found, said: str) -> list[FileReport]:
        if self.source.format == "jsonl" and file.path not in self.repaired:
            copy = self.warehouse.staging / f"repaired-{uuid.uuid4().hex}.jsonl"
            self.repaired[file.path] = copy
            wrong = quarantine.repair(file.path, copy)
            if wrong:
                self.whole_file[file.path] = wrong
            return self.land([file])
        self.whole_file[file.path] = f"cannot be read as {self.source.format}: {said}"
        return self._enter([file], None, None, {})

    def _read_and_enter(self, group: list[Found]) -> list[FileReport]:
        token = uuid.uuid4().hex[:12]
        connection = memory()
        try:
            persons.install(connection, self._key())
            read = {self.repaired.get(f.path, f.path): f for f in group}
            made = statement.build(
                connection,
                self.table,
                list(read),
                self.source.format,
                self.source.columns,
                self.config.privacy.content,
            )
            staged = contents.stage(connection, self.warehouse, made, token)
            rejects = self._rejects(connection, read, staged)
        finally:
            connection.close()
        return self._enter(group, made, staged, rejects)

    def _key(self) -> bytes:
        given = self.config.privacy.user_id_key
        return persons.key_of(given.get_secret_value(), self.warehouse.work)

    def _rejects(
        self,
        connection: duckdb.DuckDBPyConnection,
        read: dict[Path, Found],
        staged: contents.Staged,
    ) -> dict[Path, list[Reject]]:
        rejects: dict[Path, list[Reject]] = {found.path: [] for found in read.values()}
        faulty = {Path(name) for name in staged.faulty_files(connection)}
        for path, found in read.items():
            if path in faulty:
                rejects[found.path] += self._refused_rows(connection, path)
        if self.source.format == "csv":
            rows = connection.execute(
                "select scans.file_path, line, any_value(coalesce(column_name, '')),"
                " any_value(csv_line), any_value(error_message)"
                " from csv_rejects inner join csv_scans as scans using (scan_id, file_id)"
                " group by scans.file_path, line order by line"
            ).fetchall()
            for name, line, column, value, reason in rows:
                shown = (value or "")[:120].rstrip("\n")
                rejects[read[Path(name)].path].append(Reject(line, column, shown, reason))
        return rejects

    def _refused_rows(
        self, connection: duckdb.DuckDBPyConnection, path: Path
    ) -> list[Reject]:
        numbered = statement.build(
            connection,
            self.table,
            [path],
            self.source.format,
            self.source.columns,
            "none",
            numbered=True,
        )
        rows = connection.execute(
            f"select file_row_number, fault from ({numbered.select})"
            " where fault is not null order by file_row_number"
        ).fetchall()
        if self.source.format == "jsonl":
            return quarantine.locate_lines(path, rows)
        first = 2 if self.source.format == "csv" else 1
        return [quarantine.from_fault(number + first, fault) for number, fault in rows]

    def _enter(
        self,
        group: list[Found],
        made: statement.Statement | None,
        staged: contents.Staged | None,
        rejects: dict[Path, list[Reject]],
    ) -> list[FileReport]:
        for path, wrong in self.whole_file.items():
            if path in {f.path for f in group}:
                rejects.setdefault(path, []).append(Reject(0, "", "", wrong))
        with self.warehouse.write("landed") as connection:
            reports = _enter_rows(
                connection,
                self.table,
                group,
                staged,
                rejects,
                self.mapping,
                {copy: path for path, copy in self.repaired.items()},
            )
        if staged is not None:
            staged.settle()
        return reports


def _enter_rows(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    group: Sequence[Found],
    staged: contents.Staged | None,
    rejects: dict[Path, list[Reject]],
    mapping: str,
    original: dict[Path, Path],
) -> list[FileReport]:
    batch = _next(connection, "batch")
    next_id = _next(connection, "file_id")
    ids: dict[Path, int] = {}
    for offset, file in enumerate(group):
        ids[file.path] = next_id + offset
    _forget(connection, table, group, ids)
    counts: dict[Path, tuple[int, int, int]] = {}
    if staged is not None:
        connection.execute("create temp table batch_files (name varchar, path varchar, id bigint)")
        for path, file_id in ids.items():
            copies = [str(copy) for copy, whole in original.items() if whole == path]
            connection.execute(
                "insert into batch_files values (?, ?, ?)",
                [copies[0] if copies else str(path), str(path), file_id],
            )
        counts = _insert_new(connection, table, staged, batch)
        insert_rows(
            connection,
            "landed__contents",
            list(CONTENT_COLUMNS),
            [(path, table.name, day, batch) for path, day in staged.content_files()],
        )
        connection.execute("drop table batch_files")
    reports: list[FileReport] = []
    for file in group:
        refused = rejects.get(file.path, [])
        good, new, again = counts.get(file.path, (0, 0, 0))
        n_rows = good + len(refused)
        insert_rows(
            connection,
            "landed__rejects",
            list(REJECT_COLUMNS),
            [
                (ids[file.path], str(file.path), table.name, r.row_number, r.column, r.value,
                 r.reason)
                for r in refused
            ],
        )  # fmt: skip
        insert_rows(
            connection,
            "landed__files",
            list(FILE_COLUMNS),
            [
                (ids[file.path], table.name, str(file.path), file.sha256, file.n_bytes,
                 file.mtime_ns, mapping, n_rows, len(refused), new, again, batch)
            ],
        )  # fmt: skip
        reports.append(
            FileReport(table.name, file.path, file.state, n_rows, len(refused), new, again)
        )
    return reports


def _forget(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    group: Sequence[Found],
    ids: dict[Path, int],
) -> None:
    """Drop the record of a file that is read again, and its rows where it is read differently.

    Rows of a file that only grew stay; they move to the file's new record, so that the rows it
    repeats are not counted as duplicates.
    """
    for file in group:
        known = file.known
        if known is None or known.path != str(file.path):
            continue
        if file.state is State.REMAPPED:
            connection.execute(
                f"insert into landed__days select ?, {_day_of(table, 'l')}, ?"
                f" from landed__{table.name} as l where file_id = ? group by all",
                [table.name, _next(connection, "batch"), known.file_id],
            )
            connection.execute(
                f"delete from landed__{table.name} where file_id = ?", [known.file_id]
            )
        elif file.state is State.GROWN:
            connection.execute(
                f"update landed__{table.name} set file_id = ? where file_id = ?",
                [ids[file.path], known.file_id],
            )
        if file.state is not State.NEW:
            for name in ("landed__files", "landed__rejects"):
                connection.execute(f"delete from {name} where file_id = ?", [known.file_id])
        else:
            # The same path with other content is another file: what it brought before stays.
            connection.execute(
                "update landed__files set path = path || ' (before)' where file_id = ?",
                [known.file_id],
            )
        connection.execute(
            "delete from landed__duplicates where path = ? and table_name = ?",
            [known.path, table.name],
        )


def _insert_new(
    connection: duckdb.DuckDBPyConnection, table: Table, staged: contents.Staged, batch: int
) -> dict[Path, tuple[int, int, int]]:
    """Insert rows whose id is new or newer; return rows, new rows and duplicates per file."""
    landed = f"landed__{table.name}"
    ensure_table(connection, landed, landed_columns(table))
    stored = ", ".join(table.stored_columns)
    from_rows = ", ".join(f"rows.{name}" for name in table.stored_columns)
    has_updates = "updated_at" in table.stored_columns
    newest = "rows.updated_at desc nulls last, " if has_updates else ""
    identity = ", ".join(f"rows.{name}" for name in table.identity)
    same = " and ".join(f"l.{name} is not distinct from s.{name}" for name in table.identity)
    feature = "feature_id" if "feature_id" in table.stored_columns else "null::varchar"
    connection.execute(
        f"""
        create temp table staged as
        select {from_rows}, batch_files.id as file_id, batch_files.path as batch_path,
            row_number() over (partition by {identity} order by {newest}batch_files.id) as turn
        from {staged.narrow()} as rows
        inner join batch_files on rows.filename = batch_files.name
        where rows.fault is null
        """
    )
    is_newer = (
        "coalesce(s.updated_at > coalesce(l.updated_at, timestamp '1970-01-01'), false)"
        if has_updates
        else "false"
    )
    connection.execute(
        f"""
        create temp table present as
        select s.rowid as staged_row, l.rowid as landed_row, l.file_id as landed_file,
            {is_newer} as is_newer
        from staged as s inner join {landed} as l on {same}
        """
    )
    connection.execute(
        f"insert into landed__days select ?, {_day_of(table, 'l')}, ? from {landed} as l"
        " where l.rowid in (select landed_row from present where is_newer)"
        " group by all",
        [table.name, batch],
    )
    connection.execute(
        f"delete from {landed} where rowid in (select landed_row from present where is_newer)"
    )
    fresh = (
        "turn = 1 and rowid not in (select staged_row from present where not is_newer)"
    )
    connection.execute(
        f"insert into {landed} ({stored}, file_id) select {stored}, file_id from staged"
        f" where {fresh}"
    )
    connection.execute(
        f"insert into landed__days select ?, {_day_of(table, 'l')}, ? from staged as l"
        f" where {fresh} group by all",
        [table.name, batch],
    )
    again = (
        "turn > 1 or rowid in (select staged_row from present where not is_newer"
        " and landed_file <> staged.file_id)"
    )
    connection.execute(
        f"insert into landed__duplicates select batch_path, ?, {_day_of(table, 'staged')}, {feature},"
        f" count(*) from staged where {again} group by all",
        [table.name],
    )
    rows = connection.execute(
        f"select batch_path, count(*), sum(case when {fresh} then 1 else 0 end)::bigint,"
        f" sum(case when {again} then 1 else 0 end)::bigint from staged group by batch_path"
    ).fetchall()
    connection.execute("drop table present")
    connection.execute("drop table staged")
    return {Path(path): (n_rows, new, dup) for path, n_rows, new, dup in rows}


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


def _next(connection: duckdb.DuckDBPyConnection, column: str) -> int:
    row = connection.execute(f"select coalesce(max({column}), 0) + 1 from landed__files").fetchone()
    return int(row[0]) if row else 1
