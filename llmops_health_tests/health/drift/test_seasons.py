"""Days on one axis: what is compared with what, across weekends and gaps."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from llmops_health.health.drift import _seasons

MONDAY = date(2026, 3, 2)


def test_unknown_counts_only_without_production() -> None:
    kind = pl.Series(["prod", "unknown", "eval"])
    assert _seasons.is_production(kind).to_list() == [True, False, False]
    assert _seasons.is_production(kind[1:]).to_list() == [True, False]
    assert _seasons.is_production(kind[2:]).to_list() == [False]


def test_days_without_rows_keep_their_place() -> None:
    days = pl.Series([MONDAY, MONDAY - timedelta(days=3), MONDAY - timedelta(days=9)])
    index = _seasons.day_index(days, MONDAY, 4)
    assert index.tolist() == [3, 0, -6]
    sums = _seasons.daily_sums(index, np.array([0, 1, 1]), [1, 2, 4], (4, 2))
    assert sums.tolist() == [[0, 2], [0, 0], [0, 0], [1, 0]]


def test_a_weekend_is_compared_with_weekends() -> None:
    sunday = MONDAY - timedelta(days=1)
    same = _seasons.same_type_days(sunday, 15)
    weekdays = [(sunday - timedelta(days=14 - int(place))).weekday() for place in same]
    assert set(weekdays) == {5, 6}
    assert 14 not in same


def test_windows_of_a_week_hold_every_weekday_once() -> None:
    starts = _seasons.week_starts(30)
    sums = _seasons.window_sums(np.eye(7)[np.arange(30) % 7], starts)
    assert sums.tolist() == np.ones((3, 7)).tolist()
    assert starts[-1] + 7 == 30 - 7


def test_weights_give_the_reference_the_mix_of_the_window() -> None:
    daily = np.array([100.0, 40.0, 100.0, 60.0, 20.0])
    weekend = np.array([False, True, False, False, True])
    window = np.array([False, False, False, True, True])
    weights = _seasons.mixed_like(daily, weekend, window, ~window)
    assert weights is not None
    # 60 : 20 in the window; 200 : 40 before, so 120 of the 200 stand beside all 40.
    assert weights.tolist() == [0.6, 1.0, 0.6, 0.0, 0.0]


def test_a_type_of_day_without_past_cannot_be_mixed() -> None:
    weekend, window = np.array([False, True]), np.array([False, True])
    assert _seasons.mixed_like(np.array([5.0, 5.0]), weekend, window, ~window) is None
