"""Recalibration: reference fits on odd rows, gains on even rows, and degenerate labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit, xlog1py, xlogy

from llmops_health.kernels.calibration import ConfidenceBins, expected_calibration_error
from llmops_health.kernels.recalibration import (
    BetaMap,
    IsotonicMap,
    Method,
    Recalibration,
    TemperatureMap,
    apply,
    brier_gain,
    choose_method,
    cox_recalibration,
    fit,
    fit_beta,
    fit_isotonic,
    fit_temperature,
)

FloatArray = npt.NDArray[np.float64]

# Confidences twice too sharp on the logit scale, without randomness: the true temperature is 2.
I = np.arange(1, 2001)  # noqa: E741
P = (I - 0.5) / 2000
Y = (np.sqrt(P) / (np.sqrt(P) + np.sqrt(1 - P)) > (I * 0.6180339887498949) % 1.0).astype(float)
FIT, HELD_OUT = slice(0, None, 2), slice(1, None, 2)


def log_loss(p: FloatArray) -> float:
    y = Y[HELD_OUT]
    return float(-(xlogy(y, p) + xlog1py(1 - y, -p)).mean())


def brier(p: FloatArray) -> float:
    return float(((p - Y[HELD_OUT]) ** 2).mean())


def test_temperature_agrees_with_scipy_and_netcal() -> None:
    # scipy 1.17.1 bounded minimiser 2.040050792; netcal 1.4.0 returns its inverse, .4901928697
    recalibration = fit_temperature(P[FIT], Y[FIT])
    assert recalibration.temperature == pytest.approx(2.040050792, rel=1e-6)
    held_out = recalibration(P[HELD_OUT])
    assert log_loss(held_out) == pytest.approx(0.6207205772, rel=1e-8)
    assert brier(held_out) == pytest.approx(0.2163438941, rel=1e-8)
    assert expected_calibration_error(held_out, Y[HELD_OUT]) == pytest.approx(0.0121683, abs=1e-6)


def test_beta_agrees_with_betacal() -> None:
    # betacal 1.1.0 "abm"; its optimiser stops at 1e-4
    recalibration = fit_beta(P[FIT], Y[FIT])
    assert recalibration.a == pytest.approx(0.4956664809, abs=2e-4)
    assert recalibration.b == pytest.approx(0.4846716596, abs=2e-4)
    assert recalibration.midpoint == pytest.approx(0.4957715235, abs=2e-4)
    assert log_loss(recalibration(P[HELD_OUT])) == pytest.approx(0.6207320933, abs=1e-6)
    assert brier(recalibration(P[HELD_OUT])) == pytest.approx(0.2163509698, abs=1e-6)


def test_isotonic_agrees_with_sklearn() -> None:
    # scikit-learn 1.9.1, IsotonicRegression(out_of_bounds="clip")
    recalibration = fit_isotonic(P[FIT], Y[FIT])
    assert brier(recalibration(P[HELD_OUT])) == pytest.approx(0.2179049138, rel=1e-8)


def test_cox_agrees_with_sklearn() -> None:
    # scikit-learn 1.9.1, unpenalised LogisticRegression on the logit, tol 1e-10
    cox = cox_recalibration(P, Y)
    assert cox.intercept == pytest.approx(-0.004630592718, abs=1e-8)
    assert cox.slope == pytest.approx(0.4869132517, rel=1e-8)


def test_gain_and_its_standard_error() -> None:
    after = fit_temperature(P[FIT], Y[FIT])(P[HELD_OUT])
    gain = brier_gain(P[HELD_OUT], after, Y[HELD_OUT])
    assert gain.estimate == pytest.approx(0.01239391838, rel=1e-7)
    # standard error 0.003145727872
    assert gain.hi - gain.estimate == pytest.approx(1.959963985 * 0.003145727872, rel=1e-7)


@pytest.mark.parametrize(
    ("method", "kind"),
    [("temperature", TemperatureMap), ("beta", BetaMap), ("isotonic", IsotonicMap)],
)
def test_bins_give_nearly_the_fit_of_rows(method: Method, kind: type[Recalibration]) -> None:
    bins = ConfidenceBins.from_rows(P[FIT], Y[FIT])
    recalibration = fit(bins, method)
    assert isinstance(recalibration, kind)
    assert brier(apply(recalibration, P[HELD_OUT])) == pytest.approx(0.2165, abs=0.0015)


def test_the_number_of_labels_chooses() -> None:
    assert [choose_method(n) for n in (1, 299, 300, 1999, 2000)] == [
        "temperature",
        "temperature",
        "beta",
        "beta",
        "isotonic",
    ]
    assert isinstance(fit(ConfidenceBins.from_rows(P[:299], Y[:299])), TemperatureMap)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        choose_method(0)


def test_temperature_keeps_the_ranking_and_beta_the_order() -> None:
    grid = np.linspace(0, 1, 101)
    for recalibration in (TemperatureMap(2.0), fit_beta(P, Y), fit_isotonic(P, Y)):
        mapped = recalibration(grid)
        assert np.all(np.diff(mapped) >= 0)
        assert mapped.min() >= 0
        assert mapped.max() <= 1


def test_temperature_is_held_to_its_bounds() -> None:
    # All right at high confidence: the loss falls forever as T falls. All wrong: as T grows.
    assert fit_temperature([0.9, 0.8], [1, 1]).temperature == pytest.approx(np.exp(-3))
    assert fit_temperature([0.9, 0.8], [0, 0]).temperature == pytest.approx(np.exp(3))


def test_beta_drops_a_negative_slope() -> None:
    # Confidence points the wrong way, so the best monotone map is the base rate.
    recalibration = fit_beta(P, 1 - Y)
    assert (recalibration.a, recalibration.b) == (0.0, 0.0)
    assert recalibration([0.2, 0.8]) == pytest.approx(expit([recalibration.c] * 2))
    assert recalibration([0.2])[0] == pytest.approx(1 - Y.mean(), abs=1e-6)
    assert np.isnan(recalibration.midpoint)


def test_one_sure_mistake_does_not_throw_the_fit() -> None:
    # Undamped Newton steps overshoot here and end at the base rate. The optimum is stationary.
    p = np.append(np.linspace(0.8, 0.99, 20), 0.999999)
    y = np.ones(21)
    y[[0, 20]] = 0
    recalibration = fit_beta(p, y)
    residual = y - recalibration(p)
    assert recalibration.a > 0.5
    assert recalibration.b == 0.0
    assert [residual.sum(), residual @ np.log(p)] == pytest.approx([0, 0], abs=1e-7)


def test_separable_labels_end_in_finite_numbers() -> None:
    cox = cox_recalibration([0.2, 0.3, 0.8, 0.9], [0, 0, 1, 1])
    assert np.isfinite([cox.intercept, cox.slope]).all()
    assert cox.slope > 1


def test_certainty_has_a_finite_logit() -> None:
    assert np.isfinite(fit_temperature([1.0, 1.0, 0.0, 0.6], [1, 0, 0, 1]).temperature)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(rows,\)"):
        fit_temperature([0.5], [1, 0])
    with pytest.raises(ValueError, match="must lie in 0-1"):
        fit_isotonic([1.5], [1])
    with pytest.raises(ValueError, match="weight must be positive, got 0"):
        fit_beta([0.5, 0.6], [1, 0], [1, 0])
    with pytest.raises(ValueError, match="at least 2 rows"):
        brier_gain([0.5], [0.5], [1])
