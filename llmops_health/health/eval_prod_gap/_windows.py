"""The windows of days in which evals are looked for, and the rows of one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import polars as pl

WINDOWS: Final = (7, 14, 28)


def of_days(table: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Return the rows of the `n_days` days that end with `day`, of a table sorted by day."""
    return table.slice(int((table["day"] <= day - timedelta(days=n_days)).sum()))
