"""Narrow gain: the target against the rest, by hand and at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.generalization.narrow_gain import Params, check
from llmops_health_tests.health.generalization.simulate import (
    FEATURE,
    LAST,
    TUNED_FOR_SQL,
    World,
    abilities,
    ago,
    answers,
    both,
    right,
)


def tuned(target: int, others: int, *, n: int = 100, before: tuple[int, int] = (40, 80)) -> World:
    """`sql` and two others of n cases, right before and after."""
    world = World({"sql": n, "chat": n, "code": n})
    first, rest = before
    scores = [right(n, first), right(n, rest), right(n, rest)]
    world.run("baseline", np.concatenate(scores), age=9)
    return world.run("candidate", np.concatenate([right(n, target), *[right(n, others)] * 2]))


def judge(world: World, params: Params | None = None, days_ago: int = 0) -> Finding:
    day = ago(days_ago)
    [found] = check(TUNED_FOR_SQL, day, *world.tables(day), params or Params())
    return found


def test_a_gain_that_the_others_paid_for() -> None:
    found = judge(tuned(80, 60))
    assert found.status is Status.FAIL
    assert (found.value, found.n) == pytest.approx((-20, 200))
    assert "sql went from 0.400 to 0.800, +40.0 pp" in found.message
    assert "0.800 to 0.600 on 200 cases" in found.message
    assert "(run of 2026-03-24, 5 days ago)" in found.message
    assert "sql only" in found.action


@pytest.mark.parametrize(
    ("others", "status"),
    [(73, Status.FAIL), (77, Status.WARN), (79, Status.NOT_ENOUGH_DATA), (90, Status.PASS)],
)
def test_how_sure_the_fall_is_decides(others: int, status: Status) -> None:
    # Twice 7 lost of 200 have p 2^-15, twice 3 lost p 2^-7.
    assert judge(tuned(80, others)).status is status


def test_without_a_gain_there_is_no_price() -> None:
    assert judge(tuned(41, 60)).status is Status.NOT_ENOUGH_DATA
    assert "cannot tell whether it rose" in judge(tuned(41, 60)).message
    fell = judge(tuned(20, 60))
    assert fell.status is Status.PASS
    assert "no gain" in fell.message


def test_the_rest_must_be_looked_at() -> None:
    world = World({"sql": 100, "chat": 100})
    chat = np.full(100, np.nan)
    world.run("baseline", np.concatenate([right(100, 40), chat]), age=9)
    world.run("candidate", np.concatenate([right(100, 80), chat]))
    found = judge(world)
    assert found.status is Status.WARN
    assert "0 of their 100 cases" in found.message


@pytest.mark.parametrize(("n_run", "status"), [(50, Status.NOT_ENOUGH_DATA), (49, Status.WARN)])
def test_half_of_the_rest_is_enough(n_run: int, status: Status) -> None:
    chat = np.where(np.arange(100) < n_run, right(100, 40), np.nan)
    world = World({"sql": 100, "chat": 100})
    world.run("baseline", np.concatenate([right(100, 40), chat]), age=9)
    assert judge(world.run("candidate", np.concatenate([right(100, 80), chat]))).status is status


def test_what_cannot_be_judged_is_said() -> None:
    tables = tuned(80, 60).tables()
    [found] = check(FEATURE, LAST, *tables, Params())
    assert found.status is Status.NOT_APPLICABLE
    assert judge(World({})).status is Status.NOT_APPLICABLE
    assert judge(World({"sql": 9}).run("candidate", right(9, 9))).status is Status.NOT_ENOUGH_DATA
    other = World({"chat": 50}).run("baseline", right(50, 9), age=9)
    found = judge(other.run("candidate", right(50, 40)))
    assert (found.status, found.n) == (Status.NOT_ENOUGH_DATA, 0)


def test_nothing_later_than_the_day_is_used() -> None:
    world = tuned(80, 80).run("candidate", np.tile(right(100, 60), 3), age=1)
    assert judge(world, days_ago=2).status is not Status.FAIL
    assert judge(world).status is Status.FAIL


def test_suites_count_together() -> None:
    one = World({"sql": 60}).run("baseline", right(60, 20), age=9)
    one.run("candidate", right(60, 50))
    other = World({"chat": 60}, suite_id="s2").run("baseline", right(60, 50), age=9, run_id="x")
    other.run("candidate", right(60, 20), run_id="y")
    [found] = check(TUNED_FOR_SQL, LAST, *both(one, other), Params())
    assert (found.status, found.n) == (Status.FAIL, 60)


def judged(seed: int, loss: float) -> Status:
    """Judge a tune that gains 0.3 on sql and loses `loss` elsewhere, on 40 cases each."""
    rng = np.random.default_rng(seed)
    world = World({"sql": 40, **{f"c{i}": 40 for i in range(4)}})
    p = 0.4 + 0.5 * abilities(rng, world.n)
    target = np.array(world.names) == "sql"
    p[target] = 0.5
    base = answers(rng, p)
    world.run("baseline", base, age=9)
    after = answers(rng, np.where(target, 0.9, p - loss), base if loss == 0 else None)
    return judge(world.run("candidate", after)).status


def test_error_rates_on_known_tunes() -> None:
    assert [judged(seed, 0.0) for seed in range(100)].count(Status.FAIL) == 0
    assert [judged(seed, 0.3) for seed in range(20)].count(Status.FAIL) >= 19
