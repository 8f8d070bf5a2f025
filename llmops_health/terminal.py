"""Tables in the terminal; texts of users are never read as markup."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {"healthy": "green", "warning": "yellow", "failing": "red", "no_evidence": "cyan"}
_FOUND = {"failing", "warning"}


def print_verdicts(shown: Mapping[str, Any]) -> None:
    """Print what the latest verdicts found, and in which modes each feature is well or unknown."""
    if shown["day"] is None:
        print("No verdict yet: the sources have brought no rows.")
        return
    console = Console(width=None if sys.stdout.isatty() else 140, soft_wrap=False)
    found = _table(f"Verdicts of {shown['day']}", "feature", "mode", "verdict", "what was found")
    others = _table("", "feature", "verdict", "modes")
    for feature in shown["features"]:
        by_state: dict[str, list[str]] = {}
        for verdict in feature["verdicts"]:
            state = verdict["status"]
            by_state.setdefault(state, []).append(verdict["mode"])
            if state in _FOUND:
                found.add_row(
                    Text(feature["feature_id"]),
                    verdict["mode"],
                    _coloured(state),
                    Text(verdict["headline"]),
                )
        for state in sorted(by_state.keys() - _FOUND):
            others.add_row(
                Text(feature["feature_id"]), _coloured(state), ", ".join(by_state[state])
            )
    if not found.rows:
        found.add_row("", "", "", "nothing")
    console.print(found)
    if others.rows:
        console.print()
        console.print(others)
    alarms = shown.get("alarms", ())
    waiting = _unanswered(alarms)
    if waiting.rows:
        console.print()
        console.print(waiting)
    answered = Counter(alarm["acknowledged_by"] for alarm in alarms if alarm["answer"])
    if answered:
        people = ", ".join(f"{person} {n}" for person, n in answered.most_common())
        said = f"Acknowledged are {answered.total()} of {len(alarms)} alarms: {people}."
        console.print()
        console.print(Text(said))


def _unanswered(alarms: Sequence[Mapping[str, Any]]) -> Table:
    """Return what fails and nobody has taken on; parts of a check only where not all of it fails.

    A name has its part after a second slash: feature/mode.check/part.
    """
    table = _table("Nobody's yet, see llmops-health ack", "alarm", "failing since")
    waiting = {
        alarm["finding"]: alarm["alarmed_since"]
        for alarm in alarms
        if alarm["status"] == "FAIL" and not alarm["answer"]
    }
    for name, since in waiting.items():
        if not any(name.startswith(f"{whole}/") for whole in waiting):
            table.add_row(Text(name), since)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _coloured(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, "dim"))


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a query's rows as a table, and their number."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else 180).print(table)
    print(f"{len(rows)} rows")


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a query's rows as CSV."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows(rows)
