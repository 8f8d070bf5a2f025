"""Stratified contrasts: a known confounded design, strata that lack an arm, and coverage."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.stratified import stratified_contrast, within_strata


def test_strata_take_the_confounding_away() -> None:
    # The design of a published comparison: hard questions are asked hot.
    rng = np.random.default_rng(0)
    hard = rng.random(6000)
    hot = (rng.random(6000) < 1 / (1 + np.exp(-(3 * hard - 1.5)))).astype(int)
    quality = 0.9 - 0.35 * hard - 0.04 * hot + 0.1 * rng.normal(size=6000)
    stratum = np.minimum((hard * 10).astype(int), 9)
    n, y = np.zeros((10, 2)), np.zeros((10, 2))
    np.add.at(n, (stratum, hot), 1)
    np.add.at(y, (stratum, hot), quality)
    pooled = y.sum(axis=0) / n.sum(axis=0)
    assert pooled[1] - pooled[0] == pytest.approx(-0.1219260927, rel=1e-8)
    assert within_strata(n, y, weights="size") == pytest.approx(-0.0386745882, rel=1e-8)
    assert within_strata(n, y) == pytest.approx(-0.0387, abs=0.001)


def test_overlap_weights_are_least_squares_with_a_level_per_stratum() -> None:
    rng = np.random.default_rng(1)
    stratum, arm = rng.integers(0, 4, 300), rng.integers(0, 2, 300)
    y = rng.normal(size=300) + stratum
    design = np.column_stack([arm, *(stratum == one for one in range(4))]).astype(float)
    wanted = np.linalg.lstsq(design, y, rcond=None)[0][0]
    n, sums = np.zeros((4, 2)), np.zeros((4, 2))
    np.add.at(n, (stratum, arm), 1)
    np.add.at(sums, (stratum, arm), y)
    assert within_strata(n, sums) == pytest.approx(wanted, rel=1e-8)


def test_a_stratum_without_an_arm_says_nothing() -> None:
    n, y = np.array([[10, 10], [0, 30]]), np.array([[5, 4], [0, 0]])
    assert within_strata(n, y) == pytest.approx(-0.1)
    n64 = np.repeat(n[None], 8, axis=0)
    found = stratified_contrast(n64, np.repeat(y[None], 8, axis=0))
    assert found is not None
    assert found.overlap == pytest.approx(0.25)
    assert (found.mean_0, found.mean_1) == pytest.approx((0.5, 0.4))
    assert found.n_1 == 80


def test_without_overlap_there_is_no_contrast() -> None:
    n = np.repeat(np.array([[[10, 0], [0, 10]]]), 8, axis=0)
    assert stratified_contrast(n, n / 2) is None


def test_an_arm_in_one_bucket_has_no_error() -> None:
    n = np.zeros((8, 1, 2))
    n[:, 0, 0], n[0, 0, 1] = 10, 10
    assert stratified_contrast(n, n / 2) is None


def test_other_shapes_and_words_are_misuse() -> None:
    with pytest.raises(ValueError, match="n_strata, 2"):
        within_strata(np.ones((3, 3)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="n_buckets"):
        stratified_contrast(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="overlap"):
        within_strata(np.ones((3, 2)), np.ones((3, 2)), weights="equal")


def test_intervals_of_clustered_rows_hold_the_truth() -> None:
    rng = np.random.default_rng(2)
    held, falls = [], []
    for _ in range(300):
        user = rng.normal(size=(32, 6, 1)) * 0.1
        n = rng.integers(1, 8, (32, 6, 2)).astype(float)
        y = n * (0.7 + user + rng.normal(size=n.shape) * 0.4 / np.sqrt(n))
        y[..., 1] -= 0.05 * n[..., 1]
        found = stratified_contrast(n, y)
        assert found is not None
        held.append(found.lo <= -0.05 <= found.hi)
        falls.append(found.p_fall < 0.05)
        assert found.p_fall + found.p_rise == pytest.approx(1)
    assert 0.92 <= np.mean(held) <= 0.98
    assert np.mean(falls) > 0.5
