"""A server as its publisher describes it: `server.json` of each age, as it stands in registries.

Of settings and headers the names are taken, never a value or a default.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from llmops_health.ingest.documents import Row
from llmops_health.ingest.documents.facts import (
    address,
    known,
    mapping,
    mappings,
    note,
    purl,
    sha256,
    text,
    texts,
    time,
)
from llmops_health.ingest.documents.mcp_client import crosses

_PURLS = {
    "npm": "npm",
    "pypi": "pypi",
    "oci": "oci",
    "docker": "docker",
    "nuget": "nuget",
    "cargo": "cargo",
}


def digest(value: object) -> str:
    """Return the SHA-256 of a JSON value in one form: sorted keys, no spaces."""
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()


def server_row(server: Mapping[str, Any], meta: Mapping[str, Any]) -> Row:
    """Return the row of one server, with what a registry says of it in `meta`."""
    name = text(server.get("name"))
    detail = mapping(server.get("version_detail"))
    official = mapping(meta.get("io.modelcontextprotocol.registry/official"))
    packages = mappings(server.get("packages"))
    remotes = mappings(server.get("remotes"))
    endpoints = [address(one.get("url"), hides_tokens=True) for one in remotes]
    found = [one for one in endpoints if one]
    hashes = [sha256(one.get("fileSha256") or one.get("file_sha256")) for one in packages]
    purls = [one for one in map(_purl, packages) if one]
    row: Row = {
        "component_id": f"mcp:{name}" if name else None,
        "name": name,
    } | known({
        "kind": "mcp_server",
        "version": text(server.get("version")) or text(detail.get("version")),
        "sha256": hashes[0] if len(hashes) == 1 else None,
        "purl": purls[0] if purls else None,
        "source_uri": address(mapping(server.get("repository")).get("url"))
        or address(server.get("websiteUrl")),
        "endpoint": found[0] if found else None,
        "crosses_trust_boundary": crosses(found[0]) if found else None,
        "released_on": time(official.get("publishedAt")) or time(detail.get("release_date")),
        "title": text(server.get("title")),
        "description": note(server.get("description")),
        "status": text(official.get("status")) or text(server.get("status")),
        "namespace": name.partition("/")[0] if name and "/" in name else None,
        "purls": purls[1:],
        "endpoints": found[1:],
        "settings": _names(packages, remotes),
        "transports": _transports(packages, remotes),
        # Without what may be a secret; it tells one manifest from another all the same.
        "manifest_sha256": digest([name, purls, hashes, found, _names(packages, remotes)]),
    })  # fmt: skip
    return row


def _names(packages: list[Mapping[str, Any]], remotes: list[Mapping[str, Any]]) -> list[str]:
    """Return the names of settings and headers that a server is given."""
    keys = ("environmentVariables", "environment_variables", "headers")
    holders = [*packages, *remotes, *(mapping(one.get("transport")) for one in packages)]
    named = (one.get("name") for holder in holders for key in keys
             for one in mappings(holder.get(key)))  # fmt: skip
    return sorted({name for name in map(text, named) if name})


def _transports(packages: list[Mapping[str, Any]], remotes: list[Mapping[str, Any]]) -> list[str]:
    said = [mapping(one.get("transport")).get("type") for one in packages]
    said += [one.get("type") or one.get("transport_type") for one in remotes]
    return sorted({name for one in said for name in texts(one)})


def _purl(package: Mapping[str, Any]) -> str | None:
    registry = (
        text(package.get("registryType"))
        or text(package.get("registry_type"))
        or text(package.get("registry_name"))
        or ""
    )
    name = text(package.get("identifier")) or text(package.get("name"))
    kind = _PURLS.get(registry.lower())
    if kind is None or name is None or "://" in name:
        return None
    name, _, tag = name.partition(":") if kind in {"oci", "docker"} else (name, "", "")
    return purl(kind, name, text(package.get("version")) or tag or None)
