"""Churn: by hand, no bias where nothing moved, and how often its interval errs."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.churn import cross_fitted_churn


def test_the_share_that_moved_is_found() -> None:
    then = np.tile([6.0, 4.0, 0.0], (64, 1))
    now = np.tile([6.0, 1.0, 3.0], (64, 1))
    found = cross_fitted_churn(then, now)
    assert found.estimate == pytest.approx(0.3)
    assert (found.lo, found.hi) == pytest.approx((0.3, 0.3))
    assert found.clusters == pytest.approx(32)


@pytest.mark.parametrize("moved", [0.0, 0.2])
def test_noise_is_no_churn_and_the_lower_end_holds(moved: float) -> None:
    rng = np.random.default_rng(7)
    shares = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.0])
    later = (1 - moved) * shares + moved * np.eye(8)[7]
    estimates, above = [], 0
    for _ in range(400):
        then = rng.multinomial(60, shares, 64).astype(np.float64)
        now = rng.multinomial(16, later, 64).astype(np.float64)
        found = cross_fitted_churn(then, now)
        estimates.append(found.estimate)
        above += found.lo > moved
    # Without the halves, noise alone would be 0.03 where nothing moved.
    assert moved - 0.012 < np.mean(estimates) < moved + 0.004
    assert above / 400 < 0.08


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="one shape"):
        cross_fitted_churn(np.ones((4, 2)), np.ones((4, 3)))
    with pytest.raises(ValueError, match="not negative"):
        cross_fitted_churn(-np.ones((4, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="2 buckets"):
        cross_fitted_churn(np.ones((2, 2)), np.ones((2, 2)))
