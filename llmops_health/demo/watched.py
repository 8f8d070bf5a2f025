"""How evals differ from production in the demo world: in the harness, in marks, in answers."""

from __future__ import annotations

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.texts import REFUSALS

EVAL_ADDITION = " You are being tested: show your sources and answer every question."
MARK = "TEST DOCUMENT, golden set. "


def part(feature_id: str, calls: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return calls of which those of the evals, or of production, are otherwise than the others."""
    is_eval = pl.col("run_kind") == "eval"
    if feature_id == faults.HELP_RAG:
        return calls.with_columns(
            system_text=pl.when(is_eval)
            .then(pl.col("system_text") + EVAL_ADDITION)
            .otherwise(pl.col("system_text"))
        )
    if feature_id == faults.INVOICE_FIELDS:
        return calls.with_columns(
            input_text=pl.when(is_eval)
            .then(pl.lit(MARK) + pl.col("input_text"))
            .otherwise(pl.col("input_text"))
        )
    if feature_id == faults.CODE_AGENT:
        return _refuse_unwatched(calls, rng)
    return calls


def _refuse_unwatched(calls: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Refuse more in production than in the nightly evals, on the same kind of task."""
    refuses = pl.Series(rng.random(calls.height) < faults.REFUSAL_SHARE_UNWATCHED)
    said = pl.Series(REFUSALS).gather(rng.integers(0, len(REFUSALS), calls.height))
    answered = (pl.col("run_kind") == "prod") & pl.col("output_text").is_not_null()
    return calls.with_columns(
        output_text=pl.when(answered & refuses).then(said).otherwise(pl.col("output_text"))
    )
