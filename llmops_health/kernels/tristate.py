"""A score of items that are fulfilled, not fulfilled, or unknown: an interval, never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class TriStateScore:
    """Share of the weight that is fulfilled if all that is unknown is not (`lo`), or is (`hi`).

    `coverage` is the share of the weight of which anything is known; all three are 0-1.
    """

    lo: float
    hi: float
    coverage: float


def tri_state_score(weights: ArrayLike, states: Sequence[bool | None]) -> TriStateScore:
    """Score items whose state may be unknown.

    Parameters
    ----------
    weights
        What each item is worth, not negative, not all zero, shape (n,).
    states
        True: fulfilled, False: not, None: unknown; n of them.

    Raises
    ------
    ValueError
        If lengths differ, a weight is negative or not finite, or all are zero.

    Notes
    -----
    ``[sum w pass, sum w (pass + unknown)] / sum w``: belief and plausibility of Dempster (1967),
    Ann. Math. Statist. 38(2):325-339. What is unknown widens the interval and counts for neither.

    Examples
    --------
    >>> tri_state_score([3, 3, 2, 2, 1, 1], [True, False, None, True, True, None])
    TriStateScore(lo=0.5, hi=0.75, coverage=0.75)
    """
    worth = np.asarray(weights, dtype=np.float64)
    if worth.shape != (len(states),):
        raise ValueError(f"{len(states)} states need as many weights, got {worth.shape}.")
    if not (np.isfinite(worth) & (worth >= 0)).all() or not worth.sum() > 0:
        raise ValueError(f"weights must be from 0, not all zero, got {weights!r}.")
    fulfilled = np.array([state is True for state in states])
    unknown = np.array([state is None for state in states])
    total = worth.sum()
    return TriStateScore(
        lo=float(worth[fulfilled].sum() / total),
        hi=float(worth[fulfilled | unknown].sum() / total),
        coverage=float(1 - worth[unknown].sum() / total),
    )
