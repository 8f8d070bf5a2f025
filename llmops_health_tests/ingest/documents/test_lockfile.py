"""Libraries of every lock file that is read, their hashes, and which of them needs which."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

import pytest

from llmops_health.ingest.documents import reader
from llmops_health_tests.ingest.documents.samples import OTHER_SHA, SHA, UV, read

POETRY = f"""\
[[package]]
name = "Requests"
version = "2.32.0"
groups = ["main"]
files = [
    {{file = "requests-2.32.0-py3-none-any.whl", hash = "sha256:{OTHER_SHA}"}},
    {{file = "requests-2.32.0.tar.gz", hash = "sha256:{SHA}"}},
]
[package.dependencies]
certifi = ">=2017"
[[package]]
name = "certifi"
version = "2026.1"
[metadata]
lock-version = "2.1"
"""
PYLOCK = f"""\
lock-version = "1.0"
[[packages]]
name = "attrs"
version = "25.1.0"
wheels = [{{url = "https://x/attrs.whl", hashes = {{sha256 = "{SHA}"}}}}]
[[packages]]
name = "cattrs"
version = "24.1"
dependencies = [{{name = "attrs"}}]
"""
NPM: dict[str, Any] = {
    "name": "web",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "web", "version": "1.0.0", "dependencies": {"@acme/a": "^1"}},
        "node_modules/@acme/a": {"version": "1.2.0", "license": "MIT", "integrity": "sha512-x",
                                 "resolved": "https://registry.npmjs.org/a.tgz",
                                 "dependencies": {"b": "1"}},
        "node_modules/b": {"version": "1.0.0"},
        "node_modules/c/node_modules/b": {"version": "2.0.0", "dev": True},
        "packages/local": {"version": "0.1.0", "name": "local"},
        "node_modules/local": {"link": True, "resolved": "packages/local"},
    },
}  # fmt: skip
REQUIREMENTS = f"""\
# made by a tool
--index-url https://ann:hunter2@pypi.example.com/simple
-r other.txt
Foo_Bar[extra]==1.2 \\
    --hash=sha256:{SHA} \\
    --hash=sha256:{OTHER_SHA}
    # via app
loose>=1,<2 ; python_version > "3.9"
bare
git-one @ git+https://ann:hunter2@github.com/acme/one@abc
./local
starred==1.*
"""


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (UV, "uv.lock", {("bot", "1.0", None), ("lite-llm", "1.109.1", SHA)}),
        (POETRY, "poetry.lock", {("Requests", "2.32.0", SHA), ("certifi", "2026.1", None)}),
        (PYLOCK, "pylock.toml", {("attrs", "25.1.0", SHA), ("cattrs", "24.1", None)}),
        (json.dumps(NPM), "package-lock.json",
         {("web", "1.0.0", None), ("@acme/a", "1.2.0", None), ("b", "1.0.0", None),
          ("b", "2.0.0", None), ("local", "0.1.0", None)}),
        (REQUIREMENTS, "requirements.txt",
         {("Foo_Bar", "1.2", SHA), ("loose", None, None), ("bare", None, None),
          ("git-one", None, None), ("starred", None, None)}),
    ],
)  # fmt: skip
def test_every_lock_file(text: str, name: str, expected: set[tuple[object, ...]]) -> None:
    rows = read("lockfile", text, name=name)
    assert {(row["name"], row.get("version"), row.get("sha256")) for row in rows} == expected
    assert "hunter2" not in json.dumps(rows)
    for row in rows:
        assert str(row["component_id"]).startswith("pkg:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UV, {("pkg:pypi/bot@1.0", "pkg:pypi/lite-llm@1.109.1")}),
        (POETRY, {("pkg:pypi/requests@2.32.0", "pkg:pypi/certifi@2026.1")}),
        (PYLOCK, {("pkg:pypi/cattrs@24.1", "pkg:pypi/attrs@25.1.0")}),
        # `b` goes by two versions: which of them is meant cannot be told.
        (json.dumps(NPM), {("pkg:npm/web@1.0.0", "pkg:npm/%40acme/a@1.2.0")}),
        (REQUIREMENTS, set()),
    ],
)
def test_which_library_needs_which(text: str, expected: set[tuple[str, str]]) -> None:
    edges = read("lockfile", text, "component_edges")
    assert {(edge["src"], edge["dst"]) for edge in edges} == expected


def test_an_older_lock_file_of_npm() -> None:
    lock = {
        "name": "web",
        "version": "1.0.0",
        "lockfileVersion": 1,
        "dependencies": {
            "a": {"version": "1.0.0", "requires": {"b": "2"},
                  "dependencies": {"b": {"version": "2.0.0"}}},
        },
    }  # fmt: skip
    rows = read("lockfile", json.dumps(lock))
    assert {row["component_id"] for row in rows} == {
        "pkg:npm/web@1.0.0",
        "pkg:npm/a@1.0.0",
        "pkg:npm/b@2.0.0",
    }
    edges = read("lockfile", json.dumps(lock), "component_edges")
    assert {"src": "pkg:npm/a@1.0.0", "dst": "pkg:npm/b@2.0.0", "relation": "depends_on"} in edges


def test_lines_of_requirements() -> None:
    numbered = reader("lockfile")(REQUIREMENTS, "components", PurePath("requirements.txt"))
    found = [(place, row["name"]) for place, row in numbered]
    assert found == [(4, "Foo_Bar"), (8, "loose"), (9, "bare"), (10, "git-one"), (12, "starred")]
    rows = {row["name"]: row for row in read("lockfile", REQUIREMENTS)}
    assert rows["Foo_Bar"]["purl"] == "pkg:pypi/foo-bar@1.2"
    assert (rows["loose"]["range"], rows["loose"]["is_unpinned"]) == (">=1,<2", True)
