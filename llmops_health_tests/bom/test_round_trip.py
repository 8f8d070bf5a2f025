"""Our own document, read back as a list, gives the same parts and the same edges."""

from __future__ import annotations

from dataclasses import fields
from pathlib import PurePath

from llmops_health.bom.addresses import address
from llmops_health.bom.document import as_bytes
from llmops_health.bom.licences import spdx
from llmops_health.bom.parts import Part
from llmops_health.ingest.documents import cyclonedx
from llmops_health_tests.bom import world

COLUMNS = [one.name for one in fields(Part) if one.name in world.COMPONENTS]
LEFT_OUT = {"component_id", "released_on", "deprecated_on", "listed_on", "attributes"}


def test_parts_and_edges_come_back() -> None:
    made = world.full()
    text = as_bytes(made.document).decode()
    rows = {row["component_id"]: row
            for _, row in cyclonedx.rows(text, "components", PurePath("b.json"))}  # fmt: skip
    for part in made.inventory.parts:
        row = rows.pop(part.ref)
        for name in set(COLUMNS) - LEFT_OUT:
            value = getattr(part, name)
            if name == "endpoint":
                value = address(value)
            elif name == "license":
                value = (spdx(value) if value else None) or value
            assert row.get(name) == value, (part.ref, name)
    assert list(rows) == ["feature:help-rag"]
    edges = {(row["src"], row["dst"], row["relation"])
             for _, row in cyclonedx.rows(text, "component_edges", PurePath("b.json"))}  # fmt: skip
    own = {(e.src or "feature:help-rag", e.dst, e.relation) for e in made.inventory.edges}
    assert edges == own | {("tool:find", "mcp:tickets", "served_by")}  # from where it is nested
