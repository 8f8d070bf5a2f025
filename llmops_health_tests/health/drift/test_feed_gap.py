"""Feed gap: missing days, holes, lost fields and duplicates, and what a quiet log looks like."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.figures import ControlChart
from llmops_health.findings import Finding, Status
from llmops_health.health import History
from llmops_health.health.drift.feed_gap import HISTORY_DAYS, Params, check, figure

FIRST_DAY = date(2026, 6, 1)  # a Monday
TRIAGE = Feature(id="triage", kind="classifier")
OFFICE = np.array([0.2] * 7 + [1, 3, 4, 4, 4, 3, 4, 4, 4, 3, 2, 1.5, 1, 0.7, 0.5, 0.4, 0.3])
NO_NULLS = pl.DataFrame(
    schema={
        "day": pl.Date,
        "feature_id": pl.String,
        "run_kind": pl.String,
        "field": pl.String,
        "n": pl.Int64,
        "n_null": pl.Int64,
    }
)
NO_DUPLICATES = pl.DataFrame(
    schema={
        "day": pl.Date,
        "feature_id": pl.String,
        "table_name": pl.String,
        "n_duplicates": pl.Int64,
    }
)


def log(
    seed: int,
    *,
    volume: float = 150,
    weekend: float = 0.55,
    session: int = 3,
    burst_day: int = -1,
    empty: tuple[tuple[int, int, int], ...] = (),
) -> pl.DataFrame:
    """Draw `summary__hours` of 75 days; `empty` are (day, first hour, hour after the last)."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(75):
        expected = volume * (weekend if at % 7 >= 5 else 1) * (3 if at == burst_day else 1)
        n_sessions = rng.poisson(expected * rng.lognormal(0, 0.08) / session)
        hours = rng.choice(24, size=n_sessions, p=OFFICE / OFFICE.sum())
        calls = np.bincount(hours, rng.geometric(1 / session, size=n_sessions), minlength=24)
        for day, start, stop in empty:
            if day == at:
                calls[start:stop] = 0
        day_at = FIRST_DAY + timedelta(days=at)
        rows += [
            (day_at, "triage", "prod", hour, int(calls[hour]), datetime.combine(day_at, time(hour)))
            for hour in np.flatnonzero(calls).tolist()
        ]
    return pl.DataFrame(
        rows,
        schema={
            "day": pl.Date,
            "feature_id": pl.String,
            "run_kind": pl.String,
            "hour": pl.Int64,
            "n": pl.Int64,
            "last_started_at": pl.Datetime("us"),
        },
        orient="row",
    ).with_columns(n_late=pl.lit(0, dtype=pl.Int64), n_dated=pl.lit(0, dtype=pl.Int64))


def judge(
    hours: pl.DataFrame,
    at: int,
    nulls: pl.DataFrame = NO_NULLS,
    duplicates: pl.DataFrame = NO_DUPLICATES,
) -> list[Finding]:
    day = FIRST_DAY + timedelta(days=at)
    log_rows, null_rows, duplicate_rows = (
        History(table).until(day, HISTORY_DAYS) for table in (hours, nulls, duplicates)
    )
    return list(check(TRIAGE, day, log_rows, null_rows, duplicate_rows, Params()))


def test_a_missing_day_fails_for_a_week() -> None:
    hours = log(1, empty=((50, 0, 24),))
    for at in (50, 51, 56):
        whole, missing = judge(hours, at)
        assert whole.status is missing.status is Status.FAIL
        assert missing.segment == "missing days"
        assert "2026-07-21" in missing.message
        assert missing.p_value is not None
        assert missing.p_value < 2e-3
    assert [one.status for one in judge(hours, 57)] == [Status.PASS]


def test_a_log_that_resumes_at_noon_has_a_hole() -> None:
    whole, hole = judge(log(1, empty=((51, 0, 13),)), 51)
    assert (whole.status, hole.status, hole.segment) == (Status.WARN, Status.WARN, "hole")
    assert "from 00:00 to 13:00" in hole.message


def test_a_log_that_stopped_at_noon_is_stale() -> None:
    whole, stale = judge(log(1, empty=((51, 12, 24),)), 51)
    assert (whole.status, stale.status, stale.segment) == (Status.FAIL, Status.FAIL, "stale")


def test_a_feature_that_rests_on_weekends_has_no_gap() -> None:
    hours = log(2, weekend=0)
    assert {judge(hours, at)[0].status for at in range(40, 75)} == {Status.PASS}


def test_the_hours_since_the_last_call_are_told() -> None:
    hours = log(3, empty=((60, 22, 24),))
    last = hours.filter(pl.col("day") == FIRST_DAY + timedelta(days=60))["hour"].max()
    [whole] = judge(hours, 60)
    assert isinstance(last, int)
    assert (whole.value, whole.unit) == (24.0 - last, "hours")


def nulls_of(share: float, before: float, from_day: int, n: int = 100) -> pl.DataFrame:
    days = range(75)
    return pl.DataFrame(
        {
            "day": [FIRST_DAY + timedelta(days=at) for at in days],
            "feature_id": "triage",
            "run_kind": "prod",
            "field": "user_id",
            "n": n,
            "n_null": [round(n * (share if at >= from_day else before)) for at in days],
        },
        schema_overrides={"day": pl.Date},
    )


@pytest.mark.parametrize(("share", "warns"), [(0.21, True), (0.19, False)])
def test_the_floor_of_a_null_share_is_ten_points(share: float, *, warns: bool) -> None:
    found = judge(log(4), 51, nulls_of(share, 0.1, from_day=50, n=1000))
    assert ("null user_id" in {one.segment for one in found}) is warns
    assert found[0].status is (Status.WARN if warns else Status.PASS)


def test_one_day_of_nulls_is_not_enough() -> None:
    assert len(judge(log(4), 50, nulls_of(0.9, 0.1, from_day=50))) == 1


def test_a_field_that_was_never_logged_is_no_gap() -> None:
    assert len(judge(log(4), 51, nulls_of(1.0, 1.0, from_day=50))) == 1


def late_log(
    seed: int, now: float, before: float, days: range, scatter: float = 0.0
) -> pl.DataFrame:
    """A log whose calls come late in this share on the days of the range, and before it."""
    hours, rng = log(seed), np.random.default_rng(seed)
    at = (hours["day"] - FIRST_DAY).dt.total_days().to_numpy()
    share = np.where(np.isin(at, days), now, before) * rng.lognormal(0, scatter, 75)[at]
    n_late = rng.binomial(hours["n"].to_numpy(), np.minimum(share, 1))
    return hours.with_columns(n_late=pl.Series(n_late), n_dated=pl.col("n"))


def by_hour(n_late: int, before: int) -> pl.DataFrame:
    """A thousand calls a day in one hour, of which so many come late on the last day and before."""
    days = [FIRST_DAY + timedelta(days=at) for at in range(75)]
    rows = [
        (day, "triage", "prod", 9, 1000, datetime.combine(day, time(23)), late, 1000)
        for day, late in zip(days, [before] * 74 + [n_late], strict=True)
    ]
    return pl.DataFrame(rows, schema=log(1).schema, orient="row")


@pytest.mark.parametrize(("n_late", "warns"), [(71, True), (69, False)])
def test_the_floor_of_the_late_share_is_five_points(n_late: int, *, warns: bool) -> None:
    found = judge(by_hour(n_late, before=20), 74)
    assert [one.segment for one in found] == (["", "late rows"] if warns else [""])
    assert found[0].status is (Status.WARN if warns else Status.PASS)
    if warns:
        assert "began: 7.1 % of the calls of the day, 2.0 % is usual" in found[1].message
        assert (found[1].value, found[1].threshold) == pytest.approx((0.071, 0.07))


def test_a_few_late_rows_a_day_are_seen_over_a_week() -> None:
    hours = late_log(5, 0.06, 0.0, range(45, 60)).filter(pl.col("hour") < 12)
    late_of_day = hours.filter(pl.col("day") == FIRST_DAY + timedelta(days=51))["n_late"].sum()
    assert late_of_day < Params().min_expected
    _, found = judge(hours, 51)
    assert found.segment == "late rows"
    assert "of 7 days" in found.message


def test_rows_that_always_come_late_are_no_gap() -> None:
    assert len(judge(late_log(6, 0.5, 0.5, range(0)), 60)) == 1


def test_without_updated_at_nothing_is_late() -> None:
    hours = late_log(7, 0.5, 0.0, range(50, 60)).with_columns(n_dated=pl.lit(0, dtype=pl.Int64))
    hours = hours.with_columns(n_late=pl.lit(0, dtype=pl.Int64))
    assert [one.status for one in judge(hours, 55)] == [Status.PASS]


def test_rows_that_became_dated_have_no_past_to_be_late_against() -> None:
    hours = late_log(8, 0.3, 0.0, range(45, 75))
    since = FIRST_DAY + timedelta(days=45)
    undated = pl.when(pl.col("day") >= since).then(pl.col("n_dated")).otherwise(0)
    assert len(judge(hours.with_columns(n_dated=undated), 51)) == 1


@pytest.mark.parametrize(
    ("n_again", "usual", "warns"), [(20, 0, True), (20, 15, False), (9, 0, False)]
)
def test_duplicates_are_held_against_their_usual_share(
    n_again: int, usual: int, *, warns: bool
) -> None:
    days = range(75)
    again = pl.DataFrame(
        {
            "day": [FIRST_DAY + timedelta(days=at) for at in days],
            "feature_id": "triage",
            "table_name": "calls",
            "n_duplicates": [n_again if at == 51 else usual for at in days],
        },
        schema_overrides={"day": pl.Date},
    )
    found = judge(log(4), 51, duplicates=again)
    assert ("duplicates" in {one.segment for one in found}) is warns


def test_an_empty_table_is_not_applicable() -> None:
    [whole] = judge(log(1).clear(), 51)
    assert whole.status is Status.NOT_APPLICABLE


def test_two_weeks_are_warming_up() -> None:
    [whole] = judge(log(1), 13)
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.message.startswith("Warming up")
    assert judge(log(1), 14)[0].status is Status.PASS


def test_few_calls_cannot_tell() -> None:
    [whole] = judge(log(1, volume=6), 60)
    assert whole.status is Status.NOT_ENOUGH_DATA
    assert whole.message.startswith("Cannot tell:")


def test_the_evidence_runs() -> None:
    con = duckdb.connect()
    con.execute("create table core__calls (day date, feature_id varchar, started_at timestamp)")
    nulls = nulls_of(0.9, 0.1, from_day=50)
    duplicates = pl.DataFrame(
        [(FIRST_DAY + timedelta(days=51), "triage", "calls", 90)],
        schema=NO_DUPLICATES.schema,
        orient="row",
    )
    con.execute("create table summary__nulls as select * from nulls")
    con.execute("create table core__duplicates as select * from duplicates")
    hours = log(1, empty=((50, 0, 24), (51, 0, 13)))
    is_new = pl.col("day") > FIRST_DAY + timedelta(days=45)
    hours = hours.with_columns(n_late=pl.when(is_new).then("n").otherwise(0), n_dated="n")
    con.execute("create table summary__hours as select * from hours")
    found = judge(hours, 51, nulls, duplicates)
    segments = {one.segment for one in found}
    assert segments == {"", "missing days", "hole", "null user_id", "late rows", "duplicates"}
    for one in found:
        con.execute(one.evidence_sql)


@pytest.mark.slow
def test_clean_logs_do_not_alarm() -> None:
    alarms = 0
    for seed in range(40):
        hours = log(
            seed,
            volume=(20, 60, 150, 1000)[seed % 4],
            weekend=(0.55, 0, 1, 0.2)[seed // 4 % 4],
            session=(1, 3, 8)[seed % 3],
            burst_day=50,
        )
        judged = (judge(hours, at)[0].status for at in range(30, 75))
        alarms += sum(status in (Status.WARN, Status.FAIL) for status in judged)
    # 0 of 2,700 in a longer run; here 1,800 feature-days.
    assert alarms <= 1


@pytest.mark.slow
def test_late_shares_that_vary_do_not_alarm_and_a_rise_does() -> None:
    alarms, found = 0, 0
    for seed in range(20):
        clean = late_log(seed, 0.0, (0.0, 0.01, 0.05, 0.3)[seed % 4], range(0), scatter=0.3)
        alarms += sum(len(judge(clean, at)) > 1 for at in range(30, 75))
        risen = late_log(seed, 0.2, 0.03, range(50, 75), scatter=0.3)
        found += any("late rows" in {one.segment for one in judge(risen, at)} for at in (51, 56))
    # Of 900 feature-days.
    assert alarms <= 1
    assert found >= 19


@pytest.mark.slow
@pytest.mark.parametrize(
    ("empty", "segment"),
    [((50, 0, 24), "missing days"), ((50, 0, 13), "hole"), ((50, 12, 24), "stale")],
)
def test_nineteen_of_twenty_gaps_are_found_on_their_day(
    empty: tuple[int, int, int], segment: str
) -> None:
    found = (judge(log(100 + seed, empty=(empty,)), 50) for seed in range(20))
    assert sum(segment in {one.segment for one in findings} for findings in found) >= 19


def drawn(hours: pl.DataFrame, at: int, nulls: pl.DataFrame = NO_NULLS) -> ControlChart | None:
    day = FIRST_DAY + timedelta(days=at)
    log_rows, null_rows, duplicate_rows = (
        History(table).until(day, HISTORY_DAYS) for table in (hours, nulls, NO_DUPLICATES)
    )
    return figure(TRIAGE, day, log_rows, null_rows, duplicate_rows, Params())


def test_the_figure_shows_a_missing_day_as_nought() -> None:
    chart = drawn(log(1, empty=((50, 0, 24),)), 51)
    assert chart is not None
    assert chart.title == "Calls logged per day"
    of_day = {one.day: one for one in chart.days}
    missing, before = (of_day[FIRST_DAY + timedelta(days=at)] for at in (50, 43))
    assert missing.value == 0
    assert missing.usual_lo is not None
    assert missing.usual_lo > 0
    assert before.value is not None
    assert before.value > 50
    assert "No call is logged on 2026-07-21" in chart.description


def test_the_figure_shows_a_lost_field() -> None:
    chart = drawn(log(1), 60, nulls_of(0.6, 0.02, 55))
    assert chart is not None
    assert chart.title.startswith("Share of calls per day: ")
    assert chart.title.endswith(" is null")
    assert (chart.days[-1].value, chart.days[-20].value) == (0.6, 0.02)


def test_there_is_no_figure_of_an_empty_log() -> None:
    assert drawn(log(1).clear(), 60) is None
