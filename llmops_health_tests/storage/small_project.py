"""A project of a few files, landed and brought up to date without Dagster or a check."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path

from llmops_health import sqlfiles, steps
from llmops_health.config import Config, load
from llmops_health.ingest import land
from llmops_health.storage import days
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

TODAY = date(2026, 6, 1)


class SmallProject:
    """A folder with a configuration, JSON lines and a warehouse."""

    def __init__(
        self, folder: Path, tables: Sequence[str] = ("calls",), made: Sequence[str] = ()
    ) -> None:
        """Write the configuration; each table is read from `<table>/*.jsonl`.

        `made` names the core tables and summaries to make beside `core__calls`.
        """
        self.folder = folder
        self.made = ("core__calls", *made)
        sources = [
            f"  - {{table: {table}, format: jsonl, path: {table}/*.jsonl}}" for table in tables
        ]
        text = "\n".join(["privacy: {user_id_key: a-key}", "sources:", *sources, ""])
        (folder / "llmops-health.yaml").write_text(text, "utf-8")

    @cached_property
    def config(self) -> Config:
        """The configuration of the folder."""
        return load(self.folder / "llmops-health.yaml", {})

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, with its tables made."""
        warehouse = Warehouse(self.config.storage.path)
        land.prepare(warehouse)
        warehouse.ensure(steps.all_tables())
        return warehouse

    def write(self, table: str, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Append rows to a file."""
        path = self.folder / table / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def land(self) -> None:
        """Read new files."""
        land.land(self.config, self.warehouse)

    def out_of_date(self, today: date = TODAY) -> Day | None:
        """Return the days to do again."""
        return days.out_of_date(self.warehouse, today)

    def run(self, today: date = TODAY) -> Day | None:
        """Land, make the tables of the days that are out of date, mark them; return the days."""
        self.land()
        day = self.out_of_date(today)
        if day is not None:
            self.make(day)
            days.mark_judged(self.warehouse, day)
        return day

    def make(self, day: Day) -> None:
        """Make the core rows and summaries of some days."""
        warehouse = self.warehouse
        batch = days.newest_batch(warehouse)
        files = {file.table: file for file in sqlfiles.load()}
        for table in self.made:
            file = files[table]
            params = {"first_day": day.first, "last_day": day.last}
            warehouse.replace(table, file.columns, file.query, params, day)
        days.mark_core(warehouse, day, batch)


def call(call_id: str, day: str, **more: object) -> dict[str, object]:
    """Return a call at noon of a day."""
    needed = {"call_id": call_id, "feature_id": "help", "started_at": f"{day}T12:00:00Z"}
    return needed | {"run_kind": "prod"} | more
