"""Calls of the demo world: requests, answers and service put together under the contract's names.

One frame per feature holds the production calls and the nightly calls of the eval canaries.
Columns that start with `_` are what really was (topic, user, true label, goodness); they are
for labels, feedback and tests, and never written.
"""

from __future__ import annotations

from datetime import datetime, time

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.answers import make_answers
from llmops_health.demo.faults import Calendar
from llmops_health.demo.features import Feature
from llmops_health.demo.service import add_service, spike_cost
from llmops_health.demo.suites import N_CANARIES, Suite
from llmops_health.demo.texts import (
    FloatArray,
    IntArray,
    Phrases,
    compose_inputs,
    draw_slots,
)
from llmops_health.demo.traffic import Users

CANARY_START_SECONDS = 3 * 3600.0
CANARY_STEP_SECONDS = 20.0
ASKS_PER_TOPIC = 8
SERVICE_VERSIONS = ("2026.34", "2026.36", "2026.38")
SERVICE_VERSION_DAYS = (9, 23)


def make_calls(
    feature: Feature,
    phrases: Phrases,
    users: Users,
    traffic: pl.DataFrame,
    suite: Suite,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Turn traffic and canaries into calls with the columns of the `calls` table."""
    requests, slots = _make_requests(phrases, users, traffic, suite, calendar, rng)
    if feature.feature_id == faults.CODE_AGENT:
        kept = ~requests.select(_lost(calendar)).to_series()
        requests, slots = requests.filter(kept), slots.filter(kept)
    answers = make_answers(feature, phrases, users, requests, slots, calendar, rng)
    calls = pl.concat([requests, answers], how="horizontal")
    calls = add_service(feature, phrases, users, calls, calendar, rng)
    calls = calls.sort("day", "seconds", maintain_order=True)
    return _finish(feature, phrases, calls, calendar, rng)


def _lost(calendar: Calendar) -> pl.Expr:
    missing = calendar.index(faults.MISSING_DAY)
    is_early = pl.col("seconds") < faults.LOG_RESUMES_AT_HOUR * 3600
    return (pl.col("day") == missing) | ((pl.col("day") == missing + 1) & is_early)


def _make_requests(
    phrases: Phrases,
    users: Users,
    traffic: pl.DataFrame,
    suite: Suite,
    calendar: Calendar,
    rng: np.random.Generator,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put production and canary requests under each other, with the latent draws of each.

    A canary repeats its draws every night, so that its answers differ only by the model.
    """
    n = traffic.height
    topics = traffic["topic"].to_numpy()
    slots = draw_slots(n, rng)
    asks = rng.integers(0, ASKS_PER_TOPIC, n)
    wordiness = users.wordiness[traffic["user"].to_numpy()]
    night, case = np.divmod(np.arange(calendar.days * N_CANARIES), N_CANARIES)
    latent = {
        "z_confidence": _repeated(rng.standard_normal(n), rng.standard_normal(N_CANARIES), case),
        "u_correct": _repeated(rng.random(n), rng.random(N_CANARIES), case),
        "u_wrong": _repeated(rng.random(n), rng.random(N_CANARIES), case),
    }
    production = traffic.with_columns(
        input_text=compose_inputs(phrases, topics, asks, wordiness, slots, rng),
        case=pl.lit(None, dtype=pl.Int64),
    )
    canaries = pl.DataFrame(
        {
            "day": night,
            "seconds": CANARY_START_SECONDS + CANARY_STEP_SECONDS * case,
            "session": pl.Series([None] * night.size, dtype=pl.Int64),
            "user": pl.Series([None] * night.size, dtype=pl.Int64),
            "topic": suite.topics[case],
            "input_text": suite.cases["input_text"].gather(case),
            "case": case,
        }
    )
    requests = pl.concat([production, canaries]).with_columns(
        pl.Series(name, values) for name, values in latent.items()
    )
    return requests, pl.concat([slots, suite.slots[case.tolist()]])


def _repeated(production: FloatArray, of_case: FloatArray, case: IntArray) -> FloatArray:
    return np.concatenate([production, of_case[case]])


def _finish(
    feature: Feature,
    phrases: Phrases,
    calls: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pl.DataFrame:
    n = calls.height
    is_canary = pl.col("case").is_not_null()
    first_midnight = datetime.combine(calendar.first_day, time())
    since = (calls["day"] * 86_400_000 + (calls["seconds"] * 1000).cast(pl.Int64)).cast(
        pl.Duration("ms")
    )
    version_at = [calendar.index(day) for day in SERVICE_VERSION_DAYS]
    version = np.searchsorted(version_at, calls["day"].to_numpy(), side="right")
    calls = calls.with_columns(
        call_id=pl.format("{}-{}", pl.lit(feature.prefix), _padded(pl.int_range(n), 7)),
        feature_id=pl.lit(feature.feature_id),
        started_at=(first_midnight + since).cast(pl.Datetime("us")),
        run_kind=pl.when(is_canary).then(pl.lit("eval")).otherwise(pl.lit("prod")),
        environment=pl.when(is_canary).then(pl.lit("evals")).otherwise(pl.lit("production")),
        trace_id=_hex_ids(n, 16, rng),
        span_id=_hex_ids(n, 8, rng),
        session_id=pl.format("{}-s{}", pl.lit(feature.prefix), pl.col("session")),
        user_id=pl.format("{}-user-{}", pl.lit(feature.prefix), _padded(pl.col("user"), 4)),
        provider=pl.lit("corvid"),
        request_model=pl.lit(feature.model),
        response_model=pl.lit(f"{feature.model}-2026-05"),
        operation=pl.lit("classify" if feature.kind == "classifier" else "chat"),
        prompt_name=pl.lit(feature.feature_id),
        prompt_version=pl.lit(feature.prompt_version),
        system_text=pl.lit(phrases.system),
        temperature=pl.lit(feature.temperature),
        top_p=pl.lit(1.0),
        max_tokens=pl.lit(feature.max_tokens),
        params_known=pl.lit(value=True),
        service_version=pl.Series(SERVICE_VERSIONS).gather(version),
        eval_case_id=pl.format("{}-case-{}", pl.lit(feature.prefix), _padded(pl.col("case"), 3)),
    )
    if feature.feature_id == faults.MODERATION:
        calls = spike_cost(calls, calendar)
    return calls.rename({"user": "_user", "topic": "_topic", "day": "_day"}).drop(
        "seconds", "session", "case", "z_confidence", "u_correct", "u_wrong"
    )


def _padded(number: pl.Expr, width: int) -> pl.Expr:
    return number.cast(pl.String).str.zfill(width)


def _hex_ids(n: int, n_bytes: int, rng: np.random.Generator) -> pl.Series:
    letters = rng.bytes(n * n_bytes).hex().encode()
    return pl.Series(np.frombuffer(letters, dtype=f"S{2 * n_bytes}").astype(f"U{2 * n_bytes}"))
