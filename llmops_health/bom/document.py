"""The CycloneDX document of a feature: its inventory and facts as one dict, 1.6 or 1.7.

The only module that knows the shape of the whole. The same input gives the same bytes: the serial
number is of the content, the time is the end of the judged day.
"""

from __future__ import annotations

import json
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from llmops_health.bom.addresses import address
from llmops_health.bom.entries import component, service
from llmops_health.bom.facts import Facts
from llmops_health.bom.inventory import Inventory
from llmops_health.bom.lineage import formulation
from llmops_health.bom.model_card import eval_properties
from llmops_health.bom.named_values import properties
from llmops_health.bom.parts import Part
from llmops_health.config import Feature

Spec = Literal["1.6", "1.7"]
SPECS: Final[tuple[Spec, ...]] = ("1.6", "1.7")
FEATURE_REF: Final = "feature:"
"""Begins the ref of the feature itself."""

_TASKS: Final = {
    "classifier": "text-classification",
    "extraction": "information-extraction",
    "generation": "text-generation",
    "rag": "question-answering",
    "agent": "text-generation",
}


def document(
    feature: Feature, day: date, inventory: Inventory, facts: Facts, spec: Spec = "1.6"
) -> dict[str, Any]:
    """Return the bill of materials of a feature at the end of a day."""
    root = _root_ref(feature, inventory)
    task = _TASKS.get(feature.kind) if feature.listed else None
    nested = {part.ref for part in inventory.of("tool") if inventory.server_of(part)}
    services = [part for part in inventory.parts if part.is_service and part.ref not in nested]
    components = [
        part for part in inventory.parts if not part.is_service and part.ref not in nested
    ]
    content: dict[str, Any] = {
        "metadata": _metadata(feature, day, inventory, facts, root),
        "components": [component(part, inventory, facts, task) for part in components],
        "services": [service(part, inventory, facts) for part in services],
        "dependencies": _dependencies(inventory, root),
        "compositions": _compositions(inventory, root),
    }
    if lineage := formulation(inventory, facts):
        content["formulation"] = lineage
    serial = uuid5(NAMESPACE_URL, spec + json.dumps(content, sort_keys=True))
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{spec}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": spec,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **content,
    }


def as_bytes(bom: dict[str, Any]) -> bytes:
    """Return a document as it is written: what is signed, hashed and sent."""
    return (json.dumps(bom, indent=2, ensure_ascii=False) + "\n").encode()


def _metadata(
    feature: Feature, day: date, inventory: Inventory, facts: Facts, root: str
) -> dict[str, Any]:
    subject = inventory.subject
    supplier = subject.supplier if subject else None
    entry: dict[str, Any] = {
        "timestamp": f"{day.isoformat()}T23:59:59Z",
        "lifecycles": [{"phase": "operations"}],
        "tools": {"components": [_tool()]},
    }
    if feature.owner:
        entry["authors"] = [{"name": feature.owner}]
    entry["component"] = _feature(feature, inventory, facts, root)
    if supplier:
        entry["supplier"] = {"name": supplier}
    return entry


def _tool() -> dict[str, Any]:
    entry = {"type": "application", "name": "llmops-health"}
    try:
        return entry | {"version": version("llmops-health")}
    except PackageNotFoundError:
        return entry


def _feature(feature: Feature, inventory: Inventory, facts: Facts, root: str) -> dict[str, Any]:
    subject = inventory.subject
    entry: dict[str, Any] = {"type": "application", "bom-ref": root}
    entry["name"] = feature.name or feature.id
    if subject and subject.version:
        entry["version"] = subject.version[:1024]
    if subject and subject.supplier:
        entry["supplier"] = {"name": subject.supplier}
    references = [
        {"type": kind, "url": url}
        for kind, told in (("vcs", feature.repository), ("documentation", feature.runbook_url))
        if (url := address(told)) is not None
    ]
    if references:
        entry["externalReferences"] = references
    known = {name for part in inventory.parts
             for name in (part.component_id, part.name, part.version) if name}  # fmt: skip
    unplaced = [one for one in facts.evals if not {one.model, one.component_id} & known]
    kept = facts.retention
    entry["properties"] = properties(
        [
            ("componentKind", "feature"),
            ("featureId", feature.id),
            ("featureKind", feature.kind if feature.listed else None),
            ("owner", feature.owner),
            ("lifecycle", feature.lifecycle),
            ("riskTier", feature.risk_tier),
            ("launchedOn", feature.launched_on),
            ("lastReviewedOn", feature.last_reviewed_on),
            ("componentId", subject.component_id if subject else None),
            ("trafficSeen", inventory.has_traffic),
            ("retention:texts", kept.content if kept else None),
            ("retention:textsDays", kept.days_of_texts if kept else None),
            ("retention:callsDays", kept.calls_days if kept else None),
            *eval_properties(unplaced),
        ]
    )
    return entry


def _dependencies(inventory: Inventory, root: str) -> list[dict[str, Any]]:
    needs: dict[str, set[str]] = {ref: set() for ref in (root, *(p.ref for p in inventory.parts))}
    for edge in inventory.edges:
        needs[edge.src or root].add(edge.dst)
    return [
        {"ref": ref, "dependsOn": sorted(needs[ref])} if needs[ref] else {"ref": ref}
        for ref in sorted(needs)
    ]


def _compositions(inventory: Inventory, root: str) -> list[dict[str, Any]]:
    """Return what is not claimed to be whole.

    A feature's own list is incomplete where traffic shows more than it; else nobody can know. Of
    what others run or trained, the inside is theirs to tell. Of what traffic alone shows, nothing
    is known.
    """
    inside = [part.ref for part in inventory.parts if _is_closed(part)]
    found: list[dict[str, Any]] = [
        {"aggregate": "incomplete" if inventory.undeclared else "unknown", "dependencies": [root]},
        {"aggregate": "incomplete_third_party_only", "assemblies": inside},
        {"aggregate": "unknown", "assemblies": [part.ref for part in inventory.undeclared]},
    ]
    return [one for one in found if one.get("assemblies") or one.get("dependencies")]


def _is_closed(part: Part) -> bool:
    return part.is_declared and (part.is_service or part.kind in {"model", "embedding_model"})


def _root_ref(feature: Feature, inventory: Inventory) -> str:
    ref, taken = FEATURE_REF + feature.id, {part.ref for part in inventory.parts}
    while ref in taken:
        ref += "#"
    return ref
