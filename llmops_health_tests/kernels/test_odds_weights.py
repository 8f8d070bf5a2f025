"""Odds weights: scikit-learn's numbers, balance, separable groups, and misuse."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.jackknife import effective_clusters
from llmops_health.kernels.matching import standardized_difference
from llmops_health.kernels.odds_weights import odds_weights


def oracle() -> tuple[np.ndarray, ...]:
    """Evals whose inputs differ, and which refuse 5 pp less on the same input."""
    rng = np.random.default_rng(5)
    x_eval, x_prod = rng.normal(0.5, 1, (400, 3)), rng.normal(0, 1, (4_000, 3))
    rng.integers(0, 500, 4_000)

    def p(x: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-(-2 + 0.8 * x[:, 0]))))

    refused_eval = rng.random(400) < np.clip(p(x_eval) - 0.05, 0, 1)
    refused_prod = rng.random(4_000) < p(x_prod)
    return x_eval, x_prod, refused_eval, refused_prod


def test_the_oracle_of_a_gap_that_the_raw_difference_hides() -> None:
    x_eval, x_prod, refused_eval, refused_prod = oracle()
    weights = odds_weights(x_eval, x_prod, ridge=1e-6)
    mean = float(weights @ refused_prod / weights.sum())
    # scikit-learn stops its own search a little earlier: hence four digits.
    assert refused_eval.mean() - refused_prod.mean() == pytest.approx(-0.01025)
    assert mean == pytest.approx(0.1946844873, rel=1e-4)
    assert refused_eval.mean() - mean == pytest.approx(-0.05468448731, rel=1e-3)
    assert effective_clusters(weights) == pytest.approx(2063.003916, rel=1e-3)
    before = np.abs(standardized_difference(x_eval, x_prod)).max()
    after = np.abs(standardized_difference(x_eval, x_prod, weights)).max()
    assert before == pytest.approx(0.5480605618, rel=2e-3)
    assert after == pytest.approx(0.02833924376, rel=1e-2)


def test_groups_alike_are_weighted_alike() -> None:
    rng = np.random.default_rng(1)
    weights = odds_weights(rng.normal(size=(2_000, 2)), rng.normal(size=(2_000, 2)))
    assert weights.mean() == pytest.approx(1)
    assert effective_clusters(weights) > 0.99 * 2_000


def test_other_rows_are_weighted_on_the_scale_of_the_source() -> None:
    rng = np.random.default_rng(2)
    target, source = rng.normal(0.5, 1, (300, 2)), rng.normal(0, 1, (900, 2))
    assert odds_weights(target, source, of=source[:7]) == pytest.approx(
        odds_weights(target, source)[:7]
    )
    far = odds_weights(target, source, of=[[50.0, 50.0]])
    assert far[0] == pytest.approx(odds_weights(target, source).max())


def test_groups_apart_stay_finite() -> None:
    target, source = np.full((20, 1), 5.0), np.linspace(-5, 0, 200)[:, None]
    weights = odds_weights(target, source)
    assert np.isfinite(weights).all()
    assert np.argmax(weights) >= 195
    assert effective_clusters(weights) < 0.6 * 200


def test_clip_holds_the_largest_down() -> None:
    rng = np.random.default_rng(3)
    target, source = rng.normal(2, 1, (300, 1)), rng.normal(0, 1, (900, 1))
    assert (
        odds_weights(target, source, clip=0.9).max() < odds_weights(target, source, clip=1.0).max()
    )


def test_misuse() -> None:
    with pytest.raises(ValueError, match="must be \\(n, d\\) alike"):
        odds_weights([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="must be finite"):
        odds_weights([[np.nan]], [[1.0]])
    with pytest.raises(ValueError, match="ridge must be positive"):
        odds_weights([[1.0]], [[1.0]], ridge=0.0)
    with pytest.raises(ValueError, match="clip must fulfil"):
        odds_weights([[1.0]], [[1.0]], clip=0.0)
