"""Cards: which advice follows from which evidence, regret by hand, ranks, and their JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import CheckParams
from llmops_health.health import Check, discover
from llmops_health.judge import FINDING_SCHEMA, judge
from llmops_health.kernels.regret import expected_regret
from llmops_health.report.cards import CARD_SCHEMA, MODE, card_params, feature_cards, write_json
from llmops_health.storage.day import Day
from llmops_health_tests.health.frozen_feature.simulate import (
    CALIBRATION,
    CHANGES,
    ITEMS,
    LAST,
    SATISFACTION,
    VERSIONS,
    WITHDRAWALS,
    accuracy,
    ago,
    duel,
    empty,
    monthly,
    versions,
    withdrawals,
)

CHECKS: dict[str, Check] = {check.name: check for check in discover() if check.mode == MODE}
CARED = Feature(
    id="triage",
    kind="classifier",
    owner="team@example.com",
    last_reviewed_on=ago(30),
    runbook_url="https://wiki.example.com",
    maintenance_hours_per_month=10,
)
EQUAL, BETTER = duel(10, 10, 160, 70), duel(61, 3, 300, 136)
WORTH = {"value_per_correct_usd": 0.5}


def cards(
    feature: Feature = CARED,
    *others: Feature,
    given: dict[str, dict[str, Any]] | None = None,
    **tables: pl.DataFrame,
) -> list[dict[str, Any]]:
    """Judge the features on the last day as the runner does, and return their cards."""
    of = {name: (given or {}).get(name, {}) for name in CHECKS}
    params: dict[str, CheckParams] = {n: check.params(**of[n]) for n, check in CHECKS.items()}
    known = {
        "summary__changes": monthly(20),
        "summary__versions": versions(per_day=200, usd=0.01),
        "summary__withdrawals": empty(WITHDRAWALS),
        "summary__eval_items": empty(ITEMS),
        "summary__calibration": empty(CALIBRATION),
        "summary__satisfaction": empty(SATISFACTION),
    } | {f"summary__{name}": rows for name, rows in tables.items()}
    watched, day = [feature, *others], Day(LAST, LAST)
    findings = pl.concat(
        judge(check, {t: known[t] for t in check.reads}, watched, params[name], day, "run")
        for name, check in CHECKS.items()
    )
    made = feature_cards(LAST, watched, findings, known, card_params(params))
    assert made.schema == pl.Schema(CARD_SCHEMA)
    return made.to_dicts()


def test_young_and_not_beaten_is_kept() -> None:
    [card] = cards(eval_items=EQUAL)
    assert card["advice"] == "keep"
    assert card["blockers"] is None
    # What the challenger may yet be better by: 250 cases, a gap of 0 with se sqrt(.08 / 249).
    se = (20 / 250 / 249) ** 0.5
    assert card["regret_answers_per_month"] == pytest.approx(expected_regret(0, 6000 * se))
    assert card["regret_usd_per_month"] is None
    assert (card["age_days"], card["calls_per_month"]) == (20, pytest.approx(6000))
    assert card["upkeep_usd_per_month"] == pytest.approx(750 + 60)


def test_what_nobody_tried_is_not_known_to_be_kept() -> None:
    [card] = cards()
    assert card["advice"] is None
    assert "No eval run" in card["reason"]
    assert card["blockers"] == "no eval run of the version in use"
    assert card["regret_usd_per_month"] is None


def test_a_better_challenger_replaces() -> None:
    [card] = cards(eval_items=BETTER, given={"beaten_by_challenger": WORTH})
    assert (card["advice"], card["challenger"]) == ("replace", "n v1")
    gap, se = 58 / 500, ((64 / 500 - (58 / 500) ** 2) / 499) ** 0.5
    assert card["gap_pp"] == pytest.approx(100 * gap)
    assert card["regret_usd_per_month"] == pytest.approx(expected_regret(3000 * gap, 3000 * se))
    assert card["regret_answers_per_month"] == pytest.approx(6000 * gap, rel=1e-6)
    assert card["p_better"] > 0.99


def test_a_cheaper_one_that_passes_replaces() -> None:
    used = pl.concat(
        [
            versions(per_day=200, usd=0.5),
            versions(2, per_day=300, usd=0.1, model="n", answered="n-1", run_kind="shadow"),
        ]
    )
    [card] = cards(eval_items=duel(5, 5, 250, 40), versions=used)
    assert card["advice"] == "replace"
    assert card["saving_usd_per_month"] == pytest.approx(2400)
    assert card["regret_usd_per_month"] == pytest.approx(2400)


def test_a_decayed_model_is_trained_again_where_that_is_possible() -> None:
    labels, changes = accuracy(0.9, 0.75), monthly(160)
    [hosted] = cards(calibration=labels, changes=changes)
    assert hosted["advice"] == "replace"
    trained = CARED.model_copy(update={"trained_on": ago(160)})
    given = {"beaten_by_challenger": WORTH}
    [card] = cards(trained, given=given, calibration=labels, changes=changes)
    assert card["advice"] == "retrain"
    assert card["regret_answers_per_month"] == pytest.approx(900, rel=1e-3)
    assert card["regret_usd_per_month"] == pytest.approx(450, rel=1e-3)


def test_more_upkeep_than_return_retires() -> None:
    [card] = cards(eval_items=EQUAL, given={"costly_upkeep": {"value_per_correct_usd": 0.01}})
    assert card["advice"] == "retire"
    # 810 USD against 6,000 calls of which 170 in 250 are right, a cent each.
    assert card["regret_usd_per_month"] == pytest.approx(810 - 60 * 170 / 250, rel=1e-3)


def test_nobody_cares_or_it_was_announced() -> None:
    alone = Feature(id="triage", kind="rag")
    [card] = cards(alone, changes=monthly(200))
    assert card["advice"] == "retire"
    assert card["blockers"] == "no owner, no eval run of the version in use, no runbook"
    announced = CARED.model_copy(update={"lifecycle": "deprecated"})
    [card] = cards(announced, eval_items=EQUAL)
    assert card["advice"] == "retire"
    assert card["reason"] == "It is deprecated, and 5,600 calls in 28 days still use it."


def test_hours_on_what_nobody_calls_retire_it() -> None:
    [card] = cards(versions=versions(30, last=28))
    assert card["advice"] == "retire"
    assert card["regret_usd_per_month"] == 750
    [card] = cards(versions=empty(VERSIONS), changes=empty(CHANGES))
    assert (card["advice"], card["age_days"]) == (None, None)


def test_a_deadline_is_before_all_money() -> None:
    ending = withdrawals(("triage", "m-1", None, ago(-20)))
    rich = CARED.model_copy(update={"id": "rich"})
    both = [
        rows.with_columns(feature_id=pl.lit(name))
        for name in ("triage", "rich")
        for rows in [versions(per_day=200, usd=0.01)]
    ]
    items = BETTER.with_columns(feature_id=pl.lit("rich"))
    first, second = cards(
        CARED,
        rich,
        versions=pl.concat(both),
        eval_items=items,
        withdrawals=ending,
        given={"beaten_by_challenger": WORTH},
    )
    assert (first["feature_id"], first["advice"], first["deadline"]) == (
        *("triage", "replace"),
        ago(-20),
    )
    assert (first["rank"], first["rank_lo"], first["rank_hi"]) == (1, 1, 1)
    assert (second["feature_id"], second["advice"]) == ("rich", "replace")
    assert second["regret_usd_per_month"] > 300


def test_ranks_tell_what_hangs_on_the_worths() -> None:
    # One loses hours and one answers: whichever is dearer depends on what an hour is worth.
    idle = Feature(id="idle", kind="rag", maintenance_hours_per_month=4)
    rows = [versions(30, last=28).with_columns(feature_id=pl.lit("idle")), versions(per_day=200)]
    made = cards(
        CARED,
        idle,
        versions=pl.concat(rows),
        eval_items=BETTER,
        given={"beaten_by_challenger": WORTH},
    )
    assert [card["feature_id"] for card in made] == ["triage", "idle"]
    assert all((card["rank_lo"], card["rank_hi"]) == (1, 2) for card in made)


def test_json_holds_the_cards_of_the_day(tmp_path: Path) -> None:
    rows = pl.DataFrame(cards(eval_items=EQUAL), schema=CARD_SCHEMA)
    path = tmp_path / "report" / "cards.json"
    write_json(rows, path)
    found = json.loads(path.read_text("utf-8"))
    assert found["day"] == "2026-10-31"
    assert [one["advice"] for one in found["features"]] == ["keep"]
    assert "day" not in found["features"][0]
    write_json(pl.DataFrame(), path)
    assert json.loads(path.read_text("utf-8")) == {"day": None, "features": []}
    assert [one.name for one in path.parent.iterdir()] == ["cards.json"]


def test_what_was_not_judged_has_no_advice() -> None:
    params: dict[str, CheckParams] = {name: check.params() for name, check in CHECKS.items()}
    tables = {
        "summary__changes": monthly(20),
        "summary__versions": versions(),
        "summary__withdrawals": empty(WITHDRAWALS),
        "summary__eval_items": EQUAL,
        "summary__calibration": empty(CALIBRATION),
        "summary__satisfaction": empty(SATISFACTION),
    }
    none = pl.DataFrame(schema=FINDING_SCHEMA)
    made = feature_cards(LAST, [CARED], none, tables, card_params(params))
    assert made["advice"].to_list() == [None]
    assert "It has not been judged." in made["reason"][0]
