"""What traffic shows of parts: when each was seen, and which declared part it is, if any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import polars as pl

from llmops_health.bom.addresses import address
from llmops_health.bom.parts import Part
from llmops_health.health.bom._matching import MODELS, Listed, fit
from llmops_health.health.bom._names import Fit

SEEN_DAYS: Final = 28
"""A part counts as observed when traffic showed it within as many days."""
_FITTED: Final = MODELS | {"prompt", "tool"}


def seen_parts(observed: pl.DataFrame, feature_id: str, day: date) -> list[dict[str, Any]]:
    """Return each thing that production ever showed, with first and last day and calls of late."""
    if observed.is_empty():
        return []
    rows = observed.filter((pl.col("feature_id") == feature_id) & (pl.col("day") <= day))
    if "run_kind" in rows.columns:
        # Of a log that never says what is production, what it does not tell apart is taken.
        production = "prod" if (rows["run_kind"] == "prod").any() else "unknown"
        rows = rows.filter(pl.col("run_kind") == production)
    key = ("feature_id", "kind", "name", "version")
    places = [name for name in ("seen_in",) if name in rows.columns]
    late = pl.col("day") > day - timedelta(SEEN_DAYS)
    return (
        rows.filter(pl.col("name").is_not_null() | pl.col("version").is_not_null())
        .group_by(*key, *places)
        .agg(
            first_seen=pl.col("day").min(),
            last_seen=pl.col("day").max(),
            n_calls=pl.col("n_calls").filter(late).sum(),
        )
        # What calls name and spans show is one: the place that shows more of it counts.
        .group_by(key)
        .agg(pl.col("first_seen").min(), pl.col("last_seen").max(), pl.col("n_calls").max())
        .sort("kind", "name", "version", nulls_last=False)
        .to_dicts()
    )


def with_traffic(
    current: Sequence[Part], seen: Sequence[dict[str, Any]]
) -> tuple[list[Part], list[Part]]:
    """Return the declared parts with what traffic showed of them, and what no list names."""
    found = list(current)
    unmatched = []
    for row in seen:
        kind, name, version = row["kind"], row["name"], row["version"]
        fitting = [at for at, part in enumerate(current) if matches(part, kind, name, version)]
        # Of a shared and an own part that both fit, traffic is of the own one.
        fitting = [at for at in fitting if current[at].is_own] or fitting
        if not fitting and row["n_calls"] and name is not None:
            unmatched.append(
                Part(
                    ref="",
                    feature_id=row["feature_id"],
                    component_id=f"observed:{kind}:{name}" + (f"@{version}" if version else ""),
                    kind=kind,
                    name=name,
                    version=version,
                    is_declared=False,
                    n_calls=row["n_calls"],
                    first_seen=row["first_seen"],
                    last_seen=row["last_seen"],
                )
            )
        for at in fitting:
            part = found[at]
            found[at] = replace(
                part,
                n_calls=part.n_calls + row["n_calls"],
                first_seen=min(part.first_seen or row["first_seen"], row["first_seen"]),
                last_seen=max(part.last_seen or row["last_seen"], row["last_seen"]),
            )
    return found, unmatched


def matches(part: Part, kind: str, name: str | None, version: str | None) -> bool:
    """Return whether what traffic shows is a declared part, as the checks of the mode see it.

    Kinds of models are one, since a log cannot tell a hosted model from a checkpoint. A version
    that either side does not give is no difference.
    """
    if kind in MODELS and None not in {version, part.version} and version != part.version:
        return False
    listed = Listed(part.component_id, part.kind, part.name, part.version, part.purl)
    if kind in _FITTED:
        return fit(kind, name, version, listed) is Fit.SAME
    place = urlsplit(address(part.endpoint) or "").hostname
    known = {one.casefold() for one in (part.name, part.component_id, place) if one}
    return part.kind == kind and name is not None and name.casefold() in known
