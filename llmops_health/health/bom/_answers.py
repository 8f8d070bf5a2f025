"""What a feature and its parts answer to the rubric, element by element.

What the answers come to is in `_score`, what is asked of parts in `_rubric`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from llmops_health.config import Feature
from llmops_health.health.bom._gates import short
from llmops_health.health.bom._parts import Row
from llmops_health.health.bom._rubric import (
    DECLARED,
    ELEMENTS,
    MISSING,
    MODEL_KINDS,
    VERIFIED,
    Look,
    attributes_of,
    level,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one element of one part counts, or of `n` parts that answer alike."""

    cluster: str
    element: str
    component: str
    owner: str | None
    level: float
    n: int = 1
    is_of_part: bool = True


def answers(feature: Feature, looks: Sequence[Look], libraries: Iterable[Row]) -> list[Answer]:
    """Return what the feature, its parts and its libraries answer."""
    return [
        *_of_feature(feature, looks),
        *_of_parts(feature, looks),
        *_of_libraries(feature, libraries),
    ]


def looks_at(rows: Sequence[Row], edges: pl.DataFrame) -> list[Look]:
    """Return parts with how they hang together."""
    needs: dict[str, set[str]] = {}
    serves: dict[str, set[str]] = {}
    for src, dst, relation in _triples(edges):
        if src != dst:
            needs.setdefault(src, set()).add(relation)
            serves.setdefault(dst, set()).add(relation)
    return [
        Look(
            row=row,
            attributes=attributes_of(row["attributes"]),
            needs=frozenset(needs.get(row["component_id"], ())),
            serves=frozenset(serves.get(row["component_id"], ())),
        )
        for row in rows
    ]


def _of_parts(feature: Feature, looks: Iterable[Look]) -> Iterator[Answer]:
    for look in looks:
        kind, owner = look.row["kind"], look.owner or feature.owner
        for element in ELEMENTS:
            if kind in element.kinds and element.applies(look):
                found = level(element.read(look))
                if found is not None:
                    found = VERIFIED if found == DECLARED and look.is_verified else found
                    name = short(str(look.row["name"]))
                    yield Answer(element.cluster, element.name, name, owner, found)


def _triples(edges: pl.DataFrame) -> Iterator[tuple[str, str, str]]:
    columns = (edges[name].to_list() for name in ("src", "dst", "relation"))
    return zip(*columns, strict=True)


def _of_libraries(feature: Feature, rows: Iterable[Row]) -> Iterator[Answer]:
    """Yield what the libraries answer together: a lock file has hundreds."""
    counts: Counter[float] = Counter()
    for row in rows:
        look = Look(row)
        found = level(look.of("version", "purl"))
        if found is not None:
            counts[VERIFIED if found == DECLARED and look.is_verified else found] += 1
    for found, n in sorted(counts.items()):
        label = f"{n} libraries" if n > 1 else "1 library"
        yield Answer("Infrastructure", "software: version", label, feature.owner, found, n)
    if not counts:
        yield Answer("Infrastructure", "software: a list of the libraries", "", feature.owner,
                      MISSING, is_of_part=False)  # fmt: skip


def _of_feature(feature: Feature, looks: Sequence[Look]) -> Iterator[Answer]:
    """Yield what is asked of the feature itself; its row as an application answers too."""
    rows = [look for look in looks if look.row["kind"] == "application" and look.row["feature_id"]]
    kinds = {look.row["kind"] for look in looks}

    def said(*names: str) -> list[object]:
        return [value for look in rows for value in look.of(*names)]

    def flag(holds: object) -> object:
        return True if holds else None

    asked: list[tuple[str, str, list[object]]] = [
        ("Metadata", "author", [feature.owner, *said("owner")]),
        ("Metadata", "time of the list", [look.row["listed_on"] for look in looks]),
        ("System", "components", [flag(looks)]),
        ("System", "producer", [feature.owner, *said("supplier", "owner")]),
        ("System", "version", said("version")),
        ("System", "release date", [feature.launched_on, *said("released_on")]),
        ("System", "intended use", [feature.name, feature.target_capability, *said("description")]),
        ("Security", "controls: guardrail, review or gate",
         [flag("guardrail" in kinds), feature.review, feature.confidence_gate]),
        ("Security", "compliance: risk tier", [feature.risk_tier]),
        ("Security", "policy: runbook", [feature.runbook_url]),
        ("KPI", "operational: objectives", [feature.slo]),
        ("KPI", "operational: evaluation",
         [flag("eval_suite" in kinds), flag(feature.eval_suites)]),
    ]  # fmt: skip
    if not kinds & MODEL_KINDS:
        asked.append(("Models", "a model", [None]))
    for cluster, element, values in asked:
        found = level(values)
        if found is not None:
            yield Answer(cluster, element, "", feature.owner, found, is_of_part=False)
