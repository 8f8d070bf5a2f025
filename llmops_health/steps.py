"""The steps that are no single SQL file: embedding, roll-up, picking cases, publishing.

Each loads its tables, calls a pure function and stores the result; none decides anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
from threadpoolctl import threadpool_limits

from llmops_health import judge, sqlfiles
from llmops_health.config import Config
from llmops_health.exports import file_name
from llmops_health.findings import CheckParams
from llmops_health.health import discover
from llmops_health.ingest.land import FILE_COLUMNS
from llmops_health.ingest.quarantine import REJECT_COLUMNS
from llmops_health.judge import FIGURE_COLUMNS, FINDING_COLUMNS
from llmops_health.power.cards import CARD_COLUMNS
from llmops_health.report import candidates, cards, page, readiness
from llmops_health.report.verdicts import VERDICT_COLUMNS
from llmops_health.report.verdicts import verdicts as rolled_up
from llmops_health.storage import contents, retention
from llmops_health.storage.day import Day
from llmops_health.storage.days import CORE_DAY_COLUMNS, JUDGED_COLUMNS, SETTLED_COLUMNS
from llmops_health.storage.warehouse import Warehouse, frame, open_published
from llmops_health.text import matching, style, training_texts, vectors

# A codebook is fitted on a feature's first weeks; nothing before is ever needed.
CODEBOOK_DAYS = 28
# Deleted rows leave free blocks, which settle at half of a file unless a reader held it open.
COMPACT_ABOVE = 0.6


# Candidates are picked from the inputs sampled in two weeks, the last day among them.
TEXT_DAYS = 14
_SQL_TYPES = {pl.Date: "date", pl.String: "varchar", pl.Int64: "bigint", pl.Float64: "double"}
CANDIDATE_TABLES = {
    table: {name: _SQL_TYPES[kind] for name, kind in schema.items()}
    for table, schema in (
        ("health__refresh_candidates", candidates.REFRESH_SCHEMA),
        ("health__retirement_candidates", candidates.RETIREMENT_SCHEMA),
    )
}


def all_tables() -> dict[str, dict[str, str]]:
    """Return every table of the working database, with its columns."""
    tables = {file.table: file.columns for layer in ("core", "summary")
              for file in sqlfiles.load(layer=layer)}  # fmt: skip
    return {
        **tables,
        **vectors.TABLES,
        **training_texts.TABLES,
        "health__findings": FINDING_COLUMNS,
        "health__verdicts": VERDICT_COLUMNS,
        "health__power_cards": CARD_COLUMNS,
        "health__figures": FIGURE_COLUMNS,
        "health__feature_cards": cards.CARD_COLUMNS,
        "health__readiness": readiness.READINESS_COLUMNS,
        **CANDIDATE_TABLES,
        "judged_days": JUDGED_COLUMNS,
        "core_days": CORE_DAY_COLUMNS,
        "settled_days": SETTLED_COLUMNS,
        "ingest__files": FILE_COLUMNS,
        "ingest__rejects": REJECT_COLUMNS,
    }


# A second thread of BLAS takes a core only to wait for the first: matrices are small.
@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def embed_texts(warehouse: Warehouse, day: Day) -> dict[str, int]:
    """Make the vector summaries of a range of days; return rows by table.

    Days whose texts are gone keep the vectors they have.
    """
    with warehouse.read() as connection:
        codebooks = frame(connection, "select * from summary__codebooks")
        waiting = connection.execute(
            "select count(*) from summary__text_samples where day between ? and ?"
            " and feature_id not in (select feature_id from summary__codebooks)",
            [day.first, day.last],
        ).fetchone()
        first = day.first - timedelta(CODEBOOK_DAYS) if waiting and waiting[0] else day.first
        of_week = day.first - timedelta(matching.WINDOW_DAYS - 1)
        texts_at_hand(
            connection,
            warehouse,
            min(first, of_week),
            day.last,
            of=("summary__text_samples", "summary__user_calls", "summary__compared_calls"),
        )
        samples = frame(
            connection,
            "select samples.*, texts.text from summary__text_samples as samples"
            " left join core__contents as texts on samples.input_sha256 = texts.sha256"
            " where samples.day between $first and $last",
            {"first": first, "last": day.last},
        )
        cases = frame(
            connection,
            "select cases.*, texts.text from core__eval_cases as cases"
            " left join core__contents as texts on cases.input_sha256 = texts.sha256",
        )
        asked = frame(
            connection,
            "select calls.*, texts.text from summary__user_calls as calls"
            " left join core__contents as texts on calls.input_sha256 = texts.sha256"
            " where calls.day between $first and $last",
            {"first": day.first, "last": day.last},
        )
        compared = frame(
            connection,
            "select calls.*, texts.text from summary__compared_calls as calls"
            " left join core__contents as texts on calls.input_sha256 = texts.sha256"
            " where calls.day between $first and $last",
            {"first": of_week, "last": day.last},
        )
    made = vectors.build(samples, cases, codebooks, compared, first=day.first, last=day.last)
    made["summary__style"] = style.measure(asked)
    readable = style.readable_days(samples)
    readable_of = {"summary__style": style.readable_days(asked)}
    readable_of |= dict.fromkeys(matching.TABLES, matching.readable_days(compared))
    counts: dict[str, int] = {}
    for table, columns in vectors.TABLES.items():
        rows = made[table]
        if "day" not in columns:
            counts[table] = warehouse.replace_frame(table, columns, rows, None)
            continue
        counts[table] = 0
        days = readable_of.get(table, readable) & set(_days_in(rows, day))
        for span in _spans(sorted(days)):
            part = rows.filter(pl.col("day").is_between(span.first, span.last))
            counts[table] += warehouse.replace_frame(table, columns, part, span)
    return counts


def _days_in(rows: pl.DataFrame, day: Day) -> list[date]:
    return [*day.days(), *rows["day"].unique().to_list()]


def _spans(listed: list[date]) -> list[Day]:
    spans: list[Day] = []
    for one in listed:
        if spans and spans[-1].last + timedelta(1) == one:
            spans[-1] = Day(spans[-1].first, one)
        else:
            spans.append(Day(one, one))
    return spans


def roll_up(warehouse: Warehouse, day: Day) -> pl.DataFrame:
    """Make the verdicts of a range of days from its findings, and return them."""
    findings = warehouse.frame(
        "select * from health__findings where day between $first and $last"
        " order by day, feature_id, mode, check_name, segment",
        {"first": day.first, "last": day.last},
    )
    rows = rolled_up(findings)
    warehouse.replace_frame("health__verdicts", VERDICT_COLUMNS, rows, day)
    return rows


@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def pick_cases(config: Config, warehouse: Warehouse, day: Day) -> dict[str, int]:
    """Make the refresh and retirement candidates of a range's last day; return rows by table.

    They are read by a person who acts on the newest, so a range has one list, not one a day.
    """
    refresh: list[pl.DataFrame] = []
    retire: list[pl.DataFrame] = []
    watched = judge.features(config, warehouse)
    with warehouse.read() as connection:
        first = day.last - timedelta(TEXT_DAYS - 1)
        texts_at_hand(connection, warehouse, first, day.last, of=("summary__text_samples",))
        for feature in watched:
            given = {"feature_id": feature.id, "day": day.last}
            known = {
                name: frame(connection, query, given)
                for name, query in (candidates.REFRESH_SQL | candidates.RETIREMENT_SQL).items()
            }
            new = (known[name] for name in ("samples", "cases", "feedback", "labels"))
            refresh.append(candidates.refresh_candidates(day.last, feature, *new))
            old = {name: known[name] for name in candidates.RETIREMENT_SQL}
            retire.append(candidates.retirement_candidates(day.last, feature, **old))
    last = Day(day.last, day.last)
    return {
        table: warehouse.replace_frame(
            table, CANDIDATE_TABLES[table], pl.concat(rows) if rows else pl.DataFrame(), last
        )
        for table, rows in (
            ("health__refresh_candidates", refresh),
            ("health__retirement_candidates", retire),
        )
    }


def export_refresh(config: Config, feature_id: str) -> tuple[Path, int]:
    """Write a feature's newest refresh candidates as JSON lines; return the path and the count.

    Raises
    ------
    ValueError
        If nothing was picked for the feature.
    """
    connection = open_published(config.storage.path)
    try:
        rows = frame(
            connection,
            "select * from health__refresh_candidates where feature_id = $feature_id"
            " and day = (select max(day) from health__refresh_candidates)"
            " order by rank",
            {"feature_id": feature_id},
        )
    finally:
        connection.close()
    if rows.is_empty():
        raise ValueError(
            f"No cases were picked for {feature_id}: it has no sampled inputs with text, or its"
            " eval set covers them. See: llmops-health explain eval_rot.uncovered_traffic"
        )
    path = report_folder(config) / "refresh" / file_name(feature_id, ".jsonl")
    candidates.export_jsonl(rows, path)
    return path, len(rows)


def make_cards(
    config: Config,
    warehouse: Warehouse,
    params_of: Mapping[str, Mapping[str, CheckParams]],
    day: Day,
) -> pl.DataFrame:
    """Make the card of every feature for a range's last day, and return them by rank."""
    last = Day(day.last, day.last)
    reader = next(check for check in discover() if (check.mode, check.name) == cards.READER)
    findings = warehouse.frame(
        "select * from health__findings where day = $day and mode = $mode"
        " order by feature_id, check_name, segment",
        {"day": day.last, "mode": cards.MODE},
    )
    rows = cards.feature_cards(
        day.last,
        judge.features(config, warehouse),
        findings,
        judge.load(reader, warehouse, last),
        cards.card_params(params_of[cards.MODE]),
    )
    warehouse.replace_frame("health__feature_cards", cards.CARD_COLUMNS, rows, last)
    return rows


def make_readiness(config: Config, warehouse: Warehouse, day: Day) -> pl.DataFrame:
    """Make the readiness matrix of a range's last day, and return it."""
    last = Day(day.last, day.last)
    reader = next(check for check in discover() if (check.mode, check.name) == readiness.READER)
    rows = readiness.readiness(
        day.last, judge.features(config, warehouse), judge.load(reader, warehouse, last)
    )
    warehouse.replace_frame("health__readiness", readiness.READINESS_COLUMNS, rows, last)
    return rows


def texts_at_hand(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    first: date,
    last: date,
    *,
    of: Sequence[str] = (),
) -> None:
    """Give a connection `core__contents` of some days and of eval cases, each text once.

    With tables in `of`, of the calls the inputs in these alone, which are few of a large day's.
    """
    connection.execute(contents.view_sql(warehouse).replace("view core", "temp view all", 1))
    given: dict[str, object] = {"first": first.isoformat(), "last": last.isoformat()}
    sampled = ""
    if of:
        hashes = ["select input_sha256 from core__eval_cases"]
        hashes += [
            f"select input_sha256 from {table} where day between $first_day and $last_day"
            for table in of
        ]
        sampled = f" and sha256 in ({' union all '.join(hashes)})"
        given |= {"first_day": first, "last_day": last}
    connection.execute(
        "create temp table core__contents as"
        " select sha256, any_value(text) as text from all__contents"
        " where table_name = 'eval_cases'"
        f" or (table_name = 'calls' and day between $first and $last{sampled}) group by sha256",
        given,
    )


def publish(config: Config, warehouse: Warehouse) -> int:
    """Apply retention, copy the records of ingest, and publish; return the file's size."""
    retention.apply(warehouse, config.retention_days)
    for table, columns in (("files", FILE_COLUMNS), ("rejects", REJECT_COLUMNS)):
        listed = ", ".join(columns)
        warehouse.replace(
            f"ingest__{table}", columns, f"select {listed} from landed__{table}", {}, None
        )
    for name in ("landed", "working"):
        if warehouse.free_share(name) > COMPACT_ABOVE:
            warehouse.compact(name)
    views = [contents.view_sql(warehouse)]
    views += [
        f"create or replace view {file.table} as {file.query}"
        for file in sqlfiles.load(layer="views")
    ]
    n_bytes = warehouse.publish(views)
    write_page(config)
    return n_bytes


def write_page(config: Config) -> Path:
    """Write the report of the newest day from the published file; return its path."""
    connection = open_published(config.storage.path)
    try:
        return page.write(connection, report_folder(config), config.features)
    finally:
        connection.close()


def report_folder(config: Config) -> Path:
    """Return where pages and exports lie: beside the published file."""
    return config.storage.path.parent / "report"
