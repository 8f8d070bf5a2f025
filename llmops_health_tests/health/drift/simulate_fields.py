"""Traffic of users who differ, with weekends, growth and bursts, as rows of the summary tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.histograms import log_bin

FIRST_DAY = date(2026, 3, 2)  # a Monday
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls in the order of days; every array has shape (n_calls,)."""

    day: Ints
    user: Ints
    taste: Floats
    weekend: npt.NDArray[np.bool_]


def make_traffic(
    rng: np.random.Generator,
    *,
    days: int = 63,
    calls_per_day: float = 150,
    n_users: int = 150,
    growth: float = 1.0,
    burst: int | None = None,
) -> Traffic:
    """Draw sessions of about two calls from heavy-tailed users; half as many at weekends.

    Each user has a taste of their own, and a tenth of them stays away in any week.
    """
    weight = rng.lognormal(0, 1.0, n_users)
    weekend = np.arange(days) % 7 >= 5
    volume = calls_per_day * np.where(weekend, 0.6, 1.16) * np.linspace(1, growth, days)
    volume = volume * rng.lognormal(0, 0.06, days)
    if burst is not None:
        volume[burst] *= 3
    session_day = np.repeat(np.arange(days), np.maximum(1, np.rint(volume / 1.8)).astype(int))
    here = rng.random((days // 7 + 1, n_users)) > 0.1
    mass = np.cumsum(here * weight, axis=1)
    mass /= mass[:, -1:]
    drawn = rng.random(session_day.size)
    session_user = np.array(
        [np.searchsorted(mass[d // 7], u) for d, u in zip(session_day, drawn, strict=True)]
    )
    calls = 1 + rng.poisson(0.8, session_day.size)
    mood = rng.normal(0, 0.5, session_day.size)
    taste = rng.normal(0, 0.6, n_users)
    day, user = np.repeat(session_day, calls), np.repeat(session_user, calls)
    return Traffic(day, user, taste[user] + np.repeat(mood, calls), weekend[day])


def draw_values(
    traffic: Traffic, shares: Floats, weekend_shares: Floats, rng: np.random.Generator
) -> Ints:
    """Draw a value per call; a user's taste tilts the mix to the first or the last values."""
    base = np.where(traffic.weekend[:, None], weekend_shares, shares)
    tilt = np.linspace(-1, 1, len(shares))
    mass = np.cumsum(base * np.exp(traffic.taste[:, None] * tilt), axis=1)
    values = (rng.random(len(base))[:, None] * mass[:, -1:] > mass).sum(axis=1)
    return np.asarray(np.minimum(values, len(shares) - 1), dtype=np.int64)


def categories(
    traffic: Traffic, fields: Mapping[str, Sequence[str] | npt.NDArray[np.str_]]
) -> pl.DataFrame:
    """Count values per day as `summary__categories` does."""
    return _stack(traffic, {name: np.asarray(v, dtype=np.str_) for name, v in fields.items()})


def histograms(traffic: Traffic, fields: Mapping[str, Floats]) -> pl.DataFrame:
    """Count log-bins per day as `summary__histograms` does."""
    bins = {name: log_bin(values).astype(np.int32) for name, values in fields.items()}
    return _stack(traffic, bins, "k")


def cells(traffic: Traffic, cell: Ints, fitted_on: date = FIRST_DAY) -> pl.DataFrame:
    """Count cells per day as `summary__cells` holds them."""
    counts = pl.DataFrame({"day": _dates(traffic), "cell": cell.astype(np.int32)})
    return (
        counts.group_by("day", "cell")
        .len("n")
        .with_columns(
            pl.col("n").cast(pl.Int64),
            feature_id=pl.lit("triage"),
            codebook_version=pl.lit("1"),
            fitted_on=pl.lit(fitted_on),
        )
        .sort("day", "cell")
    )


def window(table: pl.DataFrame, day: date, days: int = 63) -> pl.DataFrame:
    """Keep what a check gets of a table on a day."""
    return table.filter((pl.col("day") <= day) & (pl.col("day") > day - timedelta(days=days)))


def day_number(index: int) -> date:
    """Return the date of the day at an index."""
    return FIRST_DAY + timedelta(days=index)


def changed_from(
    traffic: Traffic, start: int, ramp: int, rng: np.random.Generator
) -> Callable[[float], npt.NDArray[np.bool_]]:
    """Return a draw of which calls are of a new kind, whose share grows to its full in `ramp`."""
    grown = np.clip((traffic.day - start + 1) / ramp, 0, 1)
    uniform = rng.random(traffic.day.size)
    return lambda share: uniform < share * grown


def _stack(
    traffic: Traffic, fields: Mapping[str, npt.NDArray[np.generic]], column: str = "value"
) -> pl.DataFrame:
    parts = [
        pl.DataFrame({"day": _dates(traffic), column: values})
        .group_by("day", column)
        .len("n")
        .with_columns(field=pl.lit(name))
        for name, values in fields.items()
    ]
    return (
        pl.concat(parts)
        .with_columns(
            pl.col("n").cast(pl.Int64), feature_id=pl.lit("triage"), run_kind=pl.lit("prod")
        )
        .sort("day", "field", column)
    )


def _dates(traffic: Traffic) -> pl.Series:
    epoch = FIRST_DAY.toordinal() - date(1970, 1, 1).toordinal()
    return pl.Series(traffic.day + epoch, dtype=pl.Int32).cast(pl.Date)
