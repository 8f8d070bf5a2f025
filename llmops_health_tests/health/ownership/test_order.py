"""What other modes found is read after it was stored, and no day reads what a later one found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from llmops_health import health, judge
from llmops_health.config import Feature
from llmops_health.health import Check
from llmops_health.judge import FINDING_COLUMNS
from llmops_health.orchestration.checks import deps
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse
from llmops_health_tests.health.ownership.simulate import DAY, ago, table

HELP = Feature(id="help", kind="rag")


@pytest.fixture(scope="module")
def check() -> Check:
    return next(one for one in health.discover() if one.name == "unanswered_alarm")


def test_it_waits_for_all_checks_of_other_modes(check: Check) -> None:
    waits_for = set(deps(check))
    others = {one.key for one in health.listed() if one.mode != "ownership"}
    assert waits_for == others | {"core__acknowledgements"}


def test_others_wait_for_their_tables_only() -> None:
    for one in health.listed():
        if "health__findings" not in one.reads:
            assert tuple(deps(one)) == one.reads


def test_findings_are_loaded_up_to_the_last_day_and_those_of_others_alone(
    check: Check, tmp_path: Path
) -> None:
    warehouse = Warehouse(tmp_path / "health.duckdb")
    warehouse.prepare()
    acknowledgements = table("core__acknowledgements", [])
    rows = [
        {"day": ago(age), "feature_id": "help", "mode": mode, "check_name": "c", "segment": "",
         "status": "FAIL"}
        for age in range(-3, 12)
        for mode in ("drift", "ownership")
    ]  # fmt: skip
    findings = table("health__findings", rows)
    span = Day(ago(-9), DAY + timedelta(9))
    warehouse.replace_frame("health__findings", FINDING_COLUMNS, findings, span)
    kinds = {"acknowledged_at": "timestamp", "feature_id": "varchar", "mode": "varchar",
             "check_name": "varchar", "segment": "varchar", "alarmed_on": "timestamp",
             "acknowledged_by": "varchar", "until": "timestamp"}  # fmt: skip
    warehouse.replace_frame("core__acknowledgements", kinds, acknowledgements, None)
    asked = Day(ago(4), DAY)
    loaded = judge.load(check, warehouse, asked)
    assert set(loaded["health__findings"]["mode"]) == {"drift"}
    assert loaded["health__findings"]["day"].max() == DAY
    # Each day of the range says what its own night would have said.
    judged = judge.judge(check, loaded, [HELP], check.params(), asked, "run")
    whole = judged.filter(judged["segment"] == "")
    assert whole["value"].to_list() == [7, 8, 9, 10, 11]
