"""Unanswered alarm: what an alarm is, who answered which, and for how long nobody has."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.ownership import _alarms
from llmops_health.health.ownership.unanswered_alarm import Params, check, figure
from llmops_health.judge import OTHERS_FINDINGS
from llmops_health_tests.health.ownership.simulate import (
    DAY,
    FEATURE,
    HOSTILE,
    ago,
    at,
    database,
    table,
)

NOTHING_SAID = table("core__acknowledgements", [])


def failing(*ages: int, **more: object) -> list[dict[str, object]]:
    """Return failing findings of days so many before the judged one."""
    row = {"feature_id": "help", "mode": "drift", "check_name": "input_drift", "segment": "",
           "status": "FAIL"}  # fmt: skip
    return [{"day": ago(age)} | row | more for age in ages]


def findings(*rows: dict[str, object]) -> pl.DataFrame:
    return table("health__findings", rows)


def said(age: float, until: float | None = -90, **more: object) -> dict[str, object]:
    """Return an acknowledgement, with the days before the judged one on which it was said."""
    row = {"acknowledged_at": at(age), "feature_id": "help", "mode": "drift",
           "check_name": "input_drift", "acknowledged_by": "docs",
           "until": None if until is None else at(until)}  # fmt: skip
    return row | more


def answers(*rows: dict[str, object]) -> pl.DataFrame:
    return table("core__acknowledgements", rows)


def judge(rows: pl.DataFrame, given: pl.DataFrame = NOTHING_SAID) -> list[Finding]:
    return list(check(FEATURE, DAY, rows, given, Params()))


def whole(rows: pl.DataFrame, given: pl.DataFrame = NOTHING_SAID) -> Finding:
    return judge(rows, given)[0]


@pytest.mark.parametrize(
    ("days", "status"),
    [(0, Status.PASS), (3, Status.PASS), (4, Status.WARN), (7, Status.WARN), (8, Status.FAIL)],
)
def test_days_without_an_answer_decide(days: int, status: Status) -> None:
    finding = whole(findings(*failing(*range(days + 1))))
    assert (finding.status, finding.value) == (status, days)


def test_what_is_over_needs_no_answer() -> None:
    finding = whole(findings(*failing(*range(1, 20))))
    assert finding.status is Status.PASS
    assert finding.message.startswith("No alarm is open. Of 1 alarms in 183 days 0 were answered")


def test_without_alarms_there_is_nothing_to_answer() -> None:
    [finding] = judge(findings())
    assert finding.status is Status.NOT_APPLICABLE
    others = failing(*range(9), status="WARN") + failing(*range(9), mode="ownership")
    others += failing(*range(9), mode="bom")
    assert whole(findings(*others)).status is Status.NOT_APPLICABLE


def test_up_to_two_days_between_are_the_same_alarm() -> None:
    joined, apart = (0, 1, 4, 5, 8), (0, 1, 5, 6, 9)
    assert whole(findings(*failing(*joined))).value == 8
    assert whole(findings(*failing(*apart))).value == 1
    assert len(_alarms.alarms(findings(*failing(*apart)), NOTHING_SAID)) == 2


def test_segments_are_alarms_of_their_own() -> None:
    rows = findings(*failing(*range(9), segment="a"), *failing(0, 1, segment="b"))
    found = judge(rows)
    assert [(one.segment, one.status) for one in found] == [
        ("", Status.FAIL),
        ("drift.input_drift", Status.FAIL),
    ]
    assert "2 alarms wait for an answer, 1 of them for more than 3 days" in found[0].message


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([said(5)], Status.PASS),
        ([said(5, None)], Status.PASS),
        ([said(5, 0)], Status.PASS),
        ([said(9, 4)], Status.WARN),  # its time was over 4 days ago
        ([said(9, 3)], Status.PASS),
        ([said(9, 8)], Status.FAIL),
        ([said(9, 8), said(2)], Status.PASS),
        ([said(30)], Status.FAIL),  # said of an alarm before this one
        ([said(30, alarmed_on=at(6))], Status.PASS),
        ([said(5, segment="other")], Status.FAIL),
        ([said(5, segment="")], Status.PASS),
        ([said(5, check_name="output_drift")], Status.FAIL),
        ([said(5, mode="sampling")], Status.FAIL),
        ([said(-1)], Status.FAIL),  # after the day that is judged
    ],
)
def test_an_answer_holds_for_its_alarm_and_its_time(
    given: list[dict[str, object]], status: Status
) -> None:
    assert whole(findings(*failing(*range(13))), answers(*given)).status is status


def test_the_end_of_the_day_is_known_and_the_next_morning_is_not() -> None:
    rows = findings(*failing(*range(13)))
    midnight = datetime.combine(DAY + timedelta(1), datetime.min.time())
    last = answers(said(0, acknowledged_at=midnight - timedelta(seconds=1)))
    next_morning = answers(said(0, acknowledged_at=midnight))
    assert whole(rows, last).status is Status.PASS
    assert whole(rows, next_morning).status is Status.FAIL


def test_time_to_answer_is_counted_from_the_end_of_the_first_day() -> None:
    rows = findings(*failing(*range(5)), *failing(*range(20, 31)), *failing(60, 61))
    given = answers(said(29.5), said(29), said(2))
    found = _alarms.alarms(rows, _alarms.said_by(given, DAY))
    # Said at midnight between days 30 and 29, and at noon of day 2, of an alarm of day 4.
    assert [one.answer_days for one in found] == [None, 0.0, 1.5]
    assert [one.lasted_days for one in found] == [1.0, 10.0, 4.0]
    assert "2 were answered, half of them within 1.5" in whole(rows, given).message


def test_an_answer_before_the_opening_took_no_time() -> None:
    rows = findings(*failing(0, 1))
    [alarm] = _alarms.alarms(rows, answers(said(1)))
    assert alarm.answer_days == 0


def test_what_nobody_has_answered_yet_makes_the_median_longer() -> None:
    rng = np.random.default_rng(7)
    rows, given = [], []
    for place in range(40):
        name = f"check_{place}"
        rows += failing(*range(30), check_name=name)
        # The mean time to an answer is 20 days: 29 have been seen.
        wait = rng.exponential(20.0)
        if wait < 29:
            given.append(said(28.5 - wait, check_name=name))
    found = _alarms.alarms(findings(*rows), _alarms.said_by(answers(*given), DAY))
    n_answered = sum(one.answer_days is not None for one in found)
    assert n_answered < 40
    finding = whole(findings(*rows), answers(*given))
    median = float(finding.message.split("within ")[1].split(" ")[0])
    naive = float(np.median([one.answer_days for one in found if one.answer_days is not None]))
    assert naive < median
    assert median == pytest.approx(20 * np.log(2), rel=0.4)


def test_failures_that_do_not_count_are_no_alarm() -> None:
    tests = [row for age in range(9) for name in "abcdefghij"
             for row in failing(age, check_name=name, status="PASS", p_value=0.5)]  # fmt: skip
    doubtful = failing(*range(9), p_value=0.04)
    assert whole(findings(*doubtful, *tests)).status is Status.NOT_APPLICABLE
    assert whole(findings(*failing(*range(9), p_value=0.001), *tests)).status is Status.FAIL
    assert whole(findings(*doubtful)).status is Status.FAIL, "a test of its own counts"


def test_what_is_loaded_is_enough() -> None:
    passing = [*failing(1, status="PASS"), *failing(2, status="PASS", p_value=0.3)]
    own = failing(3, mode="ownership")
    rows = findings(*failing(*range(9), p_value=0.001), *own, *passing)
    given = {"first": ago(182), "last": DAY, "mode": "ownership"}
    loaded = database(health__findings=rows).sql(OTHERS_FINDINGS, params=given).pl()
    assert len(loaded) == 10
    assert judge(loaded)[0].message == judge(rows)[0].message


def test_hostile_segments_and_their_evidence() -> None:
    rows = findings(*failing(*range(9), segment=HOSTILE), *failing(1, mode="bom"))
    connection = database(health__findings=rows)
    for finding in judge(rows):
        assert finding.status is Status.FAIL
        [shown] = connection.execute(finding.evidence_sql).fetchall()
        assert shown[2:] == (HOSTILE, ago(8), DAY, 9)
        assert "llmops-health ack" in finding.action


def test_the_picture_falls_with_each_answer() -> None:
    rows = findings(*failing(*range(5)), *failing(*range(20, 31)))
    shown = figure(FEATURE, DAY, rows, answers(said(28)), Params())
    assert shown is not None
    assert [point.y.value for point in shown.curves[0].points] == [1.0, 0.5, 0.5]
    assert shown.curves[0].points[-1].x == 4
    assert figure(FEATURE, DAY, findings(), NOTHING_SAID, Params()) is None


def test_false_alarms_and_power() -> None:
    """Teams that answer within two working days are never told; those who never do always are."""
    rng = np.random.default_rng(3)
    n_false = n_missed = 0
    for _ in range(150):
        starts = rng.choice(np.arange(10, 170, 20), size=3, replace=False)
        runs = [failing(*range(int(s), max(-1, int(s) - int(rng.integers(1, 12))), -1),
                        check_name=f"c{k}") for k, s in enumerate(starts)]  # fmt: skip
        standing = failing(*range(12), check_name="now")
        rows = findings(*(row for run in runs for row in run), *standing)
        prompt = [said(float(s) - rng.uniform(0.5, 2.9), check_name=f"c{k}")
                  for k, s in enumerate(starts)]  # fmt: skip
        prompt.append(said(11 - rng.uniform(0.5, 2.9), check_name="now"))
        n_false += whole(rows, answers(*prompt)).status is not Status.PASS
        n_missed += whole(rows, answers(*prompt[:-1])).status is not Status.FAIL
    assert (n_false, n_missed) == (0, 0)
