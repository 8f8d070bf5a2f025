"""Rows that break the contract: found again by number, with line, column, value and reason.

Only files with refused rows are read a second time, line by line: to name the line, and to say why
a line that is not JSON is not. Nothing here decides which rows are refused.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from llmops_health.storage.staging import FAULT_SEPARATOR

_SHOWN = 120
_LONGEST_LINE = 16 * 1024 * 1024
# Small: of a compressed stream that is cut off, the last chunk is lost.
_CHUNK = 128 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SMALL = 64 * 1024

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
class Dialect:
    """How a CSV file is written; `n_skipped` lines stand before its header."""

    delimiter: str
    quote: str
    escape: str
    n_skipped: int


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
    return Reject(row_number, column, shown("".join(value)), reason)


def locate_lines(path: Path, faults: Sequence[tuple[int, str]]) -> list[Reject]:
    """Turn row ordinals (from 0, blank lines not counted) of a JSON lines file into its lines."""
    wanted = dict(faults)
    rejects: list[Reject] = []
    n_lines = n_rows = 0
    for block in _blocks(path):
        if not wanted:
            break
        lines = block.split(b"\n")[:-1]
        n_given = len(lines) - lines.count(b"") - sum(map(bytes.isspace, lines))
        if min(wanted) < n_rows + n_given:
            rejects += _located(lines, n_lines, n_rows, wanted)
        n_lines += len(lines)
        n_rows += n_given
    return rejects


def _located(
    lines: Sequence[bytes], n_lines: int, n_rows: int, wanted: dict[int, str]
) -> Iterator[Reject]:
    """Yield the rejects among the lines that follow `n_lines`, and take them from `wanted`."""
    rows = (numbered for numbered in enumerate(lines, start=n_lines + 1) if numbered[1].strip())
    for ordinal, (number, line) in enumerate(rows, start=n_rows):
        if (fault := wanted.pop(ordinal, None)) is None:
            continue
        reject = from_fault(number, fault)
        # A line that cannot be read comes as a row without its first required column.
        if reject.reason == "missing" and (broken := why_not_json(line)):
            start = line[: 4 * _SHOWN].decode("utf-8", "replace").strip()
            reject = Reject(number, "", shown(start), broken)
        yield reject


def locate_records(
    path: Path, faults: Sequence[tuple[int, str]], dialect: Dialect, unsplit: Collection[int]
) -> list[Reject]:
    """Turn row ordinals (from 0, without the header and `unsplit` lines) of CSV into its lines."""
    wanted = dict(faults)
    csv.field_size_limit(_LONGEST_LINE)
    text = (line.decode("utf-8", "replace") for line in _lines(path))
    for _ in range(dialect.n_skipped):
        next(text, None)
    records = csv.reader(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        doublequote=dialect.escape in {"", dialect.quote},
        escapechar=None if dialect.escape in {"", dialect.quote} else dialect.escape,
    )
    width = len(next(records, []))
    rejects: list[Reject] = []
    ordinal = -1
    start = dialect.n_skipped + records.line_num + 1
    for record in records:
        line, start = start, dialect.n_skipped + records.line_num + 1
        if line in unsplit or (not record and width > 1):
            continue
        ordinal += 1
        if fault := wanted.pop(ordinal, None):
            rejects.append(from_fault(line, fault))
        if not wanted:
            break
    return rejects


def lines_at(path: Path, offsets: Collection[int]) -> dict[int, int]:
    """Return the lines, from 1, in which bytes of an unpacked file stand (offsets from 0)."""
    wanted = sorted(offsets)
    found: dict[int, int] = {}
    end = 0
    for number, line in enumerate(_lines(path), start=1):
        end += len(line)
        while len(found) < len(wanted) and wanted[len(found)] < end:
            found[wanted[len(found)]] = number
        if len(found) == len(wanted):
            break
    return found


def cut_off(path: Path) -> str | None:
    """Say what is wrong with a compressed stream that does not come to its end, or None."""
    try:
        with pa.input_stream(str(path), compression="detect", buffer_size=_CHUNK) as stream:
            while stream.read(_CHUNK):
                pass
    except (OSError, EOFError, ValueError) as error:
        return str(error)
    return None


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
    """Copy the whole lines that can be read; a byte order mark and over-long lines are dropped.

    Returns what is wrong with the file as a whole, such as a compressed stream that is cut off;
    None where only single lines were too long. Line numbers stay as they are.
    """
    with target.open("wb") as out:
        lines = _lines(path)
        first = True
        while True:
            try:
                line = next(lines, None)
            except (OSError, EOFError, ValueError) as error:
                return f"cannot be read to its end: {error}"
            if line is None:
                return None
            if first:
                line, first = line.removeprefix(_BYTE_ORDER_MARK), False
            out.write(line if len(line) <= _LONGEST_LINE else b"null\n")


def has_byte_order_mark(path: Path) -> bool:
    """Whether a file, unpacked, begins with a UTF-8 byte order mark."""
    return _head(path, len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK


def is_blank(path: Path) -> bool:
    """Whether a small file holds nothing but white space."""
    return path.stat().st_size <= _SMALL and not _head(path, _SMALL).strip()


def shown(value: str) -> str:
    """Return a value as a reject shows it: printable, and not longer than a line."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
    return printable if len(printable) <= _SHOWN else printable[: _SHOWN - 1] + "…"


def _head(path: Path, n_bytes: int) -> bytes:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            return bytes(stream.read(n_bytes))
    except OSError:
        with path.open("rb") as file:
            return file.read(n_bytes)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield a file's lines in bounded memory; of an over-long line only its start."""
    for block in _blocks(path):
        for line in block.split(b"\n")[:-1]:
            yield line + b"\n"


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield whole lines, many at once, each with its end; of an over-long line only its start."""
    rest = b""
    skipping = False
    with pa.input_stream(str(path), compression="detect", buffer_size=_CHUNK) as stream:
        while chunk := stream.read(_CHUNK):
            if skipping:
                _, end, chunk = chunk.partition(b"\n")
                skipping = not end
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            if end:
                yield whole + end
            if len(rest) > _LONGEST_LINE:
                yield rest + b"\n"
                rest, skipping = b"", True
    if rest:
        yield rest + b"\n"
