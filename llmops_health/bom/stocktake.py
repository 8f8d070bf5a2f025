"""From rows to a feature's inventory: which parts are its own, which are in force, which are seen.

A verdict of a day knows the lists made by its end and the traffic up to it, nothing later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from llmops_health.bom.changes import changes, listed_at
from llmops_health.bom.inventory import Edge, Inventory
from llmops_health.bom.parts import Part, attributes_of, with_refs
from llmops_health.bom.traffic import SEEN_DAYS, seen_parts, with_traffic

_WORDS = (
    *("component_id", "kind", "name", "version", "feature_id", "supplier", "owner", "license"),
    *("sha256", "purl", "source_uri", "endpoint", "data_classification", "attributes"),
)
_COLUMNS: Final = (
    dict.fromkeys(_WORDS, pl.String)
    | dict.fromkeys(("released_on", "deprecated_on", "listed_on"), pl.Datetime)
    | {"crosses_trust_boundary": pl.Boolean}
)
_NO_LICENCE = frozenset({"", "unknown", "noassertion", "not known", "n/a", "tbd"})
"""Words by which a list says that it knows of no licence."""


def inventory(
    feature_id: str, day: date, parts: pl.DataFrame, edges: pl.DataFrame, observed: pl.DataFrame
) -> Inventory:
    """Return the inventory of a feature at the end of a day.

    Parameters
    ----------
    parts, edges
        Rows of `core__components` and `core__component_edges` of all features. A row of one
        feature is that feature's; a shared one belongs to a feature whose parts need it, directly
        or through others, or whose traffic shows it.
    observed
        Rows of `summary__observed_components`: day, feature_id, kind, name, version, n_calls.
    """
    rows = _known(parts, feature_id, day)
    seen = seen_parts(observed, feature_id, day)
    listed = [_part(row) for row in rows]
    current = _in_force(listed)
    pairs = [
        (str(src), str(relation), str(dst))
        for src, relation, dst in edges.select("src", "relation", "dst").unique().iter_rows()
        if src != dst
    ] if len(edges) else []  # fmt: skip
    needed = _needed(feature_id, current, pairs)
    merged, unmatched = with_traffic(current, seen)
    kept = [part for part in merged if part.is_own or part.n_calls or part.component_id in needed]
    found = with_refs([*kept, *unmatched])
    subject = next((part for part in found if _is_subject(part, feature_id)), None)
    return Inventory(
        parts=tuple(part for part in found if part is not subject),
        edges=_edges(feature_id, found, subject, pairs),
        changes=changes(day, listed, current, seen, {part.component_id for part in found}),
        subject=subject,
        has_traffic=any(row["last_seen"] > day - timedelta(SEEN_DAYS) for row in seen),
    )


def _known(parts: pl.DataFrame, feature_id: str, day: date) -> list[dict[str, Any]]:
    if parts.is_empty():
        return []
    missing = {name: kind for name, kind in _COLUMNS.items() if name not in parts.columns}
    whole = parts.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    end = datetime.combine(day, time.max)
    return (
        whole.filter(
            pl.col("feature_id").is_null() | (pl.col("feature_id") == feature_id),
            pl.col("listed_on").is_null() | (pl.col("listed_on") <= end),
            # A CODEOWNERS file brings its patterns as rows: they tell owners and are no parts.
            (pl.col("kind") != "application") | ~pl.col("component_id").str.starts_with("path:"),
        )
        .select(*_COLUMNS)
        .sort(*_COLUMNS, nulls_last=False)
        .to_dicts()
    )


def _part(row: dict[str, Any]) -> Part:
    given: dict[str, Any] = {
        name: None if row[name] == "" else row[name] for name in _COLUMNS if name != "attributes"
    }
    if (given["license"] or "").strip().casefold() in _NO_LICENCE:
        given["license"] = None
    return Part(ref="", attributes=attributes_of(row["attributes"]), **given)


def _in_force(listed: Iterable[Part]) -> list[Part]:
    """Return of each id what its newest list says; a feature's own row goes before a shared one."""
    by_id: dict[str, list[Part]] = {}
    for part in listed:
        by_id.setdefault(part.component_id, []).append(part)
    found: list[Part] = []
    for rows in by_id.values():
        own = [row for row in rows if row.is_own] or rows
        newest = max(map(listed_at, own))
        # Rows are sorted: of two hashes of a version on one list it is the same one every time.
        found += {row.version: row for row in own if listed_at(row) == newest}.values()
    return found


def _needed(
    feature_id: str, current: Sequence[Part], pairs: Sequence[tuple[str, str, str]]
) -> set[str]:
    """Return the ids that the feature's own parts need, directly or through others."""
    needs: dict[str, list[str]] = {}
    for src, _, dst in pairs:
        needs.setdefault(src, []).append(dst)
    own = [p.component_id for p in current if p.is_own or _is_subject(p, feature_id)]
    return _reached(needs, [*own, feature_id])


def _is_subject(part: Part, feature_id: str) -> bool:
    # Ids of catalogues: application:name@version, component:namespace/name.
    bare = re.sub(r"^(application|feature|component):", "", part.component_id).partition("@")[0]
    names = {part.name, bare, bare.rpartition("/")[2], part.component_id}
    return part.kind == "application" and part.is_declared and feature_id in names


def _edges(
    feature_id: str,
    found: Sequence[Part],
    subject: Part | None,
    pairs: Sequence[tuple[str, str, str]],
) -> tuple[Edge, ...]:
    """Return the edges between parts that are there, and one from the feature to each it uses."""
    refs: dict[str, list[str]] = {feature_id: [""]}
    for part in found:
        refs.setdefault(part.component_id, []).append("" if part is subject else part.ref)
    edges = {
        Edge(src, relation, dst)
        for src_id, relation, dst_id in pairs
        for src in refs.get(src_id, ())
        for dst in refs.get(dst_id, ())
        if dst and src != dst
    }
    needs: dict[str, list[str]] = {}
    for edge in edges:
        needs.setdefault(edge.src, []).append(edge.dst)
    used = {edge.dst for edge in edges}
    own = [part.ref for part in found if part is not subject]
    reached = _reached(needs, [""])
    # Those that nothing else needs first; then one of each circle that nothing leads into.
    for ref in sorted(own, key=lambda ref: ref in used):
        if ref not in reached:
            edges.add(Edge("", "depends_on", ref))
            reached |= _reached(needs, [ref])
    return tuple(sorted(edges))


def _reached(needs: Mapping[str, Sequence[str]], starts: Iterable[str]) -> set[str]:
    """Return all that some need, directly or through others, and they themselves."""
    waiting = list(starts)
    reached = set(waiting)
    while waiting:
        for dst in needs.get(waiting.pop(), ()):
            if dst not in reached:
                reached.add(dst)
                waiting.append(dst)
    return reached
