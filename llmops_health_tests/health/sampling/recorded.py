"""The recorded exam answers at many temperatures, brought to the tables that checks read."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from llmops_health import sqlfiles, steps
from llmops_health.storage.engines import memory

DATA_VARIABLE = "LLMOPS_HEALTH_REAL_DATA"
EXAMS = Path(os.environ.get(DATA_VARIABLE, "")) / "jhu_temperature" / "share_slim.csv"

_HAS_DATA = pytest.mark.skipif(
    not os.environ.get(DATA_VARIABLE), reason=f"{DATA_VARIABLE} names no folder of real data"
)


def needs_data(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that reads recorded data, to be skipped where there are none."""
    marked: Callable[..., None] = pytest.mark.real(_HAS_DATA(test))
    return marked


_ROW = """
    concat_ws('/', "Model Name", "Agent Name", "Temperature", "Problem ID") as call_id,
    concat_ws('-', "Model Name", "Agent Name") as feature_id,
    "Date Time"::timestamp as made_at
"""
_CALLS = f"""
insert into core__calls by name
select call_id, feature_id, made_at as started_at, made_at::date as day, 'prod' as run_kind,
    request_model, prompt_name, temperature, params_known, eval_case_id, predicted_label
from (
    select {_ROW}, "Model Name" as request_model, "Agent Name" as prompt_name,
        "Temperature"::double as temperature, true as params_known,
        "Problem ID"::varchar as eval_case_id,
        nullif("Agent Answer", '[None]') as predicted_label
    from read_csv($path)
)
"""
_LABELS = f"""
insert into core__labels by name
select call_id, made_at as labelled_at, made_at::date as day, 'outcome' as labeller_kind, label
from (select {_ROW}, "Correct Answer" as label from read_csv($path))
"""


def exam_tables() -> dict[str, pl.DataFrame]:
    """Return `summary__parameters` and `summary__outcomes` of the exam answers."""
    with memory() as db:
        for table in ("core__calls", "core__labels", "core__feedback"):
            listed = ", ".join(f"{n} {kind}" for n, kind in steps.all_tables()[table].items())
            db.execute(f"create table {table} ({listed})")
        for query in (_CALLS, _LABELS):
            db.execute(query, {"path": str(EXAMS)})
        days = {"first_day": date(2024, 6, 7), "last_day": date(2024, 6, 9)}
        return {
            sql.table: db.sql(sql.query, params=days).pl()
            for sql in sqlfiles.load(layer="summary")
            if sql.table in {"summary__parameters", "summary__outcomes"}
        }
