"""What requests would save if one of their stages took half as long, replayed on a sample."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from llmops_health.health.drift._seasons import coded
from llmops_health.health.stage_latency._stages import REQUEST, production, within
from llmops_health.kernels.span_replay import replayed
from llmops_health.kernels.span_tree import span_trees


@dataclass(frozen=True, slots=True)
class Savings:
    """By stage, ms of the 95th percentile of `n` requests, the largest first.

    `begins_ms` is when each stage began for the first time in a request, in the middle of them.
    """

    n: int
    p95_ms: dict[str, float]
    begins_ms: dict[str, float]


def savings(
    samples: pl.DataFrame, day: date, n_days: int, max_requests: int, faster: float
) -> Savings | None:
    """Replay sampled requests of the last days with each stage in turn `faster` times as fast."""
    if samples.is_empty():
        return None
    rows = within(production(samples), day, n_days)
    if rows.is_empty():
        return None
    last = rows["request_id"].unique().sort().head(max_requests)[-1]
    rows = rows.filter(rows["request_id"] <= last).sort("day", "request_id", "span_id")
    place = rows.select("day", "request_id", parent_id="span_id").with_row_index("at")
    parent = rows.join(
        place, on=["day", "request_id", "parent_id"], how="left", maintain_order="left"
    )["at"]
    trees = span_trees(
        parent.cast(pl.Int64).fill_null(-1).to_numpy(),
        rows["start_ms"].to_numpy(),
        rows["duration_ms"].to_numpy(),
    )
    names, of = coded(rows["stage"])
    columns = [at for at, name in enumerate(names) if name != REQUEST]
    stages = [names[at] for at in columns]
    is_stage = of[:, None] == [*columns, -1]
    lasted = replayed(trees, np.where(is_stage, 1 / faster, 1.0))
    p95 = np.quantile(lasted, 0.95, axis=0)
    saved = {stage: float(p95[-1] - p95[at]) for at, stage in enumerate(stages)}
    first = rows.group_by("day", "request_id", "stage").agg(pl.col("start_ms").min())
    begins = first.group_by("stage").agg(pl.col("start_ms").median())
    return Savings(
        n=len(lasted),
        p95_ms=dict(sorted(saved.items(), key=lambda one: (-one[1], one[0]))),
        begins_ms=dict(begins.iter_rows()),
    )
