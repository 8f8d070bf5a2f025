"""Traffic of users who differ, with weekends, growth and bursts, as rows of the summary tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.histograms import log_bin

FIRST_DAY = date(2026, 3, 2)  # a Monday
WEEKDAY_SHARES = np.array([0.18, 0.15, 0.13, 0.12, 0.10, 0.10, 0.08, 0.07, 0.04, 0.03])
WEEKEND_SHARES = (WEEKDAY_SHARES + WEEKDAY_SHARES[::-1]) / 2
LANGUAGE_SHARES = np.array([0.85, 0.08, 0.04, 0.03])
FORMAT_SHARES = np.array([0.6, 0.3, 0.1])
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
    session_user = np.empty(session_day.size, dtype=np.int64)
    for week, present in enumerate(here):
        of_week = session_day // 7 == week
        mass = present * weight
        session_user[of_week] = rng.choice(n_users, of_week.sum(), p=mass / mass.sum())
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


def categories(traffic: Traffic, fields: Mapping[str, npt.NDArray[np.str_]]) -> pl.DataFrame:
    """Count values per day as `summary__categories` does."""
    return _stack(traffic, fields)


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


@dataclass(frozen=True, slots=True)
class Fault:
    """What is different from day index `starts` on; shares are of calls."""

    starts: int = 50
    new_topic: float = 0.0  # reached in 8 days
    longer: float = 1.0
    refusals: float = 0.01
    to_first_label: float = 0.0
    prompt_version: str = "v1"


@dataclass(frozen=True, slots=True)
class Tables:
    """The summary tables of one feature over 63 days."""

    categories: pl.DataFrame
    histograms: pl.DataFrame
    cells: pl.DataFrame

    def of_day(self, day: date) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Return what the checks get on a day."""
        return window(self.categories, day), window(self.histograms, day), window(self.cells, day)


def make_tables(
    seed: int, fault: Fault | None = None, *, calls_per_day: float = 150, n_users: int = 100
) -> Tables:
    """Draw a feature whose volume grows by 40 %, with a burst on day 45 and a weekend mix."""
    fault = fault or Fault(starts=1_000)
    rng = np.random.default_rng(seed)
    traffic = make_traffic(rng, calls_per_day=calls_per_day, n_users=n_users, growth=1.4, burst=45)
    n = traffic.day.size
    is_after = traffic.day >= fault.starts
    labels = draw_values(traffic, WEEKDAY_SHARES, WEEKEND_SHARES, rng)
    ramp = np.clip((traffic.day - fault.starts + 1) / 8, 0, 1)
    topics = np.where(rng.random(n) < fault.new_topic * ramp, -1, labels)
    moved = is_after & (rng.random(n) < fault.to_first_label)
    language = draw_values(traffic, LANGUAGE_SHARES, LANGUAGE_SHARES, rng)
    form = draw_values(traffic, FORMAT_SHARES, FORMAT_SHARES, rng)
    n_in = np.exp(5 + 0.3 * traffic.taste + 0.5 * rng.normal(size=n) + 0.1 * traffic.weekend)
    n_out = np.exp(5 + 0.2 * traffic.taste + 0.4 * rng.normal(size=n))
    n_out = np.rint(n_out * np.where(is_after, fault.longer, 1))
    refused = rng.random(n) < np.where(is_after, fault.refusals, 0.01)
    score = 1 / (1 + np.exp(-1 - 0.3 * traffic.taste - rng.normal(size=n)))
    languages = np.array(["en", "es", "de", "fr"])[language]
    names = {
        "input_language": languages,
        "output_language": languages,
        "output_format": np.array(["plain", "markdown", "json"])[form],
        "predicted_label": np.char.add("label", np.where(moved, 0, labels).astype(str)),
        "is_refusal": np.where(refused, "true", "false"),
        "finish_reason": np.where(rng.random(n) < 0.02, "length", "stop"),
        "request_model": np.full(n, "m"),
        "prompt_version": np.where(is_after, fault.prompt_version, "v1"),
    }
    counts = {
        "n_input_chars": np.rint(n_in),
        "input_tokens": np.rint(n_in / 4),
        "context_score": score,
        "n_output_chars": n_out,
        "output_tokens": np.rint(n_out / 4),
        "n_hedges": np.where(rng.random(n) < 0.06, 1.0, 0.0),
    }
    return Tables(categories(traffic, names), histograms(traffic, counts), cells(traffic, topics))


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
