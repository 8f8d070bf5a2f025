"""Trend: reference numbers, scipy as oracle, and error rates on data with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from llmops_health.kernels.trend import (
    lagged_correlation,
    mann_kendall,
    planned_contrast,
    theil_sen,
)

EVAL = np.array([0.80, 0.81, 0.81, 0.82, 0.83, 0.83, 0.84, 0.85, 0.85, 0.86, 0.87, 0.87])
SATISFACTION = np.array([0.75, 0.76, 0.74, 0.75, 0.73, 0.74, 0.72, 0.71, 0.72, 0.70, 0.69, 0.70])


@pytest.mark.parametrize(
    ("series", "s", "z", "p_value", "tau"),
    [
        (EVAL, 62, 4.222827059, 2.412569391e-05, 0.9393939394),
        (SATISFACTION, -52, -3.530560328, 4.146804361e-04, -0.7878787879),
        (EVAL - SATISFACTION, 57, 3.849123021, 1.185414654e-04, 0.8636363636),
    ],
)
def test_mann_kendall_equals_the_reference(
    series: np.ndarray, s: int, z: float, p_value: float, tau: float
) -> None:
    found = mann_kendall(series)
    # pymannkendall 1.4.3 original_test
    assert found.s == s
    assert (found.z, found.p_value, found.tau) == pytest.approx((z, p_value, tau), rel=1e-8)


def test_a_constant_series_has_no_trend() -> None:
    found = mann_kendall([0.5] * 6)
    assert (found.s, found.z, found.p_value, found.tau) == (0, 0.0, 1.0, 0.0)


def test_mann_kendall_keeps_to_its_level_on_independent_values() -> None:
    rng = np.random.default_rng(0)
    rejected = np.mean([mann_kendall(rng.normal(size=24)).p_value < 0.05 for _ in range(2000)])
    # 0.05 with a standard error of 0.005
    assert 0.035 < rejected < 0.065


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (EVAL, (0.006666666667, 0.006, 0.007142857143)),
        (SATISFACTION, (-0.006, -0.0075, -0.005)),
        (EVAL - SATISFACTION, (0.01267857143, 0.01, 0.01444444444)),
    ],
)
def test_theil_sen_equals_the_reference(
    series: np.ndarray, expected: tuple[float, float, float]
) -> None:
    found = theil_sen(series)
    # scipy 1.12 theilslopes
    assert (found.slope, found.lo, found.hi) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_theil_sen_equals_scipy_with_ties_in_both(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 9, size=25).astype(float), rng.integers(0, 12, size=25).astype(float)
    assert_equals_scipy(y, x)


@pytest.mark.parametrize("n", [2, 5, 12, 25])
def test_theil_sen_equals_scipy_without_ties(n: int) -> None:
    y, x = np.random.default_rng(n).normal(size=(2, n))
    assert_equals_scipy(y, x)


def assert_equals_scipy(y: np.ndarray, x: np.ndarray) -> None:
    found, oracle = theil_sen(y, x, level=0.9), stats.theilslopes(y, x, 0.9)
    assert (found.slope, found.lo, found.hi, found.intercept) == pytest.approx(
        (oracle.slope, oracle.low_slope, oracle.high_slope, oracle.intercept), rel=1e-12
    )


def test_contrast_equals_the_t_distribution() -> None:
    found = planned_contrast(0.10, 0.03, 0.19, 0.04, df=63, level=0.9)
    law = stats.t(63, loc=0.09, scale=0.05)
    assert (found.estimate, found.se) == pytest.approx((0.09, 0.05))
    assert (found.lo, found.hi) == pytest.approx(law.interval(0.9), rel=1e-10)
    assert (found.p_rise, found.p_fall) == pytest.approx((law.cdf(0), law.sf(0)), rel=1e-10)
    assert found.p_two_sided == pytest.approx(2 * law.cdf(0), rel=1e-10)


def test_contrast_turns_with_its_sides() -> None:
    rise, fall = planned_contrast(0.1, 0.02, 0.3, 0.05), planned_contrast(0.3, 0.05, 0.1, 0.02)
    assert (rise.p_rise, rise.p_fall) == pytest.approx((fall.p_fall, fall.p_rise))
    assert (rise.lo, rise.hi) == pytest.approx((-fall.hi, -fall.lo))


def test_lag_is_found_and_its_correlation_is_pearsons() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=60).cumsum()
    y = np.r_[rng.normal(size=3), x[:-3]] + rng.normal(0, 0.3, size=60)
    found = lagged_correlation(x, y, 5, rng, permutations=999)
    assert found.best_lag == 3
    assert found.p_value == found.p_values[3] == 1 / 1000
    for lag, correlation in enumerate(found.correlation):
        oracle = stats.pearsonr(np.diff(x)[: 59 - lag], np.diff(y)[lag:])
        assert correlation == pytest.approx(oracle.statistic, rel=1e-10)
    assert found.r_squared == pytest.approx(found.correlation[3] ** 2)


def test_choosing_among_lags_is_paid_for() -> None:
    rng = np.random.default_rng(8)
    rejected = 0
    for _ in range(400):
        x, y = rng.normal(size=(2, 24)).cumsum(axis=1)
        rejected += lagged_correlation(x, y, 4, rng, permutations=199).p_value <= 0.05
    # 0.05 with a standard error of 0.011; unpaid, five lags would reject four times as often
    assert 0.017 < rejected / 400 < 0.083


def test_a_flat_series_is_no_evidence() -> None:
    found = lagged_correlation(np.ones(10), np.arange(10.0) ** 2, 2, np.random.default_rng(0), 99)
    assert found.correlation.tolist() == [0.0, 0.0, 0.0]
    assert found.p_value == 1.0


@pytest.mark.parametrize("series", [[1.0, 2.0], [1.0, np.nan, 2.0], [[1.0, 2.0, 3.0]]])
def test_a_series_with_gaps_is_refused(series: list[float]) -> None:
    with pytest.raises(ValueError, match="x must hold at least 3 finite values"):
        mann_kendall(series)


def test_misuse_is_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="x must hold at least two different values"):
        theil_sen([1.0, 2.0], [3.0, 3.0])
    with pytest.raises(ValueError, match="x and y must match, got 3 and 2"):
        theil_sen([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="level must fulfil 0 < level < 1, got 0"):
        theil_sen([1.0, 2.0], level=0)
    with pytest.raises(ValueError, match="level must fulfil 0 < level < 1, got 1"):
        planned_contrast(0, 1, 0, 1, level=1)
    with pytest.raises(ValueError, match="not both 0, got 0 and 0"):
        planned_contrast(0.1, 0, 0.2, 0)
    with pytest.raises(ValueError, match="df must be > 0, got 0"):
        planned_contrast(0, 1, 0, 1, df=0)
    with pytest.raises(ValueError, match="means must be finite, got nan and 0"):
        planned_contrast(float("nan"), 1, 0, 1)
    with pytest.raises(ValueError, match=r"0 <= max_lag <= n - 4 = 4, got 5"):
        lagged_correlation(np.arange(8.0), np.arange(8.0), 5, rng)
    with pytest.raises(ValueError, match="x and y must match, got 8 and 9"):
        lagged_correlation(np.arange(8.0), np.arange(9.0), 1, rng)
    with pytest.raises(ValueError, match="permutations must be >= 1, got 0"):
        lagged_correlation(np.arange(8.0), np.arange(8.0), 1, rng, 0)
