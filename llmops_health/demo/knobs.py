"""Sampling parameters of the demo world: who turned what, and when. No answer changes with them."""

from __future__ import annotations

import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar


def turn(feature_id: str, calls: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Return calls with the parameters that were in force when they were made."""
    is_prod = pl.col("run_kind") == "prod"
    if feature_id == faults.SUPPORT_INTENTS:
        since = pl.col("_day") >= calendar.index(faults.HOT_DAY)
        return _set(calls, "temperature", faults.HOT_TEMPERATURE, since & is_prod)
    if feature_id == faults.CODE_AGENT:
        since = pl.col("_day") >= calendar.index(faults.SECOND_KNOB_DAY)
        return _set(calls, "top_p", faults.SECOND_KNOB_TOP_P, since)
    return calls


def _set(calls: pl.DataFrame, name: str, value: float, where: pl.Expr) -> pl.DataFrame:
    return calls.with_columns(pl.when(where).then(value).otherwise(pl.col(name)).alias(name))
