"""A ledger step as it is hashed: the same from the file it was written to and from its table.

A file holds text, numbers and JSON; the table holds timestamps, doubles and JSON as text. Both lead
to one record here, which leaves out what is unknown and both hashes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

COUNTS: Final = (
    *("seq", "rows_in", "rows_out", "rows_dropped", "rows_created", "rows_modified"),
    "labels_flipped",
)
NUMBERS: Final = ("weight_in", "weight_out")
JSONS: Final = ("class_counts_in", "class_counts_out", "params")
LISTS: Final = ("input_artifacts",)
WORDS: Final = (
    *("pipeline_id", "step_id", "op", "code_ref", "code_sha256", "env_sha256"),
    *("prompt_version", "actor", "output_artifact"),
)
TIME: Final = "started_at"
FIELDS: Final = (*WORDS, TIME, *COUNTS, *NUMBERS, *JSONS, *LISTS)
HASHES: Final = ("prev_hash", "row_hash")


def ledger_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is hashed of a row of `ledger_steps`, whichever form it is read in.

    Parameters
    ----------
    row
        Fields by name; others than `FIELDS` are left out. Times are ISO 8601 or naive UTC.

    Raises
    ------
    ValueError
        If a field cannot be read as what it is.

    Examples
    --------
    >>> ledger_record({"seq": "2", "op": " map ", "params": '{"k": 1.0}', "actor": None})
    {'op': 'map', 'seq': 2, 'params': {'k': 1.0}}
    """
    record: dict[str, Any] = {}
    for name in FIELDS:
        value = row.get(name)
        if value is None or (isinstance(value, str) and not value.strip(" ")):
            continue
        try:
            record[name] = _read(name, value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} cannot be read: {value!r:.80} ({error}).") from None
    return record


def _read(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if name in COUNTS:
        return _whole(value)
    if name in NUMBERS:
        return float(value)
    if name in JSONS or name in LISTS:
        read = json.loads(value) if isinstance(value, str) else value
        return read if name in JSONS or isinstance(read, list) else [read]
    if name == TIME:
        return _time(value)
    return str(value).strip(" ")


def _whole(value: Any) -> int:  # noqa: ANN401 - text, or a number
    number = int(value)
    if float(value) != number:
        raise ValueError("no whole number")
    return number


def _time(value: Any) -> str:  # noqa: ANN401 - text, or a datetime
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    if read.tzinfo is not None:
        read = read.astimezone(UTC).replace(tzinfo=None)
    return f"{read.isoformat(timespec='microseconds')}Z"
