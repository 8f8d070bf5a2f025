"""An entry of a client's `mcp.json`: what it starts or calls, and the names of what it passes on.

No value of a setting, header or argument is taken. Of a command line only the package that a known
runner is told to run, and the names of options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from llmops_health.ingest.documents import Row
from llmops_health.ingest.documents.facts import (
    address,
    known,
    looks_secret,
    mapping,
    purl,
    text,
    texts,
)

_RUNNERS = {
    **dict.fromkeys(("npx", "bunx", "pnpx"), "npm"),
    **dict.fromkeys(("uvx", "pipx"), "pypi"),
    **dict.fromkeys(("docker", "podman"), "docker"),
}
_ALONE = frozenset({
    *("-y", "--yes", "-q", "--quiet", "--silent", "--prefer-offline", "--offline", "--rm"),
    *("--init", "-i", "--interactive", "-t", "--tty", "-it", "--no-cache", "--isolated"),
    "--refresh",
})  # fmt: skip
_NAMES_PACKAGE = frozenset({"-p", "--package", "--from", "--spec"})
_PACKAGE = re.compile(
    r"(?P<name>(@[a-z0-9~_.-]+/)?[a-z0-9~_][a-z0-9~_.-]*)(\[[a-z0-9,_-]*\])?"
    r"((@|==)(?P<version>[\w.+-]{1,60}))?",
    re.IGNORECASE,
)
_IMAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/-]{0,200})(:(?P<version>[\w.-]{1,60}))?(@sha256:\w+)?"
)
_OPTION = re.compile(r"--?[A-Za-z][\w-]{0,40}")
_HERE = re.compile(r"localhost|.*\.localhost|127\..*|::1|0\.0\.0\.0|host\.docker\.internal")


def client_row(name: str, entry: Mapping[str, Any]) -> Row:
    """Return the row of one configured server."""
    remote = text(entry.get("url")) or text(entry.get("serverUrl")) or text(entry.get("httpUrl"))
    endpoint = address(remote, hides_tokens=True)
    command = text(entry.get("command")) or text(entry.get("cmd"))
    arguments = texts(entry.get("args")) if isinstance(entry.get("args"), list) else []
    package, version = _package(command, arguments)
    named = name.strip() or None
    return {"component_id": f"mcp:{named}" if named else None, "name": named} | known({
        "kind": "mcp_server",
        "version": version,
        "purl": package,
        "endpoint": endpoint,
        "crosses_trust_boundary": crosses(endpoint) if endpoint else None,
        "transport": text(entry.get("type")) or text(entry.get("transport")),
        "command": _program(command),
        "options": list(dict.fromkeys(o for o in map(_option, arguments) if o))[:40],
        "settings": sorted(map(str, mapping(entry.get("env"))))[:100],
        "headers": sorted(map(str, mapping(entry.get("headers"))))[:100],
        "is_disabled": entry.get("disabled") is True or None,
    })  # fmt: skip


def crosses(endpoint: str) -> bool | None:
    """Whether an address leads away from the machine; None where that cannot be told."""
    try:
        host = urlsplit(endpoint).hostname
    except ValueError:
        return None
    if not host or "{" in host or "$" in host:
        return None
    return _HERE.fullmatch(host) is None


def _program(command: str | None) -> str | None:
    """Return the name of the program alone: its folder may name a person."""
    words = (command or "").split()
    if not words:
        return None
    name = PurePath(words[0].replace("\\", "/")).name
    return None if looks_secret(name) or "=" in name else name.removesuffix(".exe")[:60]


def _option(argument: str) -> str | None:
    match = _OPTION.match(argument)
    return match[0] if match and not looks_secret(match[0]) else None


def _package(command: str | None, arguments: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the package URL and version that a known runner is told to run."""
    kind = _RUNNERS.get(_program(command) or "")
    spec = _spec(arguments, kind) if kind else None
    shape = _IMAGE if kind == "docker" else _PACKAGE
    match = shape.fullmatch(spec) if spec else None
    if kind is None or match is None or _is_token(match["name"]) or _is_token(match["version"]):
        return None, None
    return purl(kind, match["name"], match["version"]), match["version"]


def _spec(arguments: Sequence[str], kind: str) -> str | None:
    words = list(arguments)
    if kind == "docker" or words[:1] == ["run"]:
        if words[:1] != ["run"]:
            return None
        words = words[1:]
    while words:
        word = words.pop(0)
        if word in _NAMES_PACKAGE:
            return words[0] if words else None
        option, equals, value = word.partition("=")
        if equals and option in _NAMES_PACKAGE:
            return value
        if not word.startswith("-"):
            return word
        # What an option that is not known to stand alone is followed by may be its value.
        if word not in _ALONE and not equals and words:
            words.pop(0)
    return None


def _is_token(word: str | None) -> bool:
    """Whether a package's name or version is more like a key."""
    runs = re.findall(r"[A-Za-z0-9]{20,}", word or "")
    dense = any(sum(map(str.isdigit, run)) >= 3 for run in runs)
    return dense or bool(word and re.match(r"(?i)(sk|pk|ghp|gho|hf|xox\w)[-_]\w{8}", word))
