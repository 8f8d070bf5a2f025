"""Dirty rows: lines that ingest must put aside, planted into files that are otherwise right."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass

CSV_EPOCH_COLUMN = "ts"


@dataclass(frozen=True, slots=True)
class Reject:
    """One planted dirty row. `line` counts the lines of the unpacked file from 1."""

    file: str
    line: int
    table: str
    column: str | None
    reason: str


def dirty_call_lines(lines: dict[str, list[str]]) -> list[Reject]:
    """Plant seven dirty lines into the JSON lines of seven files, in place.

    Parameters
    ----------
    lines
        The lines of each file, by its name, in the order of days.
    """
    names = list(lines)
    step = len(names) // 8
    chosen = [names[step * (i + 1)] for i in range(7)]
    model = next(line for line in lines[chosen[0]] if json.loads(line).get("confidence"))
    planted = [
        (5, "this line is a stray message of the log shipper", None, "not JSON"),
        (9, "<<<<<<< HEAD", None, "not JSON"),
        (3, _changed(model, call_id="sup-dirty-1", confidence=1.7), "confidence", "above 1"),
        (12, _changed(model, call_id=None), "call_id", "missing"),
        (7, _without(model, "call_id"), "call_id", "missing"),
        (
            4,
            _changed(model, call_id="sup-dirty-2", started_at="yesterday"),
            "started_at",
            "no time",
        ),
    ]
    rejects = []
    for name, (at, text, column, reason) in zip(chosen, planted, strict=False):
        rejects.append(_insert(name, lines[name], at, "calls", (text, column, reason)))
    cut = chosen[-1]
    whole = lines[cut][-1]
    text = _changed(whole, call_id="cut-off")[: len(whole) // 2]
    rejects.append(
        _insert(cut, lines[cut], len(lines[cut]), "calls", (text, None, "cut off in mid-line"))
    )
    return rejects


def dirty_csv_calls(name: str, lines: list[str]) -> list[Reject]:
    """Plant three dirty rows into the CSV of calls, in place; the first line is the header."""
    header = next(csv.reader(lines[:1]))
    row = dict(zip(header, next(csv.reader(lines[1:2])), strict=True))
    milliseconds = str(round(float(row[CSV_EPOCH_COLUMN]) * 1000))
    planted = [
        (20, {"id": "inv-dirty-1", CSV_EPOCH_COLUMN: milliseconds}, "started_at", "year 58000"),
        (31, {"id": ""}, "call_id", "missing"),
        (44, {"id": "inv-dirty-2", "certainty": "1.7"}, "confidence", "above 1"),
    ]
    return [
        _insert(name, lines, at, "calls", (_csv_line({**row, **change}.values()), column, reason))
        for at, change, column, reason in planted
    ]


def dirty_label(name: str, lines: list[str]) -> list[Reject]:
    """Plant a label row without its label, in place; the first line is the header."""
    header = next(csv.reader(lines[:1]))
    row = dict(zip(header, next(csv.reader(lines[1:2])), strict=True))
    text = _csv_line({**row, "label": ""}.values())
    return [_insert(name, lines, 15, "labels", (text, "label", "missing"))]


def dirty_feedback(name: str, lines: list[str]) -> list[Reject]:
    """Plant a score of four stars where scores are between 0 and 1, in place."""
    text = _changed(lines[0], feedback_id="fb-dirty-1", score=4)
    return [_insert(name, lines, 8, "feedback", (text, "score", "above 1"))]


def _insert(
    name: str, lines: list[str], at: int, table: str, planted: tuple[str, str | None, str]
) -> Reject:
    text, column, reason = planted
    at = min(at, len(lines))
    lines.insert(at, text)
    return Reject(file=name, line=at + 1, table=table, column=column, reason=reason)


def _changed(line: str, **change: object) -> str:
    return json.dumps({**json.loads(line), **change}, separators=(",", ":"))


def _without(line: str, key: str) -> str:
    kept = {name: value for name, value in json.loads(line).items() if name != key}
    return json.dumps(kept, separators=(",", ":"))


def _csv_line(values: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()
