"""Which days are missing or out of date: what was landed since a day was last judged.

`landed__days` says which batch last touched a day, `judged_days` up to which batch a day's verdicts
know. A day's verdicts look back over weeks, so all days after the first changed one are done again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

JUDGED_COLUMNS = {"day": "date", "batch": "bigint"}
CORE_DAY_COLUMNS = {"day": "date", "batch": "bigint"}
# The newest day whose rows retention has removed: made again, its summaries would come out empty.
SETTLED_COLUMNS = {"last_day": "date"}
_OPEN = """
    select day, batch from landed__days
    where day <= $today
        and day > coalesce((select max(last_day) from settled_days), date '0001-01-01')
"""
_CHANGED = f"""
    with dated as ({_OPEN}),
    spans as (
        select min(day) as first, max(day) as last from dated
    ),
    touched as (
        select day, max(batch) as batch
        from (
            select day, batch from dated
            union all
            select spans.last as day, days.batch
            from landed__days as days cross join spans
            where days.day is null
        )
        group by day
    ),
    calendar as (
        select unnest(generate_series(spans.first, spans.last, interval 1 day))::date as day
        from spans
    )
    select min(calendar.day)
    from calendar
    left join touched on calendar.day = touched.day
    left join judged_days as judged on calendar.day = judged.day
    where judged.batch is null or judged.batch < coalesce(touched.batch, 0)
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """The first and last day with rows, and the newest batch that has been landed."""

    first: date
    last: date
    batch: int


def extent(connection: duckdb.DuckDBPyConnection, today: date) -> Extent | None:
    """Return which days have rows, none after today or settled; None where nothing is left."""
    row = connection.execute(
        "select min(day), max(day), (select coalesce(max(batch), 0) from landed__files)"
        f" from ({_OPEN})",
        {"today": today},
    ).fetchone()
    return None if row is None or row[0] is None else Extent(row[0], row[1], row[2])


def out_of_date(warehouse: Warehouse, today: date) -> Day | None:
    """Return the range from the first changed or missing day to the last day with rows."""
    with warehouse.read() as connection:
        whole = extent(connection, today)
        row = connection.execute(_CHANGED, {"today": today}).fetchone() if whole else None
    if whole is None or row is None or row[0] is None:
        return None
    return Day(row[0], whole.last)


def all_days(warehouse: Warehouse, today: date) -> Day | None:
    """Return the range of all days with rows."""
    with warehouse.read() as connection:
        whole = extent(connection, today)
    return Day(whole.first, whole.last) if whole else None


def newest_batch(warehouse: Warehouse) -> int:
    """Return the number of the last batch that was landed."""
    with warehouse.read() as connection:
        row = connection.execute("select coalesce(max(batch), 0) from landed__files").fetchone()
    return int(row[0]) if row else 0


def newest_judged(warehouse: Warehouse) -> date | None:
    """Return the newest day that has verdicts."""
    with warehouse.read() as connection:
        row = connection.execute("select max(day) from judged_days").fetchone()
    return row[0] if row else None


def mark_judged(warehouse: Warehouse, day: Day) -> None:
    """Record that the verdicts of these days know what their core rows know."""
    with warehouse.write() as connection:
        span = [day.first, day.last]
        connection.execute("delete from judged_days where day between ? and ?", span)
        connection.execute(
            "insert into judged_days select day, batch from core_days where day between ? and ?",
            span,
        )


def mark_core(warehouse: Warehouse, day: Day, batch: int) -> None:
    """Record up to which batch the core rows of these days were made."""
    with warehouse.write() as connection:
        connection.execute("delete from core_days where day between ? and ?", [day.first, day.last])
        connection.execute(
            "insert into core_days select unnest(generate_series(?::date, ?::date,"
            " interval 1 day))::date, ?",
            [day.first, day.last, batch],
        )


def unsettled(warehouse: Warehouse, day: Day) -> Day | None:
    """Return the part of a range whose rows are still there, None where none is."""
    with warehouse.read() as connection:
        row = connection.execute("select max(last_day) from settled_days").fetchone()
    if row is None or row[0] is None or row[0] < day.first:
        return day
    return Day(row[0] + timedelta(days=1), day.last) if row[0] < day.last else None
