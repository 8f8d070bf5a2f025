"""User adaptation: by hand, what it must not take for it, thin and hostile data, error rates."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.coevolution.user_adaptation import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.coevolution.simulate import (
    FEATURE,
    LAST,
    USER_DAYS,
    World,
    ago,
    known_on,
    user_days,
    world,
)

WEEKS = range(56)


def judge(rows: pl.DataFrame, day: date = LAST, params: Params | None = None) -> Finding:
    [found] = check(FEATURE, day, known_on(rows, day, HISTORY_DAYS), params or Params())
    return found


def told(rows: pl.DataFrame, day: date = LAST) -> str:
    return judge(rows, day).message


def stable(n_courteous: int = 2, now: int | None = None) -> pl.DataFrame:
    """Thirty users with five inputs a day for eight weeks; in the last seven days otherwise."""
    return user_days(
        [
            {
                "age": age,
                "user_key": user,
                "n": 5,
                "n_courteous": now
                if now is not None and age < 7
                else n_courteous + (age + user) % 2,
                "sum_ln_chars": 5 * 4.0,
            }
            for age in WEEKS
            for user in range(30)
        ]
    )


def test_nothing_changed_is_a_pass() -> None:
    found = judge(stable())
    assert found.status is Status.PASS
    assert found.value == pytest.approx(0, abs=0.5)


def test_the_part_within_users_by_hand() -> None:
    found = judge(stable(now=0))
    # Half of the days 2 of 5 were courteous, half 3 of 5: 50 % then, none now.
    assert found.status is Status.WARN
    assert found.value == pytest.approx(-50, abs=0.5)
    assert found.threshold == pytest.approx(-5.0)
    assert found.unit == "pp"
    assert found.n == 7 * 30 * 5
    assert found.message.startswith(
        "The 30 users who asked in both windows changed inputs with a courtesy by -50.0 pp"
    )
    assert "2026-02-02 to 2026-03-01" in found.message
    assert found.action


@pytest.mark.parametrize(("limit", "status"), [(49.9, Status.WARN), (50.1, Status.PASS)])
def test_the_least_change_that_matters_decides(limit: float, status: Status) -> None:
    assert judge(stable(now=0), params=Params(min_change_pp=limit)).status is status


def test_one_day_is_no_adaptation() -> None:
    rows = stable().with_columns(
        n_courteous=pl.when(pl.col("day") == ago(2)).then(5).otherwise("n_courteous")
    )
    assert judge(rows).status is Status.PASS


def test_one_user_is_no_adaptation() -> None:
    is_one = (pl.col("user_key") == 3) & (pl.col("day") > ago(7))
    rows = stable().with_columns(
        n_courteous=pl.when(is_one).then(100).otherwise("n_courteous"),
        n=pl.when(is_one).then(100).otherwise("n"),
        n_read=pl.when(is_one).then(100).otherwise("n_read"),
    )
    assert judge(rows).status is not Status.WARN


def test_length_is_told_in_percent() -> None:
    shorter = pl.when(pl.col("day") > ago(7)).then(5 * (4.0 - np.log(2))).otherwise("sum_ln_chars")
    found = judge(stable().with_columns(sum_ln_chars=shorter))
    assert (found.status, found.unit) == (Status.WARN, "%")
    assert found.value == pytest.approx(-50)


def test_without_texts_length_and_repeats_are_judged() -> None:
    unread = [pl.lit(0).alias(name) for name in ("n_read", "n_courteous", "n_worded", "n_placed")]
    rows = stable().with_columns(*unread, style_version=pl.lit(None, pl.Int32))
    assert judge(rows).status is Status.PASS
    again = pl.when(pl.col("day") > ago(7)).then(2).otherwise(0)
    found = judge(rows.with_columns(n_repeated=again))
    assert found.status is Status.WARN
    assert "inputs sent again within 10 minutes by +40.0 pp" in found.message
    tokens = rows.with_columns(
        n_sized=pl.lit(0), sum_ln_tokens=pl.when(pl.col("day") > ago(7)).then(30.0).otherwise(20.0)
    )
    assert "tokens of inputs" in told(tokens)


def test_another_version_of_the_detectors_is_another_series() -> None:
    rows = stable(now=0).with_columns(
        style_version=pl.when(pl.col("day") > ago(10)).then(2).otherwise(1)
    )
    assert judge(rows).status is Status.PASS


def test_days_whose_texts_are_mostly_gone_are_not_read() -> None:
    gone = pl.col("day") < ago(7)
    rows = stable(now=0).with_columns(
        n_read=pl.when(gone).then(1).otherwise("n_read"),
        n_courteous=pl.when(gone).then(1).otherwise("n_courteous"),
    )
    assert judge(rows).status is Status.PASS


def test_users_beyond_the_cut_of_any_day_are_left_out() -> None:
    """A user whom a busy day's panel lacks would seem to have come or gone."""
    steady = stable().filter(pl.col("user_key") < 12)
    changed = stable(now=0).filter((pl.col("user_key") >= 12) & (pl.col("day") != ago(40)))
    busy = user_days([{"age": 40, "user_key": 12, "n": 1_000, "n_courteous": 500}])
    assert judge(pl.concat([steady, changed])).status is Status.WARN
    rows = pl.concat([steady, changed, busy])
    found = judge(rows)
    assert found.status is Status.PASS
    assert "The 12 users" in found.message


def test_newcomers_who_learn_and_make_up_for_it_are_no_drift() -> None:
    """All learn in their first weeks, so that users change and the whole does not."""
    rows = []
    for age in WEEKS:
        for user in range(120):
            there = age + 14 * (user % 8) - 56 + 28
            if 0 <= there < 56:
                courteous = 4 if there > 28 else 0
                rows.append({"age": age, "user_key": user, "n": 5, "n_courteous": courteous})
    found = judge(user_days(rows))
    assert found.status is not Status.WARN


def test_equal_tenure_is_told_where_the_history_knows_it() -> None:
    rng = np.random.default_rng(4)
    long = World(adapt=1.2, n_days=112, since=105, lifetime=60)
    assert "at equal tenure" in told(world(rng, long))
    assert "at equal tenure" not in told(world(rng, World(adapt=1.2)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pl.DataFrame(schema=USER_DAYS), "names its user (user_id)"),
        (stable().filter(pl.col("day") > ago(20)), "20 days of calls"),
        (stable().filter(pl.col("user_key") < 2), "70 inputs of known users in 7 days"),
        (stable().filter(pl.col("user_key") < 4), "4 users asked in 7 days"),
    ],
)
def test_thin_data_is_never_a_pass(rows: pl.DataFrame, message: str) -> None:
    found = judge(rows)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert message in found.message


def test_a_change_that_could_not_be_seen_is_no_pass() -> None:
    rng = np.random.default_rng(2)
    noisy = pl.Series("sum_ln_chars", 20 + rng.normal(0, 12, 30 * 56))
    found = judge(stable().with_columns(noisy), params=Params(min_change_log=0.05))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell: with 30 users")


def test_later_days_are_not_known() -> None:
    rows, day = stable(now=0), ago(7)
    assert judge(rows, day) == judge(rows.filter(pl.col("day") <= day), day)
    assert judge(rows, day).status is Status.PASS


def test_the_figure_shows_cohorts_with_their_numbers() -> None:
    rng = np.random.default_rng(4)
    rows = world(rng, World(adapt=1.0, n_days=112, since=100, lifetime=60))
    shown = figure(FEATURE, LAST, rows, Params())
    assert shown is not None
    assert shown.curves[0].label == f"there before {ago(111) + timedelta(days=14)}"
    assert 3 <= len(shown.curves) <= 6
    for curve in shown.curves:
        assert all(point.n >= 20 for point in curve.points)
        assert [point.x for point in curve.points] == sorted({point.x for point in curve.points})
    # A cohort that came later is not as long there.
    assert shown.curves[1].points[-1].x > shown.curves[-1].points[-1].x
    assert shown.curves[0].label in shown.description
    assert figure(FEATURE, LAST, pl.DataFrame(schema=USER_DAYS), Params()) is None


def test_evidence_runs_and_shows_users() -> None:
    hostile = FEATURE.model_copy(update={"id": "it's\n--"})
    rows = stable(now=0).with_columns(feature_id=pl.lit("it's\n--"))
    [found] = check(hostile, LAST, rows, Params())
    with duckdb.connect() as db:
        db.register("rows", rows.to_arrow())
        db.execute("create table summary__user_days as select * from rows")
        shown = db.execute(found.evidence_sql).fetchall()
    assert len(shown) == 30
    assert {(row[2], row[4], row[5]) for row in shown} == {(140, 35, 0.0)}
    assert all(row[1] == ago(55) for row in shown)


def statuses(made: World, seeds: range, ages: tuple[int, ...] = (0,)) -> list[Status]:
    found = []
    for seed in seeds:
        rows = world(np.random.default_rng(seed), made)
        found += [judge(rows, ago(age)).status for age in ages]
    return found


@pytest.mark.parametrize(
    "made",
    [
        World(),
        World(n_users=30),
        World(n_users=30, heavy_share=0.3),
        World(lifetime=30),
        World(newcomers=0.35),
        World(leavers=0.35),
    ],
)
def test_noise_and_other_people_are_no_adaptation(made: World) -> None:
    assert statuses(made, range(20), (0, 4)).count(Status.WARN) == 0


@pytest.mark.parametrize(
    "made",
    [
        World(adapt=1.0),
        World(adapt=1.0, n_users=30),
        World(adapt=1.0, n_users=40, heavy_share=0.25),
        World(adapt=1.0, lifetime=60, since=49, ramp_days=5),
    ],
)
def test_adaptation_is_found_within_a_week(made: World) -> None:
    assert statuses(made, range(100, 120)).count(Status.WARN) >= 19


@pytest.mark.slow
def test_false_alarms_are_rare() -> None:
    found = []
    for made in (World(), World(n_users=30), World(heavy_share=0.25), World(day_noise=0.2)):
        found += statuses(made, range(500, 530), (0, 5, 10))
    # 360 feature-days, of which those of one world are alike.
    assert found.count(Status.WARN) <= 1
