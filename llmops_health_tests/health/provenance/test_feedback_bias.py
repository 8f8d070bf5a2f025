"""Feedback bias: by hand, thin, and how often it errs where who answers is known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.feedback_bias import Params, check, figure
from llmops_health_tests.health.provenance.simulate_feedback import LAST, SCHEMA, strata

FEATURE = Feature(id="help", kind="rag")


def judged(rows: pl.DataFrame, day: date = LAST) -> list[Finding]:
    known = rows.filter(pl.col("day") <= day)
    return list(check(FEATURE, day, known, Params()))


def by_hand(
    answered: dict[str, tuple[int, float]], calls: dict[str, int], name: str = "thumb"
) -> pl.DataFrame:
    """Per stratum and each of 32 groups of users: calls, and answers with their mean score."""
    rows = []
    for bucket in range(32):
        for stratum, n in calls.items():
            of_bucket = [("", n, 0.0)]
            if stratum in answered:
                count, mean = answered[stratum]
                # Groups differ a little, evenly about the mean.
                mean += 0.02 * (-1) ** bucket
                of_bucket.append((name, count, count * mean))
            rows += [
                (LAST, "help", label, dimension, stratum, bucket, count, total)
                for dimension in ("activity", "outcome")
                for label, count, total in of_bucket
            ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_the_weighted_mean_is_that_of_who_asks() -> None:
    """9 in 10 calls are answered, liked at 0.8; errors at 0.2, but half of the thumbs."""
    rows = by_hand({"answered": (10, 0.8), "error": (10, 0.2)}, {"answered": 180, "error": 20})
    [found] = judged(rows)
    # 0.9 * 0.8 + 0.1 * 0.2 = 0.74 instead of 0.5
    assert found.value == pytest.approx(24.0)
    assert found.status is Status.WARN
    assert found.segment == ""
    assert found.message.startswith("Feedback thumb")
    assert "is 74.0 % instead of 50.0 %" in found.message
    assert "error answers 50.0 %, answered 5.6 % of the time" in found.message


def test_the_same_scores_do_not_shift() -> None:
    rows = by_hand({"answered": (10, 0.5), "error": (10, 0.5)}, {"answered": 180, "error": 20})
    [found] = judged(rows)
    assert found.status is Status.PASS
    assert found.value == pytest.approx(0.0)


def test_silent_strata_are_named() -> None:
    rows = by_hand(
        {"answered": (10, 0.5), "error": (10, 0.5)}, {"answered": 180, "error": 20, "refusal": 50}
    )
    assert "20 % of the calls are in strata that are silent" in judged(rows)[0].message


def test_little_feedback_is_no_verdict() -> None:
    rows = strata(np.random.default_rng(1), n_days=2)
    [found] = judged(rows)
    assert found.status is Status.NOT_ENOUGH_DATA
    nobody = rows.filter(pl.col("name") == "")
    assert judged(nobody)[0].status is Status.NOT_APPLICABLE
    assert judged(rows.clear())[0].status is Status.NOT_APPLICABLE


def test_one_user_is_no_crowd() -> None:
    rows = strata(np.random.default_rng(1)).with_columns(
        bucket=pl.when(pl.col("name") == "").then("bucket").otherwise(3)
    )
    assert judged(rows)[0].status is Status.NOT_ENOUGH_DATA


def test_hostile_names_are_quoted() -> None:
    rows = by_hand(
        {"it's\n": (10, 0.8), "error": (10, 0.2)}, {"it's\n": 180, "error": 20}, "th'umb\n"
    )
    [found] = judged(rows)
    assert "th'umb" in found.message
    assert "name = 'th''umb\n'" in found.evidence_sql


def test_nothing_later_than_the_day_is_used() -> None:
    rows = strata(np.random.default_rng(2), n_days=40)
    earlier = LAST - timedelta(days=10)
    changed = rows.with_columns(
        sum_score=pl.when(pl.col("day") > earlier).then(0.0).otherwise(pl.col("sum_score"))
    )
    assert judged(rows, earlier) == judged(changed, earlier)


def alarm_rate(n: int, **world: float) -> float:
    alarms = 0
    for seed in range(n):
        found = judged(strata(np.random.default_rng(seed), **world))  # type: ignore[arg-type]
        alarms += any(one.status is Status.WARN for one in found)
    return alarms / n


@pytest.mark.parametrize("n_users", [30, 300])
def test_answers_that_do_not_depend_on_the_score_pass(n_users: int) -> None:
    assert alarm_rate(60, n_users=n_users) == 0


def test_different_strata_that_answer_alike_pass() -> None:
    """Errors are liked less, but answered no more often: nothing to weigh."""
    assert alarm_rate(60, worse=0.5) == 0


def test_the_loud_are_found() -> None:
    """A tenth of the calls fail, are answered 6 times as often and liked 0.6 less: 18 pp."""
    assert alarm_rate(40, loud=6.0, worse=0.6) >= 0.95


def test_the_figure_shows_who_answers() -> None:
    rows = strata(np.random.default_rng(1), loud=6.0, worse=0.6)
    shown = figure(FEATURE, LAST, rows, Params())
    assert shown is not None
    answers = {row.label: row.answer for row in shown.rows}
    assert answers == {"answered": "fine", "error": "moved", "refusal": "moved"}
    assert figure(FEATURE, LAST, rows.clear(), Params()) is None
