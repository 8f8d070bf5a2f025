"""Queues with a known answer: reviews one by one, and the events and work that they add up to."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature
from llmops_health.config_models import Review
from llmops_health.kernels.histograms import log_bin

LAST = date(2026, 3, 29)
FEATURE = Feature(
    id="triage", kind="classifier", review=Review(queue="intents", sla_hours=24, reviewers=4)
)
Floats = npt.NDArray[np.float64]
EVENTS: dict[str, pl.DataType] = {
    "day": pl.Date(),
    "feature_id": pl.String(),
    "queue_id": pl.String(),
    "event": pl.String(),
    "created_hour": pl.Datetime("us"),
    "wait_bin": pl.Int32(),
    "n": pl.Int64(),
    "sum_wait_s": pl.Float64(),
}
WORK: dict[str, pl.DataType] = {
    "day": pl.Date(),
    "feature_id": pl.String(),
    "queue_id": pl.String(),
    "reviewer_id": pl.String(),
    "shift_hour": pl.Int32(),
    "dwell_bin": pl.Int32(),
    **dict.fromkeys(
        ("n", "n_suggested", "n_as_suggested", "n_gold", "n_right", "n_seeded", "n_caught"),
        pl.Int64(),
    ),
    "sum_dwell_s": pl.Float64(),
    "sum_dwell_sq": pl.Float64(),
}
NO_WORK = pl.DataFrame(schema=WORK)


def queue(
    per_day: Floats, capacity: Floats, rng: np.random.Generator, *, lag_h: float = 2.0
) -> tuple[Floats, Floats]:
    """Hours at which reviews came and were completed (inf: never), first come first served.

    Each day has a number of completions it can make at most, evenly spread over the day; a review
    takes `lag_h` on average even where nothing waits.
    """
    n_days = len(per_day)
    counts = rng.poisson(per_day)
    came = np.sort(np.repeat(np.arange(n_days) * 24.0, counts) + rng.random(counts.sum()) * 24)
    slots = np.concatenate(
        [24.0 * i + np.sort(rng.random(n)) * 24 for i, n in enumerate(rng.poisson(capacity))]
    )
    done = np.full(len(came), np.inf)
    place = 0
    for at, when in enumerate(came):
        while place < len(slots) and slots[place] < when:
            place += 1
        if place == len(slots):
            break
        done[at] = slots[place]
        place += 1
    return came, done + rng.exponential(lag_h, len(came))


def events(came: Floats, done: Floats, n_days: int) -> pl.DataFrame:
    """Rows of summary__review_events; the last day is LAST."""
    start = datetime.combine(LAST - timedelta(days=n_days - 1), time())
    finished = done < 24.0 * n_days
    hours = np.concatenate([came, came[finished]])
    day = np.concatenate([came, done[finished]]) // 24
    waits = np.where(finished, (np.where(finished, done, 0) - came) * 3600, 0)[finished]
    bins: list[int | None] = [None] * len(came)
    bins += [int(k) for k in log_bin(waits)]
    rows = pl.DataFrame(
        {
            "day": day.astype(np.int64),
            "event": ["created"] * len(came) + ["completed"] * int(finished.sum()),
            "created_hour": hours.astype(np.int64),
            "wait_bin": pl.Series(bins, dtype=pl.Int32),
            "sum_wait_s": np.concatenate([np.zeros(len(came)), waits]),
        }
    )
    return (
        rows.group_by("day", "event", "created_hour", "wait_bin", maintain_order=True)
        .agg(n=pl.len().cast(pl.Int64), sum_wait_s=pl.col("sum_wait_s").sum())
        .with_columns(
            day=pl.lit(start.date()) + pl.duration(days=pl.col("day")),
            created_hour=pl.lit(start) + pl.duration(hours=pl.col("created_hour")),
            feature_id=pl.lit(FEATURE.id),
            queue_id=pl.lit("intents"),
        )
        .select(pl.col(name).cast(kind) for name, kind in EVENTS.items())
    )


def until(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Rows that the judgement of a day is given."""
    return rows.filter(pl.col("day") <= day)


def worked(
    rows: list[tuple[int, str, int, float, int, int, int]], *, n_gold: int | None = None
) -> pl.DataFrame:
    """Rows of summary__review_work: (age, reviewer, shift hour, dwell s, n, seeded, caught)."""
    made = [
        (
            LAST - timedelta(days=age), FEATURE.id, "intents", who, hour,
            int(log_bin([dwell])[0]), n, n, n, n_gold or seeded, caught, seeded, caught,
            n * dwell, n * dwell**2,
        )
        for age, who, hour, dwell, n, seeded, caught in rows
    ]  # fmt: skip
    return pl.DataFrame(made, schema=WORK, orient="row")
