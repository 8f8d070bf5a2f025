"""How much of production an eval set covers: by neighbours, and by mass of codebook cells.

Nothing here makes vectors or cells; see `codebook`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, ndtri, stdtrit

_BLOCK_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class Prdc:
    """Precision, recall and coverage in [0, 1]; density >= 0, 1 where the two samples agree."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True, slots=True)
class CellMassCoverage:
    """Share of production in covered cells, with its interval; `is_covered` is per cell."""

    estimate: float
    lo: float
    hi: float
    n: int
    is_covered: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WeightedScore:
    """An eval score re-weighted to production. `covered_score` is nan if nothing is covered.

    `lo` and `hi` bound the score on all of production: they hold whatever the score on the
    uncovered mass is. `ess` is the number of eval cases that equal weights would need.
    """

    covered_score: float
    covered_mass: float
    lo: float
    hi: float
    ess: float
    unweighted_score: float


def prdc(real: npt.ArrayLike, fake: npt.ArrayLike, k: int = 5) -> Prdc:
    """Compare two samples by nearest neighbours.

    Parameters
    ----------
    real : array-like, shape (n_real, d)
        The sample to be covered (production). Copies count as neighbours of one another.
    fake : array-like, shape (n_fake, d)
        The sample that covers (eval cases).
    k : int
        Neighbours that set the radius of a point, 1 <= k < min(n_real, n_fake).

    Returns
    -------
    Prdc

    Raises
    ------
    ValueError
        For another shape, or k out of range.

    Notes
    -----
    With r_k(x) the distance of x to its k-th nearest other point of its own sample:
    precision = mean_j 1[exists i: d(real_i, fake_j) < r_k(real_i)]; recall swaps the samples;
    density = mean_j #{i: d(real_i, fake_j) < r_k(real_i)} / k;
    coverage = mean_i 1[min_j d(real_i, fake_j) < r_k(real_i)].
    Two samples of one law and one size have an expected coverage near 1 - 2^-k, not 1.
    Exact but for ties: distances that differ by less than 1e-9 of their value count as equal,
    and a point with k copies (radius 0) is covered by an equal point only.
    Source: Naeem et al. (2020), "Reliable Fidelity and Diversity Metrics for Generative
    Models", arXiv:2002.09797.

    Examples
    --------
    >>> prdc([[0.0], [1.0], [2.0], [10.0]], [[0.5], [1.5]], k=1)
    Prdc(precision=1.0, recall=0.75, density=2.0, coverage=0.75)
    """
    real_rows, fake_rows = _samples(real, fake)
    if not 1 <= k < min(len(real_rows), len(fake_rows)):
        raise ValueError(
            f"Argument k must fulfil 1 <= k < min(n_real, n_fake) = "
            f"{min(len(real_rows), len(fake_rows))}, got {k}."
        )
    real_radius, fake_radius = _squared_radius(real_rows, k), _squared_radius(fake_rows, k)
    n_balls = np.zeros(len(fake_rows))
    n_recalled = n_covered = 0
    for start in range(0, len(real_rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        squared = _squared_distances(real_rows[block], fake_rows)
        inside = squared < real_radius[block, None]
        n_balls += inside.sum(axis=0)
        n_covered += int(np.count_nonzero(inside.any(axis=1)))
        n_recalled += int(np.count_nonzero((squared < fake_radius).any(axis=1)))
    return Prdc(
        precision=float(np.mean(n_balls > 0)),
        recall=n_recalled / len(real_rows),
        density=float(n_balls.mean()) / k,
        coverage=n_covered / len(real_rows),
    )


def cell_mass_coverage(
    n_prod: npt.ArrayLike, n_eval: npt.ArrayLike, min_cases: int = 1, *, level: float = 0.95
) -> CellMassCoverage:
    """Return the share of production that falls into cells with enough eval cases.

    Parameters
    ----------
    n_prod : array-like, shape (n_cells,) or (n_buckets, n_cells)
        Production calls per cell; with buckets (a hash of the user), the interval allows for
        calls of one user being alike.
    n_eval : array-like, shape (n_cells,)
        Eval cases per cell.
    min_cases : int
        Cases a cell needs to count as covered, at least 1.
    level : float
        Coverage of the interval, 0 < level < 1.

    Returns
    -------
    CellMassCoverage

    Raises
    ------
    ValueError
        For other shapes, negative counts, no production, or arguments out of range.

    Notes
    -----
    coverage = sum_c P_prod(c) 1[n_eval(c) >= min_cases]. The interval is Wilson's for a
    binomial share. With B buckets its n is the effective n_eff = p (1 - p) / SE^2, at most n,
    with SE from the delete-one-bucket jackknife and the quantile of t with B - 1 degrees of
    freedom. Where the buckets do not differ, as at p = 0 or 1, calls count as independent.
    Source: Korn and Graubard (1998), Survey Methodology 24(2), for n_eff.

    Examples
    --------
    >>> found = cell_mass_coverage([60, 30, 10], [5, 1, 0])
    >>> found.estimate, round(found.lo, 3), round(found.hi, 3)
    (0.9, 0.826, 0.945)
    """
    prod, cases = _cells(n_prod, n_eval, min_cases)
    if not 0 < level < 1:
        raise ValueError(f"Argument level must fulfil 0 < level < 1, got {level}.")
    is_covered = cases >= min_cases
    total = float(prod.sum())
    share = float(prod[:, is_covered].sum()) / total
    n_effective, quantile = total, float(ndtri(0.5 + level / 2))
    if len(prod) > 1:
        variance = _jackknife_variance(prod[:, is_covered].sum(axis=1), prod.sum(axis=1))
        if variance > 0:
            quantile = float(stdtrit(len(prod) - 1, 0.5 + level / 2))
            n_effective = min(total, share * (1 - share) / variance)
    lo, hi = _wilson(share, n_effective, quantile)
    return CellMassCoverage(share, lo, hi, int(total), is_covered)


def coverage_ceiling(n_prod: npt.ArrayLike, n_cases: int, min_cases: int = 1) -> float:
    """Return the coverage to expect of a random production sample as large as the eval set.

    Parameters
    ----------
    n_prod : array-like, shape (n_cells,) or (n_buckets, n_cells)
        Production calls per cell.
    n_cases : int
        Size of the eval set, >= 0.
    min_cases : int
        Cases a cell needs to count as covered, at least 1.

    Returns
    -------
    float
        Expected cell-mass coverage. Not a bound: a set chosen for coverage can exceed it.

    Raises
    ------
    ValueError
        For negative counts, no production, or arguments out of range.

    Notes
    -----
    sum_c p_c P(Binomial(m, p_c) >= min_cases); for one case, sum_c p_c (1 - (1 - p_c)^m).

    Examples
    --------
    >>> coverage_ceiling([50, 50], 2)
    0.75
    """
    prod = _counts("n_prod", n_prod).sum(axis=0)
    if n_cases < 0:
        raise ValueError(f"Argument n_cases must be >= 0, got {n_cases}.")
    _cells(prod, np.zeros(len(prod)), min_cases)
    if n_cases < min_cases:
        return 0.0
    p_cell = prod / prod.sum()
    return float(p_cell @ bdtrc(min_cases - 1, n_cases, p_cell))


def weighted_score(
    n_prod: npt.ArrayLike, n_eval: npt.ArrayLike, sum_score: npt.ArrayLike
) -> WeightedScore:
    """Return the eval score as production would weight it, and its bounds.

    Parameters
    ----------
    n_prod : array-like, shape (n_cells,) or (n_buckets, n_cells)
        Production calls per cell.
    n_eval : array-like, shape (n_cells,)
        Eval cases per cell.
    sum_score : array-like, shape (n_cells,)
        Sum of the scores (each in [0, 1]) of these cases; 0 where there is none.

    Returns
    -------
    WeightedScore

    Raises
    ------
    ValueError
        For other shapes, negative counts, no production, or a sum outside [0, n_eval].

    Notes
    -----
    Post-stratification: sum_c P_c s_c / sum_c P_c over cells with cases. Bounds on all of
    production: [sum_c P_c s_c, sum_c P_c s_c + P_uncovered]. ESS = (sum w)^2 / sum w^2 with
    w = P_c / n_c per case. Source: Manski (1989), Journal of Human Resources 24(3).

    Examples
    --------
    >>> score = weighted_score([60, 30, 10], [10, 10, 0], [9, 5, 0])
    >>> round(score.covered_score, 4), round(score.lo, 2), round(score.hi, 2)
    (0.7667, 0.69, 0.79)
    """
    prod, cases = _cells(n_prod, n_eval, 1)
    sums = np.asarray(sum_score, dtype=np.float64)
    if sums.shape != cases.shape or not np.all((sums >= 0) & (sums <= cases * (1 + 1e-12))):
        raise ValueError(
            f"Argument sum_score must have shape {cases.shape} and lie in [0, n_eval], "
            f"got shape {sums.shape} and values {sums.tolist()}."
        )
    is_covered = cases > 0
    mass = (prod.sum(axis=0) / prod.sum())[is_covered]
    n_cases, sums = cases[is_covered], sums[is_covered]
    lower = float(mass @ (sums / n_cases))
    covered = float(mass.sum())
    weights = float(np.sum(mass**2 / n_cases))
    return WeightedScore(
        covered_score=lower / covered if covered > 0 else float("nan"),
        covered_mass=covered,
        lo=lower,
        hi=min(1.0, lower + 1 - covered),
        ess=covered**2 / weights if weights > 0 else 0.0,
        unweighted_score=float(sums.sum() / n_cases.sum()) if len(sums) else float("nan"),
    )


def _samples(
    real: npt.ArrayLike, fake: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    real_rows, fake_rows = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    if real_rows.ndim != 2 or fake_rows.ndim != 2 or real_rows.shape[1] != fake_rows.shape[1]:
        raise ValueError(
            "Arguments real and fake must have shapes (n_real, d) and (n_fake, d), "
            f"got {real_rows.shape} and {fake_rows.shape}."
        )
    centre = real_rows.mean(axis=0)
    return real_rows - centre, fake_rows - centre


def _squared_distances(
    left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    squared = -2 * (left @ right.T)
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return squared


def _squared_radius(rows: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
    radius = np.empty(len(rows))
    for start in range(0, len(rows), _BLOCK_ROWS):
        squared = _squared_distances(rows[start : start + _BLOCK_ROWS], rows)
        # The point itself is at distance 0 and takes the first place.
        radius[start : start + len(squared)] = np.partition(squared, k, axis=1)[:, k]
    rounding = 1e-12 * float(np.einsum("ij,ij->i", rows, rows).max())
    return np.maximum(radius * (1 - 1e-9), rounding)


def _counts(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    counts = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if counts.ndim != 2 or not np.all(counts >= 0):
        raise ValueError(
            f"Argument {name} must hold counts >= 0 in shape (n_cells,) or (n_buckets, n_cells)."
        )
    return counts


def _cells(
    n_prod: npt.ArrayLike, n_eval: npt.ArrayLike, min_cases: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    prod, cases = _counts("n_prod", n_prod), np.asarray(n_eval, dtype=np.float64)
    if cases.shape != prod.shape[1:] or not np.all(cases >= 0):
        raise ValueError(
            f"Argument n_eval must hold counts >= 0 in shape {prod.shape[1:]}, got {cases.shape}."
        )
    if min_cases < 1:
        raise ValueError(f"Argument min_cases must be >= 1, got {min_cases}.")
    if not prod.sum() > 0:
        raise ValueError("Argument n_prod must count at least one call, got none.")
    return prod, cases


def _jackknife_variance(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> float:
    """Variance of sum(part) / sum(whole) by leaving out one bucket at a time."""
    left = whole.sum() - whole
    if np.any(left <= 0):
        return 0.0
    shares = (part.sum() - part) / left
    return float((len(whole) - 1) * np.var(shares))


def _wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    shrink = quantile**2 / n
    centre = (share + shrink / 2) / (1 + shrink)
    half = quantile / (1 + shrink) * float(np.sqrt(share * (1 - share) / n + shrink / (4 * n)))
    return max(0.0, centre - half), min(1.0, centre + half)
