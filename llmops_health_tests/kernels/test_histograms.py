"""Log-histograms against DDSketch, exact rows and scipy; laws of distances; thin data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erfinv
from scipy.stats import ks_2samp, wasserstein_distance

from llmops_health.kernels.histograms import (
    GAMMA,
    NEGATIVE_BIN,
    NULL_BIN,
    ZERO_BIN,
    bin_value,
    edge_w1,
    log_bin,
    quantile,
    quantile_bins,
    quantile_interval,
    rebin,
    w1,
)
from llmops_health.kernels.jackknife import bucket_jackknife, ratio

Floats = NDArray[np.float64]
Histogram = tuple[NDArray[np.int64], NDArray[np.int64]]


def histogram(x: Floats) -> Histogram:
    k, n = np.unique(log_bin(x), return_counts=True)
    return k, n


def lognormal_ms() -> Floats:
    """Lognormal(5, .9) latencies, 20,000 of them, without a random number."""
    u = np.arange(1, 20_001) * 0.6180339887498949 % 1
    return np.asarray(np.exp(5 + 0.9 * np.sqrt(2) * erfinv(2 * u - 1)))


# ddsketch 3.0.1 merged over 7 days, and DuckDB 2.0.0 SQL over the same bins.
@pytest.mark.parametrize(
    ("q", "value"),
    [(0.5, 146.9535192), (0.95, 645.5906777), (0.99, 1200.131418), (0.999, 2368.966381)],
)
def test_quantiles_of_lognormal_latencies(q: float, value: float) -> None:
    x = lognormal_ms()
    k, n = histogram(x)
    assert len(k) == 313
    assert quantile(k, n, q) == pytest.approx(value, rel=1e-8)
    assert quantile(k, n, q) == pytest.approx(np.quantile(x, q, method="lower"), rel=0.01)


def test_merged_days_are_one_histogram() -> None:
    x = lognormal_ms()
    days = [histogram(x[day::7]) for day in range(7)]
    k, n = (np.concatenate(parts) for parts in zip(*days, strict=True))
    assert quantile(k, n, 0.95) == quantile(*histogram(x), 0.95)
    assert w1(k, n, *histogram(x)).w1 == pytest.approx(0, abs=1e-12)


def test_every_value_is_within_one_percent_of_its_bin() -> None:
    x = 10.0 ** np.random.default_rng(0).uniform(-300, 147, 10_000)
    assert np.abs(bin_value(log_bin(x)) / x - 1).max() <= 0.01 + 1e-6


def test_powers_of_gamma_close_their_bin() -> None:
    k = np.arange(-2000, 2001)
    np.testing.assert_array_equal(log_bin(GAMMA ** k.astype(np.float64)), k)
    np.testing.assert_array_equal(log_bin(GAMMA ** k.astype(np.float64) * 1.0001), k + 1)


def test_special_values_have_bins_below_all_others() -> None:
    got = log_bin([[0.0, -0.0, -5.0], [-np.inf, np.nan, 5e-324]])
    assert got[:, :2].tolist() == [[ZERO_BIN, ZERO_BIN], [NEGATIVE_BIN, NULL_BIN]]
    assert got[0, 2] == NEGATIVE_BIN
    assert ZERO_BIN < got[1, 2] < 0
    np.testing.assert_array_equal(
        bin_value([ZERO_BIN, NEGATIVE_BIN, NULL_BIN]), [0.0, np.nan, np.nan]
    )


def test_quantiles_count_zeros_and_skip_negative_and_missing() -> None:
    k, n = [231, ZERO_BIN, NEGATIVE_BIN, NULL_BIN], [50, 50, 900, 900]
    assert quantile(k, n, 0.49) == 0
    assert quantile(k, n, 0.51) == pytest.approx(100, rel=0.01)
    assert (quantile(k, n, 0), quantile(k, n, 1)) == pytest.approx((0, 100), rel=0.01)


def test_the_median_of_three_is_the_middle_one() -> None:
    assert quantile([10, 20, 30], [1, 1, 1], 0.5) == bin_value(20)


def test_infinity_is_the_largest_number_and_breaks_nothing() -> None:
    top = log_bin([np.inf, np.finfo(np.float64).max])
    assert top[0] == top[1] > 35_000
    k, n = np.append(top[:1], 231), [1, 999]
    assert quantile(k, n, 0.5) == pytest.approx(100, rel=0.01)
    assert quantile_interval(k, n, 0.5, 0.5, dof=63).hi > 1e147
    assert 0 < w1([231], [1000], k, n).w1_per_sd < np.inf
    assert 0 < w1(k, n, [231], [1000]).w1_per_sd < 1


def test_woodruff_interval_inverts_the_distribution_function() -> None:
    x = lognormal_ms()
    got = quantile_interval(*histogram(x), 0.5, 0.01, dof=63)
    # t(63, .975) = 1.998: ranks .5 -/+ .01998
    assert (got.lo, got.hi) == pytest.approx(np.quantile(x, [0.48002, 0.51998]), rel=2e-3)
    assert got.estimate == quantile(*histogram(x), 0.5)


def test_interval_without_error_holds_the_estimate() -> None:
    got = quantile_interval([231], [10], 0.5, 0.0, dof=63)
    assert GAMMA**230 <= got.lo <= got.estimate <= got.hi <= GAMMA**231


def test_interval_stops_at_the_edges_of_the_sample() -> None:
    got = quantile_interval([ZERO_BIN, 100, 200], [10, 80, 10], 0.99, 0.5, dof=63)
    assert got.lo == 0
    assert got.hi == pytest.approx(GAMMA**200)


def test_woodruff_covers_p95_with_clustered_users() -> None:
    rng = np.random.default_rng(77)
    reps, n_users, effect, noise = 200, 1500, 0.5, 0.7
    # Lognormal with both variances: p95 = exp(5 + 1.6449 sqrt(.25 + .49)).
    truth = np.exp(5 + 1.6448536 * np.hypot(effect, noise))
    covered = 0
    for _ in range(reps):
        user = np.repeat(np.arange(n_users), rng.geometric(0.2, n_users))
        level = rng.normal(0, effect, n_users)[user]
        k = log_bin(np.exp(5 + level + noise * rng.normal(size=len(user))))
        bins, n = np.unique(k, return_counts=True)
        bucket = user % 64
        below = k <= log_bin(quantile(bins, n, 0.95))
        sums = np.column_stack([np.bincount(bucket, below, 64), np.bincount(bucket)])
        se = bucket_jackknife(sums, ratio(0, 1)).se
        interval = quantile_interval(bins, n, 0.95, se, dof=63)
        covered += interval.lo <= truth <= interval.hi
    # Three simulation errors of a coverage of .95 are .046.
    assert covered / reps == pytest.approx(0.95, abs=0.046)


# numpy 1.26, uniform inside bins: counts of a fixed six-bin example.
def test_w1_on_shared_edges() -> None:
    ref, cur = [120, 300, 250, 180, 100, 50], [90, 220, 260, 230, 130, 70]
    assert edge_w1([0, 1, 2, 4, 8, 16, 32], ref, cur) == pytest.approx(1.035, rel=1e-8)


def test_w1_where_the_distribution_functions_cross() -> None:
    # The gap is +1/4 at x = 1 and -1/4 at x = 2: triangles of 1/8, 1/16 + 1/16, 1/8.
    assert edge_w1([0, 1, 2, 3], [1, 2, 1], [2, 0, 2]) == pytest.approx(3 / 8)


def test_distances_agree_with_rows() -> None:
    rng = np.random.default_rng(0)
    a, b = np.exp(rng.normal(5, 0.9, 3000)), np.exp(rng.normal(5.2, 1, 2000))
    got = w1(*histogram(a), *histogram(b))
    assert got.w1 == pytest.approx(wasserstein_distance(a, b), rel=0.01)
    assert got.w1_per_sd == pytest.approx(wasserstein_distance(a, b) / a.std(), rel=0.01)
    assert got.ks <= ks_2samp(a, b).statistic == pytest.approx(got.ks, abs=0.01)


def test_zeros_take_part_in_the_distance() -> None:
    rng = np.random.default_rng(1)
    a = np.where(rng.random(4000) < 0.5, 0.0, 100.0)
    b = np.where(rng.random(4000) < 0.3, 0.0, 100.0)
    got = w1(*histogram(a), *histogram(b))
    assert got.w1 == pytest.approx(wasserstein_distance(a, b), rel=0.02)
    assert got.w1_per_sd == pytest.approx(got.w1 / a.std(), rel=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_laws_of_distances(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def draw() -> Histogram:
        k = rng.choice(np.append(np.arange(-50, 300), ZERO_BIN), size=20, replace=False)
        return k, rng.integers(1, 50, size=20)

    a, b, c = draw(), draw(), draw()
    ab, ba = w1(*a, *b), w1(*b, *a)
    assert (ab.w1, ab.ks) == pytest.approx((ba.w1, ba.ks))
    assert 0 < ab.ks <= 1
    assert ab.w1 <= w1(*a, *c).w1 + w1(*c, *b).w1 + 1e-9
    same = w1(*a, a[0][::-1], 10 * a[1][::-1])
    assert (same.w1, same.w1_per_sd, same.ks) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_constant_reference_has_the_width_of_its_bin() -> None:
    moved = w1([231], [10], [232], [10])
    width = GAMMA**231 - GAMMA**230
    assert moved.w1_per_sd == pytest.approx(moved.w1 / (width / np.sqrt(12)))
    assert moved.ks == 1


def test_a_reference_of_zeros_has_no_standard_deviation() -> None:
    assert w1([ZERO_BIN], [10], [231], [10]).w1_per_sd == np.inf
    assert w1([ZERO_BIN], [10], [ZERO_BIN], [3]).w1_per_sd == 0


def test_deciles_hold_equal_mass() -> None:
    k, n = histogram(lognormal_ms())
    edges = quantile_bins(k, n)
    counts = rebin(k, n, edges)
    assert len(edges) == 9
    assert counts.sum() == 20_000
    np.testing.assert_allclose(counts, 2000, atol=n.max())


def test_ties_make_fewer_bins_and_keep_the_rest_apart() -> None:
    edges = quantile_bins([ZERO_BIN, 10, 20], [70, 20, 10])
    assert edges.tolist() == [ZERO_BIN, 10]
    k, n = [ZERO_BIN, -7, 10, 11, 99, NULL_BIN, NEGATIVE_BIN], [1, 2, 3, 4, 5, 6, 7]
    assert rebin(k, n, edges).tolist() == [1, 5, 9]


def test_a_constant_reference_still_shows_what_is_new_above() -> None:
    edges = quantile_bins([ZERO_BIN], [500])
    assert rebin([ZERO_BIN, 3], [400, 100], edges).tolist() == [400, 100]


def test_rebin_of_nothing_is_nothing() -> None:
    assert rebin([], [], [1, 2]).tolist() == [0, 0, 0]
    assert rebin([NULL_BIN], [7], [1, 2]).tolist() == [0, 0, 0]


NOTHING = "n must count at least one value that is zero or positive, got none"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantile([], [], 0.5), NOTHING),
        (lambda: quantile([5], [0], 0.5), NOTHING),
        (lambda: quantile([NULL_BIN, NEGATIVE_BIN], [9, 9], 0.5), NOTHING),
        (lambda: quantile([5], [1], 1.01), "0 <= q <= 1, got 1.01"),
        (lambda: quantile([5, 6], [1], 0.5), r"vectors of one length, got \(2,\), \(1,\)"),
        (lambda: quantile([5], [-1], 0.5), "n must be finite and not negative, got -1"),
        (lambda: quantile_interval([5], [1], 0.5, -1, dof=63), "se must not be negative"),
        (lambda: quantile_interval([5], [1], 0.5, 1, dof=0), "dof must be at least 1"),
        (lambda: w1([5], [1], [], []), NOTHING),
        (lambda: quantile_bins([5], [1], n_bins=1), "n_bins must be at least 2, got 1"),
        (lambda: rebin([5], [1], [3, 3]), "edges must be a vector that increases"),
        (lambda: edge_w1([0, 2, 1], [1, 1], [1, 1]), "edges must be a vector that increases"),
        (lambda: edge_w1([0, 1], [1], [1, 1]), "n_cur must have 1 counts"),
        (lambda: edge_w1([0, 1], [0], [1]), "n_ref must hold at least one row"),
    ],
)
def test_rejects(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
