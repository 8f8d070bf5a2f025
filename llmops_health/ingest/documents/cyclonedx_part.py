"""One component, service or dataset of a CycloneDX document: its id, its kind, its row.

A property `llmops-health:componentKind` says what a part is; else its type does. Properties named
`llmops-health:<column>` fill a column that the standard has no field for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmops_health.contract import BY_NAME
from llmops_health.ingest.documents import Row
from llmops_health.ingest.documents.cyclonedx_kind import (
    component_kind,
    service_kind,
    spoken_kind,
)
from llmops_health.ingest.documents.cyclonedx_origin import (
    classifications,
    contents_address,
    licenses,
    owners,
    source_address,
    supplier,
)
from llmops_health.ingest.documents.facts import (
    address,
    flag,
    known,
    looks_secret,
    mapping,
    mappings,
    note,
    sha256,
    text,
    texts,
    time,
)

OURS = "llmops-health:"
_FILLED = ("component_id", "kind", "name", "version", "listed_on")
_NO_PARTS = frozenset({"file", "cryptographic-asset"})


@dataclass(frozen=True, slots=True)
class Part:
    """An entry of a document, the part it is nested in, and what it is to that."""

    entry: Mapping[str, Any]
    is_service: bool = False
    parent: str | None = None
    owner: str | None = None  # the model that names it as its ancestor or dataset

    @property
    def id(self) -> str | None:
        """Return the reference of the part, else what stands for one."""
        entry = self.entry
        ref = text(entry.get("bom-ref")) or text(entry.get("ref"))
        name = text(entry.get("name"))
        if ref or (self.owner and not text(entry.get("purl")) and name):
            return ref or f"{self.owner}/dataset:{name}"
        return next(self.bare_names(), None)

    def bare_names(self) -> Iterator[str]:
        """Yield what stands for the part where its reference is not given."""
        entry = self.entry
        if purl := text(entry.get("purl")):
            yield purl
        if name := text(entry.get("name")):
            group, version = text(entry.get("group")), text(entry.get("version"))
            yield (f"{group}/" if group else "") + name + (f"@{version}" if version else "")

    @property
    def is_described(self) -> bool:
        """Whether it is more than a reference to another part."""
        return text(self.entry.get("name")) is not None

    @property
    def is_part(self) -> bool:
        """Whether it is a part of its own: a file or a key belongs to what it comes with."""
        says = "component_kind" in self._ours()
        return self.is_service or says or text(self.entry.get("type")) not in _NO_PARTS

    def aliases(self) -> Iterator[str]:
        """Yield the references under which the part is named."""
        inner = [*mappings(self.entry.get("data")), mapping(self.entry.get("modelCard"))]
        yield from (ref for one in [*inner, self.entry] if (ref := text(one.get("bom-ref"))))

    def ancestors(self) -> list[Part]:
        """Return the parts that this one was made from."""
        found = mapping(self.entry.get("pedigree")).get("ancestors")
        return [Part(one) for one in mappings(found)]

    def relations(self) -> Iterator[tuple[str, str]]:
        """Yield relation and reference of what our own documents say of how parts hang together."""
        start = f"{OURS}relation:"
        for one in mappings(self.entry.get("properties")):
            name, ref = text(one.get("name")) or "", text(one.get("value"))
            if name.startswith(start) and ref:
                yield name.removeprefix(start), ref

    def datasets(self) -> list[Part]:
        """Return the datasets that a model card names, in full or by reference."""
        card = mapping(mapping(self.entry.get("modelCard")).get("modelParameters"))
        return [Part(one, owner=self.id) for one in mappings(card.get("datasets"))]

    @property
    def kind(self) -> str:
        """Return what the part is, in the words of the contract."""
        said = spoken_kind(self._ours().get("component_kind", ""))
        if said:
            return said
        if self.is_service:
            words = f"{text(self.entry.get('name'))} {' '.join(self._properties())}"
            return service_kind(words, is_nested=self.parent is not None)
        return component_kind(self.entry)

    def row(self) -> Row:
        """Return the part as a row of `components`."""
        row = self._service() if self.is_service else self._component()
        ours = self._ours()
        for column in BY_NAME["components"].columns:
            if column.name in ours and column.name not in _FILLED and row.get(column.name) is None:
                row[column.name] = ours[column.name]
        name = text(self.entry.get("name"))
        return {"component_id": None, "name": None} | known({
            "component_id": self.id,
            "kind": self.kind,
            "name": name,
            "version": text(self.entry.get("version")),
            **row,
            "group": text(self.entry.get("group")),
            "description": note(self.entry.get("description")),
            "cyclonedx_type": "service" if self.is_service else text(self.entry.get("type")),
            "properties": self._properties(),
        })  # fmt: skip

    def _component(self) -> Row:
        entry = self.entry
        data = mappings(entry.get("data")) or ([entry] if "contents" in entry else [])
        governed = [mapping(one.get("governance")) for one in [*data, entry]]
        hashes = {
            algorithm: content
            for one in mappings(entry.get("hashes"))
            if (algorithm := text(one.get("alg"))) and (content := text(one.get("content")))
        }
        card = mapping(entry.get("modelCard"))
        parameters = mapping(card.get("modelParameters"))
        metrics = mapping(card.get("quantitativeAnalysis")).get("performanceMetrics")
        return {
            "supplier": supplier(entry),
            "owner": ", ".join(owners(governed)) or None,
            "license": licenses(entry.get("licenses")),
            "sha256": sha256(hashes.pop("SHA-256", None)),
            "purl": text(entry.get("purl")),
            "source_uri": contents_address(data) or source_address(entry),
            "data_classification": classifications([*data, entry]),
            "released_on": time(mapping(entry.get("releaseNotes")).get("timestamp")),
            "hashes": hashes,
            "task": note(parameters.get("task")),
            "architecture": note(parameters.get("modelArchitecture")),
            "has_model_card": bool(card) or None,
            "n_performance_metrics": len(mappings(metrics)) or None,
            "sensitive_data": [t for one in data for t in texts(one.get("sensitiveData"))][:20],
        }

    def _service(self) -> Row:
        entry = self.entry
        data = mappings(entry.get("data"))
        endpoints = [address(one, hides_tokens=True) for one in texts(entry.get("endpoints"))]
        found = [one for one in endpoints if one]
        return {
            "supplier": text(mapping(entry.get("provider")).get("name")),
            "license": licenses(entry.get("licenses")),
            "source_uri": source_address(entry),
            "endpoint": found[0] if found else None,
            "crosses_trust_boundary": flag(entry.get("x-trust-boundary")),
            "data_classification": classifications(data),
            "endpoints": found[1:],
            "authenticated": flag(entry.get("authenticated")),
            "data_flows": sorted({flow for one in data if (flow := text(one.get("flow")))}),
        }

    def _properties(self) -> dict[str, str]:
        return {
            name: value
            for one in mappings(self.entry.get("properties"))
            if (name := text(one.get("name"))) and (value := note(one.get("value")))
            if not looks_secret(value) or sha256(value)
        }

    def _ours(self) -> dict[str, str]:
        """Return our properties by their names as columns: `dataClassification` is one."""
        return {
            re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removeprefix(OURS)).lower(): value
            for name, value in self._properties().items()
            if name.startswith(OURS)
        }
