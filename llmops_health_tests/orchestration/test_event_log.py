"""The pooled event log stores what Dagster's own stores, where Dagster's own finds it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from llmops_health.orchestration.event_log import PooledSqliteEventLog
from llmops_health.running import instance
from llmops_health.storage.warehouse import Warehouse

DAYS = dg.DailyPartitionsDefinition("2026-03-01")


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("healthy", asset="measured")],
)
def measured() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name="healthy", passed=True)]
    )


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
        assets=[measured], jobs=[dg.define_asset_job("all_days", selection="measured")]
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
    assert [day for kind, day in ours if kind == "ASSET_MATERIALIZATION"] == days
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
