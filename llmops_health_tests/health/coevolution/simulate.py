"""Worlds with a known answer for coevolution: who asks when, and how, as rows of user_days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Schema = dict[str, type[pl.DataType] | pl.DataType]

LAST = date(2026, 3, 29)
FEATURE = Feature(id="help", kind="rag")

USER_DAYS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "user_key": pl.Int64,
    "bucket": pl.Int32,
    "n": pl.Int64,
    "n_sized": pl.Int64,
    "sum_ln_chars": pl.Float64,
    "n_counted": pl.Int64,
    "sum_ln_tokens": pl.Float64,
    "n_keyed": pl.Int64,
    "n_repeated": pl.Int64,
    "style_version": pl.Int32,
    "n_read": pl.Int64,
    "n_worded": pl.Int64,
    "n_keywords": pl.Int64,
    "n_courteous": pl.Int64,
    "n_template": pl.Int64,
    "n_examples": pl.Int64,
    "n_rephrased": pl.Int64,
    "n_placed": pl.Int64,
    "n_new_topic": pl.Int64,
}
USER_CELLS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "cell": pl.Int32,
    "user_key": pl.Int64,
    "is_user": pl.Boolean,
    "bucket": pl.Int32,
    "similarity_bin": pl.Int32,
    "n": pl.Int64,
}
NO_CELLS = pl.DataFrame(schema=USER_CELLS)


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def known_on(rows: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Cut a daily table as the runner does."""
    return rows.filter(pl.col("day").is_between(day - timedelta(days=n_days - 1), day))


def user_days(rows: Sequence[Mapping[str, int | float]]) -> pl.DataFrame:
    """Rows by hand: `age` and `user_key`; what is not said is 1 call, read, without any style."""
    counted = ("n", "n_sized", "n_counted", "n_keyed", "n_read", "n_worded", "n_placed")
    default = dict.fromkeys(USER_DAYS, 0) | {"style_version": 1}
    filled = [
        default
        | dict.fromkeys(counted, row.get("n", 1))
        | {"bucket": int(row["user_key"]) % 64}
        | {name: value for name, value in row.items() if name != "age"}
        | {"day": ago(int(row["age"])), "feature_id": "help"}
        for row in rows
    ]
    return pl.DataFrame(filled, schema=USER_DAYS)


@dataclass(frozen=True, kw_only=True)
class World:
    """How many ask, who comes and goes, and from which day on (0 the first) what changes.

    `adapt` moves all users, `learn` each user in their first three weeks, `newcomers` is the share
    of calls by users who come at the fault and ask otherwise, `leavers` the share of calls by users
    who ask otherwise and leave at it; all in standard deviations of what users differ by.
    """

    n_days: int = 60
    per_day: float = 150
    n_users: int = 200
    heavy_share: float = 0.0
    lifetime: float = 200.0
    since: int = 53
    ramp_days: int = 1
    adapt: float = 0.0
    learn: float = 0.0
    newcomers: float = 0.0
    leavers: float = 0.0
    day_noise: float = 0.0


_LOGITS = {
    "n_keywords": -1.5,
    "n_courteous": -0.4,
    "n_template": -3.0,
    "n_examples": -5.0,
    "n_rephrased": -3.5,
    "n_repeated": -4.0,
    "n_new_topic": -4.0,
}
# One standard deviation of style: a third shorter, more keywords and formulas, fewer courtesies.
_MOVES = {"n_keywords": 1.0, "n_courteous": -1.0, "n_template": 0.8, "n_examples": 0.5}
_SHORTER = -0.4


def world(rng: np.random.Generator, made: World) -> pl.DataFrame:
    """Draw user_days: weekends are half as busy and terser, calls grow by 40 %, users differ."""
    n_special = 40 if made.newcomers or made.leavers else 0
    # Half as long again as the lifetime is the mean: as many are there on every day.
    n_plain = round(made.n_users * (made.n_days / made.lifetime + 4) / 1.5)
    rate = rng.pareto(1.5, n_plain) + 0.2
    rate = np.minimum(rate, rate.sum() * 0.05)
    starts = rng.uniform(-4 * made.lifetime, made.n_days, n_plain)
    ends = starts + rng.exponential(made.lifetime, n_plain) + made.lifetime / 2
    if made.heavy_share:
        starts[0], ends[0] = -1.0, 1e6
    day = np.arange(made.n_days)
    special = rng.pareto(2.5, n_special) + 0.5
    share = max(made.newcomers, made.leavers)
    rate = np.concatenate([rate, special])
    born = np.full(n_special, float(made.since) if made.newcomers else -1.0)
    gone = np.full(n_special, 1e6 if made.newcomers else float(made.since))
    starts, ends = np.concatenate([starts, born]), np.concatenate([ends, gone])
    is_special = np.arange(len(rate)) >= n_plain
    alive = (day >= starts[:, None]) & (day < ends[:, None])
    weight = rate[:, None] * alive
    if made.heavy_share:
        weight[0] = weight[1:].sum(axis=0) * made.heavy_share / (1 - made.heavy_share)
    if n_special:
        # The special users make their share of the calls of a day on which they are there.
        plain, theirs = weight[~is_special].sum(axis=0), weight[is_special].sum(axis=0)
        weight[is_special] *= np.where(theirs > 0, share / (1 - share) * plain, 1) / np.maximum(
            theirs, 1e-9
        )
    weekend = np.array([ago(int(made.n_days - 1 - at)).weekday() >= 5 for at in day])
    volume = made.per_day * np.where(weekend, 0.55, 1.15) * (0.83 + 0.4 * day / made.n_days)
    n = rng.poisson(weight / np.maximum(weight.sum(axis=0), 1e-9) * volume)

    moved = made.adapt * np.clip((day - made.since + 1) / made.ramp_days, 0, 1)
    tenure = np.maximum(day - np.maximum(starts, -60.0)[:, None], 0)
    moved = moved + made.learn * np.minimum(tenure / 21, 1)
    moved = moved + is_special[:, None] * 2.0
    moved = moved + np.where(weekend, 0.3, 0.0) + rng.normal(0, made.day_noise, made.n_days)
    return _rows(rng, made, n, moved)


def _rows(rng: np.random.Generator, made: World, n: Ints, moved: Floats) -> pl.DataFrame:
    at, age = np.nonzero(n)
    calls, shift = n[at, age], moved[at, age]
    n_users = len(n)
    key = rng.permutation(n_users * 7)[:n_users]
    length = rng.normal(4.5, 0.5, n_users)[at] + _SHORTER * shift
    columns: dict[str, npt.NDArray[np.generic]] = {
        "n": calls,
        "user_key": key[at],
        "bucket": key[at] % 64,
        "sum_ln_chars": calls * length + rng.normal(0, 0.7, len(at)) * np.sqrt(calls),
        "sum_ln_tokens": calls * length / 1.3,
    }
    columns |= dict.fromkeys(
        ("n_sized", "n_counted", "n_keyed", "n_read", "n_worded", "n_placed"), calls
    )
    for name, logit in _LOGITS.items():
        taste = rng.normal(0, 0.8, n_users)[at]
        chance = 1 / (1 + np.exp(-(logit + taste + _MOVES.get(name, 0.0) * shift)))
        columns[name] = rng.binomial(calls, chance)
    days = [ago(made.n_days - 1 - i) for i in range(made.n_days)]
    table = pl.DataFrame(columns).with_columns(
        day=pl.Series([days[i] for i in age]),
        feature_id=pl.lit("help"),
        style_version=pl.lit(1),
    )
    return table.select(pl.col(name).cast(kind) for name, kind in USER_DAYS.items())
