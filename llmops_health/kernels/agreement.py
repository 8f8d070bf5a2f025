"""Agreement of raters beyond chance, from counts: kappa, Gwet's AC1, Krippendorff's alpha.

Kappa and alpha fall to 0 when one category dominates, however well raters agree; AC1 does not.
Show them together. Whether a judge is fit for use belongs to the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from llmops_health.kernels.intervals import Interval

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two raters over `n` items; NaN where only one category occurs."""

    n: int
    percent: float
    kappa: float
    ac1: Interval
    alpha: float


def two_rater_agreement(table: npt.ArrayLike, *, level: float = 0.95) -> Agreement:
    """Agreement of two raters from their square table of counts, (categories, categories).

    Row: category by the first rater; column: by the second. At least 2 items and 2 categories.

    Examples
    --------
    >>> result = two_rater_agreement([[88, 4], [7, 1]])
    >>> result.percent, round(result.kappa, 3), round(result.ac1.estimate, 3)
    (0.89, 0.098, 0.875)
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.shape[0] < 2:
        raise ValueError(f"table must be square with 2 categories or more, got {counts.shape}.")
    size = counts.shape[0]
    each = np.eye(size)
    patterns = (each[:, None, :] + each[None, :, :]).reshape(-1, size)
    weight = counts.reshape(-1)
    return Agreement(
        n=int(counts.sum()),
        percent=float(np.trace(counts) / counts.sum()) if counts.any() else float("nan"),
        kappa=cohen_kappa(counts),
        ac1=gwet_ac1(patterns, weight, level=level),
        alpha=krippendorff_alpha(patterns, weight),
    )


def cohen_kappa(table: npt.ArrayLike) -> float:
    """Cohen's kappa, ``(p_o - p_e) / (1 - p_e)``; NaN if both raters use one category only.

    `table` holds counts, (categories, categories). Cohen (1960).

    Examples
    --------
    >>> cohen_kappa([[45, 5], [5, 45]])
    0.8
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"table must be square, got shape {counts.shape}.")
    if not np.all(counts >= 0) or not counts.any():
        raise ValueError("table must hold counts that are not negative and not all 0.")
    total = float(counts.sum())
    observed = float(np.trace(counts)) * total
    expected = float(counts.sum(axis=0) @ counts.sum(axis=1))
    return (observed - expected) / (total**2 - expected) if total**2 > expected else float("nan")


def gwet_ac1(
    counts: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, level: float = 0.95
) -> Interval:
    """Gwet's AC1 of any number of raters, with its Student-t interval over items.

    Parameters
    ----------
    counts
        Ratings per item and category, (items, categories); items may differ in raters, and every
        category on offer is a column.
    weight
        How many items share each row of `counts`, (items,); 1 each if None.
    level
        Coverage, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If fewer than 2 items or 2 categories are given, no item has 2 ratings, or a number is out
        of range.

    Notes
    -----
    ``AC1 = (p_a - p_e) / (1 - p_e)``, ``p_e = sum_k pi_k (1 - pi_k) / (q - 1)``, pi_k the mean over
    items of the share of category k. Variance by linearisation over items. Gwet (2008), "Computing
    inter-rater reliability and its variance in the presence of high agreement".

    Examples
    --------
    >>> ac1 = gwet_ac1([[2, 0], [1, 1], [0, 2]], weight=[70, 10, 20])
    >>> round(ac1.estimate, 3), round(ac1.lo, 3), round(ac1.hi, 3)
    (0.84, 0.738, 0.942)
    """
    rated, w = _item_counts(counts, weight)
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    n = float(w.sum())
    if n < 2:
        raise ValueError(f"counts must hold at least 2 rated items, got {n:.0f}.")
    raters = rated.sum(axis=1)
    paired = raters >= 2
    n_paired = float(w[paired].sum())
    pairs = np.where(paired, raters * (raters - 1), 1)
    agreed = (rated * (rated - 1)).sum(axis=1) / pairs
    p_a = float(w @ agreed) / n_paired
    share = w @ (rated / raters[:, None]) / n
    p_e = float((share * (1 - share)).sum()) / (share.size - 1)
    ac1 = (p_a - p_e) / (1 - p_e)
    by_item = (n / n_paired) * (agreed - p_e * paired) / (1 - p_e)
    chance = (rated @ (1 - share)) / raters / (share.size - 1)
    linear = by_item - 2 * (1 - ac1) * (chance - p_e) / (1 - p_e)
    variance = float(w @ (linear - ac1) ** 2) / (n * (n - 1))
    half_width = float(stdtrit(n - 1, (1 + level) / 2)) * sqrt(variance)
    return Interval(ac1, max(ac1 - half_width, -1.0), min(ac1 + half_width, 1.0))


def ac1_from_sums(sums: npt.ArrayLike) -> FloatArray:
    """Gwet's AC1 of two raters from sums, for `jackknife.bucket_jackknife`.

    Parameters
    ----------
    sums
        Shape (..., 2 + categories): items, items on which both agree, then ratings per category
        by either rater (twice the items in all). At least 2 categories.

    Returns
    -------
    Shape (...); not finite where there are no items.

    Raises
    ------
    ValueError
        If there are fewer than 2 categories.

    Notes
    -----
    ``(p_a - p_e) / (1 - p_e)`` as in `gwet_ac1`, whose interval takes items as independent.

    Examples
    --------
    >>> round(float(ac1_from_sums([100, 90, 150, 50])), 3)
    0.84
    """
    totals = np.asarray(sums, dtype=np.float64)
    size = totals.shape[-1] - 2
    if size < 2:
        raise ValueError(f"sums must hold at least 2 categories, got {size}.")
    p_a = totals[..., 1] / totals[..., 0]
    share = totals[..., 2:] / (2 * totals[..., :1])
    p_e = (share * (1 - share)).sum(axis=-1) / (size - 1)
    return np.asarray((p_a - p_e) / (1 - p_e))


def krippendorff_alpha(counts: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Krippendorff's alpha for unordered categories; arguments as `gwet_ac1`.

    ``1 - (N - 1) (N - sum_k o_kk) / (N^2 - sum_k n_k^2)`` over items with 2 ratings or more, o the
    coincidences. NaN if one category only occurs. Krippendorff (2011), "Computing Krippendorff's
    alpha-reliability".

    Examples
    --------
    >>> krippendorff_alpha([[2, 0], [2, 0], [0, 2], [0, 2]])
    1.0
    """
    rated, w = _item_counts(counts, weight)
    raters = rated.sum(axis=1)
    rated, w, raters = rated[raters >= 2], w[raters >= 2], raters[raters >= 2]
    per_category = w @ rated
    total = float(per_category.sum())
    coincident = float(w @ ((rated * (rated - 1)).sum(axis=1) / (raters - 1)))
    possible = total**2 - float((per_category**2).sum())
    return 1 - (total - 1) * (total - coincident) / possible if possible > 0 else float("nan")


def _item_counts(
    counts: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Leave out items without ratings and rows without items."""
    rated = np.asarray(counts, dtype=np.float64)
    if rated.ndim != 2 or rated.shape[1] < 2:
        raise ValueError(f"counts must be (items, 2 or more categories), got {rated.shape}.")
    w = np.ones(rated.shape[0]) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (rated.shape[0],):
        raise ValueError(f"weight must be (items,) = {rated.shape[:1]}, got {w.shape}.")
    if not np.all(rated >= 0) or not np.all(w >= 0):
        raise ValueError("counts and weight must not be negative.")
    keep = (rated.sum(axis=1) > 0) & (w > 0)
    rated, w = rated[keep], w[keep]
    if not np.any(rated.sum(axis=1) >= 2):
        raise ValueError("counts must hold at least one item with 2 ratings, got none.")
    return rated, w
