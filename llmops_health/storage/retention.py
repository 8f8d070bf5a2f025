"""Retention: texts and calls older than the configuration keeps, counted from the newest day."""

from __future__ import annotations

import time
from datetime import date, timedelta

from llmops_health.config import Retention
from llmops_health.contract import BY_NAME
from llmops_health.exports import PATTERNS
from llmops_health.storage.contents import KEPT
from llmops_health.storage.warehouse import Warehouse

_DAY_SECONDS = 86_400
_BY_CALLS = ("calls", "labels", "feedback", "reviews", "spans")


def apply(warehouse: Warehouse, keep: Retention) -> None:
    """Delete content files and rows of days past their retention.

    Summaries and findings stay: they hold neither text nor ids. Their days are settled from then
    on, so that a late row or a full run does not make them again from nothing.
    """
    with warehouse.read() as connection:
        row = connection.execute("select max(day) from core__calls").fetchone()
    if row is None or row[0] is None:
        return
    _texts(warehouse, row[0] - timedelta(days=keep.contents))
    remove_exports(warehouse, older_than_days=keep.contents)
    _rows(warehouse, row[0] - timedelta(days=keep.calls))


def remove_exports(warehouse: Warehouse, *, older_than_days: int = 0) -> None:
    """Remove exported files with texts that were written more than some days ago; 0: all."""
    last_kept = time.time() - older_than_days * _DAY_SECONDS
    for pattern in PATTERNS:
        for path in warehouse.path.parent.glob(pattern):
            if older_than_days == 0 or path.stat().st_mtime < last_kept:
                path.unlink(missing_ok=True)


def _texts(warehouse: Warehouse, last_gone: date) -> None:
    with warehouse.write("landed") as connection:
        gone = connection.execute(
            "delete from landed__contents where day <> ? and day <= ? returning path",
            [KEPT, last_gone.isoformat()],
        ).fetchall()
    # After the commit: a file that is not listed any more is a leftover, never the reverse.
    for (path,) in gone:
        (warehouse.contents / path).unlink(missing_ok=True)
    with warehouse.write() as connection:
        # Candidates of past days are a record of what was picked; their texts are not.
        connection.execute(
            "update health__refresh_candidates set input_text = null"
            " where day <= ? and input_text is not null",
            [last_gone],
        )


def _rows(warehouse: Warehouse, last_gone: date) -> None:
    with warehouse.write() as connection:
        for table in _BY_CALLS:
            connection.execute(f"delete from core__{table} where day <= ?", [last_gone])
        # In the transaction, and before the landed rows go: no run may find these days empty.
        row = connection.execute("select max(last_day) from settled_days").fetchone()
        settled = max(last_gone, row[0]) if row and row[0] else last_gone
        connection.execute("delete from settled_days")
        connection.execute("insert into settled_days values (?)", [settled])
    with warehouse.write("landed") as connection:
        for table in _BY_CALLS:
            time = BY_NAME[table].time
            connection.execute(f"delete from landed__{table} where {time}::date <= ?", [last_gone])
