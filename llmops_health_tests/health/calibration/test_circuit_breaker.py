"""Circuit breaker: the gate it certifies, by hand and in the long run, and when it trips."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.figures import RiskCoverage
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.circuit_breaker import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.calibration.simulate import (
    EMPTY,
    day_of,
    labelled_days,
    summarise,
    until,
)

NO_CALLS = pl.DataFrame(
    schema={
        "day": pl.Date,
        "feature_id": pl.String,
        "run_kind": pl.String,
        "predicted_label": pl.String,
        "bucket": pl.Int32,
        "k": pl.Int32,
        "n": pl.Int64,
        "sum_conf": pl.Float64,
    }
)


def judge(
    table: pl.DataFrame,
    index: int,
    gate: float | None = 0.8,
    calls: pl.DataFrame = NO_CALLS,
    params: Params | None = None,
) -> Finding:
    feature = Feature(id="triage", kind="classifier", confidence_gate=gate)
    known = until(table, index, HISTORY_DAYS)
    [finding] = check(feature, day_of(index), known, calls, params or Params())
    return finding


def levels(*of: tuple[float, int, int], day: int = 20) -> pl.DataFrame:
    """Labels as (confidence, calls, errors), by 60 users."""
    return summarise(
        pl.concat(
            pl.DataFrame(
                {
                    "day": np.full(n, day),
                    "label": np.where(np.arange(n) < wrong, "other", "spam"),
                    "predicted_label": "spam",
                    "bucket": np.arange(n) * 37 % 60,
                    "confidence": confidence,
                }
            )
            for confidence, n, wrong in of
        )
    )


GOOD = levels((0.955, 400, 12), (0.855, 200, 16), (0.605, 200, 90))
BAD = levels((0.955, 400, 100), (0.855, 200, 50), (0.605, 200, 90))


def test_the_loosest_gate_that_keeps_the_promise_is_certified() -> None:
    finding = judge(GOOD, 20)
    # Down to 0.61 the gate accepts 600 calls with 28 errors (0.047); one step on, 118 of 800.
    assert finding.status is Status.PASS
    assert finding.message.startswith(
        "gate 0.61 is certified to keep errors at 0.10 (confidence 0.90) and accepts 75% of"
    )
    assert finding.value == pytest.approx(28 / 600)
    assert finding.n == 600


def test_a_looser_gate_that_breaks_the_promise_is_named() -> None:
    finding = judge(GOOD, 20, gate=0.6)
    assert finding.status is Status.WARN
    assert finding.action == "Set confidence_gate to 0.61."
    assert "118 of 800 were wrong" in finding.message
    assert "the gate in force is 0.60" in finding.message


def test_no_threshold_trips_the_breaker() -> None:
    for gate in (0.8, None):
        finding = judge(BAD, 20, gate=gate)
        assert finding.status is Status.FAIL
        assert finding.message.startswith("no gate from 0.50 to 0.99 is certified")
        assert finding.action.startswith("Trip the breaker")
        assert finding.p_value is not None
        assert finding.p_value < 1e-6


def test_the_last_week_overrules_the_month() -> None:
    month = pl.concat([levels((0.955, 2000, 60), day=2), levels((0.955, 260, 60), day=20)])
    finding = judge(month, 20)
    assert finding.status is Status.FAIL
    assert "60 of 260 were wrong in 7 days" in finding.message


def test_without_a_gate_the_certified_one_is_offered() -> None:
    finding = judge(GOOD, 20, gate=None)
    assert finding.status is Status.PASS
    assert finding.message.endswith("no gate is configured.")
    assert finding.n == 600


def test_the_review_load_comes_from_all_calls() -> None:
    rows = [
        {"day": day_of(20) - timedelta(days=d), "run_kind": "prod", "k": k, "n": n}
        for d in (0, 1)
        for k, n in ((95, 60), (60, 30), (-1, 10))
    ]
    calls = pl.DataFrame(rows, schema=NO_CALLS.schema)
    assert "leaving 40 of 100 calls a day to review" in judge(GOOD, 20, calls=calls).message
    assert "leaving 100 of 100 calls a day to review" in judge(BAD, 20, calls=calls).message


def test_what_is_neither_certified_nor_refuted_cannot_be_told() -> None:
    finding = judge(levels((0.955, 120, 11)), 20)
    assert finding.status is Status.NOT_ENOUGH_DATA
    assert finding.message.startswith("Cannot tell: no gate")


def test_nothing_to_judge() -> None:
    assert judge(EMPTY, 20).status is Status.NOT_ENOUGH_DATA
    thin = judge(levels((0.955, 99, 1)), 20)
    assert thin.message == "99 labelled calls with a confidence in 28 days, 100 needed."
    chat = Feature(id="chat", kind="generation")
    [other] = check(chat, day_of(20), EMPTY, NO_CALLS, Params())
    assert other.status is Status.NOT_APPLICABLE


@pytest.mark.slow
@pytest.mark.parametrize("users", [30, 300])
def test_calibrated_features_do_not_alarm(users: int) -> None:
    for seed in range(12):
        table = labelled_days(np.random.default_rng(seed), users=users)
        for index in range(10, 60, 3):
            assert judge(table, index).status in {Status.PASS, Status.NOT_ENOUGH_DATA}


@pytest.mark.slow
def test_a_sudden_fall_trips_the_breaker_within_twelve_days() -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng(900 + seed)
        table = labelled_days(rng, per_day=220, fault_day=45, growth=0, burst_day=None)
        alarms = (i for i in range(45, 60) if judge(table, i).status is Status.FAIL)
        found.append(next(alarms, 60) - 45)
    # 0.7 within 7 days and all within 10 of 30 longer runs.
    assert np.median(found) <= 8
    assert max(found) <= 12


@pytest.mark.slow
def test_certified_gates_keep_their_promise() -> None:
    broken = certified = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        # Overconfident by 0.03 throughout, so that loose gates do break the promise.
        table = labelled_days(rng, days=35, skill=2.0, fault_day=0, drop=0.03, burst_day=None)
        message = judge(table, 34, gate=None).message
        if not message.startswith("gate "):
            continue
        certified += 1
        gate = float(message.split()[1])
        logit = np.random.default_rng(1).normal(2.0, 1.2, 200_000)
        confidence = 1 / (1 + np.exp(-logit))
        p_right = confidence * (1 - 0.03 / confidence.mean())
        broken += 1 - p_right[confidence >= gate].mean() > 0.10
    assert certified >= 30
    # delta is 0.10; a binomial of 60 exceeds 0.22 once in 500 times.
    assert broken / certified < 0.22


def drawn(table: pl.DataFrame, gate: float | None = 0.8) -> RiskCoverage | None:
    feature = Feature(id="triage", kind="classifier", confidence_gate=gate)
    return figure(feature, day_of(20), until(table, 20, HISTORY_DAYS), NO_CALLS, Params())


def test_the_figure_shows_what_each_gate_lets_through() -> None:
    curve = drawn(GOOD)
    assert curve is not None
    # 400 calls with 12 errors, then 200 with 16, then 200 with 90.
    assert [(one.gate, one.n, one.share) for one in curve.points if one != curve.to_set] == [
        (0.95, 400, 0.5),
        (0.85, 600, 0.75),
        (0.80, 600, 0.75),
        (0.60, 800, 1.0),
    ]
    assert [one.error for one in curve.points][:2] == pytest.approx([0.03, 28 / 600])
    assert all(one.lo < one.error < one.hi for one in curve.points)
    assert curve.in_force is not None
    assert curve.to_set is not None
    assert (curve.in_force.gate, curve.max_error) == (0.8, 0.1)
    assert f"gate {curve.to_set.gate:.2f} is certified" in judge(GOOD, 20).message
    assert {curve.in_force, curve.to_set} <= set(curve.points)


def test_the_figure_says_when_no_gate_keeps_the_promise() -> None:
    curve = drawn(BAD)
    assert curve is not None
    assert curve.to_set is None
    assert "No gate is certified" in curve.description
    assert min(one.lo for one in curve.points) > curve.max_error


def test_a_gate_looser_than_all_that_are_tested_is_not_marked() -> None:
    curve = drawn(GOOD, gate=0.3)
    assert curve is not None
    assert curve.in_force is None


def test_there_is_no_figure_of_few_labels() -> None:
    assert drawn(EMPTY) is None
    assert drawn(levels((0.955, 60, 2))) is None
