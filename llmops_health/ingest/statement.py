"""One query per group of files: raw columns -> contract columns, behaviours, day, fault.

Built from the contract and a source's `columns:`; nothing here runs it. Expressions are the
user's own SQL from the configuration; file contents never become part of a statement.

The query is a stack of projections, so that each value is computed once: `given` (the user's
expressions), `valued` (casts), `judged` (cheap doubts), `cleaned` (redaction), the starts of texts,
and on top what is stored. DuckDB evaluates a branch of CASE only for the rows that come to it: the
exact rules cost nothing where no row is suspect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from llmops_health.columns import sha256_column
from llmops_health.contract import Table, derived_columns, starts
from llmops_health.ingest import coerce, readers
from llmops_health.ingest.coerce import Coerced, fault, literal, quoted
from llmops_health.ingest.expressions import Given, give
from llmops_health.ingest.readers import PATH, ROW_NUMBER
from llmops_health.text.redact import redact_expression

ROW_KEY = "row_key"


@dataclass(frozen=True, slots=True)
class Statement:
    """One batch's query: file_id, fault, day, row key, stored columns, text columns.

    Where texts are kept, whoever reads the rows makes their hashes and `prompt_key` of them.
    """

    table: Table
    select: str
    keeps_text: bool
    unknown: tuple[str, ...] = ()  # columns of the files that go to `attributes`


def needs_row_numbers(mapping: Mapping[str, str], where: str | None = None) -> bool:
    """Whether an expression uses the row's number in its file."""
    return any(ROW_NUMBER in expression for expression in [*mapping.values(), where or ""])


def build(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    paths: Mapping[Path, int],
    file_format: readers.Format,
    mapping: Mapping[str, str],
    content: str,
    *,
    where: str | None = None,
    numbered: bool = False,
    judged: Collection[str] | None = None,
) -> Statement:
    """Return the query over a group of files, given with their ids.

    Where the columns that are wrong somewhere are known (`judged`), no others are looked at for
    faults; '' stands for the row as a whole.

    Raises
    ------
    ExpressionError
        If an expression of `mapping` does not fit the files' columns.
    """
    numbered = numbered or needs_row_numbers(mapping, where)
    contract = {column.name for column in table.columns} - set(mapping)
    found = readers.columns(connection, list(paths), file_format, sorted(contract))
    given = give(
        connection, table, list(paths), file_format, found, mapping, where, numbered=numbered
    )
    coerced = {
        column.name: (
            coerce.coerce(
                column,
                quoted(f"_{column.name}"),
                given.types[column.name],
                is_event_time=column.name == table.time,
            )
            if column.name in given.types
            else coerce.absent(column)
        )
        for column in table.columns
    }
    has_text = any(name in given.types for name in table.text_columns)
    keeps_text = has_text and content != "none"
    if judged is not None and "" not in judged:
        coerced = {
            name: one if name in judged else Coerced(one.value, None, (), one.shown)
            for name, one in coerced.items()
        }
    sizes = _sizes(coerced) if judged is None or "" in judged else []
    number = f", {ROW_NUMBER}" if numbered else ""
    at = f"{PATH}{number}"
    doubts = ", ".join([*given.raw, *given.doubts]) or "null as no_column"
    select = f"""
        select {_file_id(paths)} as file_id{number}, fault, {_day(table)} as day,
            {_row_key(table)} as {ROW_KEY}, {_stored(table, content, keeps_text=keeps_text)}
        from (
            select *, {_starts(table)}
            from (
                select {at}, attributes, {_passed_on(table)}, {_cleaned(table, given, content)},
                    case when suspect then {_fault(table, coerced, given, sizes)} end as fault
                from (
                    select *, {_suspect(coerced, given, sizes)} as suspect
                    from (
                        select {at}, attributes, {doubts}, {_valued(table, coerced)}
                        from (
                            select {at}, {given.attributes} as attributes, {given.listed}
                            from {given.relation}
                        )
                    )
                )
            )
        )
    """
    return Statement(table, select, keeps_text, given.unknown)


def _valued(table: Table, coerced: Mapping[str, Coerced]) -> str:
    return ", ".join(f"{coerced[column.name].value} as {column.name}" for column in table.columns)


def _sizes(coerced: Mapping[str, Coerced]) -> list[str]:
    return [*(one.n_bytes for one in coerced.values() if one.n_bytes), "strlen(attributes)"]


def _suspect(coerced: Mapping[str, Coerced], given: Given, sizes: Sequence[str]) -> str:
    doubts = [one.suspect for one in coerced.values() if one.suspect]
    return coerce.suspect_expression([*doubts, *given.suspects], sizes)


def _fault(table: Table, coerced: Mapping[str, Coerced], given: Given, sizes: Sequence[str]) -> str:
    extra = list(given.faults)
    if sizes:
        size = " + ".join(f"coalesce({one}, 0)" for one in sizes)
        reason = f"row longer than {coerce.MAX_ROW_BYTES // 2**20} MiB"
        broken = fault("", reason, literal(""))
        extra.insert(0, f"when {size} > {coerce.MAX_ROW_BYTES} then {broken}")
    return coerce.fault_expression(table, coerced, extra)


def _passed_on(table: Table) -> str:
    return ", ".join(
        f"{coerce.stored(column)} as {column.name}"
        for column in table.columns
        if column.name not in table.text_columns
    )


def _cleaned(table: Table, given: Given, content: str) -> str:
    redacts = content == "redacted"
    return ", ".join(
        f"{redact_expression(name) if redacts and name in given.types else name} as {name}"
        for name in table.text_columns
    ) or "null as no_text"  # fmt: skip


def _starts(table: Table) -> str:
    return (
        ", ".join(f"{sql} as {name}" for name, sql in starts(table).items()) or "null as no_start"
    )


def _stored(table: Table, content: str, *, keeps_text: bool) -> str:
    derived = derived_columns(table)
    hashes = {sha256_column(name) for name in table.text_columns}
    parts: list[str] = []
    for name, kind in table.stored_columns.items():
        if name == "prompt_key" and keeps_text:
            parts.append(f"null::{kind} as {name}")
        elif name in derived:
            parts.append(f"({derived[name][1]})::{kind} as {name}")
        elif name not in hashes:
            parts.append(name)
        elif not keeps_text:
            parts.append(f"null::varchar as {name}")
    if content != "none":
        parts += table.text_columns
    return ", ".join(parts)


def _file_id(paths: Mapping[Path, int]) -> str:
    listed = ", ".join(literal(str(path)) for path in paths)
    ids = ", ".join(str(file_id) for file_id in paths.values())
    return f"[{ids}][list_position([{listed}], {PATH})]::bigint"


def _row_key(table: Table) -> str:
    required = {column.name for column in table.columns if column.required}
    parts = ", ".join(
        name if name in required else f"coalesce({name}::varchar, chr(0))"
        for name in table.identity
    )
    identity = parts if len(table.identity) == 1 else f"concat_ws(chr(31), {parts})"
    return f"(md5_number_lower({identity}) >> 1)::bigint"


def _day(table: Table) -> str:
    return f"{table.time}::date" if table.time else "null::date"
