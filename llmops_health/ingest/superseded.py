"""What a changed list takes away: it says what there is, and is no log of what was.

Lists are documents of other tools, and native files of components and their edges.

Parts that it no longer names go, and so does what it said before of a part under the same identity.
A part that it names under another identity, as another hash or version, stays beside its new form:
that is its history. Edges have none. Of a document that can no longer be read nothing goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from llmops_health.config import Source
from llmops_health.contract import Table
from llmops_health.ingest.files import Found
from llmops_health.ingest.translate import LISTED, is_document
from llmops_health.storage.staging import Staged

if TYPE_CHECKING:
    from llmops_health.ingest.enter import Entry

AGAIN = "again:"
"""Before a file's `mapping_sha256`: it is to be read again, since a row that it shares has gone."""

_CARRIED = "carried_times"


def is_list(source: Source) -> bool:
    """Whether a source's files say what there is, so that a changed one replaces what it said."""
    return is_document(source.format) or source.table in {"components", "component_edges"}


def former_ids(connection: duckdb.DuckDBPyConnection, table: Table, file: Found) -> list[int]:
    """Return the ids under which versions of a document were landed before, as it is mapped."""
    if file.known is None:
        return []
    rows = connection.execute(
        "select file_id from landed__files where table_name = $table and path in ($path,"
        " $path || ' (before)') and mapping_sha256 in ($mapping, $again || $mapping)",
        {
            "table": table.name,
            "path": str(file.path),
            "mapping": file.known.mapping_sha256.removeprefix(AGAIN),
            "again": AGAIN,
        },
    ).fetchall()
    return [file_id for (file_id,) in rows]


def take_away(
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    staged: Staged | None,
    batch: int,
) -> None:
    """Remove what changed documents said before and no longer say; call before rows enter."""
    table = entry.table
    landed = f"landed__{table.name}"
    identity = ", ".join(name for name in table.identity if name != LISTED)
    if LISTED in table.stored_columns:
        connection.execute(
            f"create temp table {_CARRIED} as select 0::bigint as new_id, {identity}, {LISTED}"
            f" from {landed} limit 0"
        )
    for file, new_id in entry.changed:
        former = former_ids(connection, table, file)
        good = "(select * from {} where {} and file_id = {})".format(
            *((staged.rows(), "fault is null") if staged else (landed, "false")), int(new_id)
        )
        if LISTED in table.stored_columns:
            connection.execute(
                f"insert into {_CARRIED} select $id, {identity}, {LISTED}"
                f" from {landed} where file_id in (select unnest($ids))",
                {"id": new_id, "ids": former},
            )
        is_mapped_anew = file.known is not None and file.known.mapping_sha256 != entry.mapping
        has_history = "component_id" in table.stored_columns and not is_mapped_anew
        named = f"l.component_id in (select component_id from {good})" if has_history else "false"
        gone = connection.execute(
            f"delete from {landed} as l where file_id in (select unnest($ids)) and (not ({named})"
            f" or exists (select 1 from {good} as s where {_same(table, 'l', 's')})) returning 1",
            {"ids": former},
        ).fetchall()
        if gone:
            connection.execute(
                "insert into landed__days values ($table, null, $batch)",
                {"table": table.name, "batch": batch},
            )
            _read_others_again(connection, table, former)


def carry_times(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Keep when a part was first listed, where the same part is listed anew; call once rows are in.

    A part without that time was always known.
    """
    if LISTED not in table.stored_columns:
        return
    connection.execute(
        f"update landed__{table.name} as l set {LISTED} = c.{LISTED} from {_CARRIED} as c"
        f" where l.file_id = c.new_id and {_same(table, 'l', 'c')}"
        f" and (c.{LISTED} is null or c.{LISTED} < l.{LISTED})"
    )
    connection.execute(f"drop table {_CARRIED}")


def _read_others_again(
    connection: duckdb.DuckDBPyConnection, table: Table, former: Sequence[int]
) -> None:
    """Have files read again that brought a row which another file had brought before."""
    connection.execute(
        "update landed__files set mapping_sha256 = $again || mapping_sha256"
        " where table_name = $table and n_duplicates > 0 and file_id not in (select unnest($ids))"
        " and not starts_with(mapping_sha256, $again) and not suffix(path, ' (before)')",
        {"table": table.name, "ids": list(former), "again": AGAIN},
    )


def _same(table: Table, one: str, other: str) -> str:
    names = (name for name in table.identity if name != LISTED)
    pairs = (f"{one}.{name} is not distinct from {other}.{name}" for name in names)
    return " and ".join(pairs)
