"""Calls of the demo world that another model answers than the one that its lists name."""

from __future__ import annotations

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar


def divert(
    feature_id: str, calls: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> pl.DataFrame:
    """Let a few production calls of the help assistant go to a model that nobody listed."""
    if feature_id != faults.HELP_RAG:
        return calls
    since = calls["_day"] >= calendar.index(faults.STRAY_MODEL_DAY)
    is_stray = since & (calls["run_kind"] == "prod")
    is_stray &= pl.Series(rng.random(calls.height) < faults.STRAY_MODEL_SHARE)
    return calls.with_columns(
        pl.when(is_stray).then(pl.lit(name)).otherwise(column).alias(column)
        for column, name in (
            ("request_model", faults.STRAY_MODEL),
            ("response_model", f"{faults.STRAY_MODEL}-2026-03"),
        )
    )
