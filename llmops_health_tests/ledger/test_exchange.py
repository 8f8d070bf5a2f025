"""Ledgers and other tools: stages of a dvc.lock in, OpenLineage events out."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from llmops_health import ledger
from llmops_health.ledger.dvc import steps_of
from llmops_health.ledger.files import read
from llmops_health.ledger.openlineage import events

WRITTEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def lock(folder: Path, stages: dict[str, object], schema: str = "2.0") -> Path:
    path = folder / "dvc.lock"
    path.write_text(yaml.safe_dump({"schema": schema, "stages": stages}), "utf-8")
    os.utime(path, (WRITTEN.timestamp(), WRITTEN.timestamp()))
    return path


def out(name: str, text: str = "") -> dict[str, object]:
    return {
        "path": name,
        "hash": "md5",
        "md5": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "size": 1,
    }


STAGES: dict[str, object] = {
    "train": {"cmd": "python train.py", "deps": [out("kept.jsonl", "2\n")], "outs": [out("model")]},
    "dedup": {
        "cmd": "python dedup.py",
        "deps": [out("dedup.py", "code"), out("raw.jsonl", "1\n2\n")],
        "params": {"params.yaml": {"dedup.threshold": 0.9}},
        "outs": [out("kept.jsonl", "2\n")],
    },
}


def test_stages_come_in_the_order_in_which_they_run(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_text("1\n2\n")
    (tmp_path / "kept.jsonl").write_text("2\n")
    dedup, train = steps_of(lock(tmp_path, STAGES))
    assert (dedup["op"], dedup["rows_in"], dedup["rows_out"]) == ("dedup", 2, 1)
    assert dedup["params"] == {
        "params.yaml": {"dedup.threshold": 0.9}, "cmd": "python dedup.py"
    }  # fmt: skip
    assert dedup["started_at"] == WRITTEN.isoformat()
    assert dedup["output_artifact"] == train["input_artifacts"][0]
    assert len(dedup["input_artifacts"]) == 1  # code is no data
    assert (train["op"], train["rows_in"], train["rows_out"]) == ("train", 0, 0)


def test_files_that_are_not_as_dvc_knows_them_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_text("1\n2\n3\n")
    (tmp_path / "kept.jsonl").write_text("2\n")
    dedup, _ = steps_of(lock(tmp_path, STAGES))
    assert (dedup["rows_in"], dedup["rows_out"]) == (0, 0)


def test_other_code_is_another_step(tmp_path: Path) -> None:
    before, _ = steps_of(lock(tmp_path, STAGES))
    changed = json.loads(json.dumps(STAGES))
    changed["dedup"]["deps"][0]["md5"] = "0"
    after, _ = steps_of(lock(tmp_path, changed))
    assert before["code_sha256"] != after["code_sha256"]


@pytest.mark.parametrize("text", ["schema: '1.0'\n", "[]", "a: [", ""])
def test_what_is_no_lock_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"no dvc\.lock|no YAML"):
        list(steps_of(path))


def test_a_step_is_one_event_that_is_the_same_each_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with ledger.step("dedup", pipeline="p", path=path, params={"x": 1}) as step:
        step.input(10, artifact="h1")
        step.dropped(3)
        step.output(7, artifact="h2")
    rows = [line.row or {} for line in read(path)]
    [event] = events(rows)
    assert [event] == list(events(rows))
    assert (event["eventType"], event["eventTime"]) == ("COMPLETE", rows[0]["started_at"])
    assert event["job"]["name"] == "p.dedup"
    assert [one["name"] for one in event["inputs"]] == ["h1"]
    [made] = event["outputs"]
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 7
    facet = event["run"]["facets"]["llmopsHealth_ledgerStep"]
    assert (facet["rows_dropped"], facet["rowHash"]) == (3, rows[0]["row_hash"])
    for name in ("producer", "schemaURL", "run", "job"):
        assert event[name]
    assert json.loads(json.dumps(event)) == event
