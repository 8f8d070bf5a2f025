"""The step of what is made weekly: power cards, Evidently's reports, and the page with both."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
from dagster import AssetExecutionContext

from llmops_health import health
from llmops_health.orchestration.assets import spec
from llmops_health.orchestration.partitions import DAYS, days_of
from llmops_health.orchestration.resources import Project


def weekly() -> dg.AssetsDefinition:
    """Return the step of what is too slow for every night, and read by no verdict."""
    keys = [check.key for check in health.listed()]
    specs = [
        spec(
            "health__power_cards",
            "report",
            "What each check can see on each feature: false alarms a month and the share of"
            " planted changes found, from replaying the last 56 days, and the smallest change"
            " that is found. Made anew every week; a feature's first card comes with its first"
            " run.",
            keys,
            ["python", "numpy"],
        ),
        spec(
            "evidently",
            "report",
            "Evidently's report per feature as HTML: the last 7 days against the 28 before, on"
            " at most 10,000 sampled calls. For people who know Evidently; no verdict reads it.",
            ["core__calls"],
            ["evidently", "file"],
        ),
        spec(
            "report",
            "report",
            "report/index.html, the page of the newest day, with the newest power cards and"
            " links to Evidently's reports; the published file has the cards too.",
            ["published", "health__power_cards", "evidently"],
            ["file"],
        ),
    ]

    @dg.multi_asset(
        name="extras",
        specs=specs,
        can_subset=True,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def extras(context: AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult]:
        from llmops_health import steps, weekly

        chosen = {key.to_user_string() for key in context.selected_asset_keys}
        day = days_of(context).last
        if "health__power_cards" in chosen:
            yield dg.MaterializeResult(
                asset_key="health__power_cards", metadata=_cards_of(project, day)
            )
        if "evidently" in chosen:
            made = weekly.evidently_reports(project.config, project.warehouse, day)
            yield dg.MaterializeResult(
                asset_key="evidently",
                metadata={
                    feature_id: dg.MetadataValue.path(str(path)) if path else why_not
                    for feature_id, path, why_not in made
                },
            )
        if "report" in chosen:
            steps.publish(project.config, project.warehouse)
            page = steps.report_folder(project.config) / "index.html"
            yield dg.MaterializeResult(
                asset_key="report", metadata={"path": dg.MetadataValue.path(str(page))}
            )

    return extras


def _cards_of(project: Project, day: date) -> dict[str, dg.MetadataValue | int]:
    from llmops_health import judge, weekly

    watched = judge.features(project.config, project.warehouse)
    missing = weekly.without_card(project.config, project.warehouse)
    counts = weekly.power_cards(project.warehouse, missing or watched, project.params, day)
    table = weekly.card_table(project.warehouse, day)
    return {"n_replayed": sum(counts.values()), "cards": dg.MetadataValue.md(table)}
