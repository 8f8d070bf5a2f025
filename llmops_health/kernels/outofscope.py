"""How well confidence keeps out inputs that belong to no class, from two confidence histograms.

Both arrays hold calls per equally wide confidence bin, lowest first. Choosing a gate belongs in
`selective` and `routing`: the gate of best accuracy can let most out-of-scope inputs through.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from llmops_health.kernels.intervals import Interval, wilson_interval

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutOfScopeDetection:
    """Detection of out-of-scope calls by low confidence; every value in 0-1.

    `recall` of out-of-scope calls fall below the gate, `in_scope_accepted` of in-scope calls do
    not. `auroc` is the chance that an in-scope call is the surer one, ties half. `fpr95` of
    out-of-scope calls pass the strictest gate that 95 % of in-scope calls pass.
    """

    n_in_scope: int
    n_out_of_scope: int
    recall: Interval
    in_scope_accepted: Interval
    auroc: Interval
    fpr95: Interval
    gate_fpr95: float


def out_of_scope_detection(
    in_scope: npt.ArrayLike, out_of_scope: npt.ArrayLike, *, gate: float, level: float = 0.95
) -> OutOfScopeDetection:
    """Measure detection at the gate in force and over all gates.

    Parameters
    ----------
    in_scope, out_of_scope
        Calls per confidence bin, shape (bins,).
    gate
        Confidence from which calls are accepted, in 0-1; rounded up to a bin edge.
    level
        Coverage of the intervals, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If shapes differ, a side has fewer than 2 calls, or `gate` or `level` is out of range.

    Notes
    -----
    Shares carry Wilson intervals; that of `fpr95` takes its gate as given. AUROC: see `auroc`.
    Larson et al. (2019), "An evaluation dataset for intent classification and out-of-scope
    prediction".

    Examples
    --------
    >>> inside, outside = np.zeros(100), np.zeros(100)
    >>> inside[[40, 90]], outside[[40, 90]] = (10, 90), (80, 20)
    >>> result = out_of_scope_detection(inside, outside, gate=0.5)
    >>> result.recall.estimate, result.auroc.estimate, result.fpr95.estimate
    (0.8, 0.85, 1.0)
    """
    inside, outside = _histograms(in_scope, out_of_scope)
    if not 0 <= gate <= 1:
        raise ValueError(f"gate must fulfil 0 <= gate <= 1, got {gate}.")
    position = int(np.ceil(gate * inside.size - 1e-9))
    n_inside, n_outside = float(inside.sum()), float(outside.sum())
    accepted = np.cumsum(inside[::-1])[::-1]
    strictest = int(np.flatnonzero(accepted >= 0.95 * n_inside - 1e-9)[-1])
    return OutOfScopeDetection(
        n_in_scope=int(n_inside),
        n_out_of_scope=int(n_outside),
        recall=wilson_interval(float(outside[:position].sum()), n_outside, level=level),
        in_scope_accepted=wilson_interval(float(inside[position:].sum()), n_inside, level=level),
        auroc=auroc(inside, outside, level=level),
        fpr95=wilson_interval(float(outside[strictest:].sum()), n_outside, level=level),
        gate_fpr95=strictest / inside.size,
    )


def auroc(in_scope: npt.ArrayLike, out_of_scope: npt.ArrayLike, *, level: float = 0.95) -> Interval:
    """Chance that an in-scope call is surer than an out-of-scope one, ties half, with interval.

    DeLong's variance is exact for binned scores and covers by way of the logit. Where it is 0
    (perfect separation) a Wilson interval on the smaller side stands in. Arguments as
    `out_of_scope_detection`. DeLong, DeLong, Clarke-Pearson (1988); Pepe (2003).
    """
    inside, outside = _histograms(in_scope, out_of_scope)
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    n_inside, n_outside = float(inside.sum()), float(outside.sum())
    beaten = (np.cumsum(outside) - outside / 2) / n_outside
    beaten_by = 1 - (np.cumsum(inside) - inside / 2) / n_inside
    area = float(inside @ beaten / n_inside)
    variance = float(inside @ (beaten - area) ** 2) / (n_inside - 1) / n_inside
    variance += float(outside @ (beaten_by - area) ** 2) / (n_outside - 1) / n_outside
    if variance == 0 or not 0 < area < 1:
        smaller = min(n_inside, n_outside)
        return wilson_interval(area * smaller, smaller, level=level)
    half_width = float(ndtri((1 + level) / 2)) * sqrt(variance) / (area * (1 - area))
    centre = float(logit(area))
    return Interval(area, float(expit(centre - half_width)), float(expit(centre + half_width)))


def _histograms(
    in_scope: npt.ArrayLike, out_of_scope: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    inside = np.asarray(in_scope, dtype=np.float64)
    outside = np.asarray(out_of_scope, dtype=np.float64)
    if inside.ndim != 1 or inside.shape != outside.shape:
        raise ValueError(
            f"in_scope and out_of_scope must be (bins,) alike, got {inside.shape} "
            f"and {outside.shape}."
        )
    for name, counts in (("in_scope", inside), ("out_of_scope", outside)):
        if not np.all(counts >= 0) or counts.sum() < 2:
            raise ValueError(f"{name} must hold counts of at least 2 calls, got {counts.sum()}.")
    return inside, outside
