"""Many tests at once: the false discovery rate of one family of p-values or e-values.

What makes a family (one area, one day) is decided by the caller, once per report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class FalseDiscovery:
    """Adjusted p-values (nan where there was none) and which hypotheses are rejected."""

    adjusted: NDArray[np.float64]
    rejected: NDArray[np.bool_]


def benjamini_hochberg(p: ArrayLike, q: float = 0.05) -> FalseDiscovery:
    """Reject hypotheses so that at most a share `q` of the rejected is expected to be true.

    Parameters
    ----------
    p
        p-values in 0-1, shape (n_tests,). nan marks a test that could not be made: it is
        neither rejected nor counted in the family.
    q
        Tolerated false discovery rate, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `p` is not one-dimensional, a p-value lies outside 0-1, or `q` is out of range.

    Notes
    -----
    Adjusted ``p_(i) = min_{j >= i} m p_(j) / j``, rejected where that is at most `q`. Valid for
    independent and for positively dependent tests.
    Benjamini and Hochberg (1995), J. R. Statist. Soc. B 57:289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.9, 0.02]).rejected.tolist()
    [True, False, True]
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p must be one-dimensional, got shape {values.shape}.")
    if not 0 < q < 1:
        raise ValueError(f"q must fulfil 0 < q < 1, got {q}.")
    made = np.flatnonzero(~np.isnan(values))
    outside = values[made][(values[made] < 0) | (values[made] > 1)]
    if outside.size:
        raise ValueError(f"p must lie in 0-1 or be nan, got {outside[0]}.")
    order = made[np.argsort(values[made], kind="stable")]
    scaled = values[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted = np.full(values.shape, np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return FalseDiscovery(adjusted, adjusted <= q)


def e_benjamini_hochberg(log_e: ArrayLike, alpha: float = 0.05) -> NDArray[np.bool_]:
    """Reject hypotheses by e-values so that at most a share `alpha` is expected to be true.

    Parameters
    ----------
    log_e
        Natural logs of e-values, shape (n_tests,); -inf for a test that could not be made, which
        still counts in the family.
    alpha
        Tolerated false discovery rate, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `log_e` is not one-dimensional or nan, or `alpha` is out of range.

    Notes
    -----
    Rejects the k largest, k the most for which ``e_(k) >= m / (alpha k)``; valid under any
    dependence. Wang and Ramdas (2022), J. R. Statist. Soc. B 84(3):822-852.

    Examples
    --------
    >>> e_benjamini_hochberg(np.log([900, 5, 60]), alpha=0.05).tolist()
    [True, False, True]
    """
    values = np.asarray(log_e, dtype=np.float64)
    if values.ndim != 1 or np.isnan(values).any():
        raise ValueError(f"log_e must be a vector without nan, got {values!r}.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must fulfil 0 < alpha < 1, got {alpha}.")
    order = np.argsort(-values, kind="stable")
    rank = np.arange(1, len(values) + 1)
    enough = np.flatnonzero(values[order] >= np.log(len(values) / (alpha * rank)))
    rejected = np.zeros(len(values), dtype=np.bool_)
    if enough.size:
        rejected[order[: enough[-1] + 1]] = True
    return rejected
