"""Survival: the 6-MP trial as published, change gaps by hand, counts, tables, priors, misuse."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.survival import kaplan_meier, risk_table, shrunk_hazard

# Freireich et al. (1963), remission under 6-MP in weeks; the last twelve were still in remission.
WEEKS = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
ENDED = [True] * 9 + [False] * 12
GAPS = [14, 20, 31, 33, 40, 52, 60, 75, 90, 120]
CHANGED = [True] * 8 + [False, True]


def test_the_6_mp_trial() -> None:
    curve = kaplan_meier(WEEKS, ENDED)
    assert curve.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    # lifelines 0.30.3
    wanted = [
        *(0.8571428571, 0.8067226891, 0.7529411765, 0.6901960784),
        *(0.6274509804, 0.5378151261, 0.4481792717),
    ]
    assert curve.survival == pytest.approx(wanted, rel=1e-8)
    greenwood = [
        *(0.07636035483, 0.08693528518, 0.09634965299, 0.1068147078),
        *(0.1140538653, 0.1282337517, 0.1345914568),
    ]
    assert curve.se == pytest.approx(greenwood, rel=1e-8)
    assert (curve.lo[-1], curve.hi[-1]) == pytest.approx((0.188052006, 0.6801426285), rel=1e-8)
    assert curve.quantile(0.5) == 23
    assert curve.restricted_mean(35) == pytest.approx(23.28739496, rel=1e-8)
    # The mean of what has ended is half of it.
    assert np.mean(WEEKS[:9]) == pytest.approx(12.11111111)


def test_gaps_between_changes() -> None:
    curve = kaplan_meier(GAPS, CHANGED)
    assert [curve.at(day).estimate for day in (30, 60, 100)] == pytest.approx([0.8, 0.3, 0.2])
    assert curve.at(13.9).estimate == 1
    assert curve.at(14).estimate == pytest.approx(0.9)
    assert curve.at(500).estimate == 0
    assert (curve.at(500).lo, curve.at(500).hi) == (0, 0)


def test_without_censoring_it_is_the_share_that_lasts() -> None:
    rng = np.random.default_rng(5)
    lasted = rng.integers(1, 30, 400)
    curve = kaplan_meier(lasted, np.ones(400, dtype=bool))
    for time in (0, 3, 10, 29, 40):
        assert curve.at(time).estimate == pytest.approx(np.mean(lasted > time))
    assert curve.restricted_mean(40) == pytest.approx(lasted.mean())


def test_counts_are_items() -> None:
    rng = np.random.default_rng(6)
    time, ended, n = rng.integers(0, 9, 40), rng.random(40) < 0.6, rng.integers(0, 5, 40)
    counted = kaplan_meier(time, ended, counts=n)
    single = kaplan_meier(np.repeat(time, n), np.repeat(ended, n))
    assert counted.survival == pytest.approx(single.survival)
    assert counted.se == pytest.approx(single.se)
    assert counted.n == single.n == n.sum()


def test_open_items_alone_end_never() -> None:
    curve = kaplan_meier([3, 5], [False, False])
    assert curve.at(100).estimate == 1
    assert curve.quantile(0.5) is None
    assert curve.restricted_mean(5) == 5
    assert curve.n_events == 0


def test_the_interval_covers() -> None:
    rng = np.random.default_rng(11)
    truth, hits = np.exp(-0.5), 0
    for _ in range(600):
        life, seen = rng.exponential(1, 80), rng.exponential(1.5, 80)
        band = kaplan_meier(np.minimum(life, seen), life <= seen).at(0.5)
        hits += band.lo <= truth <= band.hi
    assert hits / 600 == pytest.approx(0.95, abs=0.025)


def test_the_table_accounts_for_every_item() -> None:
    table = risk_table(WEEKS, ENDED, [0, 6, 10, 23, 36])
    assert table.at_risk.tolist() == [21, 21, 15, 6, 0]
    assert (table.at_risk + table.ended + table.censored == 21).all()
    assert table.ended.tolist() == [0, 0, 4, 8, 9]


def test_a_rate_is_drawn_towards_all() -> None:
    # One replacement in 36 months against 0.08 a month: Gamma(2 + 1, 25 + 36).
    rate = shrunk_hazard(1, 36, prior_rate=0.08)
    assert rate.estimate == pytest.approx(0.04918032787, rel=1e-8)
    assert rate.lo < rate.estimate < rate.hi
    draws = np.random.default_rng(3).gamma(3, 1 / 61, 200_000)
    assert (rate.lo, rate.hi) == pytest.approx(np.quantile(draws, [0.025, 0.975]), rel=0.02)
    assert shrunk_hazard(0, 0, prior_rate=0.08).estimate == pytest.approx(0.08)
    assert shrunk_hazard(500, 1000, prior_rate=0.08).estimate == pytest.approx(0.49, abs=0.01)


@pytest.mark.parametrize(
    ("durations", "ended", "counts", "match"),
    [
        ([1, 2], [True], None, "one length"),
        ([-1], [True], None, "durations must be finite"),
        ([np.inf], [True], None, "durations must be finite"),
        ([1], [True], [-1], "counts must be finite"),
        ([], [], None, "at least one item"),
        ([1], [True], [0], "at least one item"),
    ],
)
def test_misuse_is_told(
    durations: list[float], ended: list[bool], counts: list[float] | None, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        kaplan_meier(durations, ended, counts=counts)


def test_out_of_range_is_told() -> None:
    curve = kaplan_meier(GAPS, CHANGED)
    with pytest.raises(ValueError, match="level must fulfil"):
        kaplan_meier([1], [True], level=1)
    with pytest.raises(ValueError, match="p must fulfil"):
        curve.quantile(1)
    with pytest.raises(ValueError, match="horizon must be positive"):
        curve.restricted_mean(0)
    with pytest.raises(ValueError, match="beyond the longest duration"):
        kaplan_meier(WEEKS, ENDED).restricted_mean(36)
    with pytest.raises(ValueError, match="times must be a vector"):
        risk_table([1], [True], [-1])
    for bad in ({"events": -1}, {"exposure": -1}, {"prior_rate": 0}, {"prior_events": 0},
                {"level": 0}):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(bad))):
            shrunk_hazard(**({"events": 1, "exposure": 1, "prior_rate": 1} | bad))
