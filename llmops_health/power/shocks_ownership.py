"""The standard change of what is logged: fields that rows said are not said any more."""

from __future__ import annotations

from typing import Final

import polars as pl

from llmops_health.power.shock import Shock, count


def _readiness(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    return rows.with_columns(n_known=(pl.col("n_known") - count("n_known", share)).cast(pl.Int64))


SHOCKS: Final[dict[str, Shock]] = {
    "summary__readiness": Shock("fields are not logged any more", _readiness),
}
