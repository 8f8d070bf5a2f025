"""How the users of the demo world change: they learn a short way to ask, or others come."""

from __future__ import annotations

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.texts import FloatArray

KEYWORD_LETTERS = 4
KEYWORDS = 6


def change(
    feature_id: str, calls: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> pl.DataFrame:
    """Return calls as the users of later days make them."""
    if feature_id == faults.CODE_AGENT:
        return _learn_keywords(calls, calendar, rng)
    if feature_id == faults.MODERATION:
        return _welcome_others(calls, calendar, rng)
    return calls


def _since(calls: pl.DataFrame, day: int, calendar: Calendar) -> FloatArray:
    days = calls["_day"].to_numpy() - calendar.index(day) + 1
    return np.asarray(np.clip(days / faults.HABIT_RAMP_DAYS, 0, 1))


def _learn_keywords(
    calls: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> pl.DataFrame:
    """Let more and more requests of the same users be a few keywords instead of sentences."""
    share = faults.HABIT_SHARE * _since(calls, faults.HABIT_DAY, calendar)
    is_terse = pl.Series(rng.random(calls.height) < share) & (calls["run_kind"] == "prod")
    words = pl.col("input_text").str.to_lowercase().str.replace_all(r"[^\w\s-]", "").str.split(" ")
    keywords = words.list.eval(
        pl.element().filter(pl.element().str.len_chars() >= KEYWORD_LETTERS)
    ).list.head(KEYWORDS)
    return calls.with_columns(
        input_text=pl.when(is_terse).then(keywords.list.join(" ")).otherwise("input_text")
    )


def _welcome_others(
    calls: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> pl.DataFrame:
    """Let a part of the calls come from users who were not there before, and ask as all do."""
    share = faults.NEWCOMER_SHARE * _since(calls, faults.NEWCOMER_DAY, calendar)
    is_new = pl.Series(rng.random(calls.height) < share) & (calls["run_kind"] == "prod")
    newcomer = pl.Series(rng.integers(0, faults.N_NEWCOMERS, calls.height))
    named = pl.format("mod-user-9{}", newcomer.cast(pl.String).str.zfill(3))
    return calls.with_columns(user_id=pl.when(is_new).then(named).otherwise("user_id"))
