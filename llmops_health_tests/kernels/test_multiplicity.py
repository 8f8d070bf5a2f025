"""The false discovery rate: the published example, missing tests, and the rate it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from llmops_health.kernels.multiplicity import benjamini_hochberg, e_benjamini_hochberg

# Benjamini and Hochberg (1995), section 3.2; adjusted by statsmodels 0.15.0 multipletests.
P = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
P += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
ADJUSTED = [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714286, 0.06385714286, 0.0645]
ADJUSTED += [0.0765, 0.486, 0.5811818182, 0.714875, 0.7532307692, 0.8132142857, 1.0]


def test_published_example() -> None:
    got = benjamini_hochberg(P)
    assert got.adjusted == pytest.approx(np.array(ADJUSTED), rel=1e-8)
    assert got.rejected.tolist() == [True] * 4 + [False] * 11


def test_order_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(15)
    got = benjamini_hochberg(np.array(P)[order])
    assert got.adjusted == pytest.approx(np.array(ADJUSTED)[order], rel=1e-8)


def test_tests_that_were_not_made_are_not_counted() -> None:
    got = benjamini_hochberg([np.nan, *P, np.nan])
    assert got.adjusted[1:-1] == pytest.approx(np.array(ADJUSTED), rel=1e-8)
    assert np.isnan(got.adjusted[[0, -1]]).all()
    assert not got.rejected[[0, -1]].any()


def test_nothing_tested_is_nothing_rejected() -> None:
    assert benjamini_hochberg([]).rejected.tolist() == []
    assert benjamini_hochberg([np.nan]).rejected.tolist() == [False]


def test_an_adjusted_p_at_the_rate_is_rejected() -> None:
    assert benjamini_hochberg([0.05, 0.05], q=0.05).rejected.all()
    assert not benjamini_hochberg([0.05, 0.9], q=0.05).rejected.any()


def test_keeps_the_false_discovery_rate() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(2000, 40))
    z[:, :10] += 3
    rejected = np.array([benjamini_hochberg(p, q=0.1).rejected for p in ndtr(-z)])
    false_share = rejected[:, 10:].sum(axis=1) / np.maximum(rejected.sum(axis=1), 1)
    # Theory for independent tests: q times the share of true nulls, .1 * 30 / 40.
    assert false_share.mean() == pytest.approx(0.075, abs=0.008)
    assert rejected[:, :10].mean() > 0.6


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.1, 1.2], 0.05, "p must lie in 0-1 or be nan, got 1.2"),
        ([-0.1], 0.05, "p must lie in 0-1 or be nan, got -0.1"),
        ([[0.1]], 0.05, r"p must be one-dimensional, got shape \(1, 1\)"),
        ([0.1], 0.0, "0 < q < 1, got 0.0"),
    ],
)
def test_rejects(p: list[float], q: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        benjamini_hochberg(p, q)


def test_e_bh_as_published_and_at_the_edge() -> None:
    e = np.log([900, 450, 200, 120, 60, 10, 5, 1, 1, 1, 0.5, 0.5, 0.2, 0.2, 0.1])
    assert e_benjamini_hochberg(e, 0.05).sum() == 5
    assert e_benjamini_hochberg([-np.inf, np.log(39.9)], 0.05).sum() == 0
    assert e_benjamini_hochberg([-np.inf, np.log(40.1)], 0.05).tolist() == [False, True]
    with pytest.raises(ValueError, match="without nan"):
        e_benjamini_hochberg([float("nan")])
