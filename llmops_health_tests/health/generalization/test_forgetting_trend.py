"""Forgetting trend: by hand, which runs are checkpoints, and error rates over many of them."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.generalization.forgetting_trend import Params, check, figure
from llmops_health_tests.health.generalization.simulate import (
    FEATURE,
    LAST,
    TUNED_FOR_SQL,
    World,
    abilities,
    ago,
    answers,
    right,
)


def judge(
    world: World, params: Params | None = None, *, days_ago: int = 0, feature: Feature = FEATURE
) -> list[Finding]:
    day = ago(days_ago)
    return list(check(feature, day, *world.tables(day), params or Params()))


def line(*n_right: int, n: int = 100, role: str | None = None) -> World:
    """`sql` at each checkpoint; `chat` stays at 80 of 100."""
    world = World({"chat": n, "sql": n})
    for at, number in enumerate(n_right):
        scores = np.concatenate([right(n, 4 * n // 5), right(n, number)])
        age = 7 * (len(n_right) - at)
        world.run(role, scores, age=age, model="m", component_id=f"step-{at}")
    return world


def test_a_slide_is_held_against_the_best() -> None:
    whole, sql = judge(line(60, 90, 84, 76, 68))
    assert (whole.status, sql.status, sql.segment) == (Status.FAIL, Status.FAIL, "sql")
    assert (sql.value, sql.n) == pytest.approx((-22, 100))
    assert "step-1" in sql.message
    assert "step-1" in sql.action
    # Chat +0, sql 0.60 -> 0.68; of 200 cases 8 went from passed to failed.
    assert "backward transfer since the first checkpoint is +4.0 pp" in whole.message
    assert "4.0% of 200 cases went from passed to failed" in whole.message
    assert "(run of 2026-03-22, 7 days ago)" in whole.message


def test_the_target_is_not_what_was_transferred_backward() -> None:
    [whole, *_] = judge(line(60, 90, 68), feature=TUNED_FOR_SQL)
    assert "backward transfer since the first checkpoint is +0.0 pp" in whole.message


@pytest.mark.parametrize(
    ("n_last", "status"),
    [(70, Status.FAIL), (82, Status.WARN), (88, Status.NOT_ENOUGH_DATA)],
)
def test_how_sure_the_loss_is_decides(n_last: int, status: Status) -> None:
    assert judge(line(60, 90, n_last))[0].status is status


def test_a_line_that_rises_passes_where_it_can_be_seen() -> None:
    assert judge(line(240, 280, 320, 360, n=400))[0].status is Status.PASS


def test_a_pair_is_no_trend() -> None:
    assert judge(line(90, 50))[0].status is Status.NOT_APPLICABLE
    assert judge(World({}))[0].status is Status.NOT_APPLICABLE


def test_other_models_are_no_checkpoints() -> None:
    assert judge(line(60, 90, 50, role="challenger"))[0].status is Status.NOT_APPLICABLE
    assert judge(line(60, 90, 50, role="regression"))[0].status is Status.NOT_APPLICABLE
    assert judge(line(60, 90, 50, role="candidate"))[0].status is Status.FAIL


def test_a_new_prompt_is_no_checkpoint() -> None:
    world = World({"chat": 100})
    for at, number in enumerate((60, 90, 50)):
        world.run("champion", right(100, number), age=20 - at, prompt_version=f"v{at}")
    assert judge(world)[0].status is Status.NOT_APPLICABLE


def test_a_version_counts_with_its_newest_run() -> None:
    world = line(60, 90, 50)
    mended = np.concatenate([right(100, 80), right(100, 90)])
    world.run(None, mended, age=3, model="m", component_id="step-2")
    assert judge(world, days_ago=4)[0].status is Status.FAIL
    assert judge(world)[0].status is Status.NOT_ENOUGH_DATA


def test_nothing_later_than_the_day_is_used() -> None:
    world = line(60, 90, 90, 50)
    assert judge(world, days_ago=8)[0].status is Status.NOT_ENOUGH_DATA
    assert judge(world, days_ago=7)[0].status is Status.FAIL


def test_it_is_judged_until_it_is_old() -> None:
    world = line(60, 90, 50)
    assert judge(world, Params(max_age_days=8))[0].status is Status.FAIL
    assert judge(world, Params(max_age_days=7))[0].status is Status.NOT_APPLICABLE


def test_another_judge_breaks_the_line() -> None:
    world = World({"chat": 100})
    for at, number in enumerate((60, 90, 50)):
        world.run(None, right(100, number), age=20 - at, model=f"m{at}", judge_model=f"j{at // 2}")
    assert judge(world)[0].status is Status.NOT_APPLICABLE


def test_thin_data_is_never_a_pass() -> None:
    world = World({"chat": 9})
    for at in range(3):
        world.run(None, right(9, 9 - at), age=20 - at, model=f"m{at}")
    [whole] = judge(world)
    assert (whole.status, whole.n) == (Status.NOT_ENOUGH_DATA, 9)


def test_the_figure_has_a_curve_per_capability() -> None:
    shown = figure(TUNED_FOR_SQL, LAST, *line(60, 90, 50).tables(), Params())
    assert shown is not None
    assert [curve.label for curve in shown.curves] == ["sql (target)", "chat"]
    assert [point.y.value for point in shown.curves[0].points] == [0.6, 0.9, 0.5]
    assert [point.x for point in shown.curves[0].points] == [1.0, 2.0, 3.0]
    assert figure(FEATURE, LAST, *World({}).tables(), Params()) is None


def checkpoints(seed: int, loss: float) -> World:
    """Twelve checkpoints of one ability; `sql` slides by `loss` over the last four."""
    rng = np.random.default_rng(seed)
    world = World({f"c{i}": 50 for i in range(4)} | {"sql": 120})
    p = 0.4 + 0.6 * abilities(rng, world.n)
    is_sql = np.array(world.names) == "sql"
    before = answers(rng, p)
    for at in range(12):
        ability = p - loss * is_sql * max(0, at - 7) / 4
        before = answers(rng, ability, before, 0.3)
        world.run("candidate", before, age=60 - 5 * at, component_id=f"step-{at}")
    return world


def test_many_checkpoints_of_one_ability_are_no_loss() -> None:
    found = [judge(checkpoints(seed, 0.0))[0].status for seed in range(80)]
    assert found.count(Status.FAIL) == 0
    assert found.count(Status.WARN) <= 6


def test_a_slide_is_found() -> None:
    found = [judge(checkpoints(100 + seed, 0.45)) for seed in range(20)]
    named = ["sql" in [one.segment for one in of if one.status is Status.FAIL] for of in found]
    assert sum(named) >= 19
