"""Saturated suite: by hand, at the edge, guards and retired cases, thin data, and 30 versions."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_rot.saturated_suite import Params, check
from llmops_health_tests.health.eval_rot.simulate import (
    CASES,
    FEATURE,
    ITEMS,
    LAST,
    Floats,
    ago,
    cases,
    runs,
)

NO_CASES = pl.DataFrame(schema=CASES)


def judge_all(
    items: pl.DataFrame, of_suite: pl.DataFrame = NO_CASES, params: Params | None = None
) -> list[Finding]:
    return list(check(FEATURE, LAST, items, of_suite, params or Params()))


def judge(
    items: pl.DataFrame, of_suite: pl.DataFrame = NO_CASES, params: Params | None = None
) -> Finding:
    [finding] = judge_all(items, of_suite, params)
    return finding


def versions(scores: Floats, role: str = "candidate") -> pl.DataFrame:
    """Runs of versions v0, v1, ... on one suite, shape (n_versions, n_cases); the last is used."""
    last = len(scores) - 1
    return runs(
        {
            f"r{i:02}": (ago(last - i), "champion" if i == last else role, f"v{i}", row)
            for i, row in enumerate(scores)
        }
    )


def failing(n_cases: int, n_failed: int) -> Floats:
    """Four versions; the first fails the first `n_failed` cases, all else is passed."""
    scores = np.ones((4, n_cases))
    scores[0, :n_failed] = 0
    return scores


def test_all_versions_pass_all_cases() -> None:
    found = judge(versions(failing(40, 0)))
    assert found.status is Status.WARN
    assert found.value == 1
    assert found.n == 40
    # Wilson for 40 of 40: 1 / (1 + 1.96^2 / 40)
    assert found.lo == pytest.approx(0.9124, abs=1e-4)
    assert "4 of the last 4 runs passed every case" in found.message


@pytest.mark.parametrize(("n_failed", "status"), [(5, Status.WARN), (7, Status.PASS)])
def test_the_lower_end_of_the_share_decides(n_failed: int, status: Status) -> None:
    # Wilson: 35 of 40 has the lower end 0.739, 33 of 40 has 0.681; 0.7 is tolerated.
    found = judge(versions(failing(40, n_failed)))
    assert found.status is status
    assert found.value == 1 - n_failed / 40


def test_room_above_the_version_in_use_is_no_saturation() -> None:
    graded = versions(np.full((4, 40), 0.92))
    assert judge(graded, params=Params(full_score=0.93)).status is Status.PASS
    assert judge(graded, params=Params(full_score=0.92)).status is Status.WARN


def test_what_results_say_about_passing_comes_first() -> None:
    low = versions(np.full((4, 40), 0.96)).with_columns(p_passed=pl.lit(0.0))
    assert judge(low).value == 0
    high = versions(np.full((4, 40), 0.5)).with_columns(p_passed=pl.lit(1.0))
    assert judge(high).value == 1
    assert judge(high).status is Status.PASS


def test_repeated_runs_are_one_taker() -> None:
    scores = runs({f"r{i}": (ago(i), "champion", "v1", np.ones(40)) for i in range(9)})
    found = judge(scores)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "versions seen: 1" in found.message


def test_versions_without_a_name_are_one_taker() -> None:
    items = versions(failing(40, 0)).with_columns(prompt_version=pl.lit(None, dtype=pl.String))
    assert judge(items, params=Params(min_takers=3)).status is Status.NOT_ENOUGH_DATA


def test_guards_are_meant_to_pass() -> None:
    items = versions(failing(40, 0), role="regression")
    assert judge(items).status is Status.NOT_APPLICABLE


def test_retired_cases_are_left_out() -> None:
    items = versions(failing(40, 40))
    hard = cases(20, retired=LAST)
    assert judge(items, hard).n == 20
    assert judge(items, cases(20, retired=ago(-1))).n == 40


def test_no_runs_is_not_applicable() -> None:
    assert judge(pl.DataFrame(schema=ITEMS)).status is Status.NOT_APPLICABLE


def test_few_cases_are_never_a_pass() -> None:
    assert judge(versions(failing(19, 0))).status is Status.NOT_ENOUGH_DATA


def test_a_saturated_suite_beside_a_good_one_has_a_finding_of_its_own() -> None:
    good = versions(failing(40, 40)).with_columns(suite_id=pl.lit("s2"))
    whole, own = judge_all(pl.concat([versions(failing(40, 0)), good]))
    assert (whole.segment, whole.status) == ("", Status.PASS)
    assert (own.segment, own.status) == ("s1", Status.WARN)
    assert "suite_id = 's1'" in own.evidence_sql


@pytest.mark.parametrize(("strength", "status"), [(4.0, Status.WARN), (0.0, Status.PASS)])
def test_thirty_versions_tell_where_the_suite_is_sharp(strength: float, status: Status) -> None:
    rng = np.random.default_rng(3)
    ability = np.append(rng.normal(0, 1, 59), strength)[:, None]
    # 28 cases that all pass, and 12 about the middle of the versions; the best has room above
    # it by score only if it fails some of them.
    difficulty = np.append(np.full(28, -30.0), rng.normal(-0.5, 0.5, 12))
    scores = (rng.random((60, 40)) < expit(2 * (ability - difficulty))).astype(np.float64)
    params = Params(max_passed_share=0.5, full_score=1.0 if strength == 0 else 0.999)
    scores[-1, 28:] = np.where(strength > 0, 1.0, scores[-1, 28:])
    scores[-1, 0] = 0.9  # graded: passed, yet not full
    found = judge(versions(scores), params=params)
    assert "of its peak" in found.message
    assert found.status is status
