"""One part as CycloneDX writes it: a component, or a service where it runs elsewhere.

Which parts there are and how they hang together is the inventory's; model cards are `model_card`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llmops_health.bom.addresses import address, digest, package_url
from llmops_health.bom.facts import Facts
from llmops_health.bom.inventory import Inventory
from llmops_health.bom.licences import licences
from llmops_health.bom.model_card import eval_properties, model_card
from llmops_health.bom.named_values import properties
from llmops_health.bom.parts import Part

_TYPES: Final = {
    "model": "machine-learning-model",
    "checkpoint": "machine-learning-model",
    "adapter": "machine-learning-model",
    "embedding_model": "machine-learning-model",
    "prompt": "data",
    "dataset": "data",
    "eval_suite": "data",
    "vector_index": "data",
    "library": "library",
}
_DATA_TYPES: Final = {
    "prompt": "configuration",
    "dataset": "dataset",
    "eval_suite": "dataset",
    "vector_index": "other",
}
_LONGEST_VERSION = 1024  # the schema's own limit


def component(part: Part, inventory: Inventory, facts: Facts, task: str | None) -> dict[str, Any]:
    """Return a part as a component."""
    kind = _TYPES.get(part.kind, "application")
    entry = {"type": kind, "bom-ref": part.ref} | _named(part)
    if part.supplier:
        entry["supplier"] = {"name": part.supplier}
    if found := digest(part.sha256):
        entry["hashes"] = [{"alg": "SHA-256", "content": found}]
    if licence := licences(part.license):
        entry["licenses"] = licence
    if purl := package_url(part.purl):
        entry["purl"] = purl
    ancestors = inventory.targets(part.ref, "derived_from")
    if kind == "machine-learning-model" and (ancestors or part.kind in {"checkpoint", "adapter"}):
        entry["modified"] = True
        if ancestors:
            entry["pedigree"] = {"ancestors": [_ancestor(one) for one in ancestors]}
    if references := _references(part):
        entry["externalReferences"] = references
    if kind == "machine-learning-model" and (card := model_card(part, inventory, facts, task)):
        entry["modelCard"] = card
    if kind == "data":
        entry["data"] = [_data(part)]
    entry["properties"] = _properties(part, inventory)
    return entry


def service(part: Part, inventory: Inventory, facts: Facts) -> dict[str, Any]:
    """Return a part as a service, with the tools that it serves within."""
    entry: dict[str, Any] = {"bom-ref": part.ref}
    if part.supplier:
        entry["provider"] = {"name": part.supplier}
    entry |= _named(part)
    if endpoint := address(part.endpoint):
        entry["endpoints"] = [endpoint]
    if isinstance(authenticated := part.told("authenticated"), bool):
        entry["authenticated"] = authenticated
    if part.crosses_trust_boundary is not None:
        entry["x-trust-boundary"] = part.crosses_trust_boundary
    if part.data_classification:
        # A request goes in and an answer comes out, whatever they hold.
        entry["data"] = [{"flow": "bi-directional", "classification": part.data_classification}]
    if licence := licences(part.license):
        entry["licenses"] = licence
    if references := _references(part):
        entry["externalReferences"] = references
    if tools := inventory.tools_of(part):
        entry["services"] = [service(tool, inventory, facts) for tool in tools]
    scores = facts.of_model(part.component_id, part.name, part.version)
    entry["properties"] = _properties(part, inventory) + properties(eval_properties(scores))
    return entry


def _named(part: Part) -> dict[str, Any]:
    version = {"version": part.version[:_LONGEST_VERSION]} if part.version else {}
    return {"name": part.name, **version}


def _ancestor(part: Part) -> dict[str, Any]:
    """Return a base as a pedigree names it: without a ref, which is the component's own."""
    entry = {"type": "machine-learning-model"} | _named(part)
    if part.supplier:
        entry["supplier"] = {"name": part.supplier}
    if purl := package_url(part.purl):
        entry["purl"] = purl
    if found := digest(part.sha256):
        entry["hashes"] = [{"alg": "SHA-256", "content": found}]
    return entry


def _data(part: Part) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": _DATA_TYPES[part.kind], "name": part.name}
    if url := address(part.source_uri):
        entry["contents"] = {"url": url}
    if part.data_classification:
        entry["classification"] = part.data_classification
    if part.owner:
        entry["governance"] = {"owners": [{"organization": {"name": part.owner}}]}
    return entry


def _references(part: Part) -> list[dict[str, str]]:
    url = address(part.source_uri)
    if url is None:
        return []
    kind = "vcs" if url.endswith(".git") else "distribution"
    return [{"type": "documentation" if part.is_service else kind, "url": url}]


def _properties(part: Part, inventory: Inventory) -> list[dict[str, str]]:
    unreadable = {
        "purl": part.purl if package_url(part.purl) is None else None,
        "sha256": part.sha256 if digest(part.sha256) is None or part.is_service else None,
    }
    return properties(
        [
            ("componentKind", part.kind),
            ("componentId", part.component_id if part.component_id != part.ref else None),
            ("evidence", part.evidence),
            ("undeclared", None if part.is_declared else True),
            ("owner", part.owner),
            ("featureId", part.feature_id),
            ("sha256", unreadable["sha256"]),
            ("purl", part.purl if part.is_service else unreadable["purl"]),
            ("endpoint", address(part.endpoint) if not part.is_service else None),
            ("crossesTrustBoundary", None if part.is_service else part.crosses_trust_boundary),
            ("dataClassification", _classification(part)),
            ("releasedOn", part.released_on),
            ("deprecatedOn", part.deprecated_on),
            ("listedOn", part.listed_on),
            ("firstSeen", part.first_seen),
            ("lastSeen", part.last_seen),
            ("callsSeen", part.n_calls or None),
            ("region", part.told("region")),
            ("retentionDays", part.told("retention_days")),
            ("trainsOnInputs", part.told("trains_on_inputs")),
            *(("unknown", name) for name in part.unknown),
            *_relations(part, inventory),
        ]
    )  # fmt: skip


def _classification(part: Part) -> str | None:
    has_place = part.is_service or part.kind in _DATA_TYPES
    return None if has_place else part.data_classification


def _relations(part: Part, inventory: Inventory) -> Sequence[tuple[str, str]]:
    """Return how the part hangs on others, which `dependencies` do not tell."""
    return [
        (f"relation:{edge.relation}", edge.dst) for edge in inventory.edges if edge.src == part.ref
    ]
