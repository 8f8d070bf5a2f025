"""Files as DuckDB relations: every column as text, names sniffed, types never guessed from values.

A JSON line that cannot be read comes as a row of nulls and is refused by the rules; a CSV row that
cannot be split is written to a rejects table by DuckDB. Nothing here refuses a row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb

from llmops_health.ingest import sampling
from llmops_health.ingest.coerce import literal, quoted
from llmops_health.ingest.quarantine import Dialect

Format = Literal["jsonl", "csv", "parquet"]
PATH = "__path"
ROW_NUMBER = "file_row_number"
LONGEST_LINE = 16 * 1024 * 1024
_SNIFFED_ROWS = 20_480


@dataclass(frozen=True, slots=True)
class FileColumns:
    """Names of a group of files' columns, and the type under which expressions see each.

    `pointers` is given where JSON keys cannot all be names of one SQL relation (empty, or equal
    but for case): the JSON pointer of each column.
    """

    types: dict[str, str]
    pointers: dict[str, str] = field(default_factory=dict)

    def named_in(self, expression: str) -> set[str]:
        """Return the columns that an SQL expression speaks of."""
        expression = re.sub(r"'(?:[^']|'')*'", "''", expression)
        words = {word.lower() for word in re.findall(r"\w+", expression)}
        spoken = {
            quotation.replace('""', '"').lower()
            for quotation in re.findall(r'"((?:[^"]|"")+)"', expression)
        }
        return {name for name in self.types if name.lower() in words or name.lower() in spoken}


def row_format(file_format: str) -> Format:
    """Return how files of a configured format are written once they are rows."""
    match file_format:
        case "csv" | "parquet":
            return file_format
        case _:
            return "jsonl"


def columns(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    file_format: Format,
    contract: Collection[str],
) -> FileColumns:
    """Return the columns of files, from their header, footer or samples of their rows.

    Columns of the contract that no sampled JSON line has are listed too: they may come later.
    """
    match file_format:
        case "parquet":
            relation = connection.sql(f"select * from {_parquet(paths)} limit 0")
            listed = zip(relation.columns, relation.types, strict=True)
            return FileColumns({name: str(kind) for name, kind in listed if name != PATH})
        case "csv":
            relation = connection.sql(f"select * from {_csv(paths, keep_rejects=False)} limit 0")
            names = [name for name in relation.columns if name != PATH]
            return FileColumns(_csv_types(connection, paths, names))
        case "jsonl":
            return _json_columns(sampling.json_keys(paths), contract)


def relation(
    paths: Sequence[Path],
    file_format: Format,
    found: FileColumns,
    *,
    as_json: Collection[str],
    numbered: bool,
) -> str:
    """Return a FROM item: the files' columns as text (Parquet: typed), path, row numbers if asked.

    `filename` and `file_row_number` are there for expressions, where the files do not have columns
    of these names themselves.
    """
    if file_format == "parquet":
        source = _parquet(paths, numbered=numbered and ROW_NUMBER not in found.types)
        number = ""
    else:
        source = _csv(paths) if file_format == "csv" else _json(paths, found, as_json)
        is_ours = numbered and ROW_NUMBER not in found.types
        number = f", row_number() over () - 1 as {ROW_NUMBER}" if is_ours else ""
    path = "" if "filename" in found.types else f", {PATH} as filename"
    return f"(select *{path}{number} from {source})"


def typed(name: str, kind: str) -> str:
    """Return the expression under which a text column appears to the user's expressions."""
    return quoted(name) if kind == "VARCHAR" else f"try_cast({quoted(name)} as {kind})"


def csv_dialect(connection: duckdb.DuckDBPyConnection, path: Path) -> Dialect:
    """Return how a CSV file is written, as `relation` reads it."""
    row = connection.execute(
        "select delimiter, quote, escape, skiprows from sniff_csv($path, header = true,"
        " all_varchar = true, strict_mode = true, ignore_errors = true)",
        {"path": str(path)},
    ).fetchone()
    delimiter, quote, escape, skipped = row or (",", '"', '"', 0)
    unset = ("", "(empty)", "\0", None)
    return Dialect(
        delimiter,
        '"' if quote in unset else quote,
        "" if escape in unset else escape,
        int(skipped),
    )


def _csv_types(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], names: Sequence[str]
) -> dict[str, str]:
    """Return the types under which expressions see CSV columns; 007 is text, not a number."""
    counts = ", ".join(
        f"count({q}), count(try_cast({q} as double)),"
        f" count(case when try_cast({q} as bigint)::double = try_cast({q} as double) then 1 end),"
        f" count(case when regexp_matches({q}, '^-?0[0-9]') then 1 end)"
        for q in map(quoted, names)
    )
    row = connection.execute(
        f"select {counts} from"
        f" (select * from {_csv(paths, keep_rejects=False)} limit {_SNIFFED_ROWS})"
    ).fetchone()
    found: dict[str, str] = {}
    for i, name in enumerate(names):
        given, doubles, whole, padded = row[4 * i : 4 * i + 4] if row else (0, 0, 0, 0)
        is_number = given > 0 and given == doubles and not padded
        found[name] = ("BIGINT" if whole == given else "DOUBLE") if is_number else "VARCHAR"
    return found


def _json_columns(sampled: Mapping[str, str], contract: Collection[str]) -> FileColumns:
    types: dict[str, str] = {}
    pointers: dict[str, str] = {}
    taken = {name.lower() for name in (*contract, PATH)}
    plain = True
    for key, kind in sampled.items():
        name = key
        if "\0" in key:  # no SQL text can name it
            continue
        if key not in contract and (not key or key.lower() in taken):
            plain = False
            others = (f"{key} ({n})" for n in range(2, len(sampled) + 3))
            name = next(other for other in others if other.lower() not in taken)
        taken.add(name.lower())
        types[name] = kind
        pointers[name] = "/" + key.replace("~", "~0").replace("/", "~1")
    for name in contract:
        types.setdefault(name, "VARCHAR")
        pointers.setdefault(name, "/" + name)
    return FileColumns(types, {} if plain else pointers)


def _json(paths: Sequence[Path], found: FileColumns, as_json: Collection[str]) -> str:
    options = (
        f"{_listed(paths)}, format = 'newline_delimited', ignore_errors = true,"
        f" filename = '{PATH}', maximum_object_size = {LONGEST_LINE}"
    )
    if found.pointers:
        listed = ", ".join(
            f"nullif(json -> {literal(pointer)}, 'null') as {quoted(name)}"
            if name in as_json
            else f"json ->> {literal(pointer)} as {quoted(name)}"
            for name, pointer in found.pointers.items()
        )
        return f"(select {PATH}, {listed} from read_json_objects({options}))"
    listed = ", ".join(
        f"{quoted(name)}: '{'JSON' if name in as_json else 'VARCHAR'}'" for name in found.types
    )
    return f"read_json({options}, records = 'true', columns = {{{listed}}})"


def _csv(paths: Sequence[Path], *, keep_rejects: bool = True) -> str:
    refused = (
        "store_rejects = true, rejects_table = 'csv_rejects', rejects_scan = 'csv_scans'"
        if keep_rejects
        else "ignore_errors = true"
    )
    return (
        f"read_csv({_listed(paths)}, header = true, all_varchar = true, filename = '{PATH}',"
        f" strict_mode = true, max_line_size = {LONGEST_LINE}, {refused})"
    )


def _parquet(paths: Sequence[Path], *, numbered: bool = False) -> str:
    number = ", file_row_number = true" if numbered else ""
    return f"read_parquet({_listed(paths)}, filename = '{PATH}', union_by_name = true{number})"


def _listed(paths: Sequence[Path]) -> str:
    return f"[{', '.join(literal(str(path)) for path in paths)}]"
