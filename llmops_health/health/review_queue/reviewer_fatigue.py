"""Reviewer fatigue: decisions get worse over the shift, or over the weeks.

Why it matters
    A reviewer at hour eight is another reviewer. What they approve then is what the next model
    learns from.
How it is found
    Items with seeded truth (gold_decision) over `HISTORY_DAYS`: a logistic slope of being right
    on hours into the shift and on weeks, with a level of its own per reviewer and errors by
    reviewer and day. WARN when the whole interval of a slope lies below `-min_slope_hour` or
    `-min_slope_week` (log odds). It never fails.
How to mend it
    Shorter shifts, breaks, fewer items in a row, rotation; place the hard items early.
What it cannot see
    Items that get harder over the shift: seed truth in random order. A shift that is split by
    less than 12 hours counts on.
Source
    Liang and Zeger (1986), Biometrika 73, for the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.drift._seasons import coded
from llmops_health.health.review_queue._flow import of_queue
from llmops_health.kernels.logit_slope import LogitSlopes, logit_slopes

HISTORY_DAYS = 56


class Params(CheckParams):
    """Settings of this check."""

    min_slope_hour: float = Field(
        default=0.05, ge=0, description="Loss that matters (log odds per hour of shift)."
    )
    min_slope_week: float = Field(
        default=0.05, ge=0, description="Loss that matters (log odds per week)."
    )
    min_gold: int = Field(default=150, ge=20, description="Decisions on seeded truth needed.")
    min_wrong: int = Field(default=10, ge=3, description="Of these wrong: none, no slope.")
    min_clusters: int = Field(default=20, ge=5, description="Reviewer-days the error needs.")
    level: float = Field(default=0.995, gt=0, lt=1, description="Coverage: judged every day.")


@dataclass(frozen=True, slots=True)
class _Axis:
    """One way to get tired."""

    name: str
    words: str
    unit: str
    limit: float


def check(
    feature: Feature, day: date, summary__review_work: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding on the shift and one on the weeks."""
    work = of_queue(feature, summary__review_work)
    is_gold = (work["n_gold"] > 0) & work["reviewer_id"].is_not_null()
    n, n_right = (int(work[name].filter(is_gold).sum()) for name in ("n_gold", "n_right"))
    if not n:
        yield not_applicable("No reviewer decided an item with seeded truth (gold_decision).")
        return
    enough = n >= params.min_gold and n - n_right >= params.min_wrong
    found = _fit(work.filter(is_gold), day, params) if enough else None
    if found is None or found.n_clusters < params.min_clusters:
        yield not_enough_data(
            n,
            f"{n} decisions on seeded truth, {n - n_right} of them wrong, cannot tell a slope: "
            f"{params.min_gold}, {params.min_wrong} and {params.min_clusters} reviewer-days of "
            "several hours and weeks are needed.",
        )
        return
    axes = (
        _Axis("shift", "hour of the shift", "log odds/hour", params.min_slope_hour),
        _Axis("weeks", "week", "log odds/week", params.min_slope_week),
    )
    for at, axis in enumerate(axes):
        slope, lo, hi = (float(part[at]) for part in (found.slope, found.lo, found.hi))
        tired = hi < -axis.limit
        yield Finding(
            status=Status.WARN if tired else Status.PASS,
            segment=f"over={axis.name}",
            message=f"{n_right} of {n} decisions on seeded truth are right; per {axis.words} the "
            f"log odds change by {slope:+.3f} [{lo:+.3f}, {hi:+.3f}], reviewer by reviewer.",
            n=n,
            value=slope,
            lo=lo,
            hi=hi,
            threshold=-axis.limit,
            unit=axis.unit,
            action="Shorten shifts or rotate reviewers, and seed truth in random order."
            if tired
            else "",
            evidence_sql=_evidence(feature, day) if tired else "",
        )


def _fit(gold: pl.DataFrame, day: date, params: Params) -> LogitSlopes | None:
    """Return the slopes on hours and weeks, None where the data cannot tell them apart."""
    rows = gold.group_by("day", "reviewer_id", "shift_hour", maintain_order=True).agg(
        pl.col("n_gold", "n_right").sum()
    )
    hours = rows["shift_hour"].to_numpy()
    _, who = coded(rows["reviewer_id"])
    days = (rows["day"].to_numpy() - np.datetime64(day, "D")).astype(np.int64)
    try:
        return logit_slopes(
            rows["n_right"].to_numpy(),
            rows["n_gold"].to_numpy(),
            np.column_stack([hours, days / 7]),
            who,
            who * 1000 - days,
            level=params.level,
        )
    except ValueError:
        return None


def _evidence(feature: Feature, day: date) -> str:
    first = day - timedelta(days=HISTORY_DAYS - 1)
    return (
        "select shift_hour, sum(n_gold)::bigint as n_gold, sum(n_right)::bigint as n_right "  # noqa: S608 - literals only
        f"from summary__review_work where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date and n_gold > 0 "
        "group by shift_hour order by shift_hour limit 500"
    )
