"""The parts of a feature as a day knows them, and how they hang together.

A document and the page of it are made from the same `Inventory`; nothing of CycloneDX is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from llmops_health.bom.parts import MODEL_KINDS, Part

PATH_KINDS: Final = MODEL_KINDS | {
    *("embedding_model", "prompt", "mcp_server", "tool", "guardrail", "vector_index")
}
"""Kinds that a request goes through; data, suites, libraries and applications stand behind."""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`src` needs `dst`; both are refs of an inventory, `src` empty for the feature itself."""

    src: str
    relation: str
    dst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to a part within the last months."""

    on: date
    what: str
    kind: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All parts of a feature, sorted, and how they hang together.

    `subject` is the feature's own row where a list has one: an application of its name.
    """

    parts: tuple[Part, ...]
    edges: tuple[Edge, ...]
    changes: tuple[Change, ...]
    subject: Part | None
    has_traffic: bool
    """Whether there is any sight of the feature's traffic within the window."""

    def of(self, *kinds: str) -> list[Part]:
        """Return the parts of some kinds."""
        return [part for part in self.parts if part.kind in kinds]

    def targets(self, ref: str, *relations: str) -> list[Part]:
        """Return the parts that a part needs by some relations."""
        wanted = {e.dst for e in self.edges if e.src == ref and e.relation in relations}
        return [part for part in self.parts if part.ref in wanted]

    def tools_of(self, server: Part) -> list[Part]:
        """Return the tools that a server serves."""
        if server.kind != "mcp_server":
            return []
        return [tool for tool in self.of("tool") if self.server_of(tool) == server.ref]

    def server_of(self, tool: Part) -> str | None:
        """Return the ref of the first server of a tool; None for one in the feature's own code."""
        servers = {part.ref for part in self.of("mcp_server")}
        for edge in self.edges:
            if edge.dst == tool.ref and edge.src in servers:
                return edge.src
            if edge.src == tool.ref and edge.relation == "served_by" and edge.dst in servers:
                return edge.dst
        return None

    def is_in_path(self, part: Part) -> bool:
        """Return whether a request goes through a part: not where it is the base of a model alone.

        Data, suites, libraries and applications stand behind the path.
        """
        if part.kind not in PATH_KINDS:
            return False
        relations = {edge.relation for edge in self.edges if edge.dst == part.ref}
        return bool(part.n_calls) or relations != {"derived_from"}

    @property
    def undeclared(self) -> tuple[Part, ...]:
        """Parts that traffic shows and no list names."""
        return tuple(part for part in self.parts if not part.is_declared)
