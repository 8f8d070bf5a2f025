"""Distances with sampling taken off: by reference values, and what the interval covers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from llmops_health.kernels.distances import corrected_distance, js_distances, w1_distances
from llmops_health.kernels.divergence import js_distance

REF = np.array([120, 300, 250, 180, 100, 50])
CUR = np.array([90, 220, 260, 230, 130, 70])


def test_js_is_that_of_scipy() -> None:
    # scipy 1.17: scipy.spatial.distance.jensenshannon(ref, cur, base=2)
    expected = 0.1044340054
    assert js_distances(REF / REF.sum(), CUR / CUR.sum()) == pytest.approx(expected, rel=1e-8)
    assert js_distance(REF, CUR) == pytest.approx(expected, rel=1e-8)


def test_w1_is_that_of_scipy() -> None:
    # scipy 1.17: wasserstein_distance([0, 1, 3, 7], [0, 1, 3, 7], [4, 3, 2, 1], [1, 2, 3, 4])
    ref, cur = np.array([4, 3, 2, 1]) / 10, np.array([1, 2, 3, 4]) / 10
    assert w1_distances([0, 1, 3, 7], ref, cur) == pytest.approx(2.3)


def test_equal_samples_are_on_average_no_distance_apart() -> None:
    rng = np.random.default_rng(1)
    found = [
        corrected_distance(
            js_distances,
            rng.multinomial(4000, [0.1] * 10),
            rng.multinomial(1000, [0.1] * 10),
            rng=rng,
        ).estimate
        for _ in range(100)
    ]
    assert np.median(found) < 0.015  # uncorrected: about 0.042


def test_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(2)
    p, q = REF / REF.sum(), CUR / CUR.sum()
    truth = float(w1_distances(range(6), p, q))
    hits = 0
    for _ in range(200):
        ref, cur = rng.multinomial(3000, p), rng.multinomial(700, q)
        distance = corrected_distance(partial(w1_distances, range(6)), ref, cur, rng=rng)
        hits += distance.lo <= truth <= distance.hi
    assert hits >= 0.95 * 200 - 3 * np.sqrt(200 * 0.05 * 0.95)


def test_a_design_effect_widens_the_interval() -> None:
    narrow = corrected_distance(js_distances, REF, CUR, rng=np.random.default_rng(3))
    wide = corrected_distance(js_distances, REF, CUR, deff=4, rng=np.random.default_rng(3))
    assert wide.hi - wide.lo > 1.5 * (narrow.hi - narrow.lo)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"current": [1, 2]}, "length"),
        ({"current": [0, 0, 0]}, "current"),
        ({"reference": [1, -1, 1]}, "reference"),
        ({"deff": 0.5}, "deff"),
        ({"n_draws": 5}, "n_draws"),
        ({"level": 1.0}, "level"),
    ],
)
def test_misuse_is_named(change: dict[str, object], named: str) -> None:
    right: dict[str, object] = {"reference": [1, 2, 3], "current": [3, 2, 1]}
    rng = np.random.default_rng(4)
    with pytest.raises(ValueError, match=named):
        corrected_distance(js_distances, **(right | change), rng=rng)  # type: ignore[arg-type]
