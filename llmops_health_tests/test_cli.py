"""The command line as people use it: help, exit codes, stable JSON, read-only queries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmops_health.cli import app

COMMANDS = sorted(
    (command.name or command.callback.__name__)  # type: ignore[union-attr]
    for command in app.registered_commands
)


def call(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "LLMOPS_HEALTH_CONFIG"}
    return subprocess.run(
        [sys.executable, "-m", "llmops_health", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = call(command, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout


def test_a_missing_configuration_says_what_to_do(tmp_path: Path) -> None:
    done = call("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "llmops-health init" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_writes_a_file_once(tmp_path: Path) -> None:
    assert call("init", cwd=tmp_path).returncode == 0
    again = call("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "llmops-health.yaml" in again.stderr


def test_status_before_any_run_says_so(tmp_path: Path) -> None:
    call("init", cwd=tmp_path)
    done = call("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "llmops-health run" in done.stderr


def test_a_wrong_key_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "llmops-health.yaml"
    path.write_text("features: [{id: a, kind: classifier, confidence_gat: 0.5}]\n", "utf-8")
    done = call("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "confidence_gate" in done.stderr


def test_an_engine_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "llmops-health.yaml"
    path.write_text('engine: {spark: "sc://host:15002"}\n', "utf-8")
    done = call("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "engine" in done.stderr
    assert "not supported by this version" in done.stderr


def test_explain_knows_checks_and_suggests(tmp_path: Path) -> None:
    done = call("explain", "calibration.overconfidence", cwd=tmp_path)
    assert "Why it matters" in done.stdout
    assert "max_gap" in done.stdout
    wrong = call("explain", "calibration.overconfidense", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "Did you mean calibration.overconfidence?" in wrong.stderr


@pytest.mark.slow
def test_status_fails_where_a_verdict_fails_and_its_json_is_stable(demo: Path) -> None:
    done = call("status", "--json", "--config", demo)
    assert done.returncode == 1
    shown = json.loads(done.stdout)
    assert set(shown) == {"schema_version", "day", "failing", "features", "alarms"}
    assert shown["day"] == "2026-10-31"
    verdict = shown["features"][0]["verdicts"][0]
    assert set(verdict) == {"mode", "status", "n_checks", "n_failed", "headline"}
    text = call("status", "--config", demo)
    assert text.returncode == 1
    assert "support-intents" in text.stdout


@pytest.mark.slow
def test_sql_reads_and_cannot_write(demo: Path) -> None:
    done = call("sql", "--config", demo, "select count(*) as n from core__calls")
    assert done.returncode == 0
    assert "1 rows" in done.stdout
    for query in ("delete from core__calls", "select * from read_text('/etc/passwd')",
                  "copy core__calls to 'x.csv'", "attach 'y.duckdb'"):  # fmt: skip
        refused = call("sql", "--config", demo, query)
        assert refused.returncode == 2, query
        assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(demo: Path) -> None:
    done = call("run", "--config", demo)
    assert done.returncode == 0
    assert "every day was up to date" in done.stdout


@pytest.mark.slow
def test_refresh_writes_cases_ready_to_import(demo: Path) -> None:
    done = call("refresh", "help-rag", "--config", demo)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.rsplit(" to ", 1)[1].strip())
    first = json.loads(path.read_text("utf-8").splitlines()[0])
    assert {"suite_id", "case_id", "feature_id", "input_text"} <= set(first)


@pytest.mark.slow
def test_the_page_is_there_and_whole(demo: Path) -> None:
    page = (demo.parent / "report" / "index.html").read_text("utf-8")
    assert page.endswith("</html>\n")
    assert "support-intents" in page
    assert " src=" not in page
    assert "url(" not in page
