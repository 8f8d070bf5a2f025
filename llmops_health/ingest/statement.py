"""One query per group of files: raw columns -> contract columns, hashes, behaviours, day, fault.

Built from the contract and a source's `columns:`; nothing here runs it. Expressions are the
user's own SQL from the configuration; file contents never become part of a statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from llmops_health.contract import Column, Kind, Table, derived_columns, sha256_column
from llmops_health.ingest import readers
from llmops_health.ingest.coerce import (
    MAX_ROW_BYTES,
    Coerced,
    absent,
    coerce,
    fault_expression,
    quoted,
)
from llmops_health.text.redact import redact_expression

ROW_NUMBER = "file_row_number"


class ExpressionError(ValueError):
    """A `columns:` expression that DuckDB cannot bind to the files' columns."""

    def __init__(self, column: str, expression: str, said: str, known: Sequence[str]) -> None:
        """Keep which column, so that the caller can name the configuration key."""
        self.column = column
        first_line = said.splitlines()[0] if said else ""
        super().__init__(
            f"`{expression}` does not work on these files: {first_line}"
            f" Their columns are: {', '.join(known) or 'none'}."
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """The pieces of one batch's query."""

    table: Table
    select: str  # one row per file row: filename, fault, day, stored columns, text columns
    has_text: bool
    stored: tuple[str, ...]


def needs_row_numbers(mapping: Mapping[str, str]) -> bool:
    """Whether an expression uses the row's number in its file."""
    return any(ROW_NUMBER in expression for expression in mapping.values())


def build(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    paths: Sequence[Path],
    file_format: readers.Format,
    mapping: Mapping[str, str],
    content: str,
    *,
    numbered: bool = False,
) -> Statement:
    """Return the query over a group of files.

    Raises
    ------
    ExpressionError
        If an expression of `mapping` does not fit the files' columns.
    """
    found = readers.columns(connection, paths, file_format)
    known = {column.name for column in table.columns}
    spoken = {name for expr in mapping.values() for name in found.named_in(expr)}
    direct = {name for name in found.types if name in known and name not in mapping}
    unknown = [name for name in found.types if name not in direct and name not in spoken]
    numbered = numbered or needs_row_numbers(mapping)
    raw = readers.relation(
        paths, file_format, found, as_json=set(unknown), numbered=numbered
    )
    sources = _sources(connection, table, found, file_format, raw, mapping, direct, numbered)
    coerced = {
        column.name: (
            coerce(
                column,
                quoted(f"_{column.name}"),
                sources.types[column.name],
                is_event_time=column.name == table.time,
            )
            if column.name in sources.types
            else absent(column)
        )
        for column in table.columns
    }
    attributes = _attributes(unknown)
    texts = [name for name in table.text_columns if name in sources.types]
    has_text = bool(texts)
    too_long = " + ".join(
        f"coalesce(strlen({quoted('_' + name)}::varchar), 0)" for name in sources.types
    )
    extra = [
        f"when {too_long or '0'} + coalesce(strlen(attributes), 0) > {MAX_ROW_BYTES}"
        f" then concat_ws(chr(31), '', 'row longer than {MAX_ROW_BYTES // 2**20} MiB', '')",
        *sources.faults,
    ]
    coercions = ", ".join(
        f"{_stored_value(column, coerced[column.name])} as {column.name}"
        for column in table.columns
    )
    number = f", {ROW_NUMBER}" if numbered else ""
    select = f"""
        with sources as (
            select filename{number}, {attributes} as attributes, {sources.listed}
            from {sources.relation}
        ),
        coerced as (
            select filename{number}, attributes, {coercions},
                {fault_expression(table, coerced, extra)} as fault
            from sources
        ),
        cleaned as (
            select * replace ({_cleaned(texts, content) or 'filename as filename'}) from coerced
        )
        select filename{number}, fault, {_day(table)} as day,
            {_stored(table, content)}, {', '.join(table.text_columns) or 'null as no_text'}
        from cleaned
    """
    return Statement(table, select, has_text and content != "none", tuple(table.stored_columns))


@dataclass(frozen=True, slots=True)
class _Sources:
    """What each contract column is read from."""

    relation: str
    listed: str
    types: dict[str, str]
    faults: list[str]


def _sources(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    found: readers.FileColumns,
    file_format: readers.Format,
    raw: str,
    mapping: Mapping[str, str],
    direct: set[str],
    numbered: bool,  # noqa: FBT001
) -> _Sources:
    spoken = {name for expr in mapping.values() for name in found.named_in(expr)}
    # Expressions see numbers as numbers; the text beside them tells a refused value from a null.
    retyped = {
        name: found.types[name]
        for name in spoken
        if file_format != "parquet" and found.types[name] != "VARCHAR"
    }
    replaced = ", ".join(
        f"{readers.typed(name, kind)} as {quoted(name)}" for name, kind in retyped.items()
    )
    kept = "".join(f", {quoted(name)} as {quoted('__text_' + name)}" for name in retyped)
    relation = (
        f"(select * replace ({replaced}){kept} from {raw})" if retyped else raw
    )
    expressions = {name: expr for name, expr in mapping.items() if name in table_names(table)}
    listed = [f"{quoted(name)} as {quoted('_' + name)}" for name in sorted(direct)]
    listed += [f"try(({expr})) as {quoted('_' + name)}" for name, expr in expressions.items()]
    listed += [
        f"(try(({expr}) is null) is null) as {quoted('__failed_' + name)}"
        for name, expr in expressions.items()
    ]
    listed += [quoted("__text_" + name) for name in retyped]
    listed += [f"{quoted(name)} as {quoted('__typed_' + name)}" for name in retyped]
    types = {name: found.types[name] if file_format == "parquet" else "VARCHAR" for name in direct}
    for name, expr in expressions.items():
        types[name] = _type_of(connection, name, expr, relation, list(found.types))
    faults = [
        f"when {quoted('__text_' + name)} is not null and {quoted('__typed_' + name)} is null"
        f" then concat_ws(chr(31), {_text_literal(name)}, 'not {_plain(kind)}, as the file''s other"
        f" values are', left({quoted('__text_' + name)}, 120))"
        for name, kind in retyped.items()
    ]
    faults += [
        f"when {quoted('__failed_' + name)} then concat_ws(chr(31), '{name}',"
        f" 'its expression fails on this row', '')"
        for name in expressions
    ]
    del numbered
    return _Sources(relation, ", ".join(listed) or "null as nothing", types, faults)


def table_names(table: Table) -> set[str]:
    """Return the names that a source's `columns:` may map."""
    return {column.name for column in table.columns}


def _type_of(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    expression: str,
    relation: str,
    known: list[str],
) -> str:
    try:
        return str(connection.sql(f"select ({expression}) as x from {relation} limit 0").types[0])
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        raise ExpressionError(name, expression, str(error), known) from None


def _attributes(unknown: Sequence[str]) -> str:
    if not unknown:
        return "null::varchar"
    anything = " or ".join(f"{quoted(name)} is not null" for name in unknown)
    packed = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in unknown)
    return f"case when {anything} then to_json(struct_pack({packed}))::varchar end"


def _stored_value(column: Column, coerced: Coerced) -> str:
    if column.kind is Kind.PERSON:
        return f"person({coerced.value})"
    return coerced.value


def _cleaned(texts: Sequence[str], content: str) -> str:
    if content != "redacted":
        return ""
    return ", ".join(f"{redact_expression(name)} as {name}" for name in texts)


def _day(table: Table) -> str:
    return f"{table.time}::date" if table.time else "null::date"


def _stored(table: Table, content: str) -> str:
    derived = derived_columns(table)
    hashed = {sha256_column(name): name for name in table.text_columns}
    parts: list[str] = []
    for name, kind in table.stored_columns.items():
        if name in hashed:
            kept = f"sha256({hashed[name]})" if content != "none" else "null::varchar"
            parts.append(f"{kept} as {name}")
        elif name in derived:
            parts.append(f"({derived[name][1]})::{kind} as {name}")
        else:
            parts.append(name)
    return ", ".join(parts)


def _plain(kind: str) -> str:
    return {"DOUBLE": "a number", "BIGINT": "a whole number", "BOOLEAN": "true or false"}.get(
        kind, "JSON"
    )


def _text_literal(name: str) -> str:
    return "'" + name.replace("'", "''").replace("\x1f", " ") + "'"
