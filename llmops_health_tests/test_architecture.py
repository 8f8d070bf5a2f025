"""Data flows one way: a package imports only what lies before it; checks are whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmops_health
from llmops_health import health

ROOT = Path(llmops_health.__file__).parent
OURS = "llmops_health"
MAY_IMPORT = {
    "kernels": {"numpy", "scipy", f"{OURS}.kernels"},
    "health": {"numpy", "polars", "pydantic", "scipy.special", *(f"{OURS}.{name}" for name in
               ("kernels", "figures", "findings", "config", "health"))},
    "columns.py": set(),
    "contract.py": {f"{OURS}.columns"},
    "sqlfiles.py": set(),
    "findings.py": {"pydantic"},
    "text": {"numpy", "scipy", "polars", "rensa", "tokenizers", "safetensors", f"{OURS}.kernels",
             f"{OURS}.text"},
    "ledger": {"cryptography", "pyarrow", "yaml", f"{OURS}.kernels", f"{OURS}.ledger",
               f"{OURS}.storage.locks"},
    "bom": {"boolean", "cyclonedx", "jsonschema_rs", "license_expression", "packageurl", "polars",
            *(f"{OURS}.{name}" for name in ("bom", "config", "health.bom", "kernels",
                                                "ledger.dsse"))},
    "exports.py": set(),
    "figures": {f"{OURS}.figures", f"{OURS}.findings"},
    "power": {"numpy", "polars", "scipy", *(f"{OURS}.{name}" for name in
              ("config", "findings", "health", "kernels", "power"))},
    "judge.py": {"duckdb", "polars", *(f"{OURS}.{name}" for name in
                 ("config", "figures", "findings", "health", "storage"))},
    "processes.py": {"joblib", "polars"},
    "answers.py": {"polars", "threadpoolctl", *(f"{OURS}.{name}" for name in
                   ("config", "figures", "findings", "health", "judge", "processes", "progress",
                    "report.plots", "storage"))},
    "ingest": {"duckdb", "orjson", "pyarrow", "yaml", *(f"{OURS}.{name}" for name in
               ("columns", "config", "contract", "ingest", "ledger.dvc", "progress", "storage",
               "text"))},
    "report": {"duckdb", "evidently", "jinja2", "numpy", "polars", "orjson",
               *(f"{OURS}.{name}" for name in ("bom", "config", "exports", "figures", "findings",
                                               "health", "kernels", "report", "text"))},
}  # fmt: skip
HEADINGS = ("Why it matters", "How it is found", "How to mend it", "What it cannot see")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == OURS:
                yield from (f"{OURS}.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


@pytest.mark.parametrize("part", list(MAY_IMPORT))
def test_imports_flow_one_way(part: str) -> None:
    start = ROOT / part
    for path in [start] if start.is_file() else start.rglob("*.py"):
        for name in imports(path):
            if name.split(".")[0] in sys.stdlib_module_names:
                continue
            assert any((name + ".").startswith(ok + ".") for ok in MAY_IMPORT[part]), (path, name)


def test_only_orchestration_imports_dagster() -> None:
    allowed = {ROOT / "definitions.py", ROOT / "running.py"}
    for path in ROOT.rglob("*.py"):
        if path.is_relative_to(ROOT / "orchestration") or path in allowed:
            continue
        assert not any(name.split(".")[0] == "dagster" for name in imports(path)), path


def test_only_the_storage_connects() -> None:
    allowed = {ROOT / "storage" / name for name in ("engines.py", "warehouse.py")}
    for path in ROOT.rglob("*.py"):
        if path not in allowed:
            assert "duckdb.connect(" not in path.read_text("utf-8"), path


@pytest.mark.parametrize("check", list(health.discover()), ids=lambda check: check.key)
def test_every_check_is_documented_and_tested(check: health.Check) -> None:
    for heading in HEADINGS:
        assert f"\n{heading}\n" in check.doc
    test = Path(__file__).parent / "health" / check.mode / f"test_{check.name}.py"
    assert test.is_file()
    assert all(field.description for field in check.params.model_fields.values())
    assert check.history_days >= 1


@pytest.mark.parametrize("mode", health.MODES)
def test_every_mode_says_what_it_is(mode: str) -> None:
    assert health.mode_doc(mode)


def loaded_by(statement: str, *suspects: str) -> set[str]:
    code = f"import sys; {statement}; print(*[m for m in {suspects!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    heavy = ("dagster", "duckdb", "polars", "numpy", "scipy", "pydantic", "evidently", "rich.table")
    assert loaded_by("import llmops_health.cli", *heavy) == set()


def test_the_code_location_loads_without_the_heaviest() -> None:
    heavy = ("evidently", "pandas", "scipy", "numpy", "polars", "duckdb", "pyarrow", "jinja2")
    assert loaded_by("import llmops_health.definitions", *heavy) == set()
