"""Divergence: by hand, at the edge, thin data, and how often it errs on worlds with an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_rot.divergence import HISTORY_DAYS, Params, check, figure
from llmops_health_tests.health.eval_rot.simulate import (
    FEATURE,
    ITEMS,
    LAST,
    SATISFACTION,
    Floats,
    ago,
    known_on,
    ratings,
    runs,
    weekly_runs,
)

NO_ITEMS, NO_RATINGS = pl.DataFrame(schema=ITEMS), pl.DataFrame(schema=SATISFACTION)


def judge(
    items: pl.DataFrame, rated: pl.DataFrame, day: date = LAST, params: Params | None = None
) -> Finding:
    [finding] = check(
        FEATURE,
        day,
        known_on(items, day, HISTORY_DAYS),
        known_on(rated, day, HISTORY_DAYS),
        params or Params(),
    )
    return finding


def thumbs(before: float, after: float, name: str | None = "thumb", n: int = 10) -> pl.DataFrame:
    """In each of 20 buckets `n` ratings on one day before and one after, with these means."""
    rows = [
        (ago(age), "help", name, "HUMAN", b, n, n * mean, n * mean)
        for age, mean in ((41, before), (3, after))
        for b in range(20)
    ]
    # Ten buckets differ by a tenth either way, so that there is an error to show.
    table = pl.DataFrame(rows, schema=SATISFACTION, orient="row")
    shift = pl.when(pl.col("bucket") % 2 == 0).then(0.1).otherwise(-0.1) * pl.col("n")
    return table.with_columns(sum_score=pl.col("sum_score") + shift)


def four_runs(
    before: float = 0.8, after: float = 0.8, role: str | None = "champion"
) -> pl.DataFrame:
    wave = np.tile([0.05, -0.05], 10)
    return runs(
        {
            f"r{age}": (ago(age), role, "v1", (after if age < 14 else before) + wave)
            for age in (40, 30, 12, 5)
        }
    )


def test_the_gap_is_the_rise_of_the_score_less_that_of_satisfaction() -> None:
    found = judge(four_runs(0.80, 0.85), thumbs(0.8, 0.6))
    assert found.value == pytest.approx(25)
    assert found.n == 400
    assert found.unit == "pp"
    # The shifts are the same in both windows, so the jackknife sees none: the floor 0.5 / 200
    # counts. t(19, 0.995) = 2.861; 2.861 * 0.25 pp = 0.715.
    assert (found.lo, found.hi) == pytest.approx((24.285, 25.715), abs=2e-3)
    assert found.status is Status.FAIL
    assert "from 80.0 to 85.0 and satisfaction from 80.0 to 60.0" in found.message


@pytest.mark.parametrize(("min_gap", "status"), [(24.2, Status.FAIL), (24.4, Status.PASS)])
def test_the_lower_end_decides(min_gap: float, status: Status) -> None:
    params = Params(min_gap_pp=min_gap)
    assert judge(four_runs(0.80, 0.85), thumbs(0.8, 0.6), params=params).status is status


def test_a_gap_that_only_the_score_opened_is_a_warning() -> None:
    found = judge(four_runs(0.70, 0.85), thumbs(0.8, 0.8))
    assert found.status is Status.WARN
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_both_falling_alike_is_no_divergence() -> None:
    assert judge(four_runs(0.85, 0.70), thumbs(0.85, 0.70)).status is Status.PASS


def test_a_new_kind_of_feedback_is_not_a_fall() -> None:
    ratings_too = thumbs(0.8, 0.2, name="rating").filter(pl.col("day") > ago(14))
    found = judge(four_runs(), pl.concat([thumbs(0.8, 0.8), ratings_too]))
    assert found.value == pytest.approx(0)
    assert found.status is Status.PASS


def test_kinds_of_feedback_are_weighted_by_what_they_are_now() -> None:
    many = thumbs(0.5, 0.5, name=None, n=30)
    found = judge(four_runs(), pl.concat([thumbs(0.8, 0.6), many]))
    assert found.value == pytest.approx(5)


def test_feedback_of_judges_is_not_satisfaction() -> None:
    by_judge = thumbs(0.9, 0.1).with_columns(source_kind=pl.lit("LLM"))
    assert judge(four_runs(), by_judge).status is Status.NOT_APPLICABLE
    assert judge(four_runs(), pl.concat([thumbs(0.8, 0.8), by_judge])).value == pytest.approx(0)


def test_only_cases_of_both_windows_are_compared() -> None:
    easy = runs({"x": (ago(5), "champion", "v1", np.ones(30))}, first=100)
    assert judge(pl.concat([four_runs(), easy]), thumbs(0.8, 0.8)).value == pytest.approx(0)


@pytest.mark.parametrize("role", ["baseline", "candidate", "regression"])
def test_runs_of_other_versions_do_not_count(role: str) -> None:
    assert judge(four_runs(role=role), thumbs(0.8, 0.6)).status is Status.NOT_APPLICABLE


def test_runs_without_a_role_count() -> None:
    assert judge(four_runs(role=None), thumbs(0.8, 0.6)).status is Status.FAIL


def test_nothing_logged_is_not_applicable() -> None:
    assert judge(NO_ITEMS, thumbs(0.8, 0.6)).status is Status.NOT_APPLICABLE
    assert judge(four_runs(), NO_RATINGS).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    "params", [Params(min_feedback=201), Params(min_clusters=20.5), Params(min_runs=3)]
)
def test_thin_data_is_never_a_pass(params: Params) -> None:
    assert judge(four_runs(), thumbs(0.8, 0.8), params=params).status is Status.NOT_ENOUGH_DATA


def test_a_short_history_is_never_a_pass() -> None:
    late = thumbs(0.8, 0.6).filter(pl.col("day") > ago(14))
    assert judge(four_runs(), late).status is Status.NOT_ENOUGH_DATA


def test_a_fall_that_could_not_be_seen_is_no_pass() -> None:
    found = judge(four_runs(), thumbs(0.8, 0.8), params=Params(worth_finding_pp=0.5))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell: 400 ratings find a widening of 1 pp")


def test_ratings_that_are_all_equal_have_an_error() -> None:
    equal = thumbs(1.0, 1.0).with_columns(sum_score=pl.col("n").cast(pl.Float64))
    found = judge(four_runs(0.8, 0.8), equal)
    assert found.status is Status.PASS
    assert found.lo is not None
    assert found.lo < 0


def test_later_rows_are_not_known() -> None:
    rated = pl.concat([thumbs(0.8, 0.8), thumbs(0.8, 0.0).with_columns(day=pl.lit(ago(-1)))])
    assert judge(four_runs(), rated).value == pytest.approx(0)


def weeks(score: Floats, liked: Floats) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One run and 200 ratings in the middle of each week, the last week last."""
    ages = [7 * i + 3 for i in range(len(score))][::-1]
    of_runs: dict[str, tuple[date, str | None, str, Floats]] = {
        f"r{age}": (ago(age), "champion", "v1", mean + np.tile([0.05, -0.05], 10))
        for age, mean in zip(ages, score, strict=True)
    }
    of_users = [
        (ago(age), "help", "thumb", "HUMAN", bucket, 10, 10 * mean, 10 * mean)
        for age, mean in zip(ages, liked, strict=True)
        for bucket in range(20)
    ]
    return runs(of_runs), pl.DataFrame(of_users, schema=SATISFACTION, orient="row")


def test_satisfaction_that_follows_the_score_by_two_weeks_is_predicted() -> None:
    score = 0.7 + np.random.default_rng(3).normal(0, 0.03, 26).cumsum() / 5
    found = judge(*weeks(score[2:], score[:-2]))
    assert "eval predicts satisfaction R2 1.00 (r +1.00, 2-week lag" in found.message
    # 24 weeks: none of 999 arrangements correlates like that.
    assert "permutation p 0.001, 24 weeks" in found.message


def test_a_score_that_rises_when_satisfaction_falls_predicts_with_a_minus() -> None:
    score = 0.7 + np.random.default_rng(4).normal(0, 0.02, 14)
    assert "R2 1.00 (r -1.00, 0-week lag" in judge(*weeks(score, 1.4 - score)).message


@pytest.mark.parametrize(("n_weeks", "is_told"), [(12, True), (11, False)])
def test_a_prediction_needs_twelve_weeks(n_weeks: int, *, is_told: bool) -> None:
    score = 0.7 + np.random.default_rng(5).normal(0, 0.02, n_weeks)
    assert ("predicts" in judge(*weeks(score, score)).message) is is_told


def test_a_week_without_ratings_breaks_the_series() -> None:
    score = 0.7 + np.random.default_rng(6).normal(0, 0.02, 24)
    items, rated = weeks(score, score)
    hole = rated.filter(pl.col("day") != ago(7 * 11 + 3))
    assert "predicts" not in judge(items, hole).message
    assert (
        "12 weeks, for show" in judge(items, rated.filter(pl.col("day") != ago(7 * 12 + 3))).message
    )


def test_what_is_told_of_half_a_year_decides_nothing() -> None:
    rng = np.random.default_rng(7)
    items, rated = weeks(0.7 + rng.normal(0, 0.02, 24), 0.7 + rng.normal(0, 0.02, 24))
    recent = pl.col("day") > ago(56)
    whole, part = judge(items, rated), judge(items.filter(recent), rated.filter(recent))
    assert "predicts" in whole.message
    assert whole == judge(items, rated)
    assert replace(whole, message="") == replace(part, message="")


def clean_world(seed: int, n_days: int = 66) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    n_users = int(rng.choice([30, 100, 300]))
    return (
        weekly_runs(rng, n_days),
        ratings(rng, n_days, 13, np.full(n_days, 0.75), n_users=n_users),
    )


@pytest.mark.slow
def test_false_alarms_keep_to_the_target() -> None:
    found = [
        judge(*world, day=ago(age)).status
        for world in map(clean_world, range(80))
        for age in range(0, 10, 2)
    ]
    # 400 verdicts of 80 independent worlds; one in a thousand is allowed.
    assert found.count(Status.FAIL) <= 1
    assert found.count(Status.WARN) <= 1
    assert found.count(Status.PASS) >= 150


@pytest.mark.slow
@pytest.mark.parametrize(("days_after", "at_least"), [(14, 13), (21, 19)])
def test_a_fall_by_a_third_is_found(days_after: int, at_least: int) -> None:
    n_days, found = 35 + days_after, 0
    for seed in range(20):
        rng = np.random.default_rng(1_000 + seed)
        # Satisfaction falls by 25 pp over 8 days; 13 ratings a day, and the score creeps up.
        fall = 0.25 * np.clip((np.arange(n_days) - 34) / 8, 0, 1)
        rated = ratings(rng, n_days, 13, 0.75 - fall)
        found += judge(weekly_runs(rng, n_days, per_week=0.004), rated).status is Status.FAIL
    assert found >= at_least


def test_the_figure_shows_both_scores_and_the_windows_compared() -> None:
    items, rated = four_runs(0.80, 0.85), thumbs(0.8, 0.6)
    chart = figure(FEATURE, LAST, items, rated, Params())
    finding = judge(items, rated)
    assert chart is not None
    # Runs are 40, 30, 12 and 5 days old, ratings 41 and 3.
    assert [one.last for one in chart.evals] == [ago(age) for age in (35, 28, 7, 0)]
    assert [one.estimate.value for one in chart.evals] == pytest.approx([0.80, 0.80, 0.85, 0.85])
    assert [one.estimate.value for one in chart.satisfaction] == pytest.approx([0.8, 0.6])
    assert chart.after == (ago(13), LAST)
    assert chart.before is not None
    assert chart.before[1] == ago(14)
    assert chart.widened is not None
    assert (chart.widened.value, chart.widened.lo) == (finding.value, finding.lo)
    for one in (*chart.evals, *chart.satisfaction):
        assert one.estimate.lo is not None
        assert one.estimate.hi is not None
        assert one.estimate.lo < one.estimate.hi
        assert one.first == one.last - timedelta(days=6)


def test_the_figure_weights_kinds_of_feedback_as_the_check_does() -> None:
    many = thumbs(0.5, 0.5, name=None, n=30)
    chart = figure(FEATURE, LAST, four_runs(), pl.concat([thumbs(0.8, 0.6), many]), Params())
    assert chart is not None
    # A quarter of the ratings are thumbs.
    assert [one.estimate.value for one in chart.satisfaction] == pytest.approx([0.575, 0.525])


def test_there_is_no_figure_of_too_little() -> None:
    assert figure(FEATURE, LAST, NO_ITEMS, thumbs(0.8, 0.6), Params()) is None
    assert figure(FEATURE, LAST, four_runs(), NO_RATINGS, Params()) is None
    assert figure(FEATURE, LAST, four_runs(), thumbs(0.8, 0.6, n=1), Params()) is None
