"""Sign flips of clusters: the oracle, all signs by hand, level under clustering, and misuse."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from llmops_health.kernels.sign_flip import cluster_sign_flip


def clustered() -> tuple[np.ndarray, np.ndarray]:
    """The draws of the oracle: after those of its regression part, from the same generator."""
    rng = np.random.default_rng(5)
    x_eval, x_prod = rng.normal(0.5, 1, (400, 3)), rng.normal(0, 1, (4_000, 3))
    rng.integers(0, 500, 4_000)
    assert len(x_eval) + len(x_prod) == 4_400
    rng.random(400)
    rng.random(4_000)
    differences = rng.normal(0.15, 1, 200) + np.repeat(rng.normal(0, 0.8, 40), 5)
    return differences, np.repeat(np.arange(40), 5)


def test_the_oracle_of_forty_clusters() -> None:
    # 9,999 flips with seed 0: 0.7958, where a t-test that knows no clusters says 0.648.
    differences, clusters = clustered()
    assert cluster_sign_flip(differences, clusters)[0] == pytest.approx(0.7958, abs=1e-9)


def test_few_clusters_are_as_all_their_signs() -> None:
    sums = np.array([3.0, 1.0, -0.5, 2.0, 1.5, 0.5, 2.5, -1.0])
    every = np.array(list(product([-1, 1], repeat=8))) @ sums
    exact = np.mean(np.abs(every) >= abs(sums.sum()) - 1e-9)
    found = cluster_sign_flip(sums, np.arange(8), n_flips=40_000, seed=3)[0]
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact / 40_000))


def test_measures_share_their_signs_and_do_not_mix() -> None:
    rng = np.random.default_rng(2)
    differences = rng.normal([0.0, 0.3, 1.0], size=(60, 3))
    clusters = rng.integers(0, 25, 60)
    together = cluster_sign_flip(differences, clusters)
    alone = [cluster_sign_flip(column, clusters)[0] for column in differences.T]
    assert together.tolist() == pytest.approx(alone)
    assert together[2] == pytest.approx(1e-4)


def test_names_of_clusters_and_scale_do_not_matter() -> None:
    differences, clusters = clustered()
    named = np.array([f"user {one}" for one in clusters[::-1]])
    plain = cluster_sign_flip(differences, clusters[::-1])
    assert cluster_sign_flip(1e6 * differences, clusters[::-1]) == pytest.approx(plain)
    assert cluster_sign_flip(differences, named).shape == (1,)


def test_what_is_not_known_says_nothing() -> None:
    differences = np.array([1.0, 2.0, np.nan, 1.0, 3.0, 1.0])
    zeroed = np.nan_to_num(differences)
    assert cluster_sign_flip(differences, np.arange(6)) == cluster_sign_flip(zeroed, np.arange(6))
    assert cluster_sign_flip([np.nan, np.nan], [0, 1])[0] == 1.0


def test_level_holds_where_pairs_of_a_cluster_are_alike() -> None:
    rng = np.random.default_rng(7)
    clusters = np.repeat(np.arange(20), 4)
    shared = np.repeat(rng.normal(size=(20, 400)), 4, axis=0)
    p = cluster_sign_flip(shared + 0.3 * rng.normal(size=(80, 400)), clusters, n_flips=499)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 400))


@pytest.mark.parametrize(
    ("differences", "clusters", "message"),
    [
        ([1.0, 2.0], [0], "with a cluster each"),
        ([], [], "with a cluster each"),
        ([1.0, np.inf], [0, 1], "must not be infinite"),
    ],
)
def test_misuse(differences: list[float], clusters: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_sign_flip(differences, clusters)


def test_no_flips_is_misuse() -> None:
    with pytest.raises(ValueError, match="n_flips must be at least 1, got 0"):
        cluster_sign_flip([1.0], [0], n_flips=0)
