"""The ledger that people call: what it records of each kind of table, and when nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmops_health import ledger
from llmops_health.contract import BY_NAME
from llmops_health.kernels.merkle import merkle_root
from llmops_health.ledger.files import artifacts_path, rows_path
from llmops_health.ledger.fingerprints import sha256_of
from llmops_health.ledger.step import ACTIONS, KINDS, OPS
from llmops_health.ledger.verify import Chain, verify

COLUMNS = {"label": ["a", "b", None, "a"], "w": [1.0, 2.0, 0.5, 0.5]}
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
TABLES: dict[str, Any] = {
    "polars": pl.DataFrame(COLUMNS),
    "pandas": pd.DataFrame(COLUMNS),
    "arrow": pa.table(COLUMNS),
    "rows": ROWS,
}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


@pytest.mark.parametrize("kind", list(TABLES))
def test_every_kind_of_table_is_measured_alike(path: Path, kind: str) -> None:
    book = ledger.open(path, pipeline="intents")
    with book.step("filter", params={"min": 1}) as step:
        step.input(TABLES[kind], label="label", weight="w")
        step.dropped(2, "too light")
        step.output(
            TABLES[kind][:2] if kind != "arrow" else TABLES[kind].slice(0, 2), label="label"
        )
    [row] = lines(path)
    assert (row["rows_in"], row["rows_out"], row["rows_dropped"]) == (4, 2, 2)
    assert row["class_counts_in"] == {"(none)": 1, "a": 2, "b": 1}
    assert row["class_counts_out"] == {"a": 1, "b": 1}
    assert row["weight_in"] == pytest.approx(4.0)
    assert row["params"] == {"min": 1, "reasons": {"too light": 2}}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_file_is_its_own_artifact(path: Path, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"raw.{kind}"
    if kind == "jsonl":
        file.write_text("\n".join(map(json.dumps, ROWS)), "utf-8")
    elif kind == "csv":
        pd.DataFrame(COLUMNS).to_csv(file, index=False)
    else:
        pq.write_table(TABLES["arrow"], file)
    with ledger.step("ingest", pipeline="p", path=path) as step:
        step.input(file, kind="raw_feedback", name="raw", version="7")
        step.output(file)
    [row] = lines(path)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (row["rows_in"], row["rows_out"]) == (4, 4)
    assert row["input_artifacts"] == [sha256]
    assert row["output_artifact"] == sha256
    [listed] = lines(artifacts_path(path))
    assert listed.pop("created_at") == row["started_at"]
    assert listed == {
        "artifact_sha256": sha256, "kind": "raw_feedback", "name": "raw", "version": "7",
        "n_rows": 4,
    }  # fmt: skip


def test_a_folder_is_named_by_its_files(path: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "b.bin").write_bytes(b"2")
    (model / "sub" / "a.bin").write_bytes(b"1")
    leaves = [
        f"{name}\0{hashlib.sha256(data).hexdigest()}".encode()
        for name, data in (("b.bin", b"2"), ("sub/a.bin", b"1"))
    ]
    assert sha256_of(model) == merkle_root(leaves).hex()
    with ledger.step("train", pipeline="p", path=path) as step:
        step.input(10)
        step.output(1, artifact=model, kind="checkpoint", name="intents")
    assert lines(path)[0]["output_artifact"] == sha256_of(model)
    (model / "b.bin").rename(model / "c.bin")
    assert lines(path)[0]["output_artifact"] != sha256_of(model)


def test_inputs_add_up(path: Path) -> None:
    with ledger.step("merge", pipeline="p", path=path) as step:
        step.input(ROWS[:2], label="label", artifact="h1")
        step.input(ROWS[2:], label="label", artifact="h2")
        step.output(ROWS, label="label", artifact="h3")
    [row] = lines(path)
    assert row["rows_in"] == row["rows_out"] == 4
    assert row["class_counts_in"] == row["class_counts_out"]
    assert (row["input_artifacts"], row["output_artifact"]) == (["h1", "h2"], "h3")


@pytest.mark.parametrize("make", [list, pl.Series, pd.Series, pa.array])
def test_flipped_labels_are_counted(path: Path, make: Any) -> None:
    with ledger.step("relabel", pipeline="p", path=path, prompt_version="v2") as step:
        step.input(4)
        step.labels(make(["a", "b", None, "a"]), make(["a", "c", None, None]))
        step.output(4)
    [row] = lines(path)
    assert (row["labels_flipped"], row["prompt_version"]) == (2, "v2")


def test_rows_of_single_steps_go_beside_the_ledger(path: Path) -> None:
    with ledger.step("filter", pipeline="p", path=path) as step:
        step.input(2)
        step.rows(
            [
                {"action": "kept", "in_row_id": "1", "out_row_id": "1", "feedback_id": "f1"},
                {"action": "dropped", "in_row_id": "2", "reason": "empty"},
            ]
        )
        step.output(1)
    [row] = lines(path)
    kept, dropped = lines(rows_path(path))
    assert kept["step_id"] == dropped["step_id"] == row["step_id"]
    assert (kept["feedback_id"], dropped["reason"]) == ("f1", "empty")


def test_code_environment_and_actor_are_recorded(path: Path, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==2.0\n")
    book = ledger.open(path, pipeline="p", actor="nightly job", environment=lock)
    with book.step("map", code=lines) as step:
        step.input(1)
        step.output(1)
    with book.step("map") as step:
        step.input(1)
        step.output(1)
    of_function, of_caller = lines(path)
    assert of_caller["code_sha256"] == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    assert "test_recording.py:" in of_caller["code_ref"]
    assert of_function["code_sha256"] != of_caller["code_sha256"]
    assert of_function["env_sha256"] == hashlib.sha256(lock.read_bytes()).hexdigest()
    assert of_function["actor"] == "nightly job"


def test_nothing_is_written_of_a_step_that_fails(path: Path) -> None:
    with pytest.raises(RuntimeError, match="broke"), ledger.step("map", pipeline="p", path=path):
        raise RuntimeError("broke")
    assert not path.exists()


def test_a_step_says_what_it_reads_and_leaves(path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"does not say its output: step\.output"),
        ledger.step("map", pipeline="p", path=path) as step,
    ):
        step.input(1)
    assert not path.exists()


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        (lambda step: step.dropped(-1), "whole number"),
        (lambda step: step.input(1, label="x"), "A count has no columns"),
        (lambda step: step.input(1, kind="dataset"), "artifact="),
        (lambda step: step.input(1, artifact="h", kind="model"), "kind must be one of"),
        (lambda step: step.rows([{"action": "lost"}]), "action must be one of"),
        (lambda step: step.labels(["a"], ["a", "b"]), "must pair up"),
        (lambda step: step.input([{"x": str(i)} for i in range(1001)], label="x"), "no classes"),
    ],
)
def test_what_makes_no_sense_is_refused(path: Path, faulty: Any, message: str) -> None:
    with (
        pytest.raises(ValueError, match=message),
        ledger.step("map", pipeline="p", path=path) as step,
    ):
        faulty(step)


@pytest.mark.parametrize("data", [pl.LazyFrame({"a": [1]}), object(), {"a": [1]}])
def test_what_is_no_table_is_refused(path: Path, data: Any) -> None:
    with (
        pytest.raises(TypeError, match=r"table|rows yet"),
        ledger.step("map", pipeline="p", path=path) as step,
    ):
        step.input(data)


def test_an_unknown_op_is_refused(path: Path) -> None:
    with (
        pytest.raises(ValueError, match="op must be one of"),
        ledger.step("delete", pipeline="p", path=path),
    ):
        pass


def test_words_are_those_of_the_contract() -> None:
    assert BY_NAME["ledger_steps"].column("op").among == OPS
    assert BY_NAME["ledger_rows"].column("action").among == ACTIONS
    assert BY_NAME["artifacts"].column("kind").among == KINDS


def test_pipelines_of_one_file_are_chains_of_their_own(path: Path) -> None:
    for pipeline in ("p", "q", "p", "q", "p"):
        with ledger.step("map", pipeline=pipeline, path=path) as step:
            step.input(1)
            step.output(1)
    found = {one.pipeline: one for one in verify([path]) if isinstance(one, Chain)}
    assert [row["seq"] for row in found["p"].rows] == [1, 2, 3]
    assert [row["seq"] for row in found["q"].rows] == [1, 2]


def test_rows_from_elsewhere_are_chained_too(path: Path) -> None:
    book = ledger.open(path, pipeline="p")
    when = datetime(2026, 3, 1, tzinfo=UTC).isoformat()
    first = book.append({"op": "ingest", "started_at": when, "rows_in": 1, "rows_out": 1, "seq": 9})
    second = book.append({"op": "map", "started_at": when, "rows_in": 1, "rows_out": 1})
    assert (first["seq"], second["seq"], second["prev_hash"]) == (1, 2, first["row_hash"])
    assert [type(one) for one in verify([path])] == [Chain]


def test_nothing_heavy_is_imported_to_record() -> None:
    code = (
        "import sys; from llmops_health import ledger;"
        "print(*[m for m in ('numpy', 'polars', 'pandas', 'pyarrow', 'duckdb', 'dagster',"
        " 'pydantic', 'cryptography', 'rensa', 'subprocess') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
