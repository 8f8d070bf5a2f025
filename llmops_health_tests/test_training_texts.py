"""A ledger as people write it, from its files to findings, traces and compared texts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from llmops_health import judge, ledger, sqlfiles, steps, tracing
from llmops_health.config import Feature
from llmops_health.findings import Status
from llmops_health.health import discover
from llmops_health.storage.day import Day
from llmops_health.training_texts import compare_training_texts
from llmops_health_tests.ingest.project import Project

DAY = date(2026, 10, 1)
WHEN = datetime(2026, 10, 1, 2, tzinfo=UTC)
HOSTILE = 'f/it\'s\n"é"'
WORDS = np.array([f"word{at}" for at in range(500)])
TEXTS = [" ".join(row) for row in WORDS[np.random.default_rng(1).integers(0, 500, (60, 15))]]
# The last ten come again as eval cases: five word for word, five with another last word.
CASES = TEXTS[50:55] + [f"{text.rsplit(' ', 1)[0]} other" for text in TEXTS[55:60]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Sixty calls with a thumb each, a pipeline that trains on all of them, and a suite."""
    made = Project(tmp_path_factory.mktemp("ledger"))
    calls = [
        {"call_id": f"c{at}", "feature_id": "f", "started_at": "2026-09-20T10:00:00Z",
         "input_text": text, "run_kind": "prod"}
        for at, text in enumerate(TEXTS)
    ]  # fmt: skip
    thumbs = [
        {"feedback_id": f"t{at}", "feature_id": "f", "created_at": "2026-09-21T10:00:00Z",
         "score": 1, "call_id": f"c{at}", "rater_id": f"u{at % 7}", "source_kind": "HUMAN"}
        for at in range(60)
    ]  # fmt: skip
    suite = [
        {"suite_id": "s", "case_id": f"k{at}", "feature_id": "f", "input_text": text}
        for at, text in enumerate(CASES)
    ]
    made.write("calls.jsonl", calls)
    made.write("feedback.jsonl", thumbs)
    made.write("eval_cases.jsonl", suite)
    book = ledger.open(made.root / "ledger.jsonl", pipeline=HOSTILE, actor='job\'s "é" ')
    raw = made.write("raw.jsonl", thumbs)
    ids = [f"t{at}" for at in range(60)]
    with book.step("ingest", started_at=WHEN) as step:
        step.input(raw, kind="raw_feedback", name="raw")
        step.output(raw)
    with book.step(
        "filter", params={"min": 0.1, "é": [1e-7, None], "big": 2**53 + 1}, started_at=WHEN
    ) as step:
        step.input(60, artifact=raw)
        step.rows(
            {"action": "kept", "in_row_id": one, "out_row_id": one, "feedback_id": one,
             "weight": 0.5}
            for one in ids
        )  # fmt: skip
        step.output(60, artifact="filtered")
    with book.step("map", started_at=WHEN) as step:
        step.input(60, artifact="filtered")
        step.output(58, artifact="mapped")
        step.dropped(0)
    with book.step("train", started_at=WHEN + timedelta(hours=1)) as step:
        step.input(58, artifact="mapped")
        step.output(1, artifact="model-7-sha256", kind="checkpoint", name="model", version="7")
    made.source("calls.jsonl")
    for table in ("feedback", "eval_cases"):
        made.source(f"{table}.jsonl", table)
    made.source("ledger.jsonl", "ledger_steps")
    made.source("ledger.rows.jsonl", "ledger_rows")
    made.source("ledger.artifacts.jsonl", "artifacts")
    warehouse = made.warehouse
    warehouse.prepare()
    made.land()
    warehouse.ensure(steps.all_tables())
    wanted = ("pipelines", "fates", "relabels", "training_inputs", "leaks", "strata")
    day = Day(date(2026, 9, 20), DAY)
    given = {"first_day": day.first, "last_day": day.last}
    summaries = [
        file
        for file in sqlfiles.load(layer="summary")
        if any(word in file.table for word in wanted)
    ]
    # Pipelines are told by fates.
    summaries.sort(key=lambda file: file.table == "summary__pipelines")
    core = [file for file in sqlfiles.load(layer="core") if file.table != "core__duplicates"]
    for file in [*core, *summaries]:
        params = {name: given[name] for name in file.params}
        span = day if file.is_daily else None
        warehouse.replace(file.table, file.columns, file.query, params, span)
    compare_training_texts(warehouse)
    return made


def judged(project: Project, name: str) -> tuple[Status, str]:
    check = next(one for one in discover() if (one.mode, one.name) == ("provenance", name))
    day = Day(DAY, DAY)
    tables = judge.load(check, project.warehouse, day)
    feature = Feature(id="f", kind="classifier")
    found = judge.judge(check, tables, [feature], check.params(), day, "run")
    return Status(found["status"][0]), str(found["message"][0])


def test_every_row_was_landed(project: Project) -> None:
    assert project.sql("select count(*) from landed__rejects") == [(0,)]
    assert project.sql("select count(*) from core__ledger_steps") == [(4,)]


def test_a_chain_survives_the_way_into_the_table(project: Project) -> None:
    status, message = judged(project, "broken_chain")
    assert status is Status.PASS, message


def test_rows_that_vanish_are_found(project: Project) -> None:
    status, message = judged(project, "unaccounted_rows")
    assert status is Status.FAIL
    assert message.startswith("2 rows vanish in map (seq 3 of ")


def test_a_model_is_traced_to_its_feedback(project: Project) -> None:
    status, message = judged(project, "untraceable_checkpoint")
    assert status is Status.PASS, message
    assert message.startswith("100.0 % of the rows")


def test_near_and_exact_cases_in_the_training_set_are_found(project: Project) -> None:
    near = project.sql(
        "select case_id, round(similarity, 2), n from summary__near_cases order by case_id"
    )
    # 15 words are 13 runs; without the last word's, 12 of 14 are in both.
    assert near == [(f"k{at}", 1.0 if at < 5 else 0.86, 1) for at in range(10)]
    status, message = judged(project, "leaked_eval_cases")
    assert status is Status.FAIL
    assert "10 of 10 eval cases" in message


def test_texts_are_counted(project: Project) -> None:
    rows = project.sql("select n_read, n_texts, n_repeated from summary__near_duplicates")
    assert rows == [(60, 60, 0)]


def test_the_same_texts_again_change_nothing(project: Project) -> None:
    query = "select * from summary__near_cases order by case_id"
    before = project.sql(query)
    compare_training_texts(project.warehouse)
    assert project.sql(query) == before


@pytest.mark.parametrize("wanted", ["model", "model@7", "model-7-sha256", "model-7-"])
def test_a_trace_ranks_the_step_that_lost_rows_first(project: Project, wanted: str) -> None:
    with project.warehouse.read() as connection:
        found = tracing.trace(connection, wanted)
    assert [step.op for step in found.way] == ["train", "map", "filter", "ingest"]
    assert found.suspects[0].step.op == "map"
    shown = "\n".join(tracing.lines(found))
    assert "Look at these steps first:\n1. map (seq 3 of " in shown
    assert "listed as raw_feedback" in shown


def test_an_unknown_checkpoint_is_told_from_one_that_nobody_made(project: Project) -> None:
    with (
        project.warehouse.read() as connection,
        pytest.raises(ValueError, match=r"modell is no checkpoint .* Did you mean model\?"),
    ):
        tracing.trace(connection, "modell")


def test_an_altered_line_is_found_in_the_table_too(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path)
    lines = (project.root / "ledger.jsonl").read_text("utf-8").splitlines()
    changed = [json.loads(line) for line in lines]
    changed[1]["params"]["min"] = 0.2
    other.write("ledger.jsonl", changed)
    other.source("ledger.jsonl", "ledger_steps")
    warehouse = other.warehouse
    warehouse.prepare()
    other.land()
    warehouse.ensure(steps.all_tables())
    file = next(one for one in sqlfiles.load(layer="core") if one.table == "core__ledger_steps")
    day = Day(DAY, DAY)
    given = {"first_day": DAY, "last_day": DAY}
    warehouse.replace(file.table, file.columns, file.query, given, day)
    status, message = judged(other, "broken_chain")
    assert status is Status.FAIL
    assert "breaks at seq 2: its content is not what its hash was made of" in message
