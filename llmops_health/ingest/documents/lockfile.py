"""Lock files as libraries: uv.lock, poetry.lock, pylock.toml, requirements.txt, package-lock.json.

The id of a library is its package URL, so that another version is another part. Which of the five
a document is shows by what is in it. The hash is that of the source archive, else of the first
file that has a SHA-256; npm has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from llmops_health.ingest.documents import Row, Rows
from llmops_health.ingest.documents.facts import (
    address,
    known,
    mapping,
    mappings,
    purl,
    sha256,
    text,
    texts,
)
from llmops_health.ingest.documents.reading import DocumentError, json_value, toml_value
from llmops_health.ingest.documents.requirements import requirement_rows

_HERE = ("editable", "virtual", "directory", "path")
_MODULES = "node_modules/"


def rows(text: str, table: str, path: PurePath) -> Rows:
    """Yield the libraries that a file pins, or which needs which, by their places."""
    start = text.lstrip()
    if start.startswith("{"):
        libraries = _npm(json_value(text))
    elif path.suffix == ".toml" or re.search(r"^\[\[packages?\]\]", text, re.MULTILINE):
        libraries = _toml(toml_value(text))
    elif re.match(r"(#.*\n|\s|version = \d)*\Z", text) and path.suffix == ".lock":
        libraries = []
    else:
        yield from (one for one in requirement_rows(text) if table == "components")
        return
    if table == "components":
        yield from ((place, row) for place, (row, _) in enumerate(libraries, start=1))
    else:
        yield from _edges(libraries)


Library = tuple[Row, list[str]]  # its row, and the names of what it needs


def _toml(lock: Mapping[str, Any]) -> list[Library]:
    packages = mappings(lock.get("package")) or mappings(lock.get("packages"))
    if not packages and not any(key in lock for key in ("package", "packages", "lock-version")):
        raise DocumentError("no lock file that is known: no packages in it")
    return [(_python(one, lock), _needs(one.get("dependencies"))) for one in packages]


def _python(package: Mapping[str, Any], lock: Mapping[str, Any]) -> Row:
    name, version = text(package.get("name")), text(package.get("version"))
    source = mapping(package.get("source"))
    # The project itself stands in its lock file as a package without an index.
    is_own = any(key in source for key in _HERE) or "directory" in package
    url = text(source.get("url")) or text(source.get("git")) or text(source.get("registry"))
    vcs = text(mapping(package.get("vcs")).get("url"))
    older = mapping(mapping(mapping(lock.get("metadata")).get("files")))
    files = [
        *mappings([package.get("sdist"), package.get("archive")]),
        *mappings(package.get("files")),
        *mappings(package.get("wheels")),
        *mappings(older.get(name or "")),
    ]
    files.sort(key=lambda file: not _file_name(file).endswith((".tar.gz", ".zip")))
    hashes = (sha256(file.get("hash") or mapping(file.get("hashes")).get("sha256"))
              for file in files)  # fmt: skip
    own = purl("pypi", name, version) if name else None
    return {"component_id": own, "name": name} | known({
        "kind": "application" if is_own else "library",
        "version": version,
        "purl": None if is_own else own,
        "sha256": next((one for one in hashes if one), None),
        "source_uri": address(url or vcs),
        "groups": texts(package.get("groups") or package.get("category")),
    })  # fmt: skip


def _file_name(file: Mapping[str, Any]) -> str:
    return text(file.get("file")) or text(file.get("name")) or text(file.get("url")) or ""


def _needs(dependencies: object) -> list[str]:
    """Return names: uv and pylock have a list of tables, poetry a table by name."""
    if isinstance(dependencies, dict):
        return list(dependencies)
    return [name for one in mappings(dependencies) if (name := text(one.get("name")))]


def _npm(lock: object) -> list[Library]:
    whole = mapping(lock)
    if isinstance(whole.get("packages"), dict):
        listed = [
            (place.rpartition(_MODULES)[2] if _MODULES in place else "", mapping(entry))
            for place, entry in mapping(whole["packages"]).items()
        ]
    elif isinstance(whole.get("dependencies"), dict) and "lockfileVersion" in whole:
        listed = [("", whole), *_older(whole)]
    else:
        raise DocumentError("no lock file that is known: JSON without lockfileVersion and packages")
    return [
        (_node(name, entry), [*mapping(entry.get("dependencies")), *mapping(entry.get("requires"))])
        for name, entry in listed
        if entry.get("link") is not True
    ]


def _older(whole: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the packages of lockfileVersion 1, where a package holds those that only it needs."""
    waiting = [whole]
    while waiting:
        for name, entry in mapping(waiting.pop(0).get("dependencies")).items():
            # What `dependencies` is in later versions stands here in `requires`.
            inner = mapping(entry)
            yield name, {key: one for key, one in inner.items() if key != "dependencies"}
            waiting.append(inner)


def _node(name: str, entry: Mapping[str, Any]) -> Row:
    is_own = not name
    named = text(entry.get("name")) or name or None
    version = text(entry.get("version"))
    own = purl("npm", named, version) if named else None
    said = entry.get("license")
    return {"component_id": own, "name": named} | known({
        "kind": "application" if is_own else "library",
        "version": version,
        "purl": None if is_own else own,
        "license": text(said) or text(mapping(said).get("type")),
        "source_uri": address(entry.get("resolved")),
        "integrity": text(entry.get("integrity")),
        "is_dev": entry.get("dev") is True or None,
    })  # fmt: skip


def _edges(libraries: list[Library]) -> Rows:
    """Yield which library needs which; a name that several versions go by leads to none."""
    ids: dict[str, set[str]] = {}
    for row, _ in libraries:
        if row["component_id"]:
            ids.setdefault(_plain(str(row["name"])), set()).add(str(row["component_id"]))
    edges = dict.fromkeys(
        (str(row["component_id"]), other)
        for row, needs in libraries
        if row["component_id"]
        for name in needs
        if len(found := ids.get(_plain(name), set())) == 1
        for other in found
    )
    for place, (src, dst) in enumerate(edges, start=1):
        yield place, {"src": src, "dst": dst, "relation": "depends_on"}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
