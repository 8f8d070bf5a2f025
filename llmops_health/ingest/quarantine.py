"""Rows that break the contract: found again by number, with line, column, value and reason.

Only files with refused rows are read a second time, line by line for JSON: to name the line, and
to say why a line that is not JSON is not. Nothing here decides which rows are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from llmops_health.ingest.coerce import FAULT_SEPARATOR

_SHOWN = 120
_LONGEST_LINE = 16 * 1024 * 1024
_CHUNK = 4 * 1024 * 1024

REJECT_COLUMNS = {
    "file_id": "bigint",
    "path": "varchar",
    "table_name": "varchar",
    "row_number": "bigint",
    "column_name": "varchar",
    "value": "varchar",
    "reason": "varchar",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused row of one file; `row_number` is the line in JSON lines and CSV, from 1."""

    row_number: int
    column: str
    value: str
    reason: str


def from_fault(row_number: int, fault: str) -> Reject:
    """Read a fault as the statement wrote it."""
    column, reason, *value = fault.split(FAULT_SEPARATOR)
    return Reject(row_number, column, _shown("".join(value)), reason)


def locate_lines(path: Path, faults: Sequence[tuple[int, str]]) -> list[Reject]:
    """Turn row ordinals (from 0, blank lines not counted) of a JSON lines file into its lines."""
    wanted = dict(faults)
    rejects: list[Reject] = []
    ordinal = -1
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        ordinal += 1
        fault = wanted.pop(ordinal, None)
        if fault is None:
            continue
        broken = why_not_json(line)
        rejects.append(
            Reject(number, "", _shown(line[: 2 * _SHOWN].decode("utf-8", "replace").strip()), broken)
            if broken
            else from_fault(number, fault)
        )
        if not wanted:
            break
    rejects += [from_fault(ordinal + 1, fault) for ordinal, fault in wanted.items()]
    return rejects


def why_not_json(line: bytes) -> str | None:
    """Say why a line is not a JSON object, or None where it is one."""
    if len(line) > _LONGEST_LINE:
        return f"line longer than {_LONGEST_LINE // 2**20} MiB"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 at byte {error.start + 1} of the line"
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        cut_off = line.lstrip().startswith(b"{") and not line.rstrip().endswith(b"}")
        return f"not JSON{', cut off' if cut_off else ''}: {error.msg}"
    return None if isinstance(value, dict) else "not a JSON object"


def repair(path: Path, target: Path) -> str | None:
    """Copy what can be read of a JSON lines file, longest lines blanked to `null`.

    Returns what is wrong with the file as a whole, such as a compressed stream that is cut off;
    None where only single lines were too long. Line numbers stay as they are.
    """
    with target.open("wb") as out:
        lines = _lines(path)
        while True:
            try:
                line = next(lines, None)
            except (OSError, EOFError, ValueError) as error:
                return f"cannot be read to its end: {error}"
            if line is None:
                return None
            out.write(line if len(line) <= _LONGEST_LINE else b"null\n")


def _lines(path: Path) -> Iterator[bytes]:
    """Yield a file's lines in bounded memory; of an over-long line only its start."""
    rest = b""
    skipping = False
    with pa.input_stream(str(path), compression="detect", buffer_size=_CHUNK) as stream:
        while chunk := stream.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if not skipping:
                    yield line + b"\n"
                skipping = False
            if len(rest) > _LONGEST_LINE:
                if not skipping:
                    yield rest + b"\n"
                rest, skipping = b"", True
    if rest and not skipping:
        yield rest


def _shown(value: str) -> str:
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
    return printable if len(printable) <= _SHOWN else printable[: _SHOWN - 1] + "…"
