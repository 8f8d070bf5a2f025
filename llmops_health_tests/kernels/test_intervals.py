"""Intervals against published and reference values, at the ends, and against scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from llmops_health.kernels.intervals import (
    Interval,
    clopper_pearson_interval,
    clopper_pearson_upper,
    mean_interval,
    t_interval,
    wilson_interval,
)

ProportionInterval = Callable[[float, float], Interval]


def ends(interval: Interval) -> tuple[float, float]:
    return interval.lo, interval.hi


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [2, 5, 400])
def test_mean_interval_agrees_with_scipy(n: int, level: float) -> None:
    x = np.random.default_rng(n).normal(3, 2, n)
    got = mean_interval(x.mean(), x.var(ddof=1), n, level=level)
    assert ends(got) == pytest.approx(
        stats.t.interval(level, n - 1, loc=x.mean(), scale=stats.sem(x)), rel=1e-9
    )
    assert got.estimate == x.mean()


def test_t_interval_without_error_is_the_estimate() -> None:
    assert t_interval(0.3, 0.0, 63) == Interval(0.3, 0.3, 0.3)


# scipy 1.14 binomtest(7, 50).proportion_ci("wilson" and "exact").
def test_proportions_of_seven_in_fifty() -> None:
    assert ends(wilson_interval(7, 50)) == pytest.approx((0.0695, 0.2619), abs=5e-5)
    assert ends(clopper_pearson_interval(7, 50)) == pytest.approx((0.0582, 0.2674), abs=5e-5)


def test_clopper_pearson_upper_of_twelve_in_two_hundred() -> None:
    # scipy 1.12 beta.ppf(.95, 13, 188)
    assert clopper_pearson_upper(12, 200) == pytest.approx(0.09540141773, rel=1e-8)


@pytest.mark.parametrize("successes", [0, 1, 13, 29, 30])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_proportions_agree_with_scipy(successes: int, level: float) -> None:
    reference = stats.binomtest(successes, 30)
    wilson = reference.proportion_ci(level, method="wilson")
    exact = reference.proportion_ci(level, method="exact")
    assert ends(wilson_interval(successes, 30, level=level)) == pytest.approx(
        (wilson.low, wilson.high), abs=1e-12
    )
    assert ends(clopper_pearson_interval(successes, 30, level=level)) == pytest.approx(
        (exact.low, exact.high), abs=1e-12
    )


@pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])
def test_ends_at_none_and_all(interval: ProportionInterval) -> None:
    none, every = interval(0, 30), interval(30, 30)
    assert none.lo == none.estimate == 0
    assert every.hi == every.estimate == 1
    assert none.hi == pytest.approx(1 - every.lo)
    assert 0 < none.hi < 0.2


def test_a_design_effect_widens() -> None:
    plain, clustered = wilson_interval(90, 100), wilson_interval(90 / 3, 100 / 3)
    assert clustered.estimate == pytest.approx(plain.estimate)
    assert clustered.lo < plain.lo < plain.hi < clustered.hi


def test_wilson_covers_on_average_and_clopper_pearson_always() -> None:
    n, p = 40, np.linspace(0.02, 0.98, 97)
    probability = stats.binom.pmf(np.arange(n + 1)[:, None], n, p)
    for interval, least, mean in (
        (wilson_interval, 0.83, 0.95),
        (clopper_pearson_interval, 0.95, 0.97),
    ):
        bounds = np.array([ends(interval(successes, n)) for successes in range(n + 1)])
        covered = (bounds[:, :1] <= p) & (p <= bounds[:, 1:])
        coverage = (probability * covered).sum(axis=0)
        assert coverage.min() >= least
        assert coverage.mean() == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval(0, 1, 1), "n must be at least 2 to estimate a variance, got 1"),
        (lambda: mean_interval(0, -1, 9), "variance must not be negative, got -1"),
        (lambda: mean_interval(0, float("nan"), 9), "variance must not be negative, got nan"),
        (lambda: t_interval(0, -0.1, 3), "se must not be negative, got -0.1"),
        (lambda: t_interval(0, 1, 0), "dof must be at least 1, got 0"),
        (lambda: t_interval(0, 1, 3, level=1), "0 < level < 1, got 1"),
        (lambda: wilson_interval(0, 0), "n must be positive, got 0"),
        (lambda: wilson_interval(3, 2), "0 <= successes <= n = 2, got 3"),
        (lambda: wilson_interval(1, 2, level=0), "0 < level < 1, got 0"),
        (lambda: clopper_pearson_interval(-1, 2), "0 <= successes <= n = 2, got -1"),
        (lambda: clopper_pearson_interval(1, 2, level=2), "0 < level < 1, got 2"),
        (lambda: clopper_pearson_upper(1, 2, level=2), "0 < level < 1, got 2"),
    ],
)
def test_rejects(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
