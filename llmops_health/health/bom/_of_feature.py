"""A feature's parts as a day knows them: those that lists give it, with what its traffic showed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from llmops_health.config import Feature
from llmops_health.health.bom import _parts
from llmops_health.health.bom._matching import Listed, shown_by
from llmops_health.health.bom._matching import listed as listed_names

SEEN_DAYS: Final = 28
"""A part counts as observed when production traffic showed it within as many days."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a judgement knows of lists and traffic.

    `parts` are the feature's, with `is_observed`; `names` are its own and shared ones that traffic
    can name; `is_listed` says whether any part but an application is the feature's.
    """

    parts: pl.DataFrame
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
    of = pl.col("of_feature")
    is_its = of.is_null() | (of == feature.id)
    rows = _parts.known(_parts.whole(listed.filter(is_its)), day)
    names = listed_names(rows, feature.id)
    seen = {
        (part.component_id, part.version)
        for kind, name, version in _shown(observed, day)
        for part in shown_by(kind, name, version, names)
    }
    parts = _parts.parts_of(feature.id, rows, edges, {part_id for part_id, _ in seen})
    pairs = zip(parts["component_id"].to_list(), parts["version"].to_list(), strict=True)
    is_observed = pl.Series("is_observed", [pair in seen for pair in pairs], pl.Boolean)
    kinds = set(parts["kind"].to_list())
    return Known(parts.with_columns(is_observed), names, bool(kinds - {"application"}))


def _shown(observed: pl.DataFrame, day: date) -> list[tuple[Any, ...]]:
    """Return kind, name and version of what production traffic showed of late."""
    at = pl.col("day")
    says = pl.col("name").is_not_null() | pl.col("version").is_not_null()
    of_production = pl.col("run_kind").is_in(["prod", "unknown"])
    recent = (at > day - timedelta(SEEN_DAYS)) & (at <= day)
    rows = observed.lazy().filter(recent & of_production & says).select("kind", "name", "version")
    return sorted(set(rows.collect().rows()), key=str)
