"""The readiness matrix as a product: its rows, its section of the page, and its table in the UI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from llmops_health import health
from llmops_health.config import Feature
from llmops_health.health.ownership._needs import NEEDS
from llmops_health.report import page_readiness
from llmops_health.report.page_document import document
from llmops_health.report.page_readiness import MOST_FEATURES, MOST_FIELDS, readiness_section
from llmops_health.report.page_reading import read
from llmops_health.report.readiness import (
    READER,
    READINESS_COLUMNS,
    READINESS_SCHEMA,
    readiness,
)
from llmops_health_tests.health.ownership.simulate import DAY as JUDGED
from llmops_health_tests.health.ownership.simulate import table
from llmops_health_tests.report.page_world import DAY, add, finding, published, text

HOSTILE = "a|b <script>\n"


def row(feature_id: str = "triage", **given: Any) -> dict[str, Any]:
    return {
        "day": DAY,
        "feature_id": feature_id,
        "mode": "stage_latency",
        "table_name": "spans",
        "field": "span_id",
        "state": "missing",
        "share": None,
        "n": 0,
        "needed_share": 0.5,
        "unlocks": "stage_regression, throughput_ceiling",
        "what_to_log": "the steps of a request",
    } | given


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=READINESS_SCHEMA, orient="row")


def test_each_feature_has_a_row_per_need() -> None:
    check = next(one for one in health.discover() if (one.mode, one.name) == READER)
    empty = {name: table(name, []) for name in check.reads}
    calls = table("summary__readiness", [{"day": JUDGED, "feature_id": "a", "table_name": "calls",
                                          "field": "user_id", "n": 10, "n_known": 1}])  # fmt: skip
    features = [Feature(id="a", kind="rag"), Feature.unlisted("b")]
    rows = readiness(JUDGED, features, empty | {"summary__readiness": calls})
    assert rows.schema == READINESS_SCHEMA
    assert len(rows) == 2 * len(NEEDS)
    of = rows.filter(pl.col("field") == "user_id").to_dicts()
    assert [(one["feature_id"], one["state"], one["share"], one["n"]) for one in of] == [
        ("a", "partly", 0.1, 1),
        ("b", "missing", None, 0),
    ]
    assert readiness(JUDGED, [], empty).is_empty()


def test_a_mode_is_told_by_what_is_asked_of_it() -> None:
    rows = [
        row(state="logged", share=1.0, n=9),
        row(field="stage"),
        row(mode="drift", state="not_needed"),
        row(mode="sampling"),
        row(mode="eval_rot", state="logged", share=1.0, n=5),
    ]
    [view] = readiness_section(frame(*rows), {"triage": "feature-triage"}).features
    assert [(cell.mode, cell.mark, cell.told) for cell in view.cells] == [
        ("drift", "a", "not needed"),
        ("eval_rot", "h", "1 of 1"),
        ("sampling", "n", "0 of 1"),
        ("stage_latency", "w", "1 of 2"),
    ]
    assert (view.anchor, view.n_missing) == ("feature-triage", 2)


def test_a_field_that_several_modes_lack_is_named_once() -> None:
    rows = [row(), row(mode="drift", unlocks="input_drift", state="partly", share=0.25, n=3)]
    [view] = readiness_section(frame(*rows), {}).features
    [field] = view.fields
    assert field.unlocks == (
        "stage_latency.stage_regression, stage_latency.throughput_ceiling, drift.input_drift"
    )
    assert field.told == "not logged"
    [partly] = readiness_section(frame(rows[1]), {}).features[0].fields
    assert partly.told == "in 25% of the rows"


def test_many_features_and_fields_are_cut_and_counted_the_neediest_first() -> None:
    rows = [row(f"f{at:03}") for at in range(MOST_FEATURES + 3)]
    rows += [row("needy", field=f"c{at}") for at in range(MOST_FIELDS + 2)]
    section = readiness_section(frame(*rows), {})
    assert section.features[0].feature_id == "needy"
    assert (len(section.features), section.n_more) == (MOST_FEATURES, 4)
    assert (len(section.features[0].fields), section.features[0].n_more) == (MOST_FIELDS, 2)
    assert readiness_section(frame(), {}).features == ()


def test_the_table_of_the_ui_is_one_line_per_feature() -> None:
    told = page_readiness.markdown(frame(row(HOSTILE), row("b", state="logged", share=1.0, n=2)))
    lines = told.splitlines()
    assert lines[0] == "| feature | Stage latency |"
    assert lines[2] == "| a\\|b <script>  | 0 of 1 |"
    assert len(lines) == 4


def test_the_section_is_on_the_page_and_escaped() -> None:
    connection = published([finding(HOSTILE)])
    add(connection, "health__readiness", READINESS_COLUMNS, **row(HOSTILE))
    page = document(read(connection), (), Path("report"))
    assert "What is logged" in page
    assert 'href="#logged"' in page
    assert "0 of 1" in page
    assert "Switches on stage_latency.stage_regression" in page
    assert "<script>\n</" not in page
    assert 'id="logged"' not in text([finding()])


def test_an_alarm_says_who_has_taken_it_on() -> None:
    connection = published([finding(), finding(check_name="output_drift")])
    connection.execute(
        "create view latest_findings as select *,"
        " case check_name when 'input_drift' then 'team <docs>' end as acknowledged_by,"
        " date '2026-11-09' as acknowledged_until from health__findings"
    )
    page = document(read(connection), (), Path("report"))
    assert page.count("Acknowledged by team &lt;docs&gt; until 9 Nov 2026") == 1
    assert "Acknowledged" not in text([finding()])
