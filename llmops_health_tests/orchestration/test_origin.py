"""Runs of the command line belong to the jobs that the browser shows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from llmops_health import config
from llmops_health.definitions import build
from llmops_health.orchestration import origin
from llmops_health.running import instance
from llmops_health.storage.warehouse import Warehouse

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_runs_of_the_command_line_say_whose_they_are(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with instance(Warehouse(config.load(demo).storage.path)) as opened:
        runs = opened.get_runs()
    assert {run.job_name for run in runs} >= {"ingest", "health_of_days", "power_cards"}
    repository = build(str(demo)).get_repository_def().name
    for run in runs:
        found = run.remote_job_origin
        assert found is not None
        assert found.job_name == run.job_name
        assert found.location_name == origin.LOCATION
        assert found.repository_origin.repository_name == repository
        assert run.tags.items() >= origin.tags().items()
        assert run.is_success


def test_the_code_location_has_one_name() -> None:
    [served] = yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8"))["load_from"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["dagster"]
    assert served["python_module"]["location_name"] == origin.LOCATION
    assert project["code_location_name"] == origin.LOCATION
    assert served["python_module"]["module_name"] == project["module_name"] == origin.LOCATION
