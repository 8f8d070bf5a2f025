"""What it costs to route calls by confidence: automate at or above the gate, else ask a person.

All costs are in one currency per labelled call and come from the 100-bin histogram. The guarantee
of a gate belongs in `selective`, the fit of a better confidence in `recalibration`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmops_health.kernels.calibration import ConfidenceBins, isotonic_accuracy

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RoutingCosts:
    """Expected cost per call under each policy, in the currency of the costs given.

    `best_gate` is the cheapest gate on the stated confidence, 1.0 where a person should see every
    call. `now - recalibrated` is what miscalibration costs per call at the gate in force.
    """

    n: int
    now: float
    best_gate: float
    at_best_gate: float
    all_auto: float
    all_human: float
    recalibrated: float
    coverage_now: float
    coverage_at_best_gate: float


def uniform_error_costs(bins: ConfidenceBins, error_cost: float) -> FloatArray:
    """Sum of error costs per bin where every error costs `error_cost` (currency), shape (bins,)."""
    if not error_cost >= 0:
        raise ValueError(f"error_cost must not be negative, got {error_cost}.")
    return error_cost * (bins.n - bins.n_correct)


def best_gate(
    bins: ConfidenceBins, error_cost_sums: npt.ArrayLike, human_cost: float
) -> tuple[float, float]:
    """Cheapest gate on the stated confidence and its cost per call; ties go to the lowest gate.

    Arguments as `expected_costs`. Chosen and priced on the same calls, so the price is optimistic
    where labels are few.
    """
    costs = _cost_at_every_gate(bins, error_cost_sums, human_cost)
    cheapest = int(np.argmin(costs))
    return cheapest / bins.n.size, float(costs[cheapest])


def expected_costs(
    bins: ConfidenceBins, error_cost_sums: npt.ArrayLike, *, gate: float, human_cost: float
) -> RoutingCosts:
    """Price the gate in force against its alternatives.

    Parameters
    ----------
    bins
        Labelled calls per equally wide bin of confidence.
    error_cost_sums
        Sum over the calls of each bin of what automating them would cost, shape (bins,): 0 for a
        correct call, the cost of its (label, predicted) pair for a wrong one.
        `uniform_error_costs` where all errors cost the same.
    gate
        Confidence from which calls are automated, in 0-1; rounded up to a bin edge.
    human_cost
        Cost of one review, not negative; a review is taken to be right.

    Returns
    -------
    RoutingCosts
        `recalibrated` keeps the gate and applies it to the isotonic accuracy of each bin.

    Raises
    ------
    ValueError
        If there is no call, a cost is negative, shapes differ or `gate` is out of range.

    Notes
    -----
    ``cost(gate) = (sum of error costs at or above + human_cost * calls below) / calls``. With one
    cost of error the optimum automates where ``P(error) <= human_cost / error_cost``: Chow (1970),
    "On optimum recognition error and reject tradeoff".

    Examples
    --------
    >>> bins = ConfidenceBins.from_rows([0.95, 0.95, 0.65, 0.65], [1, 1, 1, 0])
    >>> costs = expected_costs(bins, uniform_error_costs(bins, 4.0), gate=0.6, human_cost=1.0)
    >>> costs.now, costs.best_gate, costs.at_best_gate, costs.recalibrated
    (1.0, 0.66, 0.5, 0.5)
    """
    if not 0 <= gate <= 1:
        raise ValueError(f"gate must fulfil 0 <= gate <= 1, got {gate}.")
    costs = _cost_at_every_gate(bins, error_cost_sums, human_cost)
    position = int(np.ceil(gate * bins.n.size - 1e-9))
    cheapest, price = best_gate(bins, error_cost_sums, human_cost)
    return RoutingCosts(
        n=int(bins.total),
        now=float(costs[position]),
        best_gate=cheapest,
        at_best_gate=price,
        all_auto=float(costs[0]),
        all_human=float(costs[-1]),
        recalibrated=_recalibrated_cost(bins, np.asarray(error_cost_sums), gate, human_cost),
        coverage_now=float(bins.n[position:].sum() / bins.total),
        coverage_at_best_gate=float(bins.n[round(cheapest * bins.n.size) :].sum() / bins.total),
    )


def _recalibrated_cost(
    bins: ConfidenceBins, error_cost_sums: FloatArray, gate: float, human_cost: float
) -> float:
    occupied = bins.n > 0
    automated = isotonic_accuracy(bins) >= gate
    cost = np.where(automated, error_cost_sums[occupied], human_cost * bins.n[occupied])
    return float(cost.sum() / bins.total)


def _cost_at_every_gate(
    bins: ConfidenceBins, error_cost_sums: npt.ArrayLike, human_cost: float
) -> FloatArray:
    """Cost per call of gates 0, 1/bins, ..., 1; the last automates nothing."""
    sums = np.asarray(error_cost_sums, dtype=np.float64)
    if sums.shape != bins.n.shape:
        raise ValueError(f"error_cost_sums must be (bins,) = {bins.n.shape}, got {sums.shape}.")
    if not np.all(sums >= 0):
        raise ValueError(f"error_cost_sums must not be negative, got {sums.min()}.")
    if not human_cost >= 0:
        raise ValueError(f"human_cost must not be negative, got {human_cost}.")
    if bins.total == 0:
        raise ValueError("bins must hold at least one labelled call, got 0.")
    automated = np.append(np.cumsum(sums[::-1])[::-1], 0)
    reviewed = human_cost * np.append(0, np.cumsum(bins.n))
    return np.asarray((automated + reviewed) / bins.total)
