"""Throughput ceiling: the first stage to saturate, servers known and unknown, and the forecast."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from llmops_health.findings import Finding, Status
from llmops_health.health.stage_latency.throughput_ceiling import (
    HISTORY_DAYS,
    Params,
    check,
    figure,
)
from llmops_health_tests.health.stage_latency.simulate import (
    FEATURE,
    HOURS,
    LAST,
    REQUEST,
    TIMES,
    ago,
    even,
    hours,
    known_on,
    times,
)

STAGES = {"embed": 100.0, "retrieve": 200.0, "rerank": 90.0, "llm": 550.0, REQUEST: 60.0}
SERVERS = {"embed": 2, "retrieve": 4, "rerank": 1, "llm": 8}
TRACED = even(35, 20, STAGES)
# 8 requests a second in the busiest hour.
BUSY = hours(35, 8 * 3_600, dict.fromkeys(SERVERS, 3))


def judge(
    rows: pl.DataFrame,
    by_hour: pl.DataFrame,
    *,
    day: date = LAST,
    concurrency: dict[str, int] | None = None,
) -> list[Finding]:
    rows, by_hour = (known_on(table, day, HISTORY_DAYS) for table in (rows, by_hour))
    return list(check(FEATURE, day, rows, by_hour, Params(concurrency=concurrency or {})))


def test_the_first_to_saturate_is_not_the_slowest() -> None:
    [found] = judge(TRACED, BUSY, concurrency=SERVERS)
    assert found.status is Status.PASS
    assert found.value == pytest.approx(0.72)
    assert "28,800 requests forecast for the busiest hour" in found.message
    assert "rerank keeps 72 % [72, 72] of 1 server busy" in found.message
    assert "saturated at 11.11 requests a second" in found.message


@pytest.mark.parametrize(
    ("per_second", "status"), [(9.9, Status.PASS), (10.1, Status.FAIL), (30.0, Status.FAIL)]
)
def test_above_nine_tenths_of_its_servers_a_stage_fails(per_second: float, status: Status) -> None:
    found = judge(TRACED, hours(35, per_second * 3_600), concurrency=SERVERS)
    assert found[0].status is status


def test_every_stage_beyond_its_limit_is_named() -> None:
    whole, *stages = judge(TRACED, hours(35, 19 * 3_600), concurrency=SERVERS)
    assert [one.segment for one in stages] == [
        "stage = rerank", "stage = llm", "stage = embed", "stage = retrieve",
    ]  # fmt: skip
    assert whole.value == pytest.approx(1.71)
    assert whole.action.startswith("Give rerank 2 servers")
    assert {one.status for one in stages} == {Status.FAIL}


def test_a_forecast_that_may_be_below_is_a_warning() -> None:
    rng = np.random.default_rng(4)
    noisy = hours(35, 10.5 * 3_600 * np.exp(rng.normal(0, 0.4, 35)))
    [found, *_] = judge(TRACED, noisy, concurrency=SERVERS)
    assert found.status is Status.WARN
    assert (found.lo or 1) < 0.9 < (found.value or 0)


def test_growth_is_seen_coming() -> None:
    growing = 8 * 3_600 * np.exp(0.03 * (np.arange(35) - 34))
    [found, *_] = judge(TRACED, hours(35, growing), concurrency=SERVERS)
    assert found.value == pytest.approx(0.72 * np.exp(0.03 * 7), rel=1e-3)
    assert judge(TRACED, hours(35, growing * 1.3), concurrency=SERVERS)[0].status is Status.FAIL


def test_servers_of_one_feature_go_before_those_of_all() -> None:
    known = SERVERS | {f"{FEATURE.id}.rerank": 9, "other.embed": 1}
    [found] = judge(TRACED, BUSY, concurrency=known)
    assert "llm keeps 55 %" in found.message


def test_without_servers_what_ran_at_once_is_the_least_there_are() -> None:
    seen = hours(35, 2 * 3_600, {"embed": 3, "retrieve": 4, "rerank": 3, "llm": 9})
    [found] = judge(TRACED, seen)
    assert found.status is Status.PASS
    assert "llm keeps 12 % [12, 12] of 9 servers ever seen at once busy" in found.message
    assert found.message.endswith("requests a second at least.")


def test_more_than_ever_ran_at_once_cannot_be_told() -> None:
    [found] = judge(TRACED, BUSY)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell how much llm can carry: llm was never seen")
    assert "throughput_ceiling.concurrency" in found.message
    # A limit that is known and kept says nothing of the others.
    [still] = judge(TRACED, BUSY, concurrency={"rerank": 1})
    assert still.status is Status.NOT_ENOUGH_DATA
    # One that is known and broken is.
    assert judge(TRACED, hours(35, 12 * 3_600), concurrency={"rerank": 1})[0].status is Status.FAIL


def test_thin_data_is_never_a_pass() -> None:
    none = pl.DataFrame(schema=TIMES), pl.DataFrame(schema=HOURS)
    assert judge(*none)[0].status is Status.NOT_APPLICABLE
    assert judge(even(35, 10, STAGES), BUSY)[0].status is Status.NOT_ENOUGH_DATA
    [young] = judge(TRACED, BUSY.filter(pl.col("day") > ago(13)), concurrency=SERVERS)
    assert young.message.startswith("Warming up: 13 days with traced requests, 14 are needed")
    alone = even(35, 20, {REQUEST: 100.0})
    assert judge(alone, BUSY)[0].status is Status.NOT_APPLICABLE


def test_no_servers_are_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ValidationError):
        Params(concurrency={"rerank": 0})


def test_days_later_are_not_known() -> None:
    peak = np.where(np.arange(35) < 25, 8.0, 80.0) * 3_600
    early = hours(35, peak).filter(pl.col("day") <= ago(10))
    traced = TRACED.filter(pl.col("day") <= ago(10))
    got = judge(TRACED, hours(35, peak), day=ago(10), concurrency=SERVERS)
    assert got == judge(traced, early, day=ago(10), concurrency=SERVERS)
    assert got[0].status is Status.PASS


def test_the_picture_shows_the_ceiling() -> None:
    shown = figure(FEATURE, LAST, TRACED, BUSY, Params(concurrency=SERVERS))
    assert shown is not None
    assert shown.limit == pytest.approx(11.11111 * 3_600)
    assert shown.limit_label == "rerank saturated"
    assert {one.value for one in shown.days} == {28_800}
    unknown = figure(FEATURE, LAST, TRACED, BUSY, Params())
    assert unknown is not None
    assert unknown.limit is None
    assert figure(FEATURE, LAST, TRACED, pl.DataFrame(schema=HOURS), Params()) is None


@pytest.mark.slow
def test_no_alarm_below_the_ceiling_and_one_on_each_above() -> None:
    healthy, n_found = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = times(rng, 40, 150, usual=STAGES, n_users=int(rng.choice([30, 100, 300])))
        weekend = np.array([ago(39 - i).weekday() >= 5 for i in range(40)])
        peak = 3_600 * np.where(weekend, 0.5, 1.0) * np.exp(rng.normal(0, 0.15, 40))
        mean = 0.09 * np.exp(0.5**2 / 2 + 0.15**2 / 2)
        # Below: 0.6 of the one server. Above: it grows by 3 % a day, and is at 1.1 today.
        calm = hours(40, peak * 0.6 / mean)
        healthy += [
            judge(rows, calm, day=ago(age), concurrency={"rerank": 1, "llm": 99})[0].status
            for age in range(5)
        ]
        growing = hours(40, peak * 1.1 / mean * np.exp(0.03 * (np.arange(40) - 39)))
        n_found += any(
            judge(rows, growing, day=ago(age), concurrency={"rerank": 1})[0].status
            in (Status.WARN, Status.FAIL)
            for age in range(7)
        )
    assert Status.FAIL not in healthy
    assert Status.WARN not in healthy
    assert n_found >= 19
