"""MCP: a server's `server.json`, lists of a registry, clients' `mcp.json`, dumps of `tools/list`.

Of settings, headers and arguments only names are taken, of addresses no user, query or token. A
tool has the hash of its definition, a dump's server that of all of them: a server that changes its
tools under the same name shows by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from llmops_health.ingest.documents import Row, Rows
from llmops_health.ingest.documents.facts import (
    known,
    mapping,
    mappings,
    note,
    text,
)
from llmops_health.ingest.documents.mcp_client import client_row
from llmops_health.ingest.documents.mcp_server import digest, server_row
from llmops_health.ingest.documents.reading import DocumentError, json_value

_CLIENTS = ("mcpServers", "servers", "context_servers")
_SERVER_KEYS = ("packages", "remotes", "repository", "version", "version_detail")
_DATES = re.compile(r"[-_.]?\d{4}-?\d{2}-?\d{2}([T_]?\d{2}[-:]?\d{2}([-:]?\d{2})?Z?)?")


def rows(text: str, table: str, path: PurePath) -> Rows:
    """Yield servers and tools, or the edges from tools to their servers, by their places."""
    for place, row, server in _found(json_value(text), path):
        if table == "components":
            yield place, row
        elif server:
            yield place, {"src": row["component_id"], "dst": server, "relation": "served_by"}


def _found(value: object, path: PurePath) -> Iterator[tuple[int, Row, str | None]]:
    """Yield each part with its place, and the server that it is a tool of."""
    whole = mapping(value)
    tools = _tools(value)
    clients = _clients(whole)
    if tools is not None:
        yield from _dump(tools, mapping(whole.get("serverInfo")), path)
    elif clients is not None:
        for place, (name, entry) in enumerate(clients.items(), start=1):
            yield place, client_row(name, mapping(entry)), None
    else:
        listed = value if isinstance(value, list) else whole.get("servers")
        # Whatever is no mapping is kept as an entry of nothing: it is refused as a row.
        entries = [mapping(one) for one in listed] if isinstance(listed, list) else [whole]
        servers = [mapping(one.get("server")) or one for one in entries]
        if servers and not any(key in one for key in _SERVER_KEYS for one in servers):
            raise DocumentError(
                "no shape of MCP: no server.json, registry list, mcpServers or tools/list"
            )
        for place, (entry, server) in enumerate(zip(entries, servers, strict=True), start=1):
            yield place, server_row(server, mapping(entry.get("_meta"))), None


def _clients(whole: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for key in _CLIENTS:
        if isinstance(whole.get(key), dict):
            return mapping(whole[key])
    inner = mapping(whole.get("mcp"))
    return _clients(inner) if inner else None


def _tools(value: object) -> list[Mapping[str, Any]] | None:
    whole = mapping(value)
    for holder in (whole, mapping(whole.get("result"))):
        if isinstance(holder.get("tools"), list):
            return mappings(holder["tools"])
    is_list = isinstance(value, list) and mappings(value)
    return mappings(value) if is_list and all("inputSchema" in t for t in mappings(value)) else None


def _dump(
    tools: list[Mapping[str, Any]], info: Mapping[str, Any], path: PurePath
) -> Iterator[tuple[int, Row, str | None]]:
    name = text(info.get("name")) or _named_by(path)
    server = f"mcp:{name}"
    hashes = [digest(tool) for tool in tools]
    yield (
        1,
        known({
            "component_id": server,
            "kind": "mcp_server",
            "name": name,
            "version": text(info.get("version")),
            # Whatever order they come in.
            "sha256": digest(sorted(hashes)),
            "n_tools": len(tools),
        }),
        None,
    )  # fmt: skip
    for place, (tool, own) in enumerate(zip(tools, hashes, strict=True), start=1):
        tool_name = text(tool.get("name"))
        hints = mapping(tool.get("annotations"))
        row: Row = {
            "component_id": f"{server}/tool:{tool_name}" if tool_name else None,
            "name": tool_name,
        } | known({
            "kind": "tool",
            "sha256": own,
            "title": text(tool.get("title")),
            "description": note(tool.get("description")),
            "inputs": sorted(mapping(mapping(tool.get("inputSchema")).get("properties")))[:50],
            "hints": {key: one for key, one in hints.items() if isinstance(one, bool)},
        })  # fmt: skip
        yield place, row, server if tool_name else None


def _named_by(path: PurePath) -> str:
    """Return the server's name as the file's name says it, without a date and `tools`."""
    for part in (path.name.split(".json")[0], *reversed(path.parent.parts)):
        name = re.sub(r"([-_.]?tools([-_.]?list)?)$", "", _DATES.sub("", part), flags=re.IGNORECASE)
        if name.strip("-_./\\"):
            return name.strip("-_.")
    return "unnamed"
