"""Limits of days: by hand, weekends apart, blind to a lasting move, and how many days they hold."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from llmops_health.health.drift import _limits
from llmops_health.health.drift._limits import Limits
from llmops_health.health.drift._seasons import Flags, is_weekend

N_DAYS = 63
PLACE = np.arange(N_DAYS)
WEEKEND = is_weekend(date(2026, 3, 1), N_DAYS)
REFERENCE = (PLACE >= N_DAYS - 35) & (PLACE < N_DAYS - 7)
# Student's t with 26 degrees of freedom, 0.975.
T26 = 2.0555


def test_a_share_lies_in_the_angle_of_its_days() -> None:
    n = np.full(N_DAYS, 100.0)
    found = _limits.share_limits(np.full(N_DAYS, 20.0), n, WEEKEND, REFERENCE)
    # 20 other weekdays have 2,000 rows; weekdays of the reference have 1,900 others.
    reach = T26 * np.sqrt(1 / 100 + 1 / 2000) / 2
    angle = np.arcsin(np.sqrt(0.2))
    assert found.usual[-3] == pytest.approx(0.2)
    assert found.hi[-3] == pytest.approx(np.sin(angle + reach) ** 2, abs=1e-4)
    assert found.lo[-3] == pytest.approx(np.sin(angle - reach) ** 2, abs=1e-4)


def test_weekends_are_held_against_weekends() -> None:
    n = np.where(WEEKEND, 50.0, 100.0)
    found = _limits.share_limits(np.where(WEEKEND, 25.0, 10.0), n, WEEKEND, REFERENCE)
    assert found.usual[WEEKEND] == pytest.approx(0.5)
    assert found.usual[~WEEKEND] == pytest.approx(0.1)


def test_a_day_does_not_vouch_for_itself() -> None:
    x = np.full(N_DAYS, 10.0)
    odd = int(np.flatnonzero(REFERENCE & ~WEEKEND)[5])
    x[odd] = 90.0
    found = _limits.share_limits(x, np.full(N_DAYS, 100.0), WEEKEND, REFERENCE)
    assert found.usual[odd] == pytest.approx(0.1)
    assert found.value[odd] > found.hi[odd]


def test_a_lasting_move_within_the_reference_does_not_widen_its_days() -> None:
    n, rng = np.full(N_DAYS, 400.0), np.random.default_rng(1)
    still = rng.binomial(400, 0.2, N_DAYS).astype(float)
    moved = np.where(PLACE >= N_DAYS - 21, rng.binomial(400, 0.5, N_DAYS), still)
    found = _limits.share_limits(moved, n, WEEKEND, REFERENCE)
    assert (found.hi - found.lo)[-1] < 0.15
    assert (found.value > found.hi)[-7:].all()


def test_a_day_without_rows_has_no_limits() -> None:
    n = np.where(N_DAYS - 1 == PLACE, 0.0, 100.0)
    found = _limits.share_limits(n / 10, n, WEEKEND, REFERENCE)
    assert np.isnan([found.value[-1], found.lo[-1], found.hi[-1]]).all()
    assert found.usual[-1] == pytest.approx(0.1)


def test_the_mean_by_hand() -> None:
    # Rows of a day are 1 and 3 alike often: mean 2, variance 1.
    n = np.full(N_DAYS, 100.0)
    found = _limits.mean_limits(n, 2 * n, 5 * n, WEEKEND, REFERENCE)
    assert found.usual[-3] == pytest.approx(2)
    assert found.hi[-3] - 2 == pytest.approx(T26 * np.sqrt(1 / 100 + 1 / 2000), abs=1e-4)


def test_calls_are_held_against_the_median_of_their_weekday() -> None:
    calls = np.where(WEEKEND, 40.0, 100.0)
    odd = N_DAYS - 8
    calls[odd] = 400.0
    past = PLACE < N_DAYS - 7
    found = _limits.count_limits(calls, past, 1.0, np.ones(N_DAYS))
    assert found.usual[odd] == found.usual[odd + 7]
    # Eight earlier weeks: their median is as sure as a mean of 16 / pi.
    reach = 2.005 * np.sqrt(found.usual[-1] * (1 + np.pi / 2 / 8))
    assert found.hi[-1] - found.usual[-1] == pytest.approx(reach, rel=2e-3)
    assert found.lo.min() >= 0


def test_a_trend_is_no_scatter() -> None:
    growth = 1.1 ** (PLACE / 7)
    calls = np.where(WEEKEND, 40.0, 100.0) * growth
    past = PLACE < N_DAYS - 2
    assert _limits.weekly_scatter(calls, past, growth) == pytest.approx(1.0)
    found = _limits.count_limits(calls, past, 1.0, growth)
    assert found.usual == pytest.approx(calls)


def held(limits: Limits, days: slice) -> Flags:
    return ((limits.value >= limits.lo) & (limits.value <= limits.hi))[days]


def test_the_limits_hold_nineteen_of_twenty_days() -> None:
    rng = np.random.default_rng(20260301)
    shares, means, ratios, counts = [], [], [], []
    judged = slice(N_DAYS - 7, N_DAYS)
    past = PLACE < N_DAYS - 7
    for _ in range(300):
        n = rng.poisson(np.where(WEEKEND, 80, 150)).astype(float)
        # Days differ by more than their calls: design effects of about 2.
        mood = rng.normal(0, 0.2, N_DAYS)
        p = 1 / (1 + np.exp(2 - mood - 0.5 * WEEKEND))
        x = rng.binomial(n.astype(int), p).astype(float)
        shares.append(held(_limits.share_limits(x, n, WEEKEND, REFERENCE), judged))
        centre = 5 + 0.4 * WEEKEND + 0.08 * rng.normal(size=N_DAYS)
        mean = centre + rng.normal(0, 1, N_DAYS) / np.sqrt(n)
        sums, squares = n * mean, n * (1 + mean**2)
        means.append(held(_limits.mean_limits(n, sums, squares, WEEKEND, REFERENCE), judged))
        ratios.append(held(_limits.ratio_limits(n * np.exp(mean), n, WEEKEND, REFERENCE), judged))
        many = rng.negative_binomial(50, 50 / (50 + np.where(WEEKEND, 80, 150))).astype(float)
        scatter = _limits.weekly_scatter(many, past, np.ones(N_DAYS))
        counts.append(held(_limits.count_limits(many, past, scatter, np.ones(N_DAYS)), judged))
    for of in (shares, means, ratios, counts):
        # 2,100 days of 300 features; estimated spreads cost or gain a point or two.
        assert 0.92 < np.mean(of) < 0.98
