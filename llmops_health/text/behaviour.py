"""What is observed of each call's text, as macros of the SQL engine.

The definitions live in `sql/macros.sql`, so that a million calls are read without leaving the
engine. This module names them, says what each returns, and hands their statements to whoever
opens a connection. `BEHAVIOUR_VERSION` rises whenever a macro may answer differently for the same
text: values of two versions must not be compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BEHAVIOUR_VERSION: Final = 2

_PACKAGED = Path(__file__).parents[1] / "_sql"
_CHECKOUT = Path(__file__).parents[2] / "sql"

# A semicolon ends a statement only outside of comments and quotes.
_PIECE = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|;|[^;'"/-]+|.""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One macro over a call's text: its name, the SQL type it returns, and what it says."""

    name: str
    sql_type: str
    description: str


BEHAVIOURS: Final = (
    Behaviour(
        "text_language",
        "varchar",
        "Language of the first 200 characters: en, de, fr, es, pt, it, nl, zh, ja, ko, ru, ar, hi,"
        " else 'und'; null for no text.",
    ),
    Behaviour(
        "is_refusal",
        "boolean",
        "The first 200 characters hold an assistant's refusal; null for null.",
    ),
    Behaviour(
        "n_hedges",
        "integer",
        "Hedging expressions in the first 2,000 characters; null for null.",
    ),
    Behaviour(
        "output_format",
        "varchar",
        "json, json_broken, code, markdown, plain or empty; null for null.",
    ),
    Behaviour(
        "text_key",
        "bigint",
        "First 60 bits of the text's SHA-256: equal texts have equal keys; null for null.",
    ),
)


def macros_sql() -> list[str]:
    """Return the statements of `macros.sql` in their order, without comments between them.

    Raises
    ------
    FileNotFoundError
        Neither the installed package nor the checkout holds the file.
    """
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return split_statements((folder / "macros.sql").read_text(encoding="utf-8"))


def split_statements(script: str) -> list[str]:
    r"""Split an SQL script at the semicolons that end statements; comments are dropped.

    Parameters
    ----------
    script
        Statements with `--` and `/* */` comments, and '' and "" quotes.

    Returns
    -------
    list of str
        Statements without their semicolon; empty ones are left out.

    Examples
    --------
    >>> split_statements("select ';' /* ; */; -- one; two\nselect 2 - 1;")
    ["select ';'", 'select 2 - 1']
    """
    statements = [""]
    for piece in _PIECE.findall(script):
        if piece == ";":
            statements.append("")
        elif not piece.startswith(("--", "/*")):
            statements[-1] += piece
    return [stripped for statement in statements if (stripped := statement.strip())]
