"""Rows of `summary__feedback_strata` of users whose reasons to answer are known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

LAST = date(2026, 3, 29)
SCHEMA = {
    "day": pl.Date,
    "feature_id": pl.String,
    "name": pl.String,
    "dimension": pl.String,
    "stratum": pl.String,
    "bucket": pl.Int32,
    "n": pl.Int64,
    "sum_score": pl.Float64,
}
DIMENSIONS = {
    "activity": (["1 call a day", "2 to 4 calls a day", "5 to 19 calls a day"], [0.3, 0.5, 0.2]),
    "language": (["de", "en", "fr"], [0.3, 0.6, 0.1]),
    "length": (["40 to 199 characters", "under 40 characters"], [0.6, 0.4]),
    "outcome": (["answered", "error", "refusal"], [0.9, 0.06, 0.04]),
}


def strata(
    rng: np.random.Generator,
    *,
    n_days: int = 28,
    per_day: float = 150,
    n_users: int = 300,
    rate: float = 0.15,
    loud: float = 1.0,
    worse: float = 0.0,
) -> pl.DataFrame:
    """Thumbs on calls of heavy-tailed users, some harsher than others, some more often.

    Calls that ended in an error or refusal are answered `loud` times as often, and liked less by
    `worse`. Otherwise who answers does not depend on what they say.
    """
    volume = rng.poisson(
        [per_day * (0.6 if (LAST - timedelta(i)).weekday() >= 5 else 1) for i in range(n_days)]
    )
    age = np.repeat(np.arange(n_days), volume)
    weight = rng.pareto(1.5, n_users) + 0.2
    weight = np.minimum(weight, weight.sum() * 0.25)
    user = rng.choice(n_users, len(age), p=weight / weight.sum())
    cells = {
        name: np.array(strata)[rng.choice(len(strata), len(age), p=shares)]
        for name, (strata, shares) in DIMENSIONS.items()
    }
    failed = cells["outcome"] != "answered"
    answers = rng.beta(2, 10, n_users) * rate * 6
    p_answer = np.clip(answers[user] * np.where(failed, loud, 1.0), 0, 1)
    answered = rng.random(len(age)) < p_answer
    liking = np.clip(0.75 + rng.normal(0, 0.12, n_users)[user] - worse * failed, 0, 1)
    liked = (rng.random(len(age)) < liking).astype(float)
    base = pl.DataFrame(
        {"age": age, "bucket": (user * 7 % 64).astype(np.int32), "answered": answered, "y": liked,
         **cells}
    )  # fmt: skip
    parts = []
    for name in DIMENSIONS:
        for label, rows in (("", base), ("thumb", base.filter("answered"))):
            total = pl.col("y").sum() if label else pl.lit(0.0)
            counted = rows.group_by("age", "bucket", pl.col(name).alias("stratum")).agg(
                n=pl.len(), sum_score=total
            )
            parts.append(counted.with_columns(name=pl.lit(label), dimension=pl.lit(name)))
    table = pl.concat(parts).with_columns(
        day=pl.lit(LAST) - pl.duration(days="age"), feature_id=pl.lit("help")
    )
    return table.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
