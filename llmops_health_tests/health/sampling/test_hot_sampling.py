"""Hot sampling: shares and losses by hand, edges, recorded exams, and error rates."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.sampling.hot_sampling import Params, check, figure
from llmops_health_tests.health.sampling.recorded import exam_tables, needs_data
from llmops_health_tests.health.sampling.simulate import (
    CLASSIFIER,
    LAST,
    OUTCOMES,
    WRITER,
    calls,
    outcomes,
    parameters,
    users,
)

NO_OUTCOMES = pl.DataFrame(schema=OUTCOMES)
BOTH = (calls(50, temperature=0.0), calls(50, temperature=0.8))


def judge(
    *rows: list[dict[str, object]], known: pl.DataFrame = NO_OUTCOMES, feature: Feature = CLASSIFIER
) -> list[Finding]:
    return list(check(feature, LAST, parameters(*rows), known, Params()))


def scored(loss: float, n: int = 1500, seed: int = 0, /, **columns: Any) -> pl.DataFrame:
    """Labels of four weeks, half at temperature 0 and half at 0.8, which costs `loss`."""
    rng = np.random.default_rng(seed)
    hot = rng.random(n) < 0.5
    user = users(rng, n, 60)
    skill = 0.8 + 0.1 * rng.normal(size=60)
    right = rng.random(n) < np.clip(skill[user] - loss * hot, 0, 1)
    given = {"temperature": np.where(hot, 0.8, 0.0), **columns}
    return outcomes(right, rng.integers(0, 28, n), user, **given)


def test_the_share_of_hot_calls_by_hand() -> None:
    [found] = judge(calls(80, temperature=0.0), calls(20, temperature=0.8))
    assert found.status is Status.WARN
    assert found.value == pytest.approx(0.2)
    assert found.n == 700
    assert "20 % of 700 calls" in found.message
    assert "mostly 0.8" in found.message


@pytest.mark.parametrize(
    ("setting", "status"),
    [
        ({"temperature": 0.3}, Status.PASS),
        ({"temperature": 0.31}, Status.WARN),
        ({"temperature": 0.8, "top_k": 1.0}, Status.PASS),
        ({"temperature": 0.8, "top_p": 0.0}, Status.PASS),
        ({"temperature": None}, Status.WARN),
        ({"temperature": None, "params_known": None}, Status.NOT_ENOUGH_DATA),
        ({"temperature": 0.9, "params_known": False}, Status.NOT_ENOUGH_DATA),
        ({"temperature": 1.0, "request_model": "o3-mini"}, Status.NOT_ENOUGH_DATA),
    ],
)
def test_what_is_hot(setting: dict[str, object], status: Status) -> None:
    assert judge(calls(100, **setting))[0].status is status


def test_a_feature_that_writes_may_draw_at_random() -> None:
    [found] = judge(calls(100, temperature=0.8), feature=WRITER)
    assert found.status is Status.NOT_APPLICABLE


def test_one_experiment_is_no_alarm() -> None:
    [found] = judge(calls(500, temperature=0.0), calls(4, temperature=0.8))
    assert found.status is Status.PASS


def test_a_temperature_that_costs_answers_fails() -> None:
    whole, hot = judge(*BOTH, known=scored(0.2))
    assert whole.status is hot.status is Status.FAIL
    assert hot.segment == "temperature 0.8"
    assert hot.value == pytest.approx(-0.2, abs=0.08)
    assert "right answers by label" in hot.message
    assert judge(*BOTH, known=scored(0.2), feature=WRITER)[0].status is Status.FAIL


def test_a_temperature_that_is_not_in_use_any_more_does_not() -> None:
    [found] = judge(calls(100, temperature=0.0), known=scored(0.2))
    assert found.status is Status.PASS


def test_feedback_is_the_outcome_where_there_are_no_labels() -> None:
    known = scored(0.2, outcome="feedback", name="thumb")
    assert "scores of thumb" in judge(*BOTH, known=known)[0].message
    both = pl.concat([scored(0.0), known])
    assert judge(*BOTH, known=both)[0].status is Status.WARN


def test_hard_questions_asked_hot_are_no_cost_of_temperature() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    hard = rng.random(n) < 0.5
    hot = rng.random(n) < np.where(hard, 0.85, 0.15)
    right = rng.random(n) < np.where(hard, 0.5, 0.9)
    known = outcomes(
        right,
        rng.integers(0, 28, n),
        rng.integers(0, 60, n),
        temperature=np.where(hot, 0.8, 0.0),
        task=np.where(hard, "appeal", "billing"),
    )
    [found] = judge(*BOTH, known=known)
    assert found.status is Status.WARN
    assert "no loss is proven" in found.message


def test_a_fall_before_the_switch_is_not_blamed_on_it() -> None:
    rng = np.random.default_rng(8)
    n = 4000
    age = rng.integers(0, 42, n)
    right = rng.random(n) < np.where(age < 21, 0.7, 0.9)
    hot = np.where(age < 12, 0.8, 0.0)
    known = outcomes(right, age, rng.integers(0, 60, n), temperature=hot)
    [found] = judge(calls(100, temperature=0.8), known=known)
    assert found.status is Status.WARN


def test_few_outcomes_cannot_tell() -> None:
    [found] = judge(*BOTH, known=scored(0.0, 120), feature=WRITER)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell")
    [enough] = judge(*BOTH, known=scored(0.0, 6000), feature=WRITER)
    assert enough.status is Status.PASS


def test_one_user_alone_who_asks_hot_is_no_evidence() -> None:
    rng = np.random.default_rng(6)
    user = rng.integers(0, 30, 900)
    hot = user == 0
    right = rng.random(900) < np.where(hot, 0.1, 0.9)
    known = outcomes(right, rng.integers(0, 28, 900), user, temperature=np.where(hot, 0.8, 0.0))
    assert judge(*BOTH, known=known)[0].status is Status.WARN


def test_the_figure_shows_a_line_per_model_and_prompt() -> None:
    known = pl.concat([scored(0.2), scored(0.0, 600, prompt_version="v2")])
    shown = figure(CLASSIFIER, LAST, parameters(*BOTH), known, Params())
    assert shown is not None
    assert [curve.label for curve in shown.curves] == [
        "corvid-mini triage v1",
        "corvid-mini triage v2",
    ]
    assert [point.x for point in shown.curves[0].points] == [0.0, 0.8]
    assert sum(point.n for curve in shown.curves for point in curve.points) == 2100
    assert figure(CLASSIFIER, LAST, parameters(*BOTH), NO_OUTCOMES, Params()) is None


def test_no_loss_is_seldom_an_alarm_and_a_loss_seldom_missed() -> None:
    clean = [judge(*BOTH, known=scored(0.0, 900, seed))[0].status for seed in range(120)]
    lost = [judge(*BOTH, known=scored(0.45, 260, 900 + seed))[0].status for seed in range(60)]
    assert clean.count(Status.FAIL) == 0
    assert lost.count(Status.FAIL) >= 57


@pytest.fixture(scope="module")
def exams() -> dict[str, pl.DataFrame]:
    """1,100 to 1,700 answers per model at temperatures from 0 to 1.0 or 1.6."""
    return exam_tables()


def judged(exams: dict[str, pl.DataFrame], exam: str) -> list[Finding]:
    feature, is_ours = Feature(id=exam, kind="classifier"), pl.col("feature_id") == exam
    settings, known = (
        exams[f"summary__{name}"].filter(is_ours) for name in ("parameters", "outcomes")
    )
    return list(check(feature, date(2024, 6, 9), settings, known, Params()))


@needs_data
def test_of_recorded_exams_only_1_5_and_1_6_cost_answers(exams: dict[str, pl.DataFrame]) -> None:
    whole, *hot = judged(exams, "gpt-35-turbo-chain_of_thought")
    assert whole.status is Status.FAIL
    assert [one.segment for one in hot] == ["temperature 1.5", "temperature 1.6"]
    assert "are 0.350 against 0.613" in hot[0].message
    assert "are 0.050 against 0.613" in hot[1].message


@needs_data
@pytest.mark.parametrize("exam", ["gpt-35-turbo-baseline", "gpt-4-chain_of_thought"])
def test_of_recorded_exams_up_to_1_nothing_is_lost(
    exams: dict[str, pl.DataFrame], exam: str
) -> None:
    [found] = judged(exams, exam)
    assert found.status is Status.WARN
    assert "no loss is proven" in found.message
