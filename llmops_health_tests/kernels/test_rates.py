"""Rates in time: episodes by hand, the interval against tables and by the rate it covers."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.rates import n_episodes, poisson_rate


@pytest.mark.parametrize(
    ("days", "n"),
    [([], 0), ([5], 1), ([5, 6, 7], 1), ([5, 12], 1), ([5, 13], 2), ([20, 1, 2, 21], 2)],
)
def test_an_episode_ends_after_a_quiet_week(days: list[int], n: int) -> None:
    assert n_episodes(days, quiet_days=7) == n


def test_no_quiet_day_ends_nothing() -> None:
    with pytest.raises(ValueError, match="quiet_days must be at least 1, got 0"):
        n_episodes([1], quiet_days=0)


# Garwood (1936), Biometrika 28, table of 95 % limits of a Poisson mean.
@pytest.mark.parametrize(("x", "lo", "hi"), [(0, 0, 3.69), (1, 0.0253, 5.57), (10, 4.80, 18.39)])
def test_published_limits(x: int, lo: float, hi: float) -> None:
    rate = poisson_rate(x, 1.0)
    assert (rate.lo, rate.hi) == pytest.approx((lo, hi), abs=0.005)


def test_exposure_is_the_unit() -> None:
    one, two = poisson_rate(3, 1.0), poisson_rate(3, 2.0)
    assert (two.estimate, two.lo, two.hi) == pytest.approx(
        (one.estimate / 2, one.lo / 2, one.hi / 2)
    )


@pytest.mark.parametrize("mean", [0.3, 2.0, 9.0])
def test_the_interval_covers_what_it_says(mean: float) -> None:
    x = np.random.default_rng(20260101).poisson(mean, 4000)
    limits = {n: poisson_rate(n, 1.0) for n in np.unique(x).tolist()}
    covered = np.mean([limits[n].lo <= mean <= limits[n].hi for n in x.tolist()])
    assert covered >= 0.95 - 3 * 0.0035


@pytest.mark.parametrize(
    ("events", "exposure", "level"), [(-1, 1.0, 0.95), (1, 0.0, 0.95), (1, 1.0, 1.0)]
)
def test_misuse_is_named(events: float, exposure: float, level: float) -> None:
    with pytest.raises(ValueError, match="must"):
        poisson_rate(events, exposure, level=level)
