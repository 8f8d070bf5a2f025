"""From a database to files: what is read as of a day, and what is written beside the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from llmops_health import boms
from llmops_health.bom_material import Material, read
from llmops_health.cli import app
from llmops_health.config import Config
from llmops_health.ledger.checkpoints import make_key
from llmops_health.steps import all_tables
from llmops_health.storage.engines import memory
from llmops_health.storage.warehouse import ensure_table, insert_rows
from llmops_health_tests.bom import world
from llmops_health_tests.bom.world import DAY, FULL

NIGHT = datetime.fromisoformat("2026-10-31T03:00")
LATE = datetime.fromisoformat("2026-11-01T03:00")
OBSERVED = {"day": "date", "feature_id": "varchar", "kind": "varchar", "name": "varchar",
            "version": "varchar", "n_calls": "bigint"}  # fmt: skip


def put(connection: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    columns = (all_tables() | {"summary__observed_components": OBSERVED})[table]
    ensure_table(connection, table, columns)
    values = [tuple(row.get(name) for name in columns) for row in rows]
    insert_rows(connection, table, list(columns), values)


def filled(connection: duckdb.DuckDBPyConnection) -> None:
    for table, columns in all_tables().items():
        ensure_table(connection, table, columns)
    put(connection, "core__components", *world.PARTS)
    put(
        connection,
        "core__component_edges",
        *({"src": src, "dst": dst, "relation": relation} for src, dst, relation in world.LINKS),
    )
    put(connection, "summary__observed_components", *world.observed().to_dicts())
    runs = [
        ("old", "s", "champion", datetime.fromisoformat("2026-10-01")),
        ("new", "s", "champion", NIGHT),
        ("late", "s", "champion", LATE),
        ("rival", "s", "challenger", NIGHT),
        ("odd", "t", None, NIGHT),
        ("empty", "t", None, LATE),
    ]
    put(
        connection,
        "core__eval_runs",
        *(
            {
                "day": at.date(),
                "eval_run_id": run,
                "feature_id": FULL.id,
                "suite_id": suite,
                "role": role,
                "started_at": at,
                "model": "claude-answer",
            }
            for run, suite, role, at in runs
        ),
    )
    scores: dict[str, list[float]] = {"old": [0, 0], "new": [1, 1, 0, 1], "odd": [0.5, 0.7]}
    scores |= {"late": [0], "rival": [0]}
    put(
        connection,
        "summary__eval_items",
        *(
            {
                "day": DAY,
                "feature_id": FULL.id,
                "suite_id": "s",
                "eval_run_id": run,
                "case_id": f"c{at}",
                "score": score,
                "n_trials": 1,
            }
            for run, listed in scores.items()
            for at, score in enumerate(listed)
        ),
    )
    put(
        connection,
        "summary__parameters",
        *(
            {
                "day": day,
                "feature_id": FULL.id,
                "run_kind": kind,
                "config_key": 1,
                "request_model": "rerank-ckpt",
                "params_known": is_known,
                "temperature": value,
                "n": n,
            }
            for day, kind, is_known, value, n in (
                (DAY, "prod", True, 0.2, 75),
                (DAY, "prod", True, None, 25),
                (DAY, "eval", True, 0.9, 50),
                (DAY, "prod", False, None, 50),
                (date(2026, 10, 3), "prod", True, 0.9, 50),
                (date(2026, 11, 1), "prod", True, 0.9, 1),
            )
        ),
    )
    steps = [
        ("help-rag/rerank", 1, NIGHT, "h1", '["raw"]', "mid"),
        ("help-rag/rerank", 2, NIGHT, "h2", '["mid"]', world.HASHES["tune"]),
        ("help-rag/rerank", 3, LATE, "h3", '["raw2"]', "later"),
        ("told", 1, NIGHT, "t1", None, None),
        ("help-raggedy", 1, NIGHT, "x1", None, None),
    ]  # fmt: skip
    put(
        connection,
        "core__ledger_steps",
        *(
            {
                "pipeline_id": pipeline,
                "step_id": f"{pipeline}{seq}",
                "seq": seq,
                "op": "map",
                "started_at": at,
                "row_hash": row,
                "input_artifacts": given,
                "output_artifact": made,
            }
            for pipeline, seq, at, row, given, made in steps
        ),
    )
    put(
        connection,
        "summary__pipelines",
        {"pipeline_id": "told", "feature_id": FULL.id, "first_at": NIGHT},
    )
    put(
        connection,
        "summary__ledger_fates",
        {"pipeline_id": "told", "step_id": "told1", "started_at": NIGHT, "n_named": 40},
        {"pipeline_id": "told", "step_id": "told2", "started_at": LATE, "n_named": 2},
    )
    put(
        connection,
        "core__artifacts",
        {"artifact_sha256": "raw", "kind": "raw_feedback"},
        {"artifact_sha256": "raw2", "kind": "raw_feedback"},
        {"artifact_sha256": "mid", "kind": "dataset"},
    )
    put(connection, "health__verdicts",
        *({"day": DAY, "feature_id": name, "mode": "drift", "status": "healthy"}
          for name in (FULL.id, "unlisted")))  # fmt: skip


@pytest.fixture(scope="module")
def known() -> Iterator[Material]:
    connection = memory(with_macros=False)
    filled(connection)
    yield read(connection, Config(features=(FULL,)), [FULL], DAY)
    connection.close()


def test_evals_are_the_newest_champions_of_the_day(known: Material) -> None:
    found = {row["suite_id"]: row for row in known.evals.to_dicts()}
    assert {suite: row["eval_run_id"] for suite, row in found.items()} == {"s": "new", "t": "odd"}
    assert (found["s"]["n_cases"], found["s"]["n_binary"], found["s"]["mean"]) == (4, 4, 0.75)
    assert found["t"]["variance"] == pytest.approx(0.02)


def test_settings_are_of_production_within_four_weeks(known: Material) -> None:
    rows = [(row["name"], row["value"], row["n"], row["of"]) for row in known.settings.to_dicts()]
    assert rows == [("temperature", 0.2, 75, 100), ("temperature", None, 25, 100)]


def test_pipelines_are_those_that_feed_it_up_to_the_day(known: Material) -> None:
    found = {row["pipeline_id"]: row for row in known.pipelines.to_dicts()}
    assert set(found) == {"help-rag/rerank", "told"}
    rerank, told = found["help-rag/rerank"], found["told"]
    assert (rerank["n_steps"], rerank["head"], rerank["n_feedback_files"]) == (2, "h2", 1)
    assert rerank["outputs"] == sorted(["mid", world.HASHES["tune"]])
    assert (told["n_feedback_rows"], told["n_feedback_files"]) == (40, None)


def test_the_score_knows_what_was_seen_and_what_no_list_names() -> None:
    made = world.full().score
    assert made.capped_by[0] == "surprise-mini in traffic, not on any list"
    assert made.value <= 59
    assert made.verified_share is not None
    assert 0 < made.verified_share < 1
    unseen = boms.make(FULL, world.material(observed=world.observed().clear())).score
    assert unseen.verified_share is not None
    assert unseen.verified_share < made.verified_share


def test_a_file_of_an_older_version_lacks_tables() -> None:
    connection = memory(with_macros=False)
    found = read(connection, Config(), [], DAY)
    made = boms.make(FULL, found)
    connection.close()
    assert made.errors == ()
    assert made.document["components"] == []


@pytest.fixture
def config(tmp_path: Path) -> Path:
    connection = duckdb.connect(tmp_path / "health.duckdb")
    filled(connection)
    connection.close()
    path = tmp_path / "llmops-health.yaml"
    path.write_text("features: [{id: help-rag, kind: rag}]\n", "utf-8")
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["bom", *(str(one) for one in arguments)])


def test_the_command_writes_signs_and_verifies(config: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "k")
    done = call("help-rag", "-c", config, "--spec", "1.7", "--sign", tmp_path / "k")
    assert done.exit_code == 0, done.output
    path = tmp_path / "report" / "bom" / "help-rag.cdx.json"
    assert json.loads(path.read_text("utf-8"))["specVersion"] == "1.7"
    page = path.with_name("help-rag.html").read_text("utf-8")
    assert "of key <code>" in page
    assert 'href="../index.html"' in page
    signature = path.with_name("help-rag.cdx.json.dsse.json")
    known = ("help-rag", "-c", config, "--verify", signature, "--public-key", tmp_path / "k.pub")
    assert call(*known).exit_code == 0
    path.write_bytes(path.read_bytes().replace(b"claude", b"claudf"))
    done = call(*known)
    assert done.exit_code == 1
    assert "is not what was signed" in done.output


def test_the_command_takes_what_the_data_know_and_a_place(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "b.json"
    assert call("unlisted", "-c", config, "-o", target).exit_code == 0
    assert json.loads(target.read_text("utf-8"))["specVersion"] == "1.6"
    assert "../index.html" not in target.with_name("b.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["help-rog"], "help-rog is no feature of the configuration or the data. Did you mean"),
        (["help-rag", "--spec", "1.5"], "--spec 1.5: CycloneDX 1.6 or 1.7 can be written."),
        (["help-rag", "--verify", "x"], "give --public-key"),
    ],
)
def test_wrong_use_is_said(config: Path, arguments: list[str], said: str) -> None:
    done = call(*arguments, "-c", config)
    assert isinstance(done.exception, ValueError)
    assert said in str(done.exception)


def test_what_is_not_valid_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "bom" / "x.cdx.json"
    made = world.full()
    assert boms.write(made, path).path == path
    before = path.read_bytes()
    broken = replace(made, document={}, errors=("'x' is no bom-ref of this document.",))
    assert boms.write(broken, path).path is None
    assert path.read_bytes() == before
