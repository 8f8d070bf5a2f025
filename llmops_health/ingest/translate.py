"""A document of another tool as JSON lines, so that its rows enter as a native file's do.

Each line is one row; which place of the document it stands for is kept beside it. Every row says
in `filename` which document it is of. A document that cannot be read gives no rows, and a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from llmops_health.config import DOCUMENT_FORMATS
from llmops_health.contract import Table
from llmops_health.ingest import documents
from llmops_health.ingest.documents import Row
from llmops_health.ingest.documents.reading import DocumentError, read
from llmops_health.ingest.quarantine import Reject

LISTED = "listed_on"


@dataclass(frozen=True, slots=True)
class Translated:
    """The places of a document's rows, in order, or what is wrong with it as a whole."""

    places: tuple[int, ...] = ()
    wrong: str | None = None

    def placed(self, rejects: Iterable[Reject]) -> list[Reject]:
        """Return rejects of lines as rejects of places in the document."""
        return [
            replace(one, row_number=self.places[one.row_number - 1]) if one.row_number else one
            for one in rejects
        ]


def is_document(file_format: str) -> bool:
    """Whether files of a format are documents, not rows."""
    return file_format in DOCUMENT_FORMATS


def translate(
    path: Path, target: Path, file_format: str, table: Table, *, is_changed: bool = False
) -> Translated:
    """Write the rows of a document to `target`.

    Parts that a document names anew, and that it has no time for, are listed from the time that it
    was written.
    """
    try:
        rows = list(documents.reader(file_format)(read(path), table.name, path))
    except DocumentError as error:
        target.write_bytes(b"")
        return Translated(wrong=f"cannot be read as {file_format}: {error}")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None).isoformat()
    if is_changed and LISTED in table.stored_columns:
        for _, row in rows:
            row.setdefault(LISTED, written)
    with target.open("wb") as out:
        out.writelines(_line(row | {"filename": str(path)}, keys) for row, keys in _keyed(rows))
    return Translated(tuple(place for place, _ in rows))


def _keyed(rows: Sequence[tuple[int, Row]]) -> Iterable[tuple[Row, Iterable[str]]]:
    """Yield rows; the first has every key, since the keys of a file are told by samples of it."""
    every = dict.fromkeys(key for _, row in rows for key in row)
    for i, (_, row) in enumerate(rows):
        yield row, every if i == 0 else ()


def _line(row: Row, keys: Iterable[str]) -> bytes:
    whole: Row = dict.fromkeys(keys) | row
    return orjson.dumps(_clean(whole), option=orjson.OPT_APPEND_NEWLINE)


def _clean(value: object) -> object:
    """Return a value without what JSON or a column cannot hold."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value
