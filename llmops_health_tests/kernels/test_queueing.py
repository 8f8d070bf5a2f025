"""Queueing against published cases, by hand, and at the edge of full load."""

from __future__ import annotations

from math import inf

import pytest

from llmops_health.kernels.queueing import (
    Backlog,
    erlang_b,
    erlang_c,
    fluid_breach,
    little_gap,
    servers_needed,
)


@pytest.mark.parametrize(
    ("arrivals", "service", "servers", "p_wait", "mean_wait", "p_longer"),
    [
        (10, 3, 4, 0.6577216522, 0.3288608261, 0.2419622739),
        (8, 1, 10, 0.4091801508, 0.2045900754, 0.1505289652),
        (100, 10, 12, 0.4493882243, 0.02246941121, 2.040219382e-05),
        (54, 6, 10, 0.6687315241, 0.111455254, 0.03329418211),
    ],
)
def test_erlang_c_as_published(
    arrivals: float, service: float, servers: int, p_wait: float, mean_wait: float, p_longer: float
) -> None:
    wait = erlang_c(arrivals, service, servers)
    assert wait.p_wait == pytest.approx(p_wait, rel=1e-8)
    assert wait.mean_wait == pytest.approx(mean_wait, rel=1e-8)
    assert wait.p_longer(0.5) == pytest.approx(p_longer, rel=1e-8)


def test_spread_scales_the_wait() -> None:
    assert erlang_c(10, 3, 4, service_cv2=2).mean_wait == pytest.approx(0.4932912391, rel=1e-8)
    same = erlang_c(10, 3, 4, arrival_cv2=1.5, service_cv2=0.5)
    assert same.mean_wait == pytest.approx(0.3288608261, rel=1e-8)
    assert erlang_c(1, 2, 1, arrival_cv2=0, service_cv2=0).p_longer(0.1) == 0.0


@pytest.mark.parametrize("arrivals", [12.0, 13.0])
def test_no_stationary_wait_at_full_load(arrivals: float) -> None:
    with pytest.raises(ValueError, match="no stationary wait"):
        erlang_c(arrivals, 3, 4)


def test_erlang_b_by_hand() -> None:
    assert erlang_b(0, 3.0) == 1.0
    assert erlang_b(2, 1.0) == pytest.approx(0.5 / 2.5)


def test_servers_needed_is_the_fewest() -> None:
    n = servers_needed(100, 10, within=0.1, max_late=0.05)
    assert erlang_c(100, 10, n).p_longer(0.1) <= 0.05
    assert erlang_c(100, 10, n - 1).p_longer(0.1) > 0.05


def test_fluid_and_diffusion_as_published() -> None:
    assert fluid_breach(60, 120, 100, 1.0) == 2.0
    assert fluid_breach(60, 100, 100, 1.0) == inf
    assert fluid_breach(160, 100, 100, 1.0) == 0.0
    backlog = Backlog(60, 20, 320)
    assert backlog.expected(5) == 160
    assert backlog.p_above(150, 5) == pytest.approx(0.5987, abs=5e-5)
    assert backlog.p_passed(150, 5) == pytest.approx(0.6769, abs=5e-5)


def test_passage_inverts_its_probability() -> None:
    backlog = Backlog(60, 20, 320)
    for p in (0.05, 0.5, 0.95):
        when = backlog.passage(150, p)
        assert when is not None
        assert backlog.p_passed(150, when) == pytest.approx(p, abs=1e-3)
    assert Backlog(60, -5, 20).passage(150, 0.5) is None
    assert backlog.passage(50, 0.5) == pytest.approx(0.0, abs=1e-3)


def test_a_backlog_without_noise_is_a_fluid() -> None:
    still = Backlog(60, 20, 0)
    assert [still.p_passed(100, t) for t in (0, 1.9, 2.1)] == [0.0, 0.0, 1.0]
    assert still.between(2, 0.9) == (100.0, 100.0)


def test_strong_drift_does_not_overflow() -> None:
    assert Backlog(0, 1e6, 1.0).p_passed(1e9, 2000) == pytest.approx(1.0)


def test_little() -> None:
    assert little_gap(8.0, 4.0, 2.0) == 0.0
    with pytest.raises(ValueError, match="in_system must be positive"):
        little_gap(0.0, 4.0, 2.0)
