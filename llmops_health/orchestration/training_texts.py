"""The step that compares the texts of training sets with one another and with eval cases."""

from collections.abc import Iterator

import dagster as dg

from llmops_health import progress
from llmops_health.orchestration.assets import spec
from llmops_health.orchestration.partitions import DAYS
from llmops_health.orchestration.resources import Project

DOCS = {
    "summary__near_duplicates": "Rows of a ledger step whose inputs are near-duplicates.",
    "summary__near_cases": "Eval cases that an input of a ledger step is a near-duplicate of.",
}


def training_texts() -> dg.AssetsDefinition:
    """Return the step that finds near-duplicates by MinHash."""
    reads = ["summary__training_inputs", "core__eval_cases"]
    specs = [spec(table, "summary", doc, reads, ["python", "numpy"]) for table, doc in DOCS.items()]

    @dg.multi_asset(
        name="training_texts",
        specs=specs,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def compare(project: Project) -> Iterator[dg.MaterializeResult]:
        from llmops_health import training_texts

        progress.report(0.55, "comparing training texts")
        counts = training_texts.compare_training_texts(project.warehouse)
        for table in DOCS:
            yield dg.MaterializeResult(
                asset_key=table, metadata={"dagster/row_count": counts[table]}
            )

    return compare
