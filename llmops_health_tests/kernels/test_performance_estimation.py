"""Estimated performance: by hand, against later labels, and where it must say extrapolating."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.calibration import ConfidenceBins
from llmops_health.kernels.performance_estimation import (
    calibrate_bins,
    covariate_ess,
    estimate_accuracy,
    expected_confusion,
)


def test_the_map_interpolates_inside_and_holds_flat_outside() -> None:
    reference = ConfidenceBins.from_rows(
        np.repeat([0.505, 0.605, 0.805], 10), np.repeat([1, 0, 1, 0, 1], [5, 5, 6, 4, 10])
    )
    accuracy = calibrate_bins(reference).accuracy
    assert accuracy[[0, 50, 55, 60, 65, 70, 80, 99]] == pytest.approx(
        [0.5, 0.5, 0.55, 0.6, 0.7, 0.8, 1.0, 1.0]
    )


def test_violators_are_pooled_by_weight() -> None:
    reference = ConfidenceBins.from_rows(
        np.repeat([0.6, 0.8], [10, 30]), np.repeat([1, 0], [10, 30])
    )
    assert calibrate_bins(reference).accuracy[[60, 70, 80]] == pytest.approx([0.25] * 3)


def test_estimate_by_hand() -> None:
    reference = ConfidenceBins.from_rows(
        np.repeat([0.6, 0.8], 100), np.repeat([1, 0, 1, 0], [50, 50, 90, 10])
    )
    current = np.zeros(100)
    current[[60, 80, 90]] = 200, 100, 100
    estimate = estimate_accuracy(calibrate_bins(reference), current)
    assert estimate.accuracy.estimate == pytest.approx(0.5 * 0.5 + 0.5 * 0.9)
    assert estimate.share_extrapolated == 0.25
    spread = np.array([0.25, (90.5 / 101) * (10.5 / 101)])
    assert estimate.standard_error_map == pytest.approx(np.sqrt((0.25 * spread / 100).sum()))
    assert estimate.standard_error_sampling == pytest.approx(np.sqrt((0.5 * spread).sum() / 400))


def test_clusters_widen_the_interval() -> None:
    calibrated = calibrate_bins(ConfidenceBins.from_rows([0.6, 0.6, 0.8], [0, 1, 1]))
    single = estimate_accuracy(calibrated, np.ones(100))
    clustered = estimate_accuracy(calibrated, np.ones(100), deff=4)
    assert clustered.standard_error_map == pytest.approx(2 * single.standard_error_map)


@pytest.mark.parametrize(
    ("n_reference", "n_current", "later_a", "least"),
    [
        # 0.95 nominal, 3 standard errors 0.0207
        (2000, 500, 6, 0.95 - 0.0207),
        (400, 5000, 6, 0.95 - 0.0207),
        # Shifted to harder calls the isotonic fit reads 0.009 low at its thin end: 0.92 to 0.94
        (400, 5000, 4, 0.90),
    ],
)
def test_the_interval_holds_the_accuracy_that_labels_show_later(
    n_reference: int, n_current: int, later_a: float, least: float
) -> None:
    # Confidence is miscalibrated: the square root of the chance to be right.
    rng = np.random.default_rng(20260101)
    held, reps = 0, 1000
    for _ in range(reps):
        p, later = rng.beta(6, 2, n_reference), rng.beta(later_a, 2, n_current)
        reference = ConfidenceBins.from_rows(np.sqrt(p), rng.random(n_reference) < p)
        n_per_bin = np.histogram(np.sqrt(later), bins=100, range=(0, 1))[0]
        estimate = estimate_accuracy(calibrate_bins(reference), n_per_bin).accuracy
        held += estimate.lo <= (rng.random(n_current) < later).mean() <= estimate.hi
    assert least < held / reps < 0.95 + 0.0207


def test_raw_confidence_would_be_off_where_the_calibrated_estimate_is_not() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(6, 2, 50_000)
    reference = ConfidenceBins.from_rows(np.sqrt(p), rng.random(p.size) < p)
    estimate = estimate_accuracy(calibrate_bins(reference), reference.n).accuracy.estimate
    assert estimate == pytest.approx(reference.n_correct.sum() / 50_000, abs=1e-12)
    assert abs(np.sqrt(p).mean() - estimate) > 0.1


def test_expected_confusion_by_hand() -> None:
    confusion = expected_confusion([0.1, 0.6, 0.9], [0, 10, 20], [30, 0, 0])
    assert confusion.true_positive == pytest.approx(24)
    assert confusion.false_positive == pytest.approx(6)
    assert confusion.false_negative == pytest.approx(3)
    assert confusion.true_negative == pytest.approx(27)
    assert confusion.precision == pytest.approx(0.8)
    assert confusion.recall == pytest.approx(24 / 27)
    assert confusion.f1 == pytest.approx(48 / 57)


def test_empty_predictions_have_no_precision() -> None:
    assert np.isnan(expected_confusion([0.0], [0], [5]).precision)


def test_ess_is_one_without_shift_and_small_under_shift() -> None:
    reference = np.full(100, 50)
    assert covariate_ess(reference, 3 * reference) == pytest.approx(1.0)
    shifted = np.zeros(100)
    shifted[:10] = 100
    # Ten groups of equal mass, all traffic in one: 1 / (1 / 0.1)
    assert covariate_ess(reference, shifted) == pytest.approx(0.1)


def test_ess_of_a_small_sample_without_shift_is_not_taken_for_shift() -> None:
    rng = np.random.default_rng(5)
    reference = rng.multinomial(2000, np.full(100, 0.01))
    values = [
        covariate_ess(reference, rng.multinomial(100, np.full(100, 0.01))) for _ in range(200)
    ]
    assert min(values) > 0.7


def test_misuse_is_refused() -> None:
    calibrated = calibrate_bins(ConfidenceBins.from_rows([0.6, 0.8], [0, 1]))
    with pytest.raises(ValueError, match="n_per_bin must hold at least one call, got 0"):
        estimate_accuracy(calibrated, np.zeros(100))
    with pytest.raises(ValueError, match="n_per_bin must be counts of shape"):
        estimate_accuracy(calibrated, np.ones(10))
    with pytest.raises(ValueError, match="level must fulfil"):
        estimate_accuracy(calibrated, np.ones(100), level=0)
    with pytest.raises(ValueError, match=r"deff must be at least 1, got 0\.9"):
        estimate_accuracy(calibrated, np.ones(100), deff=0.9)
    with pytest.raises(ValueError, match="alike"):
        expected_confusion([0.5], [1, 2], [3])
    with pytest.raises(ValueError, match="n_reference must hold 2 calls"):
        covariate_ess(np.zeros(100), np.ones(100))
