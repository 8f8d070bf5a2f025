"""Selection: published choices on iris, and the laws that any greedy choice obeys."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics.pairwise import rbf_kernel

from llmops_health.kernels.selection import (
    cosine_similarity,
    facility_location,
    k_center_greedy,
    marginal_gains,
)

IRIS: np.ndarray = load_iris().data


def coverage(similarity: np.ndarray, chosen: list[int]) -> float:
    return float(similarity[chosen].max(axis=0, initial=0.0).sum())


def test_facility_location_equals_the_references() -> None:
    found = facility_location(rbf_kernel(IRIS, gamma=0.5), 8)
    # apricot 0.6.1 and submodlib 0.0.3
    assert found.indices.tolist() == [126, 7, 120, 89, 105, 58, 10, 47]
    expected = [
        59.57378564, 43.48315282, 10.84223425, 10.49625514,
        2.847512804, 1.946823072, 1.903863483, 1.595132441,
    ]  # fmt: skip
    assert found.gains == pytest.approx(expected, rel=1e-8)


def test_lazy_gains_are_the_best_of_all_gains() -> None:
    similarity = np.random.default_rng(0).random((60, 90))
    found = facility_location(similarity, 60)
    chosen: list[int] = []
    for index, gain in zip(found.indices.tolist(), found.gains, strict=True):
        value = coverage(similarity, chosen)
        gains = [coverage(similarity, [*chosen, other]) - value for other in range(60)]
        assert gain == pytest.approx(gains[index], abs=1e-9)
        assert gain == pytest.approx(max(gains), abs=1e-9)
        chosen.append(index)
    assert sorted(chosen) == list(range(60))


def test_what_is_covered_already_brings_no_gain() -> None:
    similarity = rbf_kernel(IRIS, gamma=0.5)
    first = facility_location(similarity, 3).indices
    later = facility_location(similarity, 5, already=similarity[:, first])
    assert later.indices.tolist() == [89, 105, 58, 10, 47]
    again = facility_location(similarity[first], 3, already=similarity[:, first])
    assert again.gains == pytest.approx(np.zeros(3), abs=1e-12)


def test_an_empty_existing_set_changes_nothing() -> None:
    similarity = rbf_kernel(IRIS, gamma=0.5)
    found = facility_location(similarity, 4, already=np.zeros((150, 0)))
    assert found.indices.tolist() == [126, 7, 120, 89]
    assert facility_location(similarity, 0).indices.tolist() == []


def test_marginal_gain_is_what_is_lost() -> None:
    similarity = np.random.default_rng(1).random((12, 40))
    everything = list(range(12))
    lost = [
        coverage(similarity, everything)
        - coverage(similarity, [other for other in everything if other != item])
        for item in everything
    ]
    assert marginal_gains(similarity) == pytest.approx(lost, abs=1e-12)


def test_copies_are_spare_and_a_lone_item_is_not() -> None:
    similarity = cosine_similarity(np.eye(3)[[0, 0, 2]], np.eye(3)[[0, 0, 2]])
    assert marginal_gains(similarity).tolist() == [0.0, 0.0, 1.0]
    assert marginal_gains([[0.5, 0.25]]).tolist() == [0.75]
    assert marginal_gains(np.zeros((2, 0))).tolist() == [0.0, 0.0]


def test_k_center_equals_the_reference() -> None:
    found = k_center_greedy(IRIS, 6, existing=IRIS[0:100:2])
    assert found.indices.tolist() == [118, 100, 131, 108, 109, 145]
    # numpy 2.4 over the full distance matrix
    expected = [2.351595203, 1.449137675, 1.349073756, 1.029563014, 0.9327379053, 0.8831760866]
    assert found.gains == pytest.approx(expected, rel=1e-8)


def test_k_center_starts_in_the_middle_and_takes_each_point_once() -> None:
    found = k_center_greedy([[0.0], [0.0], [4.0], [9.0]], 4)
    assert found.indices.tolist() == [2, 3, 0, 1]
    assert found.gains.tolist() == [np.inf, 5.0, 4.0, 0.0]
    assert k_center_greedy([[1.0]], 1, existing=np.zeros((0, 1))).gains.tolist() == [np.inf]
    assert k_center_greedy([[1.0]], 0).indices.tolist() == []


def test_opposite_directions_have_no_similarity() -> None:
    assert cosine_similarity([[1.0, 0.0]], [[-1.0, 0.0], [0.0, 0.0]]).tolist() == [[0.0, 0.0]]


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match=r"k must fulfil 0 <= k <= 2, got 3"):
        facility_location(np.eye(2), 3)
    with pytest.raises(ValueError, match="similarity must be a matrix of similarities >= 0"):
        facility_location([[0.5, -0.1]], 1)
    with pytest.raises(ValueError, match="already must have 2 rows, got 3"):
        facility_location(np.eye(2), 1, already=np.eye(3))
    with pytest.raises(ValueError, match="similarity must be a matrix"):
        marginal_gains([[np.nan]])
    with pytest.raises(ValueError, match=r"fulfil 0 <= k <= n, got \(2, 2\) and 3"):
        k_center_greedy(np.eye(2), 3)
    with pytest.raises(ValueError, match=r"existing must have shape \(m, 2\), got \(3, 3\)"):
        k_center_greedy(np.eye(2), 1, existing=np.eye(3))
    with pytest.raises(ValueError, match="left and right must have shapes"):
        cosine_similarity(np.eye(2), np.eye(3))
