"""The signed gap: by hand, tails against exact ones, clusters, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health.kernels.confidence_gap import (
    confidence_gap,
    error_tail,
    gap_design_effect,
    rms_gap_interval,
    scaled_design_effect,
)


@pytest.mark.parametrize(
    ("n", "p", "errors", "exact"),
    [
        # scipy 1.17.0: scipy.stats.binom.sf(errors - 1, n, p)
        (200, 0.1, 40, 1.7007333e-05),
        (200, 0.1, 21, 0.44082522),
        (200, 0.1, 20, 0.53446153),
        (200, 0.1, 10, 0.99647144),
        (40, 0.01, 3, 0.0074973634),
        (187, 0.02, 12, 0.00043390755),
        (50, 0.5, 50, 8.8817842e-16),
    ],
)
def test_tail_is_that_of_the_binomial_where_all_calls_are_alike(
    n: int, p: float, errors: int, exact: float
) -> None:
    assert error_tail(errors, [n], [p]) == pytest.approx(exact, rel=0.07)
    if exact > 1e-10:
        assert error_tail(errors, [n], [p]) == pytest.approx(exact, rel=0.015)


def test_tail_of_unequal_calls_is_lighter_than_that_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    p, n = rng.beta(1, 8, 30), rng.integers(1, 10, 30)
    drawn = rng.binomial(n, p, size=(400_000, 30)).sum(axis=1)
    mean = float((n * p).sum() / n.sum())
    for errors in (21, 26, 31):
        exact = float((drawn >= errors).mean())
        assert error_tail(errors, n, p) == pytest.approx(exact, rel=0.05)
    assert error_tail(36, n, p) < 0.6 * error_tail(36, [n.sum()], [mean])


def test_certain_calls_only_move_the_count() -> None:
    assert error_tail(2, [5, 2], [0.1, 1.0]) == 1.0
    assert error_tail(4, [5, 2], [0.1, 1.0]) == error_tail(2, [5], [0.1])
    assert error_tail(1, [5], [0.0]) == 0.0
    assert error_tail(0, [5], [0.3]) == 1.0


def test_gap_and_interval_by_hand() -> None:
    bins = ConfidenceBins.by_value([0.9] * 100, [1] * 80 + [0] * 20)
    # conf - y is -0.1 (80 times) and 0.9 (20): mean 0.1, variance 0.16, se 0.04; four equal
    # buckets leave t(3, 0.975) = 3.182446
    gap = confidence_gap(bins, [[25, 20, 22.5, 20.25, 18]] * 4)
    assert (gap.gap, gap.lo, gap.hi) == pytest.approx((0.1, -0.0272978, 0.2272978), abs=1e-6)
    assert (gap.n, gap.errors, gap.n_clusters) == (100, 20, 4.0)


def test_clustered_calls_count_for_less() -> None:
    bins = ConfidenceBins.by_value([0.9] * 200, [1] * 160 + [0] * 40)
    sums = [[50, 40, 45, 40.5, 36]] * 4
    alone, together = confidence_gap(bins, sums), confidence_gap(bins, sums, deff=4.0)
    assert together.hi - together.lo == pytest.approx(2 * (alone.hi - alone.lo))
    assert together.p_over == pytest.approx(error_tail(10, [50], [0.1]))


def test_design_effect_of_users_who_are_always_right_or_wrong() -> None:
    # 32 users of 10 calls, half of them always wrong: 10 calls say no more than one.
    right, wrong = [10, 10, 5, 2.5, 5], [10, 0, 5, 2.5, 0]
    assert gap_design_effect([right, wrong] * 16) == pytest.approx(10 * 32 / 31, rel=1e-6)
    assert gap_design_effect([right, wrong]) == 1.0


def test_design_effect_shrinks_with_the_window() -> None:
    assert scaled_design_effect(3.0, [20, 20], [20, 20]) == 3.0
    assert scaled_design_effect(3.0, [20, 20], [1, 1]) == 1.0
    assert scaled_design_effect(3.0, [1, 1], [1, 1]) == 3.0


def test_rms_gap_covers_the_true_one() -> None:
    rng = np.random.default_rng(5)
    conf = np.repeat([0.6, 0.7, 0.8, 0.9], 150)
    covered = 0
    for _ in range(300):
        interval = rms_gap_interval(ConfidenceBins.by_value(conf, rng.random(600) < conf - 0.1))
        covered += interval.lo <= 0.1 <= interval.hi
    # nominal 0.95, 3 standard errors of 300 draws below
    assert covered / 300 > 0.95 - 3 * 0.0126


def test_misuse_names_the_argument() -> None:
    bins = ConfidenceBins.by_value([0.9, 0.9], [1, 0])
    with pytest.raises(ValueError, match=r"deff must be at least 1, got 0\.5"):
        confidence_gap(bins, [[2, 1, 1.8, 1.62, 0.9]], deff=0.5)
    with pytest.raises(ValueError, match=r"sums must be a \(n_buckets, 5\) array"):
        confidence_gap(bins, [[2, 1]])
    with pytest.raises(ValueError, match="sums must hold calls"):
        gap_design_effect(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="deff must be at least 1"):
        scaled_design_effect(0.0, [1], [1])
    with pytest.raises(ValueError, match="level must fulfil"):
        rms_gap_interval(bins, level=1.0)
    with pytest.raises(ValueError, match="p_error must lie in 0-1"):
        error_tail(1, [1], [1.5])
    with pytest.raises(ValueError, match="must be \\(groups,\\) alike"):
        error_tail(1, [1, 2], [0.5])
