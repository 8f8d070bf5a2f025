"""Broken scorer: errors, zeros, stuck and jumping scores, and what only looks like them."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.generalization.broken_scorer import Params, check
from llmops_health_tests.health.generalization.simulate import (
    FEATURE,
    World,
    abilities,
    ago,
    answers,
    grades,
    right,
)


def judge(world: World, params: Params | None = None, *, days_ago: int = 0) -> list[Finding]:
    day = ago(days_ago)
    return list(check(FEATURE, day, *world.tables(day), params or Params()))


def suite() -> World:
    """Two capabilities of 40 cases, of which a champion solves 32 each."""
    return World({"chat": 40, "sql": 40}).run("champion", np.tile(right(40, 32), 2), age=12)


def test_sound_scores_pass() -> None:
    [whole] = judge(suite().run("champion", np.tile(right(40, 30), 2)))
    assert (whole.status, whole.n) == (Status.PASS, 80)
    assert "5 days ago" in whole.message


@pytest.mark.parametrize(("n_failed", "status"), [(16, Status.FAIL), (8, Status.PASS)])
def test_the_lower_bound_of_the_error_share_decides(n_failed: int, status: Status) -> None:
    # Of 80: 16 are 20 %, at least 7.3 %; 8 are 10 %, at least 1.9 % at a chance of 1 in 10,000.
    found = judge(suite().run("champion", np.tile(right(40, 32), 2), failed=range(n_failed)))
    assert found[0].status is status
    if status is Status.FAIL:
        assert (found[0].value, found[0].unit) == (0.2, "share")
        assert found[0].lo == pytest.approx(0.073, abs=0.005)


def test_errors_of_one_capability_are_found_there() -> None:
    found = judge(suite().run("champion", np.tile(right(40, 32), 2), failed=range(40, 52)))
    assert [one.segment for one in found] == ["", "s1 / champion / sql"]
    assert "12 of 40 cases ended in an error (30%)" in found[1].message


def test_nothing_right_after_much_was() -> None:
    scores = np.concatenate([right(40, 32), np.zeros(40)])
    found = judge(suite().run("candidate", scores))
    assert [(one.status, one.segment) for one in found] == [
        (Status.FAIL, ""),
        (Status.FAIL, "s1 / candidate / sql"),
    ]
    assert "40 cases score 0.000 on average, 0.800 on the same cases" in found[0].message
    whole = judge(suite().run("candidate", np.zeros(80)))
    assert [one.segment for one in whole] == ["", "s1 / candidate"]


def test_a_second_broken_run_does_not_excuse_the_first() -> None:
    world = suite().run("champion", np.zeros(80), age=8).run("champion", np.zeros(80), age=3)
    assert judge(world)[0].status is Status.FAIL
    mended = world.run("champion", np.tile(right(40, 31), 2), age=1)
    assert judge(mended)[0].status is Status.PASS


def test_nothing_right_from_the_start_is_for_a_look() -> None:
    world = World({"chat": 20}).run("baseline", np.zeros(20))
    assert judge(world)[0].status is Status.WARN
    assert judge(World({"chat": 19}).run("baseline", np.zeros(19)))[0].status is Status.PASS


def test_a_hard_capability_may_stay_unsolved() -> None:
    world = World({"chat": 40}).run("champion", right(40, 5), age=12)
    assert judge(world.run("candidate", np.zeros(40)))[0].status is Status.PASS


def test_a_judge_that_is_stuck() -> None:
    rng = np.random.default_rng(3)
    world = World({"chat": 40}).run("champion", grades(rng, abilities(rng, 40)), age=12)
    found = judge(world.run("champion", np.full(40, 0.5)))
    assert found[0].status is Status.FAIL
    assert "all 40 cases score 0.500" in found[0].message
    first = judge(World({"chat": 40}).run("champion", np.full(40, 0.5)))
    assert first[0].status is Status.WARN


def test_equal_scores_may_be_the_rule() -> None:
    usual = np.where(np.arange(40) < 36, 0.75, 0.5)
    world = World({"chat": 40}).run("champion", usual, age=12)
    assert judge(world.run("champion", np.full(40, 0.75)))[0].status is Status.PASS


def test_all_right_is_not_stuck() -> None:
    world = World({"chat": 40}).run("champion", right(40, 38), age=12)
    assert judge(world.run("champion", np.ones(40)))[0].status is Status.PASS


def test_all_right_at_once_is_for_a_look() -> None:
    found = judge(suite().run("candidate", np.ones(80), age=3))
    # Eight in forty won have p 0.008 each; all sixteen of eighty 3e-5.
    assert [(one.status, one.segment) for one in found] == [
        (Status.WARN, ""),
        (Status.WARN, "s1 / candidate"),
    ]
    assert "all cases score 1" in found[0].message


def test_one_version_does_not_change_by_itself() -> None:
    moved = np.concatenate([right(40, 32), right(40, 10)])
    found = judge(suite().run("champion", moved))
    assert [one.segment for one in found] == ["", "s1 / champion", "s1 / champion / sql"]
    assert {one.status for one in found} == {Status.WARN}
    assert (found[1].value, found[2].value) == pytest.approx((-27.5, -55))
    other = judge(suite().run("candidate", moved))
    assert other[0].status is Status.PASS
    warmer = judge(suite().run("champion", moved, temperature=1.0))
    assert warmer[0].status is Status.PASS


def test_nothing_later_than_the_day_is_used() -> None:
    world = suite().run("champion", np.zeros(80), age=2)
    assert judge(world, days_ago=3)[0].status is Status.PASS
    assert judge(world, days_ago=2)[0].status is Status.FAIL
    assert judge(world, Params(max_age_days=2))[0].status is Status.NOT_APPLICABLE


def test_thin_data_is_never_a_pass() -> None:
    found = judge(World({"chat": 9}).run("champion", np.zeros(9)))
    assert (found[0].status, found[0].n) == (Status.NOT_ENOUGH_DATA, 9)
    nothing = World({"chat": 9}).run("champion", np.full(9, np.nan))
    assert judge(nothing)[0].status is Status.NOT_ENOUGH_DATA
    assert judge(World({}))[0].status is Status.NOT_APPLICABLE


def test_noise_is_no_failure() -> None:
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        world = World({f"c{i}": 12 for i in range(8)})
        p = abilities(rng, world.n)
        for at in range(4):
            scores = answers(rng, p) if seed % 2 else grades(rng, p)
            failed = np.flatnonzero(rng.random(world.n) < 0.02).tolist()
            role = "champion" if at < 3 else "candidate"
            world.run(role, scores, age=28 - 7 * at, model="m", failed=failed)
        found += [one.status for one in judge(world)]
    assert set(found) == {Status.PASS}
