"""Files as DuckDB relations: every column as text, names sniffed, types never guessed from values.

A JSON line that cannot be read comes as a row of nulls and is refused by the rules; a CSV row that
cannot be split is written to a rejects table by DuckDB. Nothing here knows the contract.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from llmops_health.ingest.coerce import quoted

Format = Literal["jsonl", "csv", "parquet"]
SNIFFED_ROWS = 20_480
_NUMBERS = {"BIGINT", "UBIGINT", "DOUBLE"}
_NESTED = {"OBJECT", "ARRAY"}


@dataclass(frozen=True, slots=True)
class FileColumns:
    """Names of a group of files' columns, and the type under which expressions see each."""

    types: dict[str, str]

    def named_in(self, expression: str) -> set[str]:
        """Return the columns that an SQL expression speaks of."""
        words = {word.lower() for word in re.findall(r"\w+", expression)}
        spoken = {quotation.lower() for quotation in re.findall(r'"([^"]+)"', expression)}
        return {name for name in self.types if name.lower() in words or name.lower() in spoken}


def columns(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], file_format: Format
) -> FileColumns:
    """Return the columns of files, from their header, footer or first rows."""
    if file_format == "parquet":
        relation = connection.sql(f"select * from {_parquet(paths)} limit 0")
        listed = zip(relation.columns, relation.types, strict=True)
        return FileColumns(
            {name: str(kind) for name, kind in listed if name not in _VIRTUAL}
        )
    if file_format == "csv":
        relation = connection.sql(f"select * from {_csv(paths, keep_rejects=False)} limit 0")
        names = [name for name in relation.columns if name not in _VIRTUAL]
        return FileColumns(_csv_types(connection, paths, names))
    return FileColumns(_json_keys(connection, paths))


def relation(
    paths: Sequence[Path],
    file_format: Format,
    found: FileColumns,
    *,
    as_json: set[str],
    numbered: bool,
) -> str:
    """Return a FROM item with the files' columns as text, `filename`, and row numbers if asked."""
    if file_format == "parquet":
        return f"(select * from {_parquet(paths, numbered=numbered)})"
    source = _csv(paths) if file_format == "csv" else _json(paths, found, as_json)
    number = ", row_number() over () - 1 as file_row_number" if numbered else ""
    return f"(select *{number} from {source})"


def typed(name: str, kind: str) -> str:
    """Return the expression under which a text column appears to the user's expressions."""
    if kind in {"DOUBLE", "BIGINT", "UBIGINT", "BOOLEAN"}:
        return f"try_cast({quoted(name)} as {kind})"
    if kind == "JSON":
        return f"try_cast({quoted(name)} as json)"
    return quoted(name)


_VIRTUAL = {"filename", "file_row_number"}


def _csv_types(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], names: Sequence[str]
) -> dict[str, str]:
    """Return the types under which expressions see CSV columns; 007 is text, not a number."""
    if not names:
        return {}
    counts = ", ".join(
        f"count({q}), count(try_cast({q} as double)),"
        f" count(case when {q} not like '%.%' and {q} not ilike '%e%' then try_cast({q} as bigint) end),"
        f" count(case when regexp_matches({q}, '^-?0[0-9]') then 1 end)"
        for q in map(quoted, names)
    )
    row = connection.execute(
        f"select {counts} from"
        f" (select * from {_csv(paths, keep_rejects=False)} limit {SNIFFED_ROWS})"
    ).fetchone()
    found: dict[str, str] = {}
    for i, name in enumerate(names):
        given, doubles, bigints, padded = row[4 * i : 4 * i + 4] if row else (0, 0, 0, 0)
        numeric = given > 0 and given == doubles and not padded
        found[name] = ("BIGINT" if bigints == given else "DOUBLE") if numeric else "VARCHAR"
    return found


def _json_keys(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> dict[str, str]:
    rows = connection.execute(
        f"""
        select key, list(distinct kind order by kind) as kinds
        from (
            select
                key,
                json_type(json, '/' || replace(replace(key, '~', '~0'), '/', '~1')) as kind
            from (
                select json, unnest(json_keys(json)) as key
                from (
                    select json
                    from read_json_objects({_listed(paths)}, format = 'newline_delimited',
                        ignore_errors = true)
                    limit {SNIFFED_ROWS}
                )
                where json_type(json) = 'OBJECT'
            )
        )
        group by key
        order by key
        """
    ).fetchall()
    found: dict[str, str] = {}
    for key, kinds in rows:
        if key.lower() not in {name.lower() for name in found} and key not in _VIRTUAL and key:
            found[key] = _seen_as(set(kinds) - {"NULL", None})
    return found


def _seen_as(kinds: set[str]) -> str:
    if kinds and kinds <= _NESTED:
        return "JSON"
    if kinds == {"BOOLEAN"}:
        return "BOOLEAN"
    if kinds and kinds <= _NUMBERS:
        return "DOUBLE" if "DOUBLE" in kinds else "BIGINT"
    return "VARCHAR"


def _json(paths: Sequence[Path], found: FileColumns, as_json: set[str]) -> str:
    listed = ", ".join(
        f"{quoted(name)}: '{'JSON' if name in as_json else 'VARCHAR'}'" for name in found.types
    )
    # A file without one readable object still has rows to refuse.
    listed = listed or "\"call_id\": 'VARCHAR'"
    return (
        f"read_json({_listed(paths)}, format = 'newline_delimited', records = 'true',"
        f" ignore_errors = true, filename = true, columns = {{{listed}}})"
    )


def _csv(paths: Sequence[Path], *, keep_rejects: bool = True) -> str:
    refused = (
        "store_rejects = true, rejects_table = 'csv_rejects', rejects_scan = 'csv_scans'"
        if keep_rejects
        else "ignore_errors = true"
    )
    return (
        f"read_csv({_listed(paths)}, header = true, all_varchar = true, filename = true,"
        f" strict_mode = true, {refused})"
    )


def _parquet(paths: Sequence[Path], *, numbered: bool = False) -> str:
    number = ", file_row_number = true" if numbered else ""
    return f"read_parquet({_listed(paths)}, filename = true, union_by_name = true{number})"


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"
