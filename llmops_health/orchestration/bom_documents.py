"""The step that writes the bills of materials of all features, and whether each is valid."""

from collections.abc import Iterator

import dagster as dg
from dagster import AssetExecutionContext

from llmops_health import health, sqlfiles
from llmops_health.orchestration.assets import spec
from llmops_health.orchestration.partitions import DAYS, days_of
from llmops_health.orchestration.resources import Project

VALID = "valid"
# Links to more features than these would make an event larger than its page can show.
SHOWN_FEATURES = 100
_READS = (
    *("core__components", "core__component_edges", "core__eval_runs", "core__ledger_steps"),
    *("core__artifacts", "summary__eval_items", "summary__parameters", "summary__pipelines"),
    *("summary__ledger_fates", "summary__observed_components"),
)


def bom_documents() -> dg.AssetsDefinition:
    """Return the step that writes a CycloneDX document and a page per feature."""
    made = {file.table for layer in ("core", "summary") for file in sqlfiles.load(layer=layer)}
    checks = [check.key for check in health.listed() if check.mode == "bom"]
    one = spec(
        "bom",
        "bom",
        "The AI bill of materials of each feature: report/bom/<feature>.cdx.json (CycloneDX 1.6)"
        " and a page that answers procurement's questions beside it; made for the last day of a"
        " run. A document that is not valid is not written.",
        [*(name for name in _READS if name in made), *checks],
        ["python", "file"],
    )
    valid = dg.AssetCheckSpec(
        VALID,
        asset="bom",
        description="Every document holds to the official schema, and every reference resolves.",
        partitions_def=DAYS,
    )

    @dg.multi_asset(
        name="bom_documents",
        specs=[one],
        check_specs=[valid],
        can_subset=True,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def write(
        context: AssetExecutionContext, project: Project
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckEvaluation]:
        from llmops_health import boms

        day = days_of(context).last
        written = boms.write_latest(project.config, project.warehouse, day)
        broken = {one.bom.feature.id: one.bom.errors for one in written if one.path is None}
        context.add_asset_metadata(
            {
                "n_documents": len(written) - len(broken),
                "n_parts": sum(len(one.bom.inventory.parts) for one in written),
                "n_undeclared": sum(len(one.bom.inventory.undeclared) for one in written),
                **{
                    one.bom.feature.id: dg.MetadataValue.path(str(boms.page_of(one.path)))
                    for one in written[:SHOWN_FEATURES]
                    if one.path is not None
                },
            },
            asset_key="bom",
            partition_key=day.isoformat(),
        )
        yield dg.MaterializeResult(asset_key="bom")
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("bom"),
            check_name=VALID,
            passed=not broken,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{len(broken)} of {len(written)} documents are not valid."
            if broken
            else f"{len(written)} documents are valid.",
            metadata={
                feature_id: dg.MetadataValue.text("\n".join(errors))
                for feature_id, errors in list(broken.items())[:SHOWN_FEATURES]
            },
            partition=day.isoformat(),
        )

    return write
