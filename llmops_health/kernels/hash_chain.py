"""Rows that each carry a hash of themselves and of the row before: which is the first bad one.

A chain shows that rows were altered, removed, put in or reordered after they were written, as far
as its head is kept where the writer of the rows cannot reach. Which fields of a row are hashed is
`ledger_record`.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

GENESIS: Final = "0" * 64
"""What stands before the first row of a chain."""


class Breach(StrEnum):
    """How a row breaks its chain."""

    ALTERED = "altered"  # its own hash is not that of its content
    UNLINKED = "unlinked"  # it names another row as the one before
    UNHASHED = "unhashed"  # it carries no hash, after rows that do


@dataclass(frozen=True, slots=True)
class BadRow:
    """The first row of a chain that breaks it, by its place from 0."""

    place: int
    breach: Breach


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the one form of a JSON value that is hashed, as UTF-8.

    Parameters
    ----------
    value
        Mappings with text as keys, lists, text, numbers, booleans, None; numbers are finite.

    Raises
    ------
    ValueError
        If a number is not finite.
    TypeError
        If a value has no JSON form, or a key is no text.

    Notes
    -----
    Sorted keys, no spaces, text in Unicode's form NFC. A whole number is written without a point,
    whatever type it came in, other numbers as ECMAScript writes them: RFC 8785 but for integers
    beyond 2^53, which stay exact, and the order of keys beyond U+FFFF.

    Examples
    --------
    >>> canonical_json({"b": 1.0, "a": [0.1, 1e-7, None]})
    b'{"a":[0.1,1e-7,null],"b":1}'
    """
    return _text(value).encode()


def row_hash(previous: str, row: Mapping[str, Any]) -> str:
    """Return the hash of a row after another: ``sha256(previous || canonical_json(row))``, in hex.

    Examples
    --------
    >>> row_hash(GENESIS, {"op": "ingest", "rows_in": 0, "rows_out": 100})[:8]
    'ef4db9f5'
    """
    return hashlib.sha256(previous.encode() + canonical_json(row)).hexdigest()


def first_bad_row(
    rows: Iterable[tuple[str, str | None, str | None]],
) -> BadRow | None:
    """Return the first row that breaks a chain, None where it is whole.

    Parameters
    ----------
    rows
        What the own hash should be (`row_hash` of the content after the row that it names), the
        hash of the row before, the own hash, in the order of the chain. A first row may name any
        row before it; rows without any hash that come first are no part of the chain.

    Notes
    -----
    A row that was removed shows as the one after it being unlinked. A last row that was removed
    does not show: keep the head elsewhere.
    """
    previous: str | None = None
    for place, (due, before, own) in enumerate(rows):
        if own is None:
            if previous is not None or before is not None:
                return BadRow(place, Breach.UNHASHED)
            continue
        if previous is not None and before != previous:
            return BadRow(place, Breach.UNLINKED)
        if due != own:
            return BadRow(place, Breach.ALTERED)
        previous = own
    return None


def _text(value: Any) -> str:  # noqa: ANN401, PLR0911 - a branch per type of JSON
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return json.dumps(unicodedata.normalize("NFC", value), ensure_ascii=False)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"Keys must be text, got {list(value)[:3]}.")
        items = sorted((unicodedata.normalize("NFC", key), item) for key, item in value.items())
        pairs = (f"{json.dumps(key, ensure_ascii=False)}:{_text(item)}" for key, item in items)
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r:.80}.")


def _number(value: float) -> str:
    """Write a number as ECMAScript's Number::toString does."""
    if not math.isfinite(value):
        raise ValueError(f"numbers must be finite, got {value}.")
    if value == int(value) and abs(value) < 2**53:
        return str(int(value))
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown, minus = "".join(map(str, digits)), "-" if sign else ""
    point = len(shown) + int(exponent)
    if len(shown) <= point <= 21:
        return f"{minus}{shown}{'0' * (point - len(shown))}"
    if 0 < point <= 21:
        return f"{minus}{shown[:point]}.{shown[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{shown}"
    mantissa = shown if len(shown) == 1 else f"{shown[0]}.{shown[1:]}"
    return f"{minus}{mantissa}e{point - 1:+d}"
