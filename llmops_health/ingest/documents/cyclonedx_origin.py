"""What a CycloneDX entry says of its origin: supplier, owners, licences, addresses, classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmops_health.ingest.documents.facts import address, mapping, mappings, text

_SOURCES = ("distribution", "vcs", "source-distribution", "website", "model-card", "documentation")


def supplier(entry: Mapping[str, Any]) -> str | None:
    """Return who supplies, made, published or wrote a part."""
    named = [mapping(entry.get(key)).get("name") for key in ("supplier", "manufacturer")]
    authors = [one.get("name") for one in mappings(entry.get("authors"))]
    said = [*named, entry.get("publisher"), entry.get("author"), *authors]
    return next((name for name in map(text, said) if name), None)


def owners(governed: list[Mapping[str, Any]]) -> list[str]:
    """Return who owns data, as its governance says."""
    owners = [one for rule in governed for one in mappings(rule.get("owners"))]
    named = [
        text(mapping(one.get("organization")).get("name"))
        or text(mapping(one.get("contact")).get("email"))
        or text(mapping(one.get("contact")).get("name"))
        for one in owners
    ]
    return list(dict.fromkeys(name for name in named if name))


def licenses(licenses: object) -> str | None:
    """Return SPDX ids and expressions joined by AND; names of other licences as they are."""
    spdx: list[str] = []
    names: list[str] = []
    for one in mappings(licenses):
        inner = mapping(one.get("license"))
        if found := text(one.get("expression")) or text(inner.get("id")):
            spdx.append(found)
        elif found := text(inner.get("name")) or address(inner.get("url")):
            names.append(found)
    listed = spdx if len(spdx) < 2 else [f"({s})" if " OR " in s else s for s in spdx]
    return "; ".join([" AND ".join(listed), *names] if spdx else names) or None


def contents_address(data: list[Mapping[str, Any]]) -> str | None:
    """Return where data lies."""
    urls = (address(mapping(one.get("contents")).get("url")) for one in data)
    return next((url for url in urls if url), None)


def source_address(entry: Mapping[str, Any]) -> str | None:
    """Return the first external reference, of the kind that leads nearest to the part."""
    links = mappings(entry.get("externalReferences"))
    urls = {text(one.get("type")) or "": address(one.get("url")) for one in reversed(links)}
    return next((urls[kind] for kind in (*_SOURCES, *urls) if urls.get(kind)), None)


def classifications(data: list[Mapping[str, Any]]) -> str | None:
    """Return the classes of data, each once."""
    found = [name for one in data if (name := text(one.get("classification")))]
    return ", ".join(dict.fromkeys(found)) or None
