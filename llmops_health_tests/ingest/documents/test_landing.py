"""Every format from its document into the core tables; again, changed, and in a dry run."""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

import pytest

from llmops_health import sqlfiles
from llmops_health.config import DOCUMENT_FORMATS, OTHER_FORMATS, ConfigError
from llmops_health.contract import BY_NAME
from llmops_health.ingest.documents import reader
from llmops_health.ingest.dry_run import dry_run, lines
from llmops_health_tests.ingest.documents.samples import BOM, SAMPLES
from llmops_health_tests.ingest.project import Project

PARTS, EDGES = "components", "component_edges"
QUERIES = {one.table: one.query for one in sqlfiles.load(layer="core")}


def add(project: Project, file_format: str, **more: object) -> None:
    """Write the sample of a format, and name it in a source for each of its tables."""
    project.write(SAMPLES[file_format].name, SAMPLES[file_format].text.encode())
    for table in DOCUMENT_FORMATS[file_format]:
        project.source(SAMPLES[file_format].name, table, format=file_format, **more)


def core(project: Project, table: str, columns: str) -> list[tuple[Any, ...]]:
    return project.sql(f"select {columns} from ({QUERIES[f'core__{table}']}) order by all")


def state(project: Project) -> list[object]:
    tables = ("landed__components", "landed__component_edges", "landed__files", "landed__days")
    return [project.sql(f"select * from {table} order by all") for table in tables]


def test_every_format_has_a_sample() -> None:
    assert set(SAMPLES) == set(DOCUMENT_FORMATS)


def test_documents_come_into_the_core_tables_once(project: Project) -> None:
    for file_format in SAMPLES:
        add(project, file_format)
    reports = project.land()
    assert project.rejects() == []
    assert {report.state for report in reports} == {"new"}
    parts: dict[str, str] = {}
    edges: set[tuple[str, str, str]] = set()
    for sample in SAMPLES.values():
        parts |= sample.parts
        edges |= sample.edges
    assert dict(core(project, PARTS, "component_id, kind")) == parts
    assert set(core(project, EDGES, "src, dst, relation")) == edges
    before = state(project)
    for sample in SAMPLES.values():
        (project.root / sample.name).touch()
    assert {report.state for report in project.land()} == {"same"}
    assert state(project) == before


def test_a_copy_of_a_document_brings_nothing(project: Project) -> None:
    add(project, "backstage")
    project.sources = project.sources[:1]
    project.sources[0]["path"] = "[ac]*.yaml"
    project.land()
    before = state(project)
    project.write("a.yaml", SAMPLES["backstage"].text.encode())
    assert [report.state for report in project.land()] == ["copy", "same"]
    assert state(project) == before


def test_a_dry_run_agrees(project: Project) -> None:
    add(project, "backstage")
    project.write("0.json", b"\xff{")
    project.write("1.txt", b"# nothing\n")
    project.source("0.json", PARTS, format="cyclonedx")
    project.source("1.txt", PARTS, format="lockfile")
    said = [(one.path, one.n_rows, one.n_rejected, one.state) for one in dry_run(project.config)]
    assert not (project.root / "health.duckdb.work").exists()
    shown = "\n".join(lines(dry_run(project.config)))
    assert "refused   1 x cannot be read as cyclonedx: not UTF-8: line 1" in shown
    reports = project.land()
    assert said == [(one.path, one.n_rows, one.n_rejected, one.state) for one in reports]
    assert [one[1:] for one in said[-2:]] == [(0, 1, "new"), (0, 0, "new")]
    project.write("1.txt", b"a==1\n")
    states = [one.state for one in dry_run(project.config, project.warehouse)]
    assert states == ["same"] * 3 + ["changed"]


def test_what_changed_documents_say_holds(project: Project) -> None:
    formats = ("cyclonedx", "backstage", "mcp", "lockfile")
    for file_format in formats:
        add(project, file_format)
    project.sources = [one for one in project.sources if one["table"] == PARTS]
    project.land()
    wanted: set[tuple[object, ...]] = set()
    keys = ("component_id", "version", "owner", "sha256")
    for sample in map(SAMPLES.__getitem__, formats):
        changed = sample.text.replace(*sample.changed)
        assert changed != sample.text
        project.write(sample.name, changed.encode())
    for file_format in formats:
        path = project.root / SAMPLES[file_format].name
        rows = reader(file_format)(path.read_text(), PARTS, path)
        wanted |= {tuple(row.get(key) for key in keys) for _, row in rows}
    assert {report.state for report in project.land()} == {"changed"}
    now = set(core(project, PARTS, ", ".join(keys)))
    assert wanted <= now
    # History: the same part under another version or hash; nothing else of before is left.
    assert {row[0] for row in now} == {row[0] for row in wanted}
    assert all(row[1] or row[3] for row in now - wanted)
    assert {row[1] for row in now if row[0] == "app"} == {"1", "2"}
    assert {report.state for report in project.land()} == {"same"}


def test_parts_and_edges_that_a_document_no_longer_names_go(project: Project) -> None:
    add(project, "lockfile")
    add(project, "backstage")
    project.land()
    catalogue = SAMPLES["backstage"]
    start = catalogue.text.split("---")[0].replace("  consumesApis: [orders-mcp]\n", "")
    (project.root / catalogue.name).write_text(start)
    project.land()
    parts = {"component:default/bot", *SAMPLES["lockfile"].parts}
    assert {one for (one,) in core(project, PARTS, "component_id")} == parts
    assert ("component:default/bot", "resource:default/feedback-db", "depends_on") in set(
        core(project, EDGES, "src, dst, relation")
    )
    assert len(core(project, EDGES, "src")) == 2


def test_a_native_list_of_parts_says_what_there_is(project: Project) -> None:
    rows = [
        {"component_id": name, "kind": "library", "name": name, "owner": None}
        for name in ("polars", "duckdb")
    ]
    project.write("parts.jsonl", rows)
    project.source("parts.jsonl", PARTS)
    project.land()
    project.write("parts.jsonl", [rows[0] | {"owner": "team-data@example.com"}])
    assert [report.state for report in project.land()] == ["changed"]
    known = core(project, PARTS, "component_id, owner")
    assert known == [("polars", "team-data@example.com")]
    more = [rows[0] | {"owner": "team-data@example.com"}, rows[1]]
    project.write("parts.jsonl", more)
    assert [report.state for report in project.land()] == ["grown"]
    assert core(project, PARTS, "component_id, owner") == [("duckdb", None), *known]


def test_a_document_that_breaks_takes_nothing_away(project: Project) -> None:
    add(project, "cyclonedx")
    project.land()
    before = core(project, PARTS, "*")
    sample = SAMPLES["cyclonedx"]
    (project.root / sample.name).write_text(sample.text[:-5])
    assert {(one.state, one.n_rejected) for one in project.land()} == {("changed", 1)}
    assert core(project, PARTS, "*") == before
    (project.root / sample.name).write_text(sample.text.replace('"bot"', '"new bot"'))
    project.land()
    assert project.rejects() == []
    assert ("app", "new bot") in core(project, PARTS, "component_id, name")
    assert len(core(project, PARTS, "component_id")) == len(before)


def test_a_part_of_two_documents_stays_as_long_as_one_names_it(project: Project) -> None:
    project.write("a.txt", b"shared==1\nonly-a==1\n")
    project.write("b.txt", b"shared==1\nonly-b==1\n")
    project.source(["a.txt", "b.txt"], PARTS, format="lockfile")
    project.land()
    project.write("a.txt", b"only-a==1\n")
    for _ in range(2):
        project.land()
    names = [name for (name,) in core(project, PARTS, "name")]
    assert names == ["only-a", "only-b", "shared"]
    assert {report.state for report in project.land()} == {"same"}


def test_columns_conditions_and_a_feature_work_as_on_native_rows(project: Project) -> None:
    project.write("bom.json", SAMPLES["cyclonedx"].text.encode())
    project.source(
        "bom.json",
        PARTS,
        format="cyclonedx",
        feature_id="f",
        columns={"component_id": "'bom:' || component_id", "owner": "'team ' || cyclonedx_type"},
        where="kind <> 'library' and filename like '%bom.json'",
    )
    project.land()
    found = {row[0]: row[1:] for row in core(project, PARTS, "component_id, feature_id, owner")}
    assert set(found) == {f"bom:{one}" for one in SAMPLES["cyclonedx"].parts} - {"bom:tokenizer"}
    assert found["bom:feedback"] == ("f", "team data")


def test_a_changed_mapping_replaces_rows_of_every_version(project: Project) -> None:
    sample = SAMPLES["cyclonedx"]
    project.write(sample.name, sample.text.encode())
    project.source(sample.name, PARTS, format="cyclonedx")
    project.land()
    (project.root / sample.name).write_text(sample.text.replace('"version": "1"', '"version": "2"'))
    project.land()
    assert len(core(project, PARTS, "component_id")) == len(sample.parts) + 1
    project.sources[0]["feature_id"] = "f"
    assert {report.state for report in project.land()} == {"remapped"}
    assert core(project, PARTS, "count(*), count(feature_id)") == [(len(sample.parts),) * 2]


def test_rows_that_break_a_rule_are_refused_with_their_place(project: Project) -> None:
    text = SAMPLES["backstage"].text.replace("{name: orders-mcp}", "{title: none}")
    project.write("c.yaml", text.encode())
    project.source("c.yaml", PARTS, format="backstage")
    project.source("c.yaml", EDGES, format="backstage", where="relation <> 'served_by'")
    [parts, _] = project.land()
    assert (parts.n_rows, parts.n_rejected, parts.n_new) == (2, 1, 1)
    line = next(i for i, one in enumerate(text.splitlines(), 1) if "title: none" in one) - 2
    assert project.rejects() == [(line, "component_id", "missing")]


def test_a_rejected_kind_names_its_value(project: Project) -> None:
    text = SAMPLES["backstage"].text.replace("feature-id: f,", "component-kind: robot,")
    project.write("c.yaml", text.encode())
    project.source("c.yaml", PARTS, format="backstage", columns={"owner": "upper(owner)"})
    project.land()
    [(line, column, value, reason)] = project.rejects("row_number, column_name, value, reason")
    assert (line, column, value) == (2, "kind", "robot")
    assert reason.startswith("must be one of model | hosted_model")
    assert core(project, PARTS, "owner") == [("PAY/ORDERS",)]


def test_what_the_contract_does_not_know_is_kept(project: Project) -> None:
    add(project, "cyclonedx")
    project.land()
    [(attributes,)] = project.sql(
        "select attributes from landed__components where component_id = 'model'"
    )
    known = {key: value for key, value in json.loads(attributes).items() if value is not None}
    assert known["hashes"] == {"MD5": "ab"}
    assert known["filename"] == str(project.root / "bom.cdx.json")
    assert known["cyclonedx_type"] == "machine-learning-model"


def test_facts_that_only_one_of_many_parts_has_are_kept(project: Project) -> None:
    lines = [f"part-{i:05}==1.{i}" for i in range(9_000)]
    lines[4321] += " --hash=sha256:" + "ab" * 32
    lines[4322] = "odd-one>=2"
    project.write("requirements.txt", "\n".join(lines).encode())
    project.source("requirements.txt", PARTS, format="lockfile")
    project.land()
    assert project.sql("select count(*), count(sha256) from landed__components") == [(9000, 1)]
    [(attributes,)] = project.sql(
        "select attributes from landed__components where name = 'odd-one'"
    )
    assert json.loads(attributes)["range"] == ">=2"


def test_packed_documents_and_marks_are_read(project: Project) -> None:
    text = SAMPLES["backstage"].text
    project.write("a.yaml.gz", text.encode())
    project.write("b.yaml", b"\xef\xbb\xbf" + text.replace("name: bot", "name: two").encode())
    project.write("c.yaml.gz", b"")
    (project.root / "c.yaml.gz").write_bytes(gzip.compress(text.encode() * 50)[:-20])
    project.source(["a.yaml.gz", "b.yaml", "c.yaml.gz"], PARTS, format="backstage")
    project.land()
    assert len(core(project, PARTS, "component_id")) == 3
    [(number, _, reason)] = project.rejects()
    assert number == 0
    assert reason.startswith("cannot be read as backstage: cannot be read to its end")


@pytest.mark.parametrize("file_format", [*DOCUMENT_FORMATS, *OTHER_FORMATS[:2]])
def test_a_format_of_another_table_is_refused(project: Project, file_format: str) -> None:
    project.write("x.json", b"{}")
    project.source("x.json", "calls", format=file_format)
    with pytest.raises(ConfigError) as caught:
        _ = project.config
    said = str(caught.value)
    assert f'sources[0].format is "{file_format}"; it must be jsonl, csv or parquet' in said
    remedy = "Name one of these as `table`, or convert the files."
    assert (remedy in said) == (file_format in DOCUMENT_FORMATS)


def test_owners_of_paths_have_no_edges(project: Project) -> None:
    project.write("CODEOWNERS", b"* @a")
    project.source("CODEOWNERS", EDGES, format="codeowners")
    with pytest.raises(ConfigError, match="codeowners has rows of components"):
        _ = project.config


def test_a_misspelt_format_of_parts_is_guessed(project: Project) -> None:
    project.write("x.json", b"{}")
    project.source("x.json", PARTS, format="cyclondx")
    with pytest.raises(ConfigError, match=r"lockfile\. Did you mean cyclonedx\?"):
        _ = project.config


@pytest.mark.skipif(
    not {"listed_on", "sha256"} <= {*BY_NAME[PARTS].stored_columns, *BY_NAME[PARTS].identity},
    reason="the table has no listed_on",
)
def test_when_a_part_was_first_listed(project: Project) -> None:
    path = project.write("orders.tools.json", SAMPLES["mcp"].text.encode())
    bom = project.write("bom.json", SAMPLES["cyclonedx"].text.encode())
    project.source("orders.tools.json", PARTS, format="mcp")
    project.source("bom.json", PARTS, format="cyclonedx")
    project.land()
    path.write_text(SAMPLES["mcp"].text.replace(*SAMPLES["mcp"].changed))
    os.utime(path, (1793750400, 1793750400))  # 2026-11-04
    later = BOM | {"metadata": {"timestamp": "2026-11-09T00:00:00Z"}}
    later["components"] = [*BOM["components"], {"type": "library", "name": "new"}]
    bom.write_text(json.dumps(later))
    project.land()
    listed = core(project, PARTS, "component_id, listed_on::date::varchar")
    # The tool that changed, and so its server, have two forms; what stayed was always there.
    assert [day for one, day in listed if one == "mcp:orders/tool:refund"] == [None]
    assert {day for one, day in listed if one == "mcp:orders/tool:lookup"} == {None, "2026-11-04"}
    assert {day for one, day in listed if one == "mcp:orders"} == {None, "2026-11-04"}
    # A bill of materials has its own time: what it lists again was listed when it first was.
    assert {day for one, day in listed if one == "model"} == {"2026-11-01"}
    assert {day for one, day in listed if one == "new"} == {"2026-11-09"}
