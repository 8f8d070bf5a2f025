"""How a step changed the mix of classes, and how many rows weights leave in effect.

Whether a change was wanted is for the checks. For distances of two samples of one thing see
`divergence` and `distances`: here the rows after are made from the rows before.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from llmops_health.kernels.intervals import Interval

Floats = NDArray[np.float64]
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class MixChange:
    """Counts of classes before and after a step.

    `kl` is ``KL(after || before)`` in nats with a 95 % interval; `factors` are rows after per row
    before, `share_ratios` shares after per share before, both per class, infinite for a class that
    is new; `n_classes` before and after are as if all classes were equally large.
    """

    kl: Interval
    factors: Floats
    share_ratios: Floats
    n_classes_before: float
    n_classes_after: float


def mix_change(before: ArrayLike, after: ArrayLike) -> MixChange:
    """Measure what a step did to the mix of classes.

    Parameters
    ----------
    before, after
        Rows per class in one order, shape (n_classes,), not negative, each with at least one row.
        Classes that are empty on both sides count as unchanged.

    Raises
    ------
    ValueError
        If shapes differ, or a count is negative, not finite, or all are 0.

    Notes
    -----
    ``KL = sum q ln(q / p)``, infinite where a class is new. Its interval is the multinomial delta
    method: ``(sum q ln^2(q / p) - KL^2) / n_after + (sum q^2 / p - 1) / n_before``. The number of
    classes is ``1 / sum p^2``: Simpson (1949), "Measurement of diversity", Nature 163.

    Examples
    --------
    >>> change = mix_change([500, 300, 150, 50], [400, 400, 400, 400])
    >>> round(change.kl.estimate, 4), float(change.factors.max())
    (0.3112, 8.0)
    """
    x, y = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"Counts must be vectors of one length, got {x.shape} and {y.shape}.")
    for name, counts in (("before", x), ("after", y)):
        if not (np.isfinite(counts) & (counts >= 0)).all() or not counts.sum() > 0:
            raise ValueError(f"{name} must hold at least one row and no negative count.")
    p, q = x / x.sum(), y / y.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where((x == 0) & (y == 0), 1.0, y / x)
        ratios = np.where((x == 0) & (y == 0), 1.0, q / p)
    return MixChange(
        kl=_kl(p, q, float(x.sum()), float(y.sum())),
        factors=factors,
        share_ratios=ratios,
        n_classes_before=float(1 / (p**2).sum()),
        n_classes_after=float(1 / (q**2).sum()),
    )


def effective_rows(sum_weight: float, sum_weight_sq: float) -> float:
    """Return how many equally weighted rows tell as much as the weighted ones: Kish's.

    Parameters
    ----------
    sum_weight, sum_weight_sq
        Sums of the weights and of their squares, not negative.

    Raises
    ------
    ValueError
        If a sum is negative or not finite.

    Notes
    -----
    ``(sum w)^2 / sum w^2``; 0 without weights. Of weights at hand, `jackknife.effective_clusters`.
    Kish (1965), Survey Sampling, section 11.7.

    Examples
    --------
    >>> round(effective_rows(80 * 1 + 20 * 5, 80 * 1 + 20 * 25), 2)
    55.86
    """
    if not (0 <= sum_weight < inf and 0 <= sum_weight_sq < inf):
        raise ValueError(f"Sums must not be negative, got {sum_weight} and {sum_weight_sq}.")
    return sum_weight**2 / sum_weight_sq if sum_weight_sq > 0 else 0.0


def _kl(p: Floats, q: Floats, n_before: float, n_after: float) -> Interval:
    kl = float(rel_entr(q, p).sum())
    if not kl < inf:
        return Interval(inf, inf, inf)
    seen = q > 0
    squares = sum(float(b) * log(b / a) ** 2 for a, b in zip(p[seen], q[seen], strict=True))
    variance = (squares - kl**2) / n_after
    variance += (float((q[seen] ** 2 / p[seen]).sum()) - 1) / n_before
    reach = _Z95 * sqrt(max(variance, 0.0))
    return Interval(kl, max(kl - reach, 0.0), kl + reach)
