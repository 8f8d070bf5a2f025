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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.ownership import _owners

HISTORY_DAYS = 28

_MODELS = frozenset({"model", "hosted_model", "checkpoint", "adapter"})
_MOST_NAMED = 5


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
    listed = _owners.known(summary__listed_parts, day).filter(pl.col("kind").is_in(params.kinds))
    own = listed.filter(pl.col("of_feature") == feature.id)["component_id"].to_list()
    reached = _reached(set(own), core__component_edges, params.max_hops)
    parts = _parts(feature, listed, reached, _models(summary__versions, day))
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


def _parts(
    feature: Feature, listed: pl.DataFrame, reached: set[str], models: set[str]
) -> list[Part]:
    """Return the feature's parts, and the shared ones that it uses."""
    own = listed.filter(pl.col("of_feature") == feature.id)
    shared = listed.filter(pl.col("of_feature").is_null())
    is_used = pl.col("component_id").is_in(sorted(reached)) | pl.col("name").is_in(sorted(models))
    found = (
        pl.concat([own, shared.filter(is_used)])
        .group_by("component_id", maintain_order=True)
        .agg(
            pl.col("kind", "name").last(),
            pl.col("of_feature").is_null().all(),
            pl.col("owner", "supplier").drop_nulls(),
            pl.col("crosses_trust_boundary").fill_null(value=False).any(),
        )
    )
    return [
        Part(
            component_id=component_id,
            kind=kind,
            name=name,
            is_shared=is_shared,
            is_owned=any(map(_owners.owners, {*owners, *suppliers})),
            crosses=crosses,
        )
        for component_id, kind, name, is_shared, owners, suppliers, crosses in found.iter_rows()
    ]


def _reached(start: set[str], edges: pl.DataFrame, max_hops: int) -> set[str]:
    """Return what a few steps from the feature's parts lead to."""
    found, ahead = set(start), set(start)
    for _ in range(max_hops):
        further = edges.filter(pl.col("src").is_in(sorted(ahead)))["dst"].to_list()
        ahead = set(further) - found
        found |= ahead
        if not ahead:
            break
    return found - start


def _models(versions: pl.DataFrame, day: date) -> set[str]:
    """Return the names by which models answered lately."""
    recent = versions.filter(pl.col("day") > day - timedelta(days=HISTORY_DAYS))
    asked, answered = recent["request_model"].unique(), recent["response_model"].unique()
    return {str(name) for name in [*asked, *answered] if name is not None}


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
