"""Calibration of stated confidence, from mergeable 100-bin confidence histograms.

Every statistic takes `ConfidenceBins`. `ConfidenceBins.from_rows` is the stored form (100 bins,
sums merge over days by addition); `ConfidenceBins.by_value` keeps one bin per distinct confidence,
which makes the same functions exact. Fitting a better confidence belongs in `recalibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

N_BINS = 100
"""Bins of the stored histogram: bin k holds ``k = min(floor(100 * confidence), 99)``."""


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceBins:
    """Sums over labelled calls per confidence bin, in ascending order of confidence.

    All five arrays have shape (bins,): the number of calls, of correct calls, and the sums of
    confidence, confidence squared, and confidence over correct calls only.
    """

    n: FloatArray
    n_correct: FloatArray
    sum_conf: FloatArray
    sum_conf_sq: FloatArray
    sum_conf_correct: FloatArray

    def __post_init__(self) -> None:
        """Hold the five arrays to one shape and to counts that can occur."""
        for name in ConfidenceBins.__slots__:
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if values.ndim != 1 or values.shape != np.shape(self.n):
                raise ValueError(f"{name} must have the shape of n, (bins,), got {values.shape}.")
            if not np.all(values >= 0):
                raise ValueError(f"{name} must be finite and not negative, got {values.min()}.")
            object.__setattr__(self, name, values)
        if np.any(self.n_correct > self.n):
            bin_ = int(np.argmax(self.n_correct - self.n))
            raise ValueError(
                f"n_correct must not exceed n, got {self.n_correct[bin_]} > "
                f"{self.n[bin_]} in bin {bin_}."
            )
        if np.any(self.sum_conf > self.n * (1 + 1e-9)):
            raise ValueError("sum_conf must not exceed n: confidences lie in 0-1.")

    @classmethod
    def from_rows(cls, conf: npt.ArrayLike, correct: npt.ArrayLike) -> Self:
        """Sum labelled calls, both of shape (rows,), into the stored 100 bins.

        Examples
        --------
        >>> bins = ConfidenceBins.from_rows([0.905, 0.909, 1.0], [1, 0, 1])
        >>> bins.n[[90, 99]].tolist(), float(bins.n_correct[90])
        ([2.0, 1.0], 1.0)
        """
        p, y = _rows(conf, correct)
        return cls._summed(np.minimum(p * N_BINS, N_BINS - 1).astype(np.intp), p, y, N_BINS)

    @classmethod
    def by_value(cls, conf: npt.ArrayLike, correct: npt.ArrayLike) -> Self:
        """Sum labelled calls, both of shape (rows,), into one bin per distinct confidence."""
        p, y = _rows(conf, correct)
        distinct, index = np.unique(p, return_inverse=True)
        return cls._summed(index, p, y, distinct.size)

    @classmethod
    def _summed(cls, index: IntArray, p: FloatArray, y: FloatArray, size: int) -> Self:
        weights = np.stack([np.ones_like(p), y, p, p * p, p * y])
        sums = np.stack([np.bincount(index, weight, size) for weight in weights])
        return cls(*sums.astype(np.float64))

    @property
    def total(self) -> float:
        """Number of labelled calls."""
        return float(self.n.sum())

    @property
    def mean_conf(self) -> FloatArray:
        """Mean confidence per bin, NaN where the bin is empty."""
        return np.divide(self.sum_conf, self.n, out=np.full_like(self.n, np.nan), where=self.n > 0)

    @property
    def accuracy(self) -> FloatArray:
        """Share of correct calls per bin, NaN where the bin is empty."""
        return np.divide(self.n_correct, self.n, out=np.full_like(self.n, np.nan), where=self.n > 0)

    def occupied(self) -> ConfidenceBins:
        """Leave out the empty bins; raise ValueError if all are."""
        if not self.n.any():
            raise ValueError("bins must hold at least one labelled call, got 0.")
        keep = self.n > 0
        return ConfidenceBins(*(getattr(self, name)[keep] for name in ConfidenceBins.__slots__))

    def coarsen(self, edges: Sequence[int] | IntArray) -> ConfidenceBins:
        """Merge neighbours: new bin j sums the old bins ``edges[j] <= k < edges[j+1]``.

        `edges` rises strictly from 0 to the number of bins, so nothing is lost.
        """
        cuts = np.asarray(edges, dtype=np.intp)
        if cuts.size < 2 or cuts[0] != 0 or cuts[-1] != self.n.size or np.any(np.diff(cuts) <= 0):
            raise ValueError(f"edges must rise strictly from 0 to {self.n.size}, got {cuts}.")
        return ConfidenceBins(
            *(np.add.reduceat(getattr(self, name), cuts[:-1]) for name in ConfidenceBins.__slots__)
        )


def _rows(conf: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    p = np.asarray(conf, dtype=np.float64)
    y = np.asarray(correct, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or p.size == 0:
        raise ValueError(f"conf and correct must be (rows,) alike, got {p.shape} and {y.shape}.")
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"conf must lie in 0-1 without NaN, got {p.min()} to {p.max()}.")
    if not np.all((y == 0) | (y == 1)):
        raise ValueError("correct must be 0 or 1 in every row.")
    return p, y


def equal_mass_edges(n: FloatArray, n_groups: int) -> IntArray:
    """Cut bins into at most `n_groups` runs of about equal counts, as edges for `coarsen`.

    `n` has shape (bins,). A bin joins the group its middle call falls in. Few distinct values are
    left as they are, and every group holds two calls, without which it has no variance.
    """
    if n_groups < 1:
        raise ValueError(f"n_groups must be at least 1, got {n_groups}.")
    starts = np.flatnonzero(n)
    if starts.size > n_groups:
        quotient, remainder = divmod(float(n.sum()), n_groups)
        sizes = np.full(n_groups, quotient) + (np.arange(n_groups) < remainder)
        middle = np.cumsum(n) - (n + 1) / 2
        group = np.searchsorted(np.cumsum(sizes), middle[starts], side="right")
        starts = starts[np.flatnonzero(np.diff(group, prepend=-1))]
    count_before = np.append(0, np.cumsum(n))
    kept = [0]
    for start in starts[1:]:
        if min(count_before[start] - count_before[kept[-1]], n.sum() - count_before[start]) >= 2:
            kept.append(int(start))
    return np.asarray([*kept, n.size], dtype=np.intp)


def expected_calibration_error(
    conf: npt.ArrayLike,
    correct: npt.ArrayLike,
    n_bins: int = 15,
    scheme: Literal["width", "mass"] = "width",
) -> float:
    """ECE of labelled calls, both of shape (rows,): see `ece_from_bins`, here exact.

    Examples
    --------
    >>> round(expected_calibration_error([0.9, 0.9, 0.6], [1, 0, 1]), 4)
    0.4
    """
    return ece_from_bins(ConfidenceBins.by_value(conf, correct), n_bins, scheme)


def ece_from_bins(
    bins: ConfidenceBins, n_bins: int = 15, scheme: Literal["width", "mass"] = "width"
) -> float:
    """Mean absolute gap of confidence and accuracy, ``sum_b n_b/N |acc_b - conf_b|``, in 0-1.

    For display only: its expectation under perfect calibration is far from 0 (0.086 for 200 calls
    in 15 bins). Bins are right-closed and equally wide or equally full; a stored bin goes whole
    where its mean confidence lies. Naeini et al. (2015), Guo et al. (2017).
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}.")
    cells = bins.occupied()
    if scheme == "mass":
        starts = equal_mass_edges(cells.n, n_bins)[:-1]
    else:
        edges = np.linspace(0, 1, n_bins + 1)
        bin_of = np.clip(np.searchsorted(edges, cells.mean_conf, side="left") - 1, 0, n_bins - 1)
        starts = np.flatnonzero(np.diff(bin_of, prepend=-1))
    gap = np.add.reduceat(cells.n_correct - cells.sum_conf, starts)
    return float(np.abs(gap).sum() / cells.total)


def debiased_l2(bins: ConfidenceBins, n_groups: int = 15, *, deff: float = 1.0) -> float:
    """Squared L2 calibration error without the bias of binning; below 0 by chance if calibrated.

    ``sum_g n_g/N [(conf_g - acc_g)^2 - deff * acc_g (1 - acc_g) / (n_g - 1)]`` over groups of about
    equal counts. `deff` is the design effect of clustered calls, at least 1.
    Kumar, Liang, Ma (2019), "Verified Uncertainty Calibration", arXiv:1909.10155.
    """
    cells, edges = _grouped(bins, n_groups, deff)
    return float(_debiased_l2(cells, cells.n_correct, edges, deff))


def _grouped(bins: ConfidenceBins, n_groups: int, deff: float) -> tuple[ConfidenceBins, IntArray]:
    if not deff >= 1:
        raise ValueError(f"deff must be at least 1, got {deff}.")
    if bins.total < 2:
        raise ValueError(f"bins must hold at least 2 labelled calls, got {bins.total:.0f}.")
    cells = bins.occupied()
    return cells, equal_mass_edges(cells.n, n_groups)


def _debiased_l2(
    cells: ConfidenceBins, n_correct: FloatArray, edges: IntArray, deff: float
) -> FloatArray:
    n = np.add.reduceat(cells.n, edges[:-1])
    acc = np.add.reduceat(n_correct, edges[:-1], axis=-1) / n
    conf = np.add.reduceat(cells.sum_conf, edges[:-1]) / n
    noise = deff * np.maximum(acc * (1 - acc), 0) / (n - 1)
    squared: FloatArray = ((n / n.sum()) * ((conf - acc) ** 2 - noise)).sum(axis=-1)
    return squared


def brier_from_bins(bins: ConfidenceBins) -> float:
    """Brier score, the mean of ``(confidence - correct)^2``; exact from the sums, in 0-1."""
    cells = bins.occupied()
    squares = cells.sum_conf_sq - 2 * cells.sum_conf_correct + cells.n_correct
    return float(squares.sum() / cells.total)


@dataclass(frozen=True, slots=True)
class MurphyDecomposition:
    """Parts of the Brier score; without the two within-bin terms they do not add up to it."""

    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float

    @property
    def brier(self) -> float:
        """``reliability - resolution + uncertainty + within_variance - 2 within_covariance``."""
        within = self.within_variance - 2 * self.within_covariance
        return self.reliability - self.resolution + self.uncertainty + within


def murphy(bins: ConfidenceBins) -> MurphyDecomposition:
    """Decompose the Brier score over the bins as given: `coarsen` first, say to ten.

    Murphy (1973); within-bin terms by Stephenson, Coelho, Jolliffe (2008), "Two extra components
    in the Brier score decomposition".
    """
    b = bins.occupied()
    base_rate = float(b.n_correct.sum() / b.total)
    return MurphyDecomposition(
        reliability=float((b.n * (b.mean_conf - b.accuracy) ** 2).sum() / b.total),
        resolution=float((b.n * (b.accuracy - base_rate) ** 2).sum() / b.total),
        uncertainty=base_rate * (1 - base_rate),
        within_variance=float((b.sum_conf_sq - b.sum_conf * b.mean_conf).sum() / b.total),
        within_covariance=float((b.sum_conf_correct - b.sum_conf * b.accuracy).sum() / b.total),
    )


@dataclass(frozen=True, slots=True)
class CorpDecomposition:
    """Brier score = miscalibration - discrimination + uncertainty, none of them negative."""

    miscalibration: float
    discrimination: float
    uncertainty: float


def corp(bins: ConfidenceBins) -> CorpDecomposition:
    """CORP decomposition by isotonic regression, without a choice of bins; exact `by_value`.

    From stored bins every call counts with the mean confidence of its bin, so the parts add up to
    the Brier score of those means. Dimitriadis, Gneiting, Jordan (2021), PNAS 118(8).
    """
    b = bins.occupied()
    base_rate = float(b.n_correct.sum() / b.total)
    recalibrated = isotonic_accuracy(b)
    return CorpDecomposition(
        miscalibration=float(_pav_gain(b.n, b.mean_conf, b.accuracy)),
        discrimination=float((b.n * (recalibrated - base_rate) ** 2).sum() / b.total),
        uncertainty=base_rate * (1 - base_rate),
    )


def isotonic_accuracy(bins: ConfidenceBins) -> FloatArray:
    """Accuracy per occupied bin, made to rise with confidence by weighted least squares (PAV)."""
    b = bins.occupied()
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - half a second of import

    return np.asarray(isotonic_regression(b.accuracy, weights=b.n).x, dtype=np.float64)


def smooth_ece(bins: ConfidenceBins, tolerance: float = 1e-6) -> float:
    """Smooth ECE: the kernel width at which the smoothed gap equals that width; exact `by_value`.

    Residuals are smoothed by a reflected Gaussian on a grid of 2001 points, good to 5e-4.
    Blasiok, Nakkiran (2023), "Smooth ECE", arXiv:2309.12236.
    """
    from scipy.signal import fftconvolve  # noqa: PLC0415 - brings scipy.stats, a second of import

    b, size = bins.occupied(), 2001
    position = b.mean_conf * (size - 1)
    left = np.minimum(position.astype(np.intp), size - 2)
    residual = (b.n_correct - b.sum_conf) / b.total
    grid = np.bincount(left, residual * (1 - position + left), size)
    grid += np.bincount(left + 1, residual * (position - left), size)
    reflected = np.concatenate([grid[:0:-1], grid, grid[-2::-1]])

    def smoothed_gap(width: float) -> float:
        reach = ceil(min(4 * width * (size - 1), size - 1))
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (size - 1) / width) ** 2)
        smooth = fftconvolve(reflected, kernel / kernel.sum(), mode="same")
        return float(np.abs(smooth[size - 1 : 2 * size - 1]).sum())

    lo, hi = 0.0, 1.0
    while hi - lo > tolerance:
        width = (lo + hi) / 2
        lo, hi = (lo, width) if smoothed_gap(width) < width else (width, hi)
    return hi


def spiegelhalter_z(bins: ConfidenceBins) -> float:
    """Spiegelhalter's z of calibration, N(0, 1) if calibrated and calls independent.

    ``sum (y-p)(1-2p) / sqrt(sum (1-2p)^2 p(1-p))``; from stored bins the variance takes the bin
    means. NaN where every confidence is 0, 1/2 or 1. Spiegelhalter (1986).
    """
    b = bins.occupied()
    score = (b.n_correct - b.sum_conf - 2 * b.sum_conf_correct + 2 * b.sum_conf_sq).sum()
    p = b.mean_conf
    variance = float((b.n * (1 - 2 * p) ** 2 * p * (1 - p)).sum())
    return float(score / sqrt(variance)) if variance > 0 else float("nan")


def miscalibration_null(
    bins: ConfidenceBins,
    rng: np.random.Generator,
    *,
    statistic: Literal["debiased_l2", "corp"] = "debiased_l2",
    draws: int = 999,
    deff: float = 1.0,
) -> float:
    """P-value of perfect calibration, ``(1 + #{null >= observed}) / (1 + draws)``.

    Under the null the correct calls of bin b are Binomial(n_b, mean confidence). Their deviation
    is stretched by sqrt(deff), which gives clustered calls their variance in bins of any size;
    where clusters spread over the bins this errs towards silence.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}.")
    b, edges = _grouped(bins, 15, deff)
    p = np.clip(b.mean_conf, 0, 1)
    drawn = rng.binomial(b.n.astype(np.int64), p, size=(draws, p.size))
    correct = np.vstack([b.n_correct, b.n * p + sqrt(deff) * (drawn - b.n * p)])
    if statistic == "debiased_l2":
        values = _debiased_l2(b, correct, edges, deff)
    else:
        values = _pav_gain(b.n, p, correct / b.n)
    return float((1 + np.sum(values[1:] >= values[0])) / (1 + draws))


def _pav_gain(n: FloatArray, conf: FloatArray, acc: FloatArray) -> FloatArray:
    """Return the fall of the Brier score by isotonic regression of `acc`, shape (..., bins)."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - half a second of import

    rows = acc.reshape(-1, n.size)
    fitted = np.stack([isotonic_regression(row, weights=n).x for row in rows]).reshape(acc.shape)
    gain: FloatArray = (n * ((conf - acc) ** 2 - (fitted - acc) ** 2)).sum(axis=-1) / n.sum()
    return gain


@dataclass(frozen=True, slots=True, eq=False)
class ConsistencyBand:
    """Accuracy per bin that chance explains if the confidence is right; arrays (bins,), 0-1."""

    mean_conf: FloatArray
    lo: FloatArray
    hi: FloatArray


def consistency_band(
    bins: ConfidenceBins, rng: np.random.Generator, *, level: float = 0.9, draws: int = 1999
) -> ConsistencyBand:
    """Pointwise band of a reliability diagram over the bins as given; NaN where one is empty.

    Broecker, Smith (2007), "Increasing the reliability of reliability diagrams".
    """
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    n, p = bins.n.astype(np.int64), np.clip(np.nan_to_num(bins.mean_conf), 0, 1)
    share = rng.binomial(n, p, size=(draws, n.size)) / np.maximum(n, 1)
    lo, hi = np.quantile(share, [(1 - level) / 2, (1 + level) / 2], axis=0)
    empty = n == 0
    return ConsistencyBand(bins.mean_conf, np.where(empty, np.nan, lo), np.where(empty, np.nan, hi))
