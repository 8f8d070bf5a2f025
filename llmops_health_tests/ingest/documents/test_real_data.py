"""Documents that people published, as they are: nothing is lost, and what dangles stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from llmops_health.ingest.documents import reader
from llmops_health.ingest.documents.codeowners import owners_of
from llmops_health_tests.ingest.project import Project

FOLDER = "LLMOPS_HEALTH_REAL_DATA"
pytestmark = pytest.mark.skipif(not os.environ.get(FOLDER), reason=f"{FOLDER} is not set")


@pytest.fixture
def real() -> Path:
    return Path(os.environ[FOLDER]) / "aibom"


def test_all_servers_of_a_registry(project: Project, real: Path) -> None:
    path = next((real / "mcp_registry").glob("seed*.json"))
    servers = json.loads(path.read_text())
    project.source(str(path), "components", format="mcp", feature_id="f")
    [report] = project.land()
    # Seven entries of the 469 are empty: they are refused, each by its place.
    assert (report.n_rows, report.n_new, report.n_rejected) == (469, 462, 7)
    empty = [place for place, one in enumerate(servers, start=1) if not one["name"]]
    assert project.rejects() == [(place, "component_id", "missing") for place in empty]
    packaged = [
        one
        for one in servers
        if any(p["registry_name"] in {"npm", "pypi", "docker"} for p in one.get("packages", ()))
    ]
    assert project.sql(
        "select count(distinct name), count(released_on), count(purl), count(sha256)"
        " from landed__components where kind = 'mcp_server' and feature_id = 'f'"
    ) == [(462, 462, len(packaged), 0)]
    [(names,)] = project.sql(
        "select attributes ->> '$.settings' from landed__components"
        " where name like '%/mcp-server-adfin'"
    )
    assert json.loads(names) == ["ADFIN_EMAIL", "ADFIN_PASSWORD"]


def test_bills_of_materials_of_the_standard(project: Project, real: Path) -> None:
    for table in ("components", "component_edges"):
        project.source(str(real / "cyclonedx" / "*.json"), table, format="cyclonedx")
    reports = project.land()
    assert [report.n_rejected for report in reports] == [0] * 6
    # Three documents of one model and the dataset that its card describes.
    assert project.sql("select component_id, kind from landed__components order by all") == [
        ("component-a", "model"),
        ("component-a/dataset:Training Data", "dataset"),
    ]
    assert project.sql("select src, dst, relation from landed__component_edges") == [
        ("component-a", "component-a/dataset:Training Data", "trained_on")
    ]


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.7"])
def test_references_that_lead_nowhere_stay(real: Path, version: str) -> None:
    path = real / "cyclonedx" / f"valid-machine-learning-{version}.json"
    bom = json.loads(path.read_text())
    bom["dependencies"] = [{"ref": "component-a", "dependsOn": ["gone"]}]
    bom["components"][0]["modelCard"]["modelParameters"]["datasets"].append({"ref": "lost"})
    rows = list(reader("cyclonedx")(json.dumps(bom), "component_edges", path))
    assert [(row["dst"], row["relation"]) for _, row in rows][1:] == [
        ("lost", "trained_on"),
        ("gone", "depends_on"),
    ]


@pytest.mark.parametrize(
    ("name", "n_rules", "path", "owners"),
    [
        ("EleutherAI+lm-evaluation-harness", 1, "lm_eval/api/task.py", "@baberabb @0xSMT"),
        ("Arize-ai+phoenix", 6, "src/phoenix/server/app.py", "@arize-ai/oss-python"),
        ("LAION-AI+Open-Assistant", 15, "oasst-data/x.py", "@andreaskoepf @yk @olliestanley"),
        ("NVIDIA+garak", 1, "garak/cli.py", ""),
        ("langfuse+langfuse", 2, "web/.storybook/main.ts", "@bezbac"),
        ("openlit+openlit", 2, "sdk/python/src/x.py", "@openlit/litters @ishanjainn"),
    ],
)
def test_owners_of_real_repositories(
    real: Path, name: str, n_rules: int, path: str, owners: str
) -> None:
    file = real / "codeowners" / f"{name}.CODEOWNERS"
    rows = [row for _, row in reader("codeowners")(file.read_text(), "components", file)]
    lines = [line for line in file.read_text().splitlines() if line.strip() and line[0] != "#"]
    assert len(rows) == n_rules == len(lines)
    assert not any("invalid_owners" in row for row in rows)
    assert owners_of(path, rows) == tuple(owners.split())
