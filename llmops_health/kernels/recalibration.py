"""Maps from stated to better confidence: temperature, beta and isotonic.

Fits take rows, or bins through `fit`: `correct` may be a share with a `weight`. A fit is judged on
calls it has not seen (`brier_gain`); whether to adopt it belongs to the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health.kernels.intervals import Interval

FloatArray = npt.NDArray[np.float64]
Method = Literal["temperature", "beta", "isotonic"]

# A verbalised confidence of 1.0 has no finite logit; 1e-6 lets it count as "one in a million".
_CLIP = 1e-6
_MAX_LOG_TEMPERATURE = 3.0


@dataclass(frozen=True, slots=True)
class TemperatureMap:
    """``logit(p) / temperature``: above 1 it lowers confidence; it never changes the ranking."""

    temperature: float

    def __call__(self, conf: npt.ArrayLike) -> FloatArray:
        """Return recalibrated confidences, same shape, 0-1."""
        return np.asarray(expit(_logit(conf) / self.temperature), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class BetaMap:
    """``logit = a ln p - b ln(1-p) + c`` with a, b >= 0; the identity is (1, 1, 0)."""

    a: float
    b: float
    c: float

    @property
    def midpoint(self) -> float:
        """Confidence that maps to 1/2: the `m` of the literature."""
        if self.a == 0 or self.b == 0:
            return float("nan")
        from scipy.optimize import brentq  # noqa: PLC0415 - half a second of import

        return float(
            brentq(lambda m: self.a * np.log(m) - self.b * np.log1p(-m) + self.c, 1e-300, 1 - 1e-16)
        )

    def __call__(self, conf: npt.ArrayLike) -> FloatArray:
        """Return recalibrated confidences, same shape, 0-1."""
        p = _clipped(conf)
        return np.asarray(expit(self.a * np.log(p) - self.b * np.log1p(-p) + self.c))


@dataclass(frozen=True, slots=True, eq=False)
class IsotonicMap:
    """Monotone line through (conf, accuracy) knots, flat beyond the first and the last."""

    conf: FloatArray
    accuracy: FloatArray

    def __call__(self, conf: npt.ArrayLike) -> FloatArray:
        """Return recalibrated confidences, same shape, 0-1."""
        return np.asarray(np.interp(np.asarray(conf, dtype=np.float64), self.conf, self.accuracy))


Recalibration = TemperatureMap | BetaMap | IsotonicMap


def choose_method(n: int) -> Method:
    """Richest map that `n` labelled calls can carry: temperature < 300 <= beta < 2000 <= isotonic.

    Examples
    --------
    >>> choose_method(299), choose_method(300), choose_method(2000)
    ('temperature', 'beta', 'isotonic')
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}.")
    if n < 300:
        return "temperature"
    return "beta" if n < 2000 else "isotonic"


def fit(bins: ConfidenceBins, method: Method | None = None) -> Recalibration:
    """Fit a map to bins, every call at the mean confidence of its bin; `choose_method` if None."""
    b = bins.occupied()
    rows = np.clip(b.mean_conf, 0, 1), b.accuracy, b.n
    match method or choose_method(int(b.total)):
        case "temperature":
            return fit_temperature(*rows)
        case "beta":
            return fit_beta(*rows)
        case "isotonic":
            return fit_isotonic(*rows)


def apply(recalibration: Recalibration, conf: npt.ArrayLike) -> FloatArray:
    """Return `conf` (any shape, 0-1) recalibrated."""
    return recalibration(conf)


def fit_temperature(
    conf: npt.ArrayLike, correct: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> TemperatureMap:
    """Temperature of least log loss, held to ``exp(-3)`` to ``exp(3)``.

    `conf`, `correct` and `weight` have shape (rows,); `correct` is a share in 0-1.
    Guo et al. (2017), "On Calibration of Modern Neural Networks", arXiv:1706.04599.
    """
    p, y, w = _weighted_rows(conf, correct, weight)
    z = _logit(p)

    def slope(log_temperature: float) -> float:
        return float((w * z * (y - expit(z * np.exp(-log_temperature)))).sum())

    bound = _MAX_LOG_TEMPERATURE
    # The loss is convex in 1/T, so its slope rises with T and changes sign at most once.
    if slope(-bound) >= 0:
        return TemperatureMap(float(np.exp(-bound)))
    if slope(bound) <= 0:
        return TemperatureMap(float(np.exp(bound)))
    from scipy.optimize import brentq  # noqa: PLC0415 - half a second of import

    return TemperatureMap(float(np.exp(brentq(slope, -bound, bound, xtol=1e-13))))


def fit_beta(
    conf: npt.ArrayLike, correct: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> BetaMap:
    """Beta calibration with three parameters ("abm") of least log loss, a and b not negative.

    `conf`, `correct` and `weight` have shape (rows,); `correct` is a share in 0-1.
    Kull, Silva Filho, Flach (2017), "Beta calibration".
    """
    p, y, w = _weighted_rows(conf, correct, weight)
    features = np.column_stack([np.log(p), -np.log1p(-p)])
    active = np.array([True, True])
    while True:
        ones = np.ones((p.size, 1))
        coefficients = _logistic(np.hstack([ones, features[:, active]]), y, w)
        slopes = np.zeros(2)
        slopes[active] = coefficients[1:]
        if np.all(slopes >= 0):
            return BetaMap(float(slopes[0]), float(slopes[1]), float(coefficients[0]))
        active[int(np.argmin(slopes))] = False


def fit_isotonic(
    conf: npt.ArrayLike, correct: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> IsotonicMap:
    """Monotone map of least squared error (pool adjacent violators), linear between knots.

    `conf`, `correct` and `weight` have shape (rows,); `correct` is a share in 0-1.
    Zadrozny, Elkan (2002).
    """
    p, y, w = _weighted_rows(conf, correct, weight, clip=False)
    knots, index = np.unique(p, return_inverse=True)
    mass = np.bincount(index, w)
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - half a second of import

    fitted = isotonic_regression(np.bincount(index, w * y) / mass, weights=mass).x
    return IsotonicMap(knots, np.asarray(fitted, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class CoxRecalibration:
    """``logit P(correct) = intercept + slope logit(conf)``; a slope below 1 is overconfidence."""

    intercept: float
    slope: float


def cox_recalibration(
    conf: npt.ArrayLike, correct: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> CoxRecalibration:
    """Intercept and slope of calibration, (0, 1) when calibrated; arguments as `fit_temperature`.

    Cox (1958), "Two further applications of a model for binary regression".
    """
    p, y, w = _weighted_rows(conf, correct, weight)
    intercept, slope = _logistic(np.column_stack([np.ones_like(p), _logit(p)]), y, w)
    return CoxRecalibration(float(intercept), float(slope))


def brier_gain(
    before: npt.ArrayLike, after: npt.ArrayLike, correct: npt.ArrayLike, *, level: float = 0.95
) -> Interval:
    """Mean fall of the Brier score on held-out calls, all (rows,), with its normal interval.

    Above 0 the recalibrated confidence is better. Pair calls the fit has not seen, later in time.
    """
    y = np.asarray(correct, dtype=np.float64)
    gain = (np.asarray(before) - y) ** 2 - (np.asarray(after) - y) ** 2
    if gain.ndim != 1 or gain.size < 2:
        raise ValueError(f"before must hold at least 2 rows, shape (rows,), got {gain.shape}.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    mean = float(gain.mean())
    half_width = float(ndtri((1 + level) / 2)) * float(gain.std(ddof=1)) / sqrt(gain.size)
    return Interval(mean, mean - half_width, mean + half_width)


def _clipped(conf: npt.ArrayLike) -> FloatArray:
    return np.clip(np.asarray(conf, dtype=np.float64), _CLIP, 1 - _CLIP)


def _logit(conf: npt.ArrayLike) -> FloatArray:
    return np.asarray(logit(_clipped(conf)), dtype=np.float64)


def _weighted_rows(
    conf: npt.ArrayLike, correct: npt.ArrayLike, weight: npt.ArrayLike | None, *, clip: bool = True
) -> tuple[FloatArray, FloatArray, FloatArray]:
    p, y = np.asarray(conf, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    w = np.ones_like(p) if weight is None else np.asarray(weight, dtype=np.float64)
    if p.ndim != 1 or p.size == 0 or not p.shape == y.shape == w.shape:
        raise ValueError(
            f"conf, correct and weight must be (rows,), got {p.shape}, {y.shape}, {w.shape}."
        )
    if not np.all((p >= 0) & (p <= 1) & (y >= 0) & (y <= 1)):
        raise ValueError("conf and correct must lie in 0-1 without NaN.")
    if not np.all(w > 0):
        raise ValueError(f"weight must be positive, got {w.min()}.")
    return _clipped(p) if clip else p, y, w


def _logistic(design: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
    """Logistic coefficients by damped Newton; 1e-9 of ridge keeps separable data finite."""
    ridge = 1e-9

    def loss(beta: FloatArray) -> float:
        z = design @ beta
        return float((weight * (np.logaddexp(0, z) - y * z)).sum() + ridge * (beta @ beta) / 2)

    beta = np.zeros(design.shape[1])
    current = loss(beta)
    for _ in range(200):
        p = expit(design @ beta)
        gradient = design.T @ (weight * (p - y)) + ridge * beta
        hessian = (design.T * (weight * p * (1 - p))) @ design + ridge * np.eye(beta.size)
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while scale > 1e-8 and loss(beta - scale * step) > current:
            scale /= 2
        beta = beta - scale * step
        previous, current = current, loss(beta)
        if np.max(np.abs(scale * step)) < 1e-11 or abs(previous - current) < 1e-15 * abs(current):
            break
    return beta
