"""Conflicting parameters: every rule by hand, what is unknown, edges, and noise that is none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.sampling.conflicting_parameters import Params, check
from llmops_health_tests.health.sampling.simulate import (
    CLASSIFIER,
    LAST,
    NO_RATES,
    WRITER,
    ago,
    calls,
    parameters,
    truncated,
)


def judge(
    *rows: list[dict[str, object]],
    feature: Feature = WRITER,
    rates: pl.DataFrame = NO_RATES,
    params: Params | None = None,
) -> list[Finding]:
    return list(check(feature, LAST, parameters(*rows), rates, params or Params()))


def broken(*rows: list[dict[str, object]], feature: Feature = WRITER) -> dict[str, float]:
    """Return the rules that are broken, with the share of the calls."""
    whole, *rest = judge(*rows, feature=feature)
    assert whole.status is (Status.WARN if rest else Status.PASS)
    assert all(one.status is Status.WARN and one.action and one.evidence_sql for one in rest)
    return {one.segment: one.value or 0.0 for one in rest}


@pytest.mark.parametrize(
    ("segment", "setting"),
    [
        ("temperature_and_top_p", {"temperature": 0.7, "top_p": 0.9}),
        ("top_k_and_top_p", {"temperature": 1.0, "top_k": 40.0, "top_p": 0.9}),
        ("ignored_when_greedy", {"temperature": 0.0, "top_p": 0.9}),
        ("ignored_when_greedy", {"temperature": 0.7, "top_k": 1.0}),
        ("out_of_range", {"temperature": 2.5}),
        ("out_of_range", {"temperature": 0.7, "presence_penalty": -3.0}),
        ("penalties_on_structure", {"frequency_penalty": 0.5, "n_json": 60}),
        ("ignored_by_reasoning_model", {"request_model": "openai/o3-mini", "temperature": 0.2}),
        ("limit_not_in_force", {"n_limited": 100, "n_over_limit": 100}),
        ("cut_before_limit", {"n_limited": 100, "n_cut_early": 100}),
        ("echoed_otherwise", {"n_echoed": 100, "n_echo_differs": 100}),
    ],
)
def test_each_rule_is_a_finding_with_its_share(segment: str, setting: dict[str, object]) -> None:
    found = broken(calls(75, temperature=1.0), calls(25, **{"temperature": 1.0} | setting))
    counted = setting.get("n_limited") or setting.get("n_echoed")
    assert found == {segment: 1.0 if counted else 0.25}


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": 0.7, "top_p": 1.0},
        {"temperature": 1.0, "top_p": 0.9},
        {"temperature": 0.7, "top_p": None},
        {"temperature": 0.0, "top_p": 1.0},
        {"temperature": 0.7, "top_k": 0.0},
        {"temperature": 0.7, "top_k": -1.0},
        {"temperature": 0.7, "frequency_penalty": 0.5, "n_json": 40},
        {"temperature": 0.7, "frequency_penalty": 0.0, "n_json": 100},
        {"request_model": "o3", "temperature": 1.0, "top_p": 1.0},
        {"request_model": "o3", "temperature": None},
        {"request_model": "o3000", "temperature": 0.2},
        {"temperature": 0.7, "n_limited": 100},
    ],
)
def test_settings_that_do_not_fight_pass(setting: dict[str, object]) -> None:
    assert broken(calls(100, **setting)) == {}


def test_randomness_is_a_conflict_only_where_one_answer_is_right() -> None:
    warm = calls(100, temperature=0.2)
    assert broken(warm, feature=CLASSIFIER) == {"random_where_one_answer": 1.0}
    assert broken(warm) == {}
    assert broken(calls(100, temperature=0.0), feature=CLASSIFIER) == {}
    # Known not to be set: the provider's default is drawn from. Unknown is no conflict.
    assert broken(calls(100, temperature=None), feature=CLASSIFIER) == {
        "random_where_one_answer": 1.0
    }
    unknown = calls(100, temperature=None, params_known=None, max_tokens=10)
    assert broken(unknown, feature=CLASSIFIER) == {}
    assert broken(calls(100, temperature=0.0, frequency_penalty=1.0), feature=CLASSIFIER) == {
        "penalties_on_structure": 1.0
    }


def test_a_source_that_cannot_say_is_never_a_conflict() -> None:
    fights = {"temperature": 0.7, "top_p": 0.5}
    [found] = judge(calls(100, params_known=False, **fights))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "None of the 700 calls" in found.message
    assert broken(calls(100, params_known=False, **fights), calls(50, temperature=0.7)) == {}
    assert broken(calls(100, params_known=None, **fights)) == {"temperature_and_top_p": 1.0}


def test_a_seed_on_some_calls_is_told_when_it_lasts() -> None:
    warm = {"temperature": 0.7}
    both = calls(30, has_seed=True, **warm), calls(70, **warm)
    assert broken(*both) == {"seed_on_some_calls": 0.7}
    assert broken(calls(100, has_seed=True, **warm)) == {}
    # A seed that is introduced is there from then on.
    switched = calls(100, range(1, 7), **warm), calls(50, [0], **warm)
    assert broken(*switched, calls(50, [0], has_seed=True, **warm)) == {}
    greedy = calls(30, has_seed=True, temperature=0.0), calls(70, temperature=0.0)
    assert broken(*greedy) == {}
    other_prompt = calls(30, has_seed=True, prompt_name="other", **warm), calls(70, **warm)
    assert broken(*other_prompt) == {}


def test_few_calls_are_somebodys_experiment() -> None:
    fights = {"temperature": 0.7, "top_p": 0.9}
    plain = calls(99, [0], temperature=0.7)
    assert broken(plain, calls(4, [0], **fights)) == {}
    assert broken(calls(495, [0], temperature=0.7), calls(5, [0], **fights)) != {}
    assert broken(calls(496, [0], temperature=0.7), calls(5, [0], **fights)) == {}


def test_only_production_of_the_last_week_is_judged() -> None:
    fights = {"temperature": 0.7, "top_p": 0.9}
    plain = calls(100, temperature=0.7)
    assert broken(plain, calls(100, run_kind="eval", **fights)) == {}
    assert broken(plain, calls(100, run_kind="unknown", **fights)) == {}
    assert broken(plain, calls(100, range(7, 14), **fights)) == {}
    assert broken(calls(100, run_kind="unknown", **fights)) != {}


def test_no_call_is_not_a_pass() -> None:
    [found] = judge()
    assert found.status is Status.NOT_ENOUGH_DATA


def test_answers_that_are_cut_off_are_told_with_an_interval() -> None:
    rng = np.random.default_rng(1)
    plain = calls(150, temperature=0.7)
    whole, found = judge(plain, rates=truncated(0.05, 150, rng))
    assert found.segment == "cut_off"
    assert found.lo is not None
    assert found.value is not None
    assert 0.01 < found.lo < found.value < 0.08
    assert whole.message == found.message
    [fine] = judge(plain, rates=truncated(0.0, 150, rng))
    assert fine.status is Status.PASS


def test_one_user_who_is_cut_off_is_no_alarm() -> None:
    rates = truncated(0.0, 150, np.random.default_rng(2))
    heavy = rates["bucket"][0]
    cut = pl.when(pl.col("bucket") == heavy).then(pl.col("n")).otherwise(pl.col("sum_x"))
    rows = rates.with_columns(
        sum_x=cut, n=pl.when(pl.col("bucket") == heavy).then(40).otherwise("n")
    )
    [found] = judge(calls(150, temperature=0.7), rates=rows)
    assert found.status is Status.PASS


def test_the_usual_share_of_cut_answers_is_no_alarm_and_a_high_one_is() -> None:
    rng = np.random.default_rng(3)
    plain = calls(150, temperature=0.7)
    clean = [judge(plain, rates=truncated(0.008, 150, rng))[0].status for _ in range(200)]
    cut = [judge(plain, rates=truncated(0.04, 150, rng))[0].status for _ in range(60)]
    assert clean.count(Status.WARN) <= 2
    assert cut.count(Status.WARN) >= 57


def test_nothing_later_is_known() -> None:
    later = calls(100, [-1], temperature=0.7, top_p=0.9)
    day_before = parameters(calls(100, temperature=0.7), later).filter(pl.col("day") <= ago(0))
    [found] = check(WRITER, LAST, day_before, NO_RATES, Params())
    assert found.status is Status.PASS
