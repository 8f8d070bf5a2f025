"""Decomposition: the published numbers, laws of the parts, and strata that come and go."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.decomposition import (
    kitagawa,
    melitz_polanec,
    shapley_distance,
    threefold,
)

N0, Y0 = np.array([400, 300, 200, 100.0]), np.array([30, 40, 55, 60.0])
N1, Y1 = np.array([250, 300, 250, 400.0]), np.array([36, 44, 55, 72.0])


def test_kitagawa_equals_the_reference() -> None:
    found = kitagawa(N0, Y0, N1, Y1)
    assert found.total == pytest.approx(12.95833333333)
    assert found.within == pytest.approx([1.825, 1.1, 0.0, 2.6])
    assert found.mix == pytest.approx([2.775173611, 0.2739583333, 0.06267361111, 4.321527778])
    assert found.within.sum() == pytest.approx(5.525)
    assert found.mix.sum() == pytest.approx(7.433333333)


def test_threefold_equals_statsmodels() -> None:
    found = threefold(N0, Y0, N1, Y1)
    # statsmodels 0.15.0 OaxacaBlinder.three_fold on dummies of the same strata
    assert (found.endowments, found.coefficients, found.interaction) == pytest.approx(
        (6.708333333, 4.8, 1.45)
    )


def test_melitz_polanec_equals_the_reference() -> None:
    found = melitz_polanec(0.8, 42.0, 30.0, 0.6, 46.0, 62.0)
    assert (found.total, found.continuing, found.entrants, found.exits) == pytest.approx(
        (12.8, 4.0, 6.4, 2.4)
    )


def test_parts_add_up_and_change_sign_with_time() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        n0, n1 = rng.integers(1, 50, (2, 6)).astype(np.float64)
        y0, y1 = rng.normal(size=(2, 6))
        there, back = kitagawa(n0, y0, n1, y1), kitagawa(n1, y1, n0, y0)
        assert there.within.sum() + there.mix.sum() == pytest.approx(there.total)
        assert back.within == pytest.approx(-there.within)
        parts = threefold(n0, y0, n1, y1)
        assert parts.endowments + parts.coefficients + parts.interaction == pytest.approx(
            there.total
        )


def test_a_stratum_that_comes_is_mix() -> None:
    found = kitagawa([100, 0], [1.0, np.nan], [50, 50], [1.0, 3.0])
    assert found.within.tolist() == [0.0, 0.0]
    assert found.mix.sum() == pytest.approx(found.total) == 1.0


def test_a_stratum_without_rows_changes_nothing() -> None:
    with_empty = kitagawa([*N0, 0], [*Y0, np.nan], [*N1, 0], [*Y1, np.nan])
    assert with_empty.within[:4] == pytest.approx(kitagawa(N0, Y0, N1, Y1).within)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0], [1.0, 2.0], [1.0, 2.0]), "one shape"),
        (([0.0], [1.0], [1.0], [1.0]), "each period must have some"),
        (([-1.0, 2.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]), "must not be negative"),
        (([1.0], [np.nan], [1.0], [1.0]), "finite mean"),
    ],
)
def test_misuse_is_named(arguments: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kitagawa(*arguments)


def test_a_share_out_of_range_is_misuse() -> None:
    with pytest.raises(ValueError, match=r"share_stayed_before must lie in \(0, 1\], got 0"):
        melitz_polanec(0.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def psi(p: np.ndarray, q: np.ndarray) -> float:
    return float(((q - p) * np.log(q / p)).sum())


def test_shapley_averages_both_orders_of_the_reference() -> None:
    h = [
        np.array([[0.7, 0.3], [0.5, 0.5], [0.3, 0.7], [0.2, 0.8]]),
        np.array([[0.6, 0.4], [0.5, 0.5], [0.3, 0.7], [0.1, 0.9]]),
    ]
    p = [N0 / N0.sum(), N1 / N1.sum()]
    found = shapley_distance(lambda i, j: p[i] @ h[j], psi)
    total, within_only, mix_only = 0.111208229, 0.01001739923, 0.0490017487
    assert found.total == pytest.approx(total)
    assert found.within == pytest.approx((within_only + total - mix_only) / 2)
    assert found.mix == pytest.approx((mix_only + total - within_only) / 2)
    assert found.within + found.mix == pytest.approx(found.total)
