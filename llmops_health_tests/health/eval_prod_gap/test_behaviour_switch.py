"""Behaviour switch: by hand, three answers, what is no switch, thin data, and error rates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import log
from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_prod_gap._pairs import paired
from llmops_health.health.eval_prod_gap.behaviour_switch import (
    HISTORY_DAYS,
    Params,
    check,
    figure,
)
from llmops_health_tests.health.eval_prod_gap.simulate import (
    COMPARED,
    FEATURE,
    HARNESS,
    LAST,
    MATCHES,
    PAIRED,
    SAME,
    World,
    ago,
    harness,
    named_on,
)

Tables = tuple[pl.DataFrame, ...]

SAME_HARNESS = harness(SAME, range(34))


def given(tables: Tables, day: date, run_with: Tables = SAME_HARNESS) -> dict[str, Any]:
    known = named_on((*tables, *run_with), (*PAIRED, *HARNESS), day, HISTORY_DAYS)
    return {"feature": FEATURE, "day": day} | known


def judge(tables: Tables, day: date = LAST, run_with: Tables = SAME_HARNESS) -> list[Finding]:
    return list(check(params=Params(), **given(tables, day, run_with)))


def calls(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """Age, id, whether an eval, input, harness, user, refusal and ln of the answer's length."""
    names = ("age", "call_id", "is_eval", "input_sha256", "harness_key", "user_key",
             "refusal", "ln_output_chars")  # fmt: skip
    frame = pl.DataFrame(rows, schema=list(names), orient="row")
    return frame.with_columns(
        day=pl.lit(LAST) - pl.duration(days="age"),
        feature_id=pl.lit("help"),
        is_sample=pl.lit(value=True),
        input_language=pl.lit("en"),
        bucket=pl.col("user_key") % 64,
        ln_input_chars=pl.lit(4.0),
        hedging=pl.lit(None),
        formatted=pl.lit(0.0),
        json=pl.lit(0.0),
        json_broken=pl.lit(None),
        other_language=pl.lit(None),
        tool_use=pl.lit(1.0),
        truncated=pl.lit(0.0),
    ).select(pl.col(name).cast(kind) for name, kind in COMPARED.items())


def near(rows: list[tuple[int, str, str, float]]) -> pl.DataFrame:
    """Age, eval call, production call and cosine; the caliper is 0.6."""
    frame = pl.DataFrame(
        rows, schema=["age", "call_id", "match_call_id", "similarity"], orient="row"
    )
    return frame.with_columns(
        day=pl.lit(LAST) - pl.duration(days="age"),
        feature_id=pl.lit("help"),
        is_eval=pl.lit(value=True),
        rank=pl.lit(1),
        caliper=pl.lit(0.6),
        odds_weight=pl.lit(None),
    ).select(pl.col(name).cast(kind) for name, kind in MATCHES.items())


def one_to_one(refused: list[tuple[float, float]], length: list[tuple[float, float]]) -> Tables:
    """One eval input per entry, with one near call of a user of its own: eval, production."""
    rows: list[tuple[object, ...]] = []
    for i, ((e, p), (le, lp)) in enumerate(zip(refused, length, strict=True)):
        rows += [(0, f"e{i}", True, f"case {i}", 1, 9_000 + i, e, le)]
        rows += [(0, f"p{i}", False, f"live {i}", 1, i, p, lp)]
    return calls(rows), near([(0, f"e{i}", f"p{i}", 0.8) for i in range(len(refused))])


SPREAD = [(5.0 + 0.01 * (i % 5), 5.0 + 0.01 * (i % 3)) for i in range(100)]


def test_a_gap_of_refusals_by_hand() -> None:
    refused = [(1.0, 0.0)] * 15 + [(0.0, 0.0)] * 24 + [(0.0, 1.0)]
    whole, part = judge(one_to_one(refused, SPREAD[:40]))
    # 15 more and 1 less of 40: 35 pp; sd 0.533 of the differences, se 0.0843, t(39, 0.995) 2.708.
    assert (whole.status, part.status) == (Status.FAIL, Status.FAIL)
    assert (part.segment, part.unit, part.n) == ("refusals", "pp", 40)
    assert part.value == pytest.approx(35.0)
    assert (part.lo, part.hi) == pytest.approx((12.16, 57.84), abs=0.01)
    assert part.threshold == pytest.approx(5.0)
    # Of 2^16 signs of 16 differences, 34 give a sum of 14 or more in size.
    assert part.p_value == pytest.approx(34 / 2**16, abs=4 * (34 / 2**16 / 9_999) ** 0.5)
    assert whole.message.startswith(
        "Asked the same, evals differ from production: refusals +35.0 pp [+12.2, +57.8] on 40 "
        "inputs of 7 days (0 the very same, the others alike); 5 pp are tolerated."
    )


def test_equal_answers_of_many_inputs_are_equivalent() -> None:
    [found] = judge(one_to_one([(0.0, 0.0)] * 100, SPREAD))
    assert found.status is Status.PASS
    assert "equivalent in all 2 behaviours" in found.message
    assert found.value is not None
    assert found.threshold is not None


def test_no_refusal_of_forty_inputs_is_not_known_to_be_none() -> None:
    [found] = judge(one_to_one([(0.0, 0.0)] * 40, SPREAD[:40]))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "refusals +0.0 pp [-9.1, +9.1]" in found.message
    assert "answer length: equivalent" in found.message


def test_longer_answers_are_a_warning_in_percent() -> None:
    length = [(5.5 + 0.05 * (i % 5), 5.0 + 0.05 * (i % 3)) for i in range(40)]
    whole, part = judge(one_to_one([(0.0, 0.0)] * 40, length))
    assert (whole.status, part.segment, part.unit) == (Status.WARN, "answer length", "%")
    mean = np.mean([e - p for e, p in length])
    assert part.value == pytest.approx(100 * (np.exp(mean) - 1))
    assert part.threshold == pytest.approx(10.0)


def test_the_very_same_input_goes_before_a_near_one() -> None:
    same = [(0, f"t{i}", False, f"case {i}", 1, 500 + i, 1.0, 5.0) for i in range(20)]
    compared, matches = one_to_one([(1.0, 0.0)] * 40, SPREAD[:40])
    pairs = paired(pl.concat([compared, calls(same)]), matches, LAST, 7, 20)
    assert (len(pairs), pairs.n_exact) == (40, 20)
    assert sorted(pairs.controls[:, 0].tolist()) == [0.0] * 20 + [1.0] * 20


def test_users_have_a_vote_each() -> None:
    rows = [(0, "e0", True, "case", 1, 900, 0.0, 5.0), (0, "q", False, "b", 1, 2, 0.0, 5.0)]
    rows += [(0, f"p{i}", False, "a", 1, 1, 1.0, 5.0) for i in range(9)]
    matches = near([(0, "e0", "q", 0.7), *((0, "e0", f"p{i}", 0.8) for i in range(9))])
    pairs = paired(calls(rows), matches, LAST, 7, 20)
    assert pairs.controls[0, 0] == 0.5


def test_each_control_is_compared_with_the_evals_of_its_time() -> None:
    rows: list[tuple[object, ...]] = []
    for age, refusal in ((0, 1.0), (5, 0.0)):
        rows.append((age, f"e{age}", True, "case", 1, 900, refusal, 5.0))
        rows.append((age, f"p{age}", False, f"live {age}", 1, age, refusal, 5.0))
    matches = near([(0, "e0", "p0", 0.8), (0, "e0", "p5", 0.8), (5, "e5", "p5", 0.8)])
    pairs = paired(calls(rows), matches, LAST, 7, 20)
    assert (pairs.evals[0, 0], pairs.controls[0, 0]) == (0.5, 0.5)


def test_calls_of_the_same_harness_alone_count_where_they_are_enough() -> None:
    compared, matches = one_to_one([(1.0, 0.0)] * 30, SPREAD[:30])
    other = compared.filter(~pl.col("is_eval")).with_columns(
        call_id=pl.format("o{}", "call_id"), harness_key=pl.lit(2, pl.Int64), refusal=pl.lit(1.0)
    )
    more = matches.with_columns(match_call_id=pl.format("o{}", "match_call_id"))
    pairs = paired(pl.concat([compared, other]), pl.concat([matches, more]), LAST, 7, 20)
    assert pairs.is_same_harness
    assert pairs.controls[:, 0].max() == 0.0


REFUSING = one_to_one([(1.0, 0.0)] * 20 + [(0.0, 0.0)] * 20, SPREAD[:40])


def test_another_harness_is_named_as_the_reason_and_is_a_warning() -> None:
    other = harness(
        {"request_model": {"prod": {"m-2": 100}, "eval": {"m-1": 40}}} | {
            "temperature": {"prod": {"0.7": 100}, "eval": {"0.0": 40}}
        }
    )  # fmt: skip
    whole, part = judge(REFUSING, run_with=other)
    assert whole.status is part.status is Status.WARN
    assert whole.message.endswith(
        "They do not run the same: model (m-1 against m-2); temperature (0 against 0.7)."
    )
    assert "harness_differs" in whole.action
    assert judge(REFUSING)[0].status is Status.FAIL


def test_another_prompt_version_is_the_reason_where_no_table_says_it() -> None:
    compared, matches = REFUSING
    apart = compared.with_columns(harness_key=pl.when("is_eval").then(7).otherwise("harness_key"))
    found = judge((apart, matches))[0]
    assert found.status is Status.WARN
    assert "They do not run the same: model or prompt version." in found.message


def test_a_mix_of_topics_is_no_switch_though_raw_means_differ() -> None:
    tables = World(n_cases=60, misplaced=0.0).tables(np.random.default_rng(4))
    means = pl.col("refusal", "ln_output_chars").mean()
    raw = tables[0].group_by("is_eval").agg(means).sort("is_eval")
    assert raw["refusal"][1] - raw["refusal"][0] > 0.1
    assert raw["ln_output_chars"][1] - raw["ln_output_chars"][0] > 0.9
    assert judge(tables)[0].status is Status.NOT_ENOUGH_DATA


def test_a_switch_behind_a_mix_of_topics_is_found() -> None:
    # Evals are about the harmless topics, so that raw means hide that they refuse more.
    world = World(switch=0.35, since=6, eval_mix=np.array([50.0, 30, 15, 4, 1, 0]))
    found = judge(world.tables(np.random.default_rng(5)))
    assert found[0].status is Status.FAIL
    assert found[0].value == pytest.approx(35, abs=12)


def test_a_model_that_changed_for_all_is_no_switch() -> None:
    for since in (1, 3, 5):
        tables = World(drift=0.4, since=since).tables(np.random.default_rng(since))
        assert judge(tables)[0].status is Status.NOT_ENOUGH_DATA


def rate(world: World, n: int, ages: tuple[int, ...], seed: int) -> dict[Status, float]:
    statuses = [
        judge(tables, ago(age))[0].status
        for i in range(n)
        for tables in [world.tables(np.random.default_rng([seed, i]))]
        for age in ages
    ]
    return {status: statuses.count(status) / len(statuses) for status in Status}


@pytest.mark.parametrize(
    "world", [World(), World(n_users=30, whale=0.3), World(every=7)], ids=["many", "few", "weekly"]
)
def test_false_alarms_are_rare(world: World) -> None:
    # Of 2,600 judgements of 650 such worlds, one was a warning and none a failure.
    found = rate(world, 20, (0, 4), 9)
    assert found[Status.FAIL] == found[Status.WARN] == 0.0


@pytest.mark.parametrize(
    ("world", "status"),
    [(World(switch=0.4, since=6), Status.FAIL), (World(longer=log(1.5), since=6), Status.WARN)],
    ids=["refusals", "length"],
)
def test_a_switch_is_found_within_a_week(world: World, status: Status) -> None:
    # Of 100 such worlds 99 and 98 were found.
    assert rate(world, 20, (0,), 3)[status] >= 0.95


def test_thin_data_is_never_a_pass() -> None:
    [found] = judge(one_to_one([(1.0, 0.0)] * 19, SPREAD[:19]))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith(
        "Of 19 inputs that evals asked in 28 days, 19 have their like in production, in calls of 19"
    )
    compared, matches = one_to_one([(1.0, 0.0)] * 40, SPREAD[:40])
    alone = compared.with_columns(user_key=pl.lit(1, pl.Int64))
    assert judge((alone, matches))[0].status is Status.NOT_ENOUGH_DATA
    [no_text] = judge((compared, matches.clear()))
    assert no_text.status is Status.NOT_ENOUGH_DATA
    assert "0 have their like" in no_text.message


def test_without_eval_calls_there_is_nothing_to_judge() -> None:
    compared, matches = REFUSING
    [found] = judge((compared.filter(~pl.col("is_eval")), matches.clear()))
    assert found.status is Status.NOT_APPLICABLE


def test_nothing_later_than_the_day_is_used() -> None:
    tables = World(switch=0.5, since=6).tables(np.random.default_rng(8))
    before = tuple(table.filter(pl.col("day") <= ago(9)) for table in tables)
    assert judge(tables)[0].status is Status.FAIL
    assert judge(tables, ago(9)) == judge(before, ago(9))


def test_the_figure_is_in_multiples_of_the_margins() -> None:
    shown = figure(params=Params(), **given(REFUSING, LAST))
    assert shown is not None
    assert (shown.zone_lo, shown.zone_hi) == (-1.0, 1.0)
    refusals, length = shown.rows
    assert (refusals.label, refusals.answer, refusals.n) == ("refusals", "moved", 40)
    assert refusals.effect.value == pytest.approx(10.0)
    assert (length.label, length.answer) == ("answer length", "fine")
    empty = tuple(table.clear() for table in REFUSING)
    assert figure(params=Params(), **given(empty, LAST)) is None


def test_margins_are_settings() -> None:
    found = list(check(params=Params(max_gap_pp=60), **given(REFUSING, LAST)))
    assert [one.status for one in found] == [Status.NOT_ENOUGH_DATA]
