"""How a call was served in the demo world: tokens, latency, cost and errors."""

from __future__ import annotations

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import Feature
from llmops_health.demo.texts import BoolArray, Phrases
from llmops_health.demo.traffic import Users, per_user

CHARS_PER_TOKEN = 4.2
TOKENS_PER_CHUNK = 150


def add_service(
    feature: Feature,
    phrases: Phrases,
    users: Users,
    calls: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Add tokens, latency, cost and errors; a failed call has no answer."""
    n = calls.height
    slow: BoolArray = np.zeros(n, dtype=np.bool_)
    if feature.feature_id == faults.CODE_AGENT:
        slow = calls["day"].to_numpy() >= calendar.index(faults.SLOW_SERVICE_DAY)
    n_in = (calls["input_text"].str.len_chars().to_numpy() + len(phrases.system)) / CHARS_PER_TOKEN
    if "n_context_chunks" in calls.columns:
        n_in = n_in + TOKENS_PER_CHUNK * calls["n_context_chunks"].to_numpy()
    if feature.kind == "agent":
        n_in = n_in + rng.lognormal(8, 0.5, n)
    n_out = calls["output_text"].str.len_chars().to_numpy() / CHARS_PER_TOKEN
    input_tokens = np.rint(n_in * rng.lognormal(0, 0.04, n)).astype(np.int64)
    output_tokens = np.maximum(1, np.rint(n_out * rng.lognormal(0, 0.05, n))).astype(np.int64)
    log_latency = (
        np.log(feature.latency_ms)
        + 0.35 * np.log(output_tokens / feature.typical_tokens)
        + per_user(users.slowness, calls["user"])
        + feature.latency_spread * rng.standard_normal(n)
    )
    # A part of the calls waits for a retry, which moves the tail far more than the median.
    retried = slow & (rng.random(n) < 0.3)
    latency = np.exp(log_latency) * np.where(retried, 2.9, np.where(slow, 1.1, 1.0))
    error_share = np.where(slow, faults.ERROR_SHARE_BROKEN, feature.error_share)
    failed = pl.Series(rng.random(n) < error_share)
    error_names = pl.Series(["timeout", "rate_limited", "server_error"])
    cost = input_tokens * feature.usd_per_input_token + output_tokens * feature.usd_per_output_token
    served = calls.with_columns(
        input_tokens=pl.Series(input_tokens),
        output_tokens=pl.when(failed).then(None).otherwise(pl.Series(output_tokens)),
        latency_ms=pl.Series(np.round(latency, 1)),
        cost_usd=pl.when(failed).then(0.0).otherwise(pl.Series(np.round(cost, 8))),
        error_type=pl.when(failed).then(error_names.gather(rng.integers(0, 3, n))),
        finish_reason=pl.when(failed).then(None).otherwise(pl.lit("stop")),
    )
    if feature.skill is None:
        first_token = np.round(latency * rng.beta(5, 12, n), 1)
        served = served.with_columns(
            ttft_ms=pl.when(failed).then(None).otherwise(pl.Series(first_token))
        )
    answered = {"output_text", "predicted_label", "confidence", "tools"} & set(served.columns)
    return served.with_columns(
        pl.when(failed).then(None).otherwise(pl.col(name)).alias(name) for name in sorted(answered)
    )


def spike_cost(calls: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Book one production call at noon of the day at a thousand times its cost."""
    is_candidate = (
        (calls["day"] == calendar.index(faults.COST_SPIKE_DAY))
        & (calls["seconds"] >= 12 * 3600)
        & calls["error_type"].is_null()
    )
    row = is_candidate.arg_true()[0]
    factor = pl.when(pl.int_range(calls.height) == row).then(faults.COST_SPIKE_FACTOR).otherwise(1)
    return calls.with_columns(cost_usd=(pl.col("cost_usd") * factor).round(8))
