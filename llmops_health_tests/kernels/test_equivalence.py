"""Two one-sided tests: statsmodels' numbers, the interval that they amount to, and the edges."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.equivalence import two_one_sided_tests


def test_paired_differences_of_the_oracle() -> None:
    # statsmodels ttost_paired(after, before, -5, 5): p 5.540977974e-6, df 59.
    rng = np.random.default_rng(8)
    before = rng.normal(100, 15, 60)
    differences = before + rng.normal(1, 6, 60) - before
    se = float(differences.std(ddof=1)) / np.sqrt(60)
    found = two_one_sided_tests(float(differences.mean()), se, 59, -5, 5)
    assert found.p_value == pytest.approx(5.540977974e-06, rel=1e-8)
    assert found.p_above_lower == pytest.approx(1.262571193e-11, rel=1e-8)
    assert (found.lo, found.hi) == pytest.approx((0.02039980537, 2.590849923), rel=1e-7)
    assert found.is_equivalent


@pytest.mark.parametrize("estimate", np.linspace(-0.08, 0.08, 17).tolist())
def test_equivalent_is_where_the_interval_lies_within_the_margins(estimate: float) -> None:
    found = two_one_sided_tests(estimate, 0.0123, 20, -0.05, 0.05)
    assert found.is_equivalent == (found.lo > -0.05 and found.hi < 0.05)


def test_margins_need_not_be_alike() -> None:
    assert two_one_sided_tests(0.04, 0.01, 100, -0.01, 0.10).is_equivalent
    assert not two_one_sided_tests(0.04, 0.01, 100, -0.10, 0.05).is_equivalent


def test_without_error_the_estimate_decides() -> None:
    assert two_one_sided_tests(0.049, 0.0, 5, -0.05, 0.05).is_equivalent
    assert not two_one_sided_tests(0.051, 0.0, 5, -0.05, 0.05).is_equivalent
    assert two_one_sided_tests(0.05, 0.0, 5, -0.05, 0.05).p_value == 0.5


def test_at_the_margin_the_level_is_kept() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.05, 0.1, (4_000, 25))
    se = values.std(axis=1, ddof=1) / 5
    rejected = [
        two_one_sided_tests(float(mean), float(one), 24, -0.05, 0.05).is_equivalent
        for mean, one in zip(values.mean(axis=1), se, strict=True)
    ]
    assert np.mean(rejected) < 0.05 + 3 * 0.0035


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, -1.0, 5, -1, 1), "se must not be negative"),
        ((0.0, 1.0, 0, -1, 1), "dof must be at least 1"),
        ((0.0, 1.0, 5, 1, 1), "lower must lie below upper"),
    ],
)
def test_misuse(arguments: tuple[float, float, int, float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        two_one_sided_tests(*arguments)


def test_alpha_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"alpha must fulfil 0 < alpha < 0\.5, got 0\.5"):
        two_one_sided_tests(0.0, 1.0, 5, -1, 1, alpha=0.5)
