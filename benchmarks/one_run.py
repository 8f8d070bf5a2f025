"""One run of the project's Dagster jobs in this process, with what its parts took.

Imports little before the run, so that a process around it costs what a user's run costs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.measuring import Work
from benchmarks.own_time import OwnTime
from llmops_health import config, health, running
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

TO_VERDICTS = ("core", "summary", "vectors", *health.MODES, "verdicts")


def job(config_path: str, name: str, first: str = "", last: str = "", modes: str = "") -> Work:
    """Prepare nothing, run a job over a range of days; return what its steps and parts took.

    `modes`, by commas: only the verdicts' way of these, from core on.
    """
    chosen = way_of(modes.split(",")) if modes else None
    return lambda: _run(Path(config_path), name, _day(first, last), chosen)


def way_of(modes: Collection[str]) -> list[str]:
    """Return the assets that the checks of some modes need, from core to verdicts."""
    from llmops_health import sqlfiles  # noqa: PLC0415 - after the start of the clock
    from llmops_health.text import vectors  # noqa: PLC0415

    checks = [check for check in health.listed() if check.mode in modes]
    reads = {file.table: file.reads for file in sqlfiles.load()}
    way = {*vectors.TABLES} if any(t in vectors.TABLES for c in checks for t in c.reads) else set()
    waiting = {table for check in checks for table in check.reads}
    while waiting:
        table = waiting.pop()
        if table in reads and table not in way:
            way.add(table)
            waiting |= set(reads[table])
    return [*sorted(way), *(check.key for check in checks), "health__verdicts"]


def history(config_path: str, first: str, last: str) -> Work:
    """Read the files, make core and summaries of a range of days, and call them judged."""

    def work() -> Mapping[str, Any]:
        from llmops_health import sqlfiles  # noqa: PLC0415 - after the start of the clock
        from llmops_health.storage import days  # noqa: PLC0415
        from llmops_health.text import vectors  # noqa: PLC0415

        path = Path(config_path)
        _run(path, "ingest", None, None)
        tables = [f.table for layer in ("core", "summary") for f in sqlfiles.load(layer=layer)]
        day = _day(first, last)
        assert day is not None
        found = _run(path, "health_of_days", day, [*tables, *vectors.TABLES])
        days.mark_judged(Warehouse(config.load(path).storage.path), day)
        return found

    return work


def _day(first: str, last: str) -> Day | None:
    return Day(date.fromisoformat(first), date.fromisoformat(last)) if first else None


def _run(path: Path, name: str, day: Day | None, chosen: list[str] | None) -> Mapping[str, Any]:
    import dagster as dg  # noqa: PLC0415 - part of what is measured

    from llmops_health.definitions import build  # noqa: PLC0415
    from llmops_health.orchestration.partitions import range_tags  # noqa: PLC0415

    loaded = config.load(path)
    warehouse = Warehouse(loaded.storage.path)
    warehouse.prepare()
    own = OwnTime()
    _watch(own)
    definitions = build(str(path.absolute()))
    with running.instance(warehouse) as instance:
        result = definitions.resolve_job_def(name).execute_in_process(
            instance=instance,
            tags=range_tags(day) if day else {},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            asset_selection=[dg.AssetKey(one) for one in chosen] if chosen else None,
            raise_on_error=True,
        )
        stats = instance.get_run_step_stats(result.run_id)
    steps: dict[str, float] = {}
    for one in stats:
        if one.end_time is not None and one.start_time is not None:
            # Dagster cuts a step in two where assets of another lie between its own.
            name = re.sub(r"_\d+$", "", one.step_key)
            steps[name] = steps.get(name, 0.0) + one.end_time - one.start_time
    wall, cpu = own.total()
    return {
        "steps": steps,
        "to_verdicts_s": sum(took for step, took in steps.items() if step in TO_VERDICTS),
        "own_s": wall,
        "own_cpu_s": cpu,
        "parts": own.parts,
    }


def _watch(own: OwnTime) -> None:
    from llmops_health import answers, judge, steps, weekly  # noqa: PLC0415
    from llmops_health.ingest import land  # noqa: PLC0415
    from llmops_health.orchestration import assets  # noqa: PLC0415
    from llmops_health.report import plots  # noqa: PLC0415
    from llmops_health.storage import days  # noqa: PLC0415

    own.watch(answers, judge, steps, weekly, land, days, plots, Warehouse)
    # The rest of that module speaks to Dagster.
    own.watch(assets, only="make_table")
