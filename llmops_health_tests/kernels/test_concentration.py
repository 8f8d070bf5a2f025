"""Concentration: the oracle, the ends of the scale, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.concentration import bus_factor, effective_number


def test_effective_owners_of_the_oracle() -> None:
    # One over the sum of squared shares.
    assert effective_number([0.6, 0.3, 0.1]) == pytest.approx(2.1739130434782608, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_alike_holders_are_as_many_as_they_are(n: int) -> None:
    assert effective_number(np.full(n, 3.0)) == pytest.approx(n)


def test_who_holds_nothing_does_not_count() -> None:
    assert effective_number([5, 0, 0]) == pytest.approx(1)
    assert effective_number([6, 3, 1, 0]) == pytest.approx(effective_number([6, 3, 1]))


@pytest.mark.parametrize(
    ("counts", "share", "n"),
    [
        ([6, 3, 1], 0.5, 1),
        ([5, 5], 0.5, 1),
        ([4, 3, 3], 0.5, 2),
        ([1, 3, 6], 0.61, 2),
        ([1, 3, 6], 1.0, 3),
        ([0.1] * 10, 0.3, 3),
    ],
)
def test_the_fewest_who_hold_a_share(counts: list[float], share: float, n: int) -> None:
    assert bus_factor(counts, share=share) == n


@pytest.mark.parametrize("counts", [[], [0, 0], [-1, 2], [np.nan], [[1, 2]], [np.inf]])
def test_what_is_no_count_is_refused(counts: list[float]) -> None:
    for measure in (effective_number, bus_factor):
        with pytest.raises(ValueError, match="counts must be"):
            measure(counts)


@pytest.mark.parametrize("share", [0.0, 1.1, -0.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share must"):
        bus_factor([1], share=share)
