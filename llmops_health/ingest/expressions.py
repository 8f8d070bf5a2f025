"""What each contract column is read from: a column of its name, or the user's expression.

Expressions see numbers as numbers, lists and objects as JSON. Where a value cannot be what the
file's others are, or an expression fails on a row, the row is refused; it never becomes a null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from llmops_health.contract import Table
from llmops_health.ingest import readers
from llmops_health.ingest.coerce import fault, literal, quoted
from llmops_health.ingest.readers import PATH, FileColumns

_PLAIN_TYPES = {"DOUBLE": "a number", "BIGINT": "a whole number", "BOOLEAN": "true or false"}
_NAME = re.compile(r'\s*(?:([A-Za-z_]\w*)|"((?:[^"]|"")+)")\s*')


WHERE = "where"  # stands for a column in errors


class ExpressionError(ValueError):
    """An expression of a source that DuckDB cannot bind to the files' columns."""

    def __init__(self, column: str, expression: str, said: str, known: Sequence[str]) -> None:
        """Keep which column, so that the caller can name the configuration key."""
        self.key = (WHERE,) if column == WHERE else ("columns", column)
        first_line = said.splitlines()[0] if said else ""
        super().__init__(
            f"`{expression}` does not work on these files: {first_line}"
            f" Their columns are: {', '.join(known) or 'none'}."
        )


@dataclass(frozen=True, slots=True)
class Given:
    """SQL over a group of files: raw columns named `_<column>`, beside what casts doubts on them.

    `attributes` is one JSON object of the unknown columns, null where all are null. `types` holds
    the raw columns by contract name. `raw` and `doubts` are their SQL names; `suspects` are
    conditions that hold where one of `faults` (WHEN branches) may.
    """

    relation: str
    listed: str
    unknown: tuple[str, ...]
    types: dict[str, str]
    doubts: list[str]
    suspects: list[str]
    faults: list[str]
    attributes: str

    @property
    def raw(self) -> list[str]:
        """Return the names of the raw columns."""
        return [quoted("_" + name) for name in self.types]


def give(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    paths: Sequence[Path],
    file_format: readers.Format,
    found: FileColumns,
    mapping: Mapping[str, str],
    where: str | None,
    *,
    numbered: bool,
) -> Given:
    """Return what the contract columns of `table` are read from.

    Rows for which `where` is not true are left out, but a line that cannot be read (all null)
    stays: it has to be refused, not forgotten.
    """
    contract = {column.name for column in table.columns}
    renamed = {name: column for name, expr in mapping.items() if (column := _column(expr, found))}
    expressions = {name: expr for name, expr in mapping.items() if name not in renamed}
    spoken_in = [*mapping.values(), *([where] if where else [])]
    spoken = {name for expr in spoken_in for name in found.named_in(expr)}
    direct = {name: name for name in found.types if name in contract and name not in mapping}
    sources = {**direct, **renamed}
    unknown = [name for name in found.types if name not in direct and name not in spoken]
    raw = readers.relation(paths, file_format, found, as_json=set(unknown), numbered=numbered)
    retyped = {
        name: kind
        for name, kind in found.types.items()
        if file_format != "parquet" and kind != "VARCHAR"
        if any(name in found.named_in(expr) for expr in [*expressions.values(), where or ""])
    }
    seen = f"(select *{_seen(retyped)} from {raw})" if retyped else raw
    if where:
        _type_of(connection, WHERE, where, seen, list(found.types))
        nothing = " and ".join(f"{quoted(name)} is null" for name in found.types) or "true"
        seen = (
            f"(select * from {seen} where coalesce(try(({where})::boolean), false) or ({nothing}))"
        )
    listed = [f"{_text_of(column, retyped)} as {quoted('_' + n)}" for n, column in sources.items()]
    types = {n: found.types[c] if file_format == "parquet" else "VARCHAR"
             for n, c in sources.items()}  # fmt: skip
    for name, expr in expressions.items():
        types[name] = _type_of(connection, name, expr, seen, list(found.types))
        # In a list a null that the expression gave can be told from a failure.
        tried = quoted("__tried_" + name)
        listed += [
            f"{tried}[1] as {quoted('_' + name)}",
            f"{tried} is null as {quoted('__failed_' + name)}",
        ]
    if expressions:
        tries = ", ".join(
            f"try([({e})]) as {quoted('__tried_' + n)}" for n, e in expressions.items()
        )
        seen = f"(select *, {tries} from {seen})"
    for name in retyped:
        listed += [
            f"{quoted('__text_' + name)}",
            f"{quoted(name)} as {quoted('__typed_' + name)}",
        ]
    return Given(
        relation=seen,
        listed=", ".join(listed) or "null as nothing",
        unknown=tuple(unknown),
        types=types,
        doubts=[quoted(f"__{what}_{name}") for name in retyped for what in ("text", "typed")]
        + [quoted("__failed_" + name) for name in expressions],
        suspects=[_misfits(name, kind) for name, kind in retyped.items()]
        + [quoted("__failed_" + name) for name in expressions],
        faults=[_misfit_fault(name, kind) for name, kind in retyped.items()]
        + [_failed_fault(name) for name in expressions],
        attributes=_attributes(unknown, file_format),
    )


def _column(expression: str, found: FileColumns) -> str | None:
    """Return the column that an expression is nothing but the name of."""
    match = _NAME.fullmatch(expression)
    if match is None:
        return None
    spoken = match[1] or match[2].replace('""', '"')
    exact = [name for name in found.types if name == spoken]
    return next(iter(exact + [n for n in found.types if n.lower() == spoken.lower()]), None)


def _seen(retyped: Mapping[str, str]) -> str:
    replaced = ", ".join(
        f"{readers.typed(name, kind)} as {quoted(name)}" for name, kind in retyped.items()
    )
    kept = "".join(f", {quoted(name)} as {quoted('__text_' + name)}" for name in retyped)
    return f" replace ({replaced}){kept}"


def _text_of(column: str, retyped: Mapping[str, str]) -> str:
    return quoted("__text_" + column) if column in retyped else quoted(column)


def _misfits(name: str, kind: str) -> str:
    text, value = quoted("__text_" + name), quoted("__typed_" + name)
    # A cast to bigint rounds 1.5 without a word.
    rounded = f" or {value}::double <> try_cast({text} as double)" if kind == "BIGINT" else ""
    return f"(({value} is null) <> ({text} is null){rounded})"


def _misfit_fault(name: str, kind: str) -> str:
    text = quoted("__text_" + name)
    reason = f"not {_PLAIN_TYPES.get(kind, 'JSON')}, as the file's other values are"
    given = f"trim({text}) <> ''"
    return (
        f"when {given} and {_misfits(name, kind)} then {fault(name, reason, f'left({text}, 120)')}"
    )


def _failed_fault(name: str) -> str:
    failed = quoted("__failed_" + name)
    return f"when {failed} then {fault(name, 'its expression fails on this row', literal(''))}"


def _type_of(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    expression: str,
    relation: str,
    known: Sequence[str],
) -> str:
    try:
        described = connection.sql(
            f"select {PATH}, try([({expression})])[1] as value from {relation} limit 0"
        )
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        raise ExpressionError(name, expression, str(error), known) from None
    return str(described.types[1])


def _attributes(unknown: Sequence[str], file_format: readers.Format) -> str:
    """Return the SQL of one JSON object; columns of JSON lines are JSON text already."""
    if not unknown:
        return "null::varchar"
    anything = " or ".join(f"{quoted(name)} is not null" for name in unknown)
    as_json = "{}" if file_format == "jsonl" else "to_json({})"
    members = " || ',' || ".join(
        f"{literal(json.dumps(name, ensure_ascii=False) + ':')}"
        f" || coalesce({as_json.format(quoted(name))}::varchar, 'null')"
        for name in unknown
    )
    return f"case when {anything} then '{{' || {members} || '}}' end"
