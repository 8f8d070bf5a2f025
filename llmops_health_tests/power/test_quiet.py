"""Quiet histories: days are exchanged whole, nothing that changed is left, the season is."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.power.quiet import QuietHistory, quiet_history, replayed_days

SUNDAY = date(2026, 5, 3)


def days(n: int) -> list[date]:
    return [SUNDAY - timedelta(days=n - 1 - at) for at in range(n)]


def counts(n_days: int, rows_a_day: int = 12) -> pl.DataFrame:
    """One row per day and place; `x` says on which day a row was, `at` the place in its day."""
    listed = [day for day in days(n_days) for _ in range(rows_a_day)]
    return pl.DataFrame(
        {
            "day": listed,
            "at": list(range(rows_a_day)) * n_days,
            "x": [day.toordinal() for day in listed],
        }
    ).with_columns(seen_at=pl.col("day").cast(pl.Datetime("us")) + timedelta(hours=9))


def arranged(rows: pl.DataFrame, seed: int = 1, **others: pl.DataFrame) -> QuietHistory:
    tables = {"summary__counts": rows, **others}
    return quiet_history(tables, replayed_days(tables, SUNDAY), SUNDAY, seed)


def source_of(quiet: QuietHistory, table: str = "summary__counts") -> dict[date, date]:
    """Which day stands on each new one; fails where a day is made of two."""
    found = quiet.tables[table].group_by("day").agg(pl.col("x").unique())
    assert (found["x"].list.len() == 1).all()
    return {day: date.fromordinal(x[0]) for day, x in found.iter_rows()}


def test_whole_days_change_places_with_the_same_weekday() -> None:
    quiet = arranged(counts(60))
    source = source_of(quiet)
    assert quiet.n_days == 56
    assert sorted(source) == days(112)
    assert all(new.weekday() == old.weekday() for new, old in source.items())
    assert sorted(source[day] for day in days(56)) == days(56)
    assert sum(source[day] == day for day in days(56)) < 20
    assert quiet.tables["summary__counts"].group_by("day").len()["len"].unique().to_list() == [12]


def test_any_56_days_in_a_row_differ() -> None:
    source = source_of(arranged(counts(60)))
    assert all(source[day] == source[day - timedelta(days=56)] for day in days(56))


def test_every_table_has_the_same_arrangement() -> None:
    quiet = arranged(counts(60), summary__other=counts(60, 3))
    assert source_of(quiet) == source_of(quiet, "summary__other")


def test_another_seed_is_another_arrangement_and_the_order_of_rows_is_none() -> None:
    rows = counts(60)
    one, again = arranged(rows), arranged(rows.sample(fraction=1, shuffle=True, seed=3))
    assert one.tables["summary__counts"].equals(again.tables["summary__counts"])
    assert source_of(one) != source_of(arranged(rows, seed=2))


def test_times_go_with_their_day() -> None:
    rows = arranged(counts(60)).tables["summary__counts"]
    assert (rows["seen_at"].dt.date() == rows["day"]).all()
    assert (rows["seen_at"].dt.hour() == 9).all()


def test_a_step_is_gone() -> None:
    rows = counts(56).with_columns(x=(pl.col("day") > SUNDAY - timedelta(days=20)).cast(pl.Int64))
    quiet = arranged(rows).tables["summary__counts"]
    newest = quiet.filter(pl.col("day") > SUNDAY - timedelta(days=20))
    assert 0.1 < float(newest["x"].mean()) < 0.7  # type: ignore[arg-type]


def test_a_day_lost_from_a_busy_log_is_replaced() -> None:
    lost = SUNDAY - timedelta(days=10)
    source = source_of(arranged(counts(60).filter(pl.col("day") != lost)))
    assert sorted(source) == days(112)
    assert lost not in source.values()


def test_a_day_without_rows_is_normal_where_rows_are_rare() -> None:
    empty = [SUNDAY - timedelta(days=at) for at in (3, 10, 24)]
    source = source_of(arranged(counts(60, 2).filter(~pl.col("day").is_in(empty))))
    assert len([day for day in days(56) if day not in source]) == 3


def test_cases_and_codebooks_have_always_been_there() -> None:
    cases = pl.DataFrame(
        {
            "case_id": ["old", "new", "gone"],
            "added_at": [None, date(2026, 4, 20), date(2026, 4, 1)],
            "retired_at": [None, None, date(2026, 4, 21)],
            "fitted_on": [SUNDAY - timedelta(days=30)] * 3,
        }
    ).with_columns(pl.col("added_at", "retired_at").cast(pl.Datetime("us")))
    quiet = arranged(counts(60), core__eval_cases=cases).tables["core__eval_cases"]
    assert set(quiet["case_id"]) == {"old", "new"}
    assert quiet["added_at"].null_count() == 2
    assert quiet["fitted_on"].unique().to_list() == [days(112)[0] - timedelta(days=1)]


def repeats(changed_by: float) -> pl.DataFrame:
    """400 prompts, each on two days, whose answers now are longer than before."""
    rng = np.random.default_rng(4)
    same = {"day": [SUNDAY - timedelta(days=at % 56) for at in range(800)]}
    measures = ("ln_chars", "refusal", "formatted", "json", "hedged")
    before = {f"{name}_before": rng.normal(size=800) for name in measures}
    now = {f"{name}_now": before[f"{name}_before"] + changed_by for name in measures}
    labels = {"label_agreement": [None] * 800, "label_agreement_before": [None] * 800}
    return pl.DataFrame({**same, "prompt_key": [at // 2 for at in range(800)], **before, **now,
                         **labels})  # fmt: skip


def test_now_and_before_change_places_for_every_second_prompt() -> None:
    quiet = arranged(counts(60), summary__repeats=repeats(0.5)).tables["summary__repeats"]
    change = (pl.col("ln_chars_now") - pl.col("ln_chars_before")).round(6)
    per_prompt = quiet.group_by("prompt_key").agg(change.unique())
    assert (per_prompt["ln_chars_now"].list.len() == 1).all()
    signs = per_prompt["ln_chars_now"].list.first()
    assert set(signs) == {-0.5, 0.5}
    # 400 fair coins: 3 standard errors of the mean of -0.5 and 0.5.
    assert abs(float(signs.mean())) < 3 * 0.5 / 400**0.5  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "replayed"), [(6, 0), (13, 7), (40, 35), (56, 56), (200, 56)])
def test_whole_weeks_are_replayed(n: int, replayed: int) -> None:
    assert replayed_days({"summary__counts": counts(n)}, SUNDAY) == days(replayed)


def test_nothing_is_replayed_without_rows() -> None:
    assert replayed_days({"core__eval_cases": counts(3).drop("day")}, SUNDAY) == []


def test_a_standing_alarm_is_left_out_with_the_week_before_it() -> None:
    tables = {"summary__counts": counts(60)}
    stood = [SUNDAY - timedelta(days=at) for at in range(12, 19)]
    replayed = replayed_days(tables, SUNDAY, stood)
    assert replayed == [day for day in days(56) if day < stood[-1] - timedelta(days=7)][-28:]
    assert replayed_days(tables, SUNDAY, stood[:4]) == days(56)


def test_after_an_early_change_the_newer_days_are_replayed() -> None:
    stood = [SUNDAY - timedelta(days=at) for at in range(40, 46)]
    replayed = replayed_days({"summary__counts": counts(60)}, SUNDAY, stood)
    assert replayed == days(42)


def test_an_alarm_is_no_reason_where_outcomes_are_drawn_anew() -> None:
    stood = days(30)
    assert replayed_days({"summary__calibration": counts(60)}, SUNDAY, stood) == days(56)
