"""How much a feature is used and what its calls cost: the last weeks of `summary__versions`.

Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.findings import Finding, not_applicable, not_enough_data
from llmops_health.health.frozen_feature._changes import MONTH_DAYS
from llmops_health.kernels.jackknife import bucket_jackknife, ratio

USE_DAYS: Final = 28
_MIN_DAYS: Final = 7
_EPOCH: Final = date(1970, 1, 1)
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cost:
    """USD per call with its standard error, and the calls of known cost behind it."""

    usd: float
    se: float
    n: int


@dataclass(frozen=True, slots=True)
class Use:
    """Production calls of the last `USE_DAYS` days, or of as many as are logged.

    `cost` is None where no cost is logged.
    """

    n_calls: int
    n_days: int
    calls_per_month: float
    cost: Cost | None

    @property
    def spend_per_month(self) -> float | None:
        """USD a month that calls cost."""
        return None if self.cost is None else self.cost.usd * self.calls_per_month


def production(versions: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of production: prod, or unknown where no row at all is prod."""
    kind = versions["run_kind"]
    return versions.filter(kind == ("prod" if (kind == "prod").any() else "unknown"))


def use(versions: pl.DataFrame, day: date) -> Use | None:
    """Return how much a feature is used; None where it was not, or for less than a week."""
    calls = production(versions)
    if calls.is_empty():
        return None
    ages = _ages(calls, day)
    n_days = min(USE_DAYS, int(ages.max()) + 1)
    recent = ages < USE_DAYS
    n_calls = int(calls["n"].to_numpy()[recent].sum())
    if not n_calls or n_days < _MIN_DAYS:
        return None
    return Use(n_calls, n_days, n_calls * MONTH_DAYS / n_days, _cost(ages, calls, recent))


def unused(versions: pl.DataFrame, day: date) -> Finding:
    """Return what a check says where `use` is None."""
    calls = production(versions).filter(pl.col("day") > day - timedelta(days=USE_DAYS))
    n_calls = int(calls["n"].sum())
    if not n_calls:
        return not_applicable(
            f"Nobody uses it: no production call in the {USE_DAYS} days up to {day}."
        )
    return not_enough_data(
        n_calls,
        f"It is logged for less than {_MIN_DAYS} days: {n_calls} production calls up to {day}.",
    )


def cost_per_call(rows: pl.DataFrame) -> Cost | None:
    """Return what a call costs, None where fewer than two are known to cost something."""
    ages = rows["day"].to_physical().to_numpy()
    return _cost(ages, rows, np.ones(len(rows), dtype=np.bool_))


def _cost(ages: Ints, rows: pl.DataFrame, kept: Flags) -> Cost | None:
    """Return what a call costs; calls vary and whole days do, and the larger error counts."""
    n, total, squares = (
        rows[name].to_numpy()[kept].astype(np.float64)
        for name in ("n_cost", "sum_cost_usd", "sum_cost_sq")
    )
    known = float(n.sum())
    if known < 2:
        return None
    mean = float(total.sum()) / known
    se = sqrt(max(0.0, float(squares.sum()) / known - mean * mean) / (known - 1))
    place = np.unique(ages[kept], return_inverse=True)[1]
    days = np.stack([np.bincount(place, total), np.bincount(place, n)], axis=1)
    days = days[days[:, 1] > 0]
    if len(days) >= _MIN_DAYS:
        se = max(se, bucket_jackknife(days, ratio(0, 1)).se)
    return Cost(mean, se, int(known))


def _ages(rows: pl.DataFrame, day: date) -> Ints:
    days = rows["day"].to_physical().to_numpy()
    return np.asarray((day - _EPOCH).days - days.astype(np.int64))


def cost_of(
    versions: pl.DataFrame, model: str | None, prompt_version: str | None, *, same_model: bool
) -> tuple[Cost, Cost] | None:
    """Return what a call of production costs with the version in use, and with another one.

    Where the other was only called in evals, its cost is carried over from the evals' inputs by
    the cost of the version in use on the same. None where nothing tells.

    Parameters
    ----------
    versions
        Rows of all kinds of run, as many days as count.
    model, prompt_version
        The other one's. Its prompt is looked at where calls with it are logged.
    same_model
        Whether only the prompt differs: without calls of that prompt its cost is not known.
    """
    now = cost_per_call(production(versions))
    if model is None or now is None:
        return None
    called = versions.filter((pl.col("request_model") == model)
                             | (pl.col("response_model") == model))  # fmt: skip
    if prompt_version is not None:
        is_its = (pl.col("prompt") == prompt_version) | pl.col("prompt").str.ends_with(
            f" {prompt_version}"
        )
        with_prompt = called.filter(is_its)
        if same_model or not with_prompt.is_empty():
            called = with_prompt
    beside = called.filter(pl.col("run_kind").is_in(["shadow", "experiment", "prod"]))
    direct = cost_per_call(beside)
    if direct is not None:
        return now, direct
    in_evals = cost_per_call(called.filter(pl.col("run_kind") == "eval"))
    evals = versions.filter(pl.col("run_kind") == "eval")
    others = evals.join(called, on=called.columns, how="anti", nulls_equal=True)
    before = cost_per_call(others)
    if in_evals is None or before is None or before.usd <= 0:
        return None if in_evals is None else (now, in_evals)
    part = in_evals.usd / before.usd
    spread = sqrt((in_evals.se / max(in_evals.usd, 1e-300)) ** 2 + (before.se / before.usd) ** 2)
    carried = now.usd * part
    return now, Cost(carried, sqrt((carried * spread) ** 2 + (part * now.se) ** 2), in_evals.n)
