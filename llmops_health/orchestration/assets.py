"""The asset graph: an asset per source table, SQL file, check and product. None is written by hand.

The assets of a layer or mode are one step, from which any can be chosen: a step costs Dagster far
more than most of our queries do.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg
from dagster import AssetExecutionContext

from llmops_health import health, progress, sqlfiles
from llmops_health.contract import TABLES
from llmops_health.orchestration.partitions import DAYS, days_of
from llmops_health.orchestration.resources import Project
from llmops_health.sqlfiles import SqlFile
from llmops_health.storage.day import Day

OWNER = "team:llmops"
# Judged days are at most a day and a half old while the nightly run works.
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=30)
)

# Of a run's time, roughly: reading files, then tables, then checks.
LANDING_SHARE = 0.3

VECTOR_DOCS = {
    "summary__embeddings": "Sums of the sampled inputs' vectors, per feature and day.",
    "summary__codebooks": "Centroids of each feature's topic cells, fitted once and kept.",
    "summary__text_cells": "The topic cell of every sampled input.",
    "summary__cells": "Sampled inputs per topic cell, feature and day.",
    "summary__eval_cells": "The topic cell of every eval case, and its nearest neighbour.",
    "summary__style": "How the inputs of a panel of users are worded.",
    "summary__matches": "The production calls most like each eval input, and the other way round.",
    "summary__marker_words": "Words that eval inputs have beyond production inputs like them.",
}


def spec(
    key: str, group: str, doc: str, deps: Sequence[str], kinds: Sequence[str], **more: object
) -> dg.AssetSpec:
    """Return an asset's spec in our terms; every asset may be chosen alone."""
    return dg.AssetSpec(
        key,
        deps=list(deps),
        group_name=group,
        description=doc,
        kinds=set(kinds),
        owners=[OWNER],
        skippable=True,
        **more,  # type: ignore[arg-type]
    )


def landing() -> dg.AssetsDefinition:
    """Return the step that reads the configured files: one asset per contract table."""
    specs = [
        spec(
            f"landed__{table.name}",
            "landed",
            f"{table.doc} As read from the files of the configuration, each row once; rows that"
            " break the contract are in `landed__rejects` with file, line, column and reason.",
            [],
            ["duckdb", "file"],
        )
        for table in TABLES
    ]
    checks = [
        dg.AssetCheckSpec(
            "rows_accepted",
            asset=f"landed__{table.name}",
            description="No row of the newly read files was refused.",
        )
        for table in TABLES
    ]

    @dg.multi_asset(name="landed", specs=specs, check_specs=checks, can_subset=True)
    def landed(context: AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult]:
        from llmops_health.ingest import land

        chosen = sorted(key.to_user_string() for key in context.selected_asset_keys)
        names = [key.removeprefix("landed__") for key in chosen]
        done = land.land(
            project.config, project.warehouse, tables=names, progress=_landing_progress
        )
        for name in names:
            reports = done.of(name)
            n_rows = sum(report.n_rows for report in reports)
            n_rejected = sum(report.n_rejected for report in reports)
            counts: dict[str, int] = {
                "n_files_read": sum(report.n_rows > 0 for report in reports),
                "n_files_known": sum(report.n_rows == 0 for report in reports),
                "n_rows_read": n_rows,
                "n_rows_new": sum(report.n_new for report in reports),
                "n_rows_rejected": n_rejected,
                "n_duplicates": sum(report.n_duplicates for report in reports),
            }
            mostly = n_rejected * 2 > n_rows
            yield dg.MaterializeResult(
                asset_key=f"landed__{name}",
                metadata=counts,
                check_results=[
                    dg.AssetCheckResult(
                        check_name="rows_accepted",
                        asset_key=f"landed__{name}",
                        passed=n_rejected == 0,
                        severity=dg.AssetCheckSeverity.ERROR
                        if mostly
                        else dg.AssetCheckSeverity.WARN,
                        description=f"{n_rejected} of {n_rows} rows refused: see landed__rejects.",
                        metadata={"n_rejected": n_rejected, "n_rows": n_rows},
                    )
                ],
            )

    return landed


def _landing_progress(done: int, total: int, what: str) -> None:
    progress.report(LANDING_SHARE * done / max(total, 1), f"reading {what}")


def layer(name: str, files: Sequence[SqlFile]) -> dg.AssetsDefinition:
    """Return the step that runs the SQL files of a layer for a range of days."""
    by_key = {file.table: file for file in files}
    specs = [
        spec(file.table, name, f"```text\n{file.doc}\n```", _deps(file), ["duckdb", "sql"])
        for file in files
    ]

    @dg.multi_asset(
        name=name,
        specs=specs,
        can_subset=True,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def run(context: AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult]:
        from llmops_health.storage import days

        day = days.unsettled(project.warehouse, days_of(context))
        if day is None:
            context.log.info("These days are past the retention of calls: they stay as they are.")
            return
        chosen = {key.to_user_string() for key in context.selected_asset_keys}
        batch = days.newest_batch(project.warehouse)
        for file in _in_order(by_key, chosen):
            progress.report(LANDING_SHARE, file.table)
            n_rows = make_table(project, file, day)
            yield dg.MaterializeResult(asset_key=file.table, metadata={"dagster/row_count": n_rows})
        # A part of the layer that was run by hand does not make its days up to date.
        if name == "core" and chosen == set(by_key):
            days.mark_core(project.warehouse, day, batch)

    return run


def _deps(file: SqlFile) -> list[str]:
    """Return a file's upstream assets; ids that came twice are counted by every landing."""
    if "landed__duplicates" in file.reads:
        return [f"landed__{table.name}" for table in TABLES]
    return list(file.reads)


def make_table(project: Project, file: SqlFile, day: Day) -> int:
    """Run one SQL file for a range of days (whole, where it has no day) and count its rows."""
    given = {"first_day": day.first, "last_day": day.last}
    params = {name: given[name] for name in file.params}
    return project.warehouse.replace(
        file.table, file.columns, file.query, params, day if file.is_daily else None
    )


def _in_order(files: dict[str, SqlFile], chosen: set[str]) -> Iterator[SqlFile]:
    done: set[str] = set()
    left = [files[name] for name in sorted(chosen)]
    while left:
        ready = [f for f in left if not (set(f.reads) & chosen) - done - {f.table}]
        if not ready:
            names = ", ".join(file.table for file in left)
            raise ValueError(f"These SQL files read each other in a circle: {names}.")
        for file in ready:
            yield file
            done.add(file.table)
        left = [file for file in left if file.table not in done]


def text_vectors() -> dg.AssetsDefinition:
    """Return the step that embeds the sampled texts: the only summaries not made by SQL."""
    specs = [
        spec(table, "summary", VECTOR_DOCS[table],
             ["summary__text_samples", "summary__user_calls", "summary__compared_calls",
              "core__eval_cases"],
             ["python", "numpy"])
        for table in VECTOR_DOCS
    ]  # fmt: skip

    @dg.multi_asset(
        name="vectors",
        specs=specs,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def embed(context: AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult]:
        from llmops_health import steps

        progress.report(0.5, "embedding sampled texts")
        counts = steps.embed_texts(project.warehouse, days_of(context))
        for table in VECTOR_DOCS:
            yield dg.MaterializeResult(
                asset_key=table, metadata={"dagster/row_count": counts.get(table, 0)}
            )

    return embed


def verdicts() -> dg.AssetsDefinition:
    """Return the step that rolls findings up to one verdict per feature, mode and day."""
    keys = [check.key for check in health.listed()]
    one = spec(
        "health__verdicts",
        "verdicts",
        "One row per feature, mode and day: healthy, warning, failing, no_evidence or"
        " not_applicable, with the headline. Multiplicity is controlled here, once.",
        keys,
        ["duckdb", "python"],
        freshness_policy=FRESH,
    )

    @dg.multi_asset(
        name="verdicts",
        specs=[one],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def roll_up(context: AssetExecutionContext, project: Project) -> dg.MaterializeResult:
        from llmops_health import steps

        day = days_of(context)
        table = steps.roll_up(project.warehouse, day)
        for (one_day,), rows in table.group_by("day"):
            counts = dict(rows["status"].value_counts().iter_rows())
            context.add_asset_metadata(
                {f"n_{status}": n for status, n in sorted(counts.items())},
                asset_key="health__verdicts",
                partition_key=str(one_day),
            )
        return dg.MaterializeResult(asset_key="health__verdicts")

    return roll_up


def eval_sets() -> dg.AssetsDefinition:
    """Return the step that picks the cases to add to the eval sets, and those to retire."""
    reads = ["health__eval_rot__uncovered_traffic", "summary__text_cells", "summary__eval_cells"]
    specs = [
        spec(
            "health__refresh_candidates",
            "eval_rot",
            "Calls worth adding to the eval set: strata by failure signal, facility location"
            " within, what is covered already left out; redacted text.",
            [*reads, "summary__satisfaction"],
            ["python", "numpy"],
        ),
        spec(
            "health__retirement_candidates",
            "eval_rot",
            "Eval cases that may go: redundant, saturated, unrepresentative or mislabelled."
            " Never a regression guard; nothing is ever deleted by us.",
            [*reads, "summary__eval_items"],
            ["python", "numpy"],
        ),
    ]

    @dg.multi_asset(
        name="eval_sets",
        specs=specs,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def pick(context: AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult]:
        from llmops_health import steps

        counts = steps.pick_cases(project.config, project.warehouse, days_of(context))
        for key, n_rows in counts.items():
            yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": n_rows})

    return pick


def published() -> dg.AssetsDefinition:
    """Return the step that copies the working database to the file people open."""
    one = spec(
        "published",
        "published",
        "The DuckDB file that people open: always complete, replaced atomically at the end of a"
        " run. Texts and calls past their retention are removed first.",
        [
            "health__verdicts",
            "health__refresh_candidates",
            "health__retirement_candidates",
            "health__feature_cards",
            "health__readiness",
            "bom",
        ],
        ["duckdb", "file"],
        freshness_policy=FRESH,
    )

    @dg.multi_asset(
        name="published",
        specs=[one],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def publish(context: AssetExecutionContext, project: Project) -> dg.MaterializeResult:
        from llmops_health import steps
        from llmops_health.storage import days

        days.mark_judged(project.warehouse, days_of(context))
        n_bytes = steps.publish(project.config, project.warehouse)
        return dg.MaterializeResult(
            asset_key="published",
            metadata={"n_bytes": n_bytes, "path": str(project.warehouse.path)},
        )

    return publish


def tables() -> list[dg.AssetsDefinition]:
    """Return the steps of the core and summary layers."""
    return [
        layer("core", list(sqlfiles.load(layer="core"))),
        layer("summary", list(sqlfiles.load(layer="summary"))),
        text_vectors(),
    ]
