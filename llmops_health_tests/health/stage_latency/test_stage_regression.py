"""Stage regression: which stage, by how much, what is no regression, and error rates."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.stage_latency.stage_regression import (
    HISTORY_DAYS,
    Params,
    check,
    figure,
)
from llmops_health_tests.health.stage_latency.simulate import (
    FEATURE,
    LAST,
    REQUEST,
    TIMES,
    USUAL,
    Floats,
    ago,
    known_on,
    times,
)

N_DAYS = 50


def judge(rows: pl.DataFrame, *, day: date = LAST, params: Params | None = None) -> list[Finding]:
    return list(check(FEATURE, day, known_on(rows, day, HISTORY_DAYS), params or Params()))


def since(days: int, factor: float, n_days: int = N_DAYS) -> Floats:
    """Multiply the last days by a factor."""
    return np.where(np.arange(n_days) < n_days - days, 1.0, factor)


def world(seed: int = 1, *, per_day: float = 150, **factor: Floats) -> pl.DataFrame:
    named = {REQUEST if name == "request" else name: values for name, values in factor.items()}
    return times(np.random.default_rng(seed), N_DAYS, per_day, factor=named)


def test_the_stage_that_doubled_is_named() -> None:
    whole, retrieve = judge(world(retrieve=since(7, 2.5)))
    assert whole.status is Status.FAIL
    assert whole.message.startswith("1 of 5 stages became slower: the 95th percentile of the wait")
    assert retrieve.segment == "stage = retrieve"
    assert retrieve.value is not None
    assert retrieve.threshold is not None
    assert retrieve.value == pytest.approx(2.5 * retrieve.threshold / 1.2, rel=0.15)
    assert (retrieve.lo or 0) < retrieve.value < (retrieve.hi or 0)
    assert (retrieve.p_value or 1) < 1e-3
    assert "take it back" in retrieve.action


def test_half_as_much_again_is_looked_at() -> None:
    whole, llm = judge(world(per_day=600, llm=since(7, 1.6)))
    assert (whole.status, llm.segment) == (Status.WARN, "stage = llm")


def test_time_that_lost_its_span_is_named_too() -> None:
    _, found = judge(world(request=since(7, 6)))
    assert found.segment == "stage = (request)"
    assert "the time without a span" in found.message
    assert found.action.startswith("Add spans")


def test_a_day_alone_is_no_regression() -> None:
    factor = since(3, 4.0)
    factor[-2:] = 1.0
    [found] = judge(world(retrieve=factor))
    assert found.status is Status.PASS
    assert found.message.startswith("None of 5 stages became slower")


def test_a_rise_that_no_user_notices_is_none() -> None:
    quick = times(
        np.random.default_rng(1),
        N_DAYS,
        150,
        usual=USUAL | {"prompt": 3.0},
        factor={"prompt": since(7, 4)},
    )
    assert judge(quick)[0].status is Status.PASS
    found = judge(quick, params=Params(min_ms=1, min_share_of_request=0))
    assert [one.segment for one in found] == ["", "stage = prompt"]


def test_getting_faster_is_no_fault() -> None:
    assert judge(world(llm=since(7, 0.5)))[0].status is Status.PASS


def test_weekends_that_are_always_slower_are_no_fault() -> None:
    slow_weekends = np.array([ago(N_DAYS - 1 - i).weekday() >= 5 for i in range(N_DAYS)])
    rows = world(llm=np.where(slow_weekends, 1.5, 1.0))
    # The judged day is a Sunday.
    assert judge(rows)[0].status is Status.PASS


def test_thin_data_is_never_a_pass() -> None:
    assert judge(pl.DataFrame(schema=TIMES))[0].status is Status.NOT_APPLICABLE
    rows = world()
    young = rows.filter(pl.col("day") > ago(15))
    assert judge(young)[0].status is Status.NOT_ENOUGH_DATA
    assert judge(world(per_day=5))[0].status is Status.NOT_ENOUGH_DATA
    rng = np.random.default_rng(1)
    [few] = judge(times(rng, N_DAYS, 40, n_users=5, user_sd=1.5))
    assert few.message.startswith("Cannot tell: ")
    assert few.status is Status.NOT_ENOUGH_DATA
    stopped = rows.filter(pl.col("day") < ago(10))
    assert judge(stopped)[0].message.startswith("Warming up: 0 traced requests in 7 days")


def test_days_later_are_not_known() -> None:
    rows = world(retrieve=since(5, 5))
    calm = rows.filter(pl.col("day") <= ago(5))
    assert judge(rows, day=ago(5)) == judge(calm, day=ago(5))


def test_the_picture_shows_the_stage_that_moved() -> None:
    shown = figure(FEATURE, LAST, world(retrieve=since(7, 2.5)), Params())
    assert shown is not None
    assert shown.title == "Wait for retrieve, 95th percentile"
    assert len(shown.days) == HISTORY_DAYS
    now, before = shown.days[-1].value, shown.days[10].value
    assert now is not None
    assert before is not None
    assert now > (shown.limit or 0) > before
    calm = figure(FEATURE, LAST, world(), Params())
    assert calm is not None
    assert calm.title == "Wait for llm, 95th percentile"
    assert figure(FEATURE, LAST, pl.DataFrame(schema=TIMES), Params()) is None


@pytest.mark.slow
def test_no_alarm_on_healthy_features() -> None:
    found = []
    for seed in range(14):
        rng = np.random.default_rng(seed)
        rows = times(
            rng,
            HISTORY_DAYS + 10,
            float(rng.choice([150, 400])),
            n_users=int(rng.choice([30, 100, 300])),
            user_sd=float(rng.choice([0.15, 0.4])),
        )
        found += [judge(rows, day=ago(age))[0].status for age in range(0, 10, 2)]
    assert [status for status in found if status in (Status.FAIL, Status.WARN)] == []
    assert found.count(Status.PASS) >= 60


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["retrieve", "rerank", "llm"])
def test_a_stage_that_doubles_is_found_within_a_week(stage: str) -> None:
    n_found = 0
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        n_users = int(rng.choice([30, 100, 300]))
        rows = times(rng, N_DAYS, 150, n_users=n_users, factor={stage: since(7, 2.0)})
        n_found += any(
            f"stage = {stage}" in [one.segment for one in judge(rows, day=ago(age))]
            for age in (4, 2, 0)
        )
    assert n_found >= 19
