"""Quantiles of requests and stages over days, from the coarse bins of `summary__stage_times`.

How a window of days is held against its reference is `drift`'s: calls and stages are slow alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from llmops_health.health.drift._service import (
    Axis,
    Move,
    Timings,
    quantile_deff,
    quantile_moves,
    windows,
    woodruff,
)
from llmops_health.health.stage_latency._stages import REQUEST

__all__ = [
    "Axis",
    "Move",
    "Paths",
    "daily",
    "last_days",
    "quantile_moves",
    "surely_above",
    "windows",
]

_SURE = 3.0  # standard errors: 1 in 1,000


@dataclass(frozen=True, slots=True)
class Paths:
    """What requests took, and what they waited for by stage; (request) is what no span tells."""

    axis: Axis
    whole: Timings
    stages: dict[str, Timings]

    @classmethod
    def of(cls, rows: pl.DataFrame, day: date, n_days: int) -> Paths:
        """Lay out rows of one feature on the days that end with `day`."""
        axis = Axis.ending(day, n_days)
        is_whole = (rows["kind"] == "total") & (rows["stage"] == REQUEST)
        waits = rows.select("day", "stage", "bucket", "k_coarse", "n").filter(
            rows["kind"] == "critical"
        )
        of = waits["stage"]
        stages = {name: Timings.of(waits, of == name, axis) for name in sorted(of.unique())}
        return cls(axis, Timings.of(rows, is_whole, axis), stages)


def last_days(timings: Timings, axis: Axis, days: int, *ranks: float) -> list[float]:
    """Return quantiles in ms over the last days; none where nothing was measured."""
    mass = timings.by_day[axis.window(days)].sum(axis=0)
    return timings.quantile_of(mass, np.array(ranks)).tolist() if mass.any() else []


def daily(timings: Timings, rank: float) -> list[float | None]:
    """Return a quantile in ms of each day, None where nothing was measured."""
    return [
        float(timings.quantile_of(mass, np.array([rank]))[0]) if mass.sum() > 0 else None
        for mass in timings.by_day
    ]


def surely_above(timings: Timings, axis: Axis, days: int, rank: float, limit_ms: float) -> bool:
    """Whether a quantile of the last days lies above a limit with its whole interval."""
    deff = quantile_deff(timings, axis, days, limit_ms)
    _, lo, _ = woodruff(timings, axis.window(days), rank, deff, t=_SURE)
    return lo > limit_ms
