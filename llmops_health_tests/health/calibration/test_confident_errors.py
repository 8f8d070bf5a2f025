"""Confident errors: by hand, at the edges, never on calibrated features, soon after a fall."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.calibration.confident_errors import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.calibration.simulate import (
    EMPTY,
    day_of,
    labelled_days,
    summarise,
    until,
)

GATED = Feature(id="triage", kind="classifier", confidence_gate=0.8)


def judge(
    table: pl.DataFrame, index: int, params: Params | None = None, feature: Feature = GATED
) -> Finding:
    [finding] = check(feature, day_of(index), until(table, index, HISTORY_DAYS), params or Params())
    return finding


def days(wrong: list[int], n: int = 40, confidence: float = 0.9) -> pl.DataFrame:
    """`n` labels on each of the days 0, 1, ..., of which `wrong[day]` are errors, by 60 users."""
    at = np.tile(np.arange(n), len(wrong))
    day = np.repeat(np.arange(len(wrong)), n)
    return summarise(
        pl.DataFrame(
            {
                "day": day,
                "label": np.where(at < np.array(wrong)[day], "other", "spam"),
                "predicted_label": "spam",
                "bucket": (at * 7 + day * 11) % 60,
                "confidence": confidence,
            }
        )
    )


def test_a_fall_trips_the_breaker_and_names_its_day() -> None:
    finding = judge(days([4] * 20 + [16] * 5), 24)
    assert finding.status is Status.FAIL
    assert finding.threshold == pytest.approx(0.12)
    assert finding.message.startswith(
        f"80 of 200 labelled calls at or above 0.80 were wrong since {day_of(20)} (0.400 ["
    )
    assert finding.action.startswith("Trip the breaker")
    assert f"labels.day > date '{day_of(19)}'" in finding.evidence_sql


def test_kept_promises_pass() -> None:
    finding = judge(days([4] * 25), 24)
    assert finding.status is Status.PASS
    assert finding.n == 1000
    assert finding.p_value == 1.0


@pytest.mark.parametrize(("promised", "status"), [(0.08, Status.FAIL), (0.14, Status.PASS)])
def test_the_promise_can_be_given(promised: float, status: Status) -> None:
    assert judge(days([6] * 25), 24, Params(promised_error=promised)).status is status


def test_confidence_promises_no_more_than_the_gate() -> None:
    strict = GATED.model_copy(update={"confidence_gate": 0.9})
    assert judge(days([4] * 25), 24, feature=strict).threshold == pytest.approx(0.1)


def test_calls_below_the_gate_are_none_of_its_business() -> None:
    table = pl.concat([days([4] * 25), days([30] * 25, confidence=0.7)]).sort("day")
    assert judge(table, 24) == judge(days([4] * 25), 24)


def test_nothing_to_judge() -> None:
    no_gate = Feature(id="triage", kind="classifier")
    assert judge(days([4]), 0, feature=no_gate).status is Status.NOT_APPLICABLE
    assert judge(EMPTY, 3).status is Status.NOT_ENOUGH_DATA
    thin = judge(days([4], n=49), 0)
    assert thin.status is Status.NOT_ENOUGH_DATA
    assert thin.message.startswith("49 labelled calls at or above the gate of 0.80 in 28 days")
    weak = judge(days([3], n=55, confidence=0.97), 0)
    assert weak.message.startswith("Cannot tell: 3 of 55")


@pytest.mark.slow
@pytest.mark.parametrize("users", [30, 300])
def test_calibrated_features_do_not_alarm(users: int) -> None:
    for seed in range(20):
        table = labelled_days(np.random.default_rng(seed), users=users)
        for index in range(10, 60, 3):
            # None in 2,720 days of a longer run: the evidence of a kept promise is bounded.
            assert judge(table, index).status in {Status.PASS, Status.NOT_ENOUGH_DATA}


@pytest.mark.slow
def test_a_fall_trips_the_breaker_within_twelve_days() -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng(900 + seed)
        table = labelled_days(rng, per_day=220, fault_day=45, growth=0, burst_day=None)
        alarms = (i for i in range(45, 60) if judge(table, i).status is Status.FAIL)
        found.append(next(alarms, 60) - 45)
    # The price of looking daily for ever: 0.7 within 7 days, 0.98 within 10 of longer runs.
    assert np.median(found) <= 8
    assert max(found) <= 12


def test_the_figure_shows_the_days_since_the_fall() -> None:
    table = days([4] * 20 + [16] * 5)
    chart = figure(GATED, day_of(24), until(table, 24, HISTORY_DAYS), Params())
    assert chart is not None
    finding = judge(table, 24)
    assert (chart.limit, chart.limit_label) == (finding.threshold, "promised")
    assert str(chart.judged_from) in finding.message
    assert [one.value for one in chart.days[-6:]] == pytest.approx([0.1] + [0.4] * 5)
    newest = chart.days[-1]
    assert newest.usual_hi is not None
    assert newest.usual_hi < 0.4
    assert [one.value for one in chart.days[:3]] == [None] * 3


def test_there_is_no_figure_without_a_gate_or_labels() -> None:
    ungated = Feature(id="triage", kind="classifier")
    known = until(days([4] * 20), 19, HISTORY_DAYS)
    assert figure(ungated, day_of(19), known, Params()) is None
    assert figure(GATED, day_of(19), EMPTY, Params()) is None
