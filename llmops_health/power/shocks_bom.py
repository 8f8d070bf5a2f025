"""The standard change of what traffic shows of parts: what no list names takes calls."""

from __future__ import annotations

from typing import Final

import polars as pl

from llmops_health.power.shock import CHANCE, Shock

_UNLISTED: Final = "unlisted"


def _observed(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Let a share of the calls that say what they used have used something else."""
    named = pl.col("name").is_not_null() & (pl.col("n_calls") > 0)
    n_moved = (pl.col("n_calls") * share + pl.col(CHANCE)).floor().clip(0, pl.col("n_calls"))
    moved = pl.when(named).then(n_moved).otherwise(0)
    part = pl.when(pl.col("n_calls") > 0).then(moved / pl.col("n_calls")).otherwise(0.0)
    counts = rows.with_columns(_n=moved, _errors=(pl.col("n_errors") * part).round())
    stay = counts.with_columns(
        n_calls=pl.col("n_calls") - pl.col("_n"), n_errors=pl.col("n_errors") - pl.col("_errors")
    )
    gone = (
        counts.filter(pl.col("_n") > 0)
        .with_columns(
            name=pl.lit(_UNLISTED),
            version=pl.lit(None, pl.String),
            asked=pl.lit(None, pl.String),
            n_calls=pl.col("_n"),
            n_errors=pl.col("_errors"),
        )
        .group_by("day", "feature_id", "run_kind", "kind", "name", "version", "asked", "seen_in")
        .agg(pl.col("n_calls", "n_errors").sum(), pl.col("n_of").max())
    )
    left = stay.filter((pl.col("n_calls") > 0) | (pl.col("_n") == 0)).select(gone.columns)
    return pl.concat([left, gone], how="vertical_relaxed").sort(gone.columns)


SHOCKS: Final[dict[str, Shock]] = {
    "summary__observed_components": Shock("calls use parts that no list names", _observed),
}
