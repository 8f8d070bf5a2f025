"""Runs from the command line: through Dagster, in the instance that the UI shows.

Only the functions here import Dagster, so that a command that needs none starts at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmops_health import config
from llmops_health.config import Config
from llmops_health.storage import days
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

if TYPE_CHECKING:
    import dagster as dg

_WRITTEN_BY = "# Written by llmops-health at every start; without this line it is yours.\n"
INSTANCE_SETTINGS = """\
# No telemetry, no first-run dialog, runs that died are noticed.
telemetry: {enabled: false}
nux: {enabled: false}
freshness: {enabled: true}
run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 30}
concurrency: {runs: {max_concurrent_runs: 1}}
retention:
  schedule: {purge_after_days: 90}
  sensor: {purge_after_days: {skipped: 7, failure: 30, success: -1}}
event_log_storage:
  module: llmops_health.orchestration.event_log
  class: PooledSqliteEventLog
  config: {base_dir: $base_dir}
"""


class RunFailedError(RuntimeError):
    """A Dagster run that did not succeed; the message names the step and the cause."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run from the command line did."""

    day: Day | None
    n_new_rows: int
    n_rejected: int


def dagster_home(warehouse: Warehouse) -> Path:
    """Return DAGSTER_HOME: the variable's, or a folder beside the working databases."""
    given = os.environ.get("DAGSTER_HOME")
    return Path(given) if given else warehouse.work / "dagster"


def prepare_home(warehouse: Warehouse) -> Path:
    """Make DAGSTER_HOME with our settings, initialised by one process alone."""
    home = dagster_home(warehouse)
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists() or settings.read_text("utf-8").startswith(_WRITTEN_BY):
        events = json.dumps(str(home.absolute() / "history" / "runs"))
        text = _WRITTEN_BY + INSTANCE_SETTINGS.replace("$base_dir", events)
        fresh = settings.with_suffix(f".{os.getpid()}")
        fresh.write_text(text, "utf-8")
        fresh.replace(settings)
    return home


@contextmanager
def instance(warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance of the project.

    A fresh SQLite home that several processes open at once can break for good: one at a time.
    """
    home = prepare_home(warehouse)
    import dagster as dg  # noqa: PLC0415

    with warehouse.alone("dagster"):
        opened = dg.DagsterInstance.from_config(str(home))
        opened.get_run_records(limit=1)
    with opened:
        yield opened


def run(
    path: Path, *, since: date | None = None, until: date | None = None, full: bool = False
) -> Outcome:
    """Read new files, then bring every day that is missing or out of date up to date.

    Raises
    ------
    RunFailedError
        If a step fails; what was done before it stays.
    """
    loaded = config.load(path)
    config.require_engine(loaded)
    warehouse = Warehouse(loaded.storage.path)
    warehouse.prepare()
    from llmops_health.definitions import build  # noqa: PLC0415

    definitions = build(str(path.absolute()))
    with instance(warehouse) as opened:
        landed = _execute(definitions, opened, "ingest", {})
        day = _range(loaded, warehouse, since=since, until=until, full=full)
        if day is not None:
            from llmops_health.orchestration.partitions import range_tags  # noqa: PLC0415

            _execute(definitions, opened, "health_of_days", range_tags(day))
            from llmops_health import weekly  # noqa: PLC0415

            if weekly.without_card(loaded, warehouse):
                _execute(definitions, opened, "power_cards", range_tags(Day(day.last, day.last)))
    return Outcome(day, landed.get("n_rows_new", 0), landed.get("n_rows_rejected", 0))


def make_report(path: Path) -> Path:
    """Make power cards, Evidently's reports and the page of the newest judged day, now.

    Raises
    ------
    RunFailedError
        If a step fails; what was done before it stays.
    ValueError
        If no day has been judged yet.
    """
    loaded = config.load(path)
    config.require_engine(loaded)
    warehouse = Warehouse(loaded.storage.path)
    warehouse.prepare()
    from llmops_health.definitions import build  # noqa: PLC0415
    from llmops_health.orchestration.partitions import range_tags  # noqa: PLC0415
    from llmops_health.steps import report_folder  # noqa: PLC0415

    newest = days.newest_judged(warehouse)
    if newest is None:
        raise ValueError("No day has been judged yet. Do that first: llmops-health run")
    with instance(warehouse) as opened:
        _execute(build(str(path.absolute())), opened, "weekly", range_tags(Day(newest, newest)))
    return report_folder(loaded) / "index.html"


def _range(
    loaded: Config, warehouse: Warehouse, *, since: date | None, until: date | None, full: bool
) -> Day | None:
    del loaded
    today = datetime.now(tz=UTC).date()
    whole = days.all_days(warehouse, today)
    if whole is None:
        return None
    if since or until:
        return Day(max(since or whole.first, whole.first), min(until or whole.last, today))
    return whole if full else days.out_of_date(warehouse, today)


def _execute(
    definitions: dg.Definitions, opened: dg.DagsterInstance, job: str, tags: dict[str, str]
) -> dict[str, int]:
    from llmops_health.orchestration import origin  # noqa: PLC0415

    result = definitions.resolve_job_def(job).execute_in_process(
        instance=opened,
        tags=origin.tags() | tags,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    origin.note(opened, result.run_id, job)
    if not result.success:
        raise RunFailedError(_cause(result))
    counts: dict[str, int] = {}
    for event in result.get_asset_materialization_events():
        for name, value in event.materialization.metadata.items():
            if isinstance(value.value, int):
                counts[name] = counts.get(name, 0) + value.value
    return counts


def _cause(result: dg.ExecuteInProcessResult) -> str:
    said: list[str] = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            said.append(f"{event.step_key}: {error.message.strip() if error else 'unknown'}")
    return "\n".join(said) or "The run failed before its first step."
