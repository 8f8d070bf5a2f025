"""Regret: the published example, against simulation, at the ends, and misuse."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.intervals import t_interval
from llmops_health.kernels.regret import chance_above, expected_regret

# 61 cases that only the challenger has right, 33 that only the champion has, of 500.
GAP, SE = 28 / 500, np.sqrt(94 / 500**2 - (28 / 500) ** 2 / 500)


def test_the_example() -> None:
    assert pytest.approx(0.01922831246, rel=1e-8) == SE
    assert chance_above(GAP, SE, 0.02) == pytest.approx(0.9694132398, rel=1e-8)
    # 12,000 calls a month at 0.05 USD for each that is right.
    reach = t_interval(GAP, SE, 10**9)
    money = [12_000 * 0.05 * gap for gap in (reach.lo, GAP, reach.hi)]
    assert money == pytest.approx([10.98791988, 33.6, 56.21208012], rel=1e-6)
    assert expected_regret(33.6, 600 * SE) == pytest.approx(33.6, rel=1e-3)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (-1.0, 2.0), (3.0, 0.5), (-4.0, 1.0)])
def test_it_is_the_mean_of_gains(mean: float, sd: float) -> None:
    draws = np.random.default_rng(8).normal(mean, sd, 2_000_000)
    assert expected_regret(mean, sd) == pytest.approx(np.maximum(draws, 0).mean(), abs=2e-3 * sd)
    assert chance_above(mean, sd, 0.5) == pytest.approx(np.mean(draws > 0.5), abs=2e-3)


def test_without_error_it_is_the_gain() -> None:
    assert expected_regret(2.0, 0.0) == 2.0
    assert expected_regret(-2.0, 0.0) == 0.0
    assert (chance_above(0.1, 0, 0.1), chance_above(0.2, 0, 0.1)) == (0.0, 1.0)
    assert expected_regret(-100.0, 1.0) == 0.0


def test_misuse_is_told() -> None:
    with pytest.raises(ValueError, match="se must be finite"):
        expected_regret(1.0, -1.0)
    with pytest.raises(ValueError, match="estimate must be finite"):
        expected_regret(float("nan"), 1.0)
    with pytest.raises(ValueError, match="margin must be finite"):
        chance_above(1.0, 1.0, float("inf"))
