"""Backstage's `catalog-info.yaml`: Component, API, Resource, AiResource and System.

Ids are entity references in full, as `component:default/support-bot`. Groups, users, locations and
templates are no parts of a product. Annotations named `llmops-health.dev/<column>` fill a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from llmops_health.contract import BY_NAME
from llmops_health.ingest.documents import Row, Rows
from llmops_health.ingest.documents.facts import (
    address,
    known,
    mapping,
    mappings,
    note,
    text,
    texts,
)
from llmops_health.ingest.documents.reading import DocumentError, yaml_documents

_OURS = "llmops-health.dev/"
_PARTS = frozenset({"component", "api", "resource", "airesource", "system"})
_KINDS = {
    "ai-model": "model",
    "adapter": "adapter",
    "agent": "application",
    "ai-agent": "application",
    "checkpoint": "checkpoint",
    "database": "dataset",
    "data-set": "dataset",
    "dataset": "dataset",
    "embedding-model": "embedding_model",
    "eval-suite": "eval_suite",
    "guardrail": "guardrail",
    "hosted-model": "hosted_model",
    "instructions": "prompt",
    "library": "library",
    "llm": "model",
    "machine-learning-model": "model",
    "mcp": "mcp_server",
    "mcp-server": "mcp_server",
    "ml-model": "model",
    "model": "model",
    "prompt": "prompt",
    "rule": "prompt",
    "s3-bucket": "dataset",
    "skill": "prompt",
    "tool": "tool",
    "vector-database": "vector_index",
    "vector-index": "vector_index",
}
_COLUMNS = {column.name for column in BY_NAME["components"].columns} - {"component_id", "name"}
# What an entity names of others: the key, the kind where the reference has none.
_NAMED = (("dependsOn", "component"), ("consumesApis", "api"), ("subcomponentOf", "component"))


def rows(text: str, table: str, path: PurePath) -> Rows:  # noqa: ARG001 - one shape for all
    """Yield the entities of a catalogue file, or what they depend on, each with its line."""
    n_entities = 0
    for line, document in yaml_documents(text):
        if document is None:
            continue
        entity = mapping(document)
        if "kind" not in entity or "apiVersion" not in entity:
            raise DocumentError(f"line {line}: not an entity of Backstage: no apiVersion and kind")
        n_entities += 1
        kind = str(entity["kind"]).lower()
        if kind in _PARTS:
            found = [_component(kind, entity)] if table == "components" else _edges(kind, entity)
            yield from ((line, row) for row in found)
    if not n_entities:
        raise DocumentError("no entity of Backstage in it")


def _component(kind: str, entity: Mapping[str, Any]) -> Row:
    metadata, spec = mapping(entity.get("metadata")), mapping(entity.get("spec"))
    annotations = {
        key: written[:1000]
        for key, value in mapping(metadata.get("annotations")).items()
        if (written := text(value)) is not None
    }
    remotes = [address(one.get("url"), hides_tokens=True) for one in mappings(spec.get("remotes"))]
    endpoints = [one for one in remotes if one]
    row: Row = {
        "component_id": _id(kind, metadata),
        "kind": _kind(kind, text(spec.get("type"))),
        "name": text(metadata.get("name")),
        "version": text(spec.get("version")),
        "owner": _owner(spec.get("owner")),
        "endpoint": endpoints[0] if endpoints else None,
        "source_uri": _source(annotations),
        "title": text(metadata.get("title")),
        "description": note(metadata.get("description")),
        "lifecycle": text(spec.get("lifecycle")),
        "backstage_kind": kind,
        "backstage_type": text(spec.get("type")),
        "system": _reference(spec.get("system"), "system"),
        "tags": texts(metadata.get("tags")),
        "endpoints": endpoints[1:],
    }
    for key, value in annotations.items():
        if key.startswith(_OURS):
            name = key.removeprefix(_OURS).replace("-", "_")
            column = "kind" if name == "component_kind" else name
            if column in _COLUMNS:
                row[column] = value.replace("-", "_") if column == "kind" else value
            elif name and name not in row:
                row[name] = value
    return {"component_id": None, "name": None} | known(row)


def _edges(kind: str, entity: Mapping[str, Any]) -> Iterator[Row]:
    metadata, spec = mapping(entity.get("metadata")), mapping(entity.get("spec"))
    own = _id(kind, metadata)
    for key, default in _NAMED:
        for one in texts(spec.get(key)):
            other = _reference(one, default)
            pair = (other, own) if key == "subcomponentOf" else (own, other)
            yield {"src": pair[0], "dst": pair[1], "relation": "depends_on"}
    for one in texts(spec.get("dependencyOf")):
        yield {"src": _reference(one, "component"), "dst": own, "relation": "depends_on"}


def _id(kind: str, metadata: Mapping[str, Any]) -> str | None:
    name = text(metadata.get("name"))
    namespace = text(metadata.get("namespace")) or "default"
    return f"{kind}:{namespace}/{name}".lower() if name else None


def _reference(value: object, default_kind: str) -> str | None:
    """Return `[kind:][namespace/]name` in full."""
    written = text(value)
    if written is None:
        return None
    kind, found, rest = written.rpartition(":")
    namespace, slash, name = rest.rpartition("/")
    full = f"{kind if found else default_kind}:{namespace if slash else 'default'}/{name}"
    return full.lower()


def _owner(value: object) -> str | None:
    """Return an owner without `group:`, `user:` and the namespace that is the default."""
    written = text(value)
    if written is None:
        return None
    return re.sub(r"^(group|user):", "", written, flags=re.IGNORECASE).removeprefix("default/")


def _kind(kind: str, spec_type: str | None) -> str:
    word = re.sub(r"[\s_]+", "-", spec_type or "").lower()
    return "application" if kind == "system" else _KINDS.get(word, "application")


def _source(annotations: Mapping[str, str]) -> str | None:
    for key in ("backstage.io/source-location", "backstage.io/view-url"):
        if key in annotations:
            return address(annotations[key].removeprefix("url:"))
    slug = annotations.get("github.com/project-slug")
    return f"https://github.com/{slug}" if slug else None
