"""Judging: which features, which rows for which day, and findings as rows of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from llmops_health import judge, steps
from llmops_health.config import Config, Feature, load
from llmops_health.figures import CoverageByTopic, Estimate, Figure
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health import Check
from llmops_health.judge import FIGURE_COLUMNS, FINDING_COLUMNS
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse

MONDAY = date(2026, 3, 2)
THREE = Day(MONDAY, MONDAY + timedelta(days=2))
HELP, TRIAGE = Feature(id="help", kind="rag"), Feature(id="triage", kind="classifier")
RATES = {"day": "date", "feature_id": "varchar", "n": "bigint"}


class Params(CheckParams):
    """Settings of the checks below."""


def count(
    summary__counts: pl.DataFrame, feature: Feature, day: date, params: Params
) -> Iterator[Finding]:
    """Say how many rows a judgement was given, and their days."""
    del feature, day, params
    days = ",".join(str(one.day) for one in summary__counts["day"])
    yield Finding(status=Status.PASS, n=len(summary__counts), message=days, p_value=0.5)


COUNT = Check("drift", "count", "Counts.", ("summary__counts",), 2, Params, count)


def counts(*listed: tuple[int, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [(MONDAY + timedelta(days=offset), feature_id, 1) for offset, feature_id in listed],
        schema={"day": pl.Date, "feature_id": pl.String, "n": pl.Int64},
        orient="row",
    )


def judged(rows: pl.DataFrame, *watched: Feature, params: Params | None = None) -> pl.DataFrame:
    given = {"summary__counts": rows}
    return judge.judge(COUNT, given, watched, params or Params(), THREE, "run-1")


def test_each_day_knows_its_window_and_nothing_later() -> None:
    table = judged(counts((-1, "help"), (0, "help"), (1, "help"), (2, "help"), (3, "help")), HELP)
    assert table["day"].to_list() == THREE.days()
    # Two days of history: the day and the one before it.
    assert table["message"].to_list() == ["1,2", "2,3", "3,4"]


def test_each_feature_knows_its_own_rows() -> None:
    table = judged(counts((0, "help"), (0, "triage"), (1, "triage")), HELP, TRIAGE)
    assert table.filter(pl.col("feature_id") == "help")["n"].to_list() == [1, 1, 0]
    assert table.filter(pl.col("feature_id") == "triage")["n"].to_list() == [1, 2, 1]


def test_a_feature_without_rows_is_judged_on_none() -> None:
    table = judged(counts(), HELP)
    assert table["n"].to_list() == [0, 0, 0]


def test_findings_are_rows_of_the_table() -> None:
    table = judged(counts((0, "help")), HELP)
    assert table.columns == list(FINDING_COLUMNS)
    row = table.row(0, named=True)
    assert row["mode"] == "drift"
    assert row["check_name"] == "count"
    assert row["run_id"] == "run-1"
    assert row["status"] == "PASS"
    assert row["p_value"] == 0.5
    assert row["value"] is None


def test_no_feature_is_no_finding() -> None:
    table = judged(counts((0, "help")))
    assert table.is_empty()
    assert table.columns == list(FINDING_COLUMNS)


def test_a_check_that_is_switched_off_says_so_every_day() -> None:
    table = judged(counts((0, "help")), HELP, TRIAGE, params=Params(enabled=False))
    assert table["status"].to_list() == ["NOT_APPLICABLE"] * 6


def test_a_table_of_no_feature_is_known_to_all() -> None:
    seen: list[int] = []

    def run(
        core__edges: pl.DataFrame, feature: Feature, day: date, params: Params
    ) -> list[Finding]:
        del feature, day, params
        seen.append(len(core__edges))
        return []

    check = Check("bom", "made", "Reads edges.", ("core__edges",), 1, Params, run)
    edges = pl.DataFrame({"src": ["a", "b"], "dst": ["c", "d"]})
    one = Day(MONDAY, MONDAY)
    judge.judge(check, {"core__edges": edges}, [HELP, TRIAGE], Params(), one, "r")
    assert seen == [2, 2]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "health.duckdb")
    made.prepare()
    made.ensure(steps.all_tables() | {"summary__counts": RATES, "core__plain": {"n": "bigint"}})
    return made


def test_the_history_of_the_first_day_is_loaded(warehouse: Warehouse) -> None:
    rows = counts(*((offset, "help") for offset in range(-5, 6)))
    warehouse.replace_frame("summary__counts", RATES, rows, None)
    warehouse.replace_frame("core__plain", {"n": "bigint"}, pl.DataFrame({"n": [7]}), None)
    check = Check("drift", "made", "", ("summary__counts", "core__plain"), 3, Params, count)
    loaded = judge.load(check, warehouse, THREE)
    days = sorted(loaded["summary__counts"]["day"])
    assert (days[0], days[-1], len(days)) == (MONDAY - timedelta(days=2), THREE.last, 5)
    assert loaded["core__plain"]["n"].to_list() == [7]


def test_empty_tables_are_loaded_with_their_columns(warehouse: Warehouse) -> None:
    loaded = judge.load(COUNT, warehouse, THREE)
    assert loaded["summary__counts"].columns == list(RATES)
    assert judged(loaded["summary__counts"], HELP)["n"].to_list() == [0, 0, 0]


def config(folder: Path) -> Config:
    path = folder / "llmops-health.yaml"
    path.write_text("features: [{id: help, kind: rag}, {id: quiet, kind: agent}]\n", "utf-8")
    return load(path, {})


def put(warehouse: Warehouse, table: str, rows: pl.DataFrame) -> None:
    with warehouse.write() as connection:
        connection.register("given", rows)
        connection.execute(f"insert into {table} by name select * from given")


def test_features_of_the_data_follow_those_of_the_file(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    assert [one.id for one in judge.features(config(tmp_path), warehouse)] == ["help", "quiet"]
    calls = pl.DataFrame({"feature_id": ["z-labels", "z-labels", "help", "m"],
                          "predicted_label": ["yes", None, "yes", None]})  # fmt: skip
    put(warehouse, "core__calls", calls)
    put(warehouse, "core__feedback", pl.DataFrame({"feature_id": ["liked", "z-labels"]}))
    put(warehouse, "core__eval_runs", pl.DataFrame({"feature_id": ["evaluated"]}))
    found = judge.features(config(tmp_path), warehouse)
    assert [(one.id, one.kind, one.listed) for one in found] == [
        ("help", "rag", True),
        ("quiet", "agent", True),
        ("evaluated", "generation", False),
        ("liked", "generation", False),
        ("m", "generation", False),
        ("z-labels", "classifier", False),
    ]


def show(
    summary__counts: pl.DataFrame, feature: Feature, day: date, params: Params
) -> Figure | None:
    """Show how many rows there were; nothing of none."""
    del params
    if summary__counts.is_empty():
        return None
    return CoverageByTopic(
        title=f"Rows of {feature.id}",
        description=f"{len(summary__counts)} until {day}.",
        topics=(),
        covered=Estimate(value=1.0),
    )


def figures_of(rows: pl.DataFrame, *watched: Feature, params: Params | None = None) -> pl.DataFrame:
    check = replace(COUNT, figure=show)
    given = {"summary__counts": rows}
    return judge.figures(check, given, watched, params or Params(), THREE.last, type_name)


def type_name(figure: Figure) -> str:
    return f"<svg>{type(figure).__name__}</svg>"


def test_figures_are_rows_of_the_table() -> None:
    table = figures_of(counts((1, "help"), (2, "help"), (0, "triage")), HELP, TRIAGE)
    assert table.columns == list(FIGURE_COLUMNS)
    # The one of triage lies before the two days that the check knows.
    [row] = table.iter_rows(named=True)
    assert row == {
        "day": THREE.last,
        "feature_id": "help",
        "mode": "drift",
        "check_name": "count",
        "kind": "CoverageByTopic",
        "title": "Rows of help",
        "description": "2 until 2026-03-04.",
        "svg": "<svg>CoverageByTopic</svg>",
    }


def test_a_check_without_a_figure_or_switched_off_shows_nothing() -> None:
    rows = counts((2, "help"))
    assert figures_of(rows, HELP, params=Params(enabled=False)).is_empty()
    none = judge.figures(COUNT, {"summary__counts": rows}, [HELP], Params(), THREE.last, type_name)
    assert none.is_empty()
    assert none.schema == judge.FIGURE_SCHEMA
