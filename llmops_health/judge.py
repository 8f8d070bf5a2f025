"""Running the checks: tables in, findings out, for every feature and every day of a range.

Loads what a check reads and hands each judgement only the rows that its day may know. Nothing
here decides what is healthy, and nothing imports Dagster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta

import polars as pl

from llmops_health.config import Config, Feature
from llmops_health.findings import CheckParams, Finding
from llmops_health.health import Check, History
from llmops_health.storage.warehouse import Day, Warehouse, frame

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
_POLARS: dict[str, type[pl.DataType] | pl.DataType] = {
    "date": pl.Date,
    "varchar": pl.String,
    "double": pl.Float64,
    "bigint": pl.Int64,
}
FINDING_SCHEMA = {name: _POLARS[kind] for name, kind in FINDING_COLUMNS.items()}


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


def load(check: Check, warehouse: Warehouse, day: Day) -> dict[str, pl.DataFrame]:
    """Return the tables that a check reads, with the history its first day needs."""
    first = day.first - timedelta(days=check.history_days - 1)
    tables: dict[str, pl.DataFrame] = {}
    with warehouse.read() as connection:
        for name in check.reads:
            listed = connection.sql(f"select * from {name} limit 0").columns
            if "day" in listed:
                query = f"select * from {name} where day between $first and $last"
                tables[name] = frame(connection, query, {"first": first, "last": day.last})
            else:
                tables[name] = frame(connection, f"select * from {name}")
    return tables


def judge(
    check: Check,
    tables: Mapping[str, pl.DataFrame],
    watched: Iterable[Feature],
    params: CheckParams,
    day: Day,
    run_id: str,
) -> pl.DataFrame:
    """Return the findings of one check over a range of days, as rows of `health__findings`."""
    by_feature = {name: _by_feature(rows) for name, rows in tables.items()}
    rows: list[dict[str, object]] = []
    for feature in watched:
        histories = {
            name: History(parts.get(feature.id, tables[name].clear()) if parts else tables[name])
            for name, parts in by_feature.items()
        }
        for one_day in day.days():
            known = {
                name: history.until(one_day, check.history_days)
                for name, history in histories.items()
            }
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


def _row(finding: Finding) -> dict[str, object]:
    return asdict(finding) | {"status": finding.status.value}


def _by_feature(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return each feature's rows; nothing where rows belong to no feature and all may know them."""
    if "feature_id" not in rows.columns:
        return {}
    parts = rows.partition_by("feature_id", as_dict=True)
    return {str(key[0]): part for key, part in parts.items()}
