"""The pooled event log stores what Dagster's own stores, where Dagster's own finds it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from llmops_health.orchestration.event_log import PooledSqliteEventLog
from llmops_health.running import instance
from llmops_health.storage.warehouse import Warehouse

DAYS = dg.DailyPartitionsDefinition("2026-03-01")


@dg.multi_asset(
    specs=[dg.AssetSpec("measured", skippable=True), dg.AssetSpec("other", skippable=True)],
    check_specs=[dg.AssetCheckSpec("healthy", asset="measured", partitions_def=DAYS)],
    partitions_def=DAYS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def measured(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckEvaluation]:
    """Yield what the step of a mode yields: an asset, then its check's outcome of each day."""
    yield dg.MaterializeResult(asset_key="measured", tags={"kind": "count"})
    for day in context.partition_keys:
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("measured"),
            check_name="healthy",
            passed=day != "2026-03-02",
            metadata={"n": int(day[-2:])},
            partition=day,
        )
    yield dg.MaterializeResult(asset_key="other")


def stored(log: SqliteEventLogStorage) -> list[tuple[str | None, str | None]]:
    """Return type and partition of every event of the newest run, and of the index."""
    [run_id] = log.get_all_run_ids()
    events = [entry.dagster_event for entry in log.get_logs_for_run(run_id)]
    shown = [(event.event_type_value, event.partition) for event in events if event]
    key = dg.AssetKey("measured")
    in_index = sorted(log.get_materialized_partitions(key))
    counts = log.get_asset_check_execution_history(dg.AssetCheckKey(key, "healthy"), limit=9)
    return [*shown, *(("indexed", day) for day in in_index), ("checks", str(len(counts)))]


def run(opened: dg.DagsterInstance) -> None:
    job = dg.Definitions(
        assets=[measured], jobs=[dg.define_asset_job("all_days", selection="*")]
    ).resolve_job_def("all_days")
    tags = {
        "dagster/asset_partition_range_start": "2026-03-01",
        "dagster/asset_partition_range_end": "2026-03-04",
    }
    assert job.execute_in_process(instance=opened, tags=tags).success


@pytest.mark.usefixtures("no_dagster_home")
def test_dagsters_own_log_reads_the_same_events(tmp_path: Path) -> None:
    with instance(Warehouse(tmp_path / "health.duckdb")) as opened:
        assert isinstance(opened.event_log_storage, PooledSqliteEventLog)
        run(opened)
        ours = stored(opened.event_log_storage)
    plain = SqliteEventLogStorage(str(tmp_path / "health.duckdb.work/dagster/history/runs"))
    assert stored(plain) == ours
    days = [f"2026-03-0{n}" for n in range(1, 5)]
    assert [day for kind, day in ours if kind == "ASSET_MATERIALIZATION"] == 2 * days
    assert [day for kind, day in ours if kind == "indexed"] == days

    with dg.DagsterInstance.ephemeral() as reference:
        run(reference)
        log = reference.event_log_storage
        [run_id] = [record.dagster_run.run_id for record in reference.get_run_records()]
        expected = [
            (entry.dagster_event.event_type_value, entry.dagster_event.partition)
            for entry in log.get_logs_for_run(run_id)
            if entry.dagster_event
        ]
    assert ours[: len(expected)] == expected


def tables(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what the databases of a log hold, but for the moments and the run's id."""
    runs = folder / "health.duckdb.work/dagster/history/runs"
    [shard] = [path for path in runs.glob("*.db") if path.name != "index.db"]
    event = "id, dagster_event_type, asset_key, partition, step_key"
    found = {}
    with closing(sqlite3.connect(shard)) as connection:
        found["run"] = connection.execute(f"select {event} from event_logs order by id").fetchall()
    with closing(sqlite3.connect(runs / "index.db")) as connection:
        for name, query in {
            "events": f"select {event} from event_logs order by id",
            "outcomes": "select asset_key, check_name, partition, execution_status,"
            " evaluation_event_storage_id, materialization_event_storage_id"
            " from asset_check_executions order by id",
            "tags": "select asset_key, key, event_id from asset_event_tags order by id",
        }.items():
            found[name] = connection.execute(query).fetchall()
        assets = connection.execute(
            "select asset_key, last_run_id, last_materialization, last_materialization_timestamp"
            " from asset_keys order by asset_key"
        ).fetchall()
    found["assets"] = [
        (key, run_id == shard.stem, json.loads(newest)["storage_id"], moment is not None)
        for key, run_id, newest, moment in assets
    ]
    return found


@pytest.mark.usefixtures("no_dagster_home")
@pytest.mark.parametrize("batch_size", ["2", "500"])
def test_its_databases_hold_what_dagsters_own_log_writes(
    tmp_path: Path, batch_size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    home = theirs / "health.duckdb.work/dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    with instance(Warehouse(theirs / "health.duckdb")) as opened:
        run(opened)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch_size)
    monkeypatch.setattr("llmops_health.orchestration.event_log.BATCH_SIZE", int(batch_size))
    with instance(Warehouse(ours / "health.duckdb")) as opened:
        run(opened)
    expected = tables(theirs)
    assert tables(ours) == expected
    assert [len(expected[name]) for name in ("outcomes", "assets")] == [4, 2]


@pytest.mark.usefixtures("no_dagster_home")
def test_another_process_reads_while_a_run_writes(tmp_path: Path) -> None:
    with instance(Warehouse(tmp_path / "health.duckdb")) as opened:
        folder = str(tmp_path / "health.duckdb.work/dagster/history/runs")
        reader = PooledSqliteEventLog(folder)
        run(opened)
        log = opened.event_log_storage
        assert isinstance(log, SqliteEventLogStorage)
        assert stored(reader) == stored(log)
        reader.dispose()


@pytest.mark.usefixtures("no_dagster_home")
def test_settings_of_ones_own_are_left_alone(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "health.duckdb")
    home = warehouse.work / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    with instance(warehouse) as opened:
        assert type(opened.event_log_storage) is SqliteEventLogStorage
    assert (home / "dagster.yaml").read_text("utf-8") == "telemetry: {enabled: false}\n"
