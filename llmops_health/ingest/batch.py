"""One group of files on its way in: read, its refused rows found, entered; or read one by one.

A file that DuckDB cannot read is copied as far as it can be, and read again; what is wrong with it
as a whole becomes a reject of row 0.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from llmops_health.config import Config, ConfigError, Source
from llmops_health.contract import Table
from llmops_health.ingest import enter, persons, quarantine, readers, statement, superseded
from llmops_health.ingest.coerce import literal
from llmops_health.ingest.enter import FileReport
from llmops_health.ingest.expressions import ExpressionError
from llmops_health.ingest.files import Found, State, sha256_of
from llmops_health.ingest.quarantine import Reject
from llmops_health.ingest.translate import Translated, is_document, translate
from llmops_health.storage import staging
from llmops_health.storage.engines import memory
from llmops_health.storage.warehouse import Warehouse

UNREADABLE = (
    duckdb.InvalidInputException,
    duckdb.IOException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.InvalidTypeException,
    duckdb.SerializationException,
)
MEMORY_LIMIT = "1200MB"
# DuckDB 1 reads what there is of a gzip file that is cut off, and says nothing.
TAKES_CUT_STREAMS = duckdb.__version__.startswith("1.")


@dataclass(slots=True)
class Batch:
    """One group of files of one source."""

    config: Config
    index: int
    source: Source
    table: Table
    mapping: str
    warehouse: Warehouse
    file_ids: Iterator[int]
    hashing: Executor
    digests: dict[Path, Future[str]] = field(default_factory=dict)
    read_as: dict[Path, Path] = field(default_factory=dict)
    wrong: dict[Path, str] = field(default_factory=dict)
    translated: dict[Path, Translated] = field(default_factory=dict)

    @property
    def file_format(self) -> readers.Format:
        """Return how the files are written that are read: documents are read from a copy."""
        return readers.row_format(self.source.format)

    def land(self, group: list[Found]) -> list[FileReport]:
        """Read the group; where that fails, its files one by one, each repaired if it can be."""
        try:
            return self._read_and_enter(group)
        except ExpressionError as error:
            path = ("sources", self.index, *error.key)
            raise ConfigError([self.config.origin.problem(path, str(error))]) from None
        except UNREADABLE as error:
            if len(group) > 1:
                return [report for file in group for report in self.land([file])]
            return self._land_repaired(group[0], str(error).splitlines()[0])
        finally:
            for file in group:
                if copy := self.read_as.pop(file.path, None):
                    copy.unlink(missing_ok=True)

    def _land_repaired(self, file: Found, said: str) -> list[FileReport]:
        if self.file_format != "parquet" and file.path not in self.read_as:
            self._copy(file)
            return self.land([file])
        self.wrong.setdefault(file.path, f"cannot be read as {self.source.format}: {said}")
        return self._enter([file], self._ids([file]), None, {})

    def _read_and_enter(self, group: list[Found]) -> list[FileReport]:
        for file in group:
            if is_document(self.source.format):
                self._translate(file)
            else:
                self._without_mark(file)
        ids = self._ids(group)
        # Beside the reading: it waits for the disk, and for one core at the end.
        self.digests |= {
            file.path: self.hashing.submit(sha256_of, file.path, file.n_bytes)
            for file in group
            if file.sha256 is None and file.path not in self.digests
        }
        self._refuse_cut_streams(group)
        readable = [f for f in group if not self._is_blank(f)]
        if not readable:
            return self._enter(group, ids, None, {})
        connection = open_reader(self.config, self.warehouse)
        try:
            made = statement.build(
                connection,
                self.table,
                {self._read_path(f): ids[f.path] for f in readable},
                self.file_format,
                self.source.columns,
                self.config.privacy.content,
                where=self.source.where,
            )
            staged = staging.stage(connection, self.warehouse, made, uuid.uuid4().hex[:12])
            rejects = self._rejects(connection, readable, ids, staged)
        finally:
            connection.close()
        return self._enter(group, ids, staged, rejects)

    def _refuse_cut_streams(self, group: list[Found]) -> None:
        if not TAKES_CUT_STREAMS:
            return
        for file in group:
            if file.path.suffix == ".gz" and file.path not in self.read_as:
                wrong = quarantine.cut_off(file.path)
                if wrong:
                    raise duckdb.IOException(wrong)

    def _rejects(
        self,
        connection: duckdb.DuckDBPyConnection,
        group: list[Found],
        ids: dict[Path, int],
        staged: staging.Staged,
    ) -> dict[Path, list[Reject]]:
        rejects: dict[Path, list[Reject]] = {}
        for file in group:
            path = self._read_path(file)
            refused = self._unsplit_rows(connection, path) if self.source.format == "csv" else []
            if faults := staged.faults.get(ids[file.path]):
                refused += self._refused_rows(connection, path, refused, faults)
            if document := self.translated.get(file.path):
                refused = document.placed(refused)
            rejects[file.path] = sorted(refused, key=lambda reject: reject.row_number)
        return rejects

    def _unsplit_rows(self, connection: duckdb.DuckDBPyConnection, path: Path) -> list[Reject]:
        # DuckDB's own line number counts a record with a line break in quotes as one line.
        rows = connection.execute(
            "select line_byte_position - 1, any_value(coalesce(column_name, '')),"
            " any_value(csv_line), any_value(error_message) from csv_rejects group by 1"
        ).fetchall()
        lines = quarantine.lines_at(path, [row[0] for row in rows]) if rows else {}
        return [
            Reject(lines.get(offset, 0), column, quarantine.shown(value or ""), reason.rstrip())
            for offset, column, value, reason in rows
        ]

    def _refused_rows(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        unsplit: list[Reject],
        faults: Sequence[tuple[int, str]],
    ) -> list[Reject]:
        # People's expressions may join, and their condition leaves rows out: neither keeps places.
        is_in_place = self.source.where is None and not self.source.columns
        rows = faults if is_in_place else self._numbered(connection, path, faults)
        match self.file_format:
            case "jsonl":
                return quarantine.locate_lines(path, rows)
            case "csv":
                dialect = readers.csv_dialect(connection, path)
                lines = {reject.row_number for reject in unsplit}
                return quarantine.locate_records(path, rows, dialect, lines)
            case _:
                return [quarantine.from_fault(number + 1, fault) for number, fault in rows]

    def _numbered(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        faults: Sequence[tuple[int, str]],
    ) -> list[tuple[int, str]]:
        """Read a file again, only what is wrong in it, and number its rows before all else."""
        wrong = {fault.split(staging.FAULT_SEPARATOR)[0] for _, fault in faults}
        numbered = statement.build(
            connection,
            self.table,
            {path: 0},
            self.file_format,
            self.source.columns,
            "none",
            where=self.source.where,
            numbered=True,
            # A CSV row that cannot be split may show it in a column that is not read.
            judged=None if self.source.format == "csv" else wrong,
        )
        return connection.execute(
            f"select {readers.ROW_NUMBER}, fault from ({numbered.select})"
            f" where fault is not null order by {readers.ROW_NUMBER}"
        ).fetchall()

    def _enter(
        self,
        group: list[Found],
        ids: dict[Path, int],
        staged: staging.Staged | None,
        rejects: dict[Path, list[Reject]],
    ) -> list[FileReport]:
        for file in group:
            if wrong := self.wrong.pop(file.path, None):
                rejects.setdefault(file.path, []).append(Reject(0, "", "", wrong))
        digests = {file.path: file.sha256 or self.digests[file.path].result() for file in group}
        is_list = superseded.is_list(self.source)
        entry = enter.Entry(self.table, group, ids, rejects, self.mapping, digests, is_list)
        return enter.enter(self.warehouse, entry, staged)

    def _is_blank(self, file: Found) -> bool:
        return self.source.format != "parquet" and quarantine.is_blank(self._read_path(file))

    def _translate(self, file: Found) -> None:
        """Have a document read as the rows that it stands for."""
        if file.path in self.read_as:
            return
        copy = self.warehouse.staging / f"document-{uuid.uuid4().hex}.jsonl"
        self.read_as[file.path] = copy
        is_changed = file.state is State.CHANGED
        done = translate(file.path, copy, self.source.format, self.table, is_changed=is_changed)
        self.translated[file.path] = done
        if done.wrong:
            self.wrong[file.path] = done.wrong

    def _without_mark(self, file: Found) -> None:
        """Have a file read from a copy, where it begins with a byte order mark."""
        is_text = self.source.format != "parquet" and file.path not in self.read_as
        if is_text and quarantine.has_byte_order_mark(file.path):
            self._copy(file)

    def _copy(self, file: Found) -> None:
        copy = self.warehouse.staging / f"repaired-{uuid.uuid4().hex}.{self.source.format}"
        self.read_as[file.path] = copy
        if wrong := quarantine.repair(file.path, copy):
            self.wrong[file.path] = wrong

    def _read_path(self, file: Found) -> Path:
        return self.read_as.get(file.path, file.path)

    def _ids(self, group: list[Found]) -> dict[Path, int]:
        return {
            # A file that grew stays the file it was.
            file.path: file.known.file_id
            if file.known and file.state is State.GROWN
            else next(self.file_ids)
            for file in group
        }


def open_reader(config: Config, warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """Open a connection that reads files, spills beside the storage, and knows `person(id)`."""
    connection = memory()
    given = config.privacy.user_id_key.get_secret_value()
    guard(connection, persons.key_of(given, warehouse.work))
    connection.execute(f"set temp_directory = {literal(str(warehouse.staging))}")
    return connection


def guard(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Set what reading files needs: a bound on memory, expressions kept apart, `person(id)`."""
    persons.install(connection, key)
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    # The first would take a cast that two expressions share out of the TRY that guards each; the
    # second makes a join of a list of words, after which rows come in no order.
    connection.execute("set disabled_optimizers = 'common_subexpressions,in_clause'")
    # Refused rows are named by their place in the file.
    connection.execute("set preserve_insertion_order = true")
