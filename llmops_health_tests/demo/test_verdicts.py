"""The judged demo world against its truth: planted faults found in a week, healthy ones left be."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from llmops_health.demo import Plant, truth
from llmops_health.storage.warehouse import open_published
from llmops_health.tracing import trace

pytestmark = pytest.mark.slow
FAULTS = [plant for plant in truth() if plant.kind == "fault"]
LOOK_ALIKES = [plant for plant in truth() if plant.kind == "look_alike"]
SICK = {plant.feature_id for plant in FAULTS}
DAYS_TO_FIND = 7


@pytest.fixture(scope="module")
def published(demo: Path) -> duckdb.DuckDBPyConnection:
    return open_published(demo.parent / "health.duckdb", demo.parent)


def rows(db: duckdb.DuckDBPyConnection, query: str, **given: object) -> list[tuple[object, ...]]:
    return db.execute(query, given).fetchall()


def name(plant: Plant) -> str:
    return f"{plant.feature_id}-{plant.mode}-{'+'.join(plant.checks)}"


@pytest.mark.parametrize("plant", FAULTS, ids=name)
def test_a_planted_fault_is_found_within_a_week(
    published: duckdb.DuckDBPyConnection, plant: Plant
) -> None:
    found = rows(
        published,
        "select min(day), string_agg(distinct check_name, ', ') from health__findings"
        " where feature_id = $feature and mode = $mode and status in ('FAIL', 'WARN')"
        " and check_name in (select unnest($checks)) and day >= $since",
        feature=plant.feature_id,
        mode=plant.mode,
        checks=list(plant.checks),
        since=plant.starts_on,
    )
    first = found[0][0]
    assert first is not None, plant.sentence
    assert first <= plant.starts_on + timedelta(days=DAYS_TO_FIND), found  # type: ignore[operator]


@pytest.mark.parametrize("plant", LOOK_ALIKES, ids=name)
def test_a_look_alike_does_not_fail(published: duckdb.DuckDBPyConnection, plant: Plant) -> None:
    failed = rows(
        published,
        "select day, check_name, message from health__findings"
        " where feature_id = $feature and mode = $mode and status = 'FAIL'"
        " and check_name in (select unnest($checks))",
        feature=plant.feature_id,
        mode=plant.mode,
        checks=list(plant.checks),
    )
    assert failed == []


@pytest.mark.parametrize(
    "plant", [one for one in LOOK_ALIKES if one.mode in {"review_queue", "provenance"}], ids=name
)
def test_what_people_did_well_raises_nothing(
    published: duckdb.DuckDBPyConnection, plant: Plant
) -> None:
    raised = rows(
        published,
        "select distinct check_name, message from health__findings"
        " where feature_id = $feature and mode = $mode and status in ('FAIL', 'WARN')"
        " and check_name in (select unnest($checks))",
        feature=plant.feature_id,
        mode=plant.mode,
        checks=list(plant.checks),
    )
    assert raised == []


@pytest.mark.parametrize("checkpoint", ["corvid-mini-ft-5", "corvid-mini-ft-2"])
def test_the_way_back_from_a_spoilt_checkpoint_leads_to_the_spoilt_step(
    published: duckdb.DuckDBPyConnection, demo: Path, checkpoint: str
) -> None:
    facts = json.loads((demo.parent / "truth.json").read_text("utf-8"))["facts"]
    found = trace(published, checkpoint)
    first = found.suspects[0]
    run = f"run-{checkpoint[-1]}"
    assert first.step.step_id == facts["spoilt_step"].replace("run-5", run)
    assert first.score > 2 * found.suspects[1].score
    assert "vanish" in first.words[0]


def test_no_healthy_feature_fails(published: duckdb.DuckDBPyConnection) -> None:
    failing = rows(
        published,
        "select day, feature_id, mode, headline from health__verdicts"
        " where status = 'failing' and feature_id not in (select unnest($sick))",
        sick=sorted(SICK),
    )
    assert failing == []


def test_a_sick_feature_fails_only_from_its_fault_on(
    published: duckdb.DuckDBPyConnection,
) -> None:
    since: dict[tuple[str, str], date] = {}
    for plant in FAULTS:
        for mode in {plant.mode, *(name.split(".")[0] for name in plant.may)}:
            key = plant.feature_id, mode
            since[key] = min(plant.starts_on, since.get(key, plant.starts_on))
    failing = rows(
        published,
        "select day, feature_id, mode, headline from health__verdicts where status = 'failing'",
    )
    early = [
        row
        for row in failing
        if row[0] < since.get((str(row[1]), str(row[2])), date.max)  # type: ignore[operator]
    ]
    assert early == []


def test_every_evidence_query_runs_as_it_stands(published: duckdb.DuckDBPyConnection) -> None:
    queries = rows(
        published,
        "select check_name, feature_id, status, any_value(evidence_sql) from health__findings"
        " where evidence_sql <> '' group by all order by all",
    )
    assert {str(row[0]) for row in queries} >= {plant.checks[0] for plant in FAULTS}
    for check, feature, status, query in queries:
        cursor = published.execute(str(query))
        assert cursor.description, (check, feature)
        if status in {"FAIL", "WARN"}:
            assert cursor.fetchone() is not None, (check, feature, query)


def test_an_alarm_has_its_numbers_and_a_next_step(published: duckdb.DuckDBPyConnection) -> None:
    bare = rows(
        published,
        "select distinct check_name, message from health__findings"
        " where status in ('FAIL', 'WARN')"
        " and (action = '' or message = '' or evidence_sql = '' or n = 0 and mode <> 'drift')",
    )
    assert bare == []


def test_refused_rows_are_those_of_the_truth(
    published: duckdb.DuckDBPyConnection, demo: Path
) -> None:
    wanted = json.loads((demo.parent / "truth.json").read_text("utf-8"))["rejects"]
    got = rows(published, "select path, row_number from ingest__rejects")
    assert {(Path(str(path)).name, line) for path, line in got} == {
        (Path(reject["file"]).name, reject["line"]) for reject in wanted
    }


def test_refresh_candidates_are_about_the_new_topic(
    published: duckdb.DuckDBPyConnection,
) -> None:
    [(n, n_text)] = rows(
        published,
        "select count(*), count(input_text) from health__refresh_candidates"
        " where feature_id = 'help-rag'",
    )
    assert n == n_text
    assert n >= 10  # type: ignore[operator]
