"""What repeats say: variance between and within groups, and how often repeated answers agree.

Groups are the same prompt under the same settings. What a prompt is, and when its answers ought to
agree, belongs to the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.jackknife import bucket_jackknife

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """One-way components: mean squares, their variances, ICC(1), and the share within groups.

    `between` and `icc` may be below 0 where groups differ by less than chance makes them.
    """

    ms_between: float
    ms_within: float
    between: float
    within: float
    icc: float
    noise_share: float
    n_groups: int
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class RepeatConsistency:
    """Per group: rows, whether all answers are equal, agreement of two, entropy (0-1)."""

    n: Floats
    is_total: NDArray[np.bool_]
    agreement: Floats
    entropy: Floats


def variance_components(n: ArrayLike, sum_y: ArrayLike, sum_yy: ArrayLike) -> VarianceComponents:
    """Split the variance of a value into that between groups and that within them.

    Parameters
    ----------
    n, sum_y, sum_yy
        Rows, sum and sum of squares per group, shape (n_groups,). Groups without rows are left
        out; at least 2 groups, and one of 2 rows, are needed.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or groups or repeats are too few.

    Notes
    -----
    ``within = MSW``, ``between = (MSB - MSW) / n_0`` with ``n_0 = (N - sum n^2 / N) / (G - 1)``,
    which is n for groups of n rows; ``icc = between / (between + within)`` and ``noise_share = 1 -
    icc``, cut to 0-1: what varies though nothing in the question or the settings does.
    Searle, Casella and McCulloch (1992), "Variance Components", section 3.6.

    Examples
    --------
    >>> found = variance_components([2, 2, 2], [2, 4, 12], [2, 10, 74])
    >>> found.ms_within, found.noise_share.__round__(3)
    (1.3333333333333333, 0.174)
    """
    rows, sums, squares = (np.asarray(one, dtype=np.float64) for one in (n, sum_y, sum_yy))
    if rows.ndim != 1 or sums.shape != rows.shape or squares.shape != rows.shape:
        raise ValueError(
            f"n, sum_y and sum_yy must have one shape (n_groups,), got {rows.shape}, "
            f"{sums.shape} and {squares.shape}."
        )
    if not all(np.isfinite(one).all() for one in (rows, sums, squares)) or (rows < 0).any():
        raise ValueError("n, sum_y and sum_yy must be finite, and n not negative.")
    held = rows > 0
    rows, sums, squares = rows[held], sums[held], squares[held]
    n_groups, total = len(rows), float(rows.sum())
    if n_groups < 2 or total <= n_groups:
        raise ValueError(
            f"At least 2 groups and one repeat are needed, got {n_groups} groups of {total} rows."
        )
    within_ss = max(0.0, float((squares - sums**2 / rows).sum()))
    between_ss = max(0.0, float((sums**2 / rows).sum() - sums.sum() ** 2 / total))
    ms_between, ms_within = between_ss / (n_groups - 1), within_ss / (total - n_groups)
    typical = (total - float((rows**2).sum()) / total) / (n_groups - 1)
    between = (ms_between - ms_within) / typical
    variance = between + ms_within
    icc = between / variance if variance > 0 else float("nan")
    noise = float(np.clip(1 - icc, 0.0, 1.0)) if isfinite(icc) else float("nan")
    return VarianceComponents(
        ms_between, ms_within, between, ms_within, icc, noise, n_groups, int(total)
    )


def noise_share_interval(
    n: ArrayLike, sum_y: ArrayLike, sum_yy: ArrayLike, *, level: float = 0.95
) -> Interval:
    """Share of a value's variance that lies within groups, with its interval over groups.

    Parameters
    ----------
    n, sum_y, sum_yy
        As for `variance_components`; at least 8 groups.
    level
        Coverage, strictly between 0 and 1.

    Raises
    ------
    ValueError
        As there, or for fewer than 8 groups.

    Notes
    -----
    Delete-one jackknife over groups, in at most 64 blocks, of ``noise_share``; cut to 0-1.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> y = rng.normal(size=(200, 1)) + rng.normal(size=(200, 5)) / 2
    >>> share = noise_share_interval(np.full(200, 5), y.sum(axis=1), (y**2).sum(axis=1))
    >>> round(share.lo, 2), round(share.hi, 2)
    (0.19, 0.28)
    """
    found = variance_components(n, sum_y, sum_yy)
    rows, sums, squares = (np.asarray(one, dtype=np.float64) for one in (n, sum_y, sum_yy))
    held = rows > 0
    rows, sums, squares = rows[held], sums[held], squares[held]
    if found.n_groups < 8:
        raise ValueError(f"At least 8 groups are needed for an interval, got {found.n_groups}.")
    columns = (np.ones_like(rows), rows, rows**2, sums, squares, sums**2 / rows)
    blocks = np.zeros((min(64, len(rows)), len(columns)))
    np.add.at(blocks, np.arange(len(rows)) % len(blocks), np.stack(columns, axis=1))

    def share(totals: Floats) -> Floats:
        groups, total, total_sq, y, yy, means = np.moveaxis(totals, -1, 0)
        within = (yy - means) / (total - groups)
        typical = (total - total_sq / total) / (groups - 1)
        between = ((means - y**2 / total) / (groups - 1) - within) / typical
        variance = between + within
        return np.asarray(np.where(variance > 0, within / np.where(variance > 0, variance, 1), 1.0))

    if found.ms_within == 0 or found.ms_between == 0:
        return Interval(found.noise_share, found.noise_share, found.noise_share)
    around = bucket_jackknife(blocks, share, level=level)
    lo, hi = (float(np.clip(one, 0.0, 1.0)) for one in (around.lo, around.hi))
    return Interval(found.noise_share, lo, hi)


def repeat_consistency(group: ArrayLike, count: ArrayLike) -> RepeatConsistency:
    """How far the repeated answers of each group agree.

    Parameters
    ----------
    group
        Group of each distinct answer, whole numbers from 0, shape (n_answers,).
    count
        How often it was given, positive, shape (n_answers,).

    Returns
    -------
    RepeatConsistency
        Values per group from 0 to the largest; agreement and entropy of groups of fewer than 2
        rows are nan. The mean of `is_total` over groups of N rows is TAR@N.

    Raises
    ------
    ValueError
        If shapes differ or a count is not positive.

    Notes
    -----
    Agreement is the chance that two of a group's rows are equal, ``sum c (c - 1) / (n (n - 1))``;
    entropy is ``-sum c/n ln(c/n) / ln n``. Atil et al. (2024), "LLM Stability", arXiv:2408.04667.

    Examples
    --------
    >>> found = repeat_consistency([0, 1, 1], [4, 1, 3])
    >>> found.is_total.tolist(), found.agreement.tolist()
    ([True, False], [1.0, 0.5])
    """
    places, counts = np.asarray(group, dtype=np.int64), np.asarray(count, dtype=np.float64)
    if places.ndim != 1 or counts.shape != places.shape:
        raise ValueError(f"group and count must be vectors, got {places.shape}, {counts.shape}.")
    if not (counts > 0).all():
        raise ValueError("count must be positive.")
    size = int(places.max(initial=-1)) + 1
    n = np.asarray(np.bincount(places, counts, size), dtype=np.float64)
    kinds = np.bincount(places, minlength=size)
    pairs = np.bincount(places, counts * (counts - 1), size)
    surprise = np.bincount(places, -counts / n[places] * np.log(counts / n[places]), size)
    with np.errstate(divide="ignore", invalid="ignore"):
        agreement = np.where(n > 1, pairs / (n * (n - 1)), np.nan)
        entropy = np.where(n > 1, surprise / np.log(n), np.nan)
    return RepeatConsistency(n, np.asarray((kinds == 1) & (n > 0)), agreement, entropy)
