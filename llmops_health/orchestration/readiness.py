"""The step that makes the readiness matrix: what each mode needs, and what is logged of it."""

import dagster as dg
from dagster import AssetExecutionContext

from llmops_health.orchestration.assets import spec
from llmops_health.orchestration.partitions import DAYS, days_of
from llmops_health.orchestration.resources import Project


def readiness() -> dg.AssetsDefinition:
    """Return the step that tells of each feature, mode and field how much is logged."""
    one = spec(
        "health__readiness",
        "ownership",
        "What each mode needs of each feature, how much of it is logged, what it would switch on"
        " and how to log it; made for the last day of a run.",
        ["health__ownership__data_not_ready"],
        ["python"],
    )

    @dg.multi_asset(
        name="readiness",
        specs=[one],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def tell(context: AssetExecutionContext, project: Project) -> dg.MaterializeResult:
        from llmops_health import steps
        from llmops_health.report import page_readiness

        rows = steps.make_readiness(project.config, project.warehouse, days_of(context))
        counts = dict(rows["state"].value_counts().iter_rows())
        return dg.MaterializeResult(
            asset_key="health__readiness",
            metadata={
                **{f"n_{state}": n for state, n in sorted(counts.items())},
                "matrix": dg.MetadataValue.md(page_readiness.markdown(rows)),
            },
        )

    return tell
