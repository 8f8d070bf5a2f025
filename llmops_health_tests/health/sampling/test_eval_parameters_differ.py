"""Eval parameters differ: by hand, at the edge, other mixes of prompts, and runs without calls."""

from __future__ import annotations

import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.sampling.eval_parameters_differ import HISTORY_DAYS, Params, check
from llmops_health_tests.health.sampling.simulate import (
    LAST,
    NO_RUNS,
    RUNS,
    WRITER,
    ago,
    calls,
    eval_run,
    parameters,
    table,
)

PROD = calls(100, range(28), temperature=0.7, max_tokens=500)


def evals(n: int = 20, days: object = (2,), **columns: object) -> list[dict[str, object]]:
    given = {"temperature": 0.7, "max_tokens": 500, "run_kind": "eval", **columns}
    return calls(n, days, **given)  # type: ignore[arg-type]


def judge(*rows: list[dict[str, object]], runs: pl.DataFrame = NO_RUNS) -> list[Finding]:
    return list(check(WRITER, LAST, parameters(*rows), runs, Params()))


def differs(*rows: list[dict[str, object]], runs: pl.DataFrame = NO_RUNS) -> set[str]:
    whole, *rest = judge(*rows, runs=runs)
    assert whole.status is (Status.WARN if rest else Status.PASS)
    return {one.segment for one in rest}


def test_equal_parameters_pass() -> None:
    [found] = judge(PROD, evals())
    assert found.status is Status.PASS
    assert found.value == 0
    assert "(max_tokens, temperature)" in found.message


def test_another_temperature_is_told() -> None:
    whole, found = judge(PROD, evals(temperature=0.0))
    assert found.segment == "temperature"
    assert found.value == 1
    assert found.n == 20
    assert "Evals run at temperature 0, production at 0.7" in whole.message


def test_what_most_users_get_must_be_tested() -> None:
    mixed = calls(60, range(28), temperature=0.9), calls(40, range(28), temperature=0.7)
    whole, found = judge(*mixed, evals(max_tokens=None))
    assert found.segment == "temperature"
    assert found.value == pytest.approx(0.6)
    assert "production calls" in whole.message
    few = calls(40, range(28), temperature=0.9), calls(60, range(28), temperature=0.7)
    assert differs(*few, evals(max_tokens=None)) == set()


def test_a_part_of_the_evals_may_try_another_value() -> None:
    assert differs(PROD, evals(81), evals(19, temperature=0.0)) == set()
    assert differs(PROD, evals(80), evals(20, temperature=0.0)) == {"temperature"}


def test_a_fixed_seed_and_what_is_not_known_are_no_difference() -> None:
    assert differs(PROD, evals(has_seed=True)) == set()
    assert differs(PROD, evals(params_known=None, max_tokens=None)) == set()
    assert differs(PROD, evals(max_tokens=None)) == {"max_tokens"}
    [unknown] = judge(PROD, evals(params_known=False, temperature=0.0))
    assert unknown.status is Status.NOT_ENOUGH_DATA


def test_another_mix_of_prompts_is_no_other_parameter() -> None:
    mail = {"prompt_name": "mail", "temperature": 0.2, "max_tokens": 500}
    prod = PROD, calls(5, range(28), **mail)
    assert differs(*prod, evals(5), evals(60, **mail)) == set()
    assert differs(*prod, evals(5), evals(60, **mail | {"temperature": 0.9})) == {"temperature"}


def test_a_change_on_both_sides_is_compared_within_the_week() -> None:
    moved = calls(100, range(7), temperature=0.2), calls(100, range(7, 28), temperature=0.7)
    tested = evals(20, range(7), temperature=0.2), evals(20, range(7, 28))
    assert differs(*moved, *tested) == {"max_tokens"}
    plain = [[one | {"max_tokens_bin": 500} for one in part] for part in (*moved, *tested)]
    assert differs(*plain) == set()


def test_values_computed_per_call_are_not_compared() -> None:
    many = [calls(10, range(28), temperature=0.7, max_tokens=100 + at) for at in range(11)]
    assert differs(*many, evals(max_tokens=2000)) == set()


def test_runs_stand_in_where_no_eval_call_is_logged() -> None:
    champion = table([eval_run(10, 0.7), eval_run(3, 0.0)], RUNS)
    whole, found = judge(PROD, runs=champion)
    assert found.segment == "temperature"
    assert "eval runs" in whole.message
    trials = table([eval_run(10, 0.7), eval_run(3, 0.0, role="candidate")], RUNS)
    assert differs(PROD, runs=trials) == set()
    assert differs(PROD, evals(), runs=champion) == set()


def test_without_evals_there_is_nothing_to_compare() -> None:
    assert judge(PROD)[0].status is Status.NOT_APPLICABLE
    assert judge(PROD, runs=table([eval_run(3, None)], RUNS))[0].status is Status.NOT_APPLICABLE
    assert judge(PROD, evals(9))[0].status is Status.NOT_ENOUGH_DATA
    assert judge(evals())[0].status is Status.NOT_ENOUGH_DATA
    assert judge(calls(29, [0], temperature=0.7), evals())[0].status is Status.NOT_ENOUGH_DATA


def test_nothing_later_is_known() -> None:
    rows = parameters(PROD, evals(20, [9]), evals(20, [2], temperature=0.0))
    day = ago(3)
    known = rows.filter(pl.col("day").is_between(ago(3 + HISTORY_DAYS - 1), day))
    [found] = check(WRITER, day, known, NO_RUNS, Params())
    assert found.status is Status.PASS
