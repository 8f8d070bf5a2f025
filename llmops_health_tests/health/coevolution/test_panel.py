"""The panel of users as the SQL draws it: bounded, and the same however days are run."""

from __future__ import annotations

from datetime import date

import polars as pl

from llmops_health import sqlfiles
from llmops_health.storage.engines import memory

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
CALLS = """
    create table core__calls as
    select
        date '2026-01-01' + (i % 2)::int as day,
        'f' as feature_id,
        'c' || i as call_id,
        -- One of a hundred users makes a third of the calls.
        'user-' || case when i % 3 = 0 then 0 else (i // 2 * 7919) % 100 end as user_id,
        'prod' as run_kind,
        (date '2026-01-01' + (i % 2)::int) + interval (i % 86000) second as started_at,
        'h' || i as input_sha256,
        10::bigint as n_input_chars,
        3::bigint as input_tokens,
        i::bigint as prompt_key
    from range(6000) as numbers (i)
"""


def panel(first: date, last: date) -> pl.DataFrame:
    [file] = [one for one in sqlfiles.load(layer="summary") if one.table == "summary__user_calls"]
    with memory() as db:
        db.execute(CALLS)
        params = {"first_day": first, "last_day": last}
        rows: pl.DataFrame = db.sql(file.query, params=params).pl()
        return rows.sort("day", "call_id")


def test_a_day_is_bounded_and_no_user_fills_it() -> None:
    rows = panel(FIRST, SECOND)
    assert rows.group_by("day").len()["len"].to_list() == [1_000, 1_000]
    of_users = rows.group_by("day", "user_key").len()
    assert max(of_users["len"].to_list()) <= 50
    assert of_users["user_key"].n_unique() > 15


def test_users_below_the_cut_are_complete_and_the_same_on_both_days() -> None:
    rows = panel(FIRST, SECOND)
    cuts = rows.group_by("day").agg(pl.col("user_key").max())["user_key"]
    kept = rows.filter(pl.col("user_key") < cuts.min())
    first, second = (set(kept.filter(pl.col("day") == day)["user_key"]) for day in (FIRST, SECOND))
    assert first == second
    assert len(first) > 10


def test_rows_of_a_day_do_not_depend_on_the_range() -> None:
    both = panel(FIRST, SECOND)
    for day in (FIRST, SECOND):
        assert panel(day, day).equals(both.filter(pl.col("day") == day))
