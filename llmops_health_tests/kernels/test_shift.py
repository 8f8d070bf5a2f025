"""Shifts of shares and means: against scipy, by hand, and when rows are clustered."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.shift import (
    contrast_deff,
    day_dispersion,
    mean_shift,
    share_shift,
)


def test_independent_rows_give_the_conditional_binomial_tail() -> None:
    # scipy 1.17.1: binom.sf(41, 84, 0.2)
    shift = share_shift([[20, 500], [22, 500]], [[20, 2000], [22, 2000]])
    assert shift.p_rise == pytest.approx(8.27317614110755e-10, rel=1e-9)
    assert (shift.current, shift.reference, shift.deff) == (0.042, 0.0105, 1.0)


def test_no_hit_is_no_rise() -> None:
    assert share_shift([[0, 10]], [[5, 10]]).p_rise == 1.0


def test_a_rise_from_nothing_is_a_rise() -> None:
    # All 10 hits in a period that has a third of the rows: 3^-10.
    shift = share_shift([[5, 50], [5, 50]], [[0, 100], [0, 100]])
    assert shift.p_rise == pytest.approx(3.0**-10)


def test_dispersion_divides_the_counts() -> None:
    halved = share_shift([[10, 100]], [[10, 200]], dispersion=2.0)
    small = share_shift([[5, 50]], [[5, 100]])
    assert halved.p_rise == pytest.approx(small.p_rise)
    assert halved.lo == pytest.approx(small.lo)


def test_users_who_are_in_both_periods_cancel() -> None:
    rows = np.full(10, 100.0)
    hits = np.array([90.0, *[1.0] * 9])
    same = np.column_stack([hits, rows])
    assert contrast_deff(same, same) == 1.0
    other = np.column_stack([hits[::-1], rows])
    assert contrast_deff(same, other) > 10


def test_one_past_incident_does_not_hide_the_next() -> None:
    x, n = np.full(28, 5.0), np.full(28, 500.0)
    x[4] = 200
    assert day_dispersion(x, n) < 10
    x[:14] = 200
    assert day_dispersion(x, n) > 50


def test_dispersion_of_independent_days_is_about_one() -> None:
    rng = np.random.default_rng(3)
    found = [day_dispersion(rng.binomial(400, 0.1, 28), np.full(28, 400)) for _ in range(400)]
    assert np.mean(found) == pytest.approx(1.1, abs=0.1)  # held to at least 1


def test_a_mean_that_doubled_for_everybody() -> None:
    rng = np.random.default_rng(4)
    n = rng.integers(5, 50, 64).astype(float)
    level = rng.lognormal(0, 0.5, 64)
    now, then = np.column_stack([2 * level * n, n]), np.column_stack([level * n, n])
    shift = mean_shift(now, then)
    assert shift.current / shift.reference == pytest.approx(2.0)
    assert shift.p_rise < 1e-12
    assert mean_shift(now, then, se_day=1.0).p_rise > 0.2


def test_false_alarms_keep_to_the_level_with_clustered_users() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(500):
        share = rng.beta(1, 9, 64)
        now, then = (
            np.column_stack([rng.binomial(n, share), n])
            for n in (rng.poisson(10, 64), rng.poisson(40, 64))
        )
        alarms += share_shift(now, then).p_rise < 0.05
    assert alarms / 500 < 0.05 + 3 * 0.0097


@pytest.mark.parametrize(
    ("current", "reference", "message"),
    [
        ([[1, 2]], [[1, 2], [1, 2]], r"must both be \(n_buckets, 2\)"),
        ([[0, 0]], [[1, 2]], "Both periods need rows"),
        ([[np.nan, 2]], [[1, 2]], "must be finite"),
    ],
)
def test_misuse_is_named(
    current: list[list[float]], reference: list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        share_shift(current, reference)


def test_more_hits_than_rows_are_misuse() -> None:
    with pytest.raises(ValueError, match="0 <= x <= n"):
        day_dispersion([3.0], [2.0])


def test_a_mean_needs_positive_sums() -> None:
    with pytest.raises(ValueError, match="Sums must be positive"):
        mean_shift([[0, 1]], [[1, 1]])
    with pytest.raises(ValueError, match="se_day must not be negative"):
        mean_shift([[1, 1]], [[1, 1]], se_day=-1)
