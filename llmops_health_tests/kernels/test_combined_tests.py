"""The sum of z: against scipy, centred under the null, and safe at the ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import combine_pvalues

from llmops_health.kernels.combined_tests import sum_of_z


@pytest.mark.parametrize("p", [[0.2], [0.05, 0.9, 0.4], [1e-9, 0.5, 0.99]])
def test_it_is_stouffers(p: list[float]) -> None:
    assert sum_of_z(p) == pytest.approx(combine_pvalues(p, method="stouffer").pvalue)


def test_a_rise_makes_up_for_a_fall() -> None:
    assert sum_of_z([0.01, 0.99]) == pytest.approx(0.5)


def test_certainty_is_not_infinite() -> None:
    assert 0 <= sum_of_z([0.0, 0.5]) < 1e-6
    assert sum_of_z([0.0, 1.0]) == pytest.approx(0.5)


def test_the_level_is_kept() -> None:
    p = np.random.default_rng(1).random((4_000, 5))
    assert np.mean([sum_of_z(row) < 0.05 for row in p]) == pytest.approx(0.05, abs=0.0104)


@pytest.mark.parametrize("p", [[], [[0.1]], [1.1], [float("nan")]])
def test_misuse_is_named(p: list[float]) -> None:
    with pytest.raises(ValueError, match="values in 0-1"):
        sum_of_z(p)
