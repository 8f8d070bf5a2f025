"""Whether a feature is live: by what the configuration says of it, or because people use it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import Finding, literal, not_applicable

USE_DAYS: Final = 7
_IN_SERVICE: Final = frozenset({"production", "beta"})


@dataclass(frozen=True, slots=True)
class Life:
    """Production calls of the last `USE_DAYS` days, and whether somebody has to answer."""

    n_calls: int
    is_used: bool
    is_in_service: bool

    @property
    def is_live(self) -> bool:
        """Whether it is in service or used."""
        return self.is_used or self.is_in_service

    @property
    def words(self) -> str:
        """How much it is used."""
        return f"{self.n_calls:,} production calls in {USE_DAYS} days"


def life(feature: Feature, versions: pl.DataFrame, day: date, min_calls: int) -> Life:
    """Return whether a feature is live at the end of a day.

    Parameters
    ----------
    versions
        Rows of `summary__versions` up to the day.
    min_calls
        Production calls of the last days from which it is used: fewer are tests, or an id that
        was mistyped.
    """
    kind = versions["run_kind"]
    of_production = kind == ("prod" if (kind == "prod").any() else "unknown")
    is_recent = versions["day"] > day - timedelta(days=USE_DAYS)
    n_calls = int(versions["n"].filter(is_recent & of_production).sum())
    is_launched = feature.launched_on is None or feature.launched_on <= day
    return Life(n_calls, n_calls >= min_calls, is_launched and feature.lifecycle in _IN_SERVICE)


def not_live(feature: Feature, found: Life) -> Finding:
    """Return what a check says of a feature that nobody has to answer for."""
    stage = f"it is {feature.lifecycle}" if feature.lifecycle else "no stage of life is given"
    return not_applicable(f"Not live: {found.words}, and {stage}.")


def calls_sql(feature_id: str, day: date) -> str:
    """Return the query of the calls that make a feature live."""
    return (
        "select day, run_kind, sum(n) as n_calls from summary__versions "  # noqa: S608 - literals only
        f"where feature_id = {literal(feature_id)} "
        f"and day > {literal(day)}::date - {USE_DAYS} and day <= {literal(day)}::date "
        "group by day, run_kind order by day desc, run_kind limit 50"
    )
