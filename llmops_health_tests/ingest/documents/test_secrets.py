"""Values of settings, headers and arguments never reach the databases, in any shape of MCP."""

from __future__ import annotations

import json
from typing import Any

from llmops_health.ingest.dry_run import dry_run, lines
from llmops_health_tests.ingest.documents.samples import read
from llmops_health_tests.ingest.project import Project

SECRETS = [
    *("hunter2-env-value", "Bearer hunter2-header", "hunter2-after-flag", "hunter2-with-equals"),
    *(
        "hunter2-positional",
        "hunter2-url-user",
        "hunter2-query",
        "hunter2default",
        "hunter2-docker",
    ),
    *("hunter2-as-first-word", "hunter2-connection", "hunter2-variable", "h4nt3rPathToken99x2"),
    *("hunter2-input", "hunter2-inline", "hunter2-remote-header", "hunter2-folder"),
]
(ENV, HEADER, FLAG, EQUALS, POSITIONAL, USER, QUERY, DEFAULT, DOCKER, FIRST, CONNECTION, VARIABLE,
 TOKEN, INPUT, INLINE, REMOTE, FOLDER) = SECRETS  # fmt: skip
CLIENT: dict[str, Any] = {
    "inputs": [{"id": "key", "type": "promptString", "default": INPUT}],
    "mcpServers": {
        "files": {
            "command": f"/home/{FOLDER}/bin/npx",
            "args": ["-y", "@acme/files@1.2.3", "--token", FLAG, f"--key={EQUALS}", POSITIONAL],
            "env": {"API_KEY": ENV},
        },
        "orders": {
            "url": f"https://{USER}:x@mcp.example.com/s/{TOKEN}/mcp?key={QUERY}",
            "headers": {"Authorization": HEADER},
        },
        "first": {"command": "npx", "args": ["--api-key", FIRST, "pkg"]},
        "database": {"command": "uvx", "args": ["mcp-db", f"postgresql://u:{CONNECTION}@h/db"]},
        "image": {"command": "docker", "args": ["run", "-i", "-e", f"K={DOCKER}", "acme/mcp:1.0"]},
        "shell": {"command": f"KEY={INLINE} npx", "args": ["-y", f"sk-{FIRST}"]},
    },
}
SERVER = {
    "name": "io.github.acme/orders",
    "version": "1.0.0",
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@acme/orders",
            "version": "1.0.0",
            "environmentVariables": [{"name": "KEY", "value": VARIABLE, "default": DEFAULT}],
            "packageArguments": [{"type": "named", "name": "--key", "value": POSITIONAL}],
            "transport": {"type": "stdio"},
        }
    ],
    "remotes": [
        {
            "type": "sse",
            "url": f"https://{USER}@x.example/{TOKEN}?t={QUERY}",
            "headers": [{"name": "X-Key", "value": REMOTE}],
        }
    ],
}


def test_no_database_holds_a_secret(project: Project) -> None:
    project.write("mcp.json", json.dumps(CLIENT).encode())
    project.write("server.json", json.dumps(SERVER).encode())
    project.write("list.json", json.dumps({"servers": [{"server": SERVER}]}).encode())
    project.source(["mcp.json", "server.json", "list.json"], "components", format="mcp")
    shown = "\n".join(lines(dry_run(project.config)))
    assert {report.n_rejected for report in project.land()} == {0}
    assert project.sql("select count(*) from landed__components") == [(7,)]
    left = [path for path in project.warehouse.work.rglob("*") if path.is_file()]
    held = b"".join(path.read_bytes() for path in left) + shown.encode()
    assert b"mcp:orders" in held
    assert b"API_KEY" in held
    assert [one for one in SECRETS if one.encode() in held] == []


def test_names_and_packages_are_kept() -> None:
    rows = {row["name"]: row for row in read("mcp", json.dumps(CLIENT))}
    assert rows["files"]["purl"] == "pkg:npm/%40acme/files@1.2.3"
    assert rows["files"]["version"] == "1.2.3"
    assert rows["files"]["options"] == ["-y", "--token", "--key"]
    assert rows["files"]["settings"] == ["API_KEY"]
    assert rows["orders"]["headers"] == ["Authorization"]
    assert rows["orders"]["endpoint"] == "https://mcp.example.com/s/.../mcp"
    assert rows["orders"]["crosses_trust_boundary"] is True
    assert rows["first"]["purl"] == "pkg:npm/pkg"
    assert rows["database"]["purl"] == "pkg:pypi/mcp-db"
    assert rows["image"]["purl"] == "pkg:docker/acme/mcp@1.0"
    [server] = read("mcp", json.dumps(SERVER))
    assert server["settings"] == ["KEY", "X-Key"]
    assert server["transports"] == ["sse", "stdio"]
