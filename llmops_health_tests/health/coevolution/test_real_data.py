"""A real log over months: what can be said of its users, and what not."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from llmops_health import sqlfiles, steps
from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.coevolution import outgrown_launch_eval, user_adaptation, user_mix_shift
from llmops_health.storage.engines import memory
from llmops_health_tests.health.coevolution.simulate import known_on

FOLDER = "LLMOPS_HEALTH_REAL_DATA"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not os.environ.get(FOLDER), reason=f"{FOLDER} names no folder of real data"),
]
AIDER = Feature(id="aider", kind="agent")
SENT = """
    insert into core__calls by name
    select
        to_timestamp(time)::timestamp::date as day,
        'c' || row_number() over () as call_id,
        'aider' as feature_id,
        to_timestamp(time)::timestamp as started_at,
        'prod' as run_kind,
        user_id,
        properties.prompt_tokens::bigint as input_tokens
    from read_ndjson($path, sample_size = -1)
    where event = 'message_send'
"""


@pytest.fixture(scope="module")
def aider() -> dict[str, pl.DataFrame]:
    path = Path(os.environ[FOLDER]) / "aider_analytics" / "share_until_2025-03.jsonl"
    files = {file.table: file for file in sqlfiles.load(layer="summary")}
    declared = steps.all_tables()
    with memory() as db:
        for table in ("core__calls", "summary__style", "summary__text_cells"):
            listed = ", ".join(f"{name} {kind}" for name, kind in declared[table].items())
            db.execute(f"create table {table} ({listed})")
        db.execute(SENT, {"path": str(path)})
        params = {"first_day": date(2024, 8, 13), "last_day": date(2025, 3, 31)}
        for table in ("summary__user_calls", "summary__user_days", "summary__user_cells"):
            db.execute(f"create table {table} as {files[table].query}", params)
        return {
            table: db.sql(f"select * from {table}").pl()
            for table in ("summary__user_days", "summary__user_cells")
        }


def test_one_person_is_no_population(aider: dict[str, pl.DataFrame]) -> None:
    user_days, user_cells = aider["summary__user_days"], aider["summary__user_cells"]
    no_cases = pl.DataFrame(
        schema={"cell": pl.Int32, "added_at": pl.Datetime("us"), "retired_at": pl.Datetime("us"),
                "fitted_on": pl.Date}
    )  # fmt: skip
    found: list[Finding] = []
    for age in range(0, 200, 7):
        day = date(2025, 3, 31) - timedelta(days=age)
        known = known_on(user_days, day, user_adaptation.HISTORY_DAYS)
        found += user_adaptation.check(AIDER, day, known, user_adaptation.Params())
        found += user_mix_shift.check(AIDER, day, known, user_cells, user_mix_shift.Params())
        found += outgrown_launch_eval.check(
            AIDER, day, user_cells, no_cases, no_cases, outgrown_launch_eval.Params()
        )
    # One user makes all but 15 of 4,446 calls, and there are no texts.
    assert {one.status for one in found} == {Status.NOT_ENOUGH_DATA}
    told = " ".join(one.message for one in found)
    assert "1 user asked in 7 days" in told
    assert "whose topic is known do not reach back" in told
