"""Capacity: published figures, saturation by hand, and how often a forecast holds."""

from __future__ import annotations

import re
from math import inf

import numpy as np
import pytest

from llmops_health.kernels.capacity import (
    amdahl_speedup,
    forecast_peak,
    max_throughput,
    utilisation,
)

DEMAND = {"embed": 0.1, "search": 0.2, "rerank": 0.09, "llm": 0.55}
SERVERS = {"embed": 2, "search": 4, "rerank": 1, "llm": 8}
WEEK = [0, 0, 0, 0, 0, 1, 1]


def test_amdahl() -> None:
    assert amdahl_speedup(0.55, 2) == pytest.approx(1.379310345)
    assert amdahl_speedup(0.55, inf) == pytest.approx(2.222222222)
    assert amdahl_speedup(1, inf) == inf
    assert amdahl_speedup(0, 5) == 1


@pytest.mark.parametrize(("share", "factor"), [(-0.1, 2), (1.1, 2), (0.5, 0), (0.5, -1)])
def test_amdahl_refuses(share: float, factor: float) -> None:
    with pytest.raises(ValueError, match="must"):
        amdahl_speedup(share, factor)


def test_the_slowest_stage_is_not_the_first_to_saturate() -> None:
    demand, servers = list(DEMAND.values()), list(SERVERS.values())
    assert max_throughput(demand, servers) == pytest.approx([20, 20, 11.11111111, 14.54545455])
    assert utilisation(8, demand, servers) == pytest.approx([0.4, 0.4, 0.72, 0.55])
    assert max_throughput([0.0], [3]).tolist() == [inf]


@pytest.mark.parametrize(("rate", "demand", "servers"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_utilisation_refuses(rate: float, demand: float, servers: float) -> None:
    with pytest.raises(ValueError, match="must not be negative, and servers be positive"):
        utilisation(rate, demand, servers)


def types(n_days: int) -> list[int]:
    """Type of each day, the newest first, which is a Sunday."""
    return [WEEK[(6 - age) % 7] for age in range(n_days)]


def test_the_peak_is_that_of_the_busier_type_of_day() -> None:
    values = [50.0 if kind else 100.0 for kind in types(28)]
    found = forecast_peak(values, range(28), types(28), WEEK)
    assert found.peak.estimate == pytest.approx(100)
    assert (found.peak.lo, found.peak.hi) == pytest.approx((100, 100))
    only = forecast_peak(values, range(28), types(28), [1])
    assert only.peak.estimate == pytest.approx(50)


def test_growth_is_carried_on_to_the_last_of_the_coming_days() -> None:
    values = [100 * 1.01 ** (27 - age) for age in range(28)]
    found = forecast_peak(values, range(28), [0] * 28, [0] * 7)
    assert found.growth_per_day == pytest.approx(np.log(1.01))
    assert found.peak.estimate == pytest.approx(100 * 1.01**34)


def test_a_trend_that_noise_could_make_is_none() -> None:
    rng = np.random.default_rng(1)
    found = forecast_peak(np.exp(rng.normal(0, 0.3, 28)), range(28), types(28), WEEK)
    assert found.growth_per_day == 0


def test_the_interval_holds_what_is_expected() -> None:
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        kinds = np.array(types(35))
        values = 100 * np.where(kinds, 0.5, 1.0) * np.exp(rng.normal(0, 0.2, 35))
        peak = forecast_peak(values, range(35), kinds, WEEK, level=0.95).peak
        held += peak.lo <= 100 <= peak.hi
    # Nominal 285: the spread of 25 days is not known well.
    assert 268 <= held <= 294


@pytest.mark.parametrize(
    ("values", "coming", "level", "says"),
    [
        ([1.0] * 13, [0], 0.99, "at least 14 days"),
        ([0.0] * 14, [0], 0.99, "finite and positive"),
        ([1.0] * 14, [2], 0.99, "a type of day that was seen"),
        ([1.0] * 14, [0], 1.0, "0 < level < 1"),
    ],
)
def test_forecast_refuses(values: list[float], coming: list[int], level: float, says: str) -> None:
    n = len(values)
    with pytest.raises(ValueError, match=re.escape(says)):
        forecast_peak(values, range(n), [0] * n, coming, level=level)
