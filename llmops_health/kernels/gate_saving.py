"""What another confidence gate would save, priced on users who had no part in choosing it.

`routing` prices gates on the calls that chose them, which flatters the best of 101 gates. Here the
even buckets of users choose for the odd ones and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health.kernels.performance_estimation import calibrate_bins

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CrossFittedCosts:
    """Cost sums per bucket of users under three policies, each of shape (buckets,), and the gates.

    `best` routes by the gate that the other half of the users chose, `recalibrated` by the gate in
    force on the accuracy that the other half showed per bin. `gates` are those that the odd and
    the even buckets were given; 1.0 sends every call to a person.
    """

    n: FloatArray
    now: FloatArray
    best: FloatArray
    recalibrated: FloatArray
    gates: tuple[float, float]

    @property
    def sums(self) -> FloatArray:
        """Columns n, now, best, recalibrated for `jackknife.bucket_jackknife`."""
        return np.column_stack([self.n, self.now, self.best, self.recalibrated])


def cross_fitted_costs(
    n: npt.ArrayLike,
    n_correct: npt.ArrayLike,
    error_cost_sums: npt.ArrayLike,
    *,
    gate: float,
    human_cost: float,
) -> CrossFittedCosts:
    """Price the gate in force, the best gate and recalibration without flattery.

    Parameters
    ----------
    n, n_correct
        Labelled calls, and those predicted right, per bucket and equally wide confidence bin,
        shape (buckets, bins); ``0 <= n_correct <= n``.
    error_cost_sums
        Sum of what automating the calls of each cell would cost, same shape, not negative.
    gate
        Confidence from which calls are automated, in 0-1; rounded up to a bin edge.
    human_cost
        Cost of one review, not negative; a review is taken to be right.

    Raises
    ------
    ValueError
        If shapes differ, a number is out of range, or the odd or the even buckets hold no call.

    Notes
    -----
    Each half is an unbiased test of the gate that the other half chose, so ``now - best`` is a
    lower bound of what the best gate would save, on average: with few labels a poor gate is
    chosen. Stone (1974), "Cross-validatory choice and assessment of statistical predictions".

    Examples
    --------
    >>> n = np.zeros((2, 100))
    >>> n[:, 90], n[:, 60] = 10, 10
    >>> wrong = np.zeros((2, 100))
    >>> wrong[:, 60] = 5
    >>> costs = cross_fitted_costs(n, n - wrong, 4 * wrong, gate=0.5, human_cost=1.0)
    >>> costs.now.tolist(), costs.best.tolist(), costs.gates
    ([20.0, 20.0], [10.0, 10.0], (0.61, 0.61))
    """
    counts, right, errors = (np.asarray(a, dtype=float) for a in (n, n_correct, error_cost_sums))
    if counts.ndim != 2 or not counts.shape == right.shape == errors.shape:
        raise ValueError(
            f"n, n_correct and error_cost_sums must be (buckets, bins) alike, got {counts.shape}, "
            f"{right.shape} and {errors.shape}."
        )
    if not np.all((right >= 0) & (right <= counts) & (errors >= 0)):
        raise ValueError("n_correct must fulfil 0 <= n_correct <= n, and no cost be negative.")
    if not 0 <= gate <= 1:
        raise ValueError(f"gate must fulfil 0 <= gate <= 1, got {gate}.")
    if not human_cost >= 0:
        raise ValueError(f"human_cost must not be negative, got {human_cost}.")
    n_bins = counts.shape[1]
    reviews = human_cost * counts
    is_odd = np.arange(len(counts)) % 2 == 1
    best, recalibrated = np.zeros(len(counts)), np.zeros(len(counts))
    gates = []
    for judged in (is_odd, ~is_odd):
        chooser = counts[~judged].sum(axis=0)
        if not chooser.any():
            raise ValueError("n must hold calls in odd and in even buckets.")
        chosen = _cheapest(errors[~judged].sum(axis=0), reviews[~judged].sum(axis=0))
        best[judged] = _cost(errors, reviews, np.arange(n_bins) >= chosen)[judged]
        nothing = np.zeros(n_bins)
        shown = ConfidenceBins(chooser, right[~judged].sum(axis=0), nothing, nothing, nothing)
        automated = calibrate_bins(shown).accuracy >= gate
        recalibrated[judged] = _cost(errors, reviews, automated)[judged]
        gates.append(chosen / n_bins)
    position = int(np.ceil(gate * n_bins - 1e-9))
    return CrossFittedCosts(
        n=counts.sum(axis=1),
        now=_cost(errors, reviews, np.arange(n_bins) >= position),
        best=best,
        recalibrated=recalibrated,
        gates=(gates[0], gates[1]),
    )


def _cost(errors: FloatArray, reviews: FloatArray, automated: npt.NDArray[np.bool_]) -> FloatArray:
    return np.asarray(np.where(automated, errors, reviews).sum(axis=1))


def _cheapest(errors: FloatArray, reviews: FloatArray) -> int:
    """Lowest bin from which to automate at least cost; the number of bins for none."""
    above = np.append(np.cumsum(errors[::-1])[::-1], 0)
    below = np.append(0, np.cumsum(reviews))
    return int(np.argmin(above + below))
