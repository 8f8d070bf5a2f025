"""Accuracy without labels, from the confidence of new calls and a labelled reference (CBPE).

Right as long as confidence means what it meant in the reference. Blind to concept drift: pair it
with a small labelled audit and `eprocess`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from llmops_health.kernels.calibration import ConfidenceBins, equal_mass_edges
from llmops_health.kernels.intervals import Interval

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedBins:
    """Isotonic accuracy per confidence bin of the reference.

    `accuracy` and `n_reference` have shape (bins,). The map pools bins into blocks of one level:
    ``accuracy = loading @ level``, with `level` and `n_block` of shape (blocks,).
    """

    accuracy: FloatArray
    n_reference: FloatArray
    level: FloatArray
    n_block: FloatArray
    loading: FloatArray


def calibrate_bins(reference: ConfidenceBins) -> CalibratedBins:
    """Fit accuracy against confidence by weighted isotonic regression on equally wide bins.

    Bins without reference calls lie on the line between their neighbours, or copy the nearest.

    Examples
    --------
    >>> reference = ConfidenceBins.from_rows([0.6, 0.7, 0.7, 0.9], [1, 0, 1, 1])
    >>> calibrate_bins(reference).accuracy[[60, 70, 80, 90]].round(3).tolist()
    [0.667, 0.667, 0.833, 1.0]
    """
    b = reference.occupied()
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - half a second of import

    fitted = isotonic_regression(b.accuracy, weights=b.n)
    blocks = np.asarray(fitted.blocks, dtype=np.intp)
    at = np.flatnonzero(reference.n)
    block_of = np.searchsorted(blocks, np.arange(at.size), side="right") - 1
    bins = np.arange(reference.n.size)
    position = np.interp(bins, at, np.arange(at.size))
    left = np.floor(position).astype(np.intp)
    right = np.minimum(left + 1, at.size - 1)
    loading = np.zeros((bins.size, blocks.size - 1))
    np.add.at(loading, (bins, block_of[left]), 1 - (position - left))
    np.add.at(loading, (bins, block_of[right]), position - left)
    level = np.asarray(fitted.x, dtype=np.float64)[blocks[:-1]]
    return CalibratedBins(
        accuracy=loading @ level,
        n_reference=reference.n,
        level=level,
        n_block=np.asarray(fitted.weights, dtype=np.float64),
        loading=loading,
    )


@dataclass(frozen=True, slots=True)
class AccuracyEstimate:
    """Expected accuracy (0-1) of unlabelled calls, with the two sources of its error.

    `standard_error_map` is the doubt about the reference map, `standard_error_sampling` the chance
    in which of these calls are right. `share_extrapolated` of calls lie where the reference has
    none.
    """

    accuracy: Interval
    standard_error_map: float
    standard_error_sampling: float
    share_extrapolated: float


def estimate_accuracy(
    calibrated: CalibratedBins, n_per_bin: npt.ArrayLike, *, level: float = 0.95, deff: float = 1.0
) -> AccuracyEstimate:
    """Estimate the accuracy that labels for these calls would show.

    Parameters
    ----------
    calibrated
        From `calibrate_bins`.
    n_per_bin
        Unlabelled calls per confidence bin, shape (bins,).
    level
        Coverage of the interval for the realised accuracy, strictly between 0 and 1.
    deff
        Design effect of clustered calls, at least 1; multiplies both variances.

    Raises
    ------
    ValueError
        If shapes differ, there is no call, or `level` or `deff` is out of range.

    Notes
    -----
    ``sum_b n_b accuracy_b / N``. Delta method: blocks are binomial and independent, with weight
    ``w = (n_b / N) @ loading``, so ``var_map = sum w^2 v (1-v) / n_block``; v is drawn to 1/2 by
    half a call each way, or a block without errors would be certain. Where traffic moves to the
    thin low end of the reference, isotonic fits read up to 0.015 too low at 200 reference calls.
    NannyML documentation, "Confidence-based Performance Estimation (CBPE)".

    Examples
    --------
    >>> reference = ConfidenceBins.from_rows(np.repeat([0.6, 0.9], 50), [1, 0] * 25 + [1] * 50)
    >>> estimate = estimate_accuracy(calibrate_bins(reference), np.eye(100)[90] * 400)
    >>> estimate.accuracy.estimate, round(estimate.standard_error_map, 4)
    (1.0, 0.0139)
    """
    n = np.asarray(n_per_bin, dtype=np.float64)
    if n.shape != calibrated.accuracy.shape or not np.all(n >= 0):
        raise ValueError(
            f"n_per_bin must be counts of shape {calibrated.accuracy.shape}, got {n.shape}."
        )
    if n.sum() == 0:
        raise ValueError("n_per_bin must hold at least one call, got 0.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    if not deff >= 1:
        raise ValueError(f"deff must be at least 1, got {deff}.")
    total = float(n.sum())
    weight = (n / total) @ calibrated.loading
    shrunk = (calibrated.level * calibrated.n_block + 0.5) / (calibrated.n_block + 1)
    spread = shrunk * (1 - shrunk)
    var_map = deff * float((weight**2 * spread / calibrated.n_block).sum())
    var_sampling = deff * float((weight * spread).sum()) / total
    half_width = float(ndtri((1 + level) / 2)) * sqrt(var_map + var_sampling)
    expected = float(n @ calibrated.accuracy) / total
    return AccuracyEstimate(
        accuracy=Interval(
            expected, max(expected - half_width, 0.0), min(expected + half_width, 1.0)
        ),
        standard_error_map=sqrt(var_map),
        standard_error_sampling=sqrt(var_sampling),
        share_extrapolated=float(n[calibrated.n_reference == 0].sum() / total),
    )


@dataclass(frozen=True, slots=True)
class ExpectedConfusion:
    """Expected counts of a binary confusion matrix; ratios are NaN where their base is empty."""

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float

    @property
    def precision(self) -> float:
        """Expected positives among predicted positives, 0-1."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Predicted positives among expected positives, 0-1."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0-1."""
        doubled = 2 * self.true_positive
        return _ratio(doubled, doubled + self.false_positive + self.false_negative)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def expected_confusion(
    p_positive: npt.ArrayLike, n_positive: npt.ArrayLike, n_negative: npt.ArrayLike
) -> ExpectedConfusion:
    """Confusion matrix to expect from calls predicted positive and negative; all shape (bins,).

    `p_positive` is the calibrated chance of the positive class per bin of its score: `accuracy` of
    `calibrate_bins` where "correct" meant "is positive".

    Examples
    --------
    >>> expected_confusion([0.25, 0.75], [0, 8], [4, 0]).f1
    0.8
    """
    p, positive, negative = (
        np.asarray(a, dtype=np.float64) for a in (p_positive, n_positive, n_negative)
    )
    if not p.shape == positive.shape == negative.shape:
        raise ValueError(
            f"p_positive, n_positive and n_negative must be (bins,) alike, got "
            f"{p.shape}, {positive.shape} and {negative.shape}."
        )
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p_positive must lie in 0-1 without NaN.")
    return ExpectedConfusion(
        true_positive=float(p @ positive),
        false_positive=float((1 - p) @ positive),
        false_negative=float(p @ negative),
        true_negative=float((1 - p) @ negative),
    )


def covariate_ess(
    n_reference: npt.ArrayLike, n_current: npt.ArrayLike, n_groups: int = 10
) -> float:
    """Share of the reference that still speaks for the current confidences, in 0-1.

    Kish's effective sample size of density-ratio weights, ``1 / sum_g q_g^2 / p_g`` over groups of
    about equal reference counts. 1 without shift; below 0.3 an estimate extrapolates. Both counts
    have shape (bins,). Current calls outside the reference join its outermost groups, so read this
    with `share_extrapolated`. Kish (1965), "Survey Sampling".

    Examples
    --------
    >>> round(covariate_ess([50, 50], [90, 10], n_groups=2), 4)
    0.6098
    """
    reference = np.asarray(n_reference, dtype=np.float64)
    current = np.asarray(n_current, dtype=np.float64)
    if reference.ndim != 1 or reference.shape != current.shape:
        raise ValueError(
            f"n_reference and n_current must be (bins,) alike, got "
            f"{reference.shape} and {current.shape}."
        )
    if reference.sum() < 2 or current.sum() < 1:
        raise ValueError(
            f"n_reference must hold 2 calls and n_current 1, got "
            f"{reference.sum():.0f} and {current.sum():.0f}."
        )
    starts = equal_mass_edges(reference, n_groups)[:-1]
    p = np.add.reduceat(reference, starts) / reference.sum()
    q = np.add.reduceat(current, starts) / current.sum()
    return float(1 / (q**2 / p).sum())
