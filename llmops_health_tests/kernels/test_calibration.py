"""Calibration: reference implementations, hand-made edges, and how often the null test errs."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtr

from llmops_health.kernels.calibration import (
    ConfidenceBins,
    brier_from_bins,
    consistency_band,
    corp,
    debiased_l2,
    ece_from_bins,
    equal_mass_edges,
    expected_calibration_error,
    miscalibration_null,
    murphy,
    smooth_ece,
    spiegelhalter_z,
)

FloatArray = npt.NDArray[np.float64]


def overconfident(n: int = 2000) -> tuple[FloatArray, FloatArray]:
    """Confidences twice too sharp on the logit scale, without randomness; 998 of 2000 correct."""
    i = np.arange(1, n + 1)
    p = (i - 0.5) / n
    q = np.sqrt(p) / (np.sqrt(p) + np.sqrt(1 - p))
    return p, ((i * 0.6180339887498949) % 1.0 < q).astype(np.float64)


P, Y = overconfident()
STORED = ConfidenceBins.from_rows(P, Y)
EXACT = ConfidenceBins.by_value(P, Y)


@pytest.mark.parametrize(("n_bins", "ece"), [(10, 0.099), (15, 0.09837775), (20, 0.099)])
def test_ece_agrees_with_netcal(n_bins: int, ece: float) -> None:
    # netcal 1.4.0, ECE(n_bins).measure
    assert expected_calibration_error(P, Y, n_bins) == pytest.approx(ece, rel=1e-8)


def test_ece_bins_are_closed_on_the_right() -> None:
    # 0.5 shares the lower half with 0.3: |0.8 - 1| / 2. Left-closed it would be (0.5 + 0.3) / 2.
    assert expected_calibration_error([0.5, 0.3], [1, 0], 2) == pytest.approx(0.1)


def test_stored_bins_give_the_same_ece_where_their_edges_coincide() -> None:
    assert ece_from_bins(STORED, 10) == pytest.approx(0.099, rel=1e-8)


@pytest.mark.parametrize("scheme", ["width", "mass"])
def test_ece_of_one_sided_gaps_is_the_overall_gap(scheme: Literal["width", "mass"]) -> None:
    # Pushed towards 1 as verbalised confidences are: mean 0.9000045281, accuracy 0.651.
    conf, correct = np.maximum(P, 1 - P), np.where(P >= 0.5, Y, 1 - Y)
    pushed = 0.5 + 0.5 * ((conf - 0.5) * 2) ** 0.25
    ece = expected_calibration_error(pushed, correct, scheme=scheme)
    assert ece == pytest.approx(0.2490045281, rel=1e-8)


def test_debiased_l2_agrees_with_uncertainty_calibration() -> None:
    # uncertainty-calibration 0.1.4, unbiased_square_ce on 15 equal-mass bins
    assert debiased_l2(EXACT, 15) == pytest.approx(0.01021352738, rel=1e-8)
    assert debiased_l2(EXACT, 10) == pytest.approx(0.01067236181, rel=1e-8)
    assert debiased_l2(STORED) == pytest.approx(0.01021352738, rel=0.01)


def test_debiased_l2_leaves_few_distinct_values_alone() -> None:
    # 0.9: 40 of 50 right, 0.6: 30 of 50. Half of (0.1^2 - 0.16/49) plus half of (0 - 0.24/49).
    bins = ConfidenceBins.from_rows(
        np.repeat([0.9, 0.6], 50), np.repeat([1, 0, 1, 0], [40, 10, 30, 20])
    )
    assert debiased_l2(bins) == pytest.approx(0.5 * (0.01 - 0.16 / 49) - 0.5 * 0.24 / 49)
    assert debiased_l2(bins, deff=2) == pytest.approx(0.5 * (0.01 - 0.32 / 49) - 0.5 * 0.48 / 49)


def test_brier_is_exact_from_the_sums() -> None:
    # scikit-learn 1.9.1, brier_score_loss
    assert brier_from_bins(STORED) == pytest.approx(0.2278263125, rel=1e-9)


def test_murphy_adds_up_only_with_its_within_bin_terms() -> None:
    parts = murphy(STORED.coarsen(range(0, 101, 10)))
    assert parts.reliability == pytest.approx(0.01176, rel=1e-8)
    assert parts.resolution == pytest.approx(0.033559, rel=1e-8)
    assert parts.within_variance == pytest.approx(0.0008333125, rel=1e-8)
    assert parts.within_covariance == pytest.approx(0.0006035, rel=1e-8)
    assert parts.brier == pytest.approx(0.2278263125, rel=1e-9)


def test_corp_agrees_with_model_diagnostics() -> None:
    # model-diagnostics 1.5.0, decompose with SquaredError
    exact = corp(EXACT)
    assert exact.miscalibration == pytest.approx(0.01266388271, rel=1e-8)
    assert exact.discrimination == pytest.approx(0.03483657021, rel=1e-8)
    assert exact.uncertainty == pytest.approx(0.249999, rel=1e-8)
    assert corp(STORED).miscalibration == pytest.approx(0.01266388271, rel=0.03)


def test_corp_parts_are_never_negative() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        p = rng.random(30)
        parts = corp(ConfidenceBins.from_rows(p, rng.random(30) < p))
        assert min(parts.miscalibration, parts.discrimination) >= -1e-15


def test_smooth_ece_agrees_with_relplot() -> None:
    # relplot 1.0.3, smECE; its grid and kernel cut-off differ
    assert smooth_ece(EXACT) == pytest.approx(0.09444744605, abs=5e-4)


def test_spiegelhalter_z_by_its_formula() -> None:
    assert spiegelhalter_z(EXACT) == pytest.approx(14.98098273, rel=1e-8)
    assert spiegelhalter_z(STORED) == pytest.approx(14.98098273, rel=1e-3)
    assert np.isnan(spiegelhalter_z(ConfidenceBins.from_rows([1.0, 1.0], [1, 0])))


def test_sums_merge_by_addition() -> None:
    halves = [ConfidenceBins.from_rows(P[i::2], Y[i::2]) for i in (0, 1)]
    merged = ConfidenceBins(
        *(
            getattr(halves[0], name) + getattr(halves[1], name)
            for name in ("n", "n_correct", "sum_conf", "sum_conf_sq", "sum_conf_correct")
        )
    )
    assert brier_from_bins(merged) == pytest.approx(brier_from_bins(STORED), rel=1e-12)
    np.testing.assert_array_equal(merged.n, STORED.n)


@pytest.mark.parametrize(
    ("n", "n_groups", "edges"),
    [
        ([5, 5, 5, 5], 2, [0, 2, 4]),
        ([5, 0, 5, 0], 15, [0, 2, 4]),
        ([1, 1, 1, 1, 1], 15, [0, 2, 5]),
        ([90, 5, 5], 2, [0, 1, 3]),
        ([0, 0, 3], 15, [0, 3]),
    ],
)
def test_equal_mass_groups(n: list[int], n_groups: int, edges: list[int]) -> None:
    assert equal_mass_edges(np.asarray(n, dtype=np.float64), n_groups).tolist() == edges


@pytest.mark.parametrize(
    ("conf", "correct", "message"),
    [
        ([1.2], [1], "conf must lie in 0-1"),
        ([np.nan], [1], "conf must lie in 0-1"),
        ([0.5], [0.5], "correct must be 0 or 1"),
        ([0.5, 0.5], [1], "alike"),
        ([], [], "alike"),
    ],
)
def test_rows_that_cannot_be_are_refused(
    conf: list[float], correct: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ConfidenceBins.from_rows(conf, correct)


def test_sums_that_cannot_be_are_refused() -> None:
    one, zero = np.ones(2), np.zeros(2)
    with pytest.raises(ValueError, match="n_correct must not exceed n"):
        ConfidenceBins(one, 2 * one, zero, zero, zero)
    with pytest.raises(ValueError, match="sum_conf must have the shape"):
        ConfidenceBins(one, one, np.zeros(3), zero, zero)
    with pytest.raises(ValueError, match="sum_conf must not exceed n"):
        ConfidenceBins(one, one, 2 * one, zero, zero)
    with pytest.raises(ValueError, match="edges must rise"):
        STORED.coarsen([0, 50, 99])
    with pytest.raises(ValueError, match="at least one labelled call"):
        brier_from_bins(ConfidenceBins(zero, zero, zero, zero, zero))


def test_a_gap_is_found() -> None:
    assert miscalibration_null(STORED, np.random.default_rng(0)) == pytest.approx(0.001)
    assert miscalibration_null(STORED, np.random.default_rng(0), statistic="corp") == pytest.approx(
        0.001
    )


def calibrated_calls(rng: np.random.Generator, copies: int) -> ConfidenceBins:
    """Draw about 200 calibrated calls; each user's `copies` calls have one fate."""
    p = rng.beta(8, 2, 200 // copies)
    correct = rng.random(p.size) < p
    return ConfidenceBins.from_rows(np.repeat(p, copies), np.repeat(correct, copies))


def alarm_rate(copies: int, deff: float, reps: int = 1000) -> float:
    rng = np.random.default_rng(20260101)
    p_values = [
        miscalibration_null(calibrated_calls(rng, copies), rng, draws=199, deff=deff)
        for _ in range(reps)
    ]
    return float(np.mean(np.asarray(p_values) <= 0.05))


def test_false_alarms_keep_to_the_level() -> None:
    # 0.05 nominal; 3 standard errors of a share over 1000 models: 0.0207
    assert alarm_rate(copies=1, deff=1) == pytest.approx(0.05, abs=0.0207)


def test_false_alarms_keep_to_the_level_with_clustered_users() -> None:
    assert alarm_rate(copies=3, deff=3) == pytest.approx(0.05, abs=0.0207)


def test_clusters_spread_over_bins_err_towards_silence() -> None:
    # 40 users, 5 calls each at independent confidences, one share of luck: design effect about 3.
    rng = np.random.default_rng(20260101)
    alarms = 0
    for _ in range(200):
        luck = np.sqrt(0.7) * np.repeat(rng.standard_normal(40), 5)
        p = rng.beta(8, 2, 200)
        bins = ConfidenceBins.from_rows(p, ndtr(luck + np.sqrt(0.3) * rng.standard_normal(200)) < p)
        alarms += miscalibration_null(bins, rng, draws=199, deff=3) <= 0.05
    assert alarms / 200 <= 0.05


def test_ignoring_clusters_would_raise_false_alarms() -> None:
    assert alarm_rate(copies=3, deff=1, reps=200) > 0.5


def test_raw_ece_is_far_from_zero_under_calibration_but_debiased_l2_is_not() -> None:
    rng = np.random.default_rng(0)
    ece, l2 = [], []
    for _ in range(500):
        p = rng.random(200)
        bins = ConfidenceBins.by_value(p, rng.random(200) < p)
        ece.append(ece_from_bins(bins))
        l2.append(debiased_l2(bins))
    assert np.mean(ece) == pytest.approx(0.0857, abs=0.003)
    assert abs(np.mean(l2)) < 3 * np.std(l2) / np.sqrt(500) + 1e-3


def test_consistency_band_is_binomial_and_empty_where_bins_are() -> None:
    bins = ConfidenceBins.from_rows(np.full(100, 0.8), np.ones(100))
    band = consistency_band(bins, np.random.default_rng(2), level=0.9)
    # Binomial(100, 0.8): 5 % point 73, 95 % point 86
    assert (band.lo[80], band.hi[80]) == pytest.approx((0.73, 0.86), abs=0.01)
    assert np.isnan(band.lo[:80]).all()
    assert np.isnan(band.hi[81:]).all()


def test_misuse_of_the_null_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"deff must be at least 1, got 0\.5"):
        miscalibration_null(STORED, rng, deff=0.5)
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        miscalibration_null(STORED, rng, draws=0)
    with pytest.raises(ValueError, match="level must fulfil"):
        consistency_band(STORED, rng, level=1)
    with pytest.raises(ValueError, match="at least 2 labelled calls, got 1"):
        debiased_l2(ConfidenceBins.from_rows([0.5], [1]))
