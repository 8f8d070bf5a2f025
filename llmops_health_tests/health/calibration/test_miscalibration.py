"""Miscalibration: by hand, either way, rarely on calibrated features, soon after a fall."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.miscalibration import HISTORY_DAYS, Params, check, figure
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


def test_the_figure_groups_what_was_stated() -> None:
    table = two_levels(0.75, 0.9)
    chart = figure(TRIAGE, day_of(20), until(table, 20, HISTORY_DAYS), Params())
    assert chart is not None
    assert [one.confidence for one in chart.groups] == pytest.approx([0.6, 0.9])
    assert [(one.accuracy, one.n) for one in chart.groups] == [(0.75, 400), (0.9, 400)]
    low, high = chart.groups
    # 1.645 sqrt(0.24 / 400) is 0.040 for calls that are not alike; these are at most 1.2 times so.
    assert low.band_hi == pytest.approx(0.6 + 0.040 * 1.2**0.5, abs=0.006)
    assert not low.band_lo <= low.accuracy <= low.band_hi
    assert high.band_lo <= high.accuracy <= high.band_hi
    assert (chart.band_level, chart.gate) == (0.9, None)
    assert "1 of them outside" in chart.description


def test_the_band_holds_nine_of_ten_groups_of_a_calibrated_feature() -> None:
    inside: list[bool] = []
    for seed in range(20):
        table = labelled_days(np.random.default_rng(seed), user_sd=0.4)
        chart = figure(TRIAGE, day_of(50), until(table, 50, HISTORY_DAYS), Params())
        assert chart is not None
        inside += [one.band_lo <= one.accuracy <= one.band_hi for one in chart.groups]
    assert 0.86 < np.mean(inside) < 0.97


def test_there_is_no_figure_of_few_labels() -> None:
    assert figure(TRIAGE, day_of(20), EMPTY, Params()) is None
    assert figure(TRIAGE, day_of(20), two_levels(0.6, 0.9, n=50), Params()) is None
