"""Divergences against reference values, their laws, and their behaviour without change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from llmops_health.kernels.divergence import (
    binomial_excess,
    chi2_homogeneity,
    js_distance,
    psi,
    total_variation,
)

Counts = NDArray[np.int64]

REF = np.array([120, 300, 250, 180, 100, 50])
CUR = np.array([90, 220, 260, 230, 130, 70])


# numpy 1.26 and scipy 1.12; the same index as Evidently 0.7.23 on categories.
def test_textbook_psi_of_six_categories() -> None:
    got = psi(REF, CUR, prior=0)
    assert (got.psi, got.noise_floor) == pytest.approx((0.06069155914, 0.01), rel=1e-8)
    assert got.corrected == pytest.approx(0.05069155914, rel=1e-8)
    assert got.p_value == pytest.approx(1.260821153e-05, rel=1e-8)


def test_smoothed_psi() -> None:
    # DuckDB 2.0.0 SQL and numpy 1.26.
    got = psi(REF, CUR)
    assert got.psi == pytest.approx(0.06029880148, rel=1e-8)
    assert got.corrected == pytest.approx(0.05029880148, rel=1e-8)
    assert psi([500, 300, 200, 0], [400, 300, 250, 50]).psi == pytest.approx(0.2636503421, rel=1e-8)


def test_distances_of_six_categories() -> None:
    # scipy 1.12 jensenshannon and chi2_contingency without correction.
    assert js_distance(REF, CUR) == pytest.approx(0.1044340054, rel=1e-8)
    assert js_distance(REF, CUR, base=np.e) == pytest.approx(0.08694701273, rel=1e-8)
    assert total_variation(REF, CUR) == pytest.approx(0.11, rel=1e-8)
    got = chi2_homogeneity(REF, CUR)
    assert (got.statistic, got.p_value) == pytest.approx((30.13342281, 1.388299729e-05), rel=1e-8)
    assert got.dof == 5
    assert got.cramers_v == pytest.approx(0.1227465332, rel=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_laws(seed: int) -> None:
    a, b, c = np.random.default_rng(seed).poisson(3, size=(3, 12)) + np.eye(3, 12, dtype=int)
    for distance in (js_distance, total_variation):
        assert distance(a, b) == pytest.approx(distance(b, a))
        assert 0 < distance(a, b) <= 1
        assert distance(a, b) <= distance(a, c) + distance(c, b) + 1e-12
        assert distance(a, 7 * a) == pytest.approx(0, abs=1e-7)
    assert psi(a, a).psi == 0
    assert psi(a, b).psi == pytest.approx(psi(b, a).psi)
    assert psi(a, b).psi > 0
    assert chi2_homogeneity(a, 7 * a).statistic == pytest.approx(0, abs=1e-12)


def test_disjoint_categories_are_one_apart() -> None:
    assert js_distance([3, 0], [0, 9]) == 1
    assert total_variation([3, 0], [0, 9]) == 1
    assert chi2_homogeneity([3, 0], [0, 9]).cramers_v == pytest.approx(1)


@pytest.mark.parametrize("distance", [psi, chi2_homogeneity, js_distance, total_variation])
def test_categories_empty_on_both_sides_say_nothing(
    distance: Callable[[Counts, Counts], object],
) -> None:
    assert distance(np.append(REF, [0] * 9), np.append(CUR, [0] * 9)) == distance(REF, CUR)


def test_one_category_cannot_change() -> None:
    got = psi([50, 0], [9, 0])
    assert (got.psi, got.noise_floor, got.p_value) == (0, 0, 1)
    assert chi2_homogeneity([50, 0], [9, 0]).p_value == 1


def test_without_change_psi_averages_its_floor_and_p_is_uniform() -> None:
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.full(10, 5.0))
    ref, cur = rng.multinomial(5000, shares, 3000), rng.multinomial(2000, shares, 3000)
    scores = [psi(r, c) for r, c in zip(ref, cur, strict=True)]
    floor = scores[0].noise_floor
    # Theory 9 (1/5000 + 1/2000) = .0063, sd of one PSI .003: three simulation errors are .00016.
    assert floor == pytest.approx(0.0063)
    assert np.mean([s.psi for s in scores]) == pytest.approx(floor, abs=0.00017)
    assert np.mean([s.corrected for s in scores]) == pytest.approx(0, abs=0.00017)
    for p_values in (
        [s.p_value for s in scores],
        [chi2_homogeneity(r, c).p_value for r, c in zip(ref, cur, strict=True)],
    ):
        assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.012)
        assert kstest(p_values, "uniform").pvalue > 0.001


def test_newcombe_interval() -> None:
    # Newcombe (1998), Statist. Med. 17:873-890, table II, method 10: 56/70 - 48/80.
    contrast = binomial_excess(48, 80, 56, 70)
    assert (contrast.lo, contrast.hi) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    # The same table, 10/10 - 0/10: Wilson's .7225 and .2775, 1 - .2775 sqrt(2).
    opposite = binomial_excess(0, 10, 10, 10)
    assert (opposite.lo, opposite.hi) == pytest.approx((0.6075, 1.0), abs=5e-5)


def test_excess_is_one_sided() -> None:
    up, down = binomial_excess(10, 1000, 30, 1000), binomial_excess(30, 1000, 10, 1000)
    # Pooled share .02: z = .02 / sqrt(.02 * .98 * 2 / 1000) = 3.1944
    assert (up.z, up.estimate) == pytest.approx((3.1944, 0.02), abs=5e-5)
    assert up.p_value == pytest.approx(0.0007, abs=5e-5)
    assert down.p_value == pytest.approx(1 - up.p_value)


def test_a_design_effect_divides_z_by_its_root() -> None:
    plain, clustered = (binomial_excess(10, 1000, 30, 1000, deff=deff) for deff in (1, 4))
    assert clustered.z == pytest.approx(plain.z / 2)
    assert clustered.lo < plain.lo
    assert clustered.estimate == pytest.approx(plain.estimate)


@pytest.mark.parametrize("successes", [0, 100])
def test_no_variance_is_no_evidence_and_still_an_interval(successes: int) -> None:
    got = binomial_excess(successes, 100, successes, 100)
    assert (got.estimate, got.z, got.p_value) == (0, 0, 0.5)
    assert got.lo < 0 < got.hi


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: psi([], []), "ref must hold at least one row, got none"),
        (lambda: psi([0, 0], [1, 2]), "ref must hold at least one row, got none"),
        (lambda: js_distance([1, 2], [0, 0]), "cur must hold at least one row, got none"),
        (lambda: psi([1, 2], [1, 2, 3]), r"vectors of one length, got \(2,\), \(3,\)"),
        (lambda: total_variation([1, -2], [1, 2]), "ref must be finite and not negative, got -2"),
        (lambda: chi2_homogeneity([1, 2], [1, np.nan]), "cur must be finite"),
        (lambda: psi([1, 0], [1, 2], prior=0), "prior must be positive where a category is empty"),
        (lambda: psi([1, 2], [1, 2], prior=-1), "prior must not be negative, got -1"),
        (lambda: js_distance([1], [1], base=1), "base must be above 1, got 1"),
        (lambda: binomial_excess(1, 9, 1, 9, deff=0.5), "deff must be at least 1, got 0.5"),
        (lambda: binomial_excess(1, 9, 1, 0), "n must be positive, got 0"),
    ],
)
def test_rejects(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
