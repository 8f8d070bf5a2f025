"""Shares of many categories: by reference values, at the edges, and honest under clustering."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.shares import period_dispersion, share_changes, share_dispersion


def test_rare_shares_follow_the_conditional_binomial() -> None:
    moved = share_changes([8], 10_000, [4], 40_000)
    # scipy 1.17: 2 * binom.sf(7, 12, 0.2) with counts divided by 1 - 12 / 50,000, which is 1
    assert moved.p_value[0] == pytest.approx(2 * 0.000581, rel=0.01)
    assert moved.estimate[0] == pytest.approx(0.0007)


def test_common_shares_agree_with_the_score_test() -> None:
    moved = share_changes([560, 440], 1000, [2000, 2000], 4000)
    # pooled z = 0.06 / sqrt(0.512 * 0.488 * (1/1000 + 1/4000)) = 3.395, two-sided p 0.00069
    assert moved.p_value == pytest.approx([0.00069, 0.00069], rel=0.1)


def test_interval_is_newcombes() -> None:
    moved = share_changes([48], 80, [56], 70)
    # Newcombe (1998), table II (a): 56/70 - 48/80 = 0.2 [0.0524, 0.3339]
    assert (moved.lo[0], moved.hi[0]) == pytest.approx((-0.3339, -0.0524), abs=5e-5)


def test_nothing_on_either_side_is_no_change() -> None:
    moved = share_changes([0, 10], 10, [0, 10], 10)
    assert moved.p_value.tolist() == [1.0, 1.0]


def test_a_design_effect_and_its_uncertainty_weaken_the_evidence() -> None:
    p = [
        share_changes([40], 400, [100], 2000, deff, dof=dof).p_value[0]
        for deff, dof in ((1, np.inf), (2, np.inf), (2, 26.0))
    ]
    assert p == sorted(p)
    assert p[0] < 0.5 * p[1] < 0.5 * p[2]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"current": [-1]}, "current"),
        ({"reference": [21]}, "reference"),
        ({"n_current": 0}, "n_current"),
        ({"deff": 0.5}, "deff"),
        ({"dof": 0.0}, "dof"),
        ({"level": 1.0}, "level"),
    ],
)
def test_misuse_of_changes_is_named(change: dict[str, float], named: str) -> None:
    right: dict[str, object] = {
        "current": [5],
        "n_current": 10,
        "reference": [5],
        "n_reference": 20,
    }
    with pytest.raises(ValueError, match=named):
        share_changes(**(right | change))  # type: ignore[arg-type]


def test_independent_days_have_no_dispersion_and_clustered_ones_their_own() -> None:
    rng = np.random.default_rng(1)
    alone = rng.multinomial(300, [0.5, 0.3, 0.2], size=400)
    groups = np.arange(400) % 7 >= 5
    assert share_dispersion(alone, groups) == pytest.approx([1, 1, 1], abs=0.15)
    fours = 4 * rng.multinomial(75, [0.5, 0.3, 0.2], size=400)
    assert share_dispersion(fours, groups) == pytest.approx([4, 4, 4], rel=0.15)


def test_a_step_between_groups_or_in_time_is_no_dispersion() -> None:
    rng = np.random.default_rng(2)
    groups = np.arange(60) % 7 >= 5
    p = np.where(groups, 0.7, 0.3) + np.where(np.arange(60) >= 30, 0.2, 0.0)
    x = rng.binomial(200, p)
    assert share_dispersion(np.column_stack([x, 200 - x]), groups).max() < 1.5


def test_few_days_say_nothing() -> None:
    assert share_dispersion([[0, 9], [9, 0]] * 5, [0] * 10).tolist() == [1.0, 1.0]
    assert share_dispersion(np.zeros((20, 2)), [0] * 20).tolist() == [1.0, 1.0]


def test_misuse_of_dispersion_is_named() -> None:
    with pytest.raises(ValueError, match="groups"):
        share_dispersion([[1, 2]], [0, 1])
    with pytest.raises(ValueError, match="negative"):
        share_dispersion([[1, -2]], [0])


def test_periods_that_only_sampling_moved_have_no_dispersion() -> None:
    rng = np.random.default_rng(3)
    found = [
        period_dispersion(
            rng.multinomial(1000, [0.2] * 5, size=6),
            [1000] * 6,
            rng.multinomial(4000, [0.2] * 5, size=6),
            [4000] * 6,
        )
        for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(1.15, abs=0.15)  # never below 1


def test_one_broken_period_does_not_hide_the_next() -> None:
    x = np.array([[200, 800]] * 5 + [[800, 200]])
    y = np.array([[800, 3200]] * 6)
    assert period_dispersion(x, [1000] * 6, y, [4000] * 6) == 1.0
    assert period_dispersion(x[:2], [1000] * 2, y[:2], [4000] * 2) == 1.0


def test_misuse_of_periods_is_named() -> None:
    with pytest.raises(ValueError, match="n_periods"):
        period_dispersion([[1, 2]], [3, 3], [[1, 2]], [3])
    with pytest.raises(ValueError, match="without"):
        period_dispersion([[0, 0]], [0], [[1, 2]], [3])
