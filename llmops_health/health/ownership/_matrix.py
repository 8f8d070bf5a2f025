"""The readiness matrix: of each field that a mode needs, how much of it is logged.

What is needed stands in `_needs`. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

import polars as pl

from llmops_health.config import Feature
from llmops_health.health.ownership import _owners
from llmops_health.health.ownership._needs import CONFIGURATION, NEEDS, Need, Place

CALLS_DAYS: Final = 28
"""Days of calls, labels, feedback, reviews and spans that count: they come every day."""

HISTORY_DAYS: Final = 90
"""Days of evals that count: they are run at releases."""

State = Literal["logged", "partly", "missing", "not_needed"]
_SELDOM: Final = ("eval_calls", "eval_runs", "eval_results")
_PLACES: Final = [place for need in NEEDS for place in (need.place, *need.instead)]
_CONFIGURED: Final = {key for table, key in _PLACES if table == CONFIGURATION}
Counts = Mapping[Place, tuple[int, int]]
"""Rows that say it, and all rows, by table and column."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A field that a mode needs of a feature: rows that say it, their share, and what that is."""

    need: Need
    state: State
    n: int
    share: float | None

    @property
    def name(self) -> str:
        """Table and column."""
        return ".".join(self.need.place)


def counts(
    feature: Feature,
    day: date,
    readiness: pl.DataFrame,
    cases: pl.DataFrame,
    steps: pl.DataFrame,
    parts: pl.DataFrame,
) -> Counts:
    """Return how many rows say what, as far as a day knows.

    Parameters
    ----------
    readiness
        Rows of `summary__readiness` of the last `HISTORY_DAYS` days.
    cases
        Rows of `core__eval_cases`.
    steps
        Rows of `core__ledger_steps` of the feature's pipelines.
    parts
        Rows of `summary__listed_parts` that were listed by the day.
    """
    counted = readiness["day"] > day - timedelta(days=CALLS_DAYS)
    for table in _SELDOM:
        counted |= readiness["table_name"] == table
    names = ("table_name", "field", "n_known", "n")
    recent = pl.DataFrame([readiness[name].filter(counted) for name in names])
    summed = recent.group_by("table_name", "field").agg(pl.col("n_known", "n").sum())
    found: dict[Place, tuple[int, int]] = {
        (table, field): (known, n) for table, field, known, n in summed.iter_rows()
    }
    return (
        found
        | _of_cases(cases, day)
        | _of_steps(steps)
        | _of_parts(feature, parts)
        | {(CONFIGURATION, key): (int(_is_given(feature, key)), 1) for key in _CONFIGURED}
    )


def matrix(feature: Feature, found: Counts) -> list[Cell]:
    """Return a cell per need, in the order of `NEEDS`."""
    return [_cell(feature, need, found) for need in NEEDS]


def ready(cells: Sequence[Cell]) -> dict[str, dict[str, bool]]:
    """Return of each mode which of the checks that are asked of a feature can be computed.

    A check without a need that is asked of the feature is left out.
    """
    found: dict[str, dict[str, bool]] = {}
    for cell in cells:
        if cell.state != "not_needed":
            of_mode = found.setdefault(cell.need.mode, {})
            for check in cell.need.checks:
                of_mode[check] = of_mode.get(check, True) and cell.state != "missing"
    return found


def _cell(feature: Feature, need: Need, found: Counts) -> Cell:
    # Of fields that do as well, the one of which most is known.
    known, n = max((found.get(place, (0, 0)) for place in (need.place, *need.instead)),
                   key=lambda pair: (pair[0] / max(pair[1], 1), pair[0]))  # fmt: skip
    share = known / n if n else None
    if share is None or known == 0:
        state: State = "missing" if need.asked(feature) else "not_needed"
    else:
        state = "logged" if share >= need.share and known >= need.n else "partly"
    return Cell(need, state, known, share)


def _is_given(feature: Feature, key: str) -> bool:
    value = getattr(feature, key)
    return value is not None and value not in {"", ()}


def _of_cases(cases: pl.DataFrame, day: date) -> dict[Place, tuple[int, int]]:
    end = datetime.combine(day + timedelta(days=1), time())
    is_other = (cases["added_at"] >= end) | (cases["retired_at"] < end)
    n = len(cases) - int(is_other.sum())
    if not n:
        return {}
    capability = cases["capability"]
    n_capable = capability.count() - capability.filter(is_other).count()
    return {
        ("eval_cases", "case_id"): (n, n),
        ("eval_cases", "capability"): (n_capable, n),
    }


def _of_steps(steps: pl.DataFrame) -> dict[Place, tuple[int, int]]:
    columns = ("step_id", "row_hash", "class_counts_out")
    return {("ledger_steps", one): (steps[one].count(), len(steps)) for one in columns}


def _of_parts(feature: Feature, parts: pl.DataFrame) -> dict[Place, tuple[int, int]]:
    entries = _owners.entries(feature, parts)
    n_owned = sum(one.owner is not None for one in entries)
    is_own = (parts["of_feature"] == feature.id) & (parts["kind"] != "application")
    n_own = int(is_own.sum())
    found: dict[Place, tuple[int, int]] = {}
    if len(entries):
        found["components", "owner"] = (n_owned, len(entries))
    if n_own:
        found["components", "component_id"] = (n_own, n_own)
        for column in ("sha256", "license"):
            found["components", column] = (parts[column].filter(is_own).count(), n_own)
    return found
