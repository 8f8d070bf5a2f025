"""Many one-sided tests as one: did they, together, go the same way."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

# Beyond this no test is exact, and one p of 0 or 1 must not decide alone.
_FURTHEST = 8.0


def sum_of_z(p: ArrayLike) -> float:
    """Combine one-sided p-values of one direction into one p-value.

    Parameters
    ----------
    p
        Independent one-sided p-values in 0-1, shape (n_tests,), at least one.

    Raises
    ------
    ValueError
        If `p` is empty, has another shape, or holds a value outside 0-1.

    Notes
    -----
    ``Z = sum_k z_k / sqrt(K)`` with ``z_k`` the normal quantile of ``1 - p_k``: small falls that
    agree add up, and a rise makes up for a fall. Discrete tests should give mid-p values, whose
    z are centred on 0. Stouffer et al. (1949), "The American Soldier", vol. 1.

    Examples
    --------
    >>> round(sum_of_z([0.05, 0.05, 0.05]), 4)
    0.0022
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p must be a vector of values in 0-1, got {values.tolist()}.")
    z = np.clip(ndtri(values), -_FURTHEST, _FURTHEST)
    return float(ndtr(z.sum() / np.sqrt(len(z))))
