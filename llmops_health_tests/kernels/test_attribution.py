"""Attribution: R's relaimpo on the swiss data, sums of buckets, and intervals that cover."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
import pytest

from llmops_health.kernels.attribution import attribute, e_value, lmg

Floats = npt.NDArray[np.float64]

# Fertility, Agriculture, Examination, Education, Catholic, Infant.Mortality of 47 provinces:
# R's data set swiss (Mosteller and Tukey 1977), public domain.
SWISS = np.array(
    [
        [80.2, 17, 15, 12, 9.96, 22.2], [83.1, 45.1, 6, 9, 84.84, 22.2],
        [92.5, 39.7, 5, 5, 93.4, 20.2], [85.8, 36.5, 12, 7, 33.77, 20.3],
        [76.9, 43.5, 17, 15, 5.16, 20.6], [76.1, 35.3, 9, 7, 90.57, 26.6],
        [83.8, 70.2, 16, 7, 92.85, 23.6], [92.4, 67.8, 14, 8, 97.16, 24.9],
        [82.4, 53.3, 12, 7, 97.67, 21], [82.9, 45.2, 16, 13, 91.38, 24.4],
        [87.1, 64.5, 14, 6, 98.61, 24.5], [64.1, 62, 21, 12, 8.52, 16.5],
        [66.9, 67.5, 14, 7, 2.27, 19.1], [68.9, 60.7, 19, 12, 4.43, 22.7],
        [61.7, 69.3, 22, 5, 2.82, 18.7], [68.3, 72.6, 18, 2, 24.2, 21.2],
        [71.7, 34, 17, 8, 3.3, 20], [55.7, 19.4, 26, 28, 12.11, 20.2],
        [54.3, 15.2, 31, 20, 2.15, 10.8], [65.1, 73, 19, 9, 2.84, 20],
        [65.5, 59.8, 22, 10, 5.23, 18], [65, 55.1, 14, 3, 4.52, 22.4],
        [56.6, 50.9, 22, 12, 15.14, 16.7], [57.4, 54.1, 20, 6, 4.2, 15.3],
        [72.5, 71.2, 12, 1, 2.4, 21], [74.2, 58.1, 14, 8, 5.23, 23.8], [72, 63.5, 6, 3, 2.56, 18],
        [60.5, 60.8, 16, 10, 7.72, 16.3], [58.3, 26.8, 25, 19, 18.46, 20.9],
        [65.4, 49.5, 15, 8, 6.1, 22.5], [75.5, 85.9, 3, 2, 99.71, 15.1],
        [69.3, 84.9, 7, 6, 99.68, 19.8], [77.3, 89.7, 5, 2, 100, 18.3],
        [70.5, 78.2, 12, 6, 98.96, 19.4], [79.4, 64.9, 7, 3, 98.22, 20.2],
        [65, 75.9, 9, 9, 99.06, 17.8], [92.2, 84.6, 3, 3, 99.46, 16.3],
        [79.3, 63.1, 13, 13, 96.83, 18.1], [70.4, 38.4, 26, 12, 5.62, 20.3],
        [65.7, 7.7, 29, 11, 13.79, 20.5], [72.7, 16.7, 22, 13, 11.22, 18.9],
        [64.4, 17.6, 35, 32, 16.92, 23], [77.6, 37.6, 15, 7, 4.97, 20],
        [67.6, 18.7, 25, 7, 8.65, 19.5], [35, 1.2, 37, 53, 42.34, 18],
        [44.7, 46.6, 16, 29, 50.43, 18.2], [42.8, 27.7, 22, 29, 58.33, 19.3],
    ]
)  # fmt: skip


def gram(x: Floats, y: Floats) -> Floats:
    z = np.column_stack([np.ones(len(y)), x, y])
    return np.asarray(z.T @ z)


def test_lmg_is_that_of_relaimpo() -> None:
    shares = lmg(gram(SWISS[:, 1:], SWISS[:, 0]), [[1], [2], [3], [4], [5]])
    wanted = [0.05709122077, 0.1711730289, 0.2601346786, 0.1055701504, 0.1127659229]
    assert shares == pytest.approx(wanted, rel=1e-8)
    assert shares.sum() == pytest.approx(0.7067350016, rel=1e-8)


def test_groups_of_columns_share_as_one() -> None:
    shares = lmg(gram(SWISS[:, 1:], SWISS[:, 0]), [[1, 2, 3], [4], [5]])
    assert shares == pytest.approx([0.4618259328, 0.1341825197, 0.1107265491], rel=1e-8)


def test_one_group_has_all_of_r2() -> None:
    assert lmg(gram(SWISS[:, 1:], SWISS[:, 0]), [[1, 2, 3, 4, 5]]) == pytest.approx(
        [0.7067350016], rel=1e-8
    )


def test_sums_of_parts_are_the_whole() -> None:
    parts = [gram(part[:, 1:], part[:, 0]) for part in np.array_split(SWISS, 7)]
    groups = [[1], [2], [3], [4], [5]]
    assert attribute(parts, groups).raw == pytest.approx(
        lmg(gram(SWISS[:, 1:], SWISS[:, 0]), groups), rel=1e-8
    )


def test_a_column_that_others_determine_adds_nothing() -> None:
    x = np.column_stack([SWISS[:, 1], SWISS[:, 1] * 2 + 3])
    shares = lmg(gram(x, SWISS[:, 0]), [[1], [2]])
    assert shares[0] == pytest.approx(shares[1])
    assert shares.sum() == pytest.approx(0.1246649099, rel=1e-8)


def test_an_outcome_that_does_not_vary_has_no_parts() -> None:
    assert lmg(gram(SWISS[:, 1:], np.ones(47)), [[1], [2]]).tolist() == [0, 0]


@pytest.mark.parametrize("groups", [[], [[]], [[0]], [[6]], [[1], [1]], [[one] for one in [1] * 9]])
def test_groups_that_name_no_column_are_misuse(groups: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="groups must"):
        lmg(gram(SWISS[:, 1:], SWISS[:, 0]), groups)


@pytest.mark.parametrize("bad", [np.ones((3, 4)), np.full((3, 3), np.nan), np.ones(3)])
def test_what_is_no_gram_is_misuse(bad: Floats) -> None:
    with pytest.raises(ValueError, match="square and finite"):
        lmg(bad, [[1]])


def test_one_bucket_shows_no_error() -> None:
    one = gram(SWISS[:, 1:], SWISS[:, 0])
    with pytest.raises(ValueError, match="at least 2 buckets"):
        attribute([one, np.zeros_like(one)], [[1]])


def worlds(n_worlds: int, effect: float) -> list[Floats]:
    """Grams of 16 buckets with 40 users each in clusters; one of 5 + 1 columns has an effect."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(n_worlds):
        user = rng.normal(size=(16, 10, 1, 1)) * 0.5
        x = rng.normal(size=(16, 10, 4, 6))
        y = effect * x[..., :1] + user + rng.normal(size=(16, 10, 4, 1))
        z = np.concatenate([np.ones((16, 10, 4, 1)), x, y], axis=3).reshape(16, 40, 8)
        found.append(z.transpose(0, 2, 1) @ z)
    return found


def test_chance_explains_nothing_once_it_is_taken_off() -> None:
    parts = [attribute(one, [[1], [2, 3, 4, 5, 6]], level=0.99) for one in worlds(150, 0.0)]
    raw = np.mean([one.raw[1] for one in parts])
    assert raw == pytest.approx(5 / 640, rel=0.15)
    assert np.mean([one.shares[1] for one in parts]) == pytest.approx(0, abs=0.001)
    assert np.mean([one.lo[1] > 0 for one in parts]) <= 0.03
    assert np.mean([one.exceeds(1, 0, 0.02) < 0.005 for one in parts]) == 0


def test_intervals_hold_the_true_share() -> None:
    truth = 0.25 / (0.25 + 0.25 + 1)
    parts = [attribute(one, [[1], [2, 3, 4, 5, 6]]) for one in worlds(200, 0.5)]
    held = np.mean([one.lo[0] <= truth <= one.hi[0] for one in parts])
    assert 0.91 <= held <= 0.985
    assert np.mean([one.shares[0] for one in parts]) == pytest.approx(truth, abs=0.005)
    assert all(one.exceeds(0, 1, 0.02) < 0.005 for one in parts[:50])


def test_e_value_by_hand() -> None:
    assert e_value(1.8) == pytest.approx(3.0, rel=1e-8)
    assert e_value(1 / 1.8) == pytest.approx(3.0, rel=1e-8)
    assert e_value(2) == pytest.approx(2 + sqrt(2))
    assert e_value(1) == 1
    with pytest.raises(ValueError, match="positive and finite"):
        e_value(0)
