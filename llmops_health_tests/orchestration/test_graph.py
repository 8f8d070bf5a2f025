"""The graph: complete, documented, and every part of it runs alone, over a day and over a range."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from llmops_health import config, health, running, sqlfiles
from llmops_health.contract import TABLES
from llmops_health.definitions import build
from llmops_health.demo import write_world
from llmops_health.orchestration.assets import VECTOR_DOCS
from llmops_health.orchestration.checks import HEALTHY
from llmops_health.orchestration.partitions import range_tags
from llmops_health.orchestration.resources import Project
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse
from llmops_health.text import vectors

LAST = date(2026, 10, 31)
RANGE = Day(LAST - timedelta(days=3), LAST)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"), days=21, last_day=LAST, calls_per_day=60)


@pytest.fixture(scope="module")
def instance(world: Path) -> Iterator[dg.DagsterInstance]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        with running.instance(Warehouse(config.load(world).storage.path)) as opened:
            yield opened


@pytest.fixture(scope="module")
def graph(world: Path) -> dg.Definitions:
    return build(str(world))


@pytest.fixture(scope="module")
def whole_run(graph: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return run(graph, instance, "nightly", Day(LAST - timedelta(days=20), LAST))


def run(
    graph: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    day: Day,
    assets: list[str] | None = None,
) -> dg.ExecuteInProcessResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return graph.resolve_job_def(job).execute_in_process(
            instance=instance,
            tags=range_tags(day),
            run_config=QUIET,
            asset_selection=[dg.AssetKey(key) for key in assets] if assets else None,
        )


def test_every_table_of_vectors_is_an_asset() -> None:
    assert set(VECTOR_DOCS) == set(vectors.TABLES)


def test_every_asset_is_grouped_owned_documented_and_fed(graph: dg.Definitions) -> None:
    assets = graph.resolve_asset_graph()
    made = set(assets.materializable_asset_keys)
    assert set(assets.get_all_asset_keys()) == made
    for key in made:
        node = assets.get(key)
        assert node.group_name != "default", key
        assert node.owners, key
        assert node.description, key
        assert node.kinds, key


def test_the_graph_is_the_files(graph: dg.Definitions) -> None:
    made = {key.to_user_string() for key in graph.resolve_asset_graph().materializable_asset_keys}
    assert {f"landed__{table.name}" for table in TABLES} <= made
    assert {file.table for file in sqlfiles.load() if file.layer != "views"} <= made
    assert {check.key for check in health.discover()} <= made


def test_every_check_is_an_asset_check_by_day(graph: dg.Definitions) -> None:
    specs = {
        spec.asset_key.to_user_string(): spec
        for definition in graph.assets or []
        if isinstance(definition, dg.AssetsDefinition)
        for spec in definition.check_specs
        if spec.name == HEALTHY
    }
    assert set(specs) == {check.key for check in health.discover()}
    assert all(spec.partitions_def is not None and spec.description for spec in specs.values())


@pytest.mark.slow
def test_a_range_gives_every_day_its_numbers_and_outcome(
    whole_run: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> None:
    assert whole_run.success
    key = dg.AssetKey("health__drift__feed_gap")
    records = instance.fetch_materializations(key, limit=50).records
    by_day = {r.partition_key: r.asset_materialization for r in records}
    assert len(by_day) == 21
    last = by_day[LAST.isoformat()]
    assert last is not None
    numbers: dict[str, Any] = {k: v.value for k, v in last.metadata.items()}
    assert numbers["n_pass"] + numbers["n_warn"] + numbers["n_fail"] > 0
    assert any(name.endswith(" n") for name in numbers)
    check = dg.AssetCheckKey(key, HEALTHY)
    evaluations = [
        e.asset_check_evaluation_data
        for e in whole_run.all_events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    days = {e.partition for e in evaluations if e.asset_check_key == check}
    assert len(days) == 21


@pytest.mark.slow
def test_a_range_again_changes_nothing(
    whole_run: dg.ExecuteInProcessResult,
    graph: dg.Definitions,
    instance: dg.DagsterInstance,
    world: Path,
) -> None:
    assert whole_run.success
    warehouse = Project(config_path=str(world)).warehouse
    rows = (
        "select * exclude (run_id) from health__findings"
        " order by day, feature_id, mode, check_name, segment"
    )
    before = warehouse.frame(rows)
    assert run(graph, instance, "health_of_days", RANGE).success
    after = warehouse.frame(rows)
    # Sums of floats differ in the last digit with the order in which threads add them up.
    assert_frame_equal(before, after, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.slow
def test_one_check_runs_alone(
    whole_run: dg.ExecuteInProcessResult, graph: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert whole_run.success
    chosen = "health__drift__feed_gap"
    result = run(graph, instance, "health_of_days", Day(LAST, LAST), [chosen])
    events = result.get_asset_materialization_events()
    made = {event.asset_key.to_user_string() for event in events if event.asset_key}
    assert made == {chosen}
    [evaluation] = result.get_asset_check_evaluations()
    assert evaluation.partition == LAST.isoformat()


def test_the_schedule_asks_for_the_last_whole_days(graph: dg.Definitions) -> None:
    schedule = graph.resolve_schedule_def("nightly_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    tick = schedule.evaluate_tick(
        dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 1, 2, 15, tzinfo=UTC))
    )
    [request] = tick.run_requests or []
    assert request.tags["dagster/asset_partition_range_end"] == "2026-10-31"
    assert request.tags["dagster/asset_partition_range_start"] == "2026-10-29"


@pytest.mark.slow
def test_the_sensor_reads_changed_files_then_runs_the_changed_days(
    whole_run: dg.ExecuteInProcessResult,
    graph: dg.Definitions,
    instance: dg.DagsterInstance,
    world: Path,
) -> None:
    assert whole_run.success
    project = Project(config_path=str(world))
    sensor = graph.resolve_sensor_def("late_data")

    def tick(cursor: str | None) -> dg.SensorExecutionData:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"project": project}, definitions=graph
        )
        return sensor.evaluate_tick(context)

    first = tick(None)
    assert [r.job_name for r in first.run_requests or []] == ["ingest"]
    quiet = tick(first.cursor)
    assert not quiet.run_requests
    late = LAST - timedelta(days=5)
    folder = next(Path(p).parent for p in project.config.sources[0].path)
    (folder / "late.jsonl").write_text("", "utf-8")
    path = world.parent / "late.jsonl"
    path.write_text(
        f'{{"call_id": "late-1", "feature_id": "help-rag", "started_at": "{late}T10:00:00Z"}}\n',
        "utf-8",
    )
    with project.warehouse.write("landed") as connection:
        connection.execute("insert into landed__days values ('calls', ?, 999999)", [late])
    again = tick(tick(first.cursor).cursor)
    wanted = [r for r in again.run_requests or [] if r.job_name == "health_of_days"]
    assert [r.tags["dagster/asset_partition_range_start"] for r in wanted] == [late.isoformat()]
