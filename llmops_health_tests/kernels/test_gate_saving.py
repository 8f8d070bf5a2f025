"""Cross-fitted routing costs: by hand, no flattery without a better gate, and misuse."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health.kernels.gate_saving import CrossFittedCosts, cross_fitted_costs
from llmops_health.kernels.routing import best_gate, uniform_error_costs


def cells(*calls: tuple[int, int, int, int], n_buckets: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Cells from (bucket, bin, calls, errors): calls and errors, shape (buckets, 100)."""
    n, wrong = np.zeros((2, n_buckets, 100))
    for bucket, k, count, errors in calls:
        n[bucket, k], wrong[bucket, k] = count, errors
    return n, wrong


def test_each_half_is_priced_at_the_gate_of_the_other() -> None:
    # Even bucket 0: bin 60 half wrong, so its own best gate is 61. Odd bucket 1: never wrong,
    # so its own best gate is 0. A review costs 1, an error 4.
    n, wrong = cells((0, 60, 10, 5), (0, 90, 10, 0), (1, 60, 10, 0), (1, 90, 10, 0))
    costs = cross_fitted_costs(n, n - wrong, 4 * wrong, gate=0.7, human_cost=1.0)
    assert costs.gates == (0.61, 0.0)
    assert costs.now.tolist() == [10, 10, 0, 0]
    assert costs.best.tolist() == [20, 10, 0, 0]
    # The odd half shows accuracy 1 everywhere, the even half 0.5 at bin 60.
    assert costs.recalibrated.tolist() == [20, 10, 0, 0]
    assert costs.sums.tolist()[0] == [20, 10, 20, 20]


def test_a_gate_of_one_sends_every_call_to_a_person() -> None:
    n, wrong = cells((0, 99, 10, 0), (1, 99, 10, 0))
    costs = cross_fitted_costs(n, n - wrong, 4 * wrong, gate=1.0, human_cost=0.5)
    assert costs.now.tolist() == [5, 5, 0, 0]
    assert costs.best.tolist() == [0, 0, 0, 0]


def test_free_reviews_leave_nothing_to_automate() -> None:
    n, wrong = cells((0, 50, 4, 1), (1, 50, 4, 1))
    costs = cross_fitted_costs(n, n - wrong, wrong, gate=0.4, human_cost=0.0)
    assert costs.gates == (0.51, 0.51)
    assert costs.best.sum() == 0


def fitted(seed: int) -> tuple[float, float]:
    """Saving of the best gate where confidence says nothing: cross-fitted, and in-sample."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(0.1, (64, 100)).astype(float)
    wrong = rng.binomial(n.astype(int), 0.25).astype(float)
    costs: CrossFittedCosts = cross_fitted_costs(n, n - wrong, 4 * wrong, gate=0.5, human_cost=1.0)
    zero = np.zeros(100)
    bins = ConfidenceBins(n.sum(0), (n - wrong).sum(0), zero, zero, zero)
    _, flattered = best_gate(bins, uniform_error_costs(bins, 4.0), 1.0)
    now = costs.now.sum()
    return (now - costs.best.sum()) / now, 1 - flattered * n.sum() / now


def test_no_saving_is_invented_where_every_gate_costs_the_same() -> None:
    # An error costs 4 and a quarter is wrong: every gate costs 1 per call.
    honest, flattered = np.transpose([fitted(seed) for seed in range(200)])
    assert abs(honest.mean()) < 3 * honest.std() / 200**0.5
    assert flattered.mean() > 0.03


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gate": 1.1}, "gate must fulfil"),
        ({"human_cost": -1.0}, "human_cost must not be negative"),
        ({"n": np.ones((4, 99))}, "alike"),
        ({"n_correct": np.full((4, 100), 2.0)}, "0 <= n_correct <= n"),
        ({"n": np.zeros((4, 100)), "n_correct": np.zeros((4, 100))}, "odd and in even"),
    ],
)
def test_misuse_names_the_argument(change: dict[str, object], message: str) -> None:
    n = np.ones((4, 100))
    arguments = {"n": n, "n_correct": n, "error_cost_sums": n, "gate": 0.5, "human_cost": 1.0}
    with pytest.raises(ValueError, match=message):
        cross_fitted_costs(**(arguments | change))  # type: ignore[arg-type]
