"""The step that makes the features' cards of the findings of frozen_feature."""

import dagster as dg
from dagster import AssetExecutionContext

from llmops_health import health
from llmops_health.orchestration.assets import spec
from llmops_health.orchestration.partitions import DAYS, days_of
from llmops_health.orchestration.resources import Project


def feature_cards() -> dg.AssetsDefinition:
    """Return the step that weighs the mode frozen_feature into one card per feature."""
    keys = [check.key for check in health.listed() if check.mode == "frozen_feature"]
    one = spec(
        "health__feature_cards",
        "frozen_feature",
        "One card per feature: keep, retrain, replace or retire, by rank of what a month of"
        " waiting costs; made for the last day of a run.",
        keys,
        ["python", "numpy"],
    )

    @dg.multi_asset(
        name="feature_cards",
        specs=[one],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def weigh(context: AssetExecutionContext, project: Project) -> dg.MaterializeResult:
        from llmops_health import steps

        rows = steps.make_cards(project.config, project.warehouse, project.params, days_of(context))
        advice = dict(rows["advice"].fill_null("not known").value_counts().iter_rows())
        return dg.MaterializeResult(
            asset_key="health__feature_cards",
            metadata={f"n_{name}": n for name, n in sorted(advice.items())},
        )

    return weigh
