"""Service drift: each planted fault, what must not alarm, thin data, and how often it errs."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import polars as pl
import pytest

from llmops_health.config import Feature, Slo
from llmops_health.figures import ControlChart
from llmops_health.findings import Finding, Status
from llmops_health.health import History
from llmops_health.health.drift.service_drift import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.drift.simulate_service import (
    FIRST_DAY,
    Fault,
    Service,
    latency_buckets,
    rates,
)

TRIAGE = Feature(id="triage", kind="classifier")


def judge(calls: pl.DataFrame, days: range, feature: Feature = TRIAGE) -> dict[int, list[Finding]]:
    """Judge each day of a simulated log."""
    all_rates, all_latencies = History(rates(calls)), History(latency_buckets(calls))
    found = {}
    for at in days:
        day = FIRST_DAY + timedelta(days=at)
        known = all_rates.until(day, HISTORY_DAYS), all_latencies.until(day, HISTORY_DAYS)
        found[at] = list(check(feature, day, known[0], known[1], Params()))
    return found


def failed(findings: list[Finding]) -> set[str]:
    # A p-value has to survive six more checks of the same day.
    return {
        one.segment
        for one in findings
        if one.status is Status.FAIL and one.p_value is not None and one.p_value * 6 < 0.05
    }


@pytest.mark.parametrize(
    ("fault", "segment"),
    [
        (Fault(starts=50, slower=2.0), "latency_ms p95"),
        (Fault(starts=50, slower=2.0), "latency_ms p50"),
        (Fault(starts=50, error_share=0.04), "error"),
        (Fault(starts=50, dearer=2.0), "cost_usd"),
        (Fault(starts=50, volume=0.3), "calls"),
    ],
)
def test_a_fault_fails_its_own_measure_within_a_week(fault: Fault, segment: str) -> None:
    found = judge(Service(n_users=300, fault=fault).calls(seed=7), range(50, 57))
    assert any(segment in failed(findings) for findings in found.values())
    named = [f for findings in found.values() for f in findings if f.segment == segment]
    assert all(f.action and f.evidence_sql and f.value is not None for f in named)
    assert any("" in failed(findings) for findings in found.values())


def test_the_whole_says_what_moved_and_by_how_much() -> None:
    slow = Service(n_users=300, fault=Fault(starts=50, slower=2.0)).calls(seed=7)
    whole = judge(slow, range(56, 57))[56][0]
    assert whole.segment == ""
    assert whole.status is Status.FAIL
    assert "latency_ms p95" in whole.message
    assert whole.lo is not None
    assert whole.hi is not None
    assert whole.value is not None
    assert whole.lo < whole.value < whole.hi


def test_one_bad_day_is_at_most_a_warning() -> None:
    outage = Fault(starts=50, stops=51, error_share=0.3)
    found = judge(Service(n_users=300, fault=outage).calls(seed=3), range(50, 58))
    assert found[50][0].status is Status.WARN
    assert not any(failed(findings) for findings in found.values())


def test_a_busy_day_and_growth_do_not_alarm() -> None:
    grown = Service(n_users=300, growth=1.4, burst_day=50).calls(seed=5)
    assert {f[0].status for f in judge(grown, range(45, 75)).values()} == {Status.PASS}


def test_a_call_at_a_thousand_times_the_cost_is_named_and_not_averaged() -> None:
    calls = Service(n_users=300).calls(seed=9)
    dear = (pl.col("day") == FIRST_DAY + timedelta(days=50)) & (pl.int_range(pl.len()) % 5 == 0)
    first = pl.arg_where(dear)
    at = calls.select(first).to_series()[0]
    cost = pl.when(pl.int_range(pl.len()) == at).then(1000 * pl.col("cost_usd"))
    calls = calls.with_columns(cost_usd=cost.otherwise("cost_usd"))
    [whole] = judge(calls, range(50, 51))[50]
    assert whole.status is Status.PASS
    assert "one call cost" in whole.message


@pytest.mark.parametrize(("limit", "breached"), [(2000.0, True), (20000.0, False)])
def test_a_latency_promise_is_broken_only_with_the_whole_interval(
    limit: float, *, breached: bool
) -> None:
    feature = Feature.model_validate(
        {"id": "triage", "kind": "classifier", "slo": {"p95_latency_ms": limit}}
    )
    found = judge(Service(n_users=300).calls(seed=2), range(60, 61), feature)[60]
    assert (Status.FAIL in {f.status for f in found}) is breached
    if breached:
        slo = next(f for f in found if f.segment == "slo p95_latency_ms")
        assert slo.lo is not None
        assert slo.lo > limit


@pytest.mark.parametrize(("limit", "breached"), [(1.0, True), (100.0, False)])
def test_a_cost_promise_is_broken_only_with_the_whole_interval(
    limit: float, *, breached: bool
) -> None:
    feature = Feature.model_validate(
        {"id": "triage", "kind": "classifier", "slo": {"cost_usd_per_1k_calls": limit}}
    )
    found = judge(Service(n_users=300).calls(seed=2), range(60, 61), feature)[60]
    assert ("slo cost_usd_per_1k_calls" in {f.segment for f in found}) is breached


def test_a_feature_without_calls_is_not_applicable() -> None:
    calls = Service(n_days=1).calls(seed=1).clear()
    [whole] = check(TRIAGE, date(2026, 8, 1), rates(calls), latency_buckets(calls), Params())
    assert whole.status is Status.NOT_APPLICABLE


def test_two_weeks_are_warming_up() -> None:
    [whole] = judge(Service(n_users=300).calls(seed=1), range(13, 14))[13]
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.message.startswith("Warming up")


def test_few_calls_cannot_tell() -> None:
    [whole] = judge(Service(volume=12, n_users=10).calls(seed=1), range(70, 71))[70]
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.message.startswith("Cannot tell:")


def test_evals_are_no_traffic() -> None:
    calls = Service(n_users=300, n_days=60).calls(seed=1)
    evals = rates(calls).with_columns(run_kind=pl.lit("eval"))
    day = FIRST_DAY + timedelta(days=59)
    [whole] = check(TRIAGE, day, evals, latency_buckets(calls.clear()), Params())
    assert whole.status is Status.NOT_APPLICABLE


def test_the_evidence_runs() -> None:
    con = duckdb.connect()
    con.execute(
        "create table core__calls (day date, feature_id varchar, run_kind varchar, error_type "
        "varchar, request_model varchar, finish_reason varchar, max_tokens bigint, cost_usd double,"
        " input_tokens bigint, output_tokens bigint, latency_ms double, ttft_ms double)"
    )
    fault = Fault(starts=50, slower=2.0, error_share=0.1, dearer=3.0, volume=0.3)
    findings = judge(Service(volume=400, n_users=300, fault=fault).calls(seed=1), range(56, 57))[56]
    assert len(findings) >= 4
    for finding in findings:
        con.execute(finding.evidence_sql)


@pytest.mark.slow
def test_clean_services_do_not_fail() -> None:
    judged = alarms = 0
    for seed in range(16):
        service = Service(
            volume=(60, 150, 300, 150)[seed % 4],
            n_users=(30, 100, 300, 60)[seed % 4],
            growth=(1.0, 1.4, 0.7)[seed % 3],
            error_share=(0.004, 0.01, 0.03)[seed % 3],
            burst_day=50,
        )
        found = judge(service.calls(seed=seed), range(40, 70))
        judged += len(found)
        alarms += sum(findings[0].status is not Status.PASS for findings in found.values())
    # 0 of 3,840 in a longer run; one episode of a week would be 7.
    assert judged == 480
    assert alarms == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        Fault(starts=50, slower=2.0),
        Fault(starts=50, error_share=0.04),
        Fault(starts=50, volume=0.4),
    ],
)
def test_nineteen_of_twenty_faults_fail_within_a_week(fault: Fault) -> None:
    found = 0
    for seed in range(20):
        service = Service(n_users=(30, 100, 300)[seed % 3], error_share=0.005, fault=fault)
        week = judge(service.calls(seed=100 + seed), range(51, 57))
        found += any("" in failed(findings) for findings in week.values())
    assert found >= 19


def drawn(calls: pl.DataFrame, at: int, feature: Feature = TRIAGE) -> ControlChart:
    day = FIRST_DAY + timedelta(days=at)
    of_rates, of_latency = (
        History(rows).until(day, HISTORY_DAYS) for rows in (rates(calls), latency_buckets(calls))
    )
    chart = figure(feature, day, of_rates, of_latency, Params())
    assert chart is not None
    assert chart.days[-1].day == day
    return chart


def test_a_quiet_service_shows_its_slowest_calls() -> None:
    chart = drawn(Service(n_users=300).calls(seed=7), 56)
    assert (chart.title, chart.unit) == ("95th percentile of latency per day", "ms")
    assert chart.limit_label == "tolerated"
    inside = [
        one.usual_lo <= one.value <= one.usual_hi
        for one in chart.days
        if one.value is not None and one.usual_lo is not None and one.usual_hi is not None
    ]
    assert len(inside) > 50
    assert sum(inside) / len(inside) > 0.85


@pytest.mark.parametrize(
    ("fault", "title"),
    [
        (Fault(starts=52, slower=2.0), "of latency per day"),
        (Fault(starts=52, error_share=0.06), "Share of failed calls per day"),
        (Fault(starts=52, dearer=3.0), "Mean cost per call, by day"),
        (Fault(starts=55, volume=0.2), "Calls per day"),
    ],
)
def test_the_figure_shows_the_measure_that_failed(fault: Fault, title: str) -> None:
    chart = drawn(Service(n_users=300, fault=fault).calls(seed=7), 56)
    assert title in chart.title
    newest = chart.days[-1]
    assert newest.value is not None
    assert newest.usual_lo is not None
    assert newest.usual_hi is not None
    assert not newest.usual_lo <= newest.value <= newest.usual_hi
    assert chart.limit is not None
    assert (newest.value > chart.limit) is (title != "Calls per day")


def test_a_broken_promise_is_the_line_to_show() -> None:
    feature = TRIAGE.model_copy(update={"slo": Slo(p95_latency_ms=1500)})
    chart = drawn(Service(n_users=300).calls(seed=7), 56, feature)
    assert (chart.limit, chart.limit_label) == (1500, "promised")
