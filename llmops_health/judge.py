"""Running the checks: tables in, findings and figures out, for every feature.

Loads what a check reads and hands each judgement only the rows that its day may know. Nothing
here decides what is healthy or how a figure looks, and nothing imports Dagster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta

import polars as pl

from llmops_health.config import Config, Feature
from llmops_health.figures import Figure
from llmops_health.findings import CheckParams, Finding
from llmops_health.health import Check, History
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse, frame

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


def load(check: Check, warehouse: Warehouse, day: Day) -> dict[str, pl.DataFrame]:
    """Return the tables that a check reads, with the history its first day needs."""
    first = day.first - timedelta(days=check.history_days - 1)
    tables: dict[str, pl.DataFrame] = {}
    with warehouse.read() as connection:
        for name in check.reads:
            if name == "health__findings":
                given = {"first": first, "last": day.last, "mode": check.mode}
                tables[name] = frame(connection, OTHERS_FINDINGS, given)
                continue
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
    rows: list[dict[str, object]] = []
    for feature, histories in _histories(tables, watched):
        for one_day in day.days():
            known = _known(check, histories, one_day)
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
    tables: Mapping[str, pl.DataFrame],
    watched: Iterable[Feature],
    params: CheckParams,
    day: date,
    draw: Callable[[Figure], str],
) -> pl.DataFrame:
    """Return what one check has to show of one day, as rows of `health__figures`.

    `draw` makes the picture; features of which a check has nothing to show have no row.
    """
    rows: list[dict[str, object]] = []
    for feature, histories in _histories(tables, watched):
        figure = check.draw(feature, day, _known(check, histories, day), params)
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


def _histories(
    tables: Mapping[str, pl.DataFrame], watched: Iterable[Feature]
) -> Iterator[tuple[Feature, dict[str, History]]]:
    """Yield each feature with its rows of each table."""
    by_feature = {name: _by_feature(rows) for name, rows in tables.items()}
    for feature in watched:
        yield (
            feature,
            {
                name: History(
                    parts.get(feature.id, tables[name].clear()) if parts else tables[name]
                )
                for name, parts in by_feature.items()
            },
        )


def _known(check: Check, histories: Mapping[str, History], day: date) -> dict[str, pl.DataFrame]:
    """Return what a judgement of a day may know."""
    return {name: rows.until(day, check.history_days) for name, rows in histories.items()}


def _row(finding: Finding) -> dict[str, object]:
    return asdict(finding) | {"status": finding.status.value}


def _by_feature(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return each feature's rows; nothing where rows belong to no feature and all may know them."""
    if "feature_id" not in rows.columns:
        return {}
    parts = rows.partition_by("feature_id", as_dict=True)
    return {str(key[0]): part for key, part in parts.items()}
