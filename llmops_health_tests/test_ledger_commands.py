"""The ledger's commands as people use them: exit codes, what is printed, and where it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from llmops_health import ledger
from llmops_health.cli import app

SAMPLE = {
    "schema": "2.0",
    "stages": {
        "dedup": {
            "cmd": "python dedup.py",
            "deps": [{"path": "raw.jsonl", "md5": "a", "size": 1}],
            "outs": [{"path": "kept.jsonl", "md5": "b", "size": 1}],
        }
    },
}


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def written(path: Path, n: int = 3, pipeline: str = "p") -> Path:
    for _ in range(n):
        with ledger.step("map", pipeline=pipeline, path=path) as step:
            step.input(5)
            step.output(5)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "ledger.jsonl")


def altered(path: Path, at: int) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows[at]["rows_out"] = 4
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def test_a_whole_ledger_exits_with_0(path: Path) -> None:
    done = call("verify-ledger", path)
    assert done.exit_code == 0
    assert done.output.startswith("p: 3 hashed rows, whole; head ")


def test_the_first_bad_row_is_named_with_exit_code_1(path: Path) -> None:
    written(path, 2, "q")
    altered(path, 1)
    done = call("verify-ledger", path)
    assert done.exit_code == 1
    assert f"{path}:2: pipeline p: seq 2: its content is not" in done.output
    assert "q: 2 hashed rows, whole" in done.output


def test_configured_ledgers_are_verified(path: Path) -> None:
    config = path.with_name("llmops-health.yaml")
    source = {"table": "ledger_steps", "format": "jsonl", "path": "ledger.jsonl"}
    config.write_text(
        yaml.safe_dump({"features": [{"id": "p", "kind": "rag"}], "sources": [source]})
    )
    assert call("verify-ledger", "--config", config).exit_code == 0
    altered(path, 0)
    assert call("verify-ledger", "--config", config).exit_code == 1


def test_a_signed_checkpoint_finds_a_cut_off_end(path: Path, tmp_path: Path) -> None:
    key, head = tmp_path / "key", tmp_path / "head.json"
    assert call("ledger", "keygen", key).exit_code == 0
    signed = call("ledger", "sign", path, "--key", key)
    assert signed.exit_code == 0
    head.write_text(signed.stdout)
    against = ("verify-ledger", path, "--checkpoint", head, "--public-key", tmp_path / "key.pub")
    assert call(*against).exit_code == 0
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:2]))
    done = call(*against)
    assert done.exit_code == 1
    assert "its end was cut off" in done.output
    assert isinstance(call(*against[:4]).exception, ValueError)


def test_a_broken_ledger_is_not_signed(path: Path, tmp_path: Path) -> None:
    call("ledger", "keygen", tmp_path / "key")
    altered(path, 1)
    done = call("ledger", "sign", path, "--key", tmp_path / "key")
    assert done.exit_code == 1
    assert not done.stdout


def test_of_several_pipelines_one_is_named(path: Path, tmp_path: Path) -> None:
    written(path, 1, "q")
    call("ledger", "keygen", tmp_path / "key")
    done = call("ledger", "sign", path, "--key", tmp_path / "key")
    assert "p, q: give" in str(done.exception)
    assert call("ledger", "sign", path, "-p", "q", "--key", tmp_path / "key").exit_code == 0


def test_a_dvc_lock_is_imported_once(path: Path, tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text(yaml.safe_dump(SAMPLE))
    arguments = ("ledger", "import-dvc", lock, "-p", "dvc", "--into", path)
    assert call(*arguments).output.startswith("Appended 1 steps")
    assert call(*arguments).output.startswith("Appended 0 steps")
    assert call("verify-ledger", path).exit_code == 0


def test_events_are_printed_line_by_line(path: Path) -> None:
    written(path, 1, "q")
    all_lines = call("ledger", "export-openlineage", path).output.splitlines()
    assert [json.loads(line)["job"]["name"] for line in all_lines] == ["p.map"] * 3 + ["q.map"]
    assert len(call("ledger", "export-openlineage", path, "-p", "q").output.splitlines()) == 1


@pytest.mark.parametrize("command", ["keygen", "sign", "import-dvc", "export-openlineage"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert "Example" in call("ledger", command, "--help").output
