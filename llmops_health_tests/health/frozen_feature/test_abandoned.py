"""Abandoned: three signs in three states, unknown is neither, and what a day could know."""

from __future__ import annotations

from datetime import date
from itertools import product

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.frozen_feature.abandoned import (
    HISTORY_DAYS,
    Params,
    Sign,
    State,
    check,
    judged,
)
from llmops_health_tests.health.frozen_feature.simulate import (
    CHANGES,
    LAST,
    VERSIONS,
    ago,
    changes,
    empty,
    known_on,
    monthly,
    versions,
)

CARED = Feature(id="triage", kind="rag", owner="team@example.com", last_reviewed_on=ago(50))
ALONE = Feature(id="triage", kind="rag")
STATES: tuple[State, ...] = ("present", "missing", "unknown")


def judge(
    known: pl.DataFrame,
    feature: Feature,
    *,
    used: pl.DataFrame | None = None,
    day: date = LAST,
    params: Params | None = None,
) -> Finding:
    cut = known_on(versions() if used is None else used, day, HISTORY_DAYS)
    [found] = check(feature, day, known, cut, params or Params())
    return found


def test_nobody_owns_changes_or_reviews_it() -> None:
    found = judge(monthly(200), ALONE)
    assert found.status is Status.FAIL
    assert (found.value, found.lo, found.hi) == (3, 3, 3)
    assert "no review is on record; nobody owns it" in found.message
    assert "nothing changed for 200 days" in found.message
    assert found.action.startswith("Name an owner")


def test_signs_of_life_pass() -> None:
    assert judge(monthly(200), CARED).status is Status.PASS
    assert judge(monthly(20), ALONE).status is Status.PASS
    assert judge(monthly(200), CARED).value == 1


def test_an_owner_who_does_nothing_is_asked() -> None:
    found = judge(monthly(200), CARED.model_copy(update={"last_reviewed_on": ago(181)}))
    assert found.status is Status.WARN
    assert found.action == (
        "Ask team@example.com to review it this month, or to set a date to retire it."
    )
    assert judge(monthly(200), CARED.model_copy(update={"last_reviewed_on": ago(180)})).status is (
        Status.PASS
    )


@pytest.mark.parametrize(("change", "review", "owner"), list(product(STATES, repeat=3)))
def test_unknown_is_neither_present_nor_missing(change: State, review: State, owner: State) -> None:
    found = judged((Sign("", change, ""), Sign("", review, ""), Sign("", owner, "")))
    if "present" in (change, review):
        assert found is Status.PASS
    elif (change, review, owner) == ("missing", "missing", "missing"):
        assert found is Status.FAIL
    elif change == review == "missing" or change == owner == "missing":
        assert found is Status.WARN
    else:
        assert found is None


def test_an_unlisted_feature_is_unknown() -> None:
    found = judge(monthly(200), Feature.unlisted("triage"))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "the configuration does not list it; its owner is not known" in found.message


def test_a_review_after_the_day_says_nothing_of_those_before() -> None:
    later = CARED.model_copy(update={"last_reviewed_on": ago(10)})
    found = judge(monthly(200), later, day=ago(20))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert f"reviews before {ago(10)} are not known" in found.message


def test_few_gaps_leave_it_open_and_a_year_does_not() -> None:
    assert judge(changes({"triage": [365]}), ALONE).status is Status.NOT_ENOUGH_DATA
    assert judge(changes({"triage": [366]}), ALONE).status is Status.FAIL
    assert judge(empty(CHANGES), ALONE).status is Status.NOT_ENOUGH_DATA


def test_a_silent_quarter_is_never_long() -> None:
    weekly = {f"other-{at}": list(range(0, 300, 7)) for at in range(3)}
    known = changes({"triage": list(range(90, 300, 7)), **weekly})
    assert judge(known, ALONE).status is Status.PASS
    assert judge(known, ALONE, params=Params(min_unchanged_days=89)).status is Status.FAIL


def test_a_short_record_is_unknown() -> None:
    known = pl.concat([changes({"triage": []}, start=60), changes({"o": range(0, 500, 100)})])
    assert judge(known, ALONE).status is Status.NOT_ENOUGH_DATA
    assert "at least 60 days" in judge(known, ALONE).message


@pytest.mark.parametrize("what", ["prompt", "service", "deployment", "request_model"])
def test_any_change_is_a_sign_of_life(what: str) -> None:
    known = pl.concat([monthly(200), changes({"triage": [5]}, what=what)])
    assert judge(known, ALONE).status is Status.PASS


def test_training_and_launch_are_changes() -> None:
    trained = ALONE.model_copy(update={"trained_on": ago(10)})
    assert judge(monthly(200), trained).status is Status.PASS
    assert judge(monthly(200), trained, day=ago(11)).status is Status.FAIL
    launched = ALONE.model_copy(update={"launched_on": ago(10)})
    assert judge(changes({"triage": []}, start=12), launched).status is Status.PASS


def test_what_is_not_used_is_not_abandoned() -> None:
    assert judge(monthly(200), ALONE, used=empty(VERSIONS)).status is Status.NOT_APPLICABLE
    assert judge(monthly(200), ALONE, used=versions(5)).status is Status.NOT_ENOUGH_DATA


def test_nothing_later_than_the_day_is_used() -> None:
    known = pl.concat([monthly(200), changes({"triage": [3]}, what="prompt")])
    assert judge(known, ALONE, day=ago(4)).status is Status.FAIL
    assert judge(known, ALONE).status is Status.PASS
