"""From a file's columns to the contract's: values, rules and faults, as DuckDB SQL.

Every raw value arrives as text (or typed, from Parquet) and leaves as its contract type; the first
rule a row breaks becomes its fault: column, reason and shortened value. Nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmops_health.contract import Column, Kind, Table

MAX_ROW_BYTES = 8 * 1024 * 1024
FIRST_DAY = "2020-01-01"
LAST_DAY = "2100-01-01"
FAULT_SEPARATOR = "\x1f"
_SHOWN = 120
_KEY_LIMIT = 512
_WORD_LIMIT = 65_536
_TRUE = "('true', 't', '1', 'yes')"
_FALSE = "('false', 'f', '0', 'no')"
_INTEGERS = {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT",
             "UTINYINT", "HUGEINT", "UHUGEINT"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coerced:
    """SQL of one contract column: its value, and the reason why a row's value is refused."""

    value: str
    faults: tuple[tuple[str, str], ...]  # (condition, reason)
    shown: str


def quoted(name: str) -> str:
    """Return a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def coerce(column: Column, source: str, source_type: str, *, is_event_time: bool) -> Coerced:
    """Return the SQL that turns `source`, an expression of DuckDB type `source_type`, into ours."""
    text = _as_text(source, source_type)
    value = _value(column, source, source_type, text)
    faults: list[tuple[str, str]] = []
    given = f"{text} is not null and trim({text}) <> ''"
    if column.required:
        faults.append((f"not coalesce({given}, false)", "missing"))
    faults += [
        (f"{given} and {condition}", reason)
        for condition, reason in _rules(column, value, text, is_event_time=is_event_time)
    ]
    if column.default is not None:
        value = f"coalesce({value}, '{column.default}')"
        if column.sql_type != "varchar":
            value = f"{value}::{column.sql_type}"
    return Coerced(value, tuple(faults), f"left({text}, {_SHOWN})")


def absent(column: Column) -> Coerced:
    """Return the SQL of a column that the file does not have."""
    default = "null" if column.default is None else f"'{column.default}'"
    missing = (("true", "missing"),) if column.required else ()
    return Coerced(f"{default}::{column.sql_type}", missing, "null::varchar")


def fault_expression(table: Table, coerced: Mapping[str, Coerced], extra: list[str]) -> str:
    """Return one CASE that gives a row's first fault, or null: column, reason, value."""
    branches = [
        f"when {condition} then concat_ws(chr(31), '{column.name}', '{reason}',"
        f" {coerced[column.name].shown})"
        for column in table.columns
        for condition, reason in coerced[column.name].faults
    ]
    branches = extra + branches
    return f"case {' '.join(branches)} end" if branches else "null::varchar"


def _as_text(source: str, source_type: str) -> str:
    if source_type == "VARCHAR":
        return source
    if source_type == "JSON":
        return f"(case when json_type({source}) = 'VARCHAR' then {source} ->> '$' else {source}::varchar end)"
    if source_type.endswith("]") or source_type.startswith(("STRUCT", "MAP")):
        return f"to_json({source})::varchar"
    if source_type == "BLOB":
        return f"try_cast({source} as varchar)"
    return f"{source}::varchar"


def _value(column: Column, source: str, source_type: str, text: str) -> str:
    match column.kind:
        case Kind.NUMBER | Kind.UNIT:
            return source if source_type == "DOUBLE" else f"try_cast({text} as double)"
        case Kind.COUNT | Kind.INTEGER:
            if source_type in _INTEGERS:
                return f"try_cast({source} as bigint)"
            return _whole_number(text)
        case Kind.FLAG:
            if source_type == "BOOLEAN":
                return source
            return (
                f"case when lower(trim({text})) in {_TRUE} then true"
                f" when lower(trim({text})) in {_FALSE} then false end"
            )
        case Kind.TIME:
            return _time(source, source_type, text)
        case Kind.JSON:
            return f"nullif({text}, '')"
        case Kind.NAMES:
            return (
                f"case when trim({text}) = '' then null"
                f" when json_valid({text}) and json_type({text}) = 'ARRAY' then {text}"
                f" when json_valid({text}) then json_array(json({text}))::varchar"
                f" else json_array({text})::varchar end"
            )
        case Kind.TEXT:
            return text
        case _:
            return f"nullif(trim({text}), '')"


def _whole_number(text: str) -> str:
    as_double = f"try_cast({text} as double)"
    # A cast to bigint would round 1.5 without a word.
    return (
        f"coalesce(case when {text} not like '%.%' and {text} not like '%e%'"
        f" then try_cast({text} as bigint) end,"
        f" case when {as_double} = floor({as_double}) then try_cast({as_double} as bigint) end)"
    )


def _time(source: str, source_type: str, text: str) -> str:
    if source_type.startswith("TIMESTAMP WITH TIME ZONE"):
        return f"timezone('UTC', {source})"
    if source_type.startswith("TIMESTAMP") or source_type == "DATE":
        return f"{source}::timestamp"
    number = f"try_cast({text} as double)"
    micros = (
        f"case when abs({number}) < 1e11 then {number} * 1e6 when abs({number}) < 1e14"
        f" then {number} * 1e3 when abs({number}) < 1e17 then {number} else {number} / 1e3 end"
    )
    # A cast to TIMESTAMP would drop an offset without a word; to TIMESTAMPTZ it does not.
    return (
        f"case when {number} is not null then try(make_timestamp(({micros})::bigint))"
        f" else timezone('UTC', try_cast({text} as timestamptz)) end"
    )


def _rules(
    column: Column, value: str, text: str, *, is_event_time: bool
) -> list[tuple[str, str]]:
    wrong_type = {
        Kind.NUMBER: "not a finite number",
        Kind.UNIT: "not a number",
        Kind.COUNT: "not a whole number",
        Kind.INTEGER: "not a whole number",
        Kind.FLAG: "not true or false",
        Kind.TIME: "not a time: ISO 8601 or epoch is needed",
        Kind.JSON: "not JSON",
    }.get(column.kind)
    rules: list[tuple[str, str]] = []
    match column.kind:
        case Kind.NUMBER:
            rules.append((f"not coalesce(isfinite({value}), false)", str(wrong_type)))
        case Kind.UNIT:
            rules.append((f"{value} is null", str(wrong_type)))
            rules.append((f"not ({value} between 0 and 1)", "must lie in 0 to 1"))
        case Kind.COUNT:
            rules.append((f"{value} is null", str(wrong_type)))
            rules.append((f"{value} < 0", "must not be negative"))
        case Kind.JSON:
            rules.append((f"not json_valid({text})", str(wrong_type)))
        case Kind.INTEGER | Kind.FLAG:
            rules.append((f"{value} is null", str(wrong_type)))
        case Kind.TIME:
            first = FIRST_DAY if is_event_time else "1970-01-01"
            rules.append((f"{value} is null", str(wrong_type)))
            rules.append(
                (
                    f"not ({value} >= timestamp ''{first}'' and {value} < timestamp ''{LAST_DAY}'')".replace("''", "'"),
                    f"must lie between {first} and {LAST_DAY}",
                )
            )
        case Kind.KEY:
            rules.append((f"length({text}) > {_KEY_LIMIT}", f"longer than {_KEY_LIMIT} characters"))
        case Kind.WORD | Kind.PERSON if not column.among:
            rules.append(
                (f"length({text}) > {_WORD_LIMIT}", f"longer than {_WORD_LIMIT} characters")
            )
        case _:
            pass
    if column.among:
        allowed = ", ".join(f"'{word}'" for word in column.among)
        listed = " | ".join(column.among)
        rules.append((f"{value} not in ({allowed})", f"must be one of {listed}"))
    return rules
