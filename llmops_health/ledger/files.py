"""Ledger files: JSON lines that are only ever appended to, by one writer at a time.

A line counts once it ends; what a killed writer left of one is cut off by the next. Nothing here
knows what a step is, but for the fields that chain it to the one before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from llmops_health.storage.locks import EXCLUSIVE, locked

LOCK_SECONDS = 60.0
_BLOCK = 1 << 16

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a ledger file; `row` is None where it is no JSON object."""

    path: Path
    number: int
    row: Row | None


def rows_path(path: Path) -> Path:
    """Return where the rows of steps go: ledger.jsonl has ledger.rows.jsonl."""
    return path.with_name(f"{path.name.removesuffix('.jsonl')}.rows.jsonl")


def artifacts_path(path: Path) -> Path:
    """Return where artifacts go: ledger.jsonl has ledger.artifacts.jsonl."""
    return path.with_name(f"{path.name.removesuffix('.jsonl')}.artifacts.jsonl")


def read(path: Path) -> Iterator[Line]:
    """Yield the lines of a file, gz or plain; empty ones are left out."""
    with _opened(path) as file:
        for number, text in enumerate(file, start=1):
            if text.strip():
                yield Line(path, number, _object(text))


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to append to, alone, whole to its last line, and safe on disk at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path, EXCLUSIVE, LOCK_SECONDS), path.open("r+b") as file:
        _mend(file)
        yield file
        file.flush()
        os.fsync(file.fileno())


def append(path: Path, rows: list[Row]) -> None:
    """Append rows as lines."""
    if rows:
        with writing(path) as file:
            file.write(b"".join(map(line, rows)))


def line(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line; a value that has no JSON form raises TypeError."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def newest(file: BinaryIO, wanted: Callable[[Row], bool]) -> Row | None:
    """Return the last row of an open file that is wanted, read from its end."""
    for text in _backwards(file):
        row = _object(text)
        if row is not None and wanted(row):
            return row
    return None


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        import gzip  # noqa: PLC0415 - nobody who writes a ledger needs it

        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def _object(text: bytes) -> Row | None:
    try:
        row = json.loads(text)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _mend(file: BinaryIO) -> None:
    """Cut off a line that was not finished, or finish it where only its end is missing."""
    last = next(_backwards(file), b"")
    end = file.seek(0, os.SEEK_END)
    if not last or last.endswith(b"\n"):
        return
    if _object(last) is None:
        file.truncate(end - len(last))
        file.seek(0, os.SEEK_END)
    else:
        file.write(b"\n")


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines from the last to the first, as they are."""
    at = file.seek(0, os.SEEK_END)
    rest = b""
    while at > 0:
        size = min(_BLOCK, at)
        at = file.seek(at - size)
        block = file.read(size) + rest
        *before, rest = _parted(block)
        yield from before
    if rest:
        yield rest


def _parted(block: bytes) -> list[bytes]:
    """Return the lines of a block from its last to its first, which may begin before it."""
    *whole, last = block.split(b"\n")
    return [*([last] if last else []), *(part + b"\n" for part in reversed(whole))]
