"""Selective prediction: reference numbers, ties, and whether the gate keeps its promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health.kernels.selective import (
    augrc,
    aurc,
    conformal_risk_control,
    excess_aurc,
    failure_auroc,
    gate_counts,
    hoeffding_bentkus_p,
    learn_then_test,
    risk_at_coverage,
    risk_coverage,
)

# Top-label view of confidences twice too sharp, without randomness; 0.349 of the calls are wrong.
I = np.arange(1, 2001)  # noqa: E741
P = (I - 0.5) / 2000
Y = np.sqrt(P) / (np.sqrt(P) + np.sqrt(1 - P)) > (I * 0.6180339887498949) % 1.0
CONF, CORRECT = np.maximum(P, 1 - P), (P >= 0.5) == Y
EXACT = risk_coverage(ConfidenceBins.by_value(CONF, CORRECT))
STORED = risk_coverage(ConfidenceBins.from_rows(CONF, CORRECT))
FIT, HELD_OUT = slice(0, None, 2), slice(1, None, 2)
GRID = np.linspace(0.5, 0.99, 50)


def counts(rows: slice) -> tuple[list[int], list[int]]:
    conf, wrong = CONF[rows], ~CORRECT[rows]
    return (
        [int(wrong[conf >= gate].sum()) for gate in GRID],
        [int((conf >= gate).sum()) for gate in GRID],
    )


def test_areas_by_direct_summation_over_rows() -> None:
    # Reference: numpy 2.4.6 cumulative sums with ties averaged, sklearn 1.9.1 roc_auc_score.
    assert aurc(EXACT) == pytest.approx(0.2477537282, rel=1e-8)
    assert augrc(EXACT) == pytest.approx(0.14458, rel=1e-8)
    assert excess_aurc(EXACT) == pytest.approx(0.1781054062, rel=1e-8)
    assert failure_auroc(EXACT) == pytest.approx(0.632074745, rel=1e-8)


def test_areas_from_stored_bins() -> None:
    assert aurc(STORED) == pytest.approx(0.2486054305, rel=1e-8)
    assert augrc(STORED) == pytest.approx(0.14459725, rel=1e-8)


def test_areas_lie_near_torch_uncertainty() -> None:
    # torch-uncertainty 0.13.0 integrates by trapezoids and leaves ties in row order
    assert aurc(EXACT) == pytest.approx(0.2477847896, rel=1e-3)
    assert augrc(EXACT) == pytest.approx(0.1445657829, rel=1e-3)


@pytest.mark.parametrize(
    ("coverage", "risk"), [(0.5, 0.263), (0.8, 0.316875), (0.9, 0.3327777778), (1.0, 0.349)]
)
def test_risk_at_coverage(coverage: float, risk: float) -> None:
    assert risk_at_coverage(EXACT, coverage) == pytest.approx(risk, rel=1e-8)


@pytest.mark.parametrize(
    ("stated", "auroc"),
    [(np.round(CONF * 10) / 10, 0.6269811927), (np.where(CONF > 0.7, 0.95, 0.9), 0.588908842)],
)
def test_rounded_confidence_ranks_worse(stated: Any, auroc: float) -> None:
    # sklearn 1.9.1, roc_auc_score
    curve = risk_coverage(ConfidenceBins.by_value(stated, CORRECT))
    assert failure_auroc(curve) == pytest.approx(auroc, rel=1e-8)


def test_ties_count_as_the_average_over_their_orders() -> None:
    curve = risk_coverage(ConfidenceBins.by_value([0.9, 0.9, 0.5], [1, 0, 1]))
    # Half an error, then one, then one: (0.5/1 + 1/2 + 1/3) / 3 and (0.5 + 1 + 1) / 3 / 3
    assert aurc(curve) == pytest.approx((0.5 + 0.5 + 1 / 3) / 3)
    assert augrc(curve) == pytest.approx(2.5 / 9)


def test_a_perfect_ranking_has_no_excess() -> None:
    curve = risk_coverage(ConfidenceBins.by_value([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 0]))
    assert excess_aurc(curve) == pytest.approx(0, abs=1e-12)
    assert failure_auroc(curve) == 1.0
    assert np.isnan(failure_auroc(risk_coverage(ConfidenceBins.by_value([0.9], [1]))))


def test_learn_then_test_is_stricter_than_the_point_estimate() -> None:
    errors, n = counts(FIT)
    gate = learn_then_test(errors, n, GRID, alpha=0.25, delta=0.1, n_total=1000)
    # scipy 1.17.1 binom.cdf; the loosest gate of observed risk <= 0.25 would be 0.77
    assert gate.threshold == pytest.approx(0.85)
    assert (gate.n, gate.errors) == (300, 64)
    assert gate.p_value == pytest.approx(0.07900652698, rel=1e-8)
    assert gate.coverage == 0.3
    held_out_errors, held_out_n = counts(HELD_OUT)
    assert held_out_errors[35] / held_out_n[35] == pytest.approx(0.2133333333)
    assert held_out_errors[27] / held_out_n[27] > 0.25


def test_learn_then_test_says_none_when_the_strictest_gate_fails() -> None:
    gate = learn_then_test([30, 20], [100, 50], [0.5, 0.9], alpha=0.1, delta=0.1, n_total=100)
    assert gate.threshold is None
    assert (gate.n, gate.errors, gate.coverage) == (50, 20, 0.0)
    assert gate.p_value > 0.1


def test_learn_then_test_skips_gates_that_accept_too_few() -> None:
    thin = learn_then_test([0, 0], [49, 20], [0.5, 0.9], alpha=0.1, delta=0.1, n_total=49)
    assert thin.threshold is None
    assert thin.p_value == 1.0
    edge = learn_then_test([0, 0], [50, 20], [0.5, 0.9], alpha=0.1, delta=0.1, n_total=50)
    assert edge.threshold == 0.5


def test_clusters_make_the_gate_stricter() -> None:
    errors, n = counts(FIT)
    clustered = learn_then_test(errors, n, GRID, alpha=0.25, delta=0.1, n_total=1000, deff=3)
    assert clustered.threshold is not None
    assert clustered.threshold > 0.9


def test_the_promise_breaks_no_more_often_than_delta() -> None:
    # Calibrated calls: risk above gate g is 1 - E[conf | conf >= g] = (1 - g) / 2 for uniform conf,
    # so any gate below 0.8 breaks the promise of 0.1. Reps 2000: 3 standard errors are 0.0201.
    rng = np.random.default_rng(20260101)
    broken = 0
    for _ in range(2000):
        conf = rng.random(500)
        at = gate_counts(ConfidenceBins.from_rows(conf, rng.random(500) < conf))
        gate = learn_then_test(at.errors, at.n, at.gates, alpha=0.1, delta=0.1, n_total=500)
        broken += gate.threshold is not None and gate.threshold < 0.8 - 1e-9
    assert broken / 2000 < 0.1 + 0.0201


def test_conformal_risk_control() -> None:
    errors, _ = counts(FIT)
    gate = conformal_risk_control(errors, GRID, alpha=0.10, n_total=1000)
    assert gate == pytest.approx(0.80)
    assert errors[30] / 1000 == 0.094
    assert conformal_risk_control([5, 3], [0.5, 0.9], alpha=0.01, n_total=100) is None


def test_hoeffding_bentkus() -> None:
    # e times scipy 1.17.1 binom.cdf(12, 200, .1) = .0320465288
    assert hoeffding_bentkus_p(12, 200, 0.1) == pytest.approx(0.08711149689, rel=1e-8)
    assert hoeffding_bentkus_p(200, 200, 0.1) == 1.0
    assert hoeffding_bentkus_p(0, 500, 0.1) == pytest.approx(0.9**500)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="grid must rise strictly"):
        learn_then_test([1, 1], [9, 9], [0.9, 0.5], alpha=0.1, delta=0.1, n_total=9)
    with pytest.raises(ValueError, match="must not grow with the gate"):
        learn_then_test([1, 1], [5, 9], [0.5, 0.9], alpha=0.1, delta=0.1, n_total=9)
    with pytest.raises(ValueError, match="0 <= errors_at <= n_at"):
        learn_then_test([6, 1], [5, 5], [0.5, 0.9], alpha=0.1, delta=0.1, n_total=9)
    with pytest.raises(ValueError, match="alpha must fulfil"):
        learn_then_test([1], [5], [0.5], alpha=0, delta=0.1, n_total=9)
    with pytest.raises(ValueError, match=r"n_total must be at least n_at \(5\), got 4"):
        learn_then_test([1], [5], [0.5], alpha=0.1, delta=0.1, n_total=4)
    with pytest.raises(ValueError, match="coverage must fulfil"):
        risk_at_coverage(EXACT, 0)
