"""Class mix and effective rows: published numbers, coverage, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.class_mix import effective_rows, mix_change
from llmops_health.kernels.jackknife import effective_clusters

BEFORE, AFTER = [500, 300, 150, 50], [400, 400, 400, 400]


def test_a_mix_made_even() -> None:
    change = mix_change(BEFORE, AFTER)
    assert change.kl.estimate == pytest.approx(0.3111986997, rel=1e-8)
    assert mix_change(AFTER, BEFORE).kl.estimate == pytest.approx(0.2441743181, rel=1e-8)
    assert change.factors == pytest.approx([0.8, 4 / 3, 8 / 3, 8.0])
    assert change.share_ratios == pytest.approx([0.5, 5 / 6, 5 / 3, 5.0])
    assert change.n_classes_before == pytest.approx(2.739726027, rel=1e-8)
    assert change.n_classes_after == pytest.approx(4.0)


def test_weights_leave_fewer_rows() -> None:
    weights = np.array([1.0] * 80 + [5.0] * 20)
    found = effective_rows(float(weights.sum()), float((weights**2).sum()))
    assert found == pytest.approx(55.86206897, rel=1e-8)
    assert found == pytest.approx(effective_clusters(weights))
    assert 100 / found == pytest.approx(1.790123457, rel=1e-8)
    assert effective_rows(0.0, 0.0) == 0.0


def test_a_new_class_is_infinitely_far() -> None:
    change = mix_change([10, 0, 0], [5, 5, 0])
    assert change.kl.estimate == np.inf
    assert change.factors.tolist() == [0.5, np.inf, 1.0]


def test_a_class_that_is_gone_has_a_finite_distance() -> None:
    change = mix_change([10, 10], [10, 0])
    assert change.kl.estimate == pytest.approx(np.log(2))
    assert change.factors.tolist() == [1.0, 0.0]


def test_the_interval_covers() -> None:
    rng = np.random.default_rng(3)
    p, q = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.4, 0.3, 0.2, 0.1])
    truth = float((q * np.log(q / p)).sum())
    found = [
        mix_change(rng.multinomial(4_000, p), rng.multinomial(3_000, q)).kl for _ in range(400)
    ]
    covered = np.mean([one.lo <= truth <= one.hi for one in found])
    assert 0.91 < covered < 0.98  # 95 %, 3 standard errors


@pytest.mark.parametrize(
    ("before", "after"), [([1, 2], [1]), ([0, 0], [1, 1]), ([1, -1], [1, 1]), ([1, np.nan], [1, 1])]
)
def test_no_counts_are_refused(before: list[float], after: list[float]) -> None:
    with pytest.raises(ValueError, match=r"one length|at least one row"):
        mix_change(before, after)


def test_negative_sums_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        effective_rows(-1.0, 1.0)
