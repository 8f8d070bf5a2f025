"""One batch on its way in: a query's rows, read once and parted into rows and texts.

Rows without texts go to one Parquet file beside the databases, which goes again once they have
entered. Texts go to files by day, each with what finds and erases them: source file, identity,
persons and hashes. They get their names among the contents when they are whole.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from llmops_health.columns import Kind, sha256_column
from llmops_health.contract import Table
from llmops_health.storage import hashes
from llmops_health.storage.contents import KEPT
from llmops_health.storage.warehouse import Warehouse

FAULT_SEPARATOR = "\x1f"  # of a fault's column, reason and value
_ROWS_PER_BATCH = 8_192
_BATCHES_PER_GROUP = 4
_UNREADABLE = (
    *("IO Error", "Invalid Input Error", "Conversion Error", "Out of Range Error"),
    *("Invalid Type Error", "Serialization Error"),
)
_REPEATING_TEXTS = ["system_text", "system_sha256"]
_ZSTD_LEVEL = 1
_BUFFER = "8MB"
# Texts of a day are written together from this many bytes on, of all days.
_BYTES_PER_FLUSH = 64 * 1024 * 1024


class Query(Protocol):
    """What is staged: a query of file_id, fault, day, row_key, stored columns and texts.

    Where texts are to be kept, their hashes and `prompt_key` are made here.
    """

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
    """The Parquet files of one batch: `rows_file` goes when its rows are in, texts stay."""

    rows_file: Path
    texts: tuple[Path, ...]
    root: Path
    faults: Mapping[int, list[tuple[int, str]]]  # by source file: place from 0, and the fault

    def rows(self) -> str:
        """Return a FROM item over the batch's rows."""
        return f"read_parquet('{_quoted(self.rows_file)}')"

    def content_files(self) -> Iterator[tuple[str, str]]:
        """Yield the files to keep, relative to the contents folder, with their day."""
        for path in self.texts:
            yield str(path.relative_to(self.root)), path.parent.name.removeprefix("day=")

    def settle(self, kept: Collection[str]) -> None:
        """Remove the files that are not `kept`, once their rows are in."""
        self.rows_file.unlink(missing_ok=True)
        for path in self.texts:
            if str(path.relative_to(self.root)) not in kept:
                path.unlink(missing_ok=True)


def stage(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, query: Query, token: str
) -> Staged:
    """Run a batch's query once, into Parquet. What raises leaves nothing behind."""
    draft = warehouse.staging / f"batch-{token}"
    draft.mkdir()
    rows_file = draft.with_suffix(".parquet")
    try:
        faults, drafts = _part(connection, query, rows_file, draft)
    except BaseException:
        rows_file.unlink(missing_ok=True)
        raise
    else:
        texts: list[Path] = []
        for day, path in drafts.items():
            named = warehouse.contents / query.table.name / f"day={day}" / f"b{token}_0.parquet"
            named.parent.mkdir(parents=True, exist_ok=True)
            texts.append(path.rename(named))
        return Staged(rows_file, tuple(texts), warehouse.contents, faults)
    finally:
        shutil.rmtree(draft)


def _part(
    connection: duckdb.DuckDBPyConnection, query: Query, rows_file: Path, draft: Path
) -> tuple[dict[int, list[tuple[int, str]]], dict[str, Path]]:
    """Write rows, and texts by day; return the faults by source file, and the files by day."""
    connection.execute(f"set streaming_buffer_size = '{_BUFFER}'")
    # The texts of a batch may be longer than 2 GB together.
    connection.execute("set arrow_large_buffer_size = true")
    table = query.table
    names = table.text_columns if query.keeps_text else ()
    refused = _Refused()
    batches = connection.sql(query.select).to_arrow_reader(_ROWS_PER_BATCH)
    # Not of a Python list: pyarrow would import pandas for that, for a second.
    columns = [pa.nulls(0, field.type) for field in batches.schema]
    nothing = pa.RecordBatch.from_arrays(columns, schema=batches.schema)
    schema = _rows_of(_with_hashes(nothing, names), table).schema
    # Read once, soon: nothing is compressed, and only what repeats is looked for in a dictionary.
    options = {"compression": "none", "use_dictionary": _repeating(table), "write_statistics": []}
    with (
        pq.ParquetWriter(rows_file, schema, **options) as rows,
        _Texts(draft, _beside_texts(table)) as texts,
    ):
        waiting: list[pa.RecordBatch] = []
        for batch in _read(batches):
            hashed = _with_hashes(batch, names)
            waiting.append(_rows_of(hashed, table))
            if len(waiting) == _BATCHES_PER_GROUP:
                rows.write_table(pa.Table.from_batches(waiting))
                waiting.clear()
            if refused.note(batch):
                hashed = hashed.filter(pc.is_null(batch["fault"]))
            if names:
                texts.write(hashed)
        rows.write_table(pa.Table.from_batches(waiting, schema))
    return refused.faults, texts.files


def _read(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield batches; what the engine raises in the middle comes as its own error again."""
    try:
        yield from batches
    except (OSError, pa.ArrowException) as error:
        said = str(error)
        kind = duckdb.IOException if said.startswith(_UNREADABLE) else duckdb.OperationalError
        raise kind(said) from None


def _rows_of(batch: pa.RecordBatch, table: Table) -> pa.RecordBatch:
    beside = {*table.text_columns, "day"}
    return batch.select([name for name in batch.schema.names if name not in beside])


def _with_hashes(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    found = {name: hashes.of(batch[name]) for name in names}
    for name, hashed in found.items():
        batch = batch.append_column(sha256_column(name), hashed.hexadecimal())
    if names and "prompt_key" in batch.schema.names:
        keys = hashes.prompt_keys(found["input_text"], found["system_text"], batch["prompt_name"])
        place = batch.schema.get_field_index("prompt_key")
        batch = batch.set_column(place, "prompt_key", keys)
    return batch


def _repeating(table: Table) -> list[str]:
    return [
        column.name
        for column in table.columns
        if column.kind is Kind.WORD and not column.name.endswith("_id")
    ]


def _beside_texts(table: Table) -> list[str]:
    """Return the columns of content files: what finds a text, and what it is erased by."""
    persons = [column.name for column in table.columns if column.kind is Kind.PERSON]
    call = ["call_id"] if "call_id" in table.stored_columns else []
    hashed = map(sha256_column, table.text_columns)
    return list(
        dict.fromkeys(["file_id", *table.identity, *call, *persons, *hashed, *table.text_columns])
    )


class _Refused:
    """Faults by source file, each with its row's place in the file: batches come in order."""

    def __init__(self) -> None:
        self.faults: dict[int, list[tuple[int, str]]] = {}
        self._n_seen: Counter[int] = Counter()

    def note(self, batch: pa.RecordBatch) -> bool:
        """Take in a batch; whether it holds faults."""
        column = batch["file_id"].cast(pa.int64())
        files = np.frombuffer(column.buffers()[1], np.int64)[column.offset :][: len(batch)]
        has_faults = bool(batch["fault"].null_count < len(batch))
        if has_faults:
            for place, fault in enumerate(batch["fault"].to_pylist()):
                if fault is not None:
                    file_id = int(files[place])
                    before = self._n_seen[file_id] + int(np.sum(files[:place] == file_id))
                    self.faults.setdefault(file_id, []).append((before, fault))
        for file_id, n in zip(*np.unique(files, return_counts=True), strict=True):
            self._n_seen[int(file_id)] += int(n)
        return has_faults


class _Texts:
    """Texts on their way into files by day, in a folder that people's queries do not see."""

    def __init__(self, draft: Path, columns: Sequence[str]) -> None:
        self.files: dict[str, Path] = {}
        self._draft = draft
        self._columns = columns
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._n_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if raised == (None, None, None):
            self._flush()
        for writer in self._writers.values():
            writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Take in rows; those of all days are written once they are many."""
        days = pc.unique(batch["day"])
        kept = batch.select(self._columns)
        for day in days:
            is_of_day = pc.equal(batch["day"], day) if day.is_valid else pc.is_null(batch["day"])
            part = kept.filter(is_of_day) if len(days) > 1 else kept
            self._waiting.setdefault(str(day) if day.is_valid else KEPT, []).append(part)
        self._n_bytes += kept.nbytes
        if self._n_bytes > _BYTES_PER_FLUSH:
            self._flush()

    def _flush(self) -> None:
        for day, batches in self._waiting.items():
            whole = pa.Table.from_batches(batches)
            if day not in self._writers:
                self.files[day] = self._draft / f"{day}.parquet"
                self._writers[day] = pq.ParquetWriter(
                    self.files[day],
                    whole.schema,
                    compression="zstd",
                    compression_level=_ZSTD_LEVEL,
                    use_dictionary=_REPEATING_TEXTS,
                    write_statistics=["file_id"],
                    store_schema=False,
                )
            self._writers[day].write_table(whole)
        self._waiting.clear()
        self._n_bytes = 0


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
