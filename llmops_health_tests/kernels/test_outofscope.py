"""Out of scope: by hand, ties, perfect separation, and the coverage of the AUROC interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtr

from llmops_health.kernels.outofscope import auroc, out_of_scope_detection

FloatArray = npt.NDArray[np.float64]


def histogram(counts: dict[int, float]) -> FloatArray:
    bins = np.zeros(100)
    bins[list(counts)] = list(counts.values())
    return bins


def test_shares_at_the_gate_by_hand() -> None:
    result = out_of_scope_detection(
        histogram({50: 4, 70: 6, 90: 90}), histogram({30: 60, 70: 30, 95: 10}), gate=0.7
    )
    assert (result.n_in_scope, result.n_out_of_scope) == (100, 100)
    assert result.recall.estimate == 0.6
    # statsmodels 0.15.0 proportion_confint(60, 100, method="wilson")
    assert (result.recall.lo, result.recall.hi) == pytest.approx((0.502002, 0.690599), abs=1e-6)
    assert result.in_scope_accepted.estimate == 0.96
    # 96 % of in-scope calls pass 0.70, 90 % pass 0.71: 0.70 is the strictest gate for 95 %.
    assert result.gate_fpr95 == 0.7
    assert result.fpr95.estimate == 0.4
    # 10 of 100 out-of-scope calls beat all; 30 lie at 0.70: tie with 6, lose to 90, beat 4.
    assert result.auroc.estimate == pytest.approx(0.6 + 0.3 * (0.90 + 0.06 / 2))


@pytest.mark.parametrize(("gate", "recall"), [(0.0, 0.0), (0.30, 0.0), (0.301, 1.0), (1.0, 1.0)])
def test_the_gate_is_inclusive_and_rounds_up(gate: float, recall: float) -> None:
    result = out_of_scope_detection(histogram({90: 5}), histogram({30: 5}), gate=gate)
    assert result.recall.estimate == recall


def test_auroc_agrees_with_sklearn_up_to_binning() -> None:
    # scikit-learn 1.9.1 roc_auc_score on the rows: .632074745
    i = np.arange(1, 2001)
    p = (i - 0.5) / 2000
    y = (i * 0.6180339887498949) % 1.0 < np.sqrt(p) / (np.sqrt(p) + np.sqrt(1 - p))
    k = (np.maximum(p, 1 - p) * 100).astype(int)
    right = (p >= 0.5) == y
    area = auroc(np.bincount(k[right], minlength=100), np.bincount(k[~right], minlength=100))
    assert area.estimate == pytest.approx(0.632074745, abs=2e-4)


def test_identical_scores_say_nothing() -> None:
    area = auroc(histogram({50: 10}), histogram({50: 10}))
    assert area.estimate == 0.5
    assert area.lo < 0.3
    assert area.hi > 0.7


def test_perfect_separation_is_not_certainty() -> None:
    area = auroc(histogram({90: 20}), histogram({10: 10}))
    assert area.estimate == area.hi == 1.0
    # statsmodels 0.15.0 proportion_confint(10, 10, method="wilson")
    assert area.lo == pytest.approx(0.722467, abs=1e-6)


@pytest.mark.parametrize("shift", [0.5, 2.0])
def test_the_auroc_interval_covers(shift: float) -> None:
    truth = float(ndtr(shift / np.sqrt(2)))
    rng = np.random.default_rng(20260101)

    def binned(z: FloatArray) -> FloatArray:
        return np.histogram(ndtr(z - shift / 2), bins=100, range=(0, 1))[0].astype(np.float64)

    held = 0
    for _ in range(2000):
        area = auroc(binned(rng.normal(shift, 1, 200)), binned(rng.normal(0, 1, 60)))
        held += area.lo <= truth <= area.hi
    # 0.95 nominal, 3 standard errors 0.0147
    assert held / 2000 == pytest.approx(0.95, abs=0.0147)


def test_misuse_is_refused() -> None:
    inside, outside = histogram({90: 5}), histogram({30: 5})
    with pytest.raises(ValueError, match=r"gate must fulfil 0 <= gate <= 1, got -0\.1"):
        out_of_scope_detection(inside, outside, gate=-0.1)
    with pytest.raises(ValueError, match="level must fulfil"):
        auroc(inside, outside, level=1)
    with pytest.raises(ValueError, match="out_of_scope must hold counts of at least 2"):
        auroc(inside, histogram({30: 1}))
    with pytest.raises(ValueError, match="alike"):
        auroc(inside, outside[:50])
