"""Uninstrumented time: the gap by hand, at the edge, thin data, lost spans, and time."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.stage_latency.uninstrumented_time import (
    HISTORY_DAYS,
    Params,
    check,
    figure,
)
from llmops_health_tests.health.stage_latency.simulate import (
    FEATURE,
    LAST,
    REQUEST,
    TIMES,
    ago,
    even,
    known_on,
    times,
)

GAP = {"llm": 600.0, REQUEST: 400.0}


def judge(rows: pl.DataFrame, *, day: date = LAST, params: Params | None = None) -> Finding:
    [found] = check(FEATURE, day, known_on(rows, day, HISTORY_DAYS), params or Params())
    return found


def with_kind(rows: pl.DataFrame, kind: str, share: float) -> pl.DataFrame:
    """Let a share of the requests have spans of another kind."""
    whole = (pl.col("stage") == REQUEST) & (pl.col("kind") == "total")
    some = rows.filter(whole).with_columns(
        kind=pl.lit(kind), stage=pl.lit("tool"), n=(pl.col("n") * share).cast(pl.Int64)
    )
    return pl.concat([rows, some])


def test_the_gap_is_what_no_child_covers() -> None:
    found = judge(even(7, 20, GAP))
    assert found.status is Status.WARN
    assert found.value == pytest.approx(0.4)
    assert found.n == 140
    assert found.message == (
        "No span explains 40 % [40, 40] of the time of 140 traced requests in 7 days (400 ms each)."
    )
    assert found.action.startswith("Add spans")


@pytest.mark.parametrize(("limit", "status"), [(0.399, Status.WARN), (0.401, Status.PASS)])
def test_the_lower_end_decides(limit: float, status: Status) -> None:
    assert judge(even(7, 20, GAP), params=Params(max_share=limit)).status is status


@pytest.mark.parametrize(("least", "status"), [(400.0, Status.WARN), (401.0, Status.PASS)])
def test_a_short_gap_is_no_matter(least: float, status: Status) -> None:
    assert judge(even(7, 20, GAP), params=Params(min_ms=least)).status is status


def test_requests_without_a_gap_pass() -> None:
    found = judge(even(7, 20, {"llm": 600.0}))
    assert (found.status, found.value) == (Status.PASS, 0)


def test_lost_spans_are_told_and_looked_for() -> None:
    rows = even(7, 40, GAP, n_buckets=10)
    found = judge(with_kind(with_kind(rows, "orphan", 0.5), "skewed", 0.25))
    assert "50 % have spans whose parent is missing, 25 % have spans that a clock" in found.message
    assert found.action.startswith("Find out where spans are lost")
    assert judge(with_kind(rows, "async", 0.5)).action.startswith("Add spans")


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (even(7, 14, GAP), Status.NOT_ENOUGH_DATA),
        (even(7, 20, GAP, n_buckets=7), Status.NOT_ENOUGH_DATA),
        (pl.DataFrame(schema=TIMES), Status.NOT_APPLICABLE),
    ],
)
def test_thin_data_is_never_a_pass(rows: pl.DataFrame, status: Status) -> None:
    assert judge(rows).status is status


def test_a_wide_interval_cannot_tell() -> None:
    rng = np.random.default_rng(2)
    rows = times(rng, 7, 20, usual={"llm": 300.0, REQUEST: 150.0}, noise=2.5)
    assert judge(rows).message.startswith("Cannot tell: no span explains")


def test_days_later_are_not_known() -> None:
    rows = even(14, 20, {"llm": 600.0})
    later = pl.concat([rows.filter(pl.col("day") <= ago(5)), even(5, 20, GAP)])
    assert judge(later, day=ago(5)) == judge(rows, day=ago(5))


def test_the_picture_shows_each_day() -> None:
    rows = even(7, 20, GAP).filter(pl.col("day") != ago(3))
    shown = figure(FEATURE, LAST, rows, Params())
    assert shown is not None
    values = [one.value for one in shown.days]
    assert len(values) == HISTORY_DAYS
    assert values[-3:] == pytest.approx([40, 40, 40])
    assert values[-4] is None
    assert shown.limit == pytest.approx(30)
    assert figure(FEATURE, LAST, pl.DataFrame(schema=TIMES), Params()) is None


@pytest.mark.slow
def test_no_alarm_on_healthy_features_and_one_on_each_that_is_not() -> None:
    healthy, found = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n_users = int(rng.choice([30, 100, 300]))
        rows = times(rng, 40, 150, n_users=n_users, user_sd=0.3)
        healthy += [judge(rows, day=ago(age)).status for age in range(25)]
        # A step of 1.2 s loses its span in the last seven days.
        since = np.where(np.arange(20) < 13, 1.0, 20.0)
        broken = times(rng, 20, 150, n_users=n_users, factor={REQUEST: since})
        found += any(judge(broken, day=ago(age)).status is Status.WARN for age in range(7))
    assert set(healthy) == {Status.PASS}
    assert found >= 19
