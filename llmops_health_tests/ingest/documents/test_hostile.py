"""Documents that are broken, mutated or made to hurt: refused with a reason, never a stop."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml

from llmops_health.config import DOCUMENT_FORMATS
from llmops_health.contract import BY_NAME
from llmops_health.ingest.documents import lockfile, reader
from llmops_health.ingest.documents.facts import address, looks_secret
from llmops_health.ingest.documents.reading import (
    MAX_BYTES,
    DocumentError,
    json_value,
    read,
    toml_value,
    yaml_documents,
)
from llmops_health.ingest.translate import translate
from llmops_health_tests.ingest.documents.samples import CARD, DVC, SAMPLES, TOOLS, UV
from llmops_health_tests.ingest.project import Project

ODD: list[Any] = [
    *(None, True, 0, -1.5, 10**30, "", "x", "\ud800", "a\0b"),
    *([], {}, [[]], [None], {"": 1}),
]
CLIENT = {"mcpServers": {"a": {"command": "npx", "args": ["-y", "p@1"], "env": {"K": "v"}}}}
SERVER = {
    "name": "s",
    "version": "1",
    "packages": [{"registryType": "npm", "identifier": "p"}],
    "remotes": [{"url": "https://x"}],
}
NPM = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "r", "dependencies": {"a": "1"}},
        "node_modules/a": {"version": "1", "license": "MIT"},
    },
}
OLD_NPM = {
    "lockfileVersion": 1,
    "dependencies": {
        "a": {"version": "1", "requires": {"b": "1"}, "dependencies": {"b": {"version": "2"}}}
    },
}
PINS = "a==1 --hash=sha256:" + "0" * 64 + "\nb[x]>=2 ; python_version < '3'\n"
EXTRA = {
    "mcp": [json.dumps(CLIENT), json.dumps([SERVER])],
    "lockfile": [PINS, json.dumps(NPM), json.dumps(OLD_NPM)],
}
DOCUMENTS = [(name, SAMPLES[name].text) for name in SAMPLES] + [
    (name, text) for name, texts in EXTRA.items() for text in texts
]


def drain(file_format: str, text: str) -> int:
    """Read a document for each of its tables; return how many were refused as a whole."""
    n_refused = 0
    for table in DOCUMENT_FORMATS[file_format]:
        try:
            rows = list(reader(file_format)(text, table, PurePath("folder/x.lock")))
        except DocumentError:
            n_refused += 1
        else:
            assert all(place >= 1 for place, _ in rows)
    return n_refused


@pytest.mark.parametrize(("file_format", "text"), DOCUMENTS)
def test_a_document_cut_or_spoilt_anywhere_is_read_or_refused(file_format: str, text: str) -> None:
    rng = random.Random(20260101)  # noqa: S311 - a seed, no secret
    assert drain(file_format, text) == 0
    for _ in range(60):
        place = rng.randrange(len(text))
        drain(file_format, text[:place])
        drain(file_format, text[:place] + rng.choice("{}[]:,\"'\n-#&*\0\t=@<") + text[place + 1 :])


def mutants(value: object, rng: random.Random, n: int) -> Iterator[object]:
    """Yield copies of a value, each with something odd somewhere in it."""
    places = list(walk(value))
    for _ in range(n):
        mutant = copy.deepcopy(value)
        for path in rng.sample(places, 2):
            target: Any = mutant
            try:
                for step in path[:-1]:
                    target = target[step]
                target[path[-1]] = copy.deepcopy(rng.choice(ODD))
            except (KeyError, IndexError, TypeError):
                continue
        yield mutant


def walk(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else []
    for step, one in entries if isinstance(value, dict) else enumerate(
        value if isinstance(value, list) else ()
    ):  # fmt: skip
        yield (*path, step)
        yield from walk(one, (*path, step))


@pytest.mark.parametrize(("file_format", "text"), DOCUMENTS)
def test_values_of_any_type_in_any_place(
    file_format: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)  # noqa: S311 - a seed, no secret
    if text.startswith(("{", "[")):
        documents = (json.dumps(one) for one in mutants(json.loads(text), rng, 150))
    elif file_format in {"backstage", "dvc-lock", "hf-card"}:
        front = CARD.split("---\n")[1] if file_format == "hf-card" else text
        values = list(yaml.safe_load_all(front))
        marks = "---\n{}\n---\n" if file_format == "hf-card" else "{}"
        plain = json.loads(json.dumps(values, default=str))
        documents = (
            marks.format("\n---\n".join(map(json.dumps, one if isinstance(one, list) else [one])))
            for one in mutants(plain, rng, 150)
        )
    elif text == UV:
        lock = toml_value(text)
        # No writer of TOML is here: the reader is given the values themselves, as JSON.
        monkeypatch.setattr(
            lockfile, "toml_value", lambda text: json.loads(text.partition("\n")[2])
        )
        documents = ("# a lock of uv\n" + json.dumps(one) for one in mutants(lock, rng, 150))
        monkeypatch.setattr(lockfile, "requirement_rows", None)
        monkeypatch.setattr(PurePath, "suffix", ".toml")
    else:
        return
    for document in documents:
        drain(file_format, document)


@pytest.mark.parametrize("file_format", list(SAMPLES))
@pytest.mark.parametrize(
    "text", ["", "\n", "null", "[]", "{}", "0", '"x"', "a: b", "<bom/>", "%", "[["]
)
def test_a_document_of_another_shape(file_format: str, text: str) -> None:
    n_refused = drain(file_format, text)
    if file_format in {"cyclonedx", "backstage", "dvc-lock", "hf-card"}:
        assert n_refused == 2


@pytest.mark.parametrize(("file_format", "text"), [DOCUMENTS[0], DOCUMENTS[2]])
def test_odd_documents_land_without_a_stop(project: Project, file_format: str, text: str) -> None:
    for i, one in enumerate(mutants(json.loads(text), random.Random(3), 40)):  # noqa: S311 - a seed, no secret
        project.write(f"{i:02}.json", json.dumps(one).encode())
    project.write("orders.json", text.encode())
    for table in DOCUMENT_FORMATS[file_format]:
        project.source("*.json", table, format=file_format)
    reports = project.land()
    assert len(reports) == 41 * 2
    found = {one for (one,) in project.sql("select component_id from landed__components")}
    assert set(SAMPLES[file_format].parts) <= found
    assert {one.state for one in project.land()} <= {"same", "copy"}


def test_what_is_wrong_is_named_with_its_place(project: Project) -> None:
    bom = {"bomFormat": "CycloneDX", "specVersion": "2.0"}
    wrong = {
        "a.json": ("cyclonedx", json.dumps(bom), "specVersion 2.0: 1.4, 1.5, 1.6, 1.7 are read"),
        "b.json": ("cyclonedx", "<bom/>", "CycloneDX as XML: write it as JSON"),
        "c.json": ("mcp", '{\n"tools": [}', "not JSON: line 2, column 11: unexpected character"),
        "d.yaml": ("backstage", "a: [b\nc", "not YAML: line 3, column 1: did not find expected"),
        "e.yaml": ("backstage", "kind: X\n", "line 1: not an entity of Backstage"),
        "f.lock": ("lockfile", "[[package]]\nname = 1 2\n", "not TOML: Expected newline"),
        "g.txt": ("lockfile", "ok==1\n\nwhat is this\n", "line 3: no requirement as pip writes"),
        "h.md": ("hf-card", "# A title\n", "no model card: it does not begin with YAML"),
        "i.lock": ("dvc-lock", "schema: '1.0'\n", "it is no dvc.lock of schema 2.0."),
        "j.json": ("mcp", '{"a": 1}', "no shape of MCP"),
    }  # fmt: skip
    for name, (file_format, text, _) in wrong.items():
        project.write(name, text.encode())
        project.source(name, "components", format=file_format)
    project.write("good.yaml", SAMPLES["backstage"].text.encode())
    project.source("good.yaml", "components", format="backstage")
    *broken, good = project.land()
    assert [(one.n_rows, one.n_rejected) for one in broken] == [(0, 1)] * len(wrong)
    assert good.n_new == 2
    for (number, _, reason), (file_format, _, said) in zip(
        project.rejects(), wrong.values(), strict=True
    ):
        assert number == 0
        assert reason.startswith(f"cannot be read as {file_format}: "), reason
        assert said in reason


def test_aliases_cannot_multiply() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    with pytest.raises(DocumentError, match="by its aliases"):
        list(yaml_documents(bomb))
    merges = "a0: &a0 {k0: 1, l0: 2}\n" + "".join(
        f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 10)}]\n  k{i}: 1\n" for i in range(1, 12)
    )
    with pytest.raises(DocumentError, match="by its aliases"):
        list(yaml_documents(merges))
    with pytest.raises(DocumentError, match=r"line 1: the alias \*a stands for nothing"):
        list(yaml_documents("a: &a [*a]"))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded(opening: str) -> None:
    with pytest.raises(DocumentError, match=r"nested|not YAML"):
        list(yaml_documents(opening * 100_000))
    with pytest.raises(DocumentError):
        json_value('{"a":' * 100_000)
    with pytest.raises(DocumentError, match="nested"):
        json_value("[" * 200 + "]" * 200)
    with pytest.raises(DocumentError, match="nested"):
        toml_value("a = " + "[" * 100_000)


def test_yaml_stays_as_it_is_written() -> None:
    text = (
        "a: 1.10\nb: no\nc: 2026-01-01\nd: ~\ne: ''\nf: &x {g: 1, h: 2}\ni: {<<: *x, g: 3}\n"
        "? [1]\n: !!python/object:os.system j\n"
    )
    [(line, value)] = yaml_documents("\n# first\n" + text)
    assert line == 3
    assert value == {
        "a": "1.10", "b": "no", "c": "2026-01-01", "d": None, "e": "", "f": {"g": "1", "h": "2"},
        "i": {"g": "3", "h": "2"}, "['1']": "j",
    }  # fmt: skip


def test_a_long_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(DocumentError, match="longer than 16 MiB"):
        read(path)
    done = translate(path, tmp_path / "out", "mcp", BY_NAME["components"])
    assert done.wrong == "cannot be read as mcp: longer than 16 MiB, unpacked"


def test_names_that_sql_and_json_stumble_over_come_through(project: Project) -> None:
    tools = json.loads(json.dumps(TOOLS))
    names = ["o'clock; drop table x --", 'quo"ted', "line\nbreak", "nul\0", "é\u202e", "x" * 600]
    tools["result"]["tools"] = [{"name": name, "inputSchema": {}} for name in names]
    project.write("t.json", json.dumps(tools).encode())
    project.source("t.json", "components", format="mcp")
    [report] = project.land()
    assert (report.n_new, report.n_rejected) == (6, 1)
    found = {name for (name,) in project.sql("select name from landed__components")}
    assert {*names[:3], "nul\N{REPLACEMENT CHARACTER}", names[4]} <= found
    assert project.rejects() == [(6, "component_id", "longer than 512 characters")]


def test_the_order_of_dvc_stages_does_not_matter() -> None:
    stages = yaml.safe_load(DVC)
    stages["stages"] = dict(reversed(stages["stages"].items()))
    rows = list(
        reader("dvc-lock")(yaml.safe_dump(stages, sort_keys=False), "components", PurePath())
    )
    assert {str(row["component_id"]) for _, row in rows} == set(SAMPLES["dvc-lock"].parts)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://ann:pw@host.example/a/b?key=1#f", "https://host.example/a/b"),
        ("git@github.com:acme/bot.git", "github.com:acme/bot.git"),
        ("https://mcp.example.com/s/NDQ4ZjE0M2YtNzE4OC00/mcp", "https://mcp.example.com/s/.../mcp"),
        ("https://x/123e4567-e89b-12d3-a456-426614174000", "https://x/..."),
        ("https://host/model-context-protocol-servers", "https://host/model-context-protocol-servers"),
        ("mailto:ann@example.com", "mailto:example.com"),
        ("http://[", None),
        ("", None),
        (7, "7"),
    ],
)  # fmt: skip
def test_addresses_keep_no_secret(written: object, kept: str | None) -> None:
    assert address(written, hides_tokens=True) == kept


@pytest.mark.parametrize(
    ("word", "is_secret"),
    [("sk-proj-abcdefgh", True), ("ghp_0123456789abcdef", True), ("9f86d081884c7d65", True),
     ("server-filesystem", False), ("2026-11-01", False), ("eyJhbGciOiJIUzI1NiJ9", True)],
)  # fmt: skip
def test_what_looks_like_a_secret(word: str, *, is_secret: bool) -> None:
    assert looks_secret(word) is is_secret
