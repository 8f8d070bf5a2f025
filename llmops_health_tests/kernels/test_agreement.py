"""Agreement: reference implementations, the prevalence paradox, and the interval's coverage."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels.agreement import (
    ac1_from_sums,
    cohen_kappa,
    gwet_ac1,
    krippendorff_alpha,
    two_rater_agreement,
)

# Krippendorff's canonical example: 3 raters, 15 items, categories 1 to 4, 0 for missing.
RATINGS = np.array(
    [
        [0, 0, 0, 0, 0, 3, 4, 1, 2, 1, 1, 3, 3, 0, 3],
        [1, 0, 2, 1, 3, 3, 4, 3, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 2, 1, 3, 4, 4, 0, 2, 1, 1, 3, 3, 0, 4],
    ]
)
COUNTS = np.stack([np.equal(RATINGS, category).sum(axis=0) for category in (1, 2, 3, 4)], axis=1)


def test_alpha_agrees_with_krippendorff() -> None:
    # krippendorff 0.9.0, nominal
    assert krippendorff_alpha(COUNTS) == pytest.approx(0.6913580247, rel=1e-9)


def test_ac1_agrees_with_irrcac() -> None:
    # irrCAC 0.4.4: coefficient .70916, se .16474; numpy 2.4.6: .709163918
    ac1 = gwet_ac1(COUNTS)
    assert ac1.estimate == pytest.approx(0.709163918, rel=1e-9)
    # 13 items have a rating, so 12 degrees of freedom; the upper end is cut at 1
    t_12_975 = 2.178812830
    assert ac1.lo == pytest.approx(0.709163918 - t_12_975 * 0.16474, abs=2e-5)
    assert ac1.hi == 1.0


def test_agreement_without_variety_looks_bad_to_kappa_and_alpha_only() -> None:
    result = two_rater_agreement([[1, 7], [4, 88]])
    # scikit-learn 1.9.1 cohen_kappa_score; krippendorff and AC1 by direct counting
    assert (result.n, result.percent) == (100, 0.89)
    assert result.kappa == pytest.approx(0.09836065574, rel=1e-9)
    assert result.ac1.estimate == pytest.approx(0.8747794411, rel=1e-9)
    assert result.alpha == pytest.approx(0.09954751131, rel=1e-9)


def test_a_table_and_its_items_say_the_same() -> None:
    table = np.array([[20, 5, 1], [3, 15, 2], [0, 4, 10]])
    first, second = np.indices(table.shape)
    pairs = np.repeat(np.stack([first.ravel(), second.ravel()], axis=1), table.ravel(), axis=0)
    counts = np.eye(3)[pairs].sum(axis=1)
    result = two_rater_agreement(table)
    by_item = gwet_ac1(counts)
    assert (result.ac1.lo, result.ac1.hi) == pytest.approx((by_item.lo, by_item.hi), rel=1e-12)
    assert result.alpha == pytest.approx(krippendorff_alpha(counts), rel=1e-12)


def test_one_category_only_leaves_kappa_and_alpha_undefined() -> None:
    result = two_rater_agreement([[50, 0], [0, 0]])
    assert np.isnan(result.kappa)
    assert np.isnan(result.alpha)
    assert (result.percent, result.ac1.estimate) == (1.0, 1.0)


def test_the_interval_covers_the_agreement_of_the_population() -> None:
    population = np.array([[0.70, 0.06], [0.08, 0.16]])
    truth = two_rater_agreement(population * 1_000_000).ac1.estimate
    rng = np.random.default_rng(20260101)
    held = 0
    for _ in range(1000):
        ac1 = two_rater_agreement(rng.multinomial(200, population.ravel()).reshape(2, 2)).ac1
        held += ac1.lo <= truth <= ac1.hi
    # 0.95 nominal, 3 standard errors 0.0207
    assert held / 1000 == pytest.approx(0.95, abs=0.0207)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match=r"table must be square with 2 categories or more"):
        two_rater_agreement([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ValueError, match="not all 0"):
        cohen_kappa([[0, 0], [0, 0]])
    with pytest.raises(ValueError, match="at least one item with 2 ratings"):
        gwet_ac1([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="at least 2 rated items, got 1"):
        gwet_ac1([[2, 0]])
    with pytest.raises(ValueError, match=r"weight must be \(items,\)"):
        krippendorff_alpha([[2, 0]], [1, 1])
    with pytest.raises(ValueError, match="level must fulfil"):
        gwet_ac1(COUNTS, level=1)


def test_ac1_from_sums_is_that_of_items_and_works_row_by_row() -> None:
    table = np.array([[20, 5, 1], [3, 15, 2], [0, 4, 10]])
    per_label = table.sum(axis=0) + table.sum(axis=1)
    sums = np.concatenate([[table.sum(), np.trace(table)], per_label])
    expected = two_rater_agreement(table).ac1.estimate
    assert ac1_from_sums([sums, 2 * sums]) == pytest.approx([expected, expected], rel=1e-12)


def test_ac1_from_sums_needs_two_categories() -> None:
    with pytest.raises(ValueError, match="at least 2 categories, got 1"):
        ac1_from_sums([10, 10, 20])
