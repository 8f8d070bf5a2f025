"""Paired differences: against scipy, with ties, at both ends of the exact range."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import PermutationMethod, ttest_1samp, wilcoxon

from llmops_health.kernels.paired import paired_change, signed_rank


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
