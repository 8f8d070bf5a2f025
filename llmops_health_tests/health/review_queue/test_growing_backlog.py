"""Growing backlog: slow growth is found, one day of anything is not."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.review_queue import growing_backlog
from llmops_health_tests.health.review_queue.simulate import (
    EVENTS,
    FEATURE,
    LAST,
    Floats,
    events,
    queue,
    until,
)

N_DAYS = 56


def judged(rows: pl.DataFrame, feature: Feature = FEATURE, back: int = 0) -> Finding:
    day = LAST - timedelta(days=back)
    [found] = growing_backlog.check(feature, day, until(rows, day), growing_backlog.Params())
    return found


def world(seed: int, per_day: Floats, capacity: Floats) -> pl.DataFrame:
    return events(*queue(per_day, capacity, np.random.default_rng(seed)), N_DAYS)


def flat(value: float) -> Floats:
    return np.full(N_DAYS, value)


def test_too_few_reviewers_raise_it_within_a_week() -> None:
    capacity = np.where(np.arange(N_DAYS) >= N_DAYS - 8, 100.0, 180.0)
    found = 0
    for seed in range(20):
        rows = world(seed, flat(150.0), capacity)
        found += any(judged(rows, back=back).status is Status.WARN for back in (0, 1))
    assert found >= 19


@pytest.mark.parametrize("size", [40.0, 400.0])
def test_a_burst_of_one_day_does_not(size: float) -> None:
    for seed in range(6):
        per_day = flat(size)
        per_day[-6] = 8 * size
        rows = world(seed, per_day, flat(1.15 * size))
        assert {judged(rows, back=back).status for back in range(6)} == {Status.PASS}


def test_a_day_off_does_not() -> None:
    for seed in range(6):
        capacity = flat(48.0)
        capacity[-4] = 0
        rows = world(seed, flat(40.0), capacity)
        assert {judged(rows, back=back).status for back in range(4)} == {Status.PASS}


def test_clean_queues_with_idle_weekends_and_growth_stay_quiet() -> None:
    alarms = n = 0
    for seed in range(12):
        day = np.arange(N_DAYS)
        weekend = np.isin((day - (N_DAYS - 1) + LAST.weekday()) % 7, (5, 6))
        per_day = 60 * 1.004**day * np.where(weekend, 0.5, 1.0)
        capacity = np.where(weekend, 0.0, 2.0 * per_day.max())
        rows = world(seed, np.asarray(per_day, dtype=np.float64), capacity)
        for back in range(24):
            n += 1
            alarms += judged(rows, back=back).status is not Status.PASS
    assert n == 288
    assert alarms == 0


def test_the_past_is_judged_as_it_was() -> None:
    rows = world(1, flat(40.0), flat(30.0))
    day = LAST - timedelta(days=5)
    late = rows.filter(pl.col("day") > day)
    assert len(late)
    again = growing_backlog.check(FEATURE, day, until(rows, day), growing_backlog.Params())
    assert list(again) == [judged(rows, back=5)]


def test_evidence_runs_and_message_has_the_numbers() -> None:
    hostile = FEATURE.model_copy(update={"id": 'it\'s\n"x"'})
    rows = world(2, flat(40.0), flat(25.0)).with_columns(feature_id=pl.lit(hostile.id))
    found = judged(rows, hostile)
    assert found.status is Status.WARN
    assert found.lo is not None
    assert found.lo > 0
    with duckdb.connect() as db:
        db.register("summary__review_events", rows)
        shown = db.sql(found.evidence_sql).fetchall()
    assert len(shown) == 28
    assert shown[0][0] == LAST


def test_thin_and_unusable_data_are_no_pass() -> None:
    none = pl.DataFrame(schema=EVENTS)
    assert judged(none).status is Status.NOT_APPLICABLE
    few = world(3, flat(1.0), flat(9.0))
    assert judged(few).status is Status.NOT_ENOUGH_DATA
    rows = world(4, flat(40.0), flat(48.0))
    same = rows.with_columns(wait_bin=pl.when(pl.col("event") == "completed").then(300))
    assert "equally long" in judged(same).message
    undated = rows.with_columns(event=pl.col("event").replace("completed", "undated"))
    assert "no time of completion" in judged(undated).message


def test_the_picture_shows_past_and_future() -> None:
    rows = world(5, flat(40.0), flat(30.0))
    picture = growing_backlog.figure(FEATURE, LAST, rows, growing_backlog.Params())
    assert picture is not None
    assert picture.seen[-1][0] == LAST
    assert picture.coming[0].day == LAST + timedelta(days=1)
    assert picture.coming[-1].expected > picture.seen[-1][1]
