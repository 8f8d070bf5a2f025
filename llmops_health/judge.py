"""Running the checks: tables in, findings and figures out, for every feature.

Loads what a check reads and hands each judgement only the rows that its day may know. Nothing
here decides what is healthy or how a figure looks, and nothing imports Dagster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from llmops_health.config import Config, Feature
from llmops_health.figures import Figure
from llmops_health.findings import CheckParams, Finding
from llmops_health.health import Check, History
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse, frame

if TYPE_CHECKING:
    import duckdb

FINDING_COLUMNS = {
    "day": "date",
    "feature_id": "varchar",
    "mode": "varchar",
    "check_name": "varchar",
    "segment": "varchar",
    "status": "varchar",
    "value": "double",
    "lo": "double",
    "hi": "double",
    "threshold": "double",
    "unit": "varchar",
    "n": "bigint",
    "p_value": "double",
    "message": "varchar",
    "action": "varchar",
    "evidence_sql": "varchar",
    "run_id": "varchar",
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
# Of findings a check is given other modes' alarms, and what the correction for many tests needs.
OTHERS_FINDINGS = """
select day, feature_id, mode, check_name, segment, status, p_value from health__findings
where day between $first and $last and mode <> $mode
    and (status = 'FAIL' or p_value is not null)
"""
_POLARS: dict[str, type[pl.DataType] | pl.DataType] = {
    "date": pl.Date,
    "varchar": pl.String,
    "double": pl.Float64,
    "bigint": pl.Int64,
}
FINDING_SCHEMA = {name: _POLARS[kind] for name, kind in FINDING_COLUMNS.items()}
FIGURE_SCHEMA = {name: _POLARS[kind] for name, kind in FIGURE_COLUMNS.items()}


def features(config: Config, warehouse: Warehouse) -> list[Feature]:
    """Return the configured features, then those that only the data know."""
    seen = warehouse.frame(
        """
        select feature_id, max(has_label) as has_label
        from (
            select distinct feature_id, (predicted_label is not null)::int as has_label
            from core__calls
            union all
            select distinct feature_id, 0 as has_label from core__feedback
            union all
            select distinct feature_id, 0 as has_label from core__eval_runs
            union all
            select distinct feature_id, 0 as has_label from core__spans
        )
        group by feature_id
        order by feature_id
        """
    )
    known = {feature.id for feature in config.features}
    found = list(config.features)
    for feature_id, has_label in seen.iter_rows():
        if feature_id not in known:
            unlisted = Feature.unlisted(feature_id)
            kind = "classifier" if has_label else unlisted.kind
            found.append(unlisted.model_copy(update={"kind": kind}))
    return found


class Histories:
    """The rows of tables by feature, parted and sorted once for all checks that read them."""

    def __init__(self, tables: Mapping[str, pl.DataFrame]) -> None:
        self._tables = tables
        self._parts = {name: _by_feature(rows) for name, rows in tables.items()}
        self._made: dict[tuple[str, str], History] = {}

    def known(self, check: Check, feature_id: str, day: date) -> dict[str, pl.DataFrame]:
        """Return what a judgement of a feature on a day may know."""
        return {
            name: self._of(feature_id, name).until(day, check.history_days) for name in check.reads
        }

    def _of(self, feature_id: str, name: str) -> History:
        if (feature_id, name) not in self._made:
            parts, rows = self._parts[name], self._tables[name]
            own = parts.get(feature_id, rows.clear()) if parts else rows
            self._made[feature_id, name] = History(own)
        return self._made[feature_id, name]


def load(check: Check, warehouse: Warehouse, day: Day) -> dict[str, pl.DataFrame]:
    """Return the tables that a check reads, with the history its first day needs."""
    return load_all([check], warehouse, day)


def load_all(
    checks: Sequence[Check], warehouse: Warehouse, day: Day, feature_ids: Sequence[str] = ()
) -> dict[str, pl.DataFrame]:
    """Return the tables that checks of one mode read, each with the longest history needed of it.

    Of some features where any are named, else of all.
    """
    n_days: dict[str, int] = {}
    for check in checks:
        for name in check.reads:
            n_days[name] = max(n_days.get(name, 0), check.history_days)
    with warehouse.read() as connection:
        return {
            name: _rows(
                connection,
                name,
                Day(day.first - timedelta(days=n - 1), day.last),
                checks[0].mode,
                list(feature_ids),
            )
            for name, n in n_days.items()
        }


def _rows(
    connection: duckdb.DuckDBPyConnection, name: str, day: Day, mode: str, feature_ids: list[str]
) -> pl.DataFrame:
    given: dict[str, object] = {"first": day.first, "last": day.last}
    if name == "health__findings":
        query, columns = OTHERS_FINDINGS, list(FINDING_COLUMNS)
        given["mode"] = mode
    else:
        columns = connection.sql(f"from {name} limit 0").columns
        query = f"from {name} where true"
        if "day" in columns:
            query += " and day between $first and $last"
        else:
            given = {}
    if feature_ids and "feature_id" in columns:
        query += " and feature_id in (select unnest($feature_ids))"
        given["feature_ids"] = feature_ids
    return frame(connection, query, given)


def judge(
    check: Check,
    tables: Mapping[str, pl.DataFrame] | Histories,
    watched: Iterable[Feature],
    params: CheckParams,
    day: Day,
    run_id: str,
) -> pl.DataFrame:
    """Return the findings of one check over a range of days, as rows of `health__findings`."""
    histories = tables if isinstance(tables, Histories) else Histories(tables)
    rows: list[dict[str, object]] = []
    for feature in watched:
        for one_day in day.days():
            known = histories.known(check, feature.id, one_day)
            rows += [
                _row(finding)
                | {
                    "day": one_day,
                    "feature_id": feature.id,
                    "mode": check.mode,
                    "check_name": check.name,
                    "run_id": run_id,
                }
                for finding in check.judge(feature, one_day, known, params)
            ]
    return pl.DataFrame(rows, schema=FINDING_SCHEMA, orient="row")


def figures(
    check: Check,
    tables: Mapping[str, pl.DataFrame] | Histories,
    watched: Iterable[Feature],
    params: CheckParams,
    day: date,
    draw: Callable[[Figure], str],
) -> pl.DataFrame:
    """Return what one check has to show of one day, as rows of `health__figures`.

    `draw` makes the picture; features of which a check has nothing to show have no row.
    """
    if check.figure is None:
        return pl.DataFrame(schema=FIGURE_SCHEMA)
    histories = tables if isinstance(tables, Histories) else Histories(tables)
    rows: list[dict[str, object]] = []
    for feature in watched:
        figure = check.draw(feature, day, histories.known(check, feature.id, day), params)
        if figure is not None:
            rows.append(
                {
                    "day": day,
                    "feature_id": feature.id,
                    "mode": check.mode,
                    "check_name": check.name,
                    "kind": type(figure).__name__,
                    "title": figure.title,
                    "description": figure.description,
                    "svg": draw(figure),
                }
            )
    return pl.DataFrame(rows, schema=FIGURE_SCHEMA, orient="row")


def _row(finding: Finding) -> dict[str, object]:
    return asdict(finding) | {"status": finding.status.value}


def _by_feature(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return each feature's rows; nothing where rows belong to no feature and all may know them."""
    if "feature_id" not in rows.columns:
        return {}
    parts = rows.partition_by("feature_id", as_dict=True)
    return {str(key[0]): part for key, part in parts.items()}
