"""Unversioned change: moves by hand, versions that excuse them, and look-alikes that must not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.sampling.unversioned_change import HISTORY_DAYS, Params, check
from llmops_health_tests.health.sampling.simulate import LAST, WRITER, ago, calls, parameters

OLD = range(3, 35)


def judge(*rows: list[dict[str, object]]) -> list[Finding]:
    return list(check(WRITER, LAST, parameters(*rows), Params()))


def moved(*rows: list[dict[str, object]]) -> set[str]:
    whole, *rest = judge(*rows)
    assert whole.status is (Status.WARN if rest else Status.PASS)
    return {one.segment for one in rest}


def test_a_temperature_that_moves_under_the_same_version() -> None:
    whole, found = judge(calls(20, OLD, temperature=0.2), calls(20, range(3), temperature=0.9))
    assert found.segment == "temperature"
    assert found.status is Status.WARN
    assert found.n == 60
    assert found.value == 1
    assert found.message.startswith(f"Since {ago(2)} temperature is 0.9 in 100 % of 60 calls")
    assert "mostly 0.2 in the 560 before" in found.message
    assert "prompt version v1" in found.message
    assert whole.message == found.message


@pytest.mark.parametrize("version", ["prompt_version", "service_version", "request_model"])
def test_a_change_with_a_version_is_declared(version: str) -> None:
    new = calls(20, range(3), **{"temperature": 0.9, version: "new"})
    assert moved(calls(20, OLD, temperature=0.2), new) == set()


@pytest.mark.parametrize(
    ("parameter", "before", "after"),
    [
        ("top_p", 1.0, 0.8),
        ("top_k", None, 40.0),
        ("max_tokens", 500, 1000),
        ("frequency_penalty", 0.0, 0.5),
        ("presence_penalty", 0.5, None),
        ("temperature", 0.7, None),
    ],
)
def test_every_parameter_counts(parameter: str, before: object, after: object) -> None:
    old = calls(20, OLD, **{parameter: before})
    assert moved(old, calls(20, range(3), **{parameter: after})) == {parameter}


def test_beginning_to_log_a_parameter_is_no_change() -> None:
    old = calls(20, OLD, params_known=None, temperature=0.2)
    assert moved(old, calls(20, range(3), params_known=None, temperature=0.2, top_p=0.9)) == set()
    silent = calls(20, OLD, params_known=False, temperature=None)
    assert moved(silent, calls(20, range(5), temperature=0.9)) == set()


def test_a_part_of_the_calls_is_enough_and_an_experiment_is_not() -> None:
    old = calls(20, OLD, temperature=0.2)
    part = calls(4, range(3), temperature=0.9), calls(16, range(3), temperature=0.2)
    assert moved(old, *part) == {"temperature"}
    experiment = calls(3, range(3), temperature=0.9), calls(17, range(3), temperature=0.2)
    assert moved(old, *experiment) == set()


def test_settings_that_were_in_use_all_along_may_shift() -> None:
    mix = calls(6, OLD, temperature=0.9), calls(14, OLD, temperature=0.2)
    shifted = calls(15, range(3), temperature=0.9), calls(5, range(3), temperature=0.2)
    assert moved(*mix, *shifted) == set()


def test_values_that_are_computed_per_call_are_no_change() -> None:
    rng = np.random.default_rng(0)
    rows = [
        calls(1, [day], max_tokens=int(value))
        for day in range(35)
        for value in rng.integers(10, 99, 30) * 10
    ]
    assert moved(*rows) == set()


def test_a_change_is_told_for_a_week() -> None:
    def after(days: int) -> set[str]:
        old = calls(20, range(days, 35 + days), temperature=0.2)
        return moved(old, calls(20, range(days), temperature=0.9))

    assert after(1) == after(7) == {"temperature"}
    assert after(8) == set()


def test_two_prompts_of_one_feature_may_differ() -> None:
    rows = calls(30, OLD, temperature=0.2), calls(30, temperature=0.9, prompt_name="other")
    assert moved(*rows) == set()


def test_without_any_version_it_says_so() -> None:
    none = {"prompt_version": None, "service_version": None, "prompt_name": None}
    old = calls(20, OLD, temperature=0.2, **none)
    [whole, _] = judge(old, calls(20, range(3), temperature=0.9, **none))
    assert "no version of anything is logged" in whole.message


def test_thin_days_are_not_judged() -> None:
    assert moved(calls(1, OLD), calls(3, range(3), temperature=0.9)) == set()
    [found] = judge(calls(1, range(8)))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert judge()[0].status is Status.NOT_ENOUGH_DATA
    assert judge(calls(20, OLD))[0].status is Status.PASS
    assert judge(calls(20, range(8, 35)))[0].status is Status.NOT_ENOUGH_DATA


def test_nothing_later_is_known() -> None:
    rows = parameters(calls(20, OLD, temperature=0.2), calls(20, range(3), temperature=0.9))
    day = ago(3)
    known = rows.filter(pl.col("day").is_between(ago(3 + HISTORY_DAYS - 1), day))
    [found] = check(WRITER, day, known, Params())
    assert found.status is Status.PASS


def test_clean_weeks_with_tenants_are_quiet_and_changes_are_found_at_once() -> None:
    rng = np.random.default_rng(1)
    alarms = found = 0
    for _ in range(40):
        share = rng.beta(2, 5)
        busy = np.where(rng.random(35) < 0.2, 0.0, share)  # A tenant who stays away for days.
        rows = []
        for day in range(35):
            n = int(rng.poisson(150 if day % 7 > 1 else 40)) + 1
            tenant = int(rng.binomial(n, busy[day]))
            rows += [calls(n - tenant, [day], temperature=0.2), calls(tenant, [day], top_p=0.9)]
        alarms += bool(moved(*rows))
        hot = [calls(30, [0], temperature=0.9)]
        found += "temperature" in moved(*[one for one in rows if one[0]["day"] != LAST], *hot)
    assert alarms == 0
    assert found == 40
