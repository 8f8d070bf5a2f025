"""Span trees of a day of a million spans: critical path, exclusive time, parallel spans, samples.

100,000 requests of ten spans, of five features: five steps, one of them over three shards, a check
beside the model, and gaps between. The three summaries of `stage_latency` are made one after
another from `core__spans` on disk, in a fresh process each; the median of the runs counts. The
stages of the critical path have to add up to the requests.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.measuring import Row, Size, Work, fresh, median
from llmops_health import sqlfiles
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

SEED = 17
REQUESTS = {Size.FULL: 100_000, Size.QUICK: 300}
RUNS = {Size.FULL: 3, Size.QUICK: 1}
N_FEATURES = 5
DAY = date(2026, 10, 2)
SUMMARIES = ("summary__stage_times", "summary__stage_hours", "summary__span_samples")
MAX_SECONDS = 20.0
MAX_PEAK_MB = 2_000.0
MAX_ERROR = 1e-6
_SPANS_EACH = 10
_DAY_MS = 86_300_000
Floats = npt.NDArray[np.float64]


def measure(size: Size) -> list[Row]:
    """Return the goals of span trees."""
    with tempfile.TemporaryDirectory(prefix="benchmark-spans-") as folder:
        fresh("benchmarks.spans:write", folder=folder, requests=REQUESTS[size])
        made = {
            table: [
                fresh("benchmarks.spans:summary", folder=folder, table=table)
                for _ in range(RUNS[size])
            ]
            for table in SUMMARIES
        }
        error = fresh("benchmarks.spans:law", folder=folder).found["error"]
    middle = {table: median(runs) for table, runs in made.items()}
    n = f"{_SPANS_EACH * REQUESTS[size]:,} spans"
    return [
        Row(
            f"span trees of {n}: all three summaries",
            "s",
            sum(one.wall_s for one in middle.values()),
            MAX_SECONDS,
            note=f"median of {RUNS[size]} each",
            wall_s=sum(one.wall_s for one in middle.values()),
            cpu_s=sum(one.cpu_s for one in middle.values()),
        ),
        Row(
            "span trees: peak memory",
            "MB",
            max(one.peak_mb for runs in made.values() for one in runs),
            MAX_PEAK_MB,
        ),
        Row("span trees: share of time that the path misses", "", error, MAX_ERROR),
        *(one.as_row(f"span trees, {table}") for table, one in middle.items()),
    ]


def write(folder: str, requests: int) -> Work:
    """Write a day of spans as `core__spans` of a working database."""

    def work() -> Mapping[str, Any]:
        warehouse = Warehouse(Path(folder) / "health.duckdb")
        warehouse.prepare()
        wanted = {"core__spans", "core__calls", *SUMMARIES}
        warehouse.ensure({f.table: f.columns for f in sqlfiles.load() if f.table in wanted})
        staged = warehouse.staging / "benchmark.parquet"
        spans = _spans(np.random.default_rng(SEED), requests)
        spans.write_parquet(staged)
        listed = ", ".join(spans.columns)
        with warehouse.write() as connection:
            connection.execute(
                f"insert into core__spans ({listed}) select {listed} from read_parquet(?)",
                [str(staged)],
            )
        staged.unlink()
        return {}

    return work


def summary(folder: str, table: str) -> Work:
    """Prepare the making of one summary."""
    warehouse = Warehouse(Path(folder) / "health.duckdb")
    file = next(file for file in sqlfiles.load() if file.table == table)

    def work() -> Mapping[str, Any]:
        days = {"first_day": DAY, "last_day": DAY}
        n = warehouse.replace(file.table, file.columns, file.query, days, Day(DAY, DAY))
        return {"rows": n}

    return work


def law(folder: str) -> Work:
    """Prepare what the stages' critical time lacks of the requests' time, as a share of it."""
    warehouse = Warehouse(Path(folder) / "health.duckdb")

    def work() -> Mapping[str, Any]:
        rows = warehouse.frame(
            "select sum(case when kind = 'critical' then sum_ms end) as path,"
            " sum(case when kind = 'total' and stage = '(request)' then sum_ms end) as whole"
            " from summary__stage_times"
        )
        path, whole = rows.row(0)
        return {"error": abs(path / whole - 1)}

    return work


def _spans(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """Make requests all day long; each step begins a few ms after the one before."""

    def lasts(typical: float) -> Floats:
        return np.asarray(typical * rng.lognormal(0, 0.5, n))

    def pause() -> Floats:
        return np.asarray(rng.exponential(5, n))

    begin = np.sort(rng.random(n)) * _DAY_MS
    at = begin + pause()
    steps: list[tuple[int, int | None, str | None, Floats, Floats]] = []
    for place, (stage, typical) in enumerate(
        {"embed": 60.0, "retrieve": 0.0, "rerank": 50.0, "prompt": 5.0, "llm": 800.0}.items(), 1
    ):
        if stage == "retrieve":
            shards = [lasts(120) for _ in range(3)]
            took = np.max(shards, axis=0) + 4
            steps += [(6 + i, place, stage, at + 2, shard) for i, shard in enumerate(shards)]
        else:
            took = lasts(typical)
        steps.append((place, 0, stage, at, took))
        if stage == "llm":
            steps.append((9, 0, "guardrail", at + 1, took / 8))
        at = at + took + pause()
    steps.append((0, None, None, begin, at - begin))
    ids = pl.DataFrame(
        {
            "trace_id": [f"{key:032x}" for key in rng.integers(0, 2**62, n)],
            "feature_id": [f"feature-{i % N_FEATURES}" for i in range(n)],
        }
    )
    midnight = np.datetime64(DAY, "us")
    parts = [
        ids.with_columns(
            day=pl.lit(DAY),
            span_id=pl.lit(f"{place:016x}"),
            parent_span_id=pl.lit(None if parent is None else f"{parent:016x}", dtype=pl.String),
            name=pl.lit(stage or "request"),
            stage=pl.lit(stage, dtype=pl.String),
            run_kind=pl.lit("prod"),
            started_at=pl.Series(midnight + (1_000 * start).astype("timedelta64[us]")),
            duration_ms=pl.Series(np.round(took, 3)),
        )
        for place, parent, stage, start, took in steps
    ]
    return pl.concat(parts).sort("started_at")
