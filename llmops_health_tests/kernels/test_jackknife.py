"""The bucket jackknife against cluster-robust errors, and its coverage with clustered users."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from llmops_health.kernels.intervals import wilson_interval
from llmops_health.kernels.jackknife import (
    bucket_jackknife,
    effective_clusters,
    largest_share,
    ratio,
)

Floats = NDArray[np.float64]


def bucket_of(user: int, n_buckets: int) -> int:
    digest = hashlib.blake2b(str(user).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % n_buckets


@pytest.mark.parametrize(
    ("n_buckets", "se"), [(16, 0.005962091161), (64, 0.006573715494), (256, 0.00625676761)]
)
def test_clustered_users(n_buckets: int, se: float) -> None:
    rng = np.random.default_rng(11)
    rows_per_user, rate = rng.geometric(0.15, 3000), rng.beta(2, 2, 3000)
    user = np.repeat(np.arange(3000), rows_per_user)
    y = (rng.random(len(user)) < rate[user]).astype(np.float64)
    bucket = np.array([bucket_of(u, n_buckets) for u in range(3000)])[user]
    sums = np.column_stack([np.bincount(bucket, y, n_buckets), np.bincount(bucket)])
    got = bucket_jackknife(sums, ratio(0, 1))
    # Delete-one loop in numpy 1.26.
    assert (got.estimate, got.se) == pytest.approx((0.491270808, se), rel=1e-8)
    # statsmodels 0.15.0, OLS on a constant with errors clustered by user.
    assert got.se == pytest.approx(0.006413183685, rel=0.1)


def test_a_mean_of_equal_buckets_is_the_plain_mean() -> None:
    x = np.random.default_rng(2).normal(size=40)
    got = bucket_jackknife(np.column_stack([x, np.ones(40)]), ratio(0, 1))
    assert got.estimate == pytest.approx(x.mean())
    assert got.se == pytest.approx(x.std(ddof=1) / np.sqrt(40))
    # t(39, .975) = 2.0227
    assert (got.hi - got.estimate) / got.se == pytest.approx(2.0227, abs=5e-5)
    assert got.estimate - got.lo == pytest.approx(got.hi - got.estimate)


def simulate(rng: np.random.Generator, n_users: int = 1500) -> tuple[Floats, float, int]:
    """One day: errors and rows per bucket (64 x 2), all errors, all rows; true rate 0.5."""
    rows = rng.geometric(0.15, n_users)
    wrong = rng.binomial(rows, rng.beta(2, 2, n_users))
    bucket = rng.integers(0, 64, n_users)
    sums = np.column_stack([np.bincount(bucket, column, 64) for column in (wrong, rows)])
    return sums.astype(np.float64), float(wrong.sum()), int(rows.sum())


def test_coverage_with_clustered_users() -> None:
    rng = np.random.default_rng(20260101)
    jackknife = naive = 0
    for _ in range(500):
        sums, wrong, rows = simulate(rng)
        clustered, independent = bucket_jackknife(sums, ratio(0, 1)), wilson_interval(wrong, rows)
        jackknife += clustered.lo <= 0.5 <= clustered.hi
        naive += independent.lo <= 0.5 <= independent.hi
    # Three simulation errors of a coverage of .95 are .029. Ignoring users must fail visibly.
    assert jackknife / 500 == pytest.approx(0.95, abs=0.029)
    assert naive / 500 < 0.85


def test_empty_buckets_are_not_buckets() -> None:
    sums = np.array([[1.0, 10], [3, 10], [2, 10]])
    padded = np.vstack([sums, np.zeros((61, 2))])
    got = bucket_jackknife(padded, ratio(0, 1))
    assert got == bucket_jackknife(sums, ratio(0, 1))
    assert got.n_buckets == 3


def test_a_contrast_of_two_periods_is_joint() -> None:
    x = np.random.default_rng(3).poisson(20, size=64).astype(np.float64)
    same = np.column_stack([x, np.full(64, 50.0), x, np.full(64, 50.0)])
    got = bucket_jackknife(same, lambda s: ratio(0, 1)(s) - ratio(2, 3)(s))
    assert (got.estimate, got.se) == pytest.approx((0, 0), abs=1e-15)


def test_level_widens() -> None:
    sums = [[1, 10], [3, 10], [2, 10]]
    narrow, wide = (bucket_jackknife(sums, ratio(0, 1), level=level) for level in (0.5, 0.99))
    assert wide.lo < narrow.lo < narrow.hi < wide.hi


def test_effective_clusters() -> None:
    assert effective_clusters([7] * 12) == pytest.approx(12)
    assert effective_clusters([1000, 1, 1]) == pytest.approx(1.004, abs=1e-3)
    assert effective_clusters([]) == effective_clusters([0, 0]) == 0


def test_largest_share() -> None:
    assert largest_share([1, 3, 0]) == 0.75


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bucket_jackknife([1, 2], ratio(0, 1)), r"finite \(n_buckets, n_sums\) array"),
        (lambda: bucket_jackknife([[1, np.inf]], ratio(0, 1)), "must be a finite"),
        (lambda: bucket_jackknife(np.zeros((64, 2)), ratio(0, 1)), "at least 2 buckets .* got 0"),
        (lambda: bucket_jackknife([[1, 2], [0, 0]], ratio(0, 1)), "at least 2 buckets .* got 1"),
        (lambda: bucket_jackknife([[1, 2], [3, 0]], ratio(0, 1)), "finite .* got inf"),
        (lambda: bucket_jackknife([[1, 2], [3, 4]], lambda s: s), r"\(3, 2\) became \(3, 2\)"),
        (lambda: bucket_jackknife([[1, 2], [3, 4]], ratio(0, 1), level=0), "0 < level < 1"),
        (lambda: effective_clusters([1, -1]), "counts must be finite and not negative, got -1"),
        (lambda: largest_share([0, 0]), "counts must hold at least one row, got none"),
        (lambda: largest_share([]), "counts must hold at least one row, got none"),
    ],
)
def test_rejects(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
