"""Loading the texts of training sets, comparing them, and storing what that tells."""

from __future__ import annotations

import polars as pl

from llmops_health.storage import contents
from llmops_health.storage.warehouse import Warehouse, frame
from llmops_health.text.training_texts import TABLES, compare


def compare_training_texts(warehouse: Warehouse) -> dict[str, int]:
    """Make the near-duplicate tables of all ledger steps with rows; return rows by table."""
    with warehouse.read() as connection:
        connection.execute(contents.view_sql(warehouse).replace("view core", "temp view all", 1))
        connection.execute(
            "create temp table training_texts as select sha256, any_value(text) as text"
            " from all__contents where sha256 in (select input_sha256 from summary__training_inputs"
            " union all select input_sha256 from core__eval_cases) group by sha256"
        )
        inputs = frame(
            connection,
            "select inputs.*, texts.text from summary__training_inputs as inputs"
            " left join training_texts as texts on inputs.input_sha256 = texts.sha256",
        )
        cases = frame(
            connection,
            "select cases.*, texts.text from core__eval_cases as cases"
            " left join training_texts as texts on cases.input_sha256 = texts.sha256",
        )
        known = {table: frame(connection, f"select * from {table}") for table in TABLES}  # noqa: S608 - our own names
    return _stored(warehouse, compare(inputs, cases, known))


def _stored(warehouse: Warehouse, made: dict[str, pl.DataFrame]) -> dict[str, int]:
    return {
        table: warehouse.replace_frame(table, columns, made[table], None)
        for table, columns in TABLES.items()
    }
