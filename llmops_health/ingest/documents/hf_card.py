"""Model and dataset cards of Hugging Face: the YAML between the two `---` of a README.md.

A card does not say what it is the card of. The id is the name of its model index, else the folder
that it lies in (in the hub's cache: organisation and name, with the revision as version). Name it
with `columns:` where neither is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from llmops_health.ingest.documents import Row, Rows
from llmops_health.ingest.documents.facts import address, known, mapping, mappings, text, texts
from llmops_health.ingest.documents.reading import DocumentError, yaml_documents

_FRONT = re.compile(r"\s*---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*(?:\r?\n|$)", re.DOTALL)
_OF_DATA = ("task_categories", "dataset_info", "annotations_creators", "size_categories")
_EMBEDDING = frozenset({"sentence-similarity", "feature-extraction", "text-embeddings-inference"})
_CACHE = re.compile(r"(?:models|datasets)--(.+)")


def rows(text: str, table: str, path: PurePath) -> Rows:
    """Yield the one model or dataset that a card is of, or what it was made from."""
    front = _FRONT.match(text)
    if front is None:
        raise DocumentError("no model card: it does not begin with YAML between two lines of ---")
    values = [value for _, value in yaml_documents(front[1])]
    card = mapping(values[0]) if values else {}
    if not card:
        raise DocumentError("no model card: its YAML is no mapping of keys to values")
    own, version = _identity(card, path)
    if table == "components":
        yield 1, _component(card, own, version)
    else:
        edges = dict.fromkeys(_edges(card, own))
        for place, (dst, relation) in enumerate(edges, start=1):
            yield place, {"src": own, "dst": dst, "relation": relation}


def _identity(card: Mapping[str, Any], path: PurePath) -> tuple[str | None, str | None]:
    folders = [part for part in path.parent.parts if part not in {"", ".", "/", path.anchor}]
    for place, folder in enumerate(folders):
        if match := _CACHE.fullmatch(folder):
            after = folders[place + 1 :]
            revision = after[1] if after[:1] == ["snapshots"] and len(after) > 1 else None
            return match[1].replace("--", "/"), revision
    indexed = (text(one.get("name")) for one in mappings(card.get("model-index")))
    name = next((one for one in indexed if one), None)
    return name or (folders[-1] if folders else None), None


def _kind(card: Mapping[str, Any]) -> str:
    is_model = any(key in card for key in ("pipeline_tag", "base_model", "model-index"))
    if not is_model and any(key in card for key in _OF_DATA):
        return "dataset"
    tags = {tag.lower() for tag in texts(card.get("tags"))}
    library = (text(card.get("library_name")) or "").lower()
    if text(card.get("base_model_relation")) == "adapter" or library == "peft" or "lora" in tags:
        return "adapter"
    if text(card.get("pipeline_tag")) in _EMBEDDING or library == "sentence-transformers":
        return "embedding_model"
    return "checkpoint" if texts(card.get("base_model")) else "model"


def _component(card: Mapping[str, Any], own: str | None, version: str | None) -> Row:
    licenses = texts(card.get("license"))
    # "other" says that the license has a name and a text of its own.
    named = text(card.get("license_name")) if licenses in ([], ["other"]) else None
    organisation = own.partition("/")[0] if own and "/" in own else None
    return {"component_id": own, "name": own} | known({
        "kind": _kind(card),
        "version": version or text(card.get("version")),
        "supplier": organisation,
        "license": named or " AND ".join(licenses),
        "source_uri": address(card.get("repository")),
        "license_link": address(card.get("license_link")),
        "base_model_relation": text(card.get("base_model_relation")),
        "languages": texts(card.get("language")),
        "task": text(card.get("pipeline_tag")),
        "tasks": texts(card.get("task_categories")),
        "library": text(card.get("library_name")),
        "tags": texts(card.get("tags"))[:50],
        "metrics": list(_metrics(card))[:50],
        "is_gated": "extra_gated_prompt" in card or None,
    })  # fmt: skip


def _metrics(card: Mapping[str, Any]) -> Iterator[Row]:
    for model in mappings(card.get("model-index")):
        for result in mappings(model.get("results")):
            for metric in mappings(result.get("metrics")):
                dataset = mapping(result.get("dataset"))
                yield known({
                    "dataset": text(dataset.get("name")) or text(dataset.get("type")),
                    "metric": text(metric.get("type")) or text(metric.get("name")),
                    "value": text(metric.get("value")),
                })  # fmt: skip


def _edges(card: Mapping[str, Any], own: str | None) -> Iterator[tuple[str, str]]:
    for base in texts(card.get("base_model")):
        if base != own:
            yield base, "derived_from"
    for key, relation in (("datasets", "trained_on"), ("source_datasets", "derived_from")):
        for dataset in texts(card.get(key)):
            if dataset not in {own, "original"}:
                yield dataset, relation
