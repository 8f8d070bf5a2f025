"""A service's log of calls as its summaries: heavy-tailed users, weekends, growth, seeded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl

FIRST_DAY = date(2026, 6, 1)  # a Monday


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is different from day index `starts` on."""

    starts: int = 10_000
    slower: float = 1.0
    error_share: float | None = None
    dearer: float = 1.0
    volume: float = 1.0
    stops: int = 10_000


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service: `volume` calls on a weekday from `n_users` users of very unequal activity."""

    volume: float = 150
    n_users: int = 100
    error_share: float = 0.005
    growth: float = 1.0
    burst_day: int = -1
    n_days: int = 75
    fault: Fault = field(default_factory=Fault)

    def calls(self, seed: int) -> pl.DataFrame:
        """Draw all calls: day, bucket, latency_ms, cost_usd, error (0 or 1)."""
        rng = np.random.default_rng(seed)
        days = np.arange(self.n_days)
        weekend = days % 7 >= 5
        expected = self.volume * self.growth ** (days / 60) * np.where(weekend, 0.55, 1.0)
        expected[days == self.burst_day] *= 3
        broken = (days >= self.fault.starts) & (days < self.fault.stops)
        expected = np.where(broken, expected * self.fault.volume, expected)
        n = rng.poisson(expected * rng.lognormal(0, 0.08, self.n_days))
        at = np.repeat(days, n)
        activity = rng.pareto(1.5, self.n_users) + 0.2
        user = rng.choice(self.n_users, size=len(at), p=activity / activity.sum())
        slow_user = rng.normal(0, 0.25, self.n_users)
        bad_user = rng.gamma(2, 0.5, self.n_users)
        bad_user /= bad_user @ activity / activity.sum()
        ln = 7.5 + slow_user[user] + rng.normal(0, 0.45, len(at)) + np.where(weekend[at], -0.1, 0)
        ln += rng.normal(0, 0.03, self.n_days)[at]
        share = np.full(self.n_days, self.error_share)
        if self.fault.error_share is not None:
            share[broken] = self.fault.error_share
        latency = np.exp(ln) * np.where(broken, self.fault.slower, 1)[at]
        cost = np.exp(-6 + 0.5 * (ln - 7.5) + rng.normal(0, 0.5, len(at)))
        return pl.DataFrame(
            {
                "day": [FIRST_DAY + timedelta(days=int(d)) for d in at],
                "bucket": rng.integers(0, 64, self.n_users)[user],
                "latency_ms": latency,
                "cost_usd": cost * np.where(broken, self.fault.dearer, 1)[at],
                "error": (rng.random(len(at)) < share[at] * bad_user[user]).astype(float),
            },
            schema_overrides={"day": pl.Date},
        )


def rates(calls: pl.DataFrame) -> pl.DataFrame:
    """Reduce calls to the rows of `summary__rates`."""
    cap = 100 * pl.col("cost_usd").log().mean().exp().over("day")
    priced = calls.with_columns(
        calls=pl.lit(0.0),
        cost_usd_capped=pl.min_horizontal("cost_usd", cap),
        cost_usd_isolated=pl.when(pl.col("cost_usd") > cap).then("cost_usd"),
    )
    long = priced.unpivot(
        on=["calls", "error", "cost_usd", "cost_usd_capped", "cost_usd_isolated"],
        index=["day", "bucket"],
        variable_name="metric",
        value_name="x",
    ).drop_nulls()
    return (
        long.group_by("day", "metric", "bucket", maintain_order=True)
        .agg(n=pl.len().cast(pl.Int64), sum_x=pl.col("x").sum(), sum_xx=(pl.col("x") ** 2).sum())
        .with_columns(feature_id=pl.lit("triage"), run_kind=pl.lit("prod"))
    )


def latency_buckets(calls: pl.DataFrame) -> pl.DataFrame:
    """Reduce calls to the rows of `summary__latency_buckets`."""
    log_bin = (pl.col("latency_ms").log() / np.log(1.01 / 0.99)).ceil()
    return (
        calls.with_columns(
            k_coarse=(log_bin / 8).floor().cast(pl.Int64), field=pl.lit("latency_ms")
        )
        .group_by("day", "field", "bucket", "k_coarse", maintain_order=True)
        .agg(n=pl.len().cast(pl.Int64))
        .with_columns(feature_id=pl.lit("triage"), run_kind=pl.lit("prod"))
    )
