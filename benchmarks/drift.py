"""Drift of 30 columns, each a million values against a million.

Ours: `sql/summary/summary__histograms.sql` over three features of ten numbers each in `core__calls`
on disk, then Wasserstein and KS from the histograms. "Reference kept" makes the current day's
histograms only, as every night does; both run under `storage.memory_limit: 200MB`. Evidently: its
default preset over the same numbers as two pandas frames in memory; reading them is not timed. Ours
runs in fresh processes before and after Evidently's one, and the median counts; exact distances are
scipy's, of the raw values.
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

from benchmarks import peers
from benchmarks.measuring import Row, Size, Work, fresh, median, median_ratio
from llmops_health import sqlfiles
from llmops_health.kernels.histograms import w1
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

SEED = 11
ROWS = {Size.FULL: 1_000_000, Size.QUICK: 4_000}
OUR_RUNS = {Size.FULL: (3, 2), Size.QUICK: (1, 0)}
FEATURES = ("triage", "answers", "extraction")
REFERENCE, CURRENT = date(2026, 10, 1), date(2026, 10, 2)
SIDES = {"reference": REFERENCE, "current": CURRENT}
MIN_SPEED, MIN_SPEED_KEPT = 60.0, 150.0
MAX_PEAK_MB = 400.0
MEMORY_LIMIT = "200MB"  # `storage.memory_limit`; what DuckDB reads twice it would keep otherwise
MAX_KS_ERROR, MAX_W1_ERROR = 0.002, 0.004
_WHOLE = frozenset(
    {
        "n_input_chars",
        "n_output_chars",
        "input_tokens",
        "output_tokens",
        "n_context_chunks",
        "n_hedges",
    }
)
Floats = npt.NDArray[np.float64]


def measure(size: Size) -> list[Row]:
    """Return the goals of drift."""
    python, note = peers.python(size)
    before, after = OUR_RUNS[size]
    with tempfile.TemporaryDirectory(prefix="benchmark-drift-") as folder:
        fresh("benchmarks.drift:write", folder=folder, rows=ROWS[size])
        whole = [fresh("benchmarks.drift:ours", folder=folder, kept=False) for _ in range(before)]
        kept = [fresh("benchmarks.drift:ours", folder=folder, kept=True) for _ in range(before)]
        theirs = fresh("benchmarks.peer_evidently:preset", python=python, folder=folder)
        whole += [fresh("benchmarks.drift:ours", folder=folder, kept=False) for _ in range(after)]
        kept += [fresh("benchmarks.drift:ours", folder=folder, kept=True) for _ in range(after)]
        exact = fresh("benchmarks.drift:exact", folder=folder).found
    found = whole[-1].found
    off = {
        name: max(abs(found[column][name] - exact[column][name]) for column in exact)
        for name in ("ks", "w1")
    }
    n = f"{len(exact)} columns, {ROWS[size]:,} against {ROWS[size]:,}"
    peak = max(one.peak_mb for one in whole)
    return [
        Row(
            f"drift, {n}: speed of Evidently's default",
            "x",
            median_ratio([theirs], whole),
            MIN_SPEED,
            at_least=True,
            note=note,
        ),
        Row(
            "drift, the reference's summaries kept: speed of Evidently's default",
            "x",
            median_ratio([theirs], kept),
            MIN_SPEED_KEPT,
            at_least=True,
            note=note,
        ),
        Row("drift: peak memory", "MB", peak, MAX_PEAK_MB),
        Row("drift: largest error of KS", "", off["ks"], MAX_KS_ERROR),
        Row("drift: largest error of Wasserstein", "sd", off["w1"], MAX_W1_ERROR),
        median(whole).as_row("drift, ours"),
        median(kept).as_row("drift, ours, reference kept"),
        theirs.as_row("drift, Evidently's default preset", "one run"),
    ]


def write(folder: str, rows: int) -> Work:
    """Write both days: as `core__calls` of a working database, and as a Parquet file of columns."""

    def work() -> Mapping[str, Any]:
        warehouse = Warehouse(Path(folder) / "health.duckdb")
        warehouse.prepare()
        tables = {
            file.table: file.columns
            for file in sqlfiles.load()
            if file.table in {"core__calls", "summary__histograms"}
        }
        warehouse.ensure(tables)
        rng = np.random.default_rng(SEED)
        for at, (side, day) in enumerate(SIDES.items()):
            wide: dict[str, pl.Series] = {}
            for number, feature in enumerate(FEATURES):
                # The second and third feature have moved on the current day.
                columns = _columns(rng, rows, moved=at * number * 0.1)
                wide |= {f"{feature}_{name}": values for name, values in columns.items()}
                _insert(warehouse, day, feature, columns)
            pl.DataFrame(wide).write_parquet(Path(folder) / f"{side}.parquet")
        histograms = _histograms()
        reference = Day(REFERENCE, REFERENCE)
        warehouse.replace(
            histograms.table,
            histograms.columns,
            histograms.query,
            {"first_day": REFERENCE, "last_day": REFERENCE},
            reference,
        )
        return {}

    return work


def _columns(rng: np.random.Generator, n: int, *, moved: float) -> dict[str, pl.Series]:
    drawn: dict[str, Floats] = {
        "n_input_chars": rng.lognormal(6 + moved, 0.8, n),
        "n_output_chars": rng.lognormal(5.5, 1.1, n),
        "input_tokens": rng.lognormal(5 + moved, 0.7, n),
        "output_tokens": rng.gamma(2.0, 90, n),
        "latency_ms": rng.lognormal(7 + moved, 0.5, n),
        "ttft_ms": rng.gamma(3.0, 120 * (1 + moved), n),
        "cost_usd": rng.lognormal(-6, 0.9, n),
        "context_score": rng.beta(6, 3 + moved, n),
        "n_context_chunks": rng.poisson(4 + moved, n).astype(np.float64),
        "confidence": rng.beta(5, 2 + moved, n),
    }
    return {
        name: pl.Series(np.ceil(values).astype(np.int64) if name in _WHOLE else values)
        for name, values in drawn.items()
    }


def _insert(warehouse: Warehouse, day: date, feature: str, columns: dict[str, pl.Series]) -> None:
    staged = warehouse.staging / "benchmark.parquet"
    pl.DataFrame(columns).write_parquet(staged)
    listed = ", ".join(columns)
    with warehouse.write() as connection:
        connection.execute(
            f"insert into core__calls (day, feature_id, run_kind, {listed})"
            f" select ?, ?, 'prod', {listed} from read_parquet(?)",
            [day, feature, str(staged)],
        )
    staged.unlink()


def _histograms() -> sqlfiles.SqlFile:
    return next(file for file in sqlfiles.load() if file.table == "summary__histograms")


def ours(folder: str, *, kept: bool) -> Work:
    """Prepare our side: histograms of both days, or of the current one, and their distances."""
    warehouse = Warehouse(Path(folder) / "health.duckdb", memory_limit=MEMORY_LIMIT)
    histograms = _histograms()
    day = Day(CURRENT if kept else REFERENCE, CURRENT)

    def work() -> Mapping[str, Any]:
        warehouse.replace(
            histograms.table,
            histograms.columns,
            histograms.query,
            {"first_day": day.first, "last_day": day.last},
            day,
        )
        rows = warehouse.frame(
            "select feature_id, field, day, k, n from summary__histograms order by all"
        )
        found = {}
        for (feature, name), of_field in rows.partition_by(
            "feature_id", "field", as_dict=True
        ).items():
            if name not in _FIELDS:
                continue
            reference = of_field.filter(pl.col("day") == REFERENCE)
            current = of_field.filter(pl.col("day") == CURRENT)
            distance = w1(reference["k"], reference["n"], current["k"], current["n"])
            found[f"{feature}_{name}"] = {"ks": distance.ks, "w1": distance.w1_per_sd}
        return found

    return work


def exact(folder: str) -> Work:
    """Prepare scipy's distances of the raw values."""
    from scipy import stats  # noqa: PLC0415 - would count as our memory

    reference, current = (pl.read_parquet(Path(folder) / f"{side}.parquet") for side in SIDES)

    def work() -> Mapping[str, Any]:
        found = {}
        for name in reference.columns:
            left, right = (
                side[name].to_numpy().astype(np.float64) for side in (reference, current)
            )
            found[name] = {
                "ks": float(stats.ks_2samp(left, right, method="asymp").statistic),
                "w1": float(stats.wasserstein_distance(left, right) / left.std()),
            }
        return found

    return work


_FIELDS = frozenset(_columns(np.random.default_rng(SEED), 1, moved=0.0))
