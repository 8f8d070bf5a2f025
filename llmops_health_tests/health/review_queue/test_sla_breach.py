"""SLA breach: late now, late soon, short of people; no stationary wait where there is no rest."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.review_queue import sla_breach
from llmops_health_tests.health.review_queue.simulate import (
    EVENTS,
    FEATURE,
    LAST,
    NO_WORK,
    Floats,
    events,
    queue,
    until,
    worked,
)

N_DAYS = 42


def judged(
    rows: pl.DataFrame, work: pl.DataFrame = NO_WORK, *, feature: Feature = FEATURE, back: int = 0
) -> Finding:
    day = LAST - timedelta(days=back)
    [found] = sla_breach.check(
        feature, day, until(rows, day), until(work, day), sla_breach.Params()
    )
    return found


def world(seed: int, size: float, capacity: Floats | float) -> pl.DataFrame:
    whole = np.broadcast_to(np.asarray(capacity, dtype=np.float64), (N_DAYS,))
    return events(*queue(np.full(N_DAYS, size), whole, np.random.default_rng(seed)), N_DAYS)


def minutes(each: float) -> pl.DataFrame:
    dwell = np.exp(np.random.default_rng(0).normal(0, 0.5, 200)) * each * 60
    return worked([(i % 28, "anna", 0, float(s), 1, 0, 0) for i, s in enumerate(dwell)])


def test_too_few_reviewers_fail_within_a_week() -> None:
    capacity = np.where(np.arange(N_DAYS) >= N_DAYS - 8, 25.0, 48.0)
    found = 0
    for seed in range(20):
        rows = world(seed, 40.0, capacity)
        found += any(judged(rows, back=back).status is Status.FAIL for back in (2, 1))
    assert found >= 19


def test_it_is_told_before_it_happens() -> None:
    assert FEATURE.review
    patient = FEATURE.model_copy(
        update={"review": FEATURE.review.model_copy(update={"sla_hours": 96.0})}
    )
    capacity = np.where(np.arange(N_DAYS) >= N_DAYS - 20, 120.0, 190.0)
    rows = world(3, 150.0, capacity)
    found = [judged(rows, feature=patient, back=back) for back in range(15, 0, -1)]
    assert found[0].status is Status.PASS
    early = next(one for one in found if one.status is Status.FAIL)
    assert early.value is not None
    assert early.value < 1.0
    assert "passes the" in early.message
    assert " on 2026-" in early.message
    assert "is above the" in found[-1].message


def test_queues_with_room_stay_quiet() -> None:
    statuses = [
        judged(world(seed, 40.0, 55.0), minutes(8), back=back).status
        for seed in range(10)
        for back in range(12)
    ]
    assert set(statuses) == {Status.PASS}


def test_stationary_wait_only_below_full_load() -> None:
    rows = world(1, 40.0, 55.0)
    calm = judged(rows, minutes(8))
    assert "the mean wait is" in calm.message
    # 40 a day at 40 minutes are more than 4 people do in 6 hours each.
    full = judged(rows, minutes(40))
    assert full.status is Status.WARN
    assert "the mean wait is" not in full.message
    assert "may be 1 or more" in full.message
    assert "reviewers are needed" in full.message
    assert "Bring the reviewers from 4 to" in full.action


def test_open_reviews_count() -> None:
    came = np.sort(np.random.default_rng(4).random(400) * 24 * 14) + 24 * (N_DAYS - 14)
    done = np.where(np.arange(400) % 2 == 0, came + 1 + np.arange(400) / 400, np.inf)
    found = judged(events(came, done, N_DAYS))
    # Every completed one was in time; half never were completed.
    assert found.status is Status.FAIL
    assert found.value == pytest.approx(50, abs=6)


def test_without_an_sla_or_with_thin_data() -> None:
    rows = world(1, 40.0, 55.0)
    plain = Feature(id=FEATURE.id, kind="classifier")
    assert judged(rows, feature=plain).status is Status.NOT_APPLICABLE
    assert judged(pl.DataFrame(schema=EVENTS)).status is Status.NOT_ENOUGH_DATA
    same = rows.with_columns(wait_bin=pl.when(pl.col("event") == "completed").then(300))
    assert "cannot be used" in judged(same).message


def test_evidence_and_picture() -> None:
    hostile = FEATURE.model_copy(update={"id": "it's"})
    rows = world(2, 40.0, 25.0).with_columns(feature_id=pl.lit("it's"))
    found = judged(rows, feature=hostile)
    assert found.status is Status.FAIL
    with duckdb.connect() as db:
        db.register("summary__review_events", rows)
        assert len(db.sql(found.evidence_sql).fetchall()) == 28
    picture = sla_breach.figure(hostile, LAST, rows, NO_WORK, sla_breach.Params())
    assert picture is not None
    assert picture.limit == pytest.approx(25, abs=5)
    assert picture.breach is not None


def test_a_queue_younger_than_its_sla_is_not_late() -> None:
    came = np.linspace(24 * (N_DAYS - 1) + 10, 24 * N_DAYS - 1, 60)
    done = np.where(np.arange(60) < 15, came + 1 + np.arange(60) / 60, np.inf)
    found = judged(events(came, done, N_DAYS))
    # Most are open, the oldest for 14 hours: none has waited for 24.
    assert found.status is Status.PASS
    assert found.value == 0.0
    assert found.hi is not None
    assert found.hi > 50
