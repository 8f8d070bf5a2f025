"""How much a feature is used and what its calls cost: the last weeks of `summary__versions`.

Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Final

import numpy as np
import polars as pl

from llmops_health.findings import Finding, not_applicable, not_enough_data
from llmops_health.health.frozen_feature._changes import MONTH_DAYS
from llmops_health.kernels.jackknife import bucket_jackknife, ratio

USE_DAYS: Final = 28
_MIN_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Cost:
    """USD per call with its standard error, and the calls of known cost behind it."""

    usd: float
    se: float
    n: int


@dataclass(frozen=True, slots=True)
class Use:
    """Production calls of the last `USE_DAYS` days, or of as many as are logged.

    `cost` is None where no cost is logged, or none was asked for.
    """

    n_calls: int
    n_days: int
    calls_per_month: float
    cost: Cost | None

    @property
    def spend_per_month(self) -> float | None:
        """USD a month that calls cost."""
        return None if self.cost is None else self.cost.usd * self.calls_per_month


def is_production(versions: pl.DataFrame) -> pl.Series:
    """Return which rows are of production: prod, or unknown where no row at all is prod."""
    kind = versions["run_kind"]
    return kind == ("prod" if (kind == "prod").any() else "unknown")


def use(versions: pl.DataFrame, day: date, *, with_cost: bool = True) -> Use | None:
    """Return how much a feature is used; None where it was not, or for less than a week."""
    is_its = is_production(versions)
    first = versions["day"].filter(is_its).min()
    if not isinstance(first, date):
        return None
    n_days = min(USE_DAYS, (day - first).days + 1)
    recent = is_its & (versions["day"] > day - timedelta(days=USE_DAYS))
    n_calls = int(versions["n"].filter(recent).sum())
    if not n_calls or n_days < _MIN_DAYS:
        return None
    cost = _cost(versions, recent) if with_cost else None
    return Use(n_calls, n_days, n_calls * MONTH_DAYS / n_days, cost)


def unused(versions: pl.DataFrame, day: date) -> Finding:
    """Return what a check says where `use` is None."""
    recent = is_production(versions) & (versions["day"] > day - timedelta(days=USE_DAYS))
    n_calls = int(versions["n"].filter(recent).sum())
    if not n_calls:
        return not_applicable(
            f"Nobody uses it: no production call in the {USE_DAYS} days up to {day}."
        )
    return not_enough_data(
        n_calls,
        f"It is logged for less than {_MIN_DAYS} days: {n_calls} production calls up to {day}.",
    )


def _cost(rows: pl.DataFrame, kept: pl.Series) -> Cost | None:
    """Return what a call costs, None where fewer than two are known to cost something.

    Calls vary and whole days do, and the larger error counts.
    """
    n, total, squares = (
        rows[name].filter(kept).to_numpy().astype(np.float64)
        for name in ("n_cost", "sum_cost_usd", "sum_cost_sq")
    )
    known = float(n.sum())
    if known < 2:
        return None
    mean = float(total.sum()) / known
    se = sqrt(max(0.0, float(squares.sum()) / known - mean * mean) / (known - 1))
    place = np.unique(rows["day"].filter(kept).to_numpy(), return_inverse=True)[1]
    days = np.stack([np.bincount(place, total), np.bincount(place, n)], axis=1)
    days = days[days[:, 1] > 0]
    if len(days) >= _MIN_DAYS:
        se = max(se, bucket_jackknife(days, ratio(0, 1)).se)
    return Cost(mean, se, int(known))


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
    now = _cost(versions, is_production(versions))
    if model is None or now is None:
        return None
    called = (versions["request_model"] == model) | (versions["response_model"] == model)
    if prompt_version is not None:
        prompt = versions["prompt"]
        is_its = (prompt == prompt_version) | prompt.str.ends_with(f" {prompt_version}")
        with_prompt = called & is_its
        if same_model or with_prompt.any():
            called = with_prompt
    kind = versions["run_kind"]
    beside = (kind == "shadow") | (kind == "experiment") | (kind == "prod")
    direct = _cost(versions, called & beside)
    if direct is not None:
        return now, direct
    is_eval = kind == "eval"
    in_evals = _cost(versions, called & is_eval)
    before = _cost(versions, is_eval & ~called.fill_null(value=False))
    if in_evals is None or before is None or before.usd <= 0:
        return None if in_evals is None else (now, in_evals)
    part = in_evals.usd / before.usd
    spread = sqrt((in_evals.se / max(in_evals.usd, 1e-300)) ** 2 + (before.se / before.usd) ** 2)
    carried = now.usd * part
    return now, Cost(carried, sqrt((carried * spread) ** 2 + (part * now.se) ** 2), in_evals.n)
