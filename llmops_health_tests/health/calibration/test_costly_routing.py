"""Costly routing: by hand, at the edge, thin data, and how often it errs on simulated users."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.costly_routing import HISTORY_DAYS, Params, check
from llmops_health_tests.health.calibration.simulate import EMPTY, SCHEMA
from llmops_health_tests.health.calibration.simulate_calls import (
    LAST_DAY,
    World,
    draw,
    run_evidence,
    window,
)

DAY = date(2026, 3, 29)
FEATURE = Feature(id="triage", kind="classifier", confidence_gate=0.8)


def rows(*cells: tuple[str, str, int, int], age: int = 0) -> pl.DataFrame:
    """Rows (label, predicted, bin, calls), the same in each of 64 buckets."""
    return pl.DataFrame(
        [
            (DAY - timedelta(days=age), "triage", "truth", "prod", a, b, u, k, n, 0.0, 0.0)
            for u in range(64)
            for a, b, k, n in cells
        ],
        schema=SCHEMA,
        orient="row",
    )


def judge(table: pl.DataFrame, feature: Feature = FEATURE, **params: float) -> Finding:
    [finding] = check(feature, DAY, table, Params.model_validate(params))
    return finding


# Per bucket 8 right calls at 0.9, 8 right at 0.7, and 1 wrong at 0.3.
STRICT = rows(("a", "a", 90, 8), ("a", "a", 70, 8), ("b", "a", 30, 1))


def test_costs_by_hand() -> None:
    # An error costs 2, a review 0.4. Now: 9 of 17 calls reviewed. Best: the one at 0.3 only.
    feature = Feature(
        id="triage", kind="classifier", confidence_gate=0.8, error_costs={"b->a": 2, "default": 9}
    )
    finding = judge(STRICT, feature, human_cost=0.4)
    assert finding.status is Status.WARN
    assert finding.value == pytest.approx(1 - 0.4 / 3.6)
    assert finding.n == 64 * 17
    # 3.6 / 17, 0.4 / 17, 2 / 17, 0.4, and 0.4 / 17 where isotonic accuracy meets the gate
    assert finding.message.startswith(
        "A call of 14 days costs 0.212 at the gate 0.8, 0.024 at the gate that other users' calls "
        "choose (of all: 0.31), 0.118 all automatic, 0.400 all by people and 0.024 recalibrated, "
        "with a review at 0.4: a better gate saves 89%"
    )
    assert "about 0.31" in finding.action


@pytest.mark.parametrize(("max_waste", "status"), [(0.88, Status.WARN), (0.89, Status.PASS)])
def test_the_lower_end_of_the_interval_decides(max_waste: float, status: Status) -> None:
    # Every bucket is alike, so the interval is the saving itself: 1 - 1 / 9.
    assert judge(STRICT, human_cost=0.4, max_waste=max_waste).status is status


def test_without_a_price_a_review_costs_what_makes_the_gate_right() -> None:
    # (1 - 0.8) x 1 per error
    assert "with a review at 0.2:" in judge(STRICT).message


def test_a_gate_that_already_is_the_best_leaves_nothing_to_save() -> None:
    finding = judge(rows(("a", "a", 90, 8), ("b", "a", 30, 4)), human_cost=0.5)
    assert finding.status is Status.PASS
    assert finding.value == 0
    assert finding.p_value == 1


def test_older_labels_are_taken_only_where_new_ones_are_too_few() -> None:
    old = rows(("a", "a", 90, 8), ("a", "a", 70, 8), ("b", "a", 30, 1), age=20)
    assert judge(pl.concat([old, STRICT])).n == 64 * 17
    few = rows(("a", "a", 90, 1))
    assert judge(pl.concat([old, few])).n == 64 * 18


def test_thin_data_is_never_a_pass() -> None:
    finding = judge(STRICT.filter(pl.col("bucket") < 4))
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message == (
        "68 labelled calls with 4 errors in 28 days, 300 with at least one error needed."
    )


@pytest.mark.parametrize("keep", [pl.col("bucket") < 3, pl.col("bucket") % 2 == 0])
def test_too_few_users_are_never_a_pass(keep: pl.Expr) -> None:
    finding = judge(STRICT.with_columns(n=pl.col("n") * 20).filter(keep))
    assert finding.status is Status.NOT_ENOUGH_DATA


def test_a_saving_that_chance_could_hide_is_not_a_pass() -> None:
    uneven = STRICT.with_columns(
        n=pl.when((pl.col("k") == 70) & (pl.col("bucket") % 7 > 0)).then(0).otherwise("n")
    )
    finding = judge(uneven, max_unseen=0.05, max_waste=0.9, human_cost=0.4)
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message.startswith("Cannot tell: ")


def test_it_does_not_apply_without_a_gate_or_labels() -> None:
    assert judge(STRICT, Feature(id="t", kind="classifier")).status is Status.NOT_APPLICABLE
    assert judge(EMPTY).status is Status.NOT_APPLICABLE


def test_evidence_runs() -> None:
    assert run_evidence(judge(STRICT).evidence_sql)[:3] == ["label", "predicted_label", "n"]


def status_on(world: World, seed: int, back: int = 0, feature: Feature = FEATURE) -> Status:
    day = LAST_DAY - timedelta(days=back)
    table = window(draw(world, seed), day, HISTORY_DAYS)["summary__calibration"]
    return next(check(feature, day, table, Params())).status


@pytest.mark.slow
@pytest.mark.parametrize(("n_users", "calls_per_day"), [(300, 170), (30, 150), (30, 60)])
def test_honest_confidence_stays_quiet(n_users: int, calls_per_day: int) -> None:
    costs = {"default": 1.0, "refund->cancel": 8.0, "billing->cancel": 8.0}
    feature = FEATURE.model_copy(update={"error_costs": costs})
    world = World(n_users=n_users, calls_per_day=calls_per_day)
    alarms = sum(
        status_on(world, seed, back, judged) is Status.WARN
        for seed in range(5)
        for back in (0, 28)
        for judged in (FEATURE, feature)
    )
    assert alarms == 0


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [30, 300])
def test_confidence_that_lost_its_meaning_is_found_after_two_weeks(n_users: int) -> None:
    # Half of what is stated above 0.8 is wrong.
    world = World(
        n_users=n_users, calls_per_day=150, skill=1.2, overconfident=2, fault_day=77 - 14 - 6
    )
    found = sum(status_on(world, seed) is Status.WARN for seed in range(20))
    assert found >= 19


@pytest.mark.slow
def test_a_gate_too_strict_for_its_costs_is_found() -> None:
    feature = FEATURE.model_copy(update={"confidence_gate": 0.97, "error_costs": {"default": 2.0}})
    params = Params(human_cost=1)
    world = World(days=35, calls_per_day=150)
    tables = [draw(world, seed)["summary__calibration"] for seed in range(20)]
    found = [next(check(feature, LAST_DAY, t, params)).status is Status.WARN for t in tables]
    assert sum(found) >= 19
