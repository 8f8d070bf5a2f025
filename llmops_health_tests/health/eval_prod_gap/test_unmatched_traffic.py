"""Unmatched traffic: each share by hand and at its edge, thin data, and clean worlds."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_prod_gap.unmatched_traffic import HISTORY_DAYS, Params, check
from llmops_health_tests.health.eval_prod_gap.simulate import (
    FEATURE,
    LAST,
    PAIRED,
    World,
    ago,
    named_on,
)

Tables = tuple[pl.DataFrame, pl.DataFrame]


def judge(tables: Tables, day: date = LAST, params: Params | None = None) -> Finding:
    known = named_on(tables, PAIRED, day, HISTORY_DAYS)
    [found] = check(feature=FEATURE, day=day, params=params or Params(), **known)
    return found


def world(seed: int, **changed: pl.Expr) -> Tables:
    compared, matches = World(n_days=10, misplaced=0.0).tables(np.random.default_rng(seed))
    return compared, matches.with_columns(**changed)


def share_below(share: float, *, is_eval: bool) -> pl.Expr:
    """Put a share of one side's rows below the caliper, by the case or call."""
    place = pl.col("call_id").str.slice(1).cast(pl.Int64) * 0.6180339887 % 1
    if is_eval:
        # Every case is asked every day: the 40 of a day stand in one order.
        place = (pl.col("call_id").str.slice(1).cast(pl.Int64) % 40) / 40
    side = pl.col("is_eval") if is_eval else ~pl.col("is_eval")
    low = pl.when(place < share).then(0.3).otherwise(0.9)
    return pl.when(side).then(low).otherwise(0.9)


def test_evals_like_production_pass_with_their_shares() -> None:
    found = judge(world(1, similarity=share_below(0.2, is_eval=False)))
    assert found.status is Status.PASS
    assert found.value == pytest.approx(0.2, abs=0.01)
    assert "0 % [0, 21] of 40 eval inputs have no like in production" in found.message
    assert "leaves 100 % [100, 100] of them" in found.message
    assert "Largest standardized difference of length and language" in found.message


@pytest.mark.parametrize(("share", "status"), [(0.45, Status.PASS), (0.65, Status.WARN)])
def test_production_off_the_support(share: float, status: Status) -> None:
    found = judge(world(2, similarity=share_below(share, is_eval=False)))
    assert (found.status, found.threshold) == (status, 0.5)
    assert found.value == pytest.approx(share, abs=0.02)
    if status is Status.WARN:
        assert found.lo is not None
        assert found.lo > 0.5
        assert found.message.startswith("Most of production is unlike any eval input: ")


@pytest.mark.parametrize(("share", "status"), [(0.7, Status.PASS), (0.8, Status.WARN)])
def test_eval_inputs_without_a_like(share: float, status: Status) -> None:
    # Wilson's interval of 32 of 40 at 99.9 % begins at 0.541, of 28 of 40 below 0.5.
    found = judge(world(3, similarity=share_below(share, is_eval=True)))
    assert found.status is status
    if status is Status.WARN:
        assert found.value == 0.8
        assert found.lo == pytest.approx(0.5407, abs=5e-4)
        assert found.message.startswith("Most eval inputs have no like in production: 80 % [54, 9")


@pytest.mark.parametrize(("heavy", "status"), [(0.5, Status.PASS), (0.15, Status.WARN)])
def test_few_calls_that_can_stand_for_the_evals(heavy: float, status: Status) -> None:
    place = pl.col("call_id").str.slice(1).cast(pl.Int64) * 0.6180339887 % 1
    weight = pl.when(~pl.col("is_eval")).then(pl.when(place < heavy).then(1.0).otherwise(1e-3))
    found = judge(world(4, odds_weight=weight))
    assert found.status is status
    if status is Status.WARN:
        assert found.value == pytest.approx(0.15, abs=0.02)
        assert found.threshold == 0.3


def test_without_weights_the_rest_is_still_judged() -> None:
    found = judge(world(5, odds_weight=pl.lit(None, pl.Float64)))
    assert found.status is Status.PASS
    assert "weighting" not in found.message


def test_unlike_lengths_are_said() -> None:
    compared, matches = world(6)
    longer = compared.with_columns(
        ln_input_chars=pl.when("is_eval")
        .then(pl.col("ln_input_chars") + 0.2)
        .otherwise("ln_input_chars")
    )
    assert "difference of length and language: 1.9" in judge((longer, matches)).message or (
        "difference of length and language: 2." in judge((longer, matches)).message
    )


def test_clean_worlds_raise_no_alarm() -> None:
    found = []
    for seed in range(12):
        tables = World(n_days=10, n_users=30, whale=0.3).tables(np.random.default_rng([7, seed]))
        near = tables[1].with_columns(similarity=share_below(0.12, is_eval=False))
        found.append(judge((tables[0], near)).status)
    # Where one user asks most there are too few to tell.
    assert Status.WARN not in found
    assert found.count(Status.PASS) >= 6


def test_thin_data_is_never_a_pass() -> None:
    compared, matches = world(8)
    few = matches.filter(pl.col("is_eval") | (pl.col("day") > ago(1)))
    assert judge((compared, few), params=Params(min_calls=400)).status is Status.NOT_ENOUGH_DATA
    [none, alone] = [
        judge((compared, matches.clear())),
        judge((compared.with_columns(bucket=pl.lit(3, pl.Int32)), matches)),
    ]
    assert none.status is alone.status is Status.NOT_ENOUGH_DATA
    assert none.message.startswith("0 eval inputs and 0 sampled production calls of 7 days")


def test_without_eval_calls_there_is_nothing_to_judge() -> None:
    compared, matches = world(9)
    found = judge((compared.filter(~pl.col("is_eval")), matches))
    assert found.status is Status.NOT_APPLICABLE


def test_nothing_later_than_the_day_is_used() -> None:
    compared, matches = world(10)
    far = matches.with_columns(
        similarity=pl.when(pl.col("day") > ago(5)).then(0.1).otherwise("similarity")
    )
    before = compared.filter(pl.col("day") <= ago(5)), matches.filter(pl.col("day") <= ago(5))
    assert judge((compared, far)).status is Status.WARN
    assert judge((compared, far), ago(5)) == judge(before, ago(5))
