"""Traces of the demo world: what happens around the model, for a part of the requests.

A request of the help assistant searches two shards at once, reranks, and asks the model; writing
the log runs beside it. The coding agent runs a tool before it answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.texts import FloatArray

TRACED_SHARE = {faults.HELP_RAG: 0.5, faults.CODE_AGENT: 0.3}
SPREAD = 0.3
# Median milliseconds of what comes before the model, in order.
RAG_MS = {"queue": 6.0, "embed": 34.0, "retrieve": 95.0, "rerank": 85.0, "prompt": 11.0}
RAG_AFTER_MS = {"guardrail": 24.0}
RAG_STAGES = {"write log": "other", "shard a": "retrieve", "shard b": "retrieve"}
LOG_MS = 420.0
LOG_SLOWER = 1.8
AGENT_MS = {"plan": 180.0, "tool": 900.0}
AGENT_STAGES = {"plan": "prompt"}


@dataclass(frozen=True, slots=True)
class _Step:
    """One span of every traced request: milliseconds after the root's start, and how long."""

    name: str
    start: FloatArray
    duration: FloatArray
    parent: str


def make_spans(
    feature_id: str, calls: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> pl.DataFrame | None:
    """Return the spans of a part of the production calls; None where nothing is traced."""
    if feature_id not in TRACED_SHARE:
        return None
    traced = calls.filter((pl.col("run_kind") == "prod") & pl.col("latency_ms").is_not_null())
    traced = traced.filter(pl.Series(rng.random(traced.height) < TRACED_SHARE[feature_id]))
    if feature_id == faults.HELP_RAG:
        steps, model_at, total = _help_steps(traced, calendar, rng)
        stages = RAG_STAGES
    else:
        steps, model_at, total = _agent_steps(traced, calendar, rng)
        stages = AGENT_STAGES
    root = (traced["started_at"] - _milliseconds(model_at)).alias("root")
    model = _Step("chat", model_at, traced["latency_ms"].to_numpy(), "request")
    rows = [
        _rows(traced, root, step, stages)
        for step in (_Step("request", np.zeros(traced.height), total, ""), *steps, model)
    ]
    return pl.concat(rows).sort("started_at", "span_id")


def _drawn(median: float, n: int, rng: np.random.Generator) -> FloatArray:
    return np.asarray(np.round(median * rng.lognormal(0, SPREAD, n), 3))


def _help_steps(
    traced: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> tuple[list[_Step], FloatArray, FloatArray]:
    """Return the steps of the help assistant, when its model starts, and the whole."""
    n = traced.height
    day = traced["_day"].to_numpy()
    took = {name: _drawn(median, n, rng) for name, median in RAG_MS.items()}
    slow = day >= calendar.index(faults.SLOW_STAGE_DAY)
    took["rerank"] = np.where(slow, faults.SLOW_STAGE_FACTOR, 1.0) * took["rerank"]
    steps: list[_Step] = []
    at = np.zeros(n)
    for name, duration in took.items():
        steps.append(_Step(name, at, duration, "request"))
        if name == "retrieve":
            steps.append(_Step("shard a", at, 0.6 * duration, "retrieve"))
            steps.append(_Step("shard b", at, duration, "retrieve"))
        at = at + duration
    model_at, latency = at, traced["latency_ms"].to_numpy()
    later = day >= calendar.index(faults.SILENT_TIME_DAY)
    log = _drawn(LOG_MS, n, rng) * np.where(later, LOG_SLOWER, 1.0)
    # Beside the model, and never the last to end: it costs nobody any time.
    steps.append(_Step("write log", model_at, np.minimum(log, 0.9 * latency), "request"))
    at = model_at + latency
    for name, median in RAG_AFTER_MS.items():
        duration = _drawn(median, n, rng)
        steps.append(_Step(name, at, duration, "request"))
        at = at + duration
    return steps, model_at, at


def _agent_steps(
    traced: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> tuple[list[_Step], FloatArray, FloatArray]:
    """Return the steps of the coding agent; from a day on, most of its work has no span."""
    n = traced.height
    steps: list[_Step] = []
    at = np.zeros(n)
    for name, median in AGENT_MS.items():
        duration = _drawn(median, n, rng)
        steps.append(_Step(name, at, duration, "request"))
        at = at + duration
    silent = traced["_day"].to_numpy() >= calendar.index(faults.SILENT_TIME_DAY)
    latency = traced["latency_ms"].to_numpy()
    share = faults.SILENT_TIME_SHARE * rng.uniform(0.8, 1.2, n)
    gap = np.where(silent, share / (1 - share) * (at + latency), 0.01 * (at + latency))
    model_at = at + gap
    return steps, model_at, model_at + latency


def _rows(
    traced: pl.DataFrame, root: pl.Series, step: _Step, stages: dict[str, str]
) -> pl.DataFrame:
    is_model = step.name == "chat"
    stage = "llm" if is_model else stages.get(step.name, step.name)
    return traced.select(
        "trace_id",
        pl.col("span_id") if is_model else _span_id(step.name).alias("span_id"),
        "feature_id",
        pl.lit(step.name).alias("name"),
        (root + _milliseconds(step.start)).alias("started_at"),
        pl.Series("duration_ms", np.round(step.duration, 3)),
        (_span_id(step.parent) if step.parent else pl.lit(None, dtype=pl.String)).alias(
            "parent_span_id"
        ),
        pl.lit(stage if step.parent else "other").alias("stage"),
        pl.when(pl.col("error_type").is_null()).then(pl.lit("ok")).otherwise(pl.lit("error"))
        .alias("status"),
        "run_kind",
    )  # fmt: skip


def _span_id(name: str) -> pl.Expr:
    """Return an id that is one step's in its trace: part of the trace's id, and the name."""
    return pl.format("{}-{}", pl.col("trace_id").str.head(12), pl.lit(name.replace(" ", "-")))


def _milliseconds(values: FloatArray) -> pl.Series:
    return pl.Series(np.rint(1000 * values).astype(np.int64)).cast(pl.Duration("us"))
