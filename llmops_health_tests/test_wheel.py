"""The wheel: what is installed is whole, and works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = (".sql", ".toml", ".yaml", ".typed", ".html", ".j2", ".css", ".js", ".json")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    [made] = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel unpacked as pip does it, dependencies from outside."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-compile", "--target", str(target), str(wheel)], check=True)
    return target


def run_away(installed: Path, folder: Path, *command: str) -> str:
    """Run a command in another folder, where only the installed package can be imported."""
    home = {"DAGSTER_HOME": str(folder), "DAGSTER_DISABLE_TELEMETRY": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LLMOPS_")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=kept | home | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_file_that_is_not_python_is_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "llmops_health").rglob("*")
        if path.suffix in {".py", *DATA}
    }
    queries = {
        f"llmops_health/_sql/{path.relative_to(ROOT / 'sql').as_posix()}"
        for path in (ROOT / "sql").rglob("*.sql")
    }
    assert "llmops_health/_sql/macros.sql" in queries
    assert package | queries <= inside
    assert not any(name.startswith(("llmops_health_tests", "sql/")) for name in inside)


@pytest.mark.slow
def test_the_command_runs(installed: Path, tmp_path: Path) -> None:
    command = installed / "bin" / "llmops-health"
    shown = run_away(installed, tmp_path, sys.executable, str(command), "--help")
    assert "drift, calibration, eval rot" in shown
    run_away(installed, tmp_path, sys.executable, str(command), "init")
    assert (tmp_path / "llmops-health.yaml").is_file()


@pytest.mark.slow
def test_the_installed_package_makes_the_demo(installed: Path, tmp_path: Path) -> None:
    code = """
from pathlib import Path
import llmops_health
from llmops_health.config import load
from llmops_health.demo import write_world
from llmops_health.sqlfiles import SQL_ROOT

print(len(load(write_world(Path("demo"), days=14, calls_per_day=20)).features))
print(Path(llmops_health.__file__).parent)
print(SQL_ROOT)
"""
    n_features, package, queries = run_away(
        installed, tmp_path, sys.executable, "-c", code
    ).splitlines()
    assert n_features == "6"
    assert Path(package) == installed / "llmops_health"
    assert Path(queries) == installed / "llmops_health" / "_sql"


@pytest.mark.slow
def test_the_code_location_is_valid(installed: Path, tmp_path: Path) -> None:
    validate = ("-m", "dagster", "definitions", "validate", "-m", "llmops_health.definitions")
    run_away(installed, tmp_path, sys.executable, *validate)
