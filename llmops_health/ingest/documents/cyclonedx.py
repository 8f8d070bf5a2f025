"""CycloneDX JSON 1.4 to 1.7: components and services with all that is nested in them, and edges.

Read as it is written: the reference library drops model cards and data. References that lead
nowhere stay as edges: a check says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from llmops_health.contract import BY_NAME
from llmops_health.ingest.documents import Rows
from llmops_health.ingest.documents.cyclonedx_part import Part
from llmops_health.ingest.documents.facts import mapping, mappings, text, texts, time
from llmops_health.ingest.documents.reading import DocumentError, json_value

VERSIONS = ("1.4", "1.5", "1.6", "1.7")

RELATIONS = frozenset(BY_NAME["component_edges"].columns[2].among)

Edge = tuple[str | None, str | None, str]


def rows(text: str, table: str, path: PurePath) -> Rows:  # noqa: ARG001 - one shape for all
    """Yield the parts of a bill of materials in their order, or the edges between them."""
    bom = _bom(text)
    found = list(_parts(bom))
    parts = [part for part in found if part.is_part]
    if table == "components":
        listed = time(mapping(bom.get("metadata")).get("timestamp"))
        whole = {"listed_on": listed} if listed else {}
        aggregates = _aggregates(bom)
        for place, part in enumerate(parts, start=1):
            known = {"composition": aggregates[part.id]} if part.id in aggregates else {}
            yield place, part.row() | whole | known
    else:
        left_out = {part.id for part in found} - {part.id for part in parts}
        edges = dict.fromkeys(
            edge for edge in _edges(bom, parts) if not left_out.intersection(edge[:2])
        )
        for place, (src, dst, relation) in enumerate(edges, start=1):
            yield place, {"src": src, "dst": dst, "relation": relation}


def _bom(written: str) -> Mapping[str, Any]:
    if written.lstrip().startswith("<"):
        raise DocumentError("CycloneDX as XML: write it as JSON")
    bom = json_value(written)
    if not isinstance(bom, dict) or bom.get("bomFormat") != "CycloneDX":
        raise DocumentError("not CycloneDX: no bomFormat that says so")
    version = bom.get("specVersion")
    if version not in VERSIONS:
        said = (text(version) or "none")[:20]
        raise DocumentError(f"CycloneDX of specVersion {said}: {', '.join(VERSIONS)} are read")
    return bom


def _parts(bom: Mapping[str, Any]) -> Iterator[Part]:
    """Yield every part: the product, components, services, and what is nested in them.

    Last come ancestors and datasets that are described nowhere but where a model names them.
    """
    product = mapping(mapping(bom.get("metadata")).get("component"))
    declared = [
        *_walk([product] if product else []),
        *_walk(bom.get("components")),
        *_walk(bom.get("services"), is_service=True),
    ]
    yield from declared
    ids = {part.id for part in declared}
    names = _names(declared)
    waiting = declared
    while waiting:
        inline = [one for part in waiting for one in (*part.ancestors(), *part.datasets())]
        waiting = []
        for one in inline:
            if one.is_described and one.id not in ids and one.id not in names:
                ids.add(one.id)
                waiting.append(one)
                yield one


def _walk(entries: object, *, is_service: bool = False) -> Iterator[Part]:
    stack = [Part(entry, is_service=is_service) for entry in reversed(mappings(entries))]
    while stack:
        part = stack.pop()
        yield part
        stack += reversed([
            *(Part(one, parent=part.id) for one in mappings(part.entry.get("components"))),
            *(
                Part(one, parent=part.id, is_service=True)
                for one in mappings(part.entry.get("services"))
            ),
        ])  # fmt: skip


def _edges(bom: Mapping[str, Any], parts: Iterable[Part]) -> Iterator[Edge]:
    names = _names(parts)
    for part in parts:
        if part.parent:
            is_tool = part.kind == "tool"
            yield (
                (part.id, part.parent, "served_by")
                if is_tool
                else (part.parent, part.id, "depends_on")
            )
        for ancestor in part.ancestors():
            yield part.id, names.get(ancestor.id or "", ancestor.id), "derived_from"
        for dataset in part.datasets():
            yield part.id, names.get(dataset.id or "", dataset.id), "trained_on"
    # Our own documents say more of an edge than that it is one.
    told = {
        (part.id, names.get(ref, ref), relation)
        for part in parts
        for relation, ref in part.relations()
        if relation in RELATIONS
    }
    yield from sorted(told, key=str)
    pairs = {(src, dst) for src, dst, _ in told}
    for one in mappings(bom.get("dependencies")):
        src = text(one.get("ref"))
        for ref in texts(one.get("dependsOn")):
            edge = names.get(src or "", src), names.get(ref, ref)
            if edge not in pairs:
                yield *edge, "depends_on"


def _names(parts: Iterable[Part]) -> dict[str, str | None]:
    """Return the ids of parts by all that a reference may call them by.

    A part that is named without its reference, as ancestors are, is known by its package URL, else
    by name and version.
    """
    found: dict[str, str | None] = {}
    for part in parts:
        for name in part.bare_names():
            found.setdefault(name, part.id)
    return found | {alias: part.id for part in parts for alias in part.aliases()}


def _aggregates(bom: Mapping[str, Any]) -> dict[str | None, str]:
    """Return what compositions say of how whole the list of a part's own parts is."""
    return {
        ref: aggregate
        for one in mappings(bom.get("compositions"))
        if (aggregate := text(one.get("aggregate")))
        for key in ("assemblies", "dependencies")
        for ref in texts(one.get(key))
    }
