"""The steps that are no single SQL file: embedding, roll-up, picking cases, publishing.

Each loads its tables, calls a pure function and stores the result; none decides anything itself.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from llmops_health import sqlfiles
from llmops_health.config import Config
from llmops_health.ingest.land import FILE_COLUMNS
from llmops_health.ingest.quarantine import REJECT_COLUMNS
from llmops_health.judge import FINDING_COLUMNS
from llmops_health.report import page
from llmops_health.report.verdicts import VERDICT_COLUMNS
from llmops_health.report.verdicts import verdicts as rolled_up
from llmops_health.storage import contents, retention
from llmops_health.storage.days import CORE_DAY_COLUMNS, JUDGED_COLUMNS
from llmops_health.storage.warehouse import Day, Warehouse, frame, open_published
from llmops_health.text import vectors

# A codebook is fitted on a feature's first weeks; nothing before is ever needed.
CODEBOOK_DAYS = 28
# Deleted rows leave free blocks, which settle at half of a file unless a reader held it open.
COMPACT_ABOVE = 0.6


def all_tables() -> dict[str, dict[str, str]]:
    """Return every table of the working database, with its columns."""
    tables = {file.table: file.columns for layer in ("core", "summary")
              for file in sqlfiles.load(layer=layer)}  # fmt: skip
    return {
        **tables,
        **vectors.TABLES,
        "health__findings": FINDING_COLUMNS,
        "health__verdicts": VERDICT_COLUMNS,
        "judged_days": JUDGED_COLUMNS,
        "core_days": CORE_DAY_COLUMNS,
        "ingest__files": FILE_COLUMNS,
        "ingest__rejects": REJECT_COLUMNS,
    }


def embed_texts(warehouse: Warehouse, day: Day) -> dict[str, int]:
    """Make the vector summaries of a range of days; return rows by table.

    Days whose texts are gone keep the vectors they have.
    """
    with warehouse.read() as connection:
        connection.execute(contents.view_sql(warehouse).replace("view", "temp view", 1))
        codebooks = frame(connection, "select * from summary__codebooks")
        first = day.first if not codebooks.is_empty() else day.first - timedelta(CODEBOOK_DAYS)
        samples = frame(
            connection,
            """
            with texts as (
                select sha256, any_value(text) as text from core__contents
                where table_name = 'calls' and day between $first_day and $last_day
                group by sha256
            )
            select samples.*, texts.text
            from summary__text_samples as samples
            left join texts on samples.input_sha256 = texts.sha256
            where samples.day between $first and $last
            """,
            {
                "first": first,
                "last": day.last,
                "first_day": first.isoformat(),
                "last_day": day.last.isoformat(),
            },
        )
        cases = frame(
            connection,
            """
            select cases.*, texts.text
            from core__eval_cases as cases
            left join (
                select sha256, any_value(text) as text from core__contents
                where table_name = 'eval_cases' group by sha256
            ) as texts on cases.input_sha256 = texts.sha256
            """,
        )
    made = vectors.build(samples, cases, codebooks, first=day.first, last=day.last)
    readable = set(samples.filter(pl.col("text").is_not_null())["day"].unique().to_list())
    counts: dict[str, int] = {}
    for table, columns in vectors.TABLES.items():
        rows = made[table]
        if "day" not in columns:
            counts[table] = warehouse.replace_frame(table, columns, rows, None)
            continue
        counts[table] = 0
        for span in _spans(sorted(readable & set(_days_in(rows, day)))):
            part = rows.filter(pl.col("day").is_between(span.first, span.last))
            counts[table] += warehouse.replace_frame(table, columns, part, span)
    return counts


def _days_in(rows: pl.DataFrame, day: Day) -> list[date]:
    return [*day.days(), *rows["day"].unique().to_list()]


def _spans(listed: list[date]) -> list[Day]:
    spans: list[Day] = []
    for one in listed:
        if spans and spans[-1].last + timedelta(1) == one:
            spans[-1] = Day(spans[-1].first, one)
        else:
            spans.append(Day(one, one))
    return spans


def roll_up(warehouse: Warehouse, day: Day) -> pl.DataFrame:
    """Make the verdicts of a range of days from its findings, and return them."""
    findings = warehouse.frame(
        "select * from health__findings where day between $first and $last"
        " order by day, feature_id, mode, check_name, segment",
        {"first": day.first, "last": day.last},
    )
    rows = rolled_up(findings)
    warehouse.replace_frame("health__verdicts", VERDICT_COLUMNS, rows, day)
    return rows


def publish(config: Config, warehouse: Warehouse) -> int:
    """Apply retention, copy the records of ingest, and publish; return the file's size."""
    retention.apply(warehouse, config.retention_days)
    for table, columns in (("files", FILE_COLUMNS), ("rejects", REJECT_COLUMNS)):
        listed = ", ".join(columns)
        warehouse.replace(
            f"ingest__{table}", columns, f"select {listed} from landed__{table}", {}, None
        )
    for name in ("landed", "working"):
        if warehouse.free_share(name) > COMPACT_ABOVE:
            warehouse.compact(name)
    views = [contents.view_sql(warehouse)]
    views += [
        f"create or replace view {file.table} as {file.query}"
        for file in sqlfiles.load(layer="views")
    ]
    n_bytes = warehouse.publish(views)
    write_page(config)
    return n_bytes


def write_page(config: Config) -> Path:
    """Write the report of the newest day from the published file; return its path."""
    connection = open_published(config.storage.path)
    try:
        verdicts = frame(connection, "select * from latest_verdicts")
        findings = frame(connection, "select * from latest_findings")
    finally:
        connection.close()
    return page.write(verdicts, findings, report_folder(config))


def report_folder(config: Config) -> Path:
    """Return where pages and exports lie: beside the published file."""
    return config.storage.path.parent / "report"
