"""Worlds with a known answer for stage_latency: requests whose stages follow one another."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature
from llmops_health.health import History
from llmops_health.kernels.histograms import log_bin

Floats = npt.NDArray[np.float64]
Schema = dict[str, type[pl.DataType] | pl.DataType]

LAST = date(2026, 3, 29)
FEATURE = Feature(id='it\'s a -- "rag"', kind="rag")
REQUEST = "(request)"
# Median milliseconds of a healthy request, in the order of its stages.
USUAL = {"embed": 40.0, "retrieve": 150.0, "rerank": 80.0, "llm": 900.0, REQUEST: 60.0}

TIMES: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "stage": pl.String,
    "kind": pl.String,
    "bucket": pl.Int32,
    "k_coarse": pl.Int64,
    "n": pl.Int64,
    "sum_ms": pl.Float64,
}
HOURS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "stage": pl.String,
    "hour": pl.Int64,
    "n": pl.Int64,
    "max_parallel": pl.Int64,
}
SAMPLES: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "run_kind": pl.String,
    "request_id": pl.Int64,
    "span_id": pl.Int64,
    "parent_id": pl.Int64,
    "stage": pl.String,
    "start_ms": pl.Float64,
    "duration_ms": pl.Float64,
}


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def known_on(rows: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Cut a daily table as the runner does."""
    return History(rows).until(day, n_days)


def as_table(rows: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    known = rows.with_columns(feature_id=pl.lit(FEATURE.id), run_kind=pl.lit("prod"))
    return known.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def volumes(rng: np.random.Generator, n_days: int, per_day: float) -> npt.NDArray[np.int64]:
    """Requests per day: 45 % fewer at weekends, 40 % growth in 60 days."""
    weekend = np.array([ago(n_days - 1 - i).weekday() >= 5 for i in range(n_days)])
    growth = 1 + 0.4 * np.arange(n_days) / 60
    return np.asarray(rng.poisson(per_day * np.where(weekend, 0.55, 1.0) * growth), dtype=np.int64)


def users_of(rng: np.random.Generator, n: int, n_users: int) -> npt.NDArray[np.int64]:
    """Who asked: one user a quarter of the time where they are few, the rest heavy-tailed."""
    rate = rng.pareto(1.5, n_users) + 0.2
    rate = np.minimum(rate / rate.sum(), 0.25)
    return rng.choice(n_users, n, p=rate / rate.sum()).astype(np.int64)


def times(
    rng: np.random.Generator,
    n_days: int,
    per_day: float,
    *,
    n_users: int = 300,
    usual: dict[str, float] | None = None,
    factor: dict[str, Floats] | None = None,
    user_sd: float = 0.15,
    noise: float = 0.5,
) -> pl.DataFrame:
    """Stage times of requests; `factor` (n_days,) of a stage multiplies what is usual of it.

    Users have long and short inputs, weekends are 15 % slower, days differ by 5 %.
    """
    n_requests = volumes(rng, n_days, per_day)
    day = np.repeat(np.arange(n_days), n_requests)
    user = users_of(rng, len(day), n_users)
    liking = rng.normal(0, user_sd, n_users)
    weekend = np.array([ago(n_days - 1 - i).weekday() >= 5 for i in range(n_days)])
    of_day = np.exp(rng.normal(0, 0.05, n_days) + np.log(1.15) * weekend)
    usual = usual or USUAL
    waits = {}
    for stage, median in usual.items():
        scale = median * of_day[day] * np.exp(liking[user])
        waits[stage] = scale * np.exp(noise * rng.normal(size=len(day)))
        if factor and stage in factor:
            waits[stage] *= factor[stage][day]
    return collected(n_days - 1 - day, rng.permutation(n_users)[user] % 64, waits)


def collected(age: npt.ArrayLike, bucket: npt.ArrayLike, waits: dict[str, Floats]) -> pl.DataFrame:
    """Count requests, whose stages follow one another, as `summary__stage_times` does."""
    total = np.sum(list(waits.values()), axis=0)
    kinds = [(stage, kind, ms) for stage, ms in waits.items() for kind in ("critical", "exclusive")]
    kinds += [(stage, "total", ms) for stage, ms in waits.items() if stage != REQUEST]
    parts = [
        pl.DataFrame(
            {
                "age": np.asarray(age),
                "bucket": np.asarray(bucket),
                "k_coarse": log_bin(ms) // 8,
                "ms": np.asarray(ms, dtype=np.float64),
            }
        ).with_columns(stage=pl.lit(stage), kind=pl.lit(kind))
        for stage, kind, ms in [*kinds, (REQUEST, "total", total)]
    ]
    grouped = (
        pl.concat(parts)
        .group_by("age", "stage", "kind", "bucket", "k_coarse")
        .agg(n=pl.len(), sum_ms=pl.col("ms").sum())
        .sort("age", "stage", "kind", "bucket", "k_coarse")
    )
    return as_table(grouped.with_columns(day=pl.lit(LAST) - pl.duration(days="age")), TIMES)


def even(
    n_days: int, per_day: int, usual: dict[str, float], *, n_buckets: int = 20
) -> pl.DataFrame:
    """Requests that all take the same, of users who take turns."""
    age = np.repeat(np.arange(n_days), per_day)
    bucket = np.arange(len(age)) % n_buckets
    return collected(age, bucket, {k: np.full(len(age), v) for k, v in usual.items()})


def hours(
    n_days: int, in_peak: Floats | float, parallel: dict[str, int] | None = None
) -> pl.DataFrame:
    """Two hours a day, the second one the busiest; `in_peak` by day, the oldest first."""
    peak = np.broadcast_to(np.asarray(in_peak, dtype=np.float64), (n_days,))
    most = {REQUEST: 1, **(parallel or {})}
    rows = [
        {"day": ago(n_days - 1 - i), "stage": stage, "hour": hour, "n": n, "max_parallel": p}
        for i in range(n_days)
        for stage, p in most.items()
        for hour, n in ((3, int(peak[i] / 2)), (14, int(peak[i])))
    ]
    return as_table(pl.DataFrame(rows), HOURS)


def samples(n_requests: int, usual: dict[str, float], *, age: int = 0) -> pl.DataFrame:
    """Requests whose stages follow one another, with a side step that hides behind the model."""
    rows: list[tuple[date, int, int, int | None, str, float, float]] = []
    for i in range(n_requests):
        first, at = 100 * (10_000 * age + i), 0.0
        stages = {k: v for k, v in usual.items() if k != REQUEST}
        for place, (stage, ms) in enumerate(stages.items(), 1):
            rows.append((ago(age), first, first + place, first, stage, at, ms))
            if stage == "llm":
                rows.append((ago(age), first, first + 50, first, "guardrail", at, ms / 2))
            at += ms
        rows.append((ago(age), first, first, None, REQUEST, 0.0, at + usual.get(REQUEST, 0.0)))
    names = [name for name in SAMPLES if name not in ("feature_id", "run_kind")]
    return as_table(pl.DataFrame(rows, schema=names, orient="row"), SAMPLES)
