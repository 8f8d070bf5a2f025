"""Forgetting on split halves, backward transfer and flips: by hand, and as against the maximum."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.forgetting import backward_transfer, flips, forgetting

NAN = float("nan")


def test_each_half_is_held_against_the_best_of_the_other() -> None:
    scores = [
        [1.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 1.0, 0.0, 1.0],
    ]
    found = forgetting(scores, [0, 0, 1, 1])
    assert found is not None
    # Half 0 chooses version 0, which half 1 is compared with; half 1 chooses version 1.
    assert found.best == (1, 0)
    assert found.differences.tolist() == [0.0, 1.0, 0.0, 1.0]


def test_what_was_not_scored_is_left_out() -> None:
    found = forgetting([[1.0, NAN, 1.0, 1.0], [0.0, 1.0, NAN, 0.5]], [0, 0, 1, 1])
    assert found is not None
    assert found.items.tolist() == [0, 3]
    assert found.differences.tolist() == [-1.0, -0.5]


@pytest.mark.parametrize(
    "scores", [[[1.0, NAN], [1.0, 1.0]], [[NAN, NAN], [1.0, 1.0]], [[1.0, 1.0], [NAN, NAN]]]
)
def test_a_half_without_common_items_has_no_answer(scores: list[list[float]]) -> None:
    assert forgetting(scores, [0, 1]) is None


def test_halves_take_the_bias_out_of_the_maximum() -> None:
    rng = np.random.default_rng(11)
    halves = np.arange(40) % 2
    naive, split = [], []
    for _ in range(400):
        scores = (rng.random((12, 40)) < 0.7).astype(float)
        naive.append(scores[-1].mean() - scores[:-1].mean(axis=1).max())
        found = forgetting(scores, halves)
        assert found is not None
        split.append(found.differences.mean())
    assert np.mean(naive) < -0.08
    # 400 means of 40 differences of sd 0.65 have a standard error of 0.0051.
    assert np.mean(split) == pytest.approx(0, abs=3 * 0.0051)


def test_backward_transfer_by_hand() -> None:
    scores = [[0.8, NAN, 0.2], [0.7, 0.9, NAN], [0.5, 0.6, 0.9]]
    assert backward_transfer(scores, [0, 1, 2]) == pytest.approx((-0.3 - 0.3 + 0.0) / 3)
    assert backward_transfer(scores, [0, 0, 1]) == pytest.approx(-0.3)
    assert np.isnan(backward_transfer([[NAN], [1.0]], [0]))


def test_flips_by_hand() -> None:
    # 25 of 400 lost and 12 won; 325 right before, 88 wrong after.
    before = np.arange(400) < 325
    after = before.copy()
    after[:25], after[325:337] = False, True
    found = flips(before, after)
    assert (found.negative, found.churn) == (0.0625, 0.0925)
    assert found.relative == pytest.approx(0.0625 / ((325 / 400) * (88 / 400)))
    assert np.isnan(flips([1, 1], [1, 1]).relative)


def test_unrelated_models_have_a_relative_rate_of_one() -> None:
    rng = np.random.default_rng(2)
    found = flips(rng.random(40_000) < 0.7, rng.random(40_000) < 0.6)
    assert found.relative == pytest.approx(1, abs=0.03)


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="2 or more versions"):
        forgetting([[1.0, 0.0]], [0, 1])
    with pytest.raises(ValueError, match="a half each"):
        forgetting([[1.0, 0.0], [1.0, 0.0]], [0])
    with pytest.raises(ValueError, match="must be 0 or 1"):
        forgetting([[1.0, 0.0], [1.0, 0.0]], [0, 2])
    with pytest.raises(ValueError, match="a row each"):
        backward_transfer([[1.0]], [0, 0])
    with pytest.raises(ValueError, match="rows 0 to 0"):
        backward_transfer([[1.0]], [1])
    with pytest.raises(ValueError, match="same 1 or more items"):
        flips([1], [1, 0])
