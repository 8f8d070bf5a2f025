"""Bad timestamps: constants, times that run backwards, missing ones; nothing later is known."""

from __future__ import annotations

import csv
import os
from datetime import datetime, time, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.review_queue import bad_timestamps
from llmops_health_tests.health.review_queue.simulate import FEATURE, LAST

REAL = os.environ.get("LLMOPS_HEALTH_REAL_DATA")
START = datetime.combine(LAST - timedelta(days=20), time())


def judged(rows: pl.DataFrame, back: int = 0) -> Finding:
    day = LAST - timedelta(days=back)
    [found] = bad_timestamps.check(FEATURE, day, rows, bad_timestamps.Params())
    return found


def reviews(n: int = 400, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    came = pl.Series(np.sort(rng.random(n)) * 18 * 86_400e6).cast(pl.Int64)
    wait, dwell = (pl.Series(rng.exponential(s, n) * 1e6).cast(pl.Int64) for s in (43200, 60))
    begin = pl.lit(START)
    return pl.DataFrame({"came": came, "wait": wait, "dwell": dwell}).select(
        day=(begin + pl.duration(microseconds="came")).dt.date(),
        review_id=pl.lit("r") + pl.int_range(pl.len()).cast(pl.String),
        feature_id=pl.lit(FEATURE.id),
        queue_id=pl.lit("intents"),
        created_at=begin + pl.duration(microseconds="came"),
        started_at=begin + pl.duration(microseconds=pl.col("came") + pl.col("wait")),
        completed_at=begin
        + pl.duration(microseconds=pl.col("came") + pl.col("wait") + pl.col("dwell")),
        decision=pl.lit("ok"),
    )


def test_good_times_pass() -> None:
    for seed in range(20):
        assert judged(reviews(seed=seed)).status is Status.PASS


def test_constants_fail() -> None:
    rows = reviews()
    for column in ("completed_at", "started_at"):
        same = rows.with_columns(pl.lit(datetime.combine(LAST, time(1))).alias(column))
        found = judged(same)
        assert found.status is Status.FAIL
        assert f"share one value of {column}" in found.message
    dwell = rows.with_columns(completed_at=pl.col("started_at") + pl.duration(seconds=83))
    assert "completed_at - started_at" in judged(dwell).message


def test_backwards_and_missing_times_warn() -> None:
    rows = reviews()
    tenth = pl.int_range(pl.len()) % 7 == 0
    early = pl.col("created_at") - pl.duration(hours=1, microseconds=pl.int_range(pl.len()))
    at = pl.when(tenth).then(early).otherwise("completed_at")
    back = judged(rows.with_columns(completed_at=at))
    assert back.status is Status.WARN
    lost = judged(rows.with_columns(completed_at=pl.when(~tenth).then("completed_at")))
    assert lost.status is Status.WARN
    assert "58 have no completed_at" in lost.message
    assert "Little's law is off by" in lost.message


def test_what_is_completed_later_is_open() -> None:
    rows = reviews()
    day = LAST - timedelta(days=10)
    end = datetime.combine(day + timedelta(days=1), time())
    past = rows.filter(pl.col("day") <= day)
    as_it_was = past.with_columns(
        pl.when(pl.col("completed_at") < end).then("completed_at").alias("completed_at"),
        pl.when(pl.col("completed_at") < end).then("decision").alias("decision"),
        pl.when(pl.col("completed_at") < end).then("started_at").alias("started_at"),
    )
    assert judged(past, back=10) == judged(as_it_was, back=10)
    assert judged(past, back=10).n < len(past)


def test_evidence_runs_and_thin_data_are_no_pass() -> None:
    rows = reviews().with_columns(completed_at=pl.lit(datetime.combine(LAST, time(1))))
    with duckdb.connect() as db:
        db.register("core__reviews", rows)
        assert len(db.sql(judged(rows).evidence_sql).fetchall()) == 400
    assert judged(rows.head(5)).status is Status.NOT_ENOUGH_DATA
    assert judged(rows.clear()).status is Status.NOT_APPLICABLE


@pytest.mark.skipif(not REAL, reason="LLMOPS_HEALTH_REAL_DATA is not set")
def test_the_placeholder_times_of_crowd_rte_are_refused() -> None:
    path = Path(REAL or "") / "crowd_rte_temporal" / "rte.standardized.csv"
    with path.open(encoding="utf-8") as file:
        raw = list(csv.DictReader(file))
    began, ended = (
        {datetime.strptime(row[name].replace("PDT ", ""), "%a %b %d %H:%M:%S %Y") for row in raw}  # noqa: DTZ007
        for name in ("start", "end")
    )
    assert (len(raw), len(began), len(ended)) == (8000, 1, 1)
    rows = pl.DataFrame(
        {
            "day": [LAST] * len(raw), "feature_id": FEATURE.id, "queue_id": "intents",
            "review_id": [row["!amt_annotation_ids"] for row in raw],
            "created_at": [began.copy().pop()] * len(raw),
            "started_at": [began.copy().pop()] * len(raw),
            "completed_at": [ended.copy().pop()] * len(raw),
            "decision": [row["response"] for row in raw],
        }
    )  # fmt: skip
    assert judged(rows).status is Status.FAIL
