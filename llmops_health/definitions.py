"""The code location: every contract table, SQL file, check and product, as one Dagster graph."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg

from llmops_health import config
from llmops_health.orchestration import (
    assets,
    bom_documents,
    checks,
    extras,
    feature_cards,
    jobs,
    readiness,
    training_texts,
)
from llmops_health.orchestration.resources import Project, default_config_path

warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


def build(config_path: str = "") -> dg.Definitions:
    """Return the graph. A broken configuration stops here; a missing one when a run starts."""
    path = Path(config_path) if config_path else default_config_path()
    cron = config.load(path).schedule if path.is_file() else jobs.DEFAULT_SCHEDULE
    return dg.Definitions(
        assets=[
            assets.landing(),
            *assets.tables(),
            *checks.modes(),
            assets.verdicts(),
            assets.eval_sets(),
            feature_cards.feature_cards(),
            bom_documents.bom_documents(),
            readiness.readiness(),
            training_texts.training_texts(),
            assets.published(),
            extras.weekly(),
        ],
        jobs=[jobs.nightly, jobs.ingest, jobs.health_of_days, jobs.weekly, jobs.power_cards],
        schedules=[jobs.nightly_schedule(cron), jobs.weekly_schedule(cron)],
        sensors=[jobs.late_data],
        resources={"project": Project(config_path=config_path)},
        executor=dg.in_process_executor,
    )


defs = build()
