"""Untested capability: what a suite can show, by hand; topics without cases; when it is asked."""

from __future__ import annotations

from math import sqrt

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.generalization.untested_capability import Params, check
from llmops_health_tests.health.generalization.simulate import (
    EVAL_CELLS,
    FEATURE,
    TEXT_CELLS,
    TEXT_SAMPLES,
    TUNED_FOR_SQL,
    World,
    ago,
    placed,
    right,
    traffic,
)

Traffic = tuple[pl.DataFrame, pl.DataFrame]
NO_TRAFFIC = (pl.DataFrame(schema=TEXT_CELLS), pl.DataFrame(schema=TEXT_SAMPLES))
NO_CELLS = pl.DataFrame(schema=EVAL_CELLS)


def judge(
    world: World,
    params: Params | None = None,
    *,
    feature: Feature = FEATURE,
    inputs: Traffic = NO_TRAFFIC,
    eval_cells: pl.DataFrame = NO_CELLS,
    days_ago: int = 0,
) -> list[Finding]:
    day = ago(days_ago)
    cells, samples = (table.filter(pl.col("day") <= day) for table in inputs)
    return list(
        check(feature, day, *world.tables(day), cells, samples, eval_cells, params or Params())
    )


def pair(n: int = 400) -> World:
    """`chat` of n cases, of which 25 in 400 were lost and 12 won."""
    before = np.zeros(n)
    before[: n // 2] = 1
    after = before.copy()
    after[: n * 25 // 400] = 0
    after[n // 2 : n // 2 + n * 12 // 400] = 1
    return World({"chat": n}).run("baseline", before, age=9).run("candidate", after)


def test_the_smallest_fall_follows_from_the_cases_that_changed() -> None:
    whole, chat = judge(pair())
    expected = 100 * (norm.ppf(0.975) + norm.ppf(0.8)) * sqrt(0.0925 / 400)
    assert expected == pytest.approx(4.260344398)
    assert chat.value == pytest.approx(expected)
    assert (chat.status, chat.segment, chat.threshold) == (Status.WARN, "chat", 2.0)
    assert whole.status is Status.WARN
    # (4.26 / 2)^2 times as many.
    assert "about 1,816 cases (it has 400)" in chat.action


@pytest.mark.parametrize(("margin", "status"), [(4.3, Status.PASS), (4.2, Status.WARN)])
def test_the_margin_decides(margin: float, status: Status) -> None:
    assert judge(pair(), Params(margin_pp=margin))[0].status is status


def test_no_case_that_changed_is_no_proof_of_certainty() -> None:
    same = right(100, 80)
    world = World({"chat": 100}).run("baseline", same, age=9).run("candidate", same)
    # Half of the chance is one in 100: 2.8 sqrt(0.01 / 100).
    assert judge(world)[0].value == pytest.approx(2.8016, abs=1e-3)
    assert judge(world)[0].status is Status.WARN


def test_a_capability_that_the_tuned_run_left_out() -> None:
    world = World({"chat": 400, "sql": 30})
    ran = np.concatenate([right(400, 300), np.full(30, np.nan)])
    world.run("baseline", np.concatenate([right(400, 300), right(30, 20)]), age=9)
    found = judge(world.run("candidate", ran))
    assert [one.segment for one in found] == ["", "sql"]
    assert "30 cases were not scored by both runs" in found[1].message
    assert found[1].value is None


def test_a_target_without_cases() -> None:
    found = judge(pair(), Params(margin_pp=5), feature=TUNED_FOR_SQL)
    assert [(one.status, one.segment) for one in found] == [
        (Status.WARN, ""),
        (Status.WARN, "sql"),
    ]
    assert "the target has no cases" in found[1].message


def test_cases_without_a_capability() -> None:
    n = 400
    unnamed: dict[str | None, int] = {None: n}
    world = World(unnamed).run("baseline", right(n, 300), age=9)
    found = judge(world.run("candidate", right(n, 300)))
    assert found[1].segment == "(no capability)"
    assert "400 cases name no capability" in found[1].message


def test_before_a_pair_ran_a_share_of_changes_is_assumed() -> None:
    world = World({"sql": 50})
    found = judge(world, feature=TUNED_FOR_SQL)
    assert found[1].value == pytest.approx(280.16 * sqrt(0.1 / 50), abs=0.01)
    assert judge(World({"sql": 2_000}), feature=TUNED_FOR_SQL)[0].status is Status.PASS


def test_retired_cases_test_nothing() -> None:
    world = World({"sql": 2_000}, retired={i: ago(3) for i in range(2_000)})
    assert judge(world, feature=TUNED_FOR_SQL, days_ago=4)[0].status is Status.PASS
    found = judge(world, feature=TUNED_FOR_SQL)
    assert "the target has no cases" in found[1].message


def test_it_is_asked_only_where_a_tune_is_at_stake() -> None:
    world = World({"chat": 5}).run("champion", right(5, 4)).run("baseline", right(5, 4))
    assert judge(world)[0].status is Status.NOT_APPLICABLE
    assert judge(pair(), days_ago=6)[0].status is Status.NOT_APPLICABLE


CELLS = [0] * 60 + [1] * 30 + [2] * 30 + [-1] * 20


def test_a_topic_of_many_users_without_a_case() -> None:
    inputs = traffic(CELLS * 8)
    found = judge(pair(), Params(margin_pp=5), inputs=inputs, eval_cells=placed([0, 1]))
    assert [(one.status, one.segment) for one in found] == [
        (Status.WARN, ""),
        (Status.WARN, "topic 2"),
        (Status.WARN, "far from all known topics"),
    ]
    assert found[1].value == pytest.approx(30 / 140)
    assert found[1].n == 1_120
    assert "2 of the topics that users ask about have no case" in found[0].message


@pytest.mark.parametrize(
    ("cells", "eval_cells", "days_ago"),
    [
        ([0, 1, 2] * 300, placed([0, 1, 2]), 0),
        ([0] * 960 + [2] * 40, placed([0]), 0),
        ([0, 2] * 3, placed([0]), 0),
        ([0, 2] * 500, placed([0], fitted_on=ago(-1)), 0),
        ([0, 2] * 500, placed([0]), 4),
        ([], placed([0]), 0),
    ],
    ids=["covered", "small", "thin", "fitted later", "later inputs", "no text"],
)
def test_topics_that_say_nothing(cells: list[int], eval_cells: pl.DataFrame, days_ago: int) -> None:
    world = pair() if days_ago == 0 else World({"sql": 2_000})
    found = judge(
        world,
        Params(margin_pp=5),
        feature=FEATURE if days_ago == 0 else TUNED_FOR_SQL,
        inputs=traffic(cells),
        eval_cells=eval_cells,
        days_ago=days_ago,
    )
    assert [one.status for one in found] == [Status.PASS]


def test_one_loud_user_is_no_topic() -> None:
    cells, samples = traffic([0] * 300 + [2] * 100)
    loud = pl.when(cells["cell"] == 2).then(7).otherwise(pl.col("bucket")).cast(pl.Int32)
    found = judge(
        pair(),
        Params(margin_pp=5),
        inputs=(cells, samples.with_columns(bucket=loud)),
        eval_cells=placed([0]),
    )
    assert [one.status for one in found] == [Status.PASS]
