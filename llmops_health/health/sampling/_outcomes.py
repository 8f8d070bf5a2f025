"""How good the answers of a feature turned out to be, and beside what. Nothing is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import literal
from llmops_health.health.sampling._settings import production

Floats = npt.NDArray[np.float64]

N_BUCKETS = 64
UNSET = -1.0
"""Temperature and top_p of calls that are known not to have set one."""

_WORDS = {"label": "right answers by label", "judge": "a judge's scores"}
_BY = ("outcome", "name")
_ORDER = ("label", "feedback", "judge")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One kind of outcome of the production calls of a window, in words and as rows of sums."""

    words: str
    rows: pl.DataFrame

    @property
    def n(self) -> int:
        """Number of outcomes."""
        return int(self.rows["n"].sum())


def outcomes(table: pl.DataFrame, day: date, n_days: int, least: int) -> Outcomes | None:
    """Return the most telling outcome of the last `n_days` days of which there are `least`.

    Labels come first, then what people said or did most, then a judge's scores; None where there
    are too few of each. Labels of a feature that mostly predicts nothing are no outcome.
    """
    rows = production(table, day, n_days)
    totals = rows.group_by(_BY).agg(pl.col("n", "n_unanswered").sum()).rows()
    enough = [
        (_ORDER.index(outcome), -n, name)
        for outcome, name, n, n_unanswered in totals
        if n >= least and (outcome != "label" or 2 * n_unanswered < n)
    ]
    if not enough:
        return None
    place, _, name = min(enough)
    outcome = _ORDER[place]
    words = _WORDS.get(outcome, f"scores of {name or 'unnamed feedback'}")
    if len(totals) > 1:
        rows = rows.filter((rows["outcome"] == outcome) & (rows["name"] == name))
    return Outcomes(words, rows)


def n_outcomes(table: pl.DataFrame, day: date, n_days: int) -> int:
    """Return the outcomes of all kinds in the window."""
    return int(production(table, day, n_days)["n"].sum())


def per_bucket(
    rows: pl.DataFrame, columns: Sequence[str], n_groups: Sequence[int]
) -> tuple[Floats, Floats]:
    """Return counts and sums of y by bucket and by whole-numbered columns.

    Two arrays of shape (64, *n_groups).
    """
    n, y = (np.zeros((N_BUCKETS, *n_groups)) for _ in range(2))
    places = tuple(rows[name].to_numpy().astype(np.int64) for name in ("bucket", *columns))
    np.add.at(n, places, rows["n"].to_numpy())
    np.add.at(y, places, rows["sum_score"].to_numpy())
    return n, y


def numbered(rows: pl.DataFrame, columns: Sequence[str], name: str) -> pl.DataFrame:
    """Add a column that numbers the combinations of others from 0; null is a value of its own."""
    return rows.with_columns((pl.struct(columns).rank("dense").cast(pl.Int64) - 1).alias(name))


def evidence(feature: Feature, day: date, n_days: int, lever: str) -> str:
    """Return the query that shows outcomes by a lever, an SQL expression, and the model."""
    return (
        f"select outcome, name, {lever} as lever, request_model, prompt_version, "  # noqa: S608 - literals only
        "sum(n)::bigint as n, sum(sum_score) / sum(n) as mean_outcome from summary__outcomes "
        f"where feature_id = {literal(feature.id)} and run_kind in ('prod', 'unknown') "
        f"and day between date {literal(day - timedelta(days=n_days - 1))} and date {literal(day)} "
        "group by all order by outcome, name, lever, request_model, prompt_version limit 500"
    )
