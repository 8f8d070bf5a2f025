"""Rows of `summary__calibration` for a classifier whose calibration is known.

Users write unequally often and find the classifier unequally good; labels come for a part of the
calls, one to six days late; there is a weekly season, growth, and one day of three times the calls.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

FIRST_DAY = date(2026, 3, 2)
SCHEMA = {
    "day": pl.Date,
    "feature_id": pl.String,
    "labeller": pl.String,
    "run_kind": pl.String,
    "label": pl.String,
    "predicted_label": pl.String,
    "bucket": pl.Int32,
    "k": pl.Int32,
    "n": pl.Int64,
    "sum_conf": pl.Float64,
    "sum_conf_sq": pl.Float64,
}
NAMES = np.array(["billing", "delivery", "login", "other", "refund", "sales"])
EMPTY = pl.DataFrame(schema=SCHEMA)

Floats = npt.NDArray[np.float64]


def day_of(index: int) -> date:
    """Date of a day counted from 0."""
    return FIRST_DAY + timedelta(days=index)


def labelled_days(
    rng: np.random.Generator,
    *,
    days: int = 60,
    per_day: float = 150,
    users: int = 300,
    labelled: float = 0.25,
    skill: float = 2.8,
    user_sd: float = 0.4,
    fault_day: int | None = None,
    drop: float = 0.16,
    only: str | None = None,
    burst_day: int | None = 30,
    growth: float = 0.4,
) -> pl.DataFrame:
    """Simulate `days` days; from `fault_day` on accuracy is `drop` lower at the same confidence.

    `skill` is the median logit of confidence (2.8: mean 0.9), `user_sd` how much users differ in
    the logit of accuracy, `only` the one predicted label that the fault hits.
    """
    index = np.arange(days)
    rate = per_day * (1 + growth * index / days) * np.where(index % 7 >= 5, 0.4, 1.24)
    if burst_day is not None and burst_day < days:
        rate[burst_day] *= 3
    day = np.repeat(index, rng.poisson(rate))
    activity = 1 / (np.arange(users) + 3.0)
    user = rng.choice(users, day.size, p=activity / activity.sum())
    kept = rng.random(day.size) < labelled
    day, user = day[kept], user[kept]
    logit = rng.normal(skill, 1.2, day.size)
    confidence = (1 / (1 + np.exp(-logit))).round(3)
    effect = rng.normal(0, 1, users)
    # Users' accuracies spread around the stated confidence without moving its average.
    spread = user_sd * confidence * (1 - confidence)
    p_correct = np.clip(confidence + spread * effect[user], 0, 1)
    predicted = rng.choice(NAMES, day.size, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
    if fault_day is not None:
        hit = (day >= fault_day) & ((predicted == only) if only else True)
        p_correct = np.where(hit, p_correct * (1 - drop / confidence.mean()), p_correct)
    is_correct = rng.random(day.size) < p_correct
    other = NAMES[(np.searchsorted(NAMES, predicted) + rng.integers(1, 6, day.size)) % 6]
    known = day + rng.integers(1, 7, day.size)
    rows = pl.DataFrame(
        {
            "day": known,
            "label": np.where(is_correct, predicted, other),
            "predicted_label": predicted,
            "bucket": rng.integers(0, 64, users)[user],
            "confidence": confidence,
        }
    ).filter(pl.col("day") < days)
    return summarise(rows)


def summarise(rows: pl.DataFrame) -> pl.DataFrame:
    """Sum labelled calls (day as an index from 0, label, predicted_label, bucket, confidence)."""
    keys = ["day", "label", "predicted_label", "bucket", "k"]
    c = pl.col("confidence")
    return (
        rows.with_columns(k=(c * 100).floor().clip(0, 99).fill_null(-1).cast(pl.Int32))
        .group_by(keys, maintain_order=True)
        .agg(
            n=pl.len().cast(pl.Int64),
            sum_conf=c.sum(),
            sum_conf_sq=(c * c).sum(),
        )
        .with_columns(
            day=pl.lit(FIRST_DAY) + pl.duration(days=pl.col("day")),
            feature_id=pl.lit("triage"),
            labeller=pl.lit("truth"),
            run_kind=pl.lit("prod"),
        )
        .select([pl.col(name).cast(kind) for name, kind in SCHEMA.items()])
        .sort("day", maintain_order=True)
    )


def until(table: pl.DataFrame, index: int, history_days: int) -> pl.DataFrame:
    """Rows that a judgement of day `index` is given."""
    last = day_of(index)
    return table.filter(
        (pl.col("day") > last - timedelta(days=history_days)) & (pl.col("day") <= last)
    )
