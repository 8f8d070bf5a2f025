"""Summary tables of a classifier whose confidence is honest, drawn at the level of calls.

Users differ in how much they write (heavy tails) and how clear they are; weekends have half the
calls; volume grows by 40 % and bursts on one day; a quarter of the calls is labelled, 1 to 6 days
later. What goes wrong is added by the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
from scipy.special import expit

from llmops_health import sqlfiles

LAST_DAY = date(2026, 3, 29)
LABELS = ("oos", "billing", "refund", "cancel", "delivery", "account")
SHARES = np.array([0.06, 0.24, 0.2, 0.2, 0.2, 0.1])


@dataclass(frozen=True, kw_only=True)
class World:
    """What a feature is like; faults start on day index `fault_day` (0 is the first)."""

    days: int = 77
    calls_per_day: int = 170
    n_users: int = 300
    skill: float = 3.0
    labelled_share: float = 0.25
    fault_day: int = 10_000
    harder: float = 0.0  # fall of the logit of confidence, and of accuracy with it
    overconfident: float = 0.0  # rise of the logit of confidence, without accuracy
    relabelled: float = 0.0  # share of calls of which something else is true now
    new_topic_share: float = 0.0  # calls on a topic nobody knew
    handed_over: bool = False  # "account" is out of scope now, and still answered
    judge_noise: float = 0.07


def draw(world: World, seed: int) -> dict[str, pl.DataFrame]:
    """Draw the four summary tables."""
    rng = np.random.default_rng(seed)
    weekday = np.arange(world.days) % 7  # the last day is a Sunday when days is a multiple of 7
    volume = world.calls_per_day * np.where(weekday >= 5, 0.6, 1.16)
    volume = volume * np.linspace(0.85, 1.2, world.days) * rng.lognormal(0, 0.06, world.days)
    volume[rng.integers(world.days)] *= 3
    n_per_day = rng.poisson(volume)
    day = np.repeat(np.arange(world.days), n_per_day)
    weight = rng.lognormal(0, 0.9, world.n_users)
    user = rng.choice(world.n_users, day.size, p=weight / weight.sum())
    clarity = rng.normal(0, 0.35, world.n_users)
    bucket = rng.integers(0, 64, world.n_users)[user]
    broken = day >= world.fault_day

    # Every user has topics of their own, and an own share of new ones.
    taste = np.exp(rng.normal(0, 0.5, (world.n_users, len(LABELS)))) * SHARES
    taste = np.cumsum(taste / taste.sum(axis=1, keepdims=True), axis=1)
    label = (rng.random(day.size)[:, None] > taste[user, :-1]).sum(axis=1)
    curiosity = rng.lognormal(-0.32, 0.8, world.n_users)[user]
    logit = world.skill - 1.4 * (label == 0) - 0.2 * (weekday[day] >= 5) + clarity[user]
    logit = logit + 1.2 * rng.standard_normal(day.size) - world.harder * broken
    chance = np.clip(expit(logit), 0.3, 0.995)
    right = rng.random(day.size) < chance
    wrong = (label + rng.integers(1, len(LABELS), day.size)) % len(LABELS)
    predicted = np.where(right, label, wrong)
    stated = np.clip(expit(logit + world.overconfident * broken), 0.3, 0.995)
    true = label
    if world.handed_over:
        true = np.where(broken & (label == 5), 0, label)
    moved = broken & (rng.random(day.size) < world.relabelled)
    true = np.where(moved, (label + 1) % len(LABELS), true)
    is_new = rng.random(day.size) < curiosity * (0.01 + broken * world.new_topic_share)

    names = np.array(LABELS)
    calls = pl.DataFrame(
        {
            "index": day,
            "bucket": bucket.astype(np.int32),
            "label": names[true],
            "predicted_label": names[predicted],
            "k": np.minimum(np.floor(stated * 100), 99).astype(np.int32),
            "confidence": stated,
            "cell_is_new": is_new,
        }
    ).with_columns(
        day=pl.lit(LAST_DAY - timedelta(days=world.days - 1))
        + pl.duration(days=pl.col("index")).cast(pl.Duration("ms")),
        feature_id=pl.lit("triage"),
        run_kind=pl.lit("prod"),
        known=pl.lit(day + 1 + np.floor(5 * rng.beta(1.4, 2.4, day.size))).cast(pl.Int64),
        labelled=pl.lit(rng.random(day.size) < world.labelled_share),
        judged=pl.lit(rng.random(day.size) < 0.3),
        said=pl.lit(
            names[
                np.where(
                    rng.random(day.size) < world.judge_noise,
                    rng.integers(0, len(LABELS), day.size),
                    true,
                )
            ]
        ),
        length_k=pl.lit(rng.integers(20, 60, day.size)).cast(pl.Int32),
    )
    return {
        "summary__confidence": _counted(
            calls, ["run_kind", "predicted_label", "bucket", "k"], sum_conf=pl.col("confidence")
        ),
        "summary__novelty": _counted(calls, ["cell_is_new", "bucket", "k"]),
        "summary__calibration": _counted(
            _when_known(calls, world).with_columns(labeller=pl.lit("truth")),
            ["labeller", "run_kind", "label", "predicted_label", "bucket", "k"],
            sum_conf=pl.col("confidence"),
            sum_conf_sq=pl.col("confidence") ** 2,
        ),
        "summary__judgements": _counted(
            _when_known(calls, world)
            .filter("judged")
            .with_columns(
                judge=pl.lit("j1"), pair=pl.lit("truth"), other_label="label", label="said"
            ),
            ["run_kind", "judge", "pair", "label", "other_label", "length_k", "bucket"],
        ),
    }


def window(tables: dict[str, pl.DataFrame], day: date, n_days: int) -> dict[str, pl.DataFrame]:
    """Cut tables to what a check that asks for `n_days` gets on `day`."""
    since = day - timedelta(days=n_days - 1)
    return {name: t.filter(pl.col("day").is_between(since, day)) for name, t in tables.items()}


def _when_known(calls: pl.DataFrame, world: World) -> pl.DataFrame:
    later = pl.duration(days=pl.col("known") - pl.col("index"))
    return calls.filter("labelled", pl.col("known") < world.days).with_columns(
        day=(pl.col("day") + later).cast(pl.Date)
    )


def _counted(calls: pl.DataFrame, by: list[str], **sums: pl.Expr) -> pl.DataFrame:
    return (
        calls.with_columns(pl.col("day").cast(pl.Date))
        .group_by("day", "feature_id", *by, maintain_order=True)
        .agg(n=pl.len().cast(pl.Int64), **{name: e.sum() for name, e in sums.items()})
    )


def run_evidence(query: str) -> list[str]:
    """Run a finding's query on empty tables of the stored columns; return the result's columns."""
    con = duckdb.connect()
    columns = {file.table: file.columns for file in sqlfiles.load()}
    columns["summary__text_cells"] = {
        "day": "date",
        "feature_id": "varchar",
        "call_id": "varchar",
        "input_sha256": "varchar",
        "cell": "integer",
        "similarity": "double",
    }
    for table, types in columns.items():
        if table in query:
            listed = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
            con.execute(f"create table {table} ({listed})")
    return con.sql(query).columns
