"""Empirical nulls: the worked case, odd histories, and how often they err without change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import t

from llmops_health.kernels.nulls import MIN_HISTORY, cusum, robust_log_z, robust_z

HISTORY = [0.010, 0.013, 0.008, 0.021, 0.011, 0.009, 0.015, 0.012]


def test_worked_case() -> None:
    # numpy 1.26 and scipy 1.12 stats.t.
    got = robust_log_z(HISTORY, 0.030)
    assert (got.z, got.p_value) == pytest.approx((3.38061051, 0.007667376943), rel=1e-8)
    assert got.n_history == 8


def test_units_and_order_do_not_matter() -> None:
    rescaled = robust_log_z([1000 * s for s in reversed(HISTORY)], 30.0)
    assert rescaled.z == pytest.approx(robust_log_z(HISTORY, 0.030).z)


def test_only_a_rise_is_unusual() -> None:
    fall = robust_log_z(HISTORY, 0.001)
    assert fall.z < -3
    assert fall.p_value > 0.98


def test_a_constant_history_tolerates_a_few_percent() -> None:
    constant = [0.02] * MIN_HISTORY
    assert robust_log_z(constant, 0.02).z == 0
    # ln 1.05 / (1.4826 * .05) = .658
    assert robust_log_z(constant, 0.021).z == pytest.approx(0.658, abs=5e-4)
    assert robust_log_z(constant, 0.04).z > 3


def test_distances_at_or_below_zero_are_no_distance() -> None:
    mixed = [-0.001, 0.0, *HISTORY]
    floored = [0.004, 0.004, *HISTORY]
    assert robust_log_z(mixed, 0.030) == robust_log_z(floored, 0.030)
    assert robust_log_z(mixed, -5.0) == robust_log_z(floored, 0.004)


def test_after_zeros_rounding_is_nothing_and_a_distance_is_much() -> None:
    zeros = [0.0] * MIN_HISTORY
    assert robust_log_z(zeros, 0.0).z == 0
    assert robust_log_z(zeros, 1e-16).z == 0
    assert robust_log_z(zeros, 0.01).z > 100


def test_false_alarms_above_three() -> None:
    days = np.exp(0.5 * np.random.default_rng(5).normal(size=(4000, 29)))
    rate = np.mean([robust_log_z(d[:-1], d[-1]).z > 3 for d in days])
    # 0.007 with 28 past days in 20,000 runs; a normal z would give .00135. Three errors are .004.
    assert rate == pytest.approx(0.0072, abs=0.004)


def test_p_values_keep_near_their_level() -> None:
    days = np.exp(0.5 * np.random.default_rng(6).normal(size=(4000, 29)))
    rate = np.mean([robust_log_z(d[:-1], d[-1]).p_value < 0.05 for d in days])
    # 0.061 in 20,000 runs: the MAD of 28 days is uncertain, which Student's t does not know.
    assert rate == pytest.approx(0.061, abs=0.012)


def test_finds_a_distance_that_triples() -> None:
    days = np.exp(0.3 * np.random.default_rng(8).normal(size=(2000, 29)))
    rate = np.mean([robust_log_z(d[:-1], 3 * d[-1]).z > 3 for d in days])
    assert rate > 0.6


def test_raw_scale_is_two_sided() -> None:
    history = [100, 104, 96, 101, 99]
    up, down = robust_z(history, 110), robust_z(history, 90)
    # Median 100, MAD 1.
    assert (up.z, down.z) == pytest.approx((10 / 1.4826, -10 / 1.4826))
    assert up.p_value == down.p_value == pytest.approx(2 * t.sf(up.z / np.sqrt(1.2), 4))


def test_raw_scale_shifts_with_its_unit() -> None:
    history = [-3.0, 2.0, 0.5, 1.0, -1.0]
    shifted = robust_z([7 + 2 * x for x in history], 7 + 2 * 4.0)
    assert shifted.z == pytest.approx(robust_z(history, 4.0).z)


def test_raw_scale_of_a_constant_history() -> None:
    assert robust_z([0.0] * 14, 0.0).z == 0
    assert (robust_z([0.0] * 14, 1e-4).z, robust_z([0.0] * 14, 1e-4).p_value) == (np.inf, 0)
    assert robust_z([0.0] * 14, -1e-4).z == -np.inf
    assert robust_z([0.0] * 14, 0.01, mad_floor=0.01).z == pytest.approx(1 / 1.4826)


def test_cusum_by_hand() -> None:
    got = cusum([2.0, -3.0, 3.0, 3.0, 2.0])
    assert got.statistic.tolist() == [1.5, 0.0, 2.5, 5.0, 6.5]
    assert got.alarm.tolist() == [False, False, False, False, True]
    assert cusum([]).alarm.tolist() == []


def test_cusum_runs_as_long_as_theory_says() -> None:
    z = np.random.default_rng(5).normal(size=(800, 8000))
    alarm = cusum(z).alarm
    assert alarm.any(axis=1).mean() > 0.99
    # Siegmund's approximation: 938; one run has about that sd, so three errors are 100.
    assert alarm.argmax(axis=1).mean() == pytest.approx(938, abs=110)


def test_cusum_finds_a_slow_rise_that_no_day_shows() -> None:
    z = np.random.default_rng(9).normal(1.0, 1, size=(500, 30))
    assert cusum(z).alarm.any(axis=1).mean() > 0.95
    assert (z > 3).any(axis=1).mean() < 0.6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: robust_log_z([], 1.0), r"at least 2 past days, got shape \(0,\)"),
        (lambda: robust_log_z([0.1], 1.0), r"at least 2 past days, got shape \(1,\)"),
        (lambda: robust_log_z([0.1, np.nan], 1.0), "history and value must be finite"),
        (lambda: robust_z([0.1, 0.2], np.inf), "must be finite, got 0.1 and inf"),
        (lambda: robust_z([0.1, 0.2], 0.1, mad_floor=-1), "mad_floor must not be negative"),
        (lambda: cusum([1.0, np.nan]), "z must be finite"),
        (lambda: cusum([1.0], k=-1), "k must not be negative, got -1"),
        (lambda: cusum([1.0], h=0), "h must be positive, got 0"),
    ],
)
def test_rejects(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
