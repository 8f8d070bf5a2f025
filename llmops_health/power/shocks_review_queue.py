"""Standard changes of the tables that the mode `review_queue` reads."""

from __future__ import annotations

from typing import Final

import polars as pl

from llmops_health.power.shock import CHANCE, Shock, count, moving


def _events(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Leave a share of the completed reviews open."""
    gone = pl.when(pl.col("event") != "created").then(count("n", share)).otherwise(0.0)
    left = rows.with_columns(pl.col("n") - gone.cast(pl.Int64)).with_columns(
        pl.when(pl.col("n") > 0).then(pl.col("sum_wait_s")).otherwise(0.0).alias("sum_wait_s")
    )
    return left.drop(CHANCE)


def _work(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Let a share of the seeded errors that were caught pass."""
    missed = count("n_caught", share).cast(pl.Int64)
    return rows.with_columns(
        n_caught=pl.col("n_caught") - missed,
        n_right=(pl.col("n_right") - missed).clip(lower_bound=0),
        n_as_suggested=pl.col("n_as_suggested") + missed,
    ).drop(CHANCE)


SHOCKS: Final[dict[str, Shock]] = {
    "summary__review_events": Shock("completed reviews stay open", _events),
    "summary__review_work": Shock("seeded errors that were caught pass", _work),
    "summary__review_pairs": Shock(
        "the second of two reviewers decides otherwise",
        moving({"other_decision": pl.lit("(other)")}, where=pl.lit(value=True)),
    ),
}
