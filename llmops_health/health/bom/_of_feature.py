"""A feature's parts as a day knows them: those that lists give it, with what its traffic showed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from llmops_health.config import Feature
from llmops_health.health.bom._matching import Listed, named, shown_by
from llmops_health.health.bom._parts import Row, rows_of, used_of

SEEN_DAYS: Final = 28
"""A part counts as observed when production traffic showed it within as many days."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a judgement knows of lists and traffic.

    `parts` are the feature's rows, with `is_observed`; `names` are its own and shared ones that
    traffic can name; `is_listed` says whether any part but an application is the feature's.
    """

    parts: list[Row]
    names: list[Listed]
    is_listed: bool


def known_parts(
    feature: Feature,
    day: date,
    listed: pl.DataFrame,
    edges: pl.DataFrame,
    observed: pl.DataFrame,
) -> Known:
    """Return the parts of a feature at the end of a day.

    Parameters
    ----------
    listed, edges
        Rows of `summary__listed_parts` and `core__component_edges`, of all features.
    observed
        Rows of `summary__observed_components` of the feature.
    """
    rows = rows_of(feature.id, listed, day)
    names = named(rows)
    seen = {
        (part.component_id, part.version)
        for kind, name, version in _shown(observed, day)
        for part in shown_by(kind, name, version, names)
    }
    parts = used_of(feature.id, rows, edges, {part_id for part_id, _ in seen})
    for row in parts:
        row["is_observed"] = (row["component_id"], row["version"]) in seen
    return Known(parts, names, any(row["kind"] != "application" for row in parts))


def _shown(observed: pl.DataFrame, day: date) -> set[tuple[str, str | None, str | None]]:
    """Return kind, name and version of what production traffic showed of late."""
    at, run_kind = observed["day"], observed["run_kind"]
    recent = (at > day - timedelta(SEEN_DAYS)) & (at <= day)
    chosen = recent & ((run_kind == "prod") | (run_kind == "unknown"))
    columns = (observed[name].filter(chosen).to_list() for name in ("kind", "name", "version"))
    rows = set(zip(*columns, strict=True))
    return {row for row in rows if row[1] is not None or row[2] is not None}
