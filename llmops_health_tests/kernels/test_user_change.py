"""Change over users: by hand, against Melitz and Polanec, and how often its intervals err."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.decomposition import melitz_polanec
from llmops_health.kernels.user_change import (
    change_part,
    newcomer_gap,
    part_size,
    user_change,
)


def counted(n: list[float], mean: list[float]) -> np.ndarray:
    return np.column_stack([n, np.array(n) * np.array(mean)])


def test_parts_of_a_small_world_by_hand() -> None:
    before = counted([30, 10, 10, 0], [1.0, 5.0, 9.0, 0.0])
    after = counted([10, 30, 0, 10], [2.0, 5.0, 0.0, 7.0])
    found = user_change(before, after, [0, 1, 2, 3])
    # Of who stayed, shares 3/4, 1/4 -> 1/4, 3/4: means 2 -> 4.25, within (3/4 + 1/4) / 2 * 1.
    assert found.within.estimate == pytest.approx(0.5)
    assert found.reweighted.estimate == pytest.approx(4.25 - 2 - 0.5)
    assert found.entry.estimate == pytest.approx(10 / 50 * (7 - 4.25))
    assert found.exit.estimate == pytest.approx(10 / 50 * (2 - 9))
    assert (found.before, found.after) == pytest.approx((3.4, 4.8))
    parts = (found.within, found.reweighted, found.entry, found.exit)
    assert sum(part.estimate for part in parts) == pytest.approx(found.total.estimate)
    assert found.between.estimate == pytest.approx(found.total.estimate - 0.5)


def test_parts_add_up_as_melitz_and_polanec_have_it() -> None:
    rng = np.random.default_rng(5)
    n0, n1 = (rng.poisson(2, 200).astype(np.float64) for _ in (0, 1))
    before, after = (np.column_stack([n, rng.normal(n, 1.0) * (n > 0)]) for n in (n0, n1))
    found = user_change(before, after, np.arange(200) % 64)
    stayed = (n0 > 0) & (n1 > 0)

    def mean(rows: np.ndarray) -> float:
        return float(rows[:, 1].sum() / rows[:, 0].sum())

    parts = melitz_polanec(
        n0[stayed].sum() / n0.sum(), mean(before[stayed]), mean(before[~stayed]),
        n1[stayed].sum() / n1.sum(), mean(after[stayed]), mean(after[~stayed]),
    )  # fmt: skip
    assert found.total.estimate == pytest.approx(parts.total)
    assert found.entry.estimate == pytest.approx(parts.entrants)
    assert found.exit.estimate == pytest.approx(parts.exits)
    within = found.within.estimate + found.reweighted.estimate
    assert within == pytest.approx(parts.continuing)
    assert change_part(before, after, np.arange(200) % 64, "entry") == found.entry
    assert part_size(before, after, "between") == pytest.approx(found.between.estimate)


def test_without_anybody_who_stayed_there_is_no_part() -> None:
    before, after = counted([5, 0], [1.0, 0.0]), counted([0, 5], [0.0, 1.0])
    assert np.isnan(part_size(before, after, "within"))
    with pytest.raises(ValueError, match="finite"):
        user_change(before, after, [0, 1])


def test_misuse_is_named() -> None:
    rows = counted([1, 1], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"shapes \(n_users, 2\)"):
        user_change(rows, rows[:1], [0, 1])
    with pytest.raises(ValueError, match="must not be negative"):
        user_change(-rows, rows, [0, 1])
    with pytest.raises(ValueError, match="must be finite"):
        user_change(rows * np.nan, rows, [0, 1])
    with pytest.raises(ValueError, match=r"shape \(n_users, 2\)"):
        newcomer_gap(rows, rows[:, :1], [0, 1])


def periods(rng: np.random.Generator, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """300 users of unequal rates and tastes, of whom some ask in one period only."""
    rate = rng.pareto(2.0, 300) + 0.3
    taste = rng.normal(0, 1.0, 300)
    n0, n1 = rng.poisson(3 * rate), rng.poisson(rate)
    sums = [rng.normal(n * (taste + moved), np.sqrt(n)) for n, moved in ((n0, 0.0), (n1, shift))]
    return np.column_stack([n0, sums[0]]), np.column_stack([n1, sums[1]])


def test_intervals_hold_what_they_promise() -> None:
    bucket = np.arange(300) % 64
    rng = np.random.default_rng(11)
    inside = np.zeros(3)
    for _ in range(300):
        before, after = periods(rng, 0.25)
        within = change_part(before, after, bucket, "within")
        between = change_part(before, after, bucket, "between")
        stayed = ((before[:, 0] > 0) & (after[:, 0] > 0))[:, None]
        gap = newcomer_gap(np.where(stayed, after, 0), np.where(stayed, 0, after), bucket)
        inside += [
            within.lo < 0.25 < within.hi, between.lo < 0 < between.hi, gap.lo < 0 < gap.hi
        ]  # fmt: skip
    assert (inside / 300 > 0.92).all(), inside
    assert (inside / 300 < 0.99).all(), inside
