"""Tri-state scores: the oracle, what unknown does, and what is refused."""

from __future__ import annotations

import pytest

from llmops_health.kernels.tristate import TriStateScore, tri_state_score


def test_the_oracle() -> None:
    states = [True, False, None, True, True, None]
    assert tri_state_score([3, 3, 2, 2, 1, 1], states) == TriStateScore(0.5, 0.75, 0.75)


@pytest.mark.parametrize(
    ("state", "score"),
    [(True, (1, 1, 1)), (False, (0, 0, 1)), (None, (0, 1, 0))],
)
def test_all_alike(state: bool | None, score: tuple[float, float, float]) -> None:  # noqa: FBT001
    assert tri_state_score([2, 1], [state, state]) == TriStateScore(*score)


def test_an_item_without_weight_changes_nothing() -> None:
    assert tri_state_score([1, 0], [True, None]) == TriStateScore(1, 1, 1)


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, float("nan")], []])
def test_wrong_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        tri_state_score(weights, [True, False])
