"""Mean shift: by hand, the law of its p-value, kinds of days, and what it refuses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from llmops_health.kernels.mean_shift import MeanShift, Window, mean_shift

DAYS = np.arange(35)
WEEKS = DAYS // 7
JUDGED: Window = (WEEKS == 4, WEEKS < 4)
PAST: list[Window] = [(np.isin(WEEKS, [w]), (WEEKS < 4) & ~np.isin(WEEKS, [w])) for w in range(4)]
ONE_KIND = np.zeros(35)
WEEKEND = DAYS % 7 >= 5


def shifted(x: npt.ArrayLike, n: npt.ArrayLike | None = None) -> MeanShift:
    return mean_shift(x, np.ones(35) if n is None else n, ONE_KIND, JUDGED, PAST)


def test_by_hand() -> None:
    # Each day 100 rows with mean +-0.1 on one of 35 axes. Past days: |residual|^2 100 / row.
    n = np.full(35, 100)
    means = 0.1 * np.eye(35)
    result = shifted(means * n[:, None], n)
    # |delta|^2 = 7 (0.1/7)^2 + 28 (0.1/28)^2 = 0.001785714; c = 1/700 + 1/2800; day noise is
    # 100 (28 - 1) 0.01 / 27 = 1 per row, and weeks have the same: all of the distance is noise.
    assert result.distance == pytest.approx(0.0, abs=1e-6)
    means[WEEKS == 4, 0] += 0.3
    # Another 0.3 on axis 0, on which the reference has 0.1 / 28.
    expected = np.sqrt(0.3**2 - 2 * 0.3 * 0.1 / 28)
    assert shifted(means * n[:, None], n).distance == pytest.approx(expected, abs=1e-6)


def test_p_values_are_uniform_where_nothing_moved() -> None:
    rng = np.random.default_rng(7)
    n = rng.integers(20, 200, 35)
    scale = np.sqrt(n)[:, None] * np.exp(-np.arange(60) / 15)
    p = np.array([shifted(rng.normal(size=(35, 60)) * scale, n).p_value for _ in range(800)])
    # The larger of two noises is taken, so p is a little too large; 3 standard errors above.
    assert np.mean(p < 0.05) < 0.05 + 3 * 0.0077
    assert np.mean(p < 0.5) == pytest.approx(0.45, abs=0.1)


def test_weeks_that_vary_more_than_days_make_it_harder_to_tell() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(35, 60))
    x[WEEKS == 4] += 1.0
    restless = x + 2.0 * rng.normal(size=(5, 60))[WEEKS]
    assert shifted(x).p_value < 1e-6
    assert shifted(restless).p_value > 1e-3


def test_one_day_is_told_from_seven() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(35, 60))
    x[30] += 8.0
    one = shifted(x)
    assert one.p_value < 1e-3
    assert one.p_value_without_a_day > 0.01
    assert one.distance_without_a_day < one.distance / 2


def test_other_topics_on_weekends_are_not_a_shift() -> None:
    rng = np.random.default_rng(10)
    n = np.where(WEEKEND, 50, 100)
    n[33:] = 300
    x = np.sqrt(n)[:, None] * rng.normal(size=(35, 60))
    x[WEEKEND] += n[WEEKEND, None] * 1.0
    # A busy weekend of 600 among 500 others, 200 of 700 before: (600/1100 - 100/600) sqrt(60) = 2.9
    blind = mean_shift(x, n, ONE_KIND, JUDGED, PAST)
    assert blind.distance == pytest.approx((600 / 1100 - 100 / 600) * np.sqrt(60), abs=0.2)
    told = mean_shift(x, n, WEEKEND, JUDGED, PAST)
    assert told.distance < 0.3
    assert told.p_value > 0.01


def test_a_kind_that_the_reference_lacks_is_left_out() -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(35, 60))
    kinds = np.where(DAYS == 34, 9, 0)
    moved = x.copy()
    moved[34] += 100.0
    with_day, without = (mean_shift(v, np.ones(35), kinds, JUDGED, PAST) for v in (moved, x))
    assert with_day.distance == without.distance


def test_constant_days_have_no_noise_and_no_shift() -> None:
    result = shifted(np.ones((35, 4)))
    assert (result.distance, result.p_value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("sums", "n", "past", "alpha", "match"),
    [
        (np.ones((34, 4)), np.ones(35), PAST, 0.05, "shapes"),
        (np.full((35, 4), np.nan), np.ones(35), PAST, 0.05, "finite"),
        (np.ones((35, 4)), np.zeros(35), PAST, 0.05, "n_rows positive"),
        (np.ones((35, 4)), np.ones(35), [], 0.05, "past must hold"),
        (np.ones((35, 4)), np.ones(35), PAST, 1.0, r"alpha must lie in \(0, 1\), got 1.0"),
        (np.ones((35, 4)), np.ones(35), [(WEEKS == 9, WEEKS == 1)], 0.05, "no day"),
    ],
)
def test_misuse_names_the_rule(
    sums: npt.ArrayLike, n: npt.ArrayLike, past: list[Window], alpha: float, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        mean_shift(sums, n, ONE_KIND, JUDGED, past, alpha=alpha)
