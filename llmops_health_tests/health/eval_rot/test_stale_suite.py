"""Stale suite: age and churn by hand, as of a day, thin data, and error rates on known worlds."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_rot.stale_suite import HISTORY_DAYS, Params, check
from llmops_health_tests.health.eval_rot.simulate import (
    CASES,
    FEATURE,
    LAST,
    Traffic,
    ago,
    by_day,
    cases,
    known_on,
    placed,
    ramp,
    traffic,
)

STABLE = [0, 1, 2, 3] * 25


def judge(
    inputs: Traffic,
    suite: pl.DataFrame,
    *,
    day: date = LAST,
    params: Params | None = None,
    fitted_on: date | None = None,
) -> Finding:
    text_cells, samples = (known_on(table, day, HISTORY_DAYS) for table in inputs)
    cells = placed(suite, [0], fitted_on)
    [found] = check(FEATURE, day, suite, text_cells, samples, cells, params or Params())
    return found


def moved(n_moved: int) -> Traffic:
    """Six weeks of a hundred inputs a day; in the last two, some are in other cells."""
    now = STABLE[: 100 - n_moved] + [-1, 4] * (n_moved // 2)
    return by_day({age: (now if age < 14 else STABLE) for age in range(42)})


def test_churn_is_the_share_that_moved() -> None:
    found = judge(moved(40), cases(8, added=ago(200)))
    # All in 12 of 64 buckets or their like: each half of the users sees 40 % move.
    assert found.value == pytest.approx(40, abs=0.5)
    assert found.status is Status.WARN
    assert found.n == 1_400
    assert found.message.startswith("The newest change to the 8 eval cases is 200 days old")


def test_an_old_suite_with_stable_traffic_passes() -> None:
    found = judge(moved(0), cases(8, added=ago(400)))
    assert found.value == pytest.approx(0)
    assert found.status is Status.PASS


@pytest.mark.parametrize(("churn", "status"), [(25.0, Status.WARN), (40.0, Status.PASS)])
def test_the_lower_end_of_churn_decides(churn: float, status: Status) -> None:
    found = judge(moved(40), cases(8, added=ago(200)), params=Params(max_churn_pp=churn))
    assert found.lo is not None
    assert 25 < found.lo < 40
    assert found.status is status


@pytest.mark.parametrize(("age", "status"), [(90, Status.PASS), (91, Status.WARN)])
def test_a_young_suite_passes_whatever_the_traffic(age: int, status: Status) -> None:
    assert judge(moved(40), cases(8, added=ago(age))).status is status


def test_retiring_a_case_is_a_change() -> None:
    old = cases(8, added=ago(200))
    suite = pl.concat([old, cases(1, added=ago(300), retired=ago(5), first=8)])
    assert judge(moved(40), suite).status is Status.PASS
    planned = pl.concat([old, cases(1, added=ago(300), retired=ago(-5), first=8)])
    assert judge(moved(40), planned).status is Status.WARN


def test_cases_added_later_are_not_known() -> None:
    suite = pl.concat([cases(8, added=ago(200)), cases(8, added=ago(-1), first=8)])
    assert judge(moved(40), suite).status is Status.WARN


def test_without_cases_nothing_grows_old() -> None:
    assert judge(moved(0), pl.DataFrame(schema=CASES)).status is Status.NOT_APPLICABLE


def test_cases_without_a_date_have_no_age() -> None:
    assert judge(moved(40), cases(8)).status is Status.NOT_ENOUGH_DATA


@pytest.mark.parametrize(
    "inputs", [by_day({}), by_day(dict.fromkeys(range(27), STABLE)), by_day({0: [0], 40: [0]})]
)
def test_thin_traffic_is_never_a_pass(inputs: Traffic) -> None:
    assert judge(inputs, cases(8, added=ago(200))).status is Status.NOT_ENOUGH_DATA


def test_cells_fitted_later_are_not_known() -> None:
    found = judge(moved(40), cases(8, added=ago(200)), fitted_on=ago(-1))
    assert found.status is Status.NOT_ENOUGH_DATA


def test_traffic_from_before_the_suite_is_not_compared() -> None:
    inputs = by_day({age: (STABLE if age < 100 else [5] * 100) for age in range(119)})
    assert judge(inputs, cases(8, added=ago(99))).value == pytest.approx(0)
    assert judge(inputs, cases(8, added=ago(118))).status is Status.WARN


@pytest.mark.slow
def test_noise_is_no_churn() -> None:
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        inputs = traffic(rng, 66, 150, n_users=int(rng.choice([30, 100, 300])))
        suite = cases(40, added=ago(300))
        found += [judge(inputs, suite, day=ago(age)) for age in (0, 5)]
    values = [one.value for one in found if one.value is not None]
    assert [one.status for one in found].count(Status.WARN) == 0
    assert len(values) >= 50
    # Without the halves, noise alone would be several points of churn.
    assert abs(np.mean(values)) < 1


@pytest.mark.slow
def test_a_new_topic_is_churn_within_two_weeks() -> None:
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(700 + seed)
        inputs = traffic(rng, 51, 220, new_share=ramp(51, 35, 0.35))
        found += judge(inputs, cases(40, added=ago(300))).status is Status.WARN
    assert found >= 19
