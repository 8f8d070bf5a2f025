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
    quantile_move,
    woodruff,
)
from llmops_health.health.stage_latency._stages import REQUEST

__all__ = ["Axis", "Move", "Paths", "daily", "last_days", "quantile_move", "surely_above"]

_NONE = pl.DataFrame(
    schema={
        "day": pl.Date,
        "field": pl.String,
        "bucket": pl.Int32,
        "k_coarse": pl.Int64,
        "n": pl.Int64,
    }
)
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
        kind = pl.col("kind")
        kept = rows.filter(
            (kind == "critical") | ((kind == "total") & (pl.col("stage") == REQUEST))
        )
        parts = kept.rename({"stage": "field"}).partition_by("kind", "field", as_dict=True)
        found = {
            (str(of), str(name)): Timings.of(part, str(name), axis)
            for (of, name), part in parts.items()
        }
        whole = found.pop(("total", REQUEST), None)
        return cls(
            axis,
            whole if whole is not None else Timings.of(_NONE, REQUEST, axis),
            {key[1]: found[key] for key in sorted(found)},
        )


def last_days(timings: Timings, axis: Axis, days: int, *ranks: float) -> list[float]:
    """Return quantiles in ms over the last days; none where nothing was measured."""
    weights = axis.window(days).astype(np.float64)
    if not (timings.n * weights[timings.index]).sum() > 0:
        return []
    return [float(x) for x in timings.quantile(weights, np.array(ranks))]


def daily(timings: Timings, axis: Axis, rank: float) -> list[float | None]:
    """Return a quantile in ms of each day, None where nothing was measured."""
    return [
        float(timings.quantile_of(mass, np.array([rank]))[0]) if mass.sum() > 0 else None
        for mass in timings.by_day(axis.n_days)
    ]


def surely_above(timings: Timings, axis: Axis, days: int, rank: float, limit_ms: float) -> bool:
    """Whether a quantile of the last days lies above a limit with its whole interval."""
    deff = quantile_deff(timings, axis, days, limit_ms)
    weights = axis.window(days).astype(np.float64)
    _, lo, _ = woodruff(timings, weights, rank, deff, t=_SURE)
    return lo > limit_ms
