"""How models came about, as far as the ledger tells: the formulation of a document."""

from __future__ import annotations

from typing import Any

from llmops_health.bom.facts import Facts, Pipeline
from llmops_health.bom.inventory import Inventory
from llmops_health.bom.named_values import properties


def formulation(inventory: Inventory, facts: Facts) -> list[dict[str, Any]]:
    """Return one formula with a workflow per pipeline of the ledger that feeds the feature."""
    taken = {part.ref for part in inventory.parts}
    workflows = [_workflow(one, inventory, taken) for one in facts.pipelines]
    return [{"workflows": workflows}] if workflows else []


def _workflow(pipeline: Pipeline, inventory: Inventory, taken: set[str]) -> dict[str, Any]:
    ref = f"ledger:{pipeline.pipeline_id}"
    while ref in taken:
        ref += "#"
    taken.add(ref)
    made = [
        part.ref
        for part in inventory.parts
        if {part.sha256, part.component_id} & set(pipeline.outputs)
    ]
    told = [
        ("ledger:steps", pipeline.n_steps),
        ("ledger:lastStepAt", pipeline.last_at),
        ("ledger:headRowHash", pipeline.head),
        ("ledger:feedbackRows", pipeline.n_feedback or None),
    ]
    entry: dict[str, Any] = {
        "bom-ref": ref,
        "uid": pipeline.pipeline_id,
        "name": pipeline.pipeline_id,
        "taskTypes": ["build"],
        "properties": properties(told),
    }
    if made:
        entry["outputs"] = [{"type": "artifact", "resource": {"ref": ref}} for ref in made]
    return entry
