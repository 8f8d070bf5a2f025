"""E-process: reference crossings, stability at ten million calls, and its false alarms forever."""

from __future__ import annotations

from math import lgamma, log

import numpy as np
import pytest
from scipy.integrate import quad

from llmops_health.kernels.eprocess import (
    beta_mixture_log_e,
    first_crossing,
    restarted_log_e,
)

# A stream without randomness whose error rate is 0.25.
STREAM = (np.arange(1, 601) * 0.7548776662466927) % 1 <= 0.25
ERRORS, CALLS = np.cumsum(STREAM), np.arange(1, 601)


def test_evidence_agrees_with_the_closed_form() -> None:
    # scipy 1.17.1 betaln and stats.beta.logsf
    assert beta_mixture_log_e(ERRORS, CALLS, 0.12)[[49, 99, 199]] == pytest.approx(
        [0.9683410837, 3.380560577, 9.391422898], rel=1e-8
    )


@pytest.mark.parametrize(
    ("p0", "alpha", "calls"),
    [(0.12, 0.05, 85), (0.1629469408, 0.05, 248), (0.1629469408, 0.025, 261)],
)
def test_it_trips_at_the_reference_call(p0: float, alpha: float, calls: int) -> None:
    # At the second promise MAPIE 1.6.0 RiskMonitoring needs 538 calls.
    index = first_crossing(ERRORS, CALLS, p0, alpha)
    assert index is not None
    assert CALLS[index] == calls


def test_a_kept_promise_never_trips() -> None:
    kept = np.cumsum((CALLS * 0.6180339887498949) % 1 <= 0.10)
    assert first_crossing(kept, CALLS, 0.12, 0.05) is None
    # scipy 1.17.1
    assert beta_mixture_log_e(kept, CALLS, 0.12).max() == pytest.approx(-0.6931471806, rel=1e-8)


def test_before_any_call_the_evidence_is_one() -> None:
    assert beta_mixture_log_e(0, 0, 0.3) == pytest.approx(0, abs=1e-12)


def test_without_errors_there_is_a_closed_form() -> None:
    # E = int_{p0}^1 ((1-p)/(1-p0))^n dp / (1-p0) = 1 / (n+1)
    n = np.array([1, 10, 1000, 100_000, 10_000_000])
    assert beta_mixture_log_e(0, n, 0.1) == pytest.approx(-np.log(n + 1), rel=1e-9)


@pytest.mark.parametrize("errors", [960_000, 985_000, 988_500, 990_000, 1_000_000])
def test_ten_million_calls_agree_with_quadrature(errors: int) -> None:
    # Up to the promise the integrand is largest at p0 = 0.1, so it can be integrated from there.
    n, p0 = 10_000_000, 0.1

    def ratio(u: float) -> float:
        p = p0 + u / 1e5
        return float(
            np.exp(errors * np.log1p((p - p0) / p0) + (n - errors) * np.log1p(-(p - p0) / (1 - p0)))
        )

    area, _ = quad(ratio, 0, 300, limit=500, points=[0.1, 1, 10, 50, 100], epsabs=0, epsrel=1e-11)
    expected = log(area / 1e5 / (1 - p0))
    assert beta_mixture_log_e(errors, n, p0) == pytest.approx(expected, abs=1e-6)


def test_the_two_forms_meet_without_a_step() -> None:
    # ln E is smooth in the errors; the switch between its forms lies within this range.
    errors = np.arange(985_000, 991_000)
    second_difference = np.diff(beta_mixture_log_e(errors, 10_000_000, 0.1), n=2)
    assert np.abs(second_difference).max() < 1e-6


def test_all_errors_agree_with_the_beta_integral() -> None:
    # ln E = ln int_{1/2}^1 (2p)^n 2 dp = n ln 2 + ln 2 + ln((1 - 2^-(n+1)) / (n+1))
    n = 300
    expected = n * log(2) + log(2) + log(1 - 2.0 ** -(n + 1)) + lgamma(n + 1) - lgamma(n + 2)
    assert beta_mixture_log_e(n, n, 0.5) == pytest.approx(expected, rel=1e-12)


def test_false_alarms_stay_below_alpha_however_often_one_looks() -> None:
    # Every one of 1000 streams is looked at after each of 1000 calls, at the promised rate itself.
    errors = np.cumsum(np.random.default_rng(20260101).random((1000, 1000)) < 0.1, axis=1)
    evidence = beta_mixture_log_e(errors, np.arange(1, 1001), 0.1)
    alarms = float((evidence.max(axis=1) >= -log(0.05)).mean())
    # At most 0.05 plus 3 standard errors (0.0207), and not so shy as to be useless.
    assert 0.005 < alarms < 0.05 + 0.0207


def test_each_start_sees_only_what_came_after_it() -> None:
    restarted = restarted_log_e([1, 1, 9], [20, 20, 20], 0.1)
    from_each = [beta_mixture_log_e(s, n, 0.1) for s, n in ((11, 60), (10, 40), (9, 20))]
    assert restarted == pytest.approx(np.array(from_each), rel=1e-12)


def test_a_look_may_take_back_what_an_earlier_one_added() -> None:
    restarted = restarted_log_e([5, -1], [10, -1], 0.1)
    assert restarted == pytest.approx(beta_mixture_log_e([4, 0], [9, 0], 0.1), abs=1e-12)


def test_mean_over_starts_keeps_to_its_level_at_every_look() -> None:
    errors = np.random.default_rng(7).binomial(20, 0.1, size=(400, 28)).astype(float)
    evidence = np.empty_like(errors)
    for look in range(28):
        for stream in range(400):
            logs = restarted_log_e(errors[stream, : look + 1], np.full(look + 1, 20.0), 0.1)
            # Starts that are still to come count as 1.
            evidence[stream, look] = (np.exp(logs).sum() + 27 - look) / 28
    # Ville: at most 0.05 ever, plus 3 standard errors of 400 streams.
    assert (evidence.max(axis=1) >= 20).mean() < 0.05 + 3 * 0.0109


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match=r"errors and n must be \(looks,\)"):
        restarted_log_e([1, 2], [3], 0.1)
    with pytest.raises(ValueError, match="p0 must fulfil 0 < p0 < 1, got 0"):
        beta_mixture_log_e(1, 2, 0)
    with pytest.raises(ValueError, match="0 <= errors <= n"):
        beta_mixture_log_e(3, 2, 0.1)
    with pytest.raises(ValueError, match="never fall"):
        first_crossing([1, 2], [5, 4], 0.1, 0.05)
    with pytest.raises(ValueError, match="alpha must fulfil"):
        first_crossing([1, 2], [4, 5], 0.1, 1)
