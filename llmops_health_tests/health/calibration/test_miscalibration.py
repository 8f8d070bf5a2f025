"""Miscalibration: by hand, either way, rarely on calibrated features, soon after a fall."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.miscalibration import HISTORY_DAYS, Params, check
from llmops_health_tests.health.calibration.simulate import (
    EMPTY,
    day_of,
    labelled_days,
    summarise,
    until,
)

TRIAGE = Feature(id="triage", kind="classifier")


def judge(table: pl.DataFrame, index: int, params: Params | None = None) -> Finding:
    [finding] = check(TRIAGE, day_of(index), until(table, index, HISTORY_DAYS), params or Params())
    return finding


def two_levels(right_low: float, right_high: float, n: int = 400) -> pl.DataFrame:
    """`n` labels at confidence 0.6 and as many at 0.9, with these shares of right answers."""
    at = np.tile(np.arange(n), 2)
    confidence = np.repeat([0.6, 0.9], n)
    right = np.repeat([right_low, right_high], n)
    return summarise(
        pl.DataFrame(
            {
                "day": np.full(2 * n, 20),
                "label": np.where(at < right * n, "spam", "other"),
                "predicted_label": "spam",
                "bucket": at * 37 % 61,
                "confidence": confidence,
            }
        )
    )


def test_gaps_that_cancel_on_average_are_seen() -> None:
    finding = judge(two_levels(0.75, 0.75), 20)
    # Both groups are 0.15 off: 0.15^2 less the variance of their accuracies.
    assert finding.status is Status.FAIL
    assert finding.value == pytest.approx(0.149, abs=2e-3)
    assert finding.p_value == pytest.approx(2 / 4000)
    assert "where 0.75 of 400 are right" in finding.message
    assert finding.action.startswith("Refit")
    assert "labeller = 'truth'" in finding.evidence_sql


@pytest.mark.parametrize(
    ("right", "status"),
    [((0.60, 0.90), Status.PASS), ((0.68, 0.82), Status.WARN), ((0.9, 1.0), Status.FAIL)],
)
def test_size_decides_between_a_look_and_action(right: tuple[float, float], status: Status) -> None:
    assert judge(two_levels(*right), 20).status is status


def test_a_perfect_match_has_no_error_and_no_evidence() -> None:
    finding = judge(two_levels(0.6, 0.9), 20)
    assert (finding.value, finding.lo) == (0.0, 0.0)
    assert finding.p_value is not None
    assert finding.p_value > 0.5


def test_the_same_day_gets_the_same_answer() -> None:
    table = labelled_days(np.random.default_rng(2), fault_day=45)
    assert judge(table, 55) == judge(table, 55)


def test_nothing_to_judge() -> None:
    assert judge(EMPTY, 20).status is Status.NOT_ENOUGH_DATA
    [other] = check(Feature(id="chat", kind="agent"), day_of(20), EMPTY, Params())
    assert other.status is Status.NOT_APPLICABLE
    thin = judge(two_levels(0.6, 0.9, n=99), 20)
    assert thin.message == "198 labelled calls with a confidence in 28 days, 200 needed."
    weak = judge(two_levels(0.6, 0.9, n=110), 20)
    assert weak.message.startswith("Cannot tell: ")


@pytest.mark.slow
@pytest.mark.parametrize(("users", "per_day"), [(300, 150), (30, 60)])
def test_calibrated_features_are_left_alone(users: int, per_day: int) -> None:
    alarms: list[Finding] = []
    for seed in range(12):
        table = labelled_days(np.random.default_rng(seed), per_day=per_day, users=users)
        judged = [judge(table, index) for index in range(20, 60, 4)]
        assert all(finding.status is not Status.FAIL for finding in judged)
        alarms += [finding for finding in judged if finding.status is Status.WARN]
    # 3 looks in 2,040 days of a longer run.
    assert len(alarms) <= 2


@pytest.mark.slow
def test_a_sudden_fall_is_seen_within_ten_days() -> None:
    found = []
    for seed in range(12):
        rng = np.random.default_rng(900 + seed)
        table = labelled_days(rng, per_day=220, fault_day=45, growth=0, burst_day=None)
        seen = {Status.WARN, Status.FAIL}
        alarms = (i for i in range(48, 60) if judge(table, i).status in seen)
        found.append(next(alarms, 60) - 45)
    assert np.median(found) <= 7
    assert max(found) <= 10
