"""Capability regression: by hand, which runs are paired, thin data, hostile names, error rates."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.generalization.capability_regression import Params, check, figure
from llmops_health_tests.health.generalization.simulate import (
    FEATURE,
    LAST,
    TUNED_FOR_SQL,
    Floats,
    World,
    abilities,
    ago,
    answers,
    both,
    grades,
    right,
)


def judge(world: World, params: Params | None = None, *, days_ago: int = 0) -> list[Finding]:
    day = ago(days_ago)
    return list(check(FEATURE, day, *world.tables(day), params or Params()))


def fallen(n_before: int = 90, n_after: int = 60) -> World:
    """Two capabilities of 100 cases: `chat` stays, `sql` falls; nothing is won."""
    world = World({"chat": 100, "sql": 100})
    chat = right(100, 80)
    world.run("baseline", np.concatenate([chat, right(100, n_before)]), age=20)
    return world.run("candidate", np.concatenate([chat, right(100, n_after)]), age=12)


def test_a_fall_is_told_with_its_interval() -> None:
    whole, sql = judge(fallen())
    assert (whole.status, whole.segment) == (Status.FAIL, "")
    assert (sql.status, sql.segment, sql.n) == (Status.FAIL, "sql", 100)
    assert (sql.value, sql.threshold) == pytest.approx((-30, -2))
    # Tango's interval of 30 lost and none won of 100.
    assert (sql.lo, sql.hi) == pytest.approx((-39.6, -21.9), abs=0.05)
    assert "0.900 to 0.600" in sql.message
    assert "(run of 2026-03-17, 12 days ago)" in whole.message
    assert whole.n == 200
    assert whole.action == sql.action != ""


@pytest.mark.parametrize(
    ("lost", "status"), [(20, Status.FAIL), (13, Status.FAIL), (9, Status.WARN), (4, None)]
)
def test_how_sure_it_is_decides(lost: int, status: Status | None) -> None:
    # Of two capabilities and both together: p of 13 losses 1/2^14 times 3, of 9 times 3 is 0.003.
    found = judge(fallen(90, 90 - lost))
    assert found[0].status is (status or Status.NOT_ENOUGH_DATA)
    assert [one.status for one in found[1:]] == ([status] if status else [])


def test_a_sure_fall_within_the_margin_is_tolerated() -> None:
    world = fallen(90, 60)
    assert judge(world, Params(margin_pp=29))[0].status is Status.FAIL
    # The interval reaches beyond the margin all the same: this is no proof either.
    assert judge(world, Params(margin_pp=31))[0].status is Status.NOT_ENOUGH_DATA
    assert judge(world, Params(margin_pp=41))[0].status is Status.PASS


def test_passing_needs_cases_enough_to_see_a_fall() -> None:
    same = right(100, 80)
    small = World({"chat": 100}).run("champion", same, age=9).run("challenger", same)
    assert judge(small)[0].status is Status.NOT_ENOUGH_DATA
    assert "cannot tell" in judge(small)[0].message
    many = right(400, 300)
    large = World({"chat": 400}).run("champion", many, age=9).run("challenger", many)
    assert judge(large)[0].status is Status.PASS


def test_a_proven_gain_needs_no_such_number() -> None:
    world = World({"chat": 40}).run("baseline", right(40, 10), age=9)
    assert judge(world.run("candidate", right(40, 30)))[0].status is Status.PASS


def test_small_falls_that_agree_add_up() -> None:
    sizes = {f"c{i}": 40 for i in range(8)}
    before = np.tile(right(40, 36), 8)
    after = np.tile(right(40, 32), 8)
    world = World(sizes).run("baseline", before, age=9).run("candidate", after)
    [whole] = judge(world)
    # Four of four lost have p 0.031 each; together z is 5.3.
    assert whole.status is Status.FAIL
    assert "together 8 did" in whole.message


def test_the_target_does_not_make_up_for_the_others() -> None:
    sizes = {"sql": 40, **{f"c{i}": 40 for i in range(8)}}
    before = np.concatenate([right(40, 5), np.tile(right(40, 36), 8)])
    after = np.concatenate([right(40, 40), np.tile(right(40, 32), 8)])
    tables = World(sizes).run("baseline", before, age=9).run("candidate", after).tables()
    [whole] = check(TUNED_FOR_SQL, LAST, *tables, Params())
    assert whole.status is Status.FAIL


def test_graded_scores_are_tested_by_ranks_and_t() -> None:
    rng = np.random.default_rng(0)
    p = abilities(rng, 60)
    world = World({"chat": 30, "sql": 30}).run("baseline", grades(rng, p), age=9)
    drop = np.repeat([0.0, 0.25], 30)
    found = judge(world.run("candidate", grades(rng, np.clip(p - drop, 0, 1))))
    assert [one.segment for one in found] == ["", "sql"]
    assert found[1].status is Status.FAIL


def test_few_graded_cases_fail_where_all_of_them_fall() -> None:
    rng = np.random.default_rng(1)
    before = rng.uniform(0.7, 0.9, 24)
    after = before - np.repeat([0.0, 0.3], 12) + rng.normal(0, 0.03, 24)
    world = World({"chat": 12, "sql": 12}).run("champion", before, age=9).run("candidate", after)
    assert [(one.status, one.segment) for one in judge(world)] == [
        (Status.FAIL, ""),
        (Status.FAIL, "sql"),
    ]


def test_three_equal_losses_are_no_proof() -> None:
    world = World({"chat": 8}).run("baseline", np.full(8, 0.7), age=9)
    after = np.full(8, 0.7) - 0.3 * right(8, 3)
    assert judge(world.run("candidate", after))[0].status is Status.NOT_ENOUGH_DATA


def test_cases_of_one_input_are_one_witness() -> None:
    inputs = [f"h{i // 10}" for i in range(100)]
    before, after = right(100, 100), right(100, 70)
    alone = World({"chat": 100}).run("baseline", before, age=9).run("candidate", after)
    assert judge(alone)[0].status is Status.FAIL
    shared = World({"chat": 100}, inputs=inputs)
    shared.run("baseline", before, age=9).run("candidate", after)
    # Three of ten inputs: p of the ranks is 1/8.
    assert judge(shared)[0].status is Status.NOT_ENOUGH_DATA


def test_cases_with_errors_say_nothing_of_the_model() -> None:
    world = World({"chat": 100}).run("baseline", right(100, 90), age=9)
    world.run("candidate", right(100, 60), failed=range(60, 95))
    [whole] = judge(world)
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.n == 65
    assert "35 cases that ended in an error are left out" in whole.message


def test_retired_cases_do_not_count() -> None:
    world = fallen()
    world.retired = {100 + i: ago(15) for i in range(60, 100)}
    assert judge(world)[0].status is Status.NOT_ENOUGH_DATA
    world.retired = {100 + i: ago(5) for i in range(60, 100)}
    assert judge(world)[0].status is Status.FAIL


def test_the_same_pair_gets_the_same_answer_until_it_is_old() -> None:
    world = fallen()
    first, last = judge(world, days_ago=12)[0], judge(world)[0]
    assert (first.status, first.value, first.p_value) == (last.status, last.value, last.p_value)
    assert judge(world, days_ago=13)[0].status is Status.NOT_APPLICABLE
    assert judge(world, Params(max_age_days=13))[0].status is Status.FAIL
    assert judge(world, Params(max_age_days=12))[0].status is Status.NOT_APPLICABLE


def test_nothing_later_than_the_day_is_used() -> None:
    world = fallen(90, 88).run("candidate", np.zeros(200), age=2)
    assert judge(world, days_ago=3)[0].status is Status.NOT_ENOUGH_DATA
    assert judge(world, days_ago=2)[0].status is Status.FAIL


def versions(*, base_hour: int = 9) -> World:
    """A candidate that is better than the champion of the day before."""
    world = World({"chat": 100})
    world.run("champion", right(100, 60), age=30, prompt_version="v1")
    return world.run("candidate", right(100, 90), age=20, prompt_version="v2", hour=base_hour)


def test_a_released_candidate_is_not_its_own_base() -> None:
    world = versions()
    world.runs[-1] = (*world.runs[-1][:7], "model-champion", *world.runs[-1][8:])
    world.run("champion", right(100, 30), age=10, prompt_version="v2")
    assert judge(world)[0].status is Status.PASS
    assert "v1" in judge(world)[0].message


def test_a_successor_is_no_base() -> None:
    world = versions().run("champion", right(100, 100), age=10, prompt_version="v3")
    assert "v1" in judge(world)[0].message
    again = world.run("champion", right(100, 58), age=4, prompt_version="v1")
    # A newer run of the version that was there before is the newest base.
    assert "4 days ago" in judge(again)[0].message


def test_without_another_the_base_may_run_later() -> None:
    world = World({"chat": 100}).run("candidate", right(100, 60), age=9)
    assert judge(world)[0].status is Status.NOT_ENOUGH_DATA
    assert "no baseline or champion" in judge(world)[0].message
    assert judge(world.run("baseline", right(100, 90), age=8))[0].status is Status.FAIL


@pytest.mark.parametrize("other", [{"judge_model": "b"}, {"suite_version": "b"}])
def test_scores_on_another_scale_are_not_compared(other: dict[str, str]) -> None:
    world = World({"chat": 100})
    scale = dict.fromkeys(other, "a")
    world.run("baseline", right(100, 90), age=9, **scale)  # type: ignore[arg-type]
    world.run("candidate", right(100, 60), **other)  # type: ignore[arg-type]
    [whole] = judge(world)
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert "scored by other" in whole.message


def test_other_settings_are_told() -> None:
    world = World({"chat": 100}).run("baseline", right(100, 90), age=9, temperature=0.0)
    world.run("candidate", right(100, 60), temperature=0.7)
    assert "with temperature 0.7 against 0" in judge(world)[0].message


def test_without_a_tuned_run_there_is_nothing_to_judge() -> None:
    world = World({"chat": 100}).run("baseline", right(100, 90)).run("champion", right(100, 10))
    assert judge(world)[0].status is Status.NOT_APPLICABLE
    assert judge(World({}))[0].status is Status.NOT_APPLICABLE


def test_thin_data_is_never_a_pass() -> None:
    world = World({"chat": 4}).run("baseline", right(4, 4), age=9)
    [whole] = judge(world.run("candidate", right(4, 4)))
    assert (whole.status, whole.n) == (Status.NOT_ENOUGH_DATA, 4)
    nothing = World({"chat": 9}).run("baseline", right(9, 9), age=9)
    nothing.run("candidate", np.full(9, np.nan))
    assert judge(nothing)[0].status is Status.NOT_ENOUGH_DATA


def test_suites_are_told_apart() -> None:
    one, other = fallen(), World({"chat": 100}, suite_id="s2")
    other.run("baseline", right(100, 90), age=9, run_id="x")
    other.run("candidate", right(100, 30), run_id="y")
    found = list(check(FEATURE, LAST, *both(one, other), Params()))
    assert [finding.segment for finding in found] == ["", "s2: chat", "s1: sql"]


def test_the_figure_orders_the_capabilities() -> None:
    shown = figure(FEATURE, LAST, *fallen().tables(), Params())
    assert shown is not None
    assert [(row.label, row.answer) for row in shown.rows] == [
        ("sql", "moved"),
        ("chat", "cannot tell"),
    ]
    assert (shown.zone_lo, shown.zone_hi) == (-2.0, None)
    assert figure(FEATURE, LAST, *World({}).tables(), Params()) is None


def clean(seed: int, kind: str, sizes: dict[str, int]) -> World:
    """A base and a tuned model that solve every case equally often."""
    rng = np.random.default_rng(seed)
    world = World(sizes)
    p = abilities(rng, world.n)

    def scores(like: Floats | None) -> Floats:
        if kind == "graded":
            return grades(rng, p)
        if kind == "trials":
            return np.asarray((rng.random((3, world.n)) < p).mean(axis=0))
        return answers(rng, p, like)

    n_trials = 3 if kind == "trials" else 1
    base = scores(None)
    world.run("champion", base, age=9, n_trials=n_trials)
    return world.run("candidate", scores(base), n_trials=n_trials)


@pytest.mark.parametrize("kind", ["right or wrong", "graded", "trials"])
def test_equal_models_fail_less_than_once_in_a_thousand(kind: str) -> None:
    sizes = [{f"c{i}": n for i in range(k)} for n, k in ((12, 8), (60, 4), (300, 2))]
    found = [judge(clean(seed, kind, sizes[seed % 3]))[0] for seed in range(150)]
    statuses = [one.status for one in found]
    assert statuses.count(Status.FAIL) == 0
    # At 0.02 three of 150 are expected, at most eight in 199 of 200 such tests.
    assert statuses.count(Status.WARN) <= 8


@pytest.mark.parametrize("kind", ["right or wrong", "graded", "trials"])
def test_a_lost_capability_is_found(kind: str) -> None:
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(900 + seed)
        world = World({"chat": 60, "sql": 120, "code": 60})
        p = 0.5 + 0.5 * abilities(rng, world.n)
        lost = np.where(np.array(world.names) == "sql", p - 0.35, p)
        n = 3 if kind == "trials" else 1
        for role, ability, age in (("champion", p, 9), ("candidate", lost, 5)):
            scores = (rng.random((n, world.n)) < ability).mean(axis=0)
            shown = grades(rng, ability) if kind == "graded" else scores
            world.run(role, shown, age=age, n_trials=n)
        found += "sql" in [one.segment for one in judge(world) if one.status is Status.FAIL]
    assert found >= 19
