"""Distances of two counts with what sampling adds taken off, and an interval for the rest.

A distance is never negative, so two samples of one thing are some way apart. Counts of one feature
are drawn again from the shares seen; how far the draws overshoot says how much to take off.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from llmops_health.kernels.intervals import Interval

Shares = NDArray[np.float64]
Distance = Callable[[Shares, Shares], NDArray[np.float64]]


def js_distances(reference: Shares, current: Shares) -> NDArray[np.float64]:
    """Jensen-Shannon distance (base 2, in 0-1) of shares along the last axis.

    Parameters
    ----------
    reference, current
        Shares that sum to 1 along the last axis, shape (..., n_categories).

    Notes
    -----
    ``sqrt(KL(p || m) / 2 + KL(q || m) / 2)``; `divergence.js_distance` for many pairs.

    Examples
    --------
    >>> js_distances(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [0.0, 1.0]
    """
    middle = (reference + current) / 2
    nats = (rel_entr(reference, middle) + rel_entr(current, middle)).sum(axis=-1) / 2
    return np.asarray(np.sqrt(np.maximum(nats, 0.0) / log(2)))


def w1_distances(positions: ArrayLike, reference: Shares, current: Shares) -> NDArray[np.float64]:
    """Wasserstein-1 distance of shares that sit at points, along the last axis.

    Parameters
    ----------
    positions
        Increasing places of the categories, shape (n_categories,).
    reference, current
        Shares that sum to 1 along the last axis, shape (..., n_categories).

    Returns
    -------
    NDArray
        The mean distance the mass moved, in the unit of `positions`, shape (...).

    Examples
    --------
    >>> w1_distances([0, 1, 3], np.array([1.0, 0, 0]), np.array([0, 0.5, 0.5])).tolist()
    2.0
    """
    gaps = np.cumsum(current - reference, axis=-1)[..., :-1]
    return np.asarray(np.abs(gaps) @ np.diff(np.asarray(positions, dtype=np.float64)))


def corrected_distance(
    distance: Distance,
    reference: ArrayLike,
    current: ArrayLike,
    *,
    deff: float = 1.0,
    rng: np.random.Generator,
    n_draws: int = 200,
    level: float = 0.95,
) -> Interval:
    """Measure a distance of two counts, less what sampling alone adds to it, with an interval.

    Parameters
    ----------
    distance
        Of reference shares and current shares along the last axis, as `js_distances`.
    reference, current
        Counts per category, shape (n_categories,), each with at least one row.
    deff
        Design effect of the rows, at least 1.
    rng
        Draws the counts.
    n_draws
        Number of draws, at least 20.
    level
        Coverage, strictly between 0 and 1.

    Returns
    -------
    Interval
        In the unit of the distance; 0 where sampling explains all of it.

    Raises
    ------
    ValueError
        If counts are negative or empty, or another argument is out of range.

    Notes
    -----
    With s the distance and s* that of multinomial draws of n / deff rows from the shares seen,
    the estimate is ``sqrt(2 s^2 - mean s*^2)``: the excess adds on the squared scale. The interval
    is as far about it as the draws are about their mean (basic bootstrap). Davison and Hinkley
    (1997), Bootstrap Methods and their Application, section 5.2.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> moved = corrected_distance(js_distances, [300, 700], [50, 50], rng=rng)
    >>> round(moved.lo, 2), round(moved.estimate, 2), round(moved.hi, 2)
    (0.07, 0.16, 0.25)
    """
    y, x = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if y.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"Counts must be vectors of one length, got {y.shape} and {x.shape}.")
    for name, counts in (("reference", y), ("current", x)):
        if (counts < 0).any() or not counts.sum() > 0:
            raise ValueError(f"{name} must hold at least one row and no negative count.")
    if not deff >= 1:
        raise ValueError(f"deff must be at least 1, got {deff}.")
    if n_draws < 20:
        raise ValueError(f"n_draws must be at least 20, got {n_draws}.")
    if not 0 < level < 1:
        raise ValueError(f"level must fulfil 0 < level < 1, got {level}.")
    seen = float(distance(y / y.sum(), x / x.sum()))
    drawn = distance(_draw(y, deff, rng, n_draws), _draw(x, deff, rng, n_draws))
    estimate = sqrt(max(0.0, 2 * seen**2 - float((drawn**2).mean())))
    upper, lower = np.quantile(drawn, [(1 + level) / 2, (1 - level) / 2]) - drawn.mean()
    return Interval(estimate, max(0.0, estimate - float(upper)), estimate - float(lower))


def _draw(counts: Shares, deff: float, rng: np.random.Generator, n_draws: int) -> Shares:
    rows = max(1, round(float(counts.sum()) / deff))
    return rng.multinomial(rows, counts / counts.sum(), size=n_draws) / rows
