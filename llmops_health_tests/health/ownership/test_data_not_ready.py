"""Data not ready: which fields are asked of whom, what blocks a mode, and what the world says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from llmops_health import health
from llmops_health.config import Config, Feature, Review, load
from llmops_health.contract import BY_NAME
from llmops_health.findings import Finding, Status
from llmops_health.health.ownership import _matrix
from llmops_health.health.ownership._needs import CONFIGURATION, NEEDS
from llmops_health.health.ownership.data_not_ready import Params, cells_of, check, figure
from llmops_health.storage.warehouse import Warehouse
from llmops_health_tests.health.ownership.simulate import (
    DAY,
    FEATURE,
    HOSTILE,
    NO_PARTS,
    NO_PIPELINES,
    NO_STEPS,
    ago,
    at,
    database,
    parts,
    table,
    versions,
)

FIELDS = ("input_sha256", "output_sha256", "latency_ms", "user_id", "response_model", "cost_usd",
          "temperature", "predicted_label", "confidence")  # fmt: skip
OTHERS = (("labels", "label"), ("feedback", "score"), ("eval_results", "score"),
          ("eval_runs", "role"), ("eval_calls", "input_sha256"), ("spans", "span_id"),
          ("spans", "stage"))  # fmt: skip
ALL = {("calls", field): (100, 100) for field in FIELDS} | dict.fromkeys(OTHERS, (100, 100))
PARTS = parts({"kind": "model", "of_feature": "help", "sha256": "a", "license": "MIT"})
CASES = table("core__eval_cases", [{"suite_id": "s", "case_id": "k", "feature_id": "help",
                                    "capability": "c"}])  # fmt: skip


def logged(*without: tuple[str, str], age: int = 0, **share: tuple[int, int]) -> pl.DataFrame:
    """Return rows of `summary__readiness` of one day, some fields left out or logged in part."""
    kept = {place: counts for place, counts in ALL.items() if place not in without}
    kept |= {("calls", field): counts for field, counts in share.items()}
    rows = [{"day": ago(age), "feature_id": "help", "table_name": name, "field": field, "n": n,
             "n_known": known} for (name, field), (known, n) in kept.items()]  # fmt: skip
    return table("summary__readiness", rows)


def tables(readiness: pl.DataFrame, **given: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        "summary__readiness": readiness,
        "core__eval_cases": CASES,
        "core__ledger_steps": NO_STEPS,
        "summary__pipelines": NO_PIPELINES,
        "summary__listed_parts": PARTS,
    } | given


def judge(
    readiness: pl.DataFrame, feature: Feature = FEATURE, **given: pl.DataFrame
) -> list[Finding]:
    calls = given.pop("summary__versions", versions())
    known = tables(readiness, **given)
    return list(check(feature, DAY, summary__versions=calls, params=Params(), **known))


def states(
    readiness: pl.DataFrame, feature: Feature = FEATURE, **given: pl.DataFrame
) -> dict[tuple[str, str], str]:
    known = list(tables(readiness, **given).values())
    cells = cells_of(feature, DAY, *known)
    return {(cell.need.mode, ".".join(cell.need.place)): cell.state for cell in cells}


def kind(name: Any, **more: Any) -> Feature:
    return FEATURE.model_copy(update={"kind": name, **more})


# The table of needs.


def test_every_need_is_of_a_check_and_a_field_that_there_are() -> None:
    known = {(one.mode, one.name) for one in health.listed()}
    modes = {one.mode for one in health.listed()}
    for need in NEEDS:
        for name in need.checks:
            assert need.mode not in modes or (need.mode, name) in known, (need.mode, name)
        for name, field in (need.place, *need.instead):
            if name == CONFIGURATION:
                assert field in Feature.model_fields
            else:
                stored = BY_NAME["calls" if name == "eval_calls" else name].stored_columns
                assert field in stored, (name, field)
        assert need.log
        assert 0 <= need.share <= 1


def test_every_mode_needs_something_and_names_it_once() -> None:
    assert len({(need.mode, need.place) for need in NEEDS}) == len(NEEDS)
    assert {need.mode for need in NEEDS} >= set(health.MODES)


# The matrix.


def test_a_field_is_logged_partly_or_missing_by_its_share() -> None:
    for known, state in ((100, "logged"), (50, "logged"), (49, "partly"), (0, "missing")):
        found = states(logged(latency_ms=(known, 100)))
        assert found["drift", "calls.latency_ms"] == state, known
    assert states(logged(("calls", "latency_ms")))["drift", "calls.latency_ms"] == "missing"


@pytest.mark.parametrize(
    ("feature", "place", "state"),
    [
        (kind("rag"), ("calibration", "calls.confidence"), "not_needed"),
        (kind("classifier"), ("calibration", "calls.confidence"), "missing"),
        (kind("rag"), ("provenance", "ledger_steps.step_id"), "not_needed"),
        (kind("rag", trained_on=ago(9)), ("provenance", "ledger_steps.step_id"), "missing"),
        (kind("rag"), ("stage_latency", "spans.span_id"), "missing"),
        (kind("classifier"), ("stage_latency", "spans.span_id"), "not_needed"),
        (kind("rag"), ("review_queue", "reviews.review_id"), "not_needed"),
        (kind("rag", review=Review(queue="q")), ("review_queue", "reviews.review_id"), "missing"),
        (kind("rag"), ("calibration", "labels.labeller_kind"), "not_needed"),
    ],
)
def test_a_field_is_asked_of_those_whom_it_concerns(
    feature: Feature, place: tuple[str, str], state: str
) -> None:
    bare = logged(("calls", "confidence"), ("spans", "span_id"))
    assert states(bare, feature)[place] == state


def test_what_nobody_asks_for_is_logged_all_the_same() -> None:
    assert states(logged(), kind("rag"))["calibration", "calls.confidence"] == "logged"


def test_one_of_several_fields_is_enough() -> None:
    none = (("labels", "label"), ("feedback", "score"))
    assert states(logged(*none))["sampling", "labels.label"] == "missing"
    assert states(logged(none[0]))["sampling", "labels.label"] == "logged"
    assert states(logged(none[1]))["sampling", "labels.label"] == "logged"


def test_calls_count_for_four_weeks_and_evals_for_a_quarter() -> None:
    old, older = states(logged(age=28)), states(logged(age=27))
    assert old["drift", "calls.latency_ms"] == "missing"
    assert older["drift", "calls.latency_ms"] == "logged"
    assert old["eval_rot", "eval_results.score"] == "logged"


def test_cases_and_parts_count_as_far_as_the_day_knows() -> None:
    later = CASES.with_columns(added_at=pl.lit(at(-1)))
    retired = CASES.with_columns(retired_at=pl.lit(at(3)))
    for cases in (later, retired):
        found = states(logged(), core__eval_cases=cases)
        assert found["eval_rot", "eval_cases.case_id"] == "missing"
    listed = PARTS.with_columns(listed_on=pl.lit(at(-1)))
    assert states(logged(), summary__listed_parts=listed)["bom", "components.sha256"] == "missing"


# The check.


def test_all_modes_can_be_computed() -> None:
    [finding] = judge(logged())
    assert finding.status is Status.PASS
    assert finding.message.startswith("Each of 11 modes can be computed in part at least")


def test_a_mode_without_any_check_is_named_with_what_to_log() -> None:
    whole, spans = judge(logged(("spans", "span_id"), ("spans", "stage")))
    assert whole.status is Status.WARN
    assert "1 of 11 modes cannot be computed: stage_latency;" in whole.message
    assert spans.segment == "stage_latency"
    assert "spans.span_id, spans.stage is not logged, which 4 checks need" in spans.message
    assert spans.action.startswith("Log the steps of a request as spans")


def test_a_mode_that_can_be_computed_in_part_is_no_alarm() -> None:
    [finding] = judge(logged(("calls", "latency_ms"), ("calls", "cost_usd")))
    assert finding.status is Status.PASS
    assert "are missing" in finding.message


def test_without_any_log_every_mode_waits() -> None:
    finding = judge(table("summary__readiness", []), core__eval_cases=CASES.clear(),
                    summary__listed_parts=NO_PARTS)[0]  # fmt: skip
    assert finding.status is Status.WARN
    assert finding.value == 9


def test_who_is_not_live_or_just_launched_is_left_alone() -> None:
    empty, bare = table("summary__versions", []), table("summary__readiness", [])
    idle = kind("rag", lifecycle="experimental")
    [finding] = judge(bare, idle, summary__versions=empty)
    assert finding.status is Status.NOT_APPLICABLE
    for age, status in ((13, Status.NOT_ENOUGH_DATA), (14, Status.WARN)):
        finding = judge(bare, kind("rag", launched_on=ago(age)))[0]
        assert finding.status is status


def test_it_never_fails_and_its_evidence_runs() -> None:
    hostile = FEATURE.model_copy(update={"id": HOSTILE})
    rows = logged(("spans", "span_id"), ("spans", "stage"))
    connection = database(summary__readiness=rows)
    for feature in (FEATURE, hostile):
        for finding in judge(rows, feature):
            assert finding.status is Status.WARN
            shown = connection.execute(finding.evidence_sql).fetchall()
            assert len(shown) == (len(rows) if feature.id == "help" else 0)


def test_the_picture_has_a_row_for_each_mode_that_is_asked() -> None:
    shown = figure(FEATURE, DAY, summary__versions=versions(), params=Params(),
                   **tables(logged(("spans", "span_id"))))  # fmt: skip
    assert shown is not None
    assert "calibration" in shown.rows, "what is logged though nobody asks is shown"
    assert "review_queue" not in shown.rows
    cells = {(cell.row, cell.column): (cell.level, cell.text) for cell in shown.cells}
    assert cells["stage_latency", "checks ready"] == ("bad", "0 of 4")
    assert cells["stage_latency", "log first"] == ("plain", "spans.span_id")
    assert len(cells) == 3 * len(shown.rows)


# What checks say over a judged world.

OF_AMOUNT = re.compile(
    r"cannot tell|cannot be told|not identifiable|warming up|fewer than|needed|too few"
    r"|may draw at random|checkpoints|no challenger ran|no alarm|not live|no item was decided"
    r"|no ledger step relabels|nothing of this feature|is configured",
    re.IGNORECASE,
)
"""Words of those who have the field and too little of it, or nothing to say of it."""


@pytest.mark.slow
def test_the_matrix_says_what_checks_say(demo: Path) -> None:
    config: Config = load(demo)
    warehouse = Warehouse(config.storage.path)
    findings = warehouse.frame(
        "select feature_id, mode, check_name, status, message from health__findings"
        " where segment = '' and mode <> 'ownership'"
        " and day = (select max(day) from health__findings)"
    )
    wrong = []
    for feature in config.features:
        of_check: dict[tuple[str, str], set[str]] = {}
        for cell in cells_of(feature, _last(warehouse), *_read(warehouse, feature.id)):
            for name in cell.need.checks:
                of_check.setdefault((cell.need.mode, name), set()).add(cell.state)
        of_feature = findings.filter(pl.col("feature_id") == feature.id).rows()
        for _, mode, name, status, message in of_feature:
            found = of_check.get((mode, name), set())
            has_answered = status in {"PASS", "WARN", "FAIL"}
            is_explained = bool(found - {"logged"}) or OF_AMOUNT.search(message)
            if (has_answered and "missing" in found) or not (has_answered or is_explained):
                wrong.append((feature.id, mode, name, message, found))
    assert wrong == []


def _last(warehouse: Warehouse) -> Any:
    return warehouse.frame("select max(day) as day from health__findings")["day"][0]


def _read(warehouse: Warehouse, feature_id: str) -> list[pl.DataFrame]:
    last = _last(warehouse)
    readiness = warehouse.frame(
        "select * from summary__readiness where feature_id = $id and day > $day::date - $n",
        {"id": feature_id, "day": last, "n": _matrix.HISTORY_DAYS},
    )
    own = {
        name: warehouse.frame(f"select * from {name} where feature_id = $id", {"id": feature_id})
        for name in ("core__eval_cases", "summary__pipelines")
    }
    steps = warehouse.frame("select * from core__ledger_steps")
    listed = warehouse.frame("select * from summary__listed_parts")
    return [readiness, own["core__eval_cases"], steps, own["summary__pipelines"], listed]
