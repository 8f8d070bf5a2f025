"""Tables in the terminal; texts of users are never read as markup."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {"healthy": "green", "warning": "yellow", "failing": "red", "no_evidence": "cyan"}


def print_verdicts(shown: Mapping[str, Any]) -> None:
    """Print the latest verdicts as a table."""
    if shown["day"] is None:
        print("No verdict yet: the sources have brought no rows.")
        return
    table = Table(
        title=f"Verdicts of {shown['day']}", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    for name in ("feature", "mode", "verdict", "what was found"):
        table.add_column(name, overflow="fold")
    for feature in shown["features"]:
        for verdict in feature["verdicts"]:
            state = verdict["status"]
            table.add_row(
                Text(feature["feature_id"]),
                verdict["mode"],
                Text(state, style=_COLOURS.get(state, "dim")),
                Text(verdict["headline"] if state in {"failing", "warning", "no_evidence"} else ""),
            )
    Console(width=None if sys.stdout.isatty() else 140, soft_wrap=False).print(table)


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
