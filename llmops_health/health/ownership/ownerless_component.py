"""Ownerless component: a part of the feature has neither an owner nor a supplier.

Why it matters
    A feature with an owner still stops when a shared model, a prompt or a tool server stops that
    nobody answers for. When such a part is withdrawn or found unsafe, nobody is told.
How it is found
    A census of the parts that lists name for the feature, and of shared ones (of no feature) that
    its parts lead to or that answered its calls in 28 days by their name. A part is ownerless if no
    row of it names an owner or a supplier. WARN where there is one; FAIL where one of them crosses
    the trust boundary, or is the model of a feature of high risk. Libraries are left out: their
    registry says who publishes them, and a lock file has hundreds.
How to mend it
    Name owner or supplier in the list that the part comes from: `spec.owner` in the catalogue,
    `supplier` or `publisher` in the SBOM.
What it cannot see
    Parts that no list names: see `undeclared_component`. Whether who is named answers. A shared
    part that is called otherwise in traffic than in the list.
Source
    Supplier name is the first of the minimum elements of an SBOM, NTIA (2021); a census needs no
    interval.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.ownership import _owners

HISTORY_DAYS = 28

_MODELS = frozenset({"model", "hosted_model", "checkpoint", "adapter"})
_MOST_NAMED = 5
_COLUMNS = (
    *("component_id", "kind", "name", "of_feature", "owner", "supplier"),
    "crosses_trust_boundary",
)


class Params(CheckParams):
    """Settings of this check."""

    max_hops: int = Field(
        default=3, ge=0, description="Edges from its parts to a shared one: model, base, data."
    )
    kinds: tuple[str, ...] = Field(
        default=(
            *("model", "hosted_model", "checkpoint", "adapter", "prompt", "tool", "mcp_server"),
            *("dataset", "eval_suite", "embedding_model", "vector_index", "guardrail"),
        ),
        description="Kinds of parts that are asked: of libraries a registry knows the publisher.",
    )


class _Row(NamedTuple):
    """What a list says of a part; `of` None: of no feature."""

    component_id: str
    kind: str
    name: str
    of: str | None
    owner: str | None
    supplier: str | None
    crosses: bool | None


@dataclass(frozen=True, slots=True)
class Part:
    """A part, all its versions together."""

    component_id: str
    kind: str
    name: str
    is_shared: bool
    is_owned: bool
    crosses: bool

    @property
    def words(self) -> str:
        """What messages call it."""
        kind = self.kind.replace("_", " ")
        return f"{'shared ' if self.is_shared else ''}{kind} {self.name}"


def check(
    feature: Feature,
    day: date,
    summary__listed_parts: pl.DataFrame,
    core__component_edges: pl.DataFrame,
    summary__versions: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all parts."""
    listed = _rows(feature, _owners.known(summary__listed_parts, day), params.kinds)
    own = {row.component_id for row in listed if row.of is not None}
    reached = _reached(own, core__component_edges, params.max_hops)
    parts = _parts(listed, reached, _models(summary__versions, day))
    if not parts:
        yield not_enough_data(0, "No list names a part of it: who answers for them is not known.")
        return
    ownerless = sorted(
        (part for part in parts if not part.is_owned),
        key=lambda part: (not _is_grave(part, feature), part.kind, part.name, part.component_id),
    )
    yield _judged(feature, parts, ownerless)


def _judged(feature: Feature, parts: Sequence[Part], ownerless: Sequence[Part]) -> Finding:
    grave = [part for part in ownerless if _is_grave(part, feature)]
    if not ownerless:
        status, told = Status.PASS, f"Each of {len(parts)} parts has an owner or a supplier."
    else:
        status = Status.FAIL if grave else Status.WARN
        told = (
            f"{len(ownerless)} of {len(parts)} parts have neither owner nor supplier: "
            f"{_listed(ownerless)}."
        )
        told += f" {_gravity(grave, feature)}" if grave else ""
    return Finding(
        status=status,
        message=told,
        n=len(parts),
        value=float(len(ownerless)),
        threshold=0.0,
        unit="parts",
        action=_action(ownerless) if ownerless else "",
        evidence_sql=_evidence(ownerless) if ownerless else "",
    )


def _is_grave(part: Part, feature: Feature) -> bool:
    return part.crosses or (feature.risk_tier == "high" and part.kind in _MODELS)


def _gravity(grave: Sequence[Part], feature: Feature) -> str:
    crossing = [part.name for part in grave if part.crosses]
    models = [part.name for part in grave if not part.crosses]
    told = []
    if crossing:
        verb = "cross" if len(crossing) > 1 else "crosses"
        told.append(f"{', '.join(crossing[:_MOST_NAMED])} {verb} the trust boundary")
    if models:
        verb = "answer" if len(models) > 1 else "answers"
        told.append(
            f"{', '.join(models[:_MOST_NAMED])} {verb} in a feature of {feature.risk_tier} risk"
        )
    return "; ".join(told) + "."


def _rows(feature: Feature, parts: pl.DataFrame, kinds: Collection[str]) -> list[_Row]:
    """Return the rows of these kinds that are the feature's, or of no feature."""
    of = parts["of_feature"]
    is_its = of.is_null() | (of == feature.id)
    columns = (parts[name].filter(is_its).to_list() for name in _COLUMNS)
    rows = (_Row(*row) for row in zip(*columns, strict=True))
    return [row for row in rows if row.kind in kinds]


def _parts(listed: Sequence[_Row], reached: set[str], models: set[str]) -> list[Part]:
    """Return the feature's parts, and the shared ones that it uses."""
    own = [row for row in listed if row.of is not None]
    shared = [row for row in listed if row.of is None]
    used = [row for row in shared if row.component_id in reached or row.name in models]
    by_id: dict[str, list[_Row]] = {}
    for row in [*own, *used]:
        by_id.setdefault(row.component_id, []).append(row)
    return [
        Part(
            component_id=component_id,
            kind=rows[-1].kind,
            name=rows[-1].name,
            is_shared=all(row.of is None for row in rows),
            is_owned=any(_owners.owners(row.owner) or _owners.owners(row.supplier) for row in rows),
            crosses=any(row.crosses for row in rows),
        )
        for component_id, rows in by_id.items()
    ]


def _reached(start: set[str], edges: pl.DataFrame, max_hops: int) -> set[str]:
    """Return what a few steps from the feature's parts lead to."""
    needs: dict[str, list[str]] = {}
    for src, dst in zip(edges["src"].to_list(), edges["dst"].to_list(), strict=True):
        needs.setdefault(src, []).append(dst)
    found, ahead = set(start), set(start)
    for _ in range(max_hops):
        ahead = {dst for src in ahead for dst in needs.get(src, ())} - found
        found |= ahead
        if not ahead:
            break
    return found - start


def _models(versions: pl.DataFrame, day: date) -> set[str]:
    """Return the names by which models answered lately."""
    is_recent = versions["day"] > day - timedelta(days=HISTORY_DAYS)
    asked, answered = (
        versions[name].filter(is_recent).to_list() for name in ("request_model", "response_model")
    )
    return {*asked, *answered} - {None}


def _listed(parts: Sequence[Part]) -> str:
    more = f", and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
    return ", ".join(part.words for part in parts[:_MOST_NAMED]) + more


def _action(ownerless: Sequence[Part]) -> str:
    first = ownerless[0]
    if first.is_shared:
        return f"Ask the teams that share {first.name} who answers for it, and name them as owner."
    return f"Name the owner or supplier of {first.name} in the list that it comes from."


def _evidence(ownerless: Sequence[Part]) -> str:
    ids = ", ".join(literal(part.component_id) for part in ownerless[:100])
    return (
        "select component_id, version, kind, name, of_feature, owner, supplier, "  # noqa: S608 - literals only
        "crosses_trust_boundary, source_uri from summary__listed_parts "
        f"where component_id in ({ids}) order by component_id, version limit 200"
    )
