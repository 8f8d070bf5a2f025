"""Documents of other tools as rows of `components` and `component_edges`: a module per format.

Each has `rows(text, table, path)`, a pure function from a document's text to pairs of a place (its
line, or which of its entries, from 1) and a row: contract columns, and what else is known under
other names. The path is looked at for names only. A document that is not what its format says
raises DocumentError; rows that break the contract's rules are refused where all rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import PurePath

Row = dict[str, object]
Rows = Iterator[tuple[int, Row]]
Reader = Callable[[str, str, PurePath], Rows]


def reader(file_format: str) -> Reader:
    """Return the function that reads documents of a format."""
    module = import_module(f"{__name__}.{file_format.replace('-', '_')}")
    rows: Reader = module.rows
    return rows
