"""ECE, Brier, AURC and AUC of ten million labelled calls.

Ours: one scan of a Parquet file into the stored 100 bins of confidence, in DuckDB with our macro,
then the kernels. The peers: netcal's ECE, scikit-learn's Brier and AUC, AURC by numpy, of the same
numbers in memory; reading them is not timed. Both in fresh processes, by turns, medians. The join
of labels to calls, which no peer does, is a line of its own: `sql/summary/summary__calibration.sql`
over a tenth of the calls.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import peers
from benchmarks.measuring import Row, Size, Work, fresh, median, median_ratio
from llmops_health import sqlfiles
from llmops_health.kernels.calibration import (
    N_BINS,
    ConfidenceBins,
    brier_from_bins,
    ece_from_bins,
)
from llmops_health.kernels.selective import aurc, failure_auroc, risk_coverage
from llmops_health.storage.day import Day
from llmops_health.storage.engines import memory
from llmops_health.storage.warehouse import Warehouse, frame

SEED = 12
ROWS = {Size.FULL: 10_000_000, Size.QUICK: 20_000}
RUNS = {Size.FULL: 3, Size.QUICK: 1}
ECE_BINS = 20
MIN_SPEED = 15.0
DAY = date(2026, 10, 1)
_QUERY = """
select
    conf_bin(conf) as k,
    count(*) as n,
    sum(correct::int) as n_correct,
    sum(conf) as sum_conf,
    sum(conf * conf) as sum_conf_sq,
    sum(case when correct then conf else 0 end) as sum_conf_correct
from read_parquet($path)
group by k
"""
_SUMS = ("n", "n_correct", "sum_conf", "sum_conf_sq", "sum_conf_correct")


def measure(size: Size) -> list[Row]:
    """Return the goal of calibration."""
    python, note = peers.python(size)
    with tempfile.TemporaryDirectory(prefix="benchmark-calibration-") as folder:
        path = str(Path(folder) / "calls.parquet")
        fresh("benchmarks.calibration:write", path=path, rows=ROWS[size])
        ours, theirs = [], []
        for _ in range(RUNS[size]):
            ours.append(fresh("benchmarks.calibration:four_metrics", path=path))
            theirs.append(
                fresh("benchmarks.peer_calibration:four_metrics", python=python, path=path)
            )
        n_joined = ROWS[size] // 10
        fresh("benchmarks.calibration:write_calls", folder=folder, rows=n_joined)
        joined = fresh("benchmarks.calibration:summary", folder=folder)
    peer = theirs[0].found
    by = "netcal, scikit-learn and numpy" if peer["ece_by"] == "netcal" else "scikit-learn, numpy"
    if peer["ece_by"] == "netcal":
        note = f"{note}; " * bool(note) + "netcal without torch, which its ECE does not use"
    rows = [
        Row(
            f"calibration, {ROWS[size]:,} calls, four measures: speed of {by}",
            "x",
            median_ratio(theirs, ours),
            MIN_SPEED,
            at_least=True,
            note=note,
        ),
        median(ours).as_row("calibration, ours"),
        median(theirs).as_row(f"calibration, {by}"),
        joined.as_row(f"calibration, summary__calibration of {n_joined:,} labels with their calls"),
    ]
    rows += [
        Row(f"calibration: difference of {name}", "", abs(ours[0].found[name] - peer[name]))
        for name in ("ece", "brier", "aurc", "auc")
    ]
    return rows


def write(path: str, rows: int) -> Work:
    """Write confidences and whether the calls were right."""

    def work() -> Mapping[str, Any]:
        conf, correct = _drawn(rows)
        pl.DataFrame({"conf": conf, "correct": correct}).write_parquet(path)
        return {}

    return work


def _drawn(rows: int) -> tuple[pl.Series, pl.Series]:
    rng = np.random.default_rng(SEED)
    conf = rng.beta(5, 2, rows)
    return pl.Series(conf), pl.Series(rng.random(rows) < conf**1.3)


def four_metrics(path: str) -> Work:
    """Prepare our side: a scan into bins, and four kernels."""
    connection = memory()

    def work() -> Mapping[str, Any]:
        rows = frame(connection, _QUERY, {"path": path})
        sums = np.zeros((len(_SUMS), N_BINS))
        sums[:, rows["k"].to_numpy()] = rows.select(_SUMS).to_numpy().T
        bins = ConfidenceBins(*sums)
        curve = risk_coverage(bins)
        return {
            "ece": ece_from_bins(bins, ECE_BINS),
            "brier": brier_from_bins(bins),
            "aurc": aurc(curve),
            "auc": failure_auroc(curve),
        }

    return work


def write_calls(folder: str, rows: int) -> Work:
    """Write calls and their labels into a working database."""

    def work() -> Mapping[str, Any]:
        warehouse = Warehouse(Path(folder) / "health.duckdb")
        warehouse.prepare()
        files = {file.table: file for file in sqlfiles.load()}
        wanted = ("core__calls", "core__labels", "summary__calibration")
        warehouse.ensure({name: files[name].columns for name in wanted})
        conf, correct = _drawn(rows)
        path = warehouse.staging / "benchmark.parquet"
        pl.DataFrame({"confidence": conf, "correct": correct}).with_row_index("i").write_parquet(
            path
        )
        with warehouse.write() as connection:
            connection.execute(
                "insert into core__calls (day, call_id, feature_id, started_at, run_kind, user_id,"
                " predicted_label, confidence) select $day, 'call-' || i, 'feature-' || i % 20,"
                " $day::timestamp + i % 86400 * interval 1 second, 'prod',"
                " sha256((i % 20000)::varchar), 'label-' || i % 12, confidence"
                " from read_parquet($path)",
                {"day": DAY, "path": str(path)},
            )
            connection.execute(
                "insert into core__labels (day, call_id, label, labelled_at, labeller_kind)"
                " select $day, 'call-' || i, case when correct then 'label-' || i % 12"
                " else 'label-' || (i + 1) % 12 end, $day::timestamp + interval 20 hour, 'human'"
                " from read_parquet($path)",
                {"day": DAY, "path": str(path)},
            )
        path.unlink()
        return {}

    return work


def summary(folder: str) -> Work:
    """Prepare the summary of a day on which all labels came."""
    warehouse = Warehouse(Path(folder) / "health.duckdb")
    file = next(file for file in sqlfiles.load() if file.table == "summary__calibration")

    def work() -> Mapping[str, Any]:
        given = {"first_day": DAY, "last_day": DAY}
        n_rows = warehouse.replace(file.table, file.columns, file.query, given, Day(DAY, DAY))
        return {"n_rows": n_rows}

    return work
