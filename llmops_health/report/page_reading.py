"""What the page needs of the published file, read with a few queries; nothing is made of it here.

A table that an older file does not have is read as empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import polars as pl

from llmops_health.report.page_strips import N_DAYS

TREND_DAYS = 56
N_REJECTS = 10

_FINDINGS = """
select * from health__findings where day = $day
order by feature_id, mode, check_name, segment <> '', segment
"""
_VERDICTS = """
select day, feature_id, mode, status from health__verdicts
where day > $day::date - $n_days and day <= $day
order by feature_id, mode, day
"""
_STATES = """
select feature_id, mode, check_name, day, min(case status when 'FAIL' then 0 when 'WARN' then 1
    when 'PASS' then 2 when 'NOT_ENOUGH_DATA' then 3 else 4 end)::int as rank
from health__findings
where day > $day::date - $n_days and day <= $day
group by feature_id, mode, check_name, day
order by feature_id, mode, check_name, day
"""
_TREND = """
select past.feature_id, past.mode, past.check_name, past.segment, past.day, past.status,
    past.value, past.lo, past.hi, past.threshold, past.unit
from health__findings as past
semi join (
    select feature_id, mode, check_name from health__findings
    where day = $day and status in ('FAIL', 'WARN')
) using (feature_id, mode, check_name)
where past.day > $day::date - $n_days and past.day <= $day
order by past.day
"""
_SINCE = """
with alarmed as (
    select distinct feature_id, mode, check_name from health__findings
    where day = $day and status in ('FAIL', 'WARN')
),
days as (
    select feature_id, mode, check_name, day,
        bool_or(status in ('FAIL', 'WARN')) as is_alarm,
        bool_or(status in ('PASS', 'NOT_APPLICABLE')) as is_clear
    from health__findings
    semi join alarmed using (feature_id, mode, check_name)
    where day <= $day
    group by feature_id, mode, check_name, day
),
cleared as (
    select feature_id, mode, check_name,
        max(day) filter (where is_clear and not is_alarm) as cleared_on
    from days
    group by feature_id, mode, check_name
)
select feature_id, mode, check_name, min(day) as since, any_value(cleared_on) is null as is_all
from days
inner join cleared using (feature_id, mode, check_name)
where is_alarm and (cleared_on is null or day > cleared_on)
group by feature_id, mode, check_name
"""
_CARDS = """
select * from health__power_cards where day <= $day
qualify row_number() over (partition by feature_id, mode, check_name order by day desc) = 1
"""
_FEATURE_CARDS = """
select * from health__feature_cards
where day = (select max(day) from health__feature_cards where day <= $day)
order by rank
"""
_READINESS = """
select * from health__readiness
where day = (select max(day) from health__readiness where day <= $day)
"""
_ANSWERS = """
select feature_id, mode, check_name, segment, acknowledged_by, acknowledged_until
from latest_findings where acknowledged_by is not null
"""
_REJECTS = """
select path, table_name, column_name, reason, count(*)::bigint as n from ingest__rejects
group by all order by n desc, path, table_name, column_name, reason limit $most
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How much data there is; the last call's time is None where no calls are kept."""

    n_calls: int
    n_features: int
    first: date | None
    last: datetime | None
    n_days_judged: int
    n_files: int
    n_rejects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The newest judged day and what led to it; frames are rows of the tables they name.

    `states` holds the worst status of each check and day as a rank, 0 for FAIL; `since` the first
    day of the present run of alarms of each check that is alarmed, and whether no earlier day was
    without alarm.
    """

    day: date | None
    volume: Volume
    findings: pl.DataFrame
    verdicts: pl.DataFrame
    states: pl.DataFrame
    trend: pl.DataFrame
    since: pl.DataFrame
    figures: pl.DataFrame
    cards: pl.DataFrame
    feature_cards: pl.DataFrame
    readiness: pl.DataFrame
    answers: pl.DataFrame
    rejects: pl.DataFrame


class _Published:
    """Queries of a file in which a table may be missing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        found = connection.execute("select table_name from duckdb_tables()").fetchall()
        self._tables = {name for (name,) in found}

    def frame(self, table: str, query: str, **params: object) -> pl.DataFrame:
        if table not in self._tables:
            return pl.DataFrame()
        rows: pl.DataFrame = self._connection.sql(query, params=params or None).pl()
        return rows

    def answers(self, query: str) -> pl.DataFrame:
        """Return who has taken which alarm on; nothing where the file's view does not tell."""
        known = self._connection.execute(
            "select count(*) from duckdb_columns()"
            " where table_name = 'latest_findings' and column_name = 'acknowledged_by'"
        ).fetchall()
        if not known[0][0]:
            return pl.DataFrame()
        rows: pl.DataFrame = self._connection.sql(query).pl()
        return rows

    def row(self, table: str, query: str, missing: tuple[Any, ...]) -> tuple[Any, ...]:
        if table not in self._tables:
            return missing
        # All rows: a result that is not read to its end would hold the connection.
        return next(iter(self._connection.execute(query).fetchall()), missing)


def read(connection: duckdb.DuckDBPyConnection) -> Reading:
    """Read the newest judged day, its past and its data from an open published file."""
    source = _Published(connection)
    (day,) = source.row("health__verdicts", "select max(day) from health__verdicts", (None,))
    on = {"day": day}
    return Reading(
        day=day,
        volume=_volume(source),
        findings=source.frame("health__findings", _FINDINGS, **on),
        verdicts=source.frame("health__verdicts", _VERDICTS, n_days=N_DAYS, **on),
        states=source.frame("health__findings", _STATES, n_days=N_DAYS, **on),
        trend=source.frame("health__findings", _TREND, n_days=TREND_DAYS, **on),
        since=source.frame("health__findings", _SINCE, **on),
        figures=source.frame(
            "health__figures", "select * from health__figures where day = $day", **on
        ),
        cards=source.frame("health__power_cards", _CARDS, **on),
        feature_cards=source.frame("health__feature_cards", _FEATURE_CARDS, **on),
        readiness=source.frame("health__readiness", _READINESS, **on),
        answers=source.answers(_ANSWERS),
        rejects=source.frame("ingest__rejects", _REJECTS, most=N_REJECTS),
    )


def _volume(source: _Published) -> Volume:
    n_calls, n_features, first, last = source.row(
        "core__calls",
        "select count(*), count(distinct feature_id), min(day), max(started_at) from core__calls",
        (0, 0, None, None),
    )
    (n_days,) = source.row(
        "health__verdicts", "select count(distinct day) from health__verdicts", (0,)
    )
    (n_files,) = source.row("ingest__files", "select count(*) from ingest__files", (0,))
    (n_rejects,) = source.row("ingest__rejects", "select count(*) from ingest__rejects", (0,))
    return Volume(
        n_calls=n_calls,
        n_features=n_features,
        first=first,
        last=last,
        n_days_judged=n_days,
        n_files=n_files,
        n_rejects=n_rejects,
    )
