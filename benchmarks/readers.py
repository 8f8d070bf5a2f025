"""What a reader of the published file notices of a run: nothing, or how much.

A process opens the file, asks three questions and closes it, over and over: first alone, then
while the job `health_of_days` judges the last days and publishes. A failed open or query would be a
reader who has to wait: DuckDB refuses a file that a writer holds. Longest and median times include
what two processes on the same cores take from each other.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import Row, Size, Work, fresh
from benchmarks.worlds import Plan, days_of
from llmops_health.storage.warehouse import open_published

PLANS = {
    Size.FULL: Plan(n_features=20, days=29, calls_per_day=10_000),
    Size.QUICK: Plan(n_features=1, days=14, calls_per_day=20),
}
ALONE = {Size.FULL: 500, Size.QUICK: 5}
RUNS = {Size.FULL: 2, Size.QUICK: 1}
LOOKBACK_DAYS = 3
QUERIES = (
    "select status, count(*) from latest_verdicts group by status",
    "select feature_id, count(*) from summary__rates group by feature_id",
    "select count(*) from core__calls where day = (select max(day) from core__calls)",
)


def measure(size: Size) -> list[Row]:
    """Return what a reader meets."""
    plan = PLANS[size]
    first, last = days_of(plan)
    with tempfile.TemporaryDirectory(prefix="benchmark-reader-") as folder:
        fresh("benchmarks.worlds:write", folder=folder, **asdict(plan))
        path = str(Path(folder) / "llmops-health.yaml")
        given = {"config_path": path, "last": last.isoformat()}
        fresh("benchmarks.one_run:history", first=first.isoformat(), **given)
        since = (last - timedelta(days=LOOKBACK_DAYS - 1)).isoformat()
        fresh("benchmarks.one_run:job", name="health_of_days", first=since, **given)
        published = str(Path(folder) / "health.duckdb")
        alone = fresh("benchmarks.readers:read", path=published, times=ALONE[size]).found
        stop = Path(folder) / "stop"
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(
                fresh, "benchmarks.readers:read", path=published, until=str(stop)
            )
            try:
                for _ in range(RUNS[size]):
                    fresh("benchmarks.one_run:job", name="health_of_days", first=since, **given)
            finally:
                stop.touch()
            during = reading.result().found
    return [
        Row(
            "reader's wait during a run: opens and queries that failed",
            "",
            during["n_failed"],
            0,
            note=f"of {during['n']:,}, over {during['n_files']} published files",
        ),
        *(
            Row(f"open, three queries, close: {name}, {when}", "ms", 1000 * found[name])
            for name in ("median", "longest")
            for when, found in (("alone", alone), ("during a run", during))
        ),
    ]


def read(path: str, *, times: int = 0, until: str = "") -> Work:
    """Prepare to read so many times, or until a file is there."""

    def work() -> Mapping[str, Any]:
        took: list[float] = []
        files: set[int] = set()
        n_failed = 0
        while len(took) < times or (until and not Path(until).exists()):
            start = time.perf_counter()
            try:
                files.add(Path(path).stat().st_ino)
                connection = open_published(Path(path))
                for query in QUERIES:
                    connection.execute(query).fetchall()
                connection.close()
            except (OSError, duckdb.Error):
                n_failed += 1
            took.append(time.perf_counter() - start)
        return {
            "n": len(took),
            "n_failed": n_failed,
            "n_files": len(files),
            "median": statistics.median(took),
            "longest": max(took),
        }

    return work
