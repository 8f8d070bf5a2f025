"""Ungoverned feature: each item by its evidence, the score, and what decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.ownership import _governance
from llmops_health.health.ownership._governance import Item, Record
from llmops_health.health.ownership.ungoverned_feature import Params, check, figure
from llmops_health.health.provenance._ledger import steps_of
from llmops_health_tests.health.ownership.simulate import (
    DAY,
    HOSTILE,
    NO_PARTS,
    NO_PIPELINES,
    NO_STEPS,
    ago,
    at,
    database,
    entry,
    parts,
    steps,
    table,
    versions,
)

WHOLE = Feature(
    id="help",
    kind="rag",
    owner="team-docs@example.com",
    lifecycle="production",
    risk_tier="medium",
    runbook_url="https://wiki.example.com/help",
    repository="https://git.example.com/help",
    last_reviewed_on=ago(20),
    launched_on=ago(300),
    eval_suites=("help-v1",),
)
UNLISTED = Feature.unlisted("help")
NOTHING_SAID = table("core__acknowledgements", [])
LEDGER = steps((30, "promote", "a"), (9, "revert", "a"))


def runs(*ages: float, suite: str = "help-v1") -> pl.DataFrame:
    rows = [{"day": ago(age), "eval_run_id": f"r{age}", "feature_id": "help", "suite_id": suite,
             "started_at": at(age)} for age in ages]  # fmt: skip
    return table("core__eval_runs", rows)


EVALS = runs(40, 3)


def tables(**given: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        "summary__listed_parts": NO_PARTS,
        "summary__versions": versions(),
        "core__eval_runs": EVALS,
        "core__ledger_steps": LEDGER,
        "summary__pipelines": NO_PIPELINES,
        "core__acknowledgements": NOTHING_SAID,
    } | given


def judge(feature: Feature = WHOLE, **given: pl.DataFrame) -> Finding:
    [finding] = check(feature, DAY, **tables(**given), params=Params())
    return finding


def but(**more: Any) -> Feature:
    return WHOLE.model_copy(update=more)


def item(name: str, feature: Feature = WHOLE, **given: pl.DataFrame) -> Item:
    known = tables(**given)
    ledger = known["core__ledger_steps"]
    record = Record.of(
        feature,
        DAY,
        known["summary__listed_parts"],
        known["summary__versions"],
        known["core__eval_runs"],
        steps_of(feature, DAY, ledger, NO_PIPELINES),
        known["core__acknowledgements"],
    )
    return next(one for one in _governance.items(record) if one.name == name)


def test_a_governed_feature_passes() -> None:
    finding = judge()
    assert finding.status is Status.PASS
    assert finding.message == (
        "Score [1.00, 1.00], 100% of it known, 0.60 needed of medium risk; all 8 items are there."
    )
    assert (finding.value, finding.lo, finding.hi, finding.n) == (1, 1, 1, 8)


@pytest.mark.parametrize(
    ("missing", "status"),
    [
        ({"owner": None}, Status.FAIL),
        ({"eval_suites": ()}, Status.PASS),  # evals run all the same: unknown, not missing
        ({"runbook_url": None}, Status.PASS),
        ({"runbook_url": None, "repository": " ", "last_reviewed_on": None}, Status.PASS),
        ({"owner": None, "risk_tier": "low"}, Status.WARN),
        ({"owner": None, "lifecycle": "beta"}, Status.WARN),
        ({"owner": None, "lifecycle": "retired"}, Status.FAIL),
        ({"risk_tier": None, "runbook_url": None, "repository": None, "last_reviewed_on": None,
          "eval_suites": ()}, Status.WARN),
        ({"risk_tier": "high", "runbook_url": None, "repository": None, "last_reviewed_on": None,
          }, Status.FAIL),
    ],
)  # fmt: skip
def test_what_is_missing_decides(missing: dict[str, Any], status: Status) -> None:
    assert judge(but(**missing)).status is status


def test_a_feature_that_is_not_live_is_not_asked() -> None:
    empty = table("summary__versions", [])
    experiment = but(lifecycle="experimental", owner=None)
    assert judge(experiment, summary__versions=empty).status is Status.NOT_APPLICABLE
    assert judge(but(owner=None), summary__versions=empty).status is Status.FAIL
    assert figure(experiment, DAY, **tables(summary__versions=empty), params=Params()) is None


def test_an_unlisted_feature_is_unknown_but_for_its_owner() -> None:
    finding = judge(UNLISTED, core__eval_runs=runs(), core__ledger_steps=NO_STEPS)
    assert finding.status is Status.FAIL
    assert "owner missing" in finding.message
    assert "runbook unknown" in finding.message
    known = judge(UNLISTED, core__eval_runs=runs(), summary__listed_parts=parts(entry("t@x.de")))
    assert known.status is Status.WARN
    assert "List it under `features`" in known.action


@pytest.mark.parametrize(
    ("risk", "age", "state", "status"),
    [
        ("high", 30, "pass", Status.PASS),
        ("high", 31, "unknown", Status.WARN),
        ("medium", 60, "pass", Status.PASS),
        ("medium", 61, "unknown", Status.WARN),
        ("medium", 120, "unknown", Status.WARN),
        ("medium", 121, "fail", Status.FAIL),
        (None, 61, "unknown", Status.WARN),
        ("low", 90, "pass", Status.PASS),
        ("low", 181, "fail", Status.WARN),
    ],
)
def test_an_eval_gate_is_known_by_its_use(
    risk: str | None, age: int, state: str, status: Status
) -> None:
    feature = but(risk_tier=risk)
    assert item("eval gate", feature, core__eval_runs=runs(age)).state == state
    assert judge(feature, core__eval_runs=runs(age)).status is status


def test_runs_of_another_suite_are_not_the_gates() -> None:
    others = runs(1, suite="other")
    assert item("eval gate", core__eval_runs=others).state == "fail"
    assert item("eval gate", but(eval_suites=()), core__eval_runs=others).state == "unknown"
    assert item("eval gate", but(eval_suites=()), core__eval_runs=runs()).state == "fail"
    assert item("eval gate", UNLISTED, core__eval_runs=runs()).state == "unknown"


@pytest.mark.parametrize(
    ("risk", "age", "state"),
    [("high", 90, "pass"), ("high", 91, "unknown"), ("high", 181, "fail"), ("low", 365, "pass"),
     ("medium", 181, "unknown"), ("medium", -1, "unknown"), ("medium", None, "fail")],
)  # fmt: skip
def test_reviews_expire(risk: str, age: int | None, state: str) -> None:
    feature = but(risk_tier=risk, last_reviewed_on=None if age is None else ago(age))
    found = item("review", feature)
    assert found.state == state
    assert found.is_expired is (age in {91, 181})


def test_a_way_back_is_what_was_seen() -> None:
    assert item("rollback", core__ledger_steps=NO_STEPS).state == "unknown"
    once = steps((9, "promote", "a"))
    assert item("rollback", core__ledger_steps=once).state == "unknown"
    twice = steps((30, "promote", "a"), (9, "promote", "a"))
    assert item("rollback", core__ledger_steps=twice).age_days == 9
    reverted = item("rollback", core__ledger_steps=LEDGER)
    assert (reverted.state, reverted.age_days) == ("pass", 9)


def test_an_earlier_version_in_the_log_is_a_way_back() -> None:
    now = versions(100, days=5)
    before = versions(100, days=9, response_model="m-0").filter(pl.col("day") < ago(4))
    found = item(
        "rollback", core__ledger_steps=NO_STEPS, summary__versions=pl.concat([now, before])
    )
    assert (found.state, found.age_days) == ("pass", 5)
    assert "model m-0 answered until 5 days ago" in found.why
    few = before.with_columns(n=pl.lit(1, pl.Int64))
    one_call = pl.concat([now, few.head(1)])
    assert item(
        "rollback", core__ledger_steps=NO_STEPS, summary__versions=one_call
    ).state == "unknown"  # fmt: skip
    # Two side by side: neither is an earlier one.
    both = pl.concat([now, versions(100, days=5, response_model="m-0")])
    assert item("rollback", core__ledger_steps=NO_STEPS, summary__versions=both).state == "unknown"


def test_a_contact_is_an_address_or_somebody_who_answered() -> None:
    assert item("incident contact").state == "pass"
    assert item("incident contact", but(owner="Docs")).state == "unknown"
    assert item("incident contact", but(owner=None)).state == "fail"
    said = table("core__acknowledgements", [{"acknowledged_at": at(3), "feature_id": "help",
                                             "acknowledged_by": "jo"}])  # fmt: skip
    answered = item("incident contact", but(owner="Docs"), core__acknowledgements=said)
    assert (answered.state, answered.age_days) == ("pass", 3)
    noted = parts(entry("docs", attributes='{"incident_contact": "#help-oncall"}'))
    found = item("incident contact", but(owner=None), summary__listed_parts=noted)
    assert "#help-oncall" in found.why
    broken = parts(entry("docs", attributes="{no json"), entry("docs", attributes="[1]"))
    assert item("incident contact", summary__listed_parts=broken).state == "pass"


def test_what_was_said_later_is_not_known() -> None:
    said = table("core__acknowledgements", [{"acknowledged_at": at(-1), "feature_id": "help",
                                             "acknowledged_by": "jo"}])  # fmt: skip
    finding = judge(but(owner="Docs"), core__acknowledgements=said)
    assert "incident contact unknown (Docs is no address)" in finding.message


def test_high_risk_keeps_logs_for_six_months() -> None:
    high = but(risk_tier="high")
    assert item("retention", high).state == "unknown"
    assert judge(high).status is Status.PASS, "logs that have just begun say nothing"
    month = {"core__ledger_steps": NO_STEPS, "summary__versions": versions(days=28)}
    assert judge(high, **month).status is Status.WARN, "no way back was seen in four weeks"
    week = {"core__ledger_steps": NO_STEPS, "summary__versions": versions(days=27)}
    assert judge(high, **week).status is Status.PASS, "a young record cannot tell"
    assert "rollback not told yet" in judge(high, **week).message
    kept = versions(1, days=183)
    assert item("retention", high, summary__versions=kept).state == "pass"
    assert judge(high, summary__versions=pl.concat([kept, versions()])).status is Status.PASS
    launched = but(risk_tier="high", launched_on=ago(6))
    assert item("retention", launched).state == "pass"
    assert "retention" not in {one.row for one in shown(WHOLE)}


def shown(feature: Feature) -> list[Any]:
    picture = figure(feature, DAY, **tables(), params=Params())
    assert picture is not None
    assert {cell.row for cell in picture.cells} == set(picture.rows)
    return list(picture.cells)


def test_the_picture_says_each_item_in_words() -> None:
    cells = {(one.row, one.column): (one.level, one.text) for one in shown(but(owner=None))}
    assert cells["owner", "on record"] == ("bad", "no")
    assert cells["owner", "weight"] == ("plain", "3, gate")
    assert cells["review", "evidence"] == ("good", "20 days")


def test_the_action_names_the_gravest_item_and_evidence_runs() -> None:
    finding = judge(but(runbook_url=None, eval_suites=("gone",)))
    assert finding.status is Status.FAIL
    assert "eval_suites" in finding.action
    rows = database(core__eval_runs=EVALS).execute(finding.evidence_sql).fetchall()
    assert rows == [("help-v1", None, None, ago(3), 2)]
    hostile = but(id=HOSTILE, owner=None)
    assert database(core__eval_runs=EVALS).execute(judge(hostile).evidence_sql).fetchall() == []


def test_of_unknown_items_none_counts_as_fulfilled() -> None:
    """Whatever is taken away the lower end falls; the upper end does not for what is unknown."""
    base = judge()
    assert base.lo is not None
    for key in ("runbook_url", "repository", "last_reviewed_on", "risk_tier", "owner"):
        finding = judge(but(**{key: None}))
        assert finding.lo is not None
        assert finding.hi is not None
        assert finding.lo < base.lo
        assert finding.lo <= finding.hi
    unsure = judge(core__ledger_steps=NO_STEPS, summary__versions=versions(days=28))
    assert unsure.hi == 1
    assert unsure.lo == pytest.approx(1 - 3 / 19)
    old = but(last_reviewed_on=DAY - timedelta(181))
    assert judge(old).hi == 1
