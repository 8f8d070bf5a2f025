"""Matching with a caliper and standardized differences: the oracle, by hand, ties, and misuse."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.matching import nearest_controls, standardized_difference
from llmops_health.kernels.paired import clustered_change


def test_the_oracle_of_matched_differences() -> None:
    # Raw +9.292, matched -7.374 where the truth is -8; clustered by control se 0.5855.
    rng = np.random.default_rng(21)
    x_prod, x_eval = rng.normal(0, 1, (800, 2)), rng.normal(0.7, 1, (300, 2))
    y_prod = 100 + 20 * x_prod[:, 0] + rng.normal(0, 5, 800)
    y_eval = 100 + 20 * x_eval[:, 0] - 8 + rng.normal(0, 5, 300)
    distance = np.linalg.norm(x_eval[:, None] - x_prod, axis=2)
    caliper = float(np.quantile(distance.min(axis=1), 0.9))
    found = nearest_controls(-distance, np.nextafter(-caliper, 0))
    kept = found.control[:, 0] >= 0
    control = found.control[kept, 0]
    differences = y_eval[kept] - y_prod[control]
    assert y_eval.mean() - y_prod.mean() == pytest.approx(9.292468248, rel=1e-9)
    assert (len(differences), np.bincount(control).max()) == (270, 7)
    assert differences.mean() == pytest.approx(-7.374201732, rel=1e-9)
    assert clustered_change(differences, control).se == pytest.approx(0.5855198082, rel=1e-8)
    before = standardized_difference(x_eval, x_prod)[0]
    after = standardized_difference(x_eval[kept], x_prod[control])[0]
    assert (before, after) == pytest.approx((0.8664919358, 0.0115136993), rel=1e-8)


def test_nearest_first_and_never_beyond_the_caliper() -> None:
    found = nearest_controls([[0.2, 0.9, 0.5, 0.7], [0.1, 0.2, 0.3, 0.65]], 0.6, 3)
    assert found.control.tolist() == [[1, 3, -1], [3, -1, -1]]
    assert found.similarity.tolist() == [[0.9, 0.7, -np.inf], [0.65, -np.inf, -np.inf]]


def test_a_control_may_serve_twice_and_ties_go_to_the_first() -> None:
    found = nearest_controls(np.full((3, 5), 0.8), 0.8, 2)
    assert found.control.tolist() == [[0, 1]] * 3


def test_what_is_not_allowed_is_not_matched() -> None:
    allowed = [[False, True], [False, False]]
    found = nearest_controls([[0.9, 0.8], [0.9, 0.8]], -np.inf, allowed=allowed)
    assert found.control.tolist() == [[1], [-1]]


def test_more_places_than_controls() -> None:
    assert nearest_controls([[0.9]], 0.5, 3).control.tolist() == [[0, -1, -1]]
    assert nearest_controls(np.empty((2, 0)), 0.5, 2).control.tolist() == [[-1, -1]] * 2


def test_standardized_difference_with_weights_keeps_the_plain_deviation() -> None:
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    sd = np.sqrt((1 + 4) / 2)
    assert standardized_difference(x, y) == pytest.approx([-2 / sd])
    assert standardized_difference(x, y, [1, 0, 0]) == pytest.approx([0.0])


def test_what_does_not_vary_differs_by_nothing_or_without_end() -> None:
    assert standardized_difference([1.0, 1.0], [1.0, 1.0]).tolist() == [0.0]
    assert standardized_difference([2.0, 2.0], [1.0, 1.0]).tolist() == [np.inf]


def test_misuse() -> None:
    with pytest.raises(ValueError, match="without nan"):
        nearest_controls([[np.nan]], 0.5)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        nearest_controls([[0.5]], 0.5, 0)
    with pytest.raises(ValueError, match="allowed must have shape"):
        nearest_controls([[0.5]], 0.5, allowed=[[True, False]])
    with pytest.raises(ValueError, match="same covariates and 2 rows"):
        standardized_difference([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="must be finite"):
        standardized_difference([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="y_weights must be 2 weights"):
        standardized_difference([1.0, 2.0], [1.0, 2.0], [0.0, 0.0])
