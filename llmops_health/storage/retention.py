"""Retention: texts and calls older than the configuration keeps, counted from the newest day."""

from __future__ import annotations

from datetime import date, timedelta

from llmops_health.config import Retention
from llmops_health.storage.contents import KEPT
from llmops_health.storage.warehouse import Warehouse

_BY_CALLS = ("calls", "labels", "feedback", "reviews", "spans")


def apply(warehouse: Warehouse, keep: Retention) -> None:
    """Delete content files and rows of days past their retention.

    Summaries and findings stay: they hold neither text nor ids.
    """
    with warehouse.read() as connection:
        row = connection.execute("select max(day) from core__calls").fetchone()
    if row is None or row[0] is None:
        return
    _texts(warehouse, row[0] - timedelta(days=keep.contents))
    _rows(warehouse, row[0] - timedelta(days=keep.calls))


def _texts(warehouse: Warehouse, last_gone: date) -> None:
    with warehouse.write("landed") as connection:
        gone = connection.execute(
            "delete from landed__contents where day <> ? and day <= ? returning path",
            [KEPT, last_gone.isoformat()],
        ).fetchall()
    # After the commit: a file that is not listed any more is a leftover, never the reverse.
    for (path,) in gone:
        (warehouse.contents / path).unlink(missing_ok=True)


def _rows(warehouse: Warehouse, last_gone: date) -> None:
    times = {"calls": "started_at", "labels": "labelled_at", "spans": "started_at"}
    with warehouse.write("landed") as connection:
        for table in _BY_CALLS:
            time = times.get(table, "created_at")
            connection.execute(f"delete from landed__{table} where {time}::date <= ?", [last_gone])
    with warehouse.write() as connection:
        for table in _BY_CALLS:
            connection.execute(f"delete from core__{table} where day <= ?", [last_gone])
