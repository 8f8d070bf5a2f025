"""Rubber stamping: seeds and times tell, the approval rate does not."""

from __future__ import annotations

import csv
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.review_queue import rubber_stamping
from llmops_health_tests.health.review_queue.simulate import FEATURE, LAST, NO_WORK, worked

Row = tuple[int, str, int, float, int, int, int]
PARAMS = rubber_stamping.Params()
REAL = os.environ.get("LLMOPS_HEALTH_REAL_DATA")


def judged(rows: pl.DataFrame) -> dict[str, Finding]:
    found = rubber_stamping.check(FEATURE, LAST, rows, PARAMS)
    return {one.segment.removeprefix("reviewer="): one for one in found}


def team(
    rng: np.random.Generator, catch: list[float], *, n_days: int, dwell_s: float = 40.0
) -> pl.DataFrame:
    """Reviewers with 10 reviews a day, 3 of them seeded, who take a while and differ in care."""
    rows: list[Row] = []
    for who, p in enumerate(catch):
        for age in range(n_days):
            for seeded in (1, 1, 1, 0, 0, 0, 0, 0, 0, 0):
                dwell = dwell_s * float(np.exp(rng.normal(0, 0.8)))
                rows.append((age, f"r{who}", 1, dwell, 1, seeded, seeded * int(rng.random() < p)))
    return worked(rows)


def test_one_of_four_who_catches_a_tenth_is_found_within_a_week() -> None:
    found = 0
    for seed in range(20):
        rows = team(np.random.default_rng(seed), [0.1, 0.9, 0.9, 0.85], n_days=7)
        by_name = judged(rows)
        found += by_name["r0"].status is not Status.PASS
        assert {by_name[f"r{i}"].status for i in (1, 2, 3)} == {Status.PASS}
    assert found >= 19


def test_careful_teams_stay_quiet() -> None:
    n_alarms = n = 0
    for seed in range(60):
        rows = team(np.random.default_rng(seed), [0.75] * 4, n_days=28)
        for one in judged(rows).values():
            n += 1
            n_alarms += one.status is not Status.PASS
    assert n == 240
    assert n_alarms == 0


def test_by_hand_three_of_twenty() -> None:
    rows = worked([(age, "anna", 0, 30.0 + age, 5, 1, int(age < 3)) for age in range(20)])
    one = judged(rows)["anna"]
    assert one.value == pytest.approx(15.0)
    assert one.n == 20
    assert one.status is Status.WARN
    assert "caught 3 of 20 seeded errors" in one.message


def test_hardly_any_of_forty_fails() -> None:
    rows = worked([(age % 20, "anna", 0, 30.0 + age, 5, 1, int(age < 4)) for age in range(40)])
    one = judged(rows)["anna"]
    assert one.status is Status.FAIL
    assert one.hi is not None
    assert one.hi < 50
    assert one.action


def test_approval_alone_is_no_evidence() -> None:
    rows = worked([(age, "anna", 0, 30.0 + age, 50, 0, 0) for age in range(28)])
    one = judged(rows)["anna"]
    assert one.status is Status.PASS
    assert "100 % of 1400 reviews" in one.message
    untimed = rows.with_columns(dwell_bin=pl.lit(-100_002, dtype=pl.Int32))
    [only] = judged(untimed).values()
    assert only.status is Status.NOT_ENOUGH_DATA


def test_reviews_under_the_floor_warn() -> None:
    rows = worked(
        [(age, "anna", 0, dwell, 5, 0, 0) for age in range(10) for dwell in (0.7, 0.9, 1.1, 20.0)]
        + [(age, "ben", 0, dwell, 5, 0, 0) for age in range(10) for dwell in (9.0, 12, 1.5, 20, 8)]
    )
    by_name = judged(rows)
    assert by_name["anna"].status is Status.WARN
    assert by_name["anna"].value == pytest.approx(75.0)
    assert by_name["ben"].status is Status.PASS


def test_equal_times_are_not_used() -> None:
    rows = worked([(age, "anna", 0, 1.0, 50, 0, 0) for age in range(20)])
    [only] = judged(rows).values()
    assert only.status is Status.NOT_ENOUGH_DATA


def test_only_the_head_of_an_id_is_told_and_evidence_runs() -> None:
    name = "0123456789abcdef" * 4
    rows = worked([(age % 20, name, 0, 30.0 + age, 5, 1, 0) for age in range(40)])
    [(head, found)] = judged(rows).items()
    assert head == "01234567"
    with duckdb.connect() as db:
        db.register("summary__review_work", rows)
        shown = db.sql(found.evidence_sql).fetchall()
    assert shown == [("01234567", 200, 40, 0, 200)]
    assert name[:9] not in found.message + found.segment + str(shown)


def test_older_reviews_are_not_used_and_nobody_is_not_applicable() -> None:
    rows = worked([(40 + age, "anna", 0, 30.0 + age, 5, 1, 0) for age in range(20)])
    [only] = judged(rows).values()
    assert only.status is Status.NOT_APPLICABLE
    [none] = judged(NO_WORK).values()
    assert none.status is Status.NOT_APPLICABLE
    assert LAST - timedelta(days=40) in set(rows["day"])


def test_the_picture_has_a_mark_per_reviewer() -> None:
    rows = team(np.random.default_rng(1), [0.1, 0.9], n_days=14)
    picture = rubber_stamping.figure(FEATURE, LAST, rows, PARAMS)
    assert picture is not None
    assert [mark.label for mark in picture.marks] == ["r0", "r1"]
    assert [mark.is_chosen for mark in picture.marks] == [True, False]


@pytest.mark.skipif(not REAL, reason="LLMOPS_HEALTH_REAL_DATA is not set")
def test_volunteers_who_look_at_pictures_are_no_rubber_stamps() -> None:
    path = Path(REAL or "") / "zooniverse_hitl" / "share_kenya.csv"
    dwell = []
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            times = json.loads(row["metadata"])
            began, ended = (
                datetime.fromisoformat(times[name]) for name in ("started_at", "finished_at")
            )
            dwell.append((ended - began).total_seconds())
    assert np.median(dwell) == pytest.approx(13.0, abs=0.1)
    assert np.quantile(dwell, 0.95) == pytest.approx(143, abs=1)
    rows = worked([(i % 20, "all", 0, s, 1, 0, 0) for i, s in enumerate(dwell)])
    one = judged(rows)["all"]
    assert one.status is Status.PASS
    assert "median 13." in one.message or "median 12.9" in one.message
