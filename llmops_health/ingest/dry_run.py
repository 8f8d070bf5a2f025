"""What an ingest would read: rows, refusals, filled columns, features; nothing is written.

A group of files is read once. A file that cannot be read to its end is only named here; the ingest
itself takes in what can be read of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from llmops_health.config import Config, ConfigError, Source
from llmops_health.contract import BY_NAME, Table
from llmops_health.ingest import batch, land, quarantine, readers, statement
from llmops_health.ingest.expressions import ExpressionError
from llmops_health.ingest.files import Found, State
from llmops_health.ingest.translate import is_document, translate
from llmops_health.storage.engines import memory
from llmops_health.storage.warehouse import Warehouse

_REASONS = 5
_FEATURES = 10
_NO_OBJECT = "not a JSON object, or one without any column of ours"


@dataclass(frozen=True, slots=True)
class FilePreview:
    """What one file holds. Shares are of the rows that would go in, 0-1."""

    table: str
    path: Path
    state: State
    n_rows: int = 0
    n_rejected: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, float] = field(default_factory=dict)
    run_kinds: Mapping[str, int] = field(default_factory=dict)
    features: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None


def dry_run(config: Config, warehouse: Warehouse | None = None) -> list[FilePreview]:
    """Read every file that an ingest would read; files already landed in `warehouse` are named."""
    previews: list[FilePreview] = []
    is_there = warehouse is not None and (warehouse.work / "landed.duckdb").exists()
    landed = land.known_files(warehouse) if warehouse and is_there else {}
    for index, source in enumerate(config.sources):
        table = BY_NAME[source.table]
        land.check_columns(config, index, source, table)
        known = land.known_to(config, source, landed.get(table.name, []))
        mapping = land.mapping_sha256(source, config)
        fresh, passed = land.compare(config, source, known, mapping)
        for group in land.groups(fresh, source):
            previews += _preview(config, index, source, table, group)
        previews += [FilePreview(table.name, f.path, f.state) for f in passed]
    return previews


def lines(previews: Iterable[FilePreview]) -> Iterator[str]:
    """Yield previews as people read them."""
    for one in previews:
        yield (
            f"{one.path}: {one.table}, {one.state}, {one.n_rows:,} rows,"
            f" {one.n_rejected:,} would be refused"
        )
        for reason, count in one.reasons.items():
            yield f"  refused   {count:,} x {reason}"
        if one.first and one.last:
            yield f"  times     {one.first:%Y-%m-%d %H:%M} to {one.last:%Y-%m-%d %H:%M} UTC"
        if one.features:
            yield f"  features  {_counted(one.features)}"
        if one.run_kinds:
            yield f"  run_kind  {_counted(one.run_kinds)}"
        full = [name for name, share in one.filled.items() if share == 1]
        part = [f"{name} {share:.0%}" for name, share in one.filled.items() if 0 < share < 1]
        if full or part:
            yield f"  filled    {', '.join(full + part)}"
        if one.unknown:
            yield f"  unknown   {', '.join(one.unknown)} (kept in attributes)"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _preview(
    config: Config, index: int, source: Source, table: Table, group: Sequence[Found]
) -> list[FilePreview]:
    readable = [f for f in group if not _is_blank(f, source)]
    previews = [FilePreview(table.name, f.path, f.state) for f in group if f not in readable]
    if not readable:
        return previews
    try:
        return previews + _read(source, table, readable)
    except ExpressionError as error:
        path = ("sources", index, *error.key)
        raise ConfigError([config.origin.problem(path, str(error))]) from None
    except batch.UNREADABLE as error:
        if len(group) > 1:
            return [one for f in group for one in _preview(config, index, source, table, [f])]
        reason = f"cannot be read as {source.format}: {str(error).splitlines()[0]}"
        return [_refused(table, file, reason) for file in group]


def _read(source: Source, table: Table, group: Sequence[Found]) -> list[FilePreview]:
    connection = memory()
    # No pseudonym is shown: any key will do, and none is made.
    batch.guard(connection, b"")
    try:
        with tempfile.TemporaryDirectory() as folder:
            paths, wrong = _paths(group, source, table, Path(folder))
            if not paths:
                return [_refused(table, file, wrong.get(i)) for i, file in enumerate(group)]
            made = statement.build(
                connection,
                table,
                paths,
                readers.row_format(source.format),
                source.columns,
                "full",
                where=source.where,
            )
            rows = connection.execute(_summary(table, made.select)).fetchall()
            unsplit = _unsplit(connection) if source.format == "csv" else {}
    finally:
        connection.close()
    found = {row[0]: row[1:] for row in rows}
    nothing: Sequence[object] = (0, 0, None, None, None, None, None, None)
    return [
        _described(table, file, found.get(i, nothing), unsplit, made.unknown)
        if i not in wrong
        else _refused(table, file, wrong[i])
        for i, file in enumerate(group)
    ]


def _paths(
    group: Sequence[Found], source: Source, table: Table, folder: Path
) -> tuple[dict[Path, int], dict[int, str]]:
    """Return the files to read with their places in the group, and what is wrong with others."""
    if not is_document(source.format):
        return {_without_mark(f, source, folder): i for i, f in enumerate(group)}, {}
    paths: dict[Path, int] = {}
    wrong: dict[int, str] = {}
    for i, file in enumerate(group):
        copy = folder / f"{i}.jsonl"
        done = translate(file.path, copy, source.format, table)
        if done.wrong:
            wrong[i] = done.wrong
        elif done.places:
            paths[copy] = i
    return paths, wrong


def _refused(table: Table, file: Found, reason: str | None) -> FilePreview:
    if reason is None:
        return FilePreview(table.name, file.path, file.state)
    return FilePreview(table.name, file.path, file.state, n_rejected=1, reasons={reason: 1})


def _summary(table: Table, select: str) -> str:
    required = [column.name for column in table.columns if column.required]
    names = [column.name for column in table.columns]
    time = table.time or "null::timestamp"
    stored = table.stored_columns
    nothing = f"coalesce({', '.join(f'{name}::varchar' for name in required)}, attributes) is null"
    reason = (
        f"case when {nothing} then '{_NO_OBJECT}' else concat_ws(' ',"
        " nullif(split_part(fault, chr(31), 1), ''), split_part(fault, chr(31), 2)) end"
    )
    counts = ", ".join(f"'{n}': count({n}) filter (where fault is null)" for n in names)
    return f"""
        select file_id, count(*), count(fault),
            min({time}) filter (where fault is null), max({time}) filter (where fault is null),
            histogram({reason}) filter (where fault is not null),
            {_split("run_kind", stored)}, {_split("feature_id", stored)}, map {{{counts}}}
        from ({select})
        group by file_id
    """


def _split(column: str, stored: Mapping[str, str]) -> str:
    listed = column if column in stored else "null::varchar"
    return f"histogram({listed}) filter (where fault is null)"


def _described(
    table: Table,
    file: Found,
    row: Sequence[object],
    unsplit: Mapping[str, int],
    unknown: tuple[str, ...],
) -> FilePreview:
    n_rows, n_rejected, first, last, *maps = row
    reasons, run_kinds, features, counts = (dict(each or {}) for each in maps)  # type: ignore[call-overload]
    n_good = int(n_rows) - int(n_rejected)  # type: ignore[call-overload]
    n_unsplit = sum(unsplit.values())
    return FilePreview(
        table=table.name,
        path=file.path,
        state=file.state,
        n_rows=n_good + int(n_rejected) + n_unsplit,  # type: ignore[call-overload]
        n_rejected=int(n_rejected) + n_unsplit,  # type: ignore[call-overload]
        reasons=_most(reasons | unsplit, _REASONS),
        filled={name: count / n_good for name, count in counts.items() if n_good},
        run_kinds=_most(run_kinds, len(run_kinds)),
        features=_most(features, _FEATURES),
        unknown=unknown,
        first=first,  # type: ignore[arg-type]
        last=last,  # type: ignore[arg-type]
    )


def _most(counts: Mapping[str, int], n: int) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:n])


def _unsplit(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = connection.execute(
        "select error_message, count(distinct line_byte_position) from csv_rejects group by 1"
    ).fetchall()
    return {message.rstrip(): count for message, count in rows}


def _is_blank(file: Found, source: Source) -> bool:
    is_text = source.format != "parquet" and not is_document(source.format)
    return is_text and quarantine.is_blank(file.path)


def _without_mark(file: Found, source: Source, folder: Path) -> Path:
    if source.format == "parquet" or not quarantine.has_byte_order_mark(file.path):
        return file.path
    copy = folder / f"{len(list(folder.iterdir()))}.{source.format}"
    quarantine.repair(file.path, copy)
    return copy
