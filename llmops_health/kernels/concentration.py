"""How many hands a thing is really in: effective owners, and the fewest who hold half of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def effective_number(counts: ArrayLike) -> float:
    """Return how many equal holders would be as concentrated.

    Parameters
    ----------
    counts
        What each holds, in any one unit, not negative, at least one positive, shape (n,).

    Raises
    ------
    ValueError
        If a count is negative or not finite, or none is positive.

    Notes
    -----
    ``1 / sum s^2`` of the shares ``s``: the inverse of Simpson's and Herfindahl's index, the Hill
    number of order 2. From 1, all with one holder, to n, all alike. Hill (1973), Ecology
    54:427-432.

    Examples
    --------
    >>> round(effective_number([6, 3, 1]), 4)
    2.1739
    """
    held = _held(counts)
    shares = held / held.sum()
    return float(1 / (shares @ shares))


def bus_factor(counts: ArrayLike, *, share: float = 0.5) -> int:
    """Return the fewest holders who together hold at least a share.

    Parameters
    ----------
    counts
        As for `effective_number`.
    share
        Of the whole, 0 < share <= 1.

    Raises
    ------
    ValueError
        As `effective_number`, or if `share` is out of range.

    Notes
    -----
    Avelino et al. (2016), "A novel approach for estimating truck factors", arXiv:1604.06766, count
    who can leave until half is without a holder; with one holder for each part it is this number.

    Examples
    --------
    >>> bus_factor([6, 3, 1]), bus_factor([1, 1, 1, 1])
    (1, 2)
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must fulfil 0 < share <= 1, got {share}.")
    held = np.sort(_held(counts))[::-1]
    reached = np.cumsum(held) >= share * held.sum() * (1 - 1e-12)
    return int(np.argmax(reached)) + 1


def _held(counts: ArrayLike) -> NDArray[np.float64]:
    held = np.asarray(counts, dtype=np.float64)
    if held.ndim != 1 or not (np.isfinite(held) & (held >= 0)).all() or not held.sum() > 0:
        raise ValueError(f"counts must be a vector of values from 0, one positive, got {counts!r}.")
    return held
