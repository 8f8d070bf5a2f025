"""Coverage: published and hand-made numbers, laws, and how often the interval holds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from llmops_health.kernels.coverage import (
    cell_mass_coverage,
    coverage_ceiling,
    prdc,
    weighted_score,
)

# scikit-learn 1.9.1 KMeans(8) on iris; the eval set lacks the third class.
N_PROD = [24, 28, 22, 12, 22, 18, 20, 4]
N_EVAL = [11, 15, 0, 0, 10, 2, 10, 2]


def test_prdc_equals_the_reference() -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(200, 5)), rng.normal(0.3, 1.2, size=(150, 5))
    found = prdc(real, fake, k=5)
    # prdc 0.2
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(
        (0.84, 0.99, 0.616, 0.80), rel=1e-8
    )


def test_prdc_decides_ties_as_integers_do() -> None:
    tenths, label = load_iris(return_X_y=True)
    tenths = np.rint(tenths * 10).astype(np.int64)
    cases = tenths[label < 2][::2]

    def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(((a[:, None] - b[None]) ** 2).sum(-1))

    radius = np.sort(squared(tenths, tenths), axis=1)[:, 5]
    inside = squared(tenths, cases) < radius[:, None]
    found = prdc(tenths / 10, cases / 10, k=5)
    assert found.coverage == inside.any(axis=1).mean() == 0.7
    assert found.density == pytest.approx(inside.sum(axis=0).mean() / 5, rel=1e-12)


def test_prdc_does_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(100, 3)), rng.normal(size=(40, 3))
    whole = prdc(real, fake)
    monkeypatch.setattr("llmops_health.kernels.coverage._BLOCK_ROWS", 7)
    assert prdc(real, fake) == whole


def test_copies_are_covered_by_a_copy_and_by_nothing_else() -> None:
    real = np.repeat([[0.6, 0.8], [1.0, 0.0]], 10, axis=0)
    assert prdc(real, [[0.6, 0.8]] * 6, k=5).coverage == 0.5
    assert prdc(real, [[0.6, 0.79]] * 6, k=5).coverage == 0.0


def test_equal_samples_reach_the_ceiling_of_coverage() -> None:
    rng = np.random.default_rng(3)
    found = prdc(rng.normal(size=(3000, 4)), rng.normal(size=(3000, 4)), k=5)
    # 1 - 2^-5; the standard error at n = 3000 is below 0.005
    assert found.coverage == pytest.approx(0.96875, abs=0.015)
    assert found.density == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("k", [0, 3])
def test_prdc_refuses_a_radius_it_cannot_take(k: int) -> None:
    with pytest.raises(ValueError, match=r"Argument k must fulfil 1 <= k < .* = 3, got"):
        prdc(np.eye(4), np.eye(4)[:3], k=k)


def test_prdc_refuses_vectors_of_another_length() -> None:
    with pytest.raises(ValueError, match="Arguments real and fake must have shapes"):
        prdc(np.eye(4), np.eye(3), k=1)


@pytest.mark.parametrize(("min_cases", "share"), [(1, 116 / 150), (2, 116 / 150), (3, 94 / 150)])
def test_cell_mass_coverage_equals_the_count(min_cases: int, share: float) -> None:
    found = cell_mass_coverage(N_PROD, N_EVAL, min_cases)
    assert found.estimate == pytest.approx(share, rel=1e-12)
    assert found.n == 150
    assert found.is_covered.tolist() == [n >= min_cases for n in N_EVAL]


def test_wilson_interval_of_covered_mass() -> None:
    found = cell_mass_coverage([7, 43], [1, 0])
    # Wilson interval of 7 / 50, statsmodels 0.15 proportion_confint
    assert (found.lo, found.hi) == pytest.approx((0.0695, 0.2619), abs=5e-5)


def test_buckets_widen_the_interval_and_never_move_the_estimate() -> None:
    buckets = np.array([[90, 10], [10, 90]] * 4)
    clustered = cell_mass_coverage(buckets, [1, 0])
    plain = cell_mass_coverage(buckets.sum(axis=0), [1, 0])
    assert clustered.estimate == plain.estimate == 0.5
    # Shares .9 and .1 in equal buckets: SE = .4 / sqrt 7, n_eff = 7 / .64; t(7) = 2.3646
    shrink = 2.3646242516**2 / (7 / 0.64)
    half = np.sqrt(shrink / 4 + shrink**2 / 4) / (1 + shrink)
    assert (clustered.lo, clustered.hi) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-8)
    assert plain.hi - plain.lo < 0.08


@pytest.mark.parametrize("n_eval", [[1, 1], [0, 0]])
def test_all_or_nothing_still_has_an_interval(n_eval: list[int]) -> None:
    found = cell_mass_coverage([[30, 20], [25, 25]], n_eval)
    assert found.estimate in {0.0, 1.0}
    # Wilson at 0 of 100: z^2 / (n + z^2)
    assert found.hi - found.lo == pytest.approx(3.8414588 / 103.8414588, rel=1e-6)


def test_the_bucket_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        # 640 users of 10 calls, each with a taste of his own: the truth is 0.8.
        covered = rng.binomial(10, rng.beta(4, 1, size=(64, 10))).sum(axis=1)
        found = cell_mass_coverage(np.stack([covered, 100 - covered], axis=1), [1, 0])
        hits += found.lo <= 0.8 <= found.hi
    # 0.95 with a standard error of 0.011
    assert 0.917 < hits / 400 < 0.983


def test_ceiling_equals_simulation() -> None:
    p = np.array([0.5, 0.3, 0.15, 0.05])
    draws = np.random.default_rng(5).multinomial(12, p, size=100_000)
    for min_cases in (1, 3):
        simulated = ((draws >= min_cases) @ p).mean()
        assert coverage_ceiling(p * 1000, 12, min_cases) == pytest.approx(simulated, abs=0.003)


def test_ceiling_of_one_case_is_the_closed_form() -> None:
    p = np.array(N_PROD) / 150
    expected = float(np.sum(p * (1 - (1 - p) ** 50)))
    assert coverage_ceiling([N_PROD, N_PROD], 50) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n_cases", "ceiling"), [(0, 0.0), (2, 0.0), (3, 1.0)])
def test_ceiling_at_its_ends(n_cases: int, ceiling: float) -> None:
    assert coverage_ceiling([10, 0], n_cases, min_cases=3) == ceiling


def test_weighted_score_bounds_and_effective_size() -> None:
    score = np.array([0.95, 0.9, 0.8, 0.85, 0.7, 0.9, 0.6, 0.75])
    found = weighted_score(N_PROD, N_EVAL, score * N_EVAL)
    # Post-stratification by numpy 1.26 over the cells of scikit-learn 1.9.1
    assert (found.covered_score, found.lo, found.hi, found.ess) == pytest.approx(
        (0.8155172414, 0.6306666667, 0.8573333333, 37.06577629), rel=1e-8
    )
    assert found.covered_mass == pytest.approx(116 / 150)


def test_a_set_sampled_from_production_weighs_nothing() -> None:
    found = weighted_score([60, 40], [6, 4], [3, 4])
    assert found.covered_score == pytest.approx(found.unweighted_score)
    assert found.ess == pytest.approx(10)
    assert found.lo == pytest.approx(found.hi)


def test_nothing_covered_is_unknown_not_zero() -> None:
    found = weighted_score([5, 5], [0, 0], [0, 0])
    assert np.isnan(found.covered_score)
    assert (found.lo, found.hi, found.ess) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("n_prod", "n_eval", "min_cases", "message"),
    [
        ([0, 0], [1, 1], 1, "n_prod must count at least one"),
        ([1, -1], [1, 1], 1, "n_prod must hold counts"),
        ([1, 1], [1], 1, "n_eval must hold counts"),
        ([1, 1], [1, 1], 0, "min_cases must be >= 1, got 0"),
    ],
)
def test_misuse_is_named(
    n_prod: list[int], n_eval: list[int], min_cases: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cell_mass_coverage(n_prod, n_eval, min_cases)


def test_scores_beyond_their_count_are_refused() -> None:
    with pytest.raises(ValueError, match="sum_score must have shape"):
        weighted_score([5, 5], [1, 1], [1, 1.5])
    with pytest.raises(ValueError, match="level must fulfil 0 < level < 1, got 1"):
        cell_mass_coverage([1], [1], level=1)
    with pytest.raises(ValueError, match="n_cases must be >= 0, got -1"):
        coverage_ceiling([1], -1)
