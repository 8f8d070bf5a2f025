"""User mix shift: by hand, what it must not take for it, thin and hostile data, error rates."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.coevolution.user_mix_shift import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.coevolution.simulate import (
    FEATURE,
    LAST,
    NO_CELLS,
    USER_CELLS,
    USER_DAYS,
    World,
    ago,
    known_on,
    user_days,
    world,
)


def judge(
    rows: pl.DataFrame,
    day: date = LAST,
    cells: pl.DataFrame = NO_CELLS,
    params: Params | None = None,
) -> Finding:
    known, topics = (known_on(table, day, HISTORY_DAYS) for table in (rows, cells))
    [found] = check(FEATURE, day, known, topics, params or Params())
    return found


def team(keys: range, ages: range, n_courteous: int, n: int = 5) -> pl.DataFrame:
    return user_days(
        [
            {
                "age": age,
                "user_key": user,
                "n": n,
                "n_courteous": n_courteous + (age + user) % 2,
                "sum_ln_chars": n * 4.0,
            }
            for age in ages
            for user in keys
        ]
    )


def joined(came: int = 0) -> pl.DataFrame:
    """Thirty users for eight weeks, and twenty who join in the last seven days."""
    return pl.concat([team(range(30), range(56), 3), team(range(30, 50), range(7), came)])


def left() -> pl.DataFrame:
    return pl.concat([team(range(30), range(56), 3), team(range(30, 50), range(7, 56), 0)])


def test_a_steady_team_is_a_pass() -> None:
    found = judge(team(range(30), range(56), 3))
    assert found.status is Status.PASS
    assert found.value == pytest.approx(0, abs=0.1)


def test_newcomers_by_hand() -> None:
    found = judge(joined())
    # 70 % of 150 inputs a day are courteous, and 10 % of the 100 that come on top.
    assert found.status is Status.WARN
    assert found.value == pytest.approx(0.4 * (10 - 70), abs=0.5)
    assert found.n == 7 * 250
    assert "20 who came -24.0 pp, 0 who left +0.0 pp, 30 who stayed" in found.message
    assert "all inputs changed by -24.0 pp" in found.message
    assert found.action


def test_leavers_by_hand() -> None:
    found = judge(left())
    assert found.status is Status.WARN
    assert found.value == pytest.approx(0.4 * (70 - 10), abs=0.5)
    assert "20 who left +24.0 pp" in found.message


def test_newcomers_who_ask_alike_are_a_pass() -> None:
    assert judge(joined(came=3)).status is Status.PASS


def test_users_who_ask_more_often_are_mix() -> None:
    terse = team(range(30, 50), range(56), 0).with_columns(
        pl.when(pl.col("day") > ago(7)).then(pl.col(name) * 4).otherwise(name).alias(name)
        for name in ("n", "n_sized", "n_read", "n_worded", "n_courteous", "sum_ln_chars", "n_keyed")
    )
    found = judge(pl.concat([team(range(30), range(56), 3), terse], how="vertical_relaxed"))
    assert found.status is Status.WARN
    assert "50 who stayed -" in found.message


def test_one_large_newcomer_is_no_shift() -> None:
    one = team(range(50, 51), range(7), 0, n=60)
    assert judge(pl.concat([team(range(30), range(56), 3), one])).status is not Status.WARN


def test_users_who_change_are_no_shift() -> None:
    rows = team(range(30), range(56), 3).with_columns(
        n_courteous=pl.when(pl.col("day") > ago(7)).then(0).otherwise("n_courteous")
    )
    assert judge(rows).status is Status.PASS


def topics() -> pl.DataFrame:
    rows = [
        (ago(age), "help", 5 if user >= 30 else user % 3, user, True, user % 64, 30, 5)
        for age in range(56)
        for user in (range(50) if age < 7 else range(30))
    ]
    return pl.DataFrame(rows, schema=USER_CELLS, orient="row")


def test_topics_are_split_too_for_show() -> None:
    found = judge(joined(), cells=topics())
    # Two fifths are on a topic that only newcomers have: sqrt((lg 1.25 + 0.6 lg 0.75 + 0.4) / 2).
    assert "topics moved by 0.49 (Jensen-Shannon distance, for show), 0.49 of it" in found.message
    assert "topics" not in judge(joined(), cells=topics().head(10)).message


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pl.DataFrame(schema=USER_DAYS), "names its user (user_id)"),
        (joined().filter(pl.col("day") > ago(20)), "20 days of calls"),
        (joined().filter(pl.col("user_key") < 2), "70 inputs of known users in 7 days"),
    ],
)
def test_thin_data_is_never_a_pass(rows: pl.DataFrame, message: str) -> None:
    found = judge(rows)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert message in found.message


def test_later_days_are_not_known() -> None:
    rows, day = joined(), ago(7)
    assert judge(rows, day).status is Status.PASS


def test_the_waterfall_adds_up() -> None:
    shown = figure(FEATURE, LAST, joined(), NO_CELLS, Params())
    assert shown is not None
    changes = [step.change.value or 0.0 for step in shown.steps]
    assert shown.start + sum(changes) == pytest.approx(shown.end)
    assert changes[2] == pytest.approx(-24, abs=0.5)
    assert "newcomers -24" in shown.description
    assert figure(FEATURE, LAST, pl.DataFrame(schema=USER_DAYS), NO_CELLS, Params()) is None


def test_evidence_runs_and_shows_users() -> None:
    found = judge(joined())
    with duckdb.connect() as db:
        db.register("rows", joined().to_arrow())
        db.execute("create table summary__user_days as select * from rows")
        shown = db.execute(found.evidence_sql).fetchall()
    assert len(shown) == 50
    assert sum(row[2] is None for row in shown) == 20


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
        World(adapt=1.0),
        World(adapt=1.0, n_users=30),
    ],
)
def test_noise_and_adaptation_are_no_shift(made: World) -> None:
    assert statuses(made, range(20), (0, 4)).count(Status.WARN) == 0


@pytest.mark.parametrize("made", [World(newcomers=0.35), World(leavers=0.35)])
def test_a_shift_is_found_within_a_week(made: World) -> None:
    assert statuses(made, range(200, 220)).count(Status.WARN) >= 19


@pytest.mark.slow
def test_false_alarms_are_rare() -> None:
    found = []
    for made in (World(), World(n_users=30), World(heavy_share=0.25), World(lifetime=30)):
        found += statuses(made, range(500, 530), (0, 5, 10))
    # 360 feature-days, of which those of one world are alike.
    assert found.count(Status.WARN) <= 1
