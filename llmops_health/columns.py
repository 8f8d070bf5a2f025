"""What a column of a contract table can be: its kind, its rules, the type it is stored as."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a column's value is read, checked and stored."""

    KEY = "key"  # non-empty text of at most 512 characters
    WORD = "word"  # short text
    TEXT = "text"  # prompts, outputs, comments: stored by hash in core__contents
    PERSON = "person"  # stored as HMAC-SHA256
    NUMBER = "number"
    UNIT = "unit"  # number in 0-1
    COUNT = "count"  # whole number, 0 or more
    INTEGER = "integer"
    FLAG = "flag"
    TIME = "time"
    JSON = "json"
    NAMES = "names"  # list of names


_TYPES = {
    Kind.NUMBER: "double",
    Kind.UNIT: "double",
    Kind.COUNT: "bigint",
    Kind.INTEGER: "bigint",
    Kind.FLAG: "boolean",
    Kind.TIME: "timestamp",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract table."""

    name: str
    kind: Kind
    required: bool = False
    among: tuple[str, ...] = ()
    default: str | None = None

    @property
    def sql_type(self) -> str:
        """Type of the stored column."""
        return _TYPES.get(self.kind, "varchar")


def sha256_column(text_column: str) -> str:
    """Return the name of the column that stands for a text: `input_text` -> `input_sha256`."""
    return text_column.removesuffix("_text") + "_sha256"
