"""Logistic slopes within groups: by hand, in simulation, at the edge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from llmops_health.kernels.logit_slope import logit_slopes


def test_two_points_are_fitted_exactly() -> None:
    found = logit_slopes([80, 60], [100, 100], [[0], [2]], [0, 0], [0, 1])
    assert found.slope[0] == pytest.approx((np.log(1.5) - np.log(4)) / 2, abs=1e-6)


def test_levels_of_groups_do_not_leak_into_the_slope() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        group = np.repeat(np.arange(4), 200)
        # The weak reviewer works long shifts: a slope without levels would be too steep.
        x = rng.integers(0, 4 + 2 * group, 800) * 1.0
        right = rng.random(800) < expit(2.5 - 0.5 * group - 0.25 * x)
        found = logit_slopes(right, np.ones(800), x[:, None], group, np.arange(800) // 10)
        covered += bool(found.lo[0] < -0.25 < found.hi[0])
    assert covered >= 90


def test_what_tells_nothing_is_misuse() -> None:
    with pytest.raises(ValueError, match="undetermined"):
        logit_slopes([1, 1], [2, 2], [[1], [1]], [0, 0], [0, 1])
    with pytest.raises(ValueError, match="at least 2 clusters"):
        logit_slopes([2, 2], [2, 2], [[1], [2]], [0, 0], [0, 1])
    with pytest.raises(ValueError, match="0 <= right <= n"):
        logit_slopes([3], [2], [[1]], [0], [0])
