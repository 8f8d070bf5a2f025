"""A published file in memory, written finding by finding, for the tests of the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from llmops_health.config import Feature
from llmops_health.ingest.quarantine import REJECT_COLUMNS
from llmops_health.judge import FINDING_COLUMNS, FINDING_SCHEMA
from llmops_health.report.page_document import document
from llmops_health.report.page_reading import read
from llmops_health.report.verdicts import VERDICT_COLUMNS, verdicts
from llmops_health.storage.engines import memory
from llmops_health.storage.warehouse import ensure_table, insert_rows

DAY = date(2026, 10, 31)
CARD_COLUMNS = {
    "day": "date",
    "feature_id": "varchar",
    "mode": "varchar",
    "check_name": "varchar",
    "n_quiet": "bigint",
    "false_alarms_per_month": "double",
    "false_lo": "double",
    "false_hi": "double",
    "shift": "varchar",
    "n_planted": "bigint",
    "n_found": "bigint",
    "smallest_effect": "double",
    "effect_unit": "varchar",
    "message": "varchar",
}
FIGURE_COLUMNS = {
    "day": "date",
    "feature_id": "varchar",
    "mode": "varchar",
    "check_name": "varchar",
    "kind": "varchar",
    "title": "varchar",
    "description": "varchar",
    "svg": "varchar",
}


def finding(feature_id: str = "triage", status: str = "FAIL", **given: Any) -> dict[str, Any]:
    """Return a row of `health__findings`, an alarm of input drift unless told otherwise."""
    return {
        "day": DAY,
        "feature_id": feature_id,
        "mode": "drift",
        "check_name": "input_drift",
        "segment": "",
        "status": status,
        "value": 0.3,
        "lo": 0.2,
        "hi": 0.4,
        "threshold": 0.12,
        "unit": "JS distance",
        "n": 500,
        "p_value": None,
        "message": "input length moved.",
        "action": "Read the newest inputs.",
        "evidence_sql": "select 1",
        "run_id": "run",
    } | given


def days(statuses: Sequence[str], **given: Any) -> list[dict[str, Any]]:
    """Return a finding per day, the last of them on `DAY`; an empty status is no finding."""
    first = DAY - timedelta(len(statuses) - 1)
    return [
        finding(status=status, day=first + timedelta(at), **given)
        for at, status in enumerate(statuses)
        if status
    ]


def published(rows: Sequence[dict[str, Any]] = ()) -> duckdb.DuckDBPyConnection:
    """Return a file with these findings and the verdicts that follow from them."""
    connection = memory(with_macros=False)
    ensure_table(connection, "health__findings", FINDING_COLUMNS)
    ensure_table(connection, "health__verdicts", VERDICT_COLUMNS)
    frame = pl.DataFrame(list(rows), schema=FINDING_SCHEMA, orient="row")
    insert_rows(connection, "health__findings", list(FINDING_COLUMNS), frame.rows())
    if rows:
        rolled = verdicts(frame)
        insert_rows(connection, "health__verdicts", list(VERDICT_COLUMNS), rolled.rows())
    return connection


def add(
    connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], **given: Any
) -> None:
    """Add a row to a table of the file; what is not given is null."""
    ensure_table(connection, table, columns)
    insert_rows(connection, table, list(columns), [tuple(given.get(name) for name in columns)])


def add_reject(connection: duckdb.DuckDBPyConnection, **given: Any) -> None:
    """Put a row aside."""
    row = {"file_id": 1, "path": "/x/calls.csv", "table_name": "calls", "row_number": 2} | given
    add(connection, "ingest__rejects", REJECT_COLUMNS, **row)


def text(
    rows: Sequence[dict[str, Any]] = (),
    features: Sequence[Feature] = (),
    folder: Path = Path("report"),
) -> str:
    """Return the page of these findings."""
    return document(read(published(rows)), features, folder)
