"""Which keys JSON lines have, from samples: the start of each file, and places spread over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pyarrow as pa

_SAMPLE_BYTES = 128 * 1024
_LONGEST_LINE = 16 * 1024 * 1024
_SAMPLES = 32
_COMPRESSED = frozenset({".gz", ".zst"})
_NESTED = frozenset({dict, list})


def json_keys(paths: Sequence[Path]) -> dict[str, str]:
    """Return the keys of JSON lines files, each with the type under which expressions see it.

    A key whose values are all whole numbers is a BIGINT, of numbers a DOUBLE, of objects or lists
    JSON, of true and false a BOOLEAN; any other is text.
    """
    kinds: dict[str, set[type]] = {}
    share = max(1, _SAMPLES // max(1, len(paths)))
    for path in paths:
        for line in _lines(path, share):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(row, dict):
                for key, value in row.items():
                    kinds.setdefault(key, set()).add(type(value))
    return {key: _seen_as(found - {type(None)}) for key, found in kinds.items()}


def _seen_as(kinds: set[type]) -> str:
    if kinds and kinds <= _NESTED:
        return "JSON"
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT"
    return "DOUBLE" if kinds and kinds <= {int, float} else "VARCHAR"


def _lines(path: Path, n_samples: int) -> Iterator[bytes]:
    size = path.stat().st_size
    # A compressed file gives no place but its start.
    places = n_samples if path.suffix not in _COMPRESSED and size > _SAMPLE_BYTES else 1
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            head = stream.read(_SAMPLE_BYTES)
            if b"\n" not in head:
                head += stream.read(_LONGEST_LINE)
            yield from head.split(b"\n")
    except OSError:
        return
    if places > 1:
        with path.open("rb") as file:
            for place in range(1, places):
                file.seek(max(0, (size - _SAMPLE_BYTES) * place // (places - 1)))
                yield from file.read(_SAMPLE_BYTES).split(b"\n")[1:]
