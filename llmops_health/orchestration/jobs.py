"""Jobs, the nightly schedule and the late-data sensor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import ScheduleEvaluationContext, SensorEvaluationContext

from llmops_health.config import Config
from llmops_health.contract import TABLES
from llmops_health.orchestration.partitions import range_tags
from llmops_health.orchestration.resources import Project
from llmops_health.storage.day import Day

# Labels, feedback and stragglers of the last days: their verdicts are made again every night.
LOOKBACK_DAYS = 3
DEFAULT_SCHEDULE = "15 2 * * *"
SENSOR_SECONDS = 600

_LANDED = dg.AssetSelection.assets(*(f"landed__{table.name}" for table in TABLES))

_WEEKLY = dg.AssetSelection.assets("health__power_cards", "evidently", "report")

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() - _WEEKLY,
    description="Everything: read new files, then core, summaries, checks, verdicts, published.",
)
ingest = dg.define_asset_job(
    "ingest", selection=_LANDED, description="Read new and changed files of the configuration."
)
health_of_days = dg.define_asset_job(
    "health_of_days",
    selection=dg.AssetSelection.all() - _LANDED - _WEEKLY,
    description="Core, summaries, checks, verdicts and published, of what has been landed.",
)
weekly = dg.define_asset_job(
    "weekly",
    selection=_WEEKLY,
    description="What is too slow for every night: power cards, Evidently's reports, the page.",
)
power_cards = dg.define_asset_job(
    "power_cards",
    selection=dg.AssetSelection.assets("health__power_cards", "report"),
    description="Power cards of the features that have none, or of all, and the page.",
)


def weekly_schedule(cron: str) -> dg.ScheduleDefinition:
    """Return the schedule of the weekly job: on Sundays, two hours after the nightly one."""
    minute, hour = cron.split()[:2]
    after = (int(hour) + 2) % 24 if hour.isdigit() else 4

    def request(context: ScheduleEvaluationContext) -> dg.RunRequest:
        last = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        return dg.RunRequest(run_key=last.isoformat(), partition_key=last.isoformat())

    return dg.ScheduleDefinition(
        name="weekly_schedule",
        job=weekly,
        cron_schedule=f"{minute if minute.isdigit() else 15} {after} * * 0",
        execution_timezone="UTC",
        execution_fn=request,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="On Sundays: power cards, Evidently's reports and the page.",
    )


def nightly_schedule(cron: str) -> dg.ScheduleDefinition:
    """Return the schedule that runs everything for the last whole days, on from the start."""

    def request(context: ScheduleEvaluationContext) -> dg.RunRequest:
        today = context.scheduled_execution_time.astimezone(UTC).date()
        last = today - timedelta(days=1)
        day = Day(last - timedelta(days=LOOKBACK_DAYS - 1), last)
        return dg.RunRequest(run_key=last.isoformat(), tags=range_tags(day))

    return dg.ScheduleDefinition(
        name="nightly_schedule",
        job=nightly,
        cron_schedule=cron,
        execution_timezone="UTC",
        execution_fn=request,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night: the last whole day and the two before it.",
    )


@dg.sensor(
    jobs=[ingest, health_of_days],
    minimum_interval_seconds=SENSOR_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads files that came or grew, then does again the days that they changed.",
)
def late_data(
    context: SensorEvaluationContext, project: Project
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request an ingest when files changed, and a run over the days that are out of date."""
    from llmops_health.storage import days

    fingerprint = files_fingerprint(project.config)
    if fingerprint != context.cursor:
        context.update_cursor(fingerprint)
        yield dg.RunRequest(run_key=f"ingest:{fingerprint}", job_name="ingest")
        return
    today = datetime.now(tz=UTC).date()
    day = days.out_of_date(project.warehouse, today - timedelta(days=1))
    if day is None:
        yield dg.SkipReason("Every day with rows is up to date.")
        return
    batch = days.newest_batch(project.warehouse)
    yield dg.RunRequest(
        run_key=f"days:{day.first}:{day.last}:{batch}",
        job_name="health_of_days",
        tags=range_tags(day),
    )


def files_fingerprint(config: Config) -> str:
    """Return what changes when a file of the sources comes, goes, grows or is written again."""
    from llmops_health.ingest import files

    digest = hashlib.sha256()
    for source in config.sources:
        for path in files.expand(source.path, config.root):
            stat = path.stat()
            digest.update(f"{path}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
