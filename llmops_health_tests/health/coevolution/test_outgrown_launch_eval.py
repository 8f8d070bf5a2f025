"""Outgrown launch eval: by hand, which baseline is taken, thin and hostile data, error rates."""

from __future__ import annotations

from datetime import date, datetime, time

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.coevolution.outgrown_launch_eval import (
    HISTORY_DAYS,
    Params,
    check,
    figure,
)
from llmops_health_tests.health.coevolution.simulate import (
    FEATURE,
    LAST,
    USER_CELLS,
    ago,
    known_on,
)

Schema = dict[str, type[pl.DataType] | pl.DataType]
EVAL_CELLS: Schema = {
    "feature_id": pl.String,
    "suite_id": pl.String,
    "case_id": pl.String,
    "cell": pl.Int32,
    "similarity": pl.Float64,
    "added_at": pl.Datetime("us"),
    "retired_at": pl.Datetime("us"),
    "codebook_version": pl.String,
    "fitted_on": pl.Date,
    "nearest_case_id": pl.String,
    "nearest_similarity": pl.Float64,
}
NEAR = 35


def at(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(9))


def cases(
    cells: list[int], added: date | None = None, retired: date | None = None, first: int = 0
) -> pl.DataFrame:
    rows = [
        (
            "help",
            "s1",
            f"k{first + i}",
            cell,
            0.8,
            at(added),
            at(retired),
            "v",
            ago(300),
            None,
            None,
        )
        for i, cell in enumerate(cells)
    ]
    return pl.DataFrame(rows, schema=EVAL_CELLS, orient="row")


def inputs(cells: dict[int, list[int]], nearness: int = NEAR) -> pl.DataFrame:
    """Inputs per age in days, each in its cell; forty users take turns."""
    rows = [
        (ago(age), "help", cell, i % 40, True, i % 40, nearness, 1)
        for age, of_day in cells.items()
        for i, cell in enumerate(of_day)
    ]
    return pl.DataFrame(rows, schema=USER_CELLS, orient="row")


THEN, NOW = [0, 1] * 40, ([0, 1] * 40)[:48] + [2] * 32


def moved(now: list[int] | None = None, days: int = 7) -> pl.DataFrame:
    """Eight weeks of eighty inputs a day on two topics; the last days otherwise."""
    return inputs({age: (now or NOW) if age < days else THEN for age in range(56)})


def judge(
    traffic: pl.DataFrame,
    suite: pl.DataFrame,
    *,
    day: date = LAST,
    feature: Feature = FEATURE,
    params: Params | None = None,
) -> Finding:
    known = known_on(traffic, day, HISTORY_DAYS)
    core = suite.select("feature_id", "suite_id", "case_id", "added_at", "retired_at")
    [found] = check(feature, day, known, suite, core, params or Params())
    return found


def test_inputs_beyond_the_launch_set_by_hand() -> None:
    found = judge(moved(), cases([0, 1], added=ago(200)))
    # 32 of 80 inputs are on a topic without a case, and were not there in the launch month.
    assert found.status is Status.WARN
    assert found.value == pytest.approx(40)
    assert found.n == 560
    assert "the 2 eval cases of the launch cover 60.0%, after 100.0% then" in found.message
    assert "40.0 % [" in found.message
    assert found.action


def test_steady_inputs_are_a_pass() -> None:
    found = judge(moved(THEN), cases([0, 1], added=ago(200)))
    assert found.status is Status.PASS
    assert found.value == pytest.approx(0)
    assert found.p_value is not None
    assert found.p_value > 0.9


@pytest.mark.parametrize(("limit", "status"), [(39.9, Status.WARN), (40.1, Status.PASS)])
def test_the_fall_decides(limit: float, status: Status) -> None:
    params = Params(max_fall_pp=limit, max_churn_pp=90)
    assert judge(moved(), cases([0, 1], added=ago(200)), params=params).status is status


@pytest.mark.parametrize(("limit", "status"), [(20.0, Status.WARN), (50.0, Status.PASS)])
def test_churn_alone_is_enough(limit: float, status: Status) -> None:
    params = Params(max_churn_pp=limit)
    assert judge(moved(), cases([0, 1, 2], added=ago(200)), params=params).status is status
    assert judge(moved(), pl.DataFrame(schema=EVAL_CELLS), params=params).status is status


def test_cases_added_since_make_up_for_it() -> None:
    suite = pl.concat([cases([0, 1], added=ago(200)), cases([2], added=ago(20), first=2)])
    found = judge(moved(), suite, params=Params(max_churn_pp=90))
    assert found.status is Status.PASS
    assert "today's cases cover 100.0%" in found.message
    planned = pl.concat([cases([0, 1], added=ago(200)), cases([2], added=ago(-1), first=2)])
    assert judge(moved(), planned, params=Params(max_churn_pp=90)).status is Status.WARN


def test_cases_retired_since_were_there_at_launch() -> None:
    suite = pl.concat([cases([0, 1], added=ago(200)), cases([2], ago(200), ago(60), first=2)])
    found = judge(moved(), suite, params=Params(max_churn_pp=90))
    assert found.status is Status.PASS
    assert "the 3 eval cases of the launch cover 100.0%" in found.message


@pytest.mark.parametrize(("added", "n"), [(21, 2), (20, 1)])
def test_cases_of_the_first_thirty_days_are_of_the_launch(added: int, n: int) -> None:
    feature = FEATURE.model_copy(update={"launched_on": ago(51)})
    suite = pl.concat([cases([0], added=ago(60)), cases([1], added=ago(added), first=1)])
    found = judge(moved(THEN), suite, feature=feature, params=Params(max_churn_pp=90))
    assert f"the {n} eval cases of the launch" in found.message


def test_the_launch_month_begins_with_the_launch() -> None:
    feature = FEATURE.model_copy(update={"launched_on": ago(48)})
    traffic = inputs({age: [7] * 80 if age > 48 else THEN for age in range(56)})
    found = judge(traffic, cases([0, 1], added=ago(49)), feature=feature)
    assert found.status is Status.PASS
    assert f"{ago(48)} to {ago(21)}" in found.message
    assert "stands for" not in found.message
    old = FEATURE.model_copy(update={"launched_on": ago(300)})
    assert (
        f"stands for the launch of {ago(300)}"
        in judge(moved(THEN), cases([0, 1], added=ago(300)), feature=old).message
    )


def test_inputs_at_the_edge_of_their_topic_are_not_covered() -> None:
    near = inputs(dict.fromkeys(range(7, 56), THEN))
    far = inputs(dict.fromkeys(range(7), THEN), nearness=20)
    found = judge(pl.concat([near, far]), cases([0, 1], added=ago(200)))
    assert found.status is Status.WARN
    assert found.value == pytest.approx(100)


def test_one_day_is_no_growth() -> None:
    suite = cases([0, 1], added=ago(200))
    # All of one day: 14 % of the week.
    assert judge(moved([2] * 80, days=1), suite).status is Status.PASS


def test_a_feature_to_be_launched_has_not_outgrown_anything() -> None:
    feature = FEATURE.model_copy(update={"launched_on": ago(-10)})
    found = judge(moved(), cases([0]), feature=feature)
    assert found.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("traffic", "suite", "message"),
    [
        (inputs({}), cases([0], added=ago(200)), "do not reach back"),
        (moved().filter(pl.col("day") > ago(25)), cases([0], added=ago(200)), "do not reach back"),
        (moved().filter(pl.col("user_key") < 6), cases([0], added=ago(200)), "84 inputs"),
        (moved([0, 1] * 20 + [2] * 2).with_columns(bucket=pl.lit(3)), cases([0]), "too few people"),
    ],
)
def test_thin_data_is_never_a_pass(
    traffic: pl.DataFrame, suite: pl.DataFrame, message: str
) -> None:
    found = judge(traffic, suite)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert message in found.message


def test_later_days_and_topics_are_not_known() -> None:
    suite = cases([0, 1], added=ago(200))
    assert judge(moved(), suite, day=ago(7)).status is Status.PASS
    late = suite.with_columns(fitted_on=pl.lit(ago(-1)))
    assert "no eval case" not in judge(moved(), suite).message
    assert "eval cases" not in judge(moved(), late).message


def test_the_figure_shows_both_suites_by_week() -> None:
    suite = pl.concat([cases([0, 1], added=ago(200)), cases([2], added=ago(6), first=2)])
    core = suite.select("added_at", "retired_at")
    shown = figure(FEATURE, LAST, moved(), suite, core, Params())
    assert shown is not None
    launch, today = shown.curves
    assert [point.y.value for point in launch.points] == pytest.approx([1.0] * 7 + [0.6])
    assert [point.y.value for point in today.points] == pytest.approx([1.0] * 8)
    assert "60%" in shown.description
    assert figure(FEATURE, LAST, inputs({}), suite, core, Params()) is None


def test_evidence_runs_and_shows_topics() -> None:
    hostile = FEATURE.model_copy(update={"id": "it's\n--"})
    suite = cases([0, 1], added=ago(200)).with_columns(
        feature_id=pl.lit("it's\n--"), case_id=pl.lit("k'1")
    )
    traffic = moved().with_columns(feature_id=pl.lit("it's\n--"))
    found = judge(traffic, suite, feature=hostile)
    with duckdb.connect() as db:
        for name, rows in (("summary__user_cells", traffic), ("summary__eval_cells", suite)):
            db.register("rows", rows.to_arrow())
            db.execute(f"create table {name} as select * from rows")
        shown = db.execute(found.evidence_sql).fetchall()
    assert shown == [(2, 224, 0, 0), (0, 168, 1120, 1), (1, 168, 1120, 1)]


def season(rng: np.random.Generator, n_users: int, new: float, since: int = 49) -> pl.DataFrame:
    """Users with likings of their own, weekends on other topics, and from `since` new topics.

    Half of a new topic's inputs are on no topic, half at the edge of old ones.
    """
    n_days, n_cells = 56, 20
    rate = rng.pareto(1.5, n_users) + 0.2
    rate = np.minimum(rate, rate.sum() * 0.05)
    day = np.repeat(np.arange(n_days), rng.poisson(150, n_days))
    user = rng.choice(n_users, len(day), p=rate / rate.sum())
    weekend = np.array([ago(n_days - 1 - i).weekday() >= 5 for i in range(n_days)])
    base = np.where(weekend[:, None], np.arange(1, n_cells + 1), np.arange(n_cells, 0, -1))
    mix = base[day] * rng.gamma(2.0, 0.5, (n_users, n_cells))[user]
    cell = (mix.cumsum(axis=1) < rng.random((len(day), 1)) * mix.sum(axis=1, keepdims=True)).sum(1)
    is_new = rng.random(len(day)) < new * (day >= since)
    cell = np.where(is_new & (rng.random(len(day)) < 0.5), -1, cell)
    similarity = 0.7 + rng.normal(0, 0.07, len(day)) - 0.14 * is_new
    return pl.DataFrame(
        {
            "day": [ago(n_days - 1 - int(i)) for i in day],
            "cell": cell,
            "user_key": user,
            "bucket": rng.permutation(n_users)[user] % 64,
            "similarity_bin": np.floor(50 * similarity).astype(np.int64),
        }
    ).with_columns(feature_id=pl.lit("help"), is_user=pl.lit(value=True), n=pl.lit(1)).select(
        pl.col(name).cast(kind) for name, kind in USER_CELLS.items()
    )  # fmt: skip


@pytest.mark.parametrize("n_users", [30, 300])
def test_seasons_and_likings_are_no_growth(n_users: int) -> None:
    suite = cases(list(range(0, 20, 2)), added=ago(200))
    found = []
    for seed in range(15):
        traffic = season(np.random.default_rng(seed), n_users, 0.0)
        found += [judge(traffic, suite, day=ago(age)).status for age in (0, 4, 9)]
    assert found.count(Status.WARN) == 0
    assert found.count(Status.PASS) >= 30


def test_growth_is_found_within_a_week() -> None:
    suite = cases(list(range(20)), added=ago(200))
    found = [
        judge(season(np.random.default_rng(50 + seed), 200, 0.35), suite).status
        for seed in range(20)
    ]
    assert found.count(Status.WARN) >= 19
