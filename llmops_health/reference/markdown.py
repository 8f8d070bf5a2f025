"""Markdown that a code host shows as it stands: tables, wrapped paragraphs, anchors.

Nothing here knows what is documented.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap

_WIDTH = 100
# At the start of a line these would begin a list, a heading or a quotation.
_MARKER = re.compile(r" ([-+*>#]|\d+[.)]) ")
_GLUE = "\x00"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns that are empty in every row are left out."""
    listed = [list(map(cell, row)) for row in rows]
    kept = [i for i in range(len(header)) if any(row[i] for row in listed)]
    lines = [[header[i] for i in kept], ["---"] * len(kept)]
    lines += [[row[i] for i in kept] for row in listed]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def paragraph(text: str) -> str:
    """Return text wrapped, so that no line begins with what Markdown takes for a list."""
    glued = _MARKER.sub(rf"{_GLUE}\1 ", " ".join(text.split()))
    lines = wrap(glued, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(_GLUE, " ")


def code(names: Iterable[str]) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def fenced(language: str, text: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def anchor(heading: str) -> str:
    """Return the fragment by which a code host links to a heading.

    Examples
    --------
    >>> anchor("core__calls")
    'core__calls'
    >>> anchor("What failed, and since when?")
    'what-failed-and-since-when'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page(*parts: str) -> str:
    """Return parts as one file, an empty line between any two."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def cell(text: str) -> str:
    """Return text that fits into one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
