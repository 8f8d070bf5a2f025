"""The README: its commands exist, its configuration loads, its queries run, its table is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmops_health import config, health
from llmops_health.cli import app
from llmops_health.contract import TABLES
from llmops_health.storage.warehouse import open_published

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_every_command_of_the_readme_exists() -> None:
    known = {
        command.name or (command.callback.__name__ if command.callback else "")
        for command in app.registered_commands
    }
    spoken = set(
        re.findall(
            r"llmops-health ([a-z]+)(?= |`|$)",
            "\n".join(blocks("console") + blocks("text")) + README.replace("llmops-health is", ""),
        )
    )
    assert spoken <= known


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets


def test_the_configuration_of_the_readme_loads(tmp_path: Path) -> None:
    (tmp_path / "llmops-health.yaml").write_text("\n".join(blocks("yaml")), "utf-8")
    for name in (".mcp.json", "catalog-info.yaml", ".github/CODEOWNERS", "uv.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    loaded = config.load(tmp_path / "llmops-health.yaml", {})
    tables = [source.table for source in loaded.sources]
    assert tables[:3] == ["calls", "labels", "feedback"]
    assert set(tables[3:]) == {"components", "component_edges"}


def test_every_check_and_table_is_named() -> None:
    for check in health.discover():
        assert check.name in README, check.key
    for table in TABLES:
        assert f"`{table.name}`" in README


@pytest.mark.slow
def test_the_queries_of_the_readme_run(demo: Path) -> None:
    database = open_published(demo.parent / "health.duckdb")
    try:
        queries = [q for block in blocks("sql") for q in block.split(";") if q.strip()]
        queries += re.findall(r'llmops-health sql "([^"]+)"', README)
        assert len(queries) >= 5
        for query in queries:
            assert database.execute(query).description
    finally:
        database.close()
