"""Stale model: age among past gaps, old is not stale, dates of withdrawal, and error rates."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.frozen_feature.stale_model import HISTORY_DAYS, Params, check
from llmops_health_tests.health.frozen_feature.simulate import (
    CALIBRATION,
    CHANGES,
    FEATURE,
    ITEMS,
    LAST,
    SATISFACTION,
    VERSIONS,
    WITHDRAWALS,
    accuracy,
    ago,
    changes,
    duel,
    empty,
    known_on,
    labelled,
    monthly,
    ratings,
    run,
    versions,
    withdrawals,
)

NO_CHANGES = empty(CHANGES)


def judge(
    known: pl.DataFrame,
    *,
    used: pl.DataFrame | None = None,
    labels: pl.DataFrame | None = None,
    rated: pl.DataFrame | None = None,
    ending: pl.DataFrame | None = None,
    items: pl.DataFrame | None = None,
    feature: Feature = FEATURE,
    day: date = LAST,
    params: Params | None = None,
) -> list[Finding]:
    daily = [
        versions() if used is None else used,
        empty(ITEMS) if items is None else items,
        empty(CALIBRATION) if labels is None else labels,
        empty(SATISFACTION) if rated is None else rated,
    ]
    its_versions, its_items, its_labels, its_ratings = (
        known_on(rows, day, HISTORY_DAYS) for rows in daily
    )
    listed = empty(WITHDRAWALS) if ending is None else ending
    return list(
        check(
            *(feature, day, known, its_versions, listed, its_items, its_labels, its_ratings),
            params or Params(),
        )
    )


def ten_features() -> pl.DataFrame:
    """Nine closed gaps of the trial's length, one open for 90 days, and its own for 100."""
    closed = {f"f{at}": [gap, 0] for at, gap in enumerate([14, 20, 31, 33, 40, 52, 60, 75, 120])}
    known = changes({**closed, "f-open": [90], "triage": []}, start=100)
    return known.filter(~pl.col("is_first") | (pl.col("of_feature") == "triage"))


# S(100) = (10/11)(9/10)(8/9)(7/8)(6/7)(5/6)(4/5)(3/4) = 3/11: at 100 days 8/11 were shorter.
@pytest.mark.parametrize(("limit", "is_young"), [(0.7273, True), (0.7272, False)])
def test_age_among_the_gaps_of_all(limit: float, is_young: bool) -> None:  # noqa: FBT001
    params = Params(max_percentile=limit)
    [found] = judge(ten_features(), labels=accuracy(0.9, 0.9), params=params)
    assert found.status is Status.PASS
    assert found.message.startswith("Nothing changed") is is_young
    assert found.value == pytest.approx(8 / 11)
    assert found.lo is not None
    assert found.hi is not None
    assert 0.3 < found.lo < 8 / 11 < found.hi < 0.95


def test_a_young_model_passes_whatever_the_outcomes() -> None:
    [found] = judge(monthly(20), labels=accuracy(0.9, 0.6))
    assert found.status is Status.PASS
    assert "Nothing changed for 20 days" in found.message


def test_old_and_worse_is_stale() -> None:
    [found] = judge(monthly(160), labels=accuracy(0.9, 0.75))
    assert found.status is Status.WARN
    assert "accuracy fell by 15.0 pp" in found.message
    assert found.value is not None
    assert found.value > 0.7
    assert found.action.startswith("Run the evals on a newer model")


def test_a_trained_model_is_trained_again() -> None:
    trained = FEATURE.model_copy(update={"trained_on": ago(160)})
    known = changes({"other": list(range(20, 700, 30))})
    [found] = judge(known, labels=accuracy(0.9, 0.75), feature=trained)
    assert found.status is Status.WARN
    assert found.action.startswith("Train the model again")
    assert "the model was trained on" in found.message


def test_ratings_tell_where_labels_do_not() -> None:
    [found] = judge(monthly(160), rated=ratings(0.9, 0.7))
    assert found.status is Status.WARN
    assert "satisfaction fell by 20.0 pp" in found.message


def test_old_is_not_stale() -> None:
    [found] = judge(monthly(400), labels=accuracy(0.9, 0.9))
    assert found.status is Status.PASS
    assert found.message.startswith("Old, not stale")


def test_a_fall_within_the_limit_passes() -> None:
    [found] = judge(monthly(160), labels=accuracy(0.9, 0.85), params=Params(max_fall_pp=6))
    assert found.status is Status.PASS


def test_old_without_outcomes_cannot_be_told() -> None:
    [found] = judge(monthly(160))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "neither labels nor ratings" in found.message


def test_few_gaps_do_not_say_what_is_old() -> None:
    [found] = judge(changes({"triage": [300]}), labels=accuracy(0.9, 0.5))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "fewer than 5 closed gaps" in found.message


def test_nothing_logged_has_no_age() -> None:
    [found] = judge(NO_CHANGES)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Nothing tells how old it is")


def test_a_record_without_change_is_at_least_so_old() -> None:
    known = pl.concat([changes({"triage": []}, start=120), monthly(0).filter(
        pl.col("of_feature") != "triage")])  # fmt: skip
    [found] = judge(known, labels=accuracy(0.9, 0.7))
    assert found.status is Status.WARN
    assert "at least 120 days" in found.message


def test_releases_of_the_service_do_not_make_a_model_young() -> None:
    known = pl.concat([monthly(160), changes({"triage": range(0, 200, 7)}, what="service")])
    labels = accuracy(0.9, 0.7)
    assert judge(known, labels=labels)[0].status is Status.WARN
    counted = Params(count_services=True)
    assert judge(known, labels=labels, params=counted)[0].status is Status.PASS


def test_a_new_prompt_makes_it_young_unless_told_otherwise() -> None:
    known = pl.concat([monthly(160), changes({"triage": [10]}, what="prompt")])
    labels = accuracy(0.9, 0.7)
    assert judge(known, labels=labels)[0].status is Status.PASS
    uncounted = Params(count_prompts=False)
    assert judge(known, labels=labels, params=uncounted)[0].status is Status.WARN


def test_what_is_not_used_is_not_judged() -> None:
    assert judge(monthly(160), used=versions(30, last=28))[0].status is Status.NOT_APPLICABLE
    assert judge(monthly(160), used=empty(VERSIONS))[0].status is Status.NOT_APPLICABLE
    assert judge(monthly(160), used=versions(6))[0].status is Status.NOT_ENOUGH_DATA


def test_thin_labels_are_never_a_pass() -> None:
    labels = labelled(np.random.default_rng(3), np.full(150, 0.6), per_day=4.5)
    [found] = judge(monthly(160), labels=labels)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell")


def test_nothing_later_than_the_day_is_used() -> None:
    day = ago(40)
    known, labels = monthly(0), accuracy(0.9, 0.5)
    cut = known.filter(pl.col("changed_on") <= day)
    assert judge(known, labels=labels, day=day) == judge(cut, labels=labels, day=day)
    later = FEATURE.model_copy(update={"trained_on": LAST, "launched_on": LAST})
    assert judge(cut, labels=labels, day=day, feature=later) == judge(cut, labels=labels, day=day)


def withdrawn(found: list[Finding]) -> Finding:
    [one] = [one for one in found if one.segment]
    return one


@pytest.mark.parametrize(
    ("days", "status"), [(29, Status.FAIL), (30, Status.WARN), (-3, Status.FAIL), (0, Status.FAIL)]
)
def test_a_withdrawn_model_without_successor(days: int, status: Status) -> None:
    ending = withdrawals((None, "m-1", None, ago(-days)))
    found = withdrawn(judge(monthly(20), ending=ending))
    assert found.status is status
    assert found.value == days
    assert found.unit == "days"
    assert "no challenger on another model has passed" in found.message


def test_a_far_date_says_nothing() -> None:
    assert len(judge(monthly(20), ending=withdrawals((None, "m-1", None, ago(-90))))) == 1


def test_a_newer_list_postpones_a_withdrawal_from_its_day_on() -> None:
    soon = withdrawals((None, "m-1", None, ago(-10)))

    def newer(listed: date, until: date | None) -> pl.DataFrame:
        at = datetime.combine(listed, time())
        return pl.concat([soon, withdrawals((None, "m-1", None, until), listed_on=at)])

    assert withdrawn(judge(monthly(20), ending=newer(ago(0), ago(-20)))).value == 20
    assert len(judge(monthly(20), ending=newer(ago(0), None))) == 1
    assert withdrawn(judge(monthly(20), ending=newer(ago(-1), ago(-20)))).value == 10


def test_a_passing_challenger_takes_the_alarm_down() -> None:
    ending = withdrawals((None, "m-1", None, ago(-10)))
    found = withdrawn(judge(monthly(20), ending=ending, items=duel(3, 3, 64, 30)))
    assert found.status is Status.WARN
    assert found.action == f"Switch to n v1 before {ago(-10)}."


def test_a_worse_challenger_or_a_prompt_is_no_successor() -> None:
    ending = withdrawals((None, "m-1", None, ago(-10)))
    worse = duel(0, 20, 70, 10)
    assert withdrawn(judge(monthly(20), ending=ending, items=worse)).status is Status.FAIL
    scores = [1.0] * 50 + [0.0] * 20
    items = pl.concat([run(scores, "champion", "m-1"), run(scores, "challenger", "m-1",
                                                           version="v2")])  # fmt: skip
    assert withdrawn(judge(monthly(20), ending=ending, items=items)).status is Status.FAIL


@pytest.mark.parametrize(
    ("of_feature", "name", "version", "is_found"),
    [
        ("triage", "m-1", None, True),
        ("other", "m-1", None, False),
        (None, "m", "1", True),
        (None, "m", "2", False),
        (None, "m", None, True),
        (None, "M", None, False),
        (None, "x", "m-1", True),
        (None, "it's\n-- m", None, False),
    ],
)
def test_which_model_is_meant(
    of_feature: str | None,
    name: str,
    version: str | None,
    is_found: bool,  # noqa: FBT001
) -> None:
    found = judge(monthly(20), ending=withdrawals((of_feature, name, version, ago(-5))))
    assert len(found) == 1 + is_found


def test_a_model_that_was_left_a_week_ago_is_not_in_use() -> None:
    used = pl.concat([versions(30, last=7), versions(7, answered="m-2")])
    ending = withdrawals((None, "m-1", None, ago(-5)))
    assert len(judge(monthly(20), used=used, ending=ending)) == 1
    used = pl.concat([versions(30, last=6), versions(6, answered="m-2")])
    assert len(judge(monthly(20), used=used, ending=ending)) == 2


def test_an_old_feature_with_seasons_and_few_users_is_left_alone() -> None:
    known, n_alarms, n_pass = monthly(400), 0, 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        per_day = float(rng.choice([8, 15, 40]))
        labels = labelled(rng, np.full(150, 0.85), per_day=per_day, restless=0.04)
        for age in (0, 14):
            [found] = judge(known, labels=labels, day=LAST - timedelta(days=age))
            n_alarms += found.status is Status.WARN
            n_pass += found.status is Status.PASS
    assert n_alarms == 0
    assert n_pass >= 100


def test_a_slow_decay_is_found() -> None:
    n_found = 0
    for seed in range(20):
        rng = np.random.default_rng(900 + seed)
        p_right = 0.88 - 0.2 * np.clip((np.arange(150) - 40) / 75, 0, 1)
        labels = labelled(rng, p_right, per_day=20)
        n_found += judge(monthly(400), labels=labels)[0].status is Status.WARN
    assert n_found >= 19
