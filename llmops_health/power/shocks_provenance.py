"""The standard change of the table of who gives feedback: the loud are heavy users, and unhappy."""

from __future__ import annotations

from typing import Final

import polars as pl

from llmops_health.power.shock import Shock, moving

_LOUD: Final = "20 calls a day or more"


SHOCKS: Final[dict[str, Shock]] = {
    "summary__feedback_strata": Shock(
        "feedback comes from the heaviest users, who rate 0",
        moving(
            {"stratum": pl.lit(_LOUD), "sum_score": pl.lit(0.0)},
            where=(pl.col("name") != "") & (pl.col("dimension") != ""),
            sums=["sum_score"],
        ),
    ),
}
