"""From a file's columns to the contract's: values, rules and faults, as DuckDB SQL.

Every raw value arrives as text (or typed, from Parquet) and leaves as its contract type. A row is
judged twice. `suspect` is a few cheap booleans that hold for every row that may break a rule, and
for some that do not; only such rows meet `faults`, the exact rules, of which the first that is
broken becomes the row's fault: column, reason and shortened value. Nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llmops_health.columns import Column, Kind
from llmops_health.contract import FIRST_DAY, Table
from llmops_health.storage.staging import FAULT_SEPARATOR

MAX_ROW_BYTES = 8 * 1024 * 1024
LAST_DAY = "2100-01-01"
_SHOWN = 120
_KEY_LIMIT = 512
_WORD_LIMIT = 65_536
_TRUE = "('true', 't', '1', 'yes')"
_FALSE = "('false', 'f', '0', 'no')"
_INTEGERS = frozenset({
    "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT",
    "HUGEINT", "UHUGEINT",
})  # fmt: skip
_BOUNDLESS = frozenset({Kind.TEXT, Kind.JSON, Kind.NAMES})
_LIMITS = {Kind.KEY: _KEY_LIMIT, Kind.WORD: _WORD_LIMIT, Kind.PERSON: _WORD_LIMIT}
_WRONG_TYPE = {
    Kind.NUMBER: "not a finite number",
    Kind.UNIT: "not a number",
    Kind.COUNT: "not a whole number",
    Kind.INTEGER: "not a whole number",
    Kind.FLAG: "not true or false",
    Kind.TIME: "not a time: ISO 8601 or epoch is needed",
    Kind.JSON: "not JSON",
}


@dataclass(frozen=True, slots=True)
class Coerced:
    """SQL of one contract column.

    `value` reads the raw column; `suspect` and `faults` are (condition, reason) over the raw
    column and the value, which goes by the contract column's name.
    """

    value: str
    suspect: str | None
    faults: tuple[tuple[str, str], ...]
    shown: str
    n_bytes: str | None = None


def quoted(name: str) -> str:
    """Return a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def fault(column: str, reason: str, shown: str) -> str:
    """Return the SQL of a fault: what `quarantine.from_fault` takes apart."""
    cleaned = literal(column.replace(FAULT_SEPARATOR, " "))
    return f"concat_ws(chr(31), {cleaned}, {literal(reason)}, {shown})"


def coerce(column: Column, raw: str, raw_type: str, *, is_event_time: bool) -> Coerced:
    """Return the SQL that turns `raw`, a column of DuckDB type `raw_type`, into ours."""
    text = as_text(raw, raw_type)
    given = f"{raw} is not null and trim({text}) <> ''"
    faults = [(f"not coalesce({given}, false)", "missing")] if column.required else []
    faults += [
        (f"{given} and {condition}", reason)
        for condition, reason in _rules(column, text, is_event_time=is_event_time)
    ]
    is_text = raw_type == "VARCHAR"
    return Coerced(
        _value(column, raw, raw_type, text),
        _suspect(column, raw, raw_type, is_event_time=is_event_time),
        tuple(faults),
        f"left({text}, {_SHOWN})",
        f"strlen({raw})" if is_text and column.kind in _BOUNDLESS else None,
    )


def absent(column: Column) -> Coerced:
    """Return the SQL of a column that the file does not have."""
    missing = (("true", "missing"),) if column.required else ()
    return Coerced(
        f"null::{column.sql_type}", "true" if column.required else None, missing, "null::varchar"
    )


def stored(column: Column) -> str:
    """Return the SQL of what is stored, over the value by its name."""
    if column.kind is Kind.PERSON:
        return f"person({column.name})"
    if column.default is not None:
        return f"coalesce({column.name}, {literal(column.default)}::{column.sql_type})"
    return column.name


def suspect_expression(doubts: Iterable[str], sizes: Sequence[str]) -> str:
    """Return one boolean: whether a row may break a rule. `sizes` are bytes of boundless values."""
    conditions = list(doubts)
    if sizes:
        conditions.append(f"greatest({', '.join(sizes)}) > {MAX_ROW_BYTES // (len(sizes) + 1)}")
    return f"coalesce({' or '.join(f'({one})' for one in conditions) or 'false'}, false)"


def fault_expression(table: Table, coerced: Mapping[str, Coerced], extra: Iterable[str]) -> str:
    """Return one CASE that gives a row's first fault, or null: column, reason, value."""
    branches = [
        f"when {condition} then {fault(column.name, reason, coerced[column.name].shown)}"
        for column in table.columns
        for condition, reason in coerced[column.name].faults
    ]
    branches = [*extra, *branches]
    return f"case {' '.join(branches)} end" if branches else "null::varchar"


def as_text(raw: str, raw_type: str) -> str:
    """Return the SQL of a raw column's value as text."""
    if raw_type == "VARCHAR":
        return raw
    if raw_type == "JSON":
        is_text = f"json_type({raw}) = 'VARCHAR'"
        return f"(case when {is_text} then {raw} ->> '$' else {raw}::varchar end)"
    if raw_type.endswith("]") or raw_type.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({raw})::varchar"
    return f"{raw}::varchar"


def _value(column: Column, raw: str, raw_type: str, text: str) -> str:
    match column.kind:
        case Kind.NUMBER | Kind.UNIT:
            value = raw if raw_type == "DOUBLE" else f"try_cast({text} as double)"
        case Kind.COUNT | Kind.INTEGER:
            value = _whole(raw, raw_type, text)
        case Kind.FLAG:
            value = raw if raw_type == "BOOLEAN" else _flag(text)
        case Kind.TIME:
            value = _time(raw, raw_type, text)
        case Kind.JSON:
            value = f"nullif({text}, '')"
        case Kind.NAMES:
            value = _names(text)
        case Kind.TEXT:
            value = text
        case Kind.KEY | Kind.WORD | Kind.PERSON:
            # Only what is empty, or begins or ends with a space, is worth a trimmed copy.
            odd = f"{text} < '!' or suffix({text}, ' ')"
            value = f"case when {odd} then nullif(trim({text}), '') else {text} end"
    return value


def _flag(text: str) -> str:
    word = f"lower(trim({text}))"
    return f"case when {word} in {_TRUE} then true when {word} in {_FALSE} then false end"


def _names(text: str) -> str:
    is_list = f"json_valid({text}) and json_type({text}) = 'ARRAY'"
    return (
        f"case when trim({text}) = '' then null when {is_list} then {text}"
        f" when {text} is not null then json_array({text})::varchar end"
    )


def _whole(raw: str, raw_type: str, text: str) -> str:
    if raw_type in _INTEGERS:
        return f"try_cast({raw} as bigint)"
    # A cast to bigint rounds 1.5 without a word: the rules compare it with the double.
    return f"try_cast({text} as bigint)"


def _time(raw: str, raw_type: str, text: str) -> str:
    if raw_type == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {raw})"
    if raw_type.startswith("TIMESTAMP") or raw_type == "DATE":
        return f"{raw}::timestamp"
    number = f"try_cast({text} as double)"
    micros = (
        f"case when abs({number}) < 1e11 then {number} * 1e6 when abs({number}) < 1e14"
        f" then {number} * 1e3 when abs({number}) < 1e17 then {number} else {number} / 1e3 end"
    )
    # A cast to TIMESTAMP drops an offset without a word; to TIMESTAMPTZ it does not.
    return (
        f"coalesce(timezone('UTC', try_cast({text} as timestamptz)),"
        f" case when {text} is not null then"
        f" try(make_timestamp(try_cast({micros} as bigint))) end)"
    )


def _suspect(column: Column, raw: str, raw_type: str, *, is_event_time: bool) -> str | None:
    name = column.name
    text = as_text(raw, raw_type)
    # An empty string is suspect too: the exact rules let it pass as unknown.
    unread = f"{name} is null" if column.required else f"({name} is null) <> ({raw} is null)"
    doubt: str | None = None
    match column.kind:
        case Kind.NUMBER:
            doubt = f"{unread} or not isfinite({name})"
        case Kind.UNIT:
            doubt = f"{unread} or not ({name} >= 0 and {name} <= 1)"
        case Kind.COUNT | Kind.INTEGER:
            below = f" or {name} < 0" if column.kind is Kind.COUNT else ""
            rounded = "" if raw_type in _INTEGERS else f" or {_is_rounded(name, text)}"
            doubt = f"{unread}{rounded}{below}"
        case Kind.TIME:
            doubt = f"{unread} or not {_in_range(name, is_event_time=is_event_time)}"
        case Kind.JSON:
            doubt = f"{unread} or not json_valid({name})"
        case Kind.FLAG:
            doubt = unread
        case Kind.KEY | Kind.WORD | Kind.PERSON:
            missing = f"{name} is null or " if column.required else ""
            long = f"strlen({name}) > {_LIMITS[column.kind]}"
            doubt = missing + (f"{name} not in {_listed(column)}" if column.among else long)
        case Kind.TEXT | Kind.NAMES:
            pass
    return doubt


def _rules(column: Column, text: str, *, is_event_time: bool) -> list[tuple[str, str]]:
    name = column.name
    wrong_type = _WRONG_TYPE.get(column.kind, "")
    rules: list[tuple[str, str]] = []
    match column.kind:
        case Kind.NUMBER:
            rules = [(f"not coalesce(isfinite({name}), false)", wrong_type)]
        case Kind.UNIT:
            rules = [
                (f"{name} is null", wrong_type),
                (f"not ({name} >= 0 and {name} <= 1)", "must lie in 0 to 1"),
            ]
        case Kind.COUNT | Kind.INTEGER:
            rules = [(f"({name} is null or {_is_rounded(name, text)})", wrong_type)]
            if column.kind is Kind.COUNT:
                rules.append((f"{name} < 0", "must not be negative"))
        case Kind.JSON:
            rules = [(f"not json_valid({text})", wrong_type)]
        case Kind.FLAG:
            rules = [(f"{name} is null", wrong_type)]
        case Kind.TIME:
            first = FIRST_DAY if is_event_time else "1970-01-01"
            in_range = _in_range(name, is_event_time=is_event_time)
            rules = [
                (f"{name} is null", wrong_type),
                (f"not {in_range}", f"must lie between {first} and {LAST_DAY}"),
            ]
        case Kind.KEY | Kind.WORD | Kind.PERSON if not column.among:
            limit = _LIMITS[column.kind]
            rules = [(f"length({text}) > {limit}", f"longer than {limit} characters")]
        case _:
            pass
    if column.among:
        allowed = f"must be one of {' | '.join(column.among)}"
        rules.append((f"{name} not in {_listed(column)}", allowed))
    return rules


def _is_rounded(name: str, text: str) -> str:
    return f"{name}::double <> try_cast({text} as double)"


def _in_range(name: str, *, is_event_time: bool) -> str:
    first = FIRST_DAY if is_event_time else "1970-01-01"
    return f"({name} >= timestamp '{first}' and {name} < timestamp '{LAST_DAY}')"


def _listed(column: Column) -> str:
    return f"({', '.join(map(literal, column.among))})"
