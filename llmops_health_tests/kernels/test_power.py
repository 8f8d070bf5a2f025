"""Smallest detectable effects keep their promise in simulation, and never claim certainty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from llmops_health.kernels.power import design_effect, mde_mean, mde_proportion


def test_worked_case() -> None:
    # 2.8016 sqrt(.09 * 3.2 / 1000) = .04754: 4.8 percentage points.
    assert mde_proportion(0.9, 1000, 3.2) == pytest.approx(0.04754, abs=5e-6)


def test_the_promised_effect_is_found_four_times_in_five() -> None:
    n, sd = 200, 3.0
    shift = mde_mean(sd, n)
    means = np.random.default_rng(4).normal(shift, sd / np.sqrt(n), 20_000)
    found = np.abs(means) > 1.959964 * sd / np.sqrt(n)
    assert found.mean() == pytest.approx(0.8, abs=0.009)


def test_more_rows_less_power_or_a_laxer_level_find_less_or_more() -> None:
    assert mde_mean(1, 400) == pytest.approx(mde_mean(1, 100) / 2)
    assert mde_mean(1, 100, 4) == pytest.approx(2 * mde_mean(1, 100))
    assert mde_mean(1, 100, power=0.5) < mde_mean(1, 100) < mde_mean(1, 100, alpha=0.01)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_share_of_none_or_all_still_has_a_variance(p: float) -> None:
    half_observation = 0.5 / 100
    assert mde_proportion(p, 100) == pytest.approx(mde_proportion(half_observation, 100))
    assert mde_proportion(p, 100) > 0.01
    assert mde_proportion(p, 100, 8) == pytest.approx(mde_proportion(0.04, 100, 8))
    assert mde_proportion(p, 1, deff=8) == pytest.approx(mde_proportion(0.5, 1, deff=8))


def test_design_effect() -> None:
    # statsmodels 0.15.0: naive and user-clustered error of one mean over 19,704 rows.
    assert design_effect(0.006413183685, 0.003561538391) == pytest.approx(3.2424, abs=5e-5)
    assert design_effect(0.0, 0.0) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mde_proportion(1.1, 10), "0 <= p <= 1, got 1.1"),
        (lambda: mde_proportion(0.5, 0), "n must be positive, got 0"),
        (lambda: mde_mean(1, 10, 0), "deff must be positive, got 0"),
        (lambda: mde_mean(-1, 10), "sd must not be negative, got -1"),
        (lambda: mde_mean(1, 10, alpha=0), "0 < alpha < 1, got 0"),
        (lambda: mde_mean(1, 10, power=1), "0 < power < 1, got 1"),
        (lambda: design_effect(-1, 1), "se must not be negative, got -1"),
        (lambda: design_effect(1, 0), "se_iid must be positive, got 0"),
    ],
)
def test_rejects(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
