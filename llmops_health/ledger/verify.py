"""Whether ledger files are what was written: the first bad line, and the heads to keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmops_health.kernels.hash_chain import (
    GENESIS,
    Breach,
    canonical_json,
    first_bad_row,
    row_hash,
)
from llmops_health.kernels.ledger_record import ledger_record
from llmops_health.kernels.merkle import merkle_root
from llmops_health.ledger.files import Line, read

_SAID = {
    Breach.ALTERED: "its content is not what its row_hash was made of: the row was altered",
    Breach.UNLINKED: "its prev_hash is not the row_hash of the row before: a row was removed, put"
    " in or moved",
    Breach.UNHASHED: "it has no row_hash, though rows before it do: it was put in by hand",
}


@dataclass(frozen=True, slots=True)
class Bad:
    """The first bad line of a pipeline, or of a file that no pipeline can be told of."""

    path: Path
    number: int
    pipeline: str
    message: str

    def __str__(self) -> str:
        """Return where and what, in one line."""
        of = f"pipeline {self.pipeline}: " if self.pipeline else ""
        return f"{self.path}:{self.number}: {of}{self.message}."


@dataclass(slots=True)
class Chain:
    """The lines of one pipeline, in the order of the files."""

    pipeline: str
    lines: list[Line] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The pipeline's rows."""
        return [line.row for line in self.lines if line.row is not None]

    @property
    def head(self) -> str | None:
        """Hash of the last row, which stands for all of them."""
        return self.rows[-1].get("row_hash") if self.lines else None

    @property
    def n_hashed(self) -> int:
        """Rows that carry a hash."""
        return sum(row.get("row_hash") is not None for row in self.rows)

    def root(self, n_rows: int | None = None) -> str:
        """Return the Merkle root of the first rows' hashes; None: of all."""
        return merkle_root(leaves(self.rows[:n_rows])).hex()


def leaves(rows: Iterable[dict[str, Any]]) -> list[bytes]:
    """Return what the Merkle tree of a chain is made of: each row's hash, as text."""
    return [str(row.get("row_hash")).encode() for row in rows]


def chains(paths: Iterable[Path]) -> tuple[dict[str, Chain], list[Bad]]:
    """Read files; return their pipelines, and the lines that are no steps.

    A line that repeats one of the same pipeline and step is the same row, as for ingest.
    """
    found: dict[str, Chain] = {}
    unread: list[Bad] = []
    seen: dict[tuple[str, str], bytes] = {}
    for path in paths:
        for line in read(path):
            row = line.row
            if row is None or not row.get("pipeline_id") or not row.get("step_id"):
                what = "it is no JSON object" if row is None else "it names no pipeline and step"
                unread.append(Bad(path, line.number, "", what))
                continue
            key, same = (str(row["pipeline_id"]), str(row["step_id"])), canonical_json(row)
            if seen.setdefault(key, same) is not same and seen[key] == same:
                continue
            found.setdefault(key[0], Chain(key[0])).lines.append(line)
    return found, unread


def first_bad(chain: Chain) -> Bad | None:
    """Return the first bad line of a pipeline, None where it is whole."""
    records: list[dict[str, Any]] = []
    hashes: list[tuple[str, str | None, str | None]] = []
    unread: Bad | None = None
    for line in chain.lines:
        row = line.row or {}
        try:
            record, before = ledger_record(row), row.get("prev_hash")
            records.append(record)
            hashes.append((row_hash(before or GENESIS, record), before, row.get("row_hash")))
        except ValueError as error:
            unread = Bad(line.path, line.number, chain.pipeline, str(error).rstrip("."))
            break
    found = first_bad_row(hashes)
    gap = next((at for at, row in enumerate(records) if row.get("seq") != at + 1), None)
    if found is not None and (gap is None or found.place <= gap):
        said = f"seq {records[found.place].get('seq')}: {_SAID[found.breach]}"
        return _bad(chain, found.place, said)
    if gap is not None:
        return _bad(chain, gap, f"its seq is {records[gap].get('seq')} where {gap + 1} is due")
    return unread


def _bad(chain: Chain, place: int, message: str) -> Bad:
    line = chain.lines[place]
    return Bad(line.path, line.number, chain.pipeline, message)


def verify(paths: Iterable[Path]) -> Iterator[Chain | Bad]:
    """Yield each pipeline that is whole and the first bad line of each that is not."""
    found, unread = chains(paths)
    yield from unread
    for chain in found.values():
        yield first_bad(chain) or chain
