"""Paired differences: against scipy and published values, with ties, at the ends of the range."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import PermutationMethod, binom, ttest_1samp, wilcoxon

from llmops_health.kernels.paired import (
    binary_change,
    clustered_change,
    paired_change,
    signed_rank,
)


@pytest.mark.parametrize("n", [6, 15, 50])
def test_exact_p_without_ties_is_scipys(n: int) -> None:
    d = np.random.default_rng(n).normal(0.3, 1, n)
    assert signed_rank(d) == pytest.approx(wilcoxon(d, method="exact").pvalue, rel=1e-9)


def test_exact_p_with_ties_is_the_permutation_p() -> None:
    d = np.array([1.0, 1.0, -1.0, 2.0, 2.0, 3.0, -2.0, 5.0, 0.0])
    # 8 values that are not 0: scipy runs through all 256 signs.
    expected = wilcoxon(d[d != 0], method=PermutationMethod(n_resamples=10_000)).pvalue
    assert signed_rank(d) == pytest.approx(expected, rel=1e-9)


def test_many_differences_use_the_normal_law() -> None:
    d = np.random.default_rng(1).normal(0.2, 1, 200).round(1)
    expected = wilcoxon(d, method="asymptotic", correction=True).pvalue
    assert signed_rank(d) == pytest.approx(expected, rel=1e-9)


def test_the_t_test_is_scipys() -> None:
    d = np.random.default_rng(2).normal(0.5, 1, 30)
    change = paired_change(d)
    assert change.p_t == pytest.approx(ttest_1samp(d, 0).pvalue)
    interval = ttest_1samp(d, 0).confidence_interval(0.95)
    assert (change.lo, change.hi) == pytest.approx((interval.low, interval.high))


def test_nothing_changed() -> None:
    change = paired_change(np.zeros(20))
    assert (change.mean, change.p_t, change.p_signed_rank) == (0.0, 1.0, 1.0)


def test_all_changed_alike() -> None:
    change = paired_change(np.ones(10))
    assert (change.p_t, change.p_signed_rank) == (0.0, 2**-9)


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="at least 2 finite"):
        paired_change([1.0])
    with pytest.raises(ValueError, match="0 < level < 1"):
        paired_change([1.0, 2.0], level=1)
    with pytest.raises(ValueError, match="finite vector"):
        signed_rank([np.nan])


def test_right_and_wrong_as_published() -> None:
    # 25 of 400 items lost and 12 won: Tango's interval and the mid-p of McNemar's test.
    change = binary_change(25, 12, 400)
    assert change.mean == pytest.approx(-0.0325)
    assert (change.lo, change.hi) == pytest.approx((-0.06435050058, -0.002830697329), abs=1e-10)
    assert change.p_two_sided == pytest.approx(0.03355243968, abs=1e-10)
    assert change.p_fall == pytest.approx(0.03355243968 / 2, abs=1e-10)
    assert change.p_fall + change.p_rise == pytest.approx(1)


@pytest.mark.parametrize(("n_lost", "n_won"), [(0, 0), (5, 0), (0, 3), (4, 4), (60, 41)])
def test_mid_p_is_scipys_binomial(n_lost: int, n_won: int) -> None:
    law = binom(n_lost + n_won, 0.5)
    change = binary_change(n_lost, n_won, 150)
    assert change.p_fall == pytest.approx(law.sf(n_lost) + law.pmf(n_lost) / 2)
    assert change.p_rise == pytest.approx(law.sf(n_won) + law.pmf(n_won) / 2)


def test_the_interval_of_no_change_is_known_in_closed_form() -> None:
    z2 = 1.959963984540054**2
    change = binary_change(0, 0, 100)
    assert (change.lo, change.hi) == pytest.approx((-z2 / (100 + z2), z2 / (100 + z2)))


def test_the_interval_turns_with_the_sign_and_stays_possible() -> None:
    fell, rose = binary_change(9, 2, 30, level=0.99), binary_change(2, 9, 30, level=0.99)
    assert (fell.lo, fell.hi) == pytest.approx((-rose.hi, -rose.lo))
    assert binary_change(5, 0, 5).lo == pytest.approx(-1)
    assert binary_change(1, 0, 1).hi <= 1


def test_the_interval_covers_what_it_says() -> None:
    rng = np.random.default_rng(7)
    counts = rng.multinomial(60, [0.15, 0.05, 0.8], 1_500)
    inside = [
        change.lo <= -0.10 <= change.hi
        for n_lost, n_won, _ in counts.tolist()
        for change in [binary_change(n_lost, n_won, 60)]
    ]
    # Three standard errors of 1,500 at 0.95 are 0.017.
    assert 0.933 < np.mean(inside) < 0.972


def test_clustered_errors_as_published() -> None:
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(40), 5)
    shared = 0.4 * rng.normal(size=40)[cluster]
    d = np.clip(np.round(shared + 0.5 * rng.normal(size=200) - 0.05), -1, 1)
    change = clustered_change(d, cluster)
    assert (change.mean, change.se) == pytest.approx((-0.025, 0.06800735254), abs=1e-10)
    assert clustered_change(d).se == pytest.approx(0.04725505477, abs=1e-10)
    assert (change.n, change.n_clusters) == (200, 40)


def test_clusters_of_one_are_scipys_t_test() -> None:
    d = np.random.default_rng(3).normal(-0.2, 1, 25)
    change = clustered_change(d, np.arange(25) + 7)
    assert change.p_fall == pytest.approx(ttest_1samp(d, 0, alternative="less").pvalue)
    interval = ttest_1samp(d, 0).confidence_interval(0.95)
    assert (change.lo, change.hi) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(("d", "p_fall"), [(0.0, 0.5), (-0.1, 0.0), (0.1, 1.0)])
def test_differences_that_do_not_vary(d: float, p_fall: float) -> None:
    change = clustered_change(np.full(6, d))
    assert (change.se, change.p_fall) == (0.0, p_fall)


def test_misuse_of_counts_and_clusters_is_named() -> None:
    with pytest.raises(ValueError, match="3, 2 of 4"):
        binary_change(3, 2, 4)
    with pytest.raises(ValueError, match="-1"):
        binary_change(-1, 2, 4)
    with pytest.raises(ValueError, match="0 < level < 1"):
        binary_change(1, 2, 4, level=0)
    with pytest.raises(ValueError, match="at least 2 clusters, got 1"):
        clustered_change([1.0, 2.0], [3, 3])
    with pytest.raises(ValueError, match="a cluster each"):
        clustered_change([1.0, 2.0], [3])
    with pytest.raises(ValueError, match="0 < level < 1"):
        clustered_change([1.0, 2.0], level=1)
