"""The standard changes of what `stage_latency` reads: some requests get slower before the model."""

from __future__ import annotations

from math import log
from typing import Final

import polars as pl

from llmops_health.kernels.histograms import GAMMA
from llmops_health.power.shock import CHANCE, NEXT, Shock, count, is_moved, moving

# Eight coarse bins of eight: 3.6 times as long.
_COARSE_BINS: Final = 8
_BIN: Final = 8 * log(GAMMA)
_TIMES: Final = GAMMA ** (8 * _COARSE_BINS)
_LOWEST_COARSE: Final = -12_000
_REQUEST: Final = "(request)"
_BEFORE: Final = ("queue", "load", "chunk", "embed", "retrieve", "rerank", "prompt", _REQUEST)
_WORDS: Final = "what comes before the model takes 3.6 times as long, with a span or without"


def _stage_times(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Stretch stages, then the requests by what was added to their path."""
    whole = (pl.col("stage") == _REQUEST) & (pl.col("kind") == "total")
    stretched = moving(
        {"k_coarse": pl.col("k_coarse") + _COARSE_BINS, "sum_ms": pl.col("sum_ms") * _TIMES},
        where=~whole
        & pl.col("stage").is_in(_BEFORE)
        & pl.col("kind").is_in(["critical", "exclusive", "total"])
        & (pl.col("k_coarse") > _LOWEST_COARSE),
        sums=["sum_ms"],
    )(rows.filter(~whole), share)
    of = ["day", "run_kind"]
    path = pl.col("sum_ms").filter(pl.col("kind") == "critical").sum()
    added = (
        stretched.group_by(of)
        .agg(path.alias(NEXT))
        .join(rows.group_by(of).agg(path.alias("before")), on=of, how="left")
    )
    requests = rows.filter(whole).join(added, on=of, how="left", maintain_order="left")
    n_moved = count("n", share)
    moved_ms = (pl.col("sum_ms") * n_moved / pl.col("n")).sum().over(of)
    grown = 1 + (pl.col(NEXT) - pl.col("before")).clip(0) / moved_ms
    known = pl.when(moved_ms > 0).then(grown).otherwise(1.0).fill_null(1.0)
    longer = moving(
        {
            "k_coarse": pl.col("k_coarse") + (pl.col(NEXT).log() / _BIN).round().cast(pl.Int64),
            "sum_ms": pl.col("sum_ms") * pl.col(NEXT),
        },
        where=pl.col("k_coarse") > _LOWEST_COARSE,
        sums=["sum_ms"],
    )(requests.with_columns(known.alias(NEXT)).drop("before"), share)
    return pl.concat([stretched, longer.select(stretched.columns)])


def _stage_hours(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    return rows.with_columns(n=pl.col("n") + count("n", share))


def _span_samples(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Stretch whole requests, so that their spans stay inside of each other."""
    of_request = pl.col(CHANCE).first().over("day", "run_kind", "request_id", order_by="span_id")
    pace = pl.when(is_moved(share)).then(_TIMES).otherwise(1.0)
    chosen = rows.with_columns(of_request.alias(CHANCE))
    return chosen.with_columns(pl.col("start_ms", "duration_ms") * pace)


SHOCKS: Final[dict[str, Shock]] = {
    "summary__stage_times": Shock(_WORDS, _stage_times),
    "summary__stage_hours": Shock("more requests come than before", _stage_hours),
    "summary__span_samples": Shock(_WORDS, _span_samples),
}
