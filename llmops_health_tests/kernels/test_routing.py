"""Routing costs: the reference example, costs per pair, and the edges of the gate."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health.kernels.routing import best_gate, expected_costs, uniform_error_costs

I = np.arange(1, 2001)  # noqa: E741
P = (I - 0.5) / 2000
Y = np.sqrt(P) / (np.sqrt(P) + np.sqrt(1 - P)) > (I * 0.6180339887498949) % 1.0
BINS = ConfidenceBins.from_rows(np.maximum(P, 1 - P), (P >= 0.5) == Y)


def test_miscalibration_has_a_price() -> None:
    # numpy 2.4.6 over rows: an error costs 4, a review 1, so Chow's gate is 0.75
    costs = expected_costs(BINS, uniform_error_costs(BINS, 4.0), gate=0.75, human_cost=1.0)
    assert costs.now == pytest.approx(1.026, rel=1e-8)
    assert costs.coverage_now == pytest.approx(0.5)
    assert (costs.best_gate, costs.at_best_gate) == pytest.approx((0.9, 0.942), rel=1e-8)
    assert costs.coverage_at_best_gate == pytest.approx(0.2)
    assert (costs.all_auto, costs.all_human) == pytest.approx((1.396, 1.0), rel=1e-8)
    # At Chow's gate the isotonic map routes as well as the best gate: 0.084 saved per call.
    assert costs.recalibrated == pytest.approx(0.942, rel=1e-8)
    assert costs.n == 2000


def test_costs_per_pair_move_the_gate() -> None:
    # Two calls at 0.65 and two at 0.95, one wrong each; the error at 0.95 is the dear pair.
    bins = ConfidenceBins.from_rows([0.65, 0.65, 0.95, 0.95], [1, 0, 1, 0])
    sums = np.zeros(100)
    sums[65], sums[95] = 1.0, 10.0
    costs = expected_costs(bins, sums, gate=0.6, human_cost=3.0)
    assert costs.now == pytest.approx(11 / 4)
    assert best_gate(bins, sums, 3.0) == pytest.approx((0.0, 11 / 4))
    assert best_gate(bins, sums, 2.0) == pytest.approx((0.96, 2.0))


@pytest.mark.parametrize(("gate", "now"), [(0.0, 4.0), (0.9, 4.0), (0.901, 1.0), (1.0, 1.0)])
def test_the_gate_is_inclusive_and_rounds_up(gate: float, now: float) -> None:
    bins = ConfidenceBins.from_rows([0.905, 0.905], [0, 0])
    assert expected_costs(bins, uniform_error_costs(bins, 4), gate=gate, human_cost=1).now == now


def test_recalibrated_confidence_at_the_gate_is_automated() -> None:
    bins = ConfidenceBins.from_rows([0.9, 0.9], [1, 0])
    sums = uniform_error_costs(bins, 4)
    assert expected_costs(bins, sums, gate=0.5, human_cost=1).recalibrated == 2.0
    assert expected_costs(bins, sums, gate=0.51, human_cost=1).recalibrated == 1.0


def test_a_hopeless_model_is_never_automated() -> None:
    bins = ConfidenceBins.from_rows([1.0, 1.0], [0, 0])
    costs = expected_costs(bins, uniform_error_costs(bins, 4), gate=1.0, human_cost=1)
    assert costs.best_gate == 1.0
    assert costs.at_best_gate == costs.all_human == 1.0
    assert costs.coverage_at_best_gate == 0.0


def test_misuse_is_refused() -> None:
    sums = uniform_error_costs(BINS, 4)
    with pytest.raises(ValueError, match=r"gate must fulfil 0 <= gate <= 1, got 1\.5"):
        expected_costs(BINS, sums, gate=1.5, human_cost=1)
    with pytest.raises(ValueError, match="human_cost must not be negative, got -1"):
        expected_costs(BINS, sums, gate=0.5, human_cost=-1)
    with pytest.raises(ValueError, match="error_cost_sums must be"):
        expected_costs(BINS, sums[:50], gate=0.5, human_cost=1)
    with pytest.raises(ValueError, match="error_cost_sums must not be negative"):
        best_gate(BINS, -sums, 1)
    with pytest.raises(ValueError, match="error_cost must not be negative, got -4"):
        uniform_error_costs(BINS, -4)
    zero = np.zeros(100)
    with pytest.raises(ValueError, match="at least one labelled call"):
        best_gate(ConfidenceBins(zero, zero, zero, zero, zero), zero, 1)
