"""Embedding distances on iris against exact kernels, and without drift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris
from sklearn.metrics.pairwise import rbf_kernel

from llmops_health.kernels.embedding import (
    mean_distance,
    mmd2_unbiased_from_sums,
    rff_features,
    rff_mmd2,
)

Floats = NDArray[np.float64]

GAMMA = 1 / 1.66  # one over the median squared distance of the 100 flowers


@pytest.fixture(scope="module")
def flowers() -> tuple[Floats, Floats]:
    x, species = load_iris(return_X_y=True)
    return x[species == 1], x[species == 2]


def sums(x: Floats) -> tuple[Floats, float, int]:
    return x.sum(axis=0), float((x**2).sum()), len(x)


def biased(x: Floats, y: Floats) -> float:
    return rff_mmd2(x.sum(axis=0), len(x), y.sum(axis=0), len(y))


# numpy 1.26 default_rng(0): pins the random stream, on which stored sums depend.
@pytest.mark.parametrize(
    ("n_features", "mmd2"), [(128, 0.5532414415), (512, 0.6213086617), (2048, 0.5693661788)]
)
def test_random_features_of_iris(
    flowers: tuple[Floats, Floats], n_features: int, mmd2: float
) -> None:
    phi = [rff_features(x, seed=0, n_features=n_features, gamma=GAMMA) for x in flowers]
    assert biased(phi[0], phi[1]) == pytest.approx(mmd2, rel=1e-8)


def test_unbiased_from_sums_of_iris(flowers: tuple[Floats, Floats]) -> None:
    phi = [rff_features(x, seed=0, n_features=2048, gamma=GAMMA) for x in flowers]
    got = mmd2_unbiased_from_sums(*sums(phi[0]), *sums(phi[1]))
    assert got == pytest.approx(0.550716737, rel=1e-8)  # numpy 1.26


def test_many_features_reach_the_exact_kernel(flowers: tuple[Floats, Floats]) -> None:
    phi = [rff_features(x, seed=1, n_features=50_000, gamma=GAMMA) for x in flowers]
    # scikit-learn 1.9.1 rbf_kernel, all pairs.
    assert biased(phi[0], phi[1]) == pytest.approx(0.5795233211, abs=0.01)
    got = mmd2_unbiased_from_sums(*sums(phi[0]), *sums(phi[1]))
    assert got == pytest.approx(0.5608335191, abs=0.01)
    assert phi[0] @ phi[1].T == pytest.approx(rbf_kernel(*flowers, gamma=GAMMA), abs=0.03)


def test_unbiased_from_sums_is_the_mean_over_pairs() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 4)), rng.normal(1, 2, size=(5, 4))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (x @ x.T, y @ y.T)]
    want = sum(within) - 2 * (x @ y.T).mean()
    assert mmd2_unbiased_from_sums(*sums(x), *sums(y)) == pytest.approx(want)


def test_without_drift_only_the_unbiased_one_averages_zero() -> None:
    rng = np.random.default_rng(12)
    unbiased, raised = [], []
    for _ in range(400):
        x = rff_features(rng.normal(size=(40, 5)), seed=2, n_features=64, gamma=0.1)
        y = rff_features(rng.normal(size=(60, 5)), seed=2, n_features=64, gamma=0.1)
        unbiased.append(mmd2_unbiased_from_sums(*sums(x), *sums(y)))
        raised.append(biased(x, y))
    assert abs(np.mean(unbiased)) < 3 * np.std(unbiased) / 20
    assert 0.3 * (1 / 40 + 1 / 60) < np.mean(raised) < 1 / 40 + 1 / 60


def test_same_seed_same_features_and_sums_add_up() -> None:
    x = np.random.default_rng(5).normal(size=(30, 8))
    whole = rff_features(x, seed=9, gamma=0.2)
    parts = [rff_features(part, seed=9, gamma=0.2) for part in (x[:11], x[11:])]
    assert whole.shape == (30, 512)
    assert np.vstack(parts) == pytest.approx(whole)
    assert not np.allclose(whole, rff_features(x, seed=10, gamma=0.2))
    assert rff_features(np.empty((0, 8)), seed=9, gamma=0.2).shape == (0, 512)


def test_mean_distance() -> None:
    x = np.random.default_rng(6).normal(size=(20, 3))
    y = x[:5] + np.array([3.0, 4.0, 0.0])
    want = np.linalg.norm(x.mean(axis=0) - y.mean(axis=0))
    got = mean_distance(x.sum(axis=0), 20, y.sum(axis=0), 5)
    assert got == pytest.approx(want)
    assert mean_distance(y.sum(axis=0), 5, x.sum(axis=0), 20) == pytest.approx(want)
    assert mean_distance(x.sum(axis=0), 20, 2 * x.sum(axis=0), 40) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rff_features([1.0], seed=0, gamma=1), r"\(n, n_dims\) array, got shape \(1,\)"),
        (lambda: rff_features([[np.nan]], seed=0, gamma=1), "x must be a finite"),
        (lambda: rff_features([[1.0]], seed=0, gamma=0), "gamma must be positive and finite"),
        (lambda: rff_features([[1.0]], seed=0, gamma=1, n_features=0), "n_features must be at le"),
        (lambda: mean_distance([1.0], 0, [1.0], 1), "must be at least 1, got 0 and 1"),
        (lambda: rff_mmd2([1.0], 1, [1.0, 2.0], 1), r"one length, got \(1,\) and \(2,\)"),
        (lambda: mmd2_unbiased_from_sums([1.0], 1, 1, [1.0], 1, 2), "at least 2, got 1 and 2"),
    ],
)
def test_rejects(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
