"""Selective prediction: what is risked at each confidence gate, and which gate keeps a promise.

Risk curves come from `ConfidenceBins` (exact with `ConfidenceBins.by_value`), gates with a
guarantee from counts per gate. What an error costs belongs in `routing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, log

import numpy as np
import numpy.typing as npt
from scipy.special import betaincc, digamma

from llmops_health.kernels.calibration import ConfidenceBins

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """Calls and errors at or above each distinct confidence, strictest first; arrays (gates,).

    Inside one confidence the errors are spread evenly, which is their average over all orders.
    """

    n: FloatArray
    errors: FloatArray

    @property
    def coverage(self) -> FloatArray:
        """Share of calls accepted."""
        return np.asarray(self.n / self.n[-1])

    @property
    def risk(self) -> FloatArray:
        """Error rate of the accepted calls."""
        return np.asarray(self.errors / self.n)


def risk_coverage(bins: ConfidenceBins) -> RiskCoverage:
    """Accumulate calls and errors from the highest confidence down; raise ValueError if none.

    Examples
    --------
    >>> curve = risk_coverage(ConfidenceBins.by_value([0.9, 0.8, 0.8, 0.6], [1, 1, 0, 0]))
    >>> curve.coverage.tolist(), curve.risk.round(3).tolist()
    ([0.25, 0.75, 1.0], [0.0, 0.333, 0.5])
    """
    b = bins.occupied()
    return RiskCoverage(np.cumsum(b.n[::-1]), np.cumsum((b.n - b.n_correct)[::-1]))


def risk_at_coverage(curve: RiskCoverage, coverage: float) -> float:
    """Error rate of the ``ceil(coverage * n)`` most confident calls, `coverage` in (0, 1]."""
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage must fulfil 0 < coverage <= 1, got {coverage}.")
    accepted = ceil(coverage * curve.n[-1] - 1e-9)
    errors = np.interp(accepted, np.append(0, curve.n), np.append(0, curve.errors))
    return float(errors / accepted)


def aurc(curve: RiskCoverage) -> float:
    """Area under risk-coverage, ``mean_k errors in top k / k``, in 0-1; random order: error rate.

    Within one confidence ``sum_j (E + r j) / (N + j)`` has a closed form in digamma, so counts are
    enough. Geifman, El-Yaniv (2017).
    """
    before, errors_before = curve.n - np.diff(curve.n, prepend=0), np.append(0, curve.errors[:-1])
    size = curve.n - before
    rate = np.diff(curve.errors, prepend=0) / size
    harmonic = digamma(curve.n + 1) - digamma(before + 1)
    areas = rate * size + (errors_before - rate * before) * harmonic
    return float(areas.sum() / curve.n[-1])


def excess_aurc(curve: RiskCoverage) -> float:
    """AURC above that of the best possible ranking with the same errors (E-AURC)."""
    n, errors = float(curve.n[-1]), float(curve.errors[-1])
    best = (errors - (n - errors) * (digamma(n + 1) - digamma(n - errors + 1))) / n
    return aurc(curve) - float(best)


def augrc(curve: RiskCoverage) -> float:
    """Area under generalised risk, ``mean_k errors in top k / n``, in 0-1/2.

    Preferred to AURC, which overweights the few most confident calls. Traub et al. (2024),
    "Overcoming common flaws in the evaluation of selective classification systems".
    """
    size, errors = np.diff(curve.n, prepend=0), np.diff(curve.errors, prepend=0)
    errors_before = curve.errors - errors
    return float((errors_before * size + errors * (size + 1) / 2).sum() / curve.n[-1] ** 2)


def failure_auroc(curve: RiskCoverage) -> float:
    """Chance that a correct call is stated surer than a wrong one, ties half; NaN without both."""
    errors = np.diff(curve.errors, prepend=0)
    correct = np.diff(curve.n - curve.errors, prepend=0)
    pairs = float(errors.sum() * correct.sum())
    if pairs == 0:
        return float("nan")
    won = errors * ((curve.n - curve.errors) - correct / 2)
    return float(won.sum() / pairs)


@dataclass(frozen=True, slots=True, eq=False)
class GateCounts:
    """Calls accepted at each gate and the errors among them, gates rising; arrays (gates,)."""

    gates: FloatArray
    n: FloatArray
    errors: FloatArray


def gate_counts(bins: ConfidenceBins) -> GateCounts:
    """Count what each lower edge of equally wide bins would accept as a gate.

    Examples
    --------
    >>> counts = gate_counts(ConfidenceBins.from_rows([0.95, 0.85], [1, 0]))
    >>> counts.gates[85].item(), counts.n[85].item(), counts.errors[86].item()
    (0.85, 2.0, 0.0)
    """
    wrong = bins.n - bins.n_correct
    gates = np.arange(bins.n.size) / bins.n.size
    return GateCounts(gates, np.cumsum(bins.n[::-1])[::-1], np.cumsum(wrong[::-1])[::-1])


@dataclass(frozen=True, slots=True)
class CertifiedGate:
    """The loosest gate that keeps the promise, or None with the counts of the first that failed."""

    threshold: float | None
    n: int
    errors: int
    p_value: float
    coverage: float


def learn_then_test(
    errors_at: npt.ArrayLike,
    n_at: npt.ArrayLike,
    grid: npt.ArrayLike,
    *,
    alpha: float,
    delta: float,
    n_total: int,
    min_n: int = 50,
    deff: float = 1.0,
) -> CertifiedGate:
    """Loosest gate of which ``P(error rate above it > alpha) <= delta`` holds.

    Parameters
    ----------
    errors_at, n_at
        Errors and calls at or above each gate, shape (gates,).
    grid
        The gates, rising strictly, in 0-1; fixed before looking at labels.
    alpha, delta
        Promised error rate and the chance of breaking the promise, strictly between 0 and 1.
    n_total
        All labelled calls, to express coverage.
    min_n
        Gates that accept fewer calls are skipped: testing starts where evidence is possible.
    deff
        Design effect of clustered calls; counts are divided by it, which is an approximation.

    Raises
    ------
    ValueError
        If shapes differ, counts do not grow as the gate falls, or a number is out of range.

    Notes
    -----
    ``p = P(Binomial(n, alpha) <= errors)`` per gate, tested from strict to loose; the first
    ``p > delta`` ends the sequence, so no correction for many gates is due. The calls must be
    exchangeable with those to come. Angelopoulos et al. (2021), "Learn then Test".

    Examples
    --------
    >>> gate = learn_then_test([9, 2], [100, 60], [0.5, 0.9], alpha=0.1, delta=0.1, n_total=100)
    >>> gate.threshold, gate.errors, round(gate.p_value, 3), gate.coverage
    (0.9, 2, 0.053, 0.6)
    """
    errors, n, gates = _gate_arrays(errors_at, n_at, grid)
    for name, value in (("alpha", alpha), ("delta", delta)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must fulfil 0 < {name} < 1, got {value}.")
    if not deff >= 1:
        raise ValueError(f"deff must be at least 1, got {deff}.")
    if n_total < n[0]:
        raise ValueError(f"n_total must be at least n_at ({n[0]:.0f}), got {n_total}.")
    p_values = np.where(errors == n, 1.0, betaincc(errors / deff + 1, (n - errors) / deff, alpha))
    tested = np.flatnonzero(n >= min_n)[::-1]
    if tested.size == 0:
        return CertifiedGate(None, int(n[0]), int(errors[0]), 1.0, 0.0)
    failed = np.flatnonzero(p_values[tested] > delta)
    n_passed = int(failed[0]) if failed.size else tested.size
    at = int(tested[max(n_passed - 1, 0)])
    return CertifiedGate(
        threshold=float(gates[at]) if n_passed else None,
        n=int(n[at]),
        errors=int(errors[at]),
        p_value=float(p_values[at]),
        coverage=float(n[at] / n_total) if n_passed else 0.0,
    )


def conformal_risk_control(
    errors_at: npt.ArrayLike, grid: npt.ArrayLike, *, alpha: float, n_total: int
) -> float | None:
    """Lowest gate whose expected share of wrongly automated calls is at most `alpha`, or None.

    ``inf{gate: (errors_at + 1) / (n_total + 1) <= alpha}``; the share is of all calls, accepted or
    not, and the promise holds on average, not with a probability. Angelopoulos et al. (2022),
    "Conformal Risk Control".
    """
    errors, _, gates = _gate_arrays(errors_at, np.full(np.shape(errors_at), n_total), grid)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must fulfil 0 < alpha < 1, got {alpha}.")
    kept = np.flatnonzero((errors + 1) / (n_total + 1) <= alpha)
    return float(gates[kept[0]]) if kept.size else None


def _gate_arrays(
    errors_at: npt.ArrayLike, n_at: npt.ArrayLike, grid: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    errors, n, gates = (np.asarray(a, dtype=np.float64) for a in (errors_at, n_at, grid))
    if gates.ndim != 1 or gates.size == 0 or not errors.shape == n.shape == gates.shape:
        raise ValueError(
            f"errors_at, n_at and grid must be (gates,) alike, got {errors.shape}, "
            f"{n.shape} and {gates.shape}."
        )
    if np.any(np.diff(gates) <= 0):
        raise ValueError("grid must rise strictly.")
    if np.any(np.diff(n) > 0) or np.any(np.diff(errors) > 0):
        raise ValueError("n_at and errors_at must not grow with the gate: count at or above it.")
    if not np.all((errors >= 0) & (errors <= n)):
        raise ValueError("errors_at must fulfil 0 <= errors_at <= n_at.")
    return errors, n, gates


def hoeffding_bentkus_p(errors: float, n: int, alpha: float) -> float:
    """P-value of H0: mean loss > `alpha`, for `n` losses in 0-1 that sum to `errors`.

    ``min(exp(-n KL(r || alpha)), e P(Binomial(n, alpha) <= ceil(n r)))``, ``r = errors / n``; for
    0/1 losses the plain binomial p-value of `learn_then_test` is e times smaller.
    Bates et al. (2021), "Distribution-free, risk-controlling prediction sets".
    """
    if n < 1 or not 0 <= errors <= n:
        raise ValueError(f"errors must fulfil 0 <= errors <= n and n >= 1, got {errors} of {n}.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must fulfil 0 < alpha < 1, got {alpha}.")
    rate = min(errors / n, alpha)
    kl = (rate * log(rate / alpha) if rate > 0 else 0.0) + (1 - rate) * log(
        (1 - rate) / (1 - alpha)
    )
    k = ceil(errors - 1e-9)
    bentkus = exp(1) * float(betaincc(k + 1, n - k, alpha)) if k < n else 1.0
    return min(exp(-n * kl), bentkus, 1.0)
