"""Landing: new files of the configured sources become rows of `landed__*`, exactly once.

A group of files is read in one query into Parquet (texts stay there, by day), then its new rows
enter `landed.duckdb` in one transaction together with the file records, rejects and changed days.
A run killed at any moment leaves nothing half landed; leftovers go with the next run.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from llmops_health.config import Config, ConfigError, Source
from llmops_health.contract import BY_NAME, TABLES, Table
from llmops_health.ingest import batch, files, statement, superseded
from llmops_health.ingest.enter import (
    CONTENT_COLUMNS,
    DAY_COLUMNS,
    DUPLICATE_COLUMNS,
    FILE_COLUMNS,
    FileReport,
    landed_columns,
)
from llmops_health.ingest.files import Found, Known, State
from llmops_health.ingest.quarantine import REJECT_COLUMNS
from llmops_health.ingest.translate import is_document
from llmops_health.storage import contents
from llmops_health.storage.warehouse import Warehouse
from llmops_health.text.behaviour import BEHAVIOUR_VERSION

__all__ = ["FILE_COLUMNS", "FileReport", "Landed", "land", "landed_columns", "prepare"]

GROUP_BYTES = 256 * 1024 * 1024
GROUP_FILES = 200

PASSED = frozenset({State.SAME, State.COPY})
Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class Landed:
    """What became of all files of a run."""

    files: list[FileReport] = field(default_factory=list)

    def of(self, table: str) -> list[FileReport]:
        """Return the reports of one table's files."""
        return [report for report in self.files if report.table == table]


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
        known = known_files(warehouse)
        ids = (file.file_id for files in known.values() for file in files)
        file_ids = itertools.count(max(ids, default=0) + 1)
        for index, source in enumerate(config.sources):
            if tables is None or source.table in tables:
                before = known.get(source.table, [])
                entered = _land_source(config, index, warehouse, file_ids, before, progress)
                landed.files += entered
                if any(report.state not in PASSED for report in entered):
                    known = known_files(warehouse)
    return landed


def _land_source(
    config: Config,
    index: int,
    warehouse: Warehouse,
    file_ids: Iterator[int],
    landed_before: Sequence[Known],
    progress: Progress | None,
) -> list[FileReport]:
    source = config.sources[index]
    table = BY_NAME[source.table]
    check_columns(config, index, source, table)
    mapping = mapping_sha256(source, config)
    known = known_to(config, source, landed_before)
    fresh, passed = compare(config, source, known, mapping)
    reports = [FileReport(table.name, f.path, f.state) for f in passed]
    total = sum(f.n_bytes for f in fresh)
    done = 0
    with ThreadPoolExecutor(1) as hashing:
        for group in groups(fresh, source):
            entering = batch.Batch(
                config, index, source, table, mapping, warehouse, file_ids, hashing
            )
            reports += entering.land(group)
            done += sum(f.n_bytes for f in group)
            if progress:
                progress(done, total, f"{table.name}: {group[-1].path.name}")
    return reports


def compare(
    config: Config, source: Source, known: Sequence[Known], mapping: str
) -> tuple[list[Found], list[Found]]:
    """Return a source's files that are to be read, and those that bring nothing."""
    fresh: list[Found] = []
    passed: list[Found] = []
    digests: set[str | None] = set()
    paths = files.expand(source.path, config.root)
    sizes = [path.stat().st_size for path in paths]
    n_of_size = Counter(sizes)
    for path, size in zip(paths, sizes, strict=True):
        found = files.compare(path, known, mapping, is_alone=n_of_size[size] == 1)
        # Rows that were added to a native list add to it; a longer document is another one.
        is_new = found.state is State.NEW or (
            found.state is State.GROWN and is_document(source.format)
        )
        if is_new and found.known and superseded.is_list(source):
            found = files.as_state(found, State.CHANGED, found.known)
        if found.state in PASSED:
            passed.append(found)
        elif found.sha256 in digests:
            passed.append(files.as_state(found, State.COPY))
        else:
            fresh.append(found)
            digests |= {found.sha256} - {None}
    return fresh, passed


def known_to(config: Config, source: Source, known: Sequence[Known]) -> list[Known]:
    """Leave out files as another source reads them: two may read one file into one table."""
    mine = mapping_sha256(source, config)
    again = superseded.AGAIN
    theirs = {
        (str(path), mapping_sha256(other, config))
        for other in config.sources
        if other.table == source.table and other is not source
        for path in files.expand(other.path, config.root)
    }
    return [
        file
        for file in known
        if (mapping := file.mapping_sha256.removeprefix(again)) == mine
        or (file.path, mapping) not in theirs
    ]


def groups(found: Sequence[Found], source: Source) -> Iterator[list[Found]]:
    """Yield files that one query reads together; those that need row numbers go alone."""
    alone = source.format == "csv" or statement.needs_row_numbers(source.columns, source.where)
    group: list[Found] = []
    size = 0
    for file in found:
        full = len(group) >= GROUP_FILES or size + file.n_bytes > GROUP_BYTES
        if group and (alone or full):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.n_bytes
    if group:
        yield group


def mapping_sha256(source: Source, config: Config) -> str:
    """Return what changes when a source is read in another way, by its settings or by us."""
    spoken = json.dumps(
        [dict(source.columns), source.where, config.privacy.content, BEHAVIOUR_VERSION],
        sort_keys=True,
    )
    return hashlib.sha256(spoken.encode()).hexdigest()


def check_columns(config: Config, index: int, source: Source, table: Table) -> None:
    """Raise ConfigError where `columns:` names a column that the table does not have."""
    allowed = [column.name for column in table.columns]
    problems = [
        config.origin.unknown(("sources", index, "columns", name), allowed)
        for name in source.columns
        if name not in allowed
    ]
    if problems:
        raise ConfigError(problems)


def known_files(warehouse: Warehouse) -> dict[str, list[Known]]:
    """Return the files that were landed before, by table."""
    with warehouse.read() as connection:
        rows = connection.execute(
            "select table_name, file_id, path, sha256, n_bytes, mtime_ns, mapping_sha256"
            " from landed__files"
        ).fetchall()
    known: dict[str, list[Known]] = {}
    for table, *row in rows:
        known.setdefault(table, []).append(Known(*row))
    return known
