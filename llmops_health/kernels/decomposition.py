"""Why a mean or a mixture changed: because the parts changed, or because their shares did.

Strata are whatever is told apart: cohorts, bands of tenure, single users. Nothing here says that a
part is a cause: a split holds given the strata, and another choice of strata splits otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Kitagawa:
    """Change of a mean, and what each stratum adds to it, shape (n_strata,), in its unit.

    `mix` is centred: a stratum that grew adds where its mean lies above the mean of all.
    """

    total: float
    within: Floats
    mix: Floats


@dataclass(frozen=True, slots=True)
class Threefold:
    """Change of a mean seen from the first period: shares alone, means alone, both together."""

    endowments: float
    coefficients: float
    interaction: float


@dataclass(frozen=True, slots=True)
class EntryExit:
    """Change of a mean by those who stayed, who came and who left; the three add up to `total`."""

    total: float
    continuing: float
    entrants: float
    exits: float


@dataclass(frozen=True, slots=True)
class DistanceShares:
    """A distance between two mixtures, and what the parts and their shares add to it."""

    total: float
    within: float
    mix: float


def kitagawa(n_before: ArrayLike, y_before: ArrayLike, n_after: ArrayLike, y_after: ArrayLike
             ) -> Kitagawa:  # fmt: skip
    """Split the change of a mean into changes within strata and the change of their shares.

    Parameters
    ----------
    n_before, n_after
        Rows per stratum, not negative, shape (n_strata,); some in each period.
    y_before, y_after
        Mean of each stratum, shape (n_strata,). Where a stratum has no rows in a period, its mean
        there is taken from the other one, so that it is mix and nothing else.

    Raises
    ------
    ValueError
        For other shapes, negative or no rows, or a mean that is not finite where there are rows.

    Notes
    -----
    With shares p: within ``1/2 (p0 + p1) (y1 - y0)``, mix ``(p1 - p0) (1/2 (y0 + y1) - c)`` with
    c the mean of both periods' means, which changes no sum. Kitagawa (1955), JASA 50:1168-1194.

    Examples
    --------
    >>> parts = kitagawa([50, 50], [1.0, 3.0], [20, 80], [1.0, 4.0])
    >>> [round(float(part), 3) for part in (parts.total, parts.within.sum(), parts.mix.sum())]
    [1.4, 0.65, 0.75]
    """
    p0, y0, p1, y1 = _strata(n_before, y_before, n_after, y_after)
    mean_before, mean_after = float(p0 @ y0), float(p1 @ y1)
    centre = (mean_before + mean_after) / 2
    return Kitagawa(
        total=mean_after - mean_before,
        within=(p0 + p1) / 2 * (y1 - y0),
        mix=(p1 - p0) * ((y0 + y1) / 2 - centre),
    )


def threefold(n_before: ArrayLike, y_before: ArrayLike, n_after: ArrayLike, y_after: ArrayLike
              ) -> Threefold:  # fmt: skip
    """Split the change of a mean as Blinder and Oaxaca do, with the first period as reference.

    Parameters and errors are those of `kitagawa`.

    Notes
    -----
    ``sum (p1 - p0) y0``, ``sum p0 (y1 - y0)`` and ``sum (p1 - p0) (y1 - y0)``.
    Blinder (1973), Journal of Human Resources 8:436-455.

    Examples
    --------
    >>> parts = threefold([50, 50], [1.0, 3.0], [20, 80], [1.0, 4.0])
    >>> round(parts.endowments, 3), round(parts.coefficients, 3), round(parts.interaction, 3)
    (0.6, 0.5, 0.3)
    """
    p0, y0, p1, y1 = _strata(n_before, y_before, n_after, y_after)
    return Threefold(
        endowments=float((p1 - p0) @ y0),
        coefficients=float(p0 @ (y1 - y0)),
        interaction=float((p1 - p0) @ (y1 - y0)),
    )


def melitz_polanec(
    share_stayed_before: float,
    mean_stayed_before: float,
    mean_left: float,
    share_stayed_after: float,
    mean_stayed_after: float,
    mean_came: float,
) -> EntryExit:
    """Split the change of a mean by who stayed, who came and who left.

    Parameters
    ----------
    share_stayed_before, share_stayed_after
        Shares of rows in the two periods that are of those present in both, in (0, 1].
    mean_stayed_before, mean_stayed_after
        Their means.
    mean_left, mean_came
        Means of those present in the first, and in the second period only.

    Raises
    ------
    ValueError
        If a share lies outside (0, 1].

    Notes
    -----
    ``(mC1 - mC0) + sE (mE - mC1) + sX (mC0 - mX)``: entrants are held against those who stayed
    in the second period, exits against those who stayed in the first.
    Melitz and Polanec (2015), RAND Journal of Economics 46:362-375.

    Examples
    --------
    >>> parts = melitz_polanec(0.8, 42.0, 30.0, 0.6, 46.0, 62.0)
    >>> round(parts.total, 6), parts.continuing, round(parts.entrants, 6), round(parts.exits, 6)
    (12.8, 4.0, 6.4, 2.4)
    """
    for name, share in (("before", share_stayed_before), ("after", share_stayed_after)):
        if not 0 < share <= 1:
            raise ValueError(f"share_stayed_{name} must lie in (0, 1], got {share}.")
    entrants = (1 - share_stayed_after) * (mean_came - mean_stayed_after)
    exits = (1 - share_stayed_before) * (mean_stayed_before - mean_left)
    continuing = mean_stayed_after - mean_stayed_before
    return EntryExit(continuing + entrants + exits, continuing, entrants, exits)


def shapley_distance(
    mixture: Callable[[int, int], Floats], distance: Callable[[Floats, Floats], float]
) -> DistanceShares:
    """Split a distance between two mixtures, which does not add, by the average of both orders.

    Parameters
    ----------
    mixture
        ``mixture(i, j)``: what the parts contained in period j, with the shares that they had in
        period i; both 0 or 1. Returns shares of categories, shape (n_categories,).
    distance
        Of two vectors of shares; 0 where they are equal.

    Notes
    -----
    With ``d(i, j)`` the distance of ``mixture(i, j)`` from ``mixture(0, 0)``: within is
    ``1/2 [d(0, 1) - d(0, 0) + d(1, 1) - d(1, 0)]``, mix the same with i and j exchanged.
    Shorrocks (2013), Journal of Economic Inequality 11:99-126.

    Examples
    --------
    >>> shares, contents = np.array([[0.5, 0.5], [0.25, 0.75]]), np.eye(2)
    >>> found = shapley_distance(
    ...     lambda i, j: shares[i] @ contents, lambda p, q: float(abs(p - q).sum() / 2)
    ... )
    >>> found.total, found.within, found.mix
    (0.25, 0.0, 0.25)
    """
    start = mixture(0, 0)
    d = {(i, j): distance(start, mixture(i, j)) for i in (0, 1) for j in (0, 1)}
    return DistanceShares(
        total=d[1, 1] - d[0, 0],
        within=(d[0, 1] - d[0, 0] + d[1, 1] - d[1, 0]) / 2,
        mix=(d[1, 0] - d[0, 0] + d[1, 1] - d[0, 1]) / 2,
    )


def _strata(
    n_before: ArrayLike, y_before: ArrayLike, n_after: ArrayLike, y_after: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    n0, y0, n1, y1 = (
        np.asarray(values, dtype=np.float64) for values in (n_before, y_before, n_after, y_after)
    )
    if n0.ndim != 1 or not n0.shape == y0.shape == n1.shape == y1.shape:
        raise ValueError(
            f"All arguments must have one shape (n_strata,), got {n0.shape}, {y0.shape}, "
            f"{n1.shape} and {y1.shape}."
        )
    if not ((n0 >= 0).all() and (n1 >= 0).all() and n0.sum() > 0 and n1.sum() > 0):
        raise ValueError("Rows must not be negative, and each period must have some.")
    if not (np.isfinite(y0[n0 > 0]).all() and np.isfinite(y1[n1 > 0]).all()):
        raise ValueError("A stratum with rows must have a finite mean.")
    y0, y1 = np.where(n0 > 0, y0, y1), np.where(n1 > 0, y1, y0)
    empty = (n0 == 0) & (n1 == 0)
    y0, y1 = np.where(empty, 0.0, y0), np.where(empty, 0.0, y1)
    return n0 / n0.sum(), y0, n1 / n1.sum(), y1
