"""Redundant cases: by hand, at the edge, as of a day, contradictions, guards and thin data."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_rot.redundant_cases import Params, check
from llmops_health_tests.health.eval_rot.simulate import (
    CASES,
    CELLS,
    FEATURE,
    ITEMS,
    LAST,
    ago,
    cases,
    placed,
    runs,
)

NO_ITEMS = pl.DataFrame(schema=ITEMS)
NO_CELLS = pl.DataFrame(schema=CELLS)


def near(suite: pl.DataFrame, n_copies: int, similarity: float = 0.99) -> pl.DataFrame:
    """Say of the last `n_copies` cases that they lie this near to the first one."""
    copy = pl.int_range(pl.len()) >= pl.len() - n_copies
    return placed(suite, [0]).with_columns(
        nearest_case_id=pl.when(copy).then(pl.lit("k000")),
        nearest_similarity=pl.when(copy).then(pl.lit(similarity)).otherwise(pl.lit(0.5)),
    )


def judge_all(
    suite: pl.DataFrame,
    cells: pl.DataFrame = NO_CELLS,
    items: pl.DataFrame = NO_ITEMS,
    day: date = LAST,
) -> list[Finding]:
    return list(check(FEATURE, day, suite, cells, items, Params()))


def judge(
    suite: pl.DataFrame,
    cells: pl.DataFrame = NO_CELLS,
    items: pl.DataFrame = NO_ITEMS,
    day: date = LAST,
) -> Finding:
    [finding] = judge_all(suite, cells, items, day)
    return finding


def test_the_share_of_copies_and_its_interval() -> None:
    found = judge(cases(80), near(cases(80), 32))
    assert found.status is Status.WARN
    assert found.value == 0.4
    # Wilson for 32 of 80
    assert (found.lo, found.hi) == pytest.approx((0.2997, 0.5095), abs=1e-4)
    assert found.message.startswith("32 of 80 eval cases repeat an earlier one: 40% [30%, 51%]")


@pytest.mark.parametrize(("n_copies", "status"), [(23, Status.PASS), (25, Status.WARN)])
def test_the_lower_end_decides(n_copies: int, status: Status) -> None:
    # Wilson: 23 of 80 has the lower end 0.200 (0.1997), 25 of 80 has 0.221.
    assert judge(cases(80), near(cases(80), n_copies)).status is status


@pytest.mark.parametrize(("similarity", "n"), [(0.9699, 0), (0.97, 32)])
def test_how_near_a_copy_must_be(similarity: float, n: int) -> None:
    assert judge(cases(80), near(cases(80), 32, similarity)).message.startswith(f"{n} of 80")


def test_equal_inputs_need_no_vectors() -> None:
    suite = cases(20).with_columns(input_sha256=pl.lit("h"))
    found = judge(suite)
    assert found.value == pytest.approx(0.95)
    assert "adds" not in found.message


def test_equal_inputs_that_expect_different_outputs_contradict() -> None:
    suite = cases(20).with_columns(
        input_sha256=pl.when(pl.col("case_id") < "k002").then(pl.lit("h")).otherwise("case_id"),
        expected_sha256=pl.col("case_id"),
    )
    found = judge(suite)
    assert "1 have the input of another case that expects something else" in found.message


def test_a_copy_of_a_retired_case_is_none() -> None:
    suite = pl.concat([cases(1, retired=ago(5)), cases(79, first=1)])
    assert judge(suite, near(suite, 32)).value == 0
    assert judge(suite, near(suite, 32), day=ago(6)).value == 0.4


def test_cases_added_later_are_not_known() -> None:
    suite = pl.concat([cases(40), cases(40, added=ago(3), first=40)])
    assert judge(suite, near(suite, 40), day=ago(4)).n == 40
    assert judge(suite, near(suite, 40), day=ago(4)).value == 0
    assert judge(suite, near(suite, 40), day=ago(3)).value == 0.5


def test_cases_of_another_suite_are_no_copies() -> None:
    suite = cases(20).with_columns(
        input_sha256=pl.lit("h"), suite_id=pl.concat_str(pl.lit("s"), pl.col("case_id"))
    )
    assert judge(suite).value == 0


def test_guards_are_left_out() -> None:
    guard = runs({"r": (ago(3), "regression", "v1", np.ones(3))})
    assert judge(cases(80), near(cases(80), 32), guard).status is Status.NOT_APPLICABLE


def test_a_suite_of_copies_beside_a_good_one_has_a_finding_of_its_own() -> None:
    other = cases(200).with_columns(suite_id=pl.lit("s2"), input_sha256=pl.format("x{}", "case_id"))
    suites = pl.concat([cases(80), other])
    whole, own = judge_all(suites, near(cases(80), 32))
    assert (whole.segment, whole.status) == ("", Status.PASS)
    assert (own.segment, own.status) == ("s1", Status.WARN)


def test_no_cases_is_not_applicable() -> None:
    assert judge(pl.DataFrame(schema=CASES)).status is Status.NOT_APPLICABLE


def test_unknown_inputs_are_never_a_pass() -> None:
    suite = cases(80).with_columns(input_sha256=pl.lit(None, dtype=pl.String))
    assert judge(suite).status is Status.NOT_ENOUGH_DATA
    assert judge(cases(9)).status is Status.NOT_ENOUGH_DATA
