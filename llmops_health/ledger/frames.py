"""What is known of a table that somebody hands over: rows, classes, weights, artifact.

Told by the package that its type comes from, so that no package is imported that was not before.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmops_health.ledger.fingerprints import Hashing

_MANY_CLASSES = 1_000
_NO_CLASS = "(none)"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a step's input or output holds; None is unknown."""

    rows: int
    classes: dict[str, int] | None
    weight: float | None
    artifact: str | Hashing | None


def measure(
    data: Any,  # noqa: ANN401 - any table
    *,
    label: str | None,
    weight: str | None,
    artifact: str | Path | None,
) -> Measured:
    """Measure a table: a frame, a file, a list of rows, or how many rows it has.

    `artifact` is a SHA-256, or the file or folder whose SHA-256 names it; a file that is given as
    the table names itself.

    Raises
    ------
    TypeError
        If the table is of no known kind.
    ValueError
        If a column is asked for that cannot be read, or labels are too many to be classes.
    """
    is_file = isinstance(data, str | Path)
    if artifact is None and is_file:
        artifact = Path(data)
    named = Hashing(artifact) if isinstance(artifact, Path) else artifact
    if isinstance(data, int):
        if label or weight:
            raise ValueError("A count has no columns: give the table, or leave label and weight.")
        return Measured(data, None, None, named)
    table = _opened(Path(data), label, weight) if is_file else data
    rows, columns = _reader(table)
    classes = _classes(columns(label)) if label else None
    total = _total(columns(weight)) if weight else None
    return Measured(rows, classes, total, named)


def n_different(before: Any, after: Any) -> int:  # noqa: ANN401 - any columns of one kind
    """Return in how many places two columns differ, row by row; a missing value is a value.

    Raises
    ------
    ValueError
        If they differ in length.
    """
    if len(before) != len(after):
        raise ValueError(f"Labels must pair up: {len(before)} before, {len(after)} after.")
    kind = _package(before)
    if kind == _package(after) == "polars":
        return int(before.ne_missing(after).sum())
    if kind == _package(after) == "pandas":
        left, right = before.reset_index(drop=True), after.reset_index(drop=True)
        return int(((left != right) & ~(left.isna() & right.isna())).sum())
    return sum(a != b for a, b in zip(_plain(before), _plain(after), strict=True))


def _package(data: Any) -> str:  # noqa: ANN401
    return type(data).__module__.partition(".")[0]


def _reader(table: Any) -> tuple[int, Any]:  # noqa: ANN401
    """Return a table's number of rows, and what returns its columns by name."""
    match _package(table):
        case "polars" | "pandas" if len(getattr(table, "shape", ())) == 2:
            return int(table.shape[0]), table.__getitem__
        case "polars":
            raise TypeError("A lazy frame has no rows yet: give what .collect() returns.")
        case "pyarrow":
            return int(table.num_rows), table.column
        case _ if isinstance(table, Sequence) and not isinstance(table, str | bytes):
            return len(table), lambda name: [row.get(name) for row in table]
    raise TypeError(f"A {type(table).__name__} is no table: give a frame, a file, rows or a count.")


def _classes(column: Any) -> dict[str, int]:  # noqa: ANN401
    match _package(column):
        case "polars":
            # Half the time of value_counts on a million rows.
            counted = column.to_frame().group_by(column.name).len("n" + column.name)
            names, counts = (counted[name].to_list() for name in counted.columns)
        case "pandas":
            values = column.value_counts(dropna=False)
            names, counts = values.index.tolist(), values.tolist()
        case "pyarrow":
            found = column.value_counts()
            names, counts = (found.field(at).to_pylist() for at in (0, 1))
        case _:
            tally = Counter(column)
            names, counts = list(tally), list(tally.values())
    if len(names) > _MANY_CLASSES:
        raise ValueError(f"{len(names):,} different labels are no classes: is it the right column?")
    found_in: Counter[str] = Counter()
    for name, count in zip(names, counts, strict=True):
        # pandas calls what is missing nan.
        missing = name is None or (isinstance(name, float) and math.isnan(name))
        found_in[_NO_CLASS if missing else str(name)] += int(count)
    return dict(sorted(found_in.items()))


def _total(column: Any) -> float:  # noqa: ANN401
    if _package(column) in {"polars", "pandas"}:
        return float(column.sum())
    return math.fsum(float(value) for value in _plain(column) if value is not None)


def _plain(column: Any) -> list[Any]:  # noqa: ANN401
    convert = getattr(column, "to_pylist", None) or getattr(column, "tolist", None)
    return list(convert() if convert else column)


def _opened(path: Path, *columns: str | None) -> Any:  # noqa: ANN401
    """Return what a file holds, as far as it is asked for."""
    wanted = [name for name in columns if name]
    if path.suffix == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415 - only who gives Parquet needs it

        if wanted:
            return parquet.read_table(path, columns=wanted)
        return range(parquet.read_metadata(path).num_rows)
    if not wanted and path.suffix in {".jsonl", ".ndjson"}:
        return range(_n_lines(path))
    if path.suffix in {".jsonl", ".ndjson"}:
        with path.open("rb") as file:
            return [json.loads(line) for line in file if line.strip()]
    if path.suffix == ".csv":
        import csv  # noqa: PLC0415

        with path.open(encoding="utf-8", newline="") as text:
            return list(csv.DictReader(text))
    return range(0) if path.is_dir() else range(1)


def _n_lines(path: Path) -> int:
    n, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            n += block.count(b"\n")
            last = block[-1:]
    return n + (last != b"\n")
