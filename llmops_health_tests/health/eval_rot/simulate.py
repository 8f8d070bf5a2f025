"""Worlds with a known answer for eval_rot: traffic in cells, eval suites, and what users say."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Traffic = tuple[pl.DataFrame, pl.DataFrame]
Schema = dict[str, type[pl.DataType] | pl.DataType]

LAST = date(2026, 3, 29)
FEATURE = Feature(id="help", kind="rag")
N_CELLS = 12
WEEKDAY_CELLS = np.array([12, 10, 9, 8, 8, 7, 6, 5, 4, 3, 2, 1], dtype=np.float64)
WEEKEND_CELLS = WEEKDAY_CELLS[::-1].copy()

CASES: Schema = {
    "suite_id": pl.String,
    "case_id": pl.String,
    "feature_id": pl.String,
    "input_sha256": pl.String,
    "expected_sha256": pl.String,
    "added_at": pl.Datetime("us"),
    "retired_at": pl.Datetime("us"),
}
CELLS: Schema = {
    "feature_id": pl.String,
    "suite_id": pl.String,
    "case_id": pl.String,
    "cell": pl.Int32,
    "similarity": pl.Float64,
    "added_at": pl.Datetime("us"),
    "retired_at": pl.Datetime("us"),
    "codebook_version": pl.String,
    "fitted_on": pl.Date,
    "nearest_case_id": pl.String,
    "nearest_similarity": pl.Float64,
}
ITEMS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "suite_id": pl.String,
    "eval_run_id": pl.String,
    "role": pl.String,
    "model": pl.String,
    "prompt_version": pl.String,
    "case_id": pl.String,
    "score": pl.Float64,
    "p_passed": pl.Float64,
    "n_trials": pl.Int64,
}
TEXT_CELLS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "call_id": pl.String,
    "input_sha256": pl.String,
    "cell": pl.Int32,
    "similarity": pl.Float64,
}
TEXT_SAMPLES: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "call_id": pl.String,
    "input_sha256": pl.String,
    "bucket": pl.Int32,
    "is_failing": pl.Boolean,
    "confidence": pl.Float64,
}
SATISFACTION: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "name": pl.String,
    "source_kind": pl.String,
    "bucket": pl.Int32,
    "n": pl.Int64,
    "sum_score": pl.Float64,
    "sum_score_sq": pl.Float64,
}


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def at(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(9))


def known_on(rows: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Cut a daily table as the runner does."""
    return rows.filter(pl.col("day").is_between(day - timedelta(days=n_days - 1), day))


def by_day(cells: dict[int, list[int]]) -> Traffic:
    """Inputs per age in days, each in its cell; users take turns, none has a topic of its own."""
    rows = [
        (ago(age), "help", f"c{age}-{i}", f"h{age}-{i}", cell, 0.7, (i + 5 * age) % 64)
        for age, of_day in cells.items()
        for i, cell in enumerate(of_day)
    ]
    table = pl.DataFrame(rows, schema={**TEXT_CELLS, "bucket": pl.Int32}, orient="row")
    samples = table.with_columns(is_failing=pl.lit(value=False), confidence=pl.lit(0.5))
    return table.drop("bucket"), samples.select(*TEXT_SAMPLES)


def cases(
    n: int, added: date | None = None, retired: date | None = None, first: int = 0
) -> pl.DataFrame:
    rows = [
        ("s1", f"k{i:03}", "help", f"h{i}", None, at(added), at(retired))
        for i in range(first, first + n)
    ]
    return pl.DataFrame(rows, schema=CASES, orient="row")


def placed(rows: pl.DataFrame, cells: list[int], fitted_on: date | None = None) -> pl.DataFrame:
    """Put the cases into cells, one after the other."""
    table = rows.select("feature_id", "suite_id", "case_id", "added_at", "retired_at")
    table = table.with_columns(
        cell=pl.Series([cells[i % len(cells)] for i in range(len(rows))]),
        similarity=pl.lit(0.8),
        codebook_version=pl.lit("v"),
        fitted_on=pl.lit(fitted_on or ago(300)),
        nearest_case_id=pl.lit(None),
        nearest_similarity=pl.lit(None),
    )
    return table.select(pl.col(name).cast(dtype) for name, dtype in CELLS.items())


def runs(scores: dict[str, tuple[date, str | None, str, Floats]], first: int = 0) -> pl.DataFrame:
    """Eval runs by id: day, role, prompt version, and the score of each case."""
    rows = [
        (day, "help", "s1", run, role, "m", version, f"k{first + i:03}", float(score), None, 1)
        for run, (day, role, version, of_cases) in scores.items()
        for i, score in enumerate(of_cases)
    ]
    return pl.DataFrame(rows, schema=ITEMS, orient="row")


def weekly_runs(rng: np.random.Generator, n_days: int, per_week: float = 0.0) -> pl.DataFrame:
    """One run each Monday over 80 graded cases whose scores mostly repeat; `per_week` is added."""
    base = rng.beta(6, 2, 80)
    mondays = [ago(i) for i in range(n_days - 1, -1, -1) if ago(i).weekday() == 0]
    return runs(
        {
            f"r{day}": (
                *(day, "champion", "v1"),
                np.clip(base + per_week * week + rng.normal(0, 0.02, 80), 0, 1),
            )
            for week, day in enumerate(mondays)
        }
    )


def heavy_tailed_users(rng: np.random.Generator, n_users: int) -> Floats:
    rate = rng.pareto(1.5, n_users) + 0.2
    capped = np.minimum(rate, rate.sum() * 0.05)
    return np.asarray(capped / capped.sum())


def volumes(rng: np.random.Generator, n_days: int, per_day: float) -> Ints:
    """Calls per day: 45 % fewer at weekends, 40 % growth, one day with three times as many."""
    ages = np.arange(n_days)[::-1]
    weekend = np.array([ago(int(age)).weekday() >= 5 for age in ages])
    expected = per_day * np.where(weekend, 0.55, 1.0) * (1 + 0.4 * np.arange(n_days) / 60)
    expected[int(rng.integers(0, n_days))] *= 3
    return np.asarray(rng.poisson(expected), dtype=np.int64)


def traffic(
    rng: np.random.Generator,
    n_days: int,
    per_day: float,
    new_share: Floats | None = None,
    n_users: int = 300,
    edge_share: Floats | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Inputs in cells, whose users have likings and wordings of their own.

    Of a new topic `new_share` (n_days,) is in cell -1, and `edge_share` (n_days,) is at the edge
    of old cells: 1.2 standard deviations less similar to them.
    """
    n_calls = volumes(rng, n_days, per_day)
    day = np.repeat(np.arange(n_days), n_calls)
    user = rng.choice(n_users, len(day), p=heavy_tailed_users(rng, n_users))
    liking = rng.gamma(2.0, 0.5, (n_users, N_CELLS))
    weekend = np.array([ago(n_days - 1 - i).weekday() >= 5 for i in range(n_days)])
    mix = np.where(weekend[day, None], WEEKEND_CELLS, WEEKDAY_CELLS) * liking[user]
    drawn = rng.random(len(day))[:, None] * mix.sum(axis=1, keepdims=True)
    cell = (mix.cumsum(axis=1) < drawn).sum(axis=1)
    share = np.full(n_days, 0.01) if new_share is None else 0.01 + new_share
    cell = np.where(rng.random(len(day)) < share[day], -1, cell)
    at_edge = rng.random(len(day)) < (0 if edge_share is None else edge_share[day])
    similarity = 0.7 + rng.normal(0, 0.03, n_users)[user] + rng.normal(0, 0.07, len(day))
    frame = pl.DataFrame({"i": np.arange(len(day)), "age": n_days - 1 - day}).with_columns(
        day=pl.lit(LAST) - pl.duration(days="age"),
        feature_id=pl.lit("help"),
        call_id=pl.format("c{}", "i"),
        input_sha256=pl.format("h{}", "i"),
        cell=pl.Series(cell),
        similarity=pl.Series(similarity - 0.09 * at_edge),
        bucket=pl.Series(rng.permutation(n_users)[user] % 64),
        is_failing=pl.lit(value=False),
        confidence=pl.lit(None),
    )
    return (
        frame.select(pl.col(name).cast(dtype) for name, dtype in TEXT_CELLS.items()),
        frame.select(pl.col(name).cast(dtype) for name, dtype in TEXT_SAMPLES.items()),
    )


def ramp(n_days: int, since: int, share: float, ramp_days: int = 8) -> Floats:
    """Share of a new topic per day: from day `since` (from 0) on it grows to `share`."""
    return np.asarray(share * np.clip((np.arange(n_days) - since + 1) / ramp_days, 0, 1))


def ratings(
    rng: np.random.Generator,
    n_days: int,
    per_day: float,
    p_good: Floats,
    n_users: int = 300,
) -> pl.DataFrame:
    """Thumbs of heavy-tailed users, some harsher than others; `p_good` (n_days,) on average."""
    n_ratings = volumes(rng, n_days, per_day)
    day = np.repeat(np.arange(n_days), n_ratings)
    user = rng.choice(n_users, len(day), p=heavy_tailed_users(rng, n_users))
    harshness = rng.normal(0, 0.1, n_users)
    good = rng.random(len(day)) < np.clip(p_good[day] - harshness[user], 0, 1)
    frame = pl.DataFrame(
        {
            "age": n_days - 1 - day,
            "bucket": (rng.permutation(n_users)[user] % 64).astype(np.int32),
            "good": good.astype(np.float64),
        }
    )
    grouped = frame.group_by("age", "bucket").agg(n=pl.len(), sum_score=pl.col("good").sum())
    table = grouped.with_columns(
        day=pl.lit(LAST) - pl.duration(days="age"),
        feature_id=pl.lit("help"),
        name=pl.lit("thumb"),
        source_kind=pl.lit("HUMAN"),
        sum_score_sq=pl.col("sum_score"),
    )
    return table.select(pl.col(name).cast(dtype) for name, dtype in SATISFACTION.items())
