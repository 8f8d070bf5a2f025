"""What is logged of each field that a mode needs: the rows of `health__readiness`.

Which fields those are, and how they are counted, is the check `ownership.data_not_ready`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import polars as pl

from llmops_health.config import Feature
from llmops_health.health.ownership.data_not_ready import cells_of

READER: Final = ("ownership", "data_not_ready")
"""The check that reads all tables of the matrix."""

READINESS_COLUMNS: Final = {
    "day": "date",
    "feature_id": "varchar",
    "mode": "varchar",
    "table_name": "varchar",
    "field": "varchar",
    "state": "varchar",
    "share": "double",
    "n": "bigint",
    "needed_share": "double",
    "unlocks": "varchar",
    "what_to_log": "varchar",
}
"""Columns of `health__readiness`."""

_POLARS: Final[dict[str, type[pl.DataType]]] = {
    "date": pl.Date,
    "varchar": pl.String,
    "double": pl.Float64,
    "bigint": pl.Int64,
}
READINESS_SCHEMA: Final = {name: _POLARS[kind] for name, kind in READINESS_COLUMNS.items()}
_READ: Final = (
    *("summary__readiness", "core__eval_cases", "core__ledger_steps", "summary__pipelines"),
    "summary__listed_parts",
)


def readiness(
    day: date, features: Iterable[Feature], tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return the readiness matrix of all features on a day.

    Parameters
    ----------
    tables
        What `data_not_ready` reads, of all features: daily ones with its history up to the day.

    Returns
    -------
    DataFrame of `READINESS_SCHEMA`, by feature and in the order of the modes' needs.
    """
    rows = []
    for feature in features:
        own = [_of_feature(tables[name], feature.id) for name in _READ]
        for cell in cells_of(feature, day, *own):
            table, field = cell.need.place
            rows.append(
                {
                    "day": day,
                    "feature_id": feature.id,
                    "mode": cell.need.mode,
                    "table_name": table,
                    "field": field,
                    "state": cell.state,
                    "share": cell.share,
                    "n": cell.n,
                    "needed_share": cell.need.share,
                    "unlocks": ", ".join(cell.need.checks),
                    "what_to_log": cell.need.log,
                }
            )
    return pl.DataFrame(rows, schema=READINESS_SCHEMA, orient="row")


def _of_feature(rows: pl.DataFrame, feature_id: str) -> pl.DataFrame:
    if "feature_id" not in rows.columns:
        return rows
    return rows.filter(pl.col("feature_id") == feature_id)
