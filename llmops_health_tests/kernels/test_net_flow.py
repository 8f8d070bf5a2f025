"""Net flow: growth is seen, one odd day and the weekend are not growth."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.net_flow import net_flow

WEEK = np.array([False] * 5 + [True] * 2)


def test_by_hand_without_an_odd_day() -> None:
    found = net_flow([50] * 56, [50] * 42 + [40] * 14, np.tile(WEEK, 8), windows=(14,))
    # One of the days of 40 counts as the usual 50.
    assert found.drift == pytest.approx(50 - (13 * 40 + 50) / 14)
    assert found.variance == pytest.approx(found.arrivals + found.completions)
    assert found.lo < found.drift < found.hi


@pytest.mark.parametrize("burst", [500.0, 5_000_000.0])
def test_one_burst_of_any_size_is_forgiven(burst: float) -> None:
    came = np.full(42, 50.0)
    came[-3] = burst
    assert net_flow(came, np.full(42, 50.0), np.tile(WEEK, 6)).drift == pytest.approx(0.0)


def test_weekends_without_reviewers_cancel() -> None:
    came = np.tile(np.where(WEEK, 40.0, 40.0), 6)
    left = np.tile(np.where(WEEK, 0.0, 56.0), 6)
    found = net_flow(came, left, np.tile(WEEK, 6))
    assert found.drift == pytest.approx(0.0)


def test_arguments_out_of_range() -> None:
    with pytest.raises(ValueError, match="at least 28 days"):
        net_flow([1.0] * 27, [1.0] * 27, [False] * 27)
    with pytest.raises(ValueError, match="one length"):
        net_flow([1.0] * 28, [1.0] * 27, [False] * 28)
    with pytest.raises(ValueError, match="not be negative"):
        net_flow([-1.0] * 28, [1.0] * 28, [False] * 28)
