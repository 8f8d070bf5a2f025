"""Variance components and repeats: published data, by hand, edges, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.variance_components import (
    noise_share_interval,
    repeat_consistency,
    variance_components,
)

# R's data set InsectSprays (Beall 1942): counts under six sprays, twelve fields each.
SPRAYS = np.array(
    [
        [10, 7, 20, 14, 14, 12, 10, 23, 17, 20, 14, 13],
        [11, 17, 21, 11, 16, 14, 17, 17, 19, 21, 7, 13],
        [0, 1, 7, 2, 3, 1, 2, 1, 3, 0, 1, 4],
        [3, 5, 12, 6, 4, 3, 5, 5, 5, 5, 2, 4],
        [3, 5, 3, 5, 3, 6, 1, 1, 3, 2, 6, 4],
        [11, 9, 15, 22, 15, 16, 13, 10, 26, 26, 24, 13],
    ]
)  # fmt: skip


def sums(y: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[object, object, object]:
    return np.full(len(y), y.shape[1]), y.sum(axis=1), (y**2).sum(axis=1)


def test_insect_sprays() -> None:
    found = variance_components(*sums(SPRAYS))  # type: ignore[arg-type]
    assert found.ms_between == pytest.approx(533.7666667, rel=1e-8)
    assert found.ms_within == pytest.approx(15.38131313, rel=1e-8)
    assert found.icc == pytest.approx(0.7374310546, rel=1e-8)
    # Restricted maximum likelihood of the same balanced data, as another library fits it.
    assert found.between == pytest.approx(43.19561199, rel=1e-3)
    assert found.within == pytest.approx(15.38139593, rel=1e-4)
    assert found.noise_share == pytest.approx(1 - found.icc)


def test_groups_of_unequal_size_by_hand() -> None:
    found = variance_components([1, 3], [2, 12], [4, 50])
    # Means 2 and 4, SS within 2, between 3; n_0 = (4 - 10 / 4) / 1 = 1.5.
    assert (found.ms_within, found.ms_between) == pytest.approx((1.0, 3.0))
    assert found.between == pytest.approx(4 / 3)


def test_equal_answers_hold_no_noise_and_equal_groups_nothing_else() -> None:
    assert variance_components([2, 2], [0, 2], [0, 2]).noise_share == 0
    assert variance_components([2, 2], [1, 1], [1, 1]).noise_share == 1
    assert np.isnan(variance_components([2, 2], [2, 2], [2, 2]).noise_share)


@pytest.mark.parametrize(
    ("n", "reason"),
    [([2], "2 groups"), ([1, 1], "repeat"), ([2, np.nan], "finite"), ([[2, 2]], "one shape")],
)
def test_too_little_is_misuse(n: list[float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        variance_components(n, np.ones(np.shape(n)), np.ones(np.shape(n)))
    with pytest.raises(ValueError, match="8 groups"):
        noise_share_interval([2, 2], [1, 0], [1, 0])


def test_the_interval_of_the_noise_share_holds_it() -> None:
    rng = np.random.default_rng(4)
    held = []
    for _ in range(300):
        y = rng.normal(size=(60, 1)) + rng.normal(size=(60, 3)) * 0.5
        share = noise_share_interval(*sums(y))  # type: ignore[arg-type]
        held.append(share.lo <= 0.2 <= share.hi)
    assert 0.92 <= np.mean(held) <= 0.985


def test_toy_runs() -> None:
    runs = ["AAAA", "ABAA", "CCCC", "DEFD"]
    group, count = zip(
        *((at, run.count(one)) for at, run in enumerate(runs) for one in sorted(set(run))),
        strict=True,
    )
    found = repeat_consistency(group, count)
    assert found.is_total.mean() == pytest.approx(0.5, rel=1e-8)
    assert found.agreement.mean() == pytest.approx(0.6666666667, rel=1e-8)
    assert found.entropy.mean() == pytest.approx(0.2889097656, rel=1e-8)


def test_one_answer_alone_agrees_with_none() -> None:
    found = repeat_consistency([0, 2], [1, 2])
    assert np.isnan(found.agreement[:2]).all()
    assert found.is_total.tolist() == [True, False, True]
    assert found.n.tolist() == [1, 0, 2]
    assert len(repeat_consistency([], []).n) == 0
    with pytest.raises(ValueError, match="positive"):
        repeat_consistency([0], [0])
