"""Standard changes of the tables that the mode `coevolution` reads."""

from __future__ import annotations

from math import log
from typing import Final

import polars as pl

from llmops_health.power.shock import Shock, count, moving

_NEW_TOPIC: Final = -1
_LN_2: Final = log(2)
_LENGTHS: Final = (("n_sized", "sum_ln_chars"), ("n_counted", "sum_ln_tokens"))
_SHARES: Final = (
    ("n_keyed", "n_repeated"),
    ("n_worded", "n_keywords"),
    ("n_read", "n_courteous"),
    ("n_read", "n_template"),
    ("n_read", "n_examples"),
    ("n_read", "n_rephrased"),
    ("n_placed", "n_new_topic"),
)


def _user_days(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """Make a share of every user's inputs twice as long, in every style that they have not."""
    return rows.with_columns(
        *(pl.col(total) + count(n, share) * _LN_2 for n, total in _LENGTHS),
        *(pl.col(part) + count(pl.col(n) - pl.col(part), share) for n, part in _SHARES),
    )


SHOCKS: Final[dict[str, Shock]] = {
    "summary__user_days": Shock("users ask twice as long, in another style", _user_days),
    "summary__user_cells": Shock(
        "inputs on a topic far from all known ones",
        moving({"cell": pl.lit(_NEW_TOPIC)}, where=pl.col("cell") != _NEW_TOPIC),
    ),
}
