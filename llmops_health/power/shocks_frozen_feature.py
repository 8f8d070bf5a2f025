"""The standard change of the table of versions: calls answered by a version not seen before."""

from __future__ import annotations

from typing import Final

import polars as pl

from llmops_health.power.shock import Shock, moving

_NEW: Final = "a version not seen before"


SHOCKS: Final[dict[str, Shock]] = {
    "summary__versions": Shock(
        "another version of the model answers, at twice the cost",
        moving(
            {
                "response_model": pl.lit(_NEW),
                "sum_cost_usd": pl.col("sum_cost_usd") * 2,
                "sum_cost_sq": pl.col("sum_cost_sq") * 4,
            },
            where=pl.col("response_model").is_null() | (pl.col("response_model") != _NEW),
            sums=["n_cost", "sum_cost_usd", "sum_cost_sq"],
        ),
    ),
}
