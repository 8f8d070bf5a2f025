"""The demo world's settings, evals, habits and traces: what is planted is really there."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.demo.texts import REFUSALS
from llmops_health.demo.world import World, make_world

CALENDAR = Calendar.ending(faults.LAST_DAY, faults.DESIGN_DAYS)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def prod(world: World, feature_id: str) -> pl.DataFrame:
    return world.calls[feature_id].filter(pl.col("run_kind") == "prod")


def evals(world: World, feature_id: str) -> pl.DataFrame:
    return world.calls[feature_id].filter(pl.col("run_kind") == "eval")


def since(day: int) -> pl.Expr:
    return pl.col("_day") >= CALENDAR.index(day)


def test_somebody_turns_the_temperature_of_production_alone(world: World) -> None:
    calls = prod(world, faults.SUPPORT_INTENTS)
    assert set(calls.filter(~since(faults.HOT_DAY))["temperature"]) == {0.0}
    assert set(calls.filter(since(faults.HOT_DAY))["temperature"]) == {faults.HOT_TEMPERATURE}
    assert set(evals(world, faults.SUPPORT_INTENTS)["temperature"]) == {0.0}
    assert calls["prompt_version"].n_unique() == 1


def test_a_second_knob_joins_the_first(world: World) -> None:
    calls = world.calls[faults.CODE_AGENT]
    assert set(calls.filter(~since(faults.SECOND_KNOB_DAY))["top_p"]) == {1.0}
    assert set(calls.filter(since(faults.SECOND_KNOB_DAY))["top_p"]) == {faults.SECOND_KNOB_TOP_P}
    assert set(calls["temperature"]) == {0.2}


def test_the_agent_refuses_where_nobody_looks(world: World) -> None:
    def refused(calls: pl.DataFrame) -> float:
        answers = calls["output_text"].drop_nulls()
        return float(answers.is_in(REFUSALS).to_numpy().mean())

    assert refused(prod(world, faults.CODE_AGENT)) == pytest.approx(0.26, abs=0.02)
    assert refused(evals(world, faults.CODE_AGENT)) == pytest.approx(0.01, abs=0.008)


def test_the_evals_of_two_features_are_marked(world: World) -> None:
    systems = {
        kind: set(calls["system_text"])
        for kind, calls in (
            ("prod", prod(world, faults.HELP_RAG)),
            ("eval", evals(world, faults.HELP_RAG)),
        )
    }
    assert len(systems["prod"]) == len(systems["eval"]) == 1
    assert not systems["prod"] & systems["eval"]
    assert evals(world, faults.INVOICE_FIELDS)["input_text"].str.contains("TEST DOCUMENT").all()
    assert not prod(world, faults.INVOICE_FIELDS)["input_text"].str.contains("TEST").any()


def test_the_same_developers_learn_to_be_short(world: World) -> None:
    calls = prod(world, faults.CODE_AGENT).with_columns(
        is_terse=~pl.col("input_text").str.contains(r"[A-Z.,:?]"),
        old=pl.col("_day") < CALENDAR.index(faults.HABIT_DAY),
        late=since(faults.HABIT_DAY + faults.HABIT_RAMP_DAYS),
    )
    assert float(calls.filter("old")["is_terse"].to_numpy().mean()) < 0.01
    late = calls.filter("late")
    share = float(late["is_terse"].to_numpy().mean())
    assert share == pytest.approx(faults.HABIT_SHARE, abs=0.03)
    known = late.filter(pl.col("user_id").is_in(calls.filter("old")["user_id"].unique().implode()))
    assert known.height > 0.95 * late.height


def test_new_users_come_and_write_as_all_do(world: World) -> None:
    calls = prod(world, faults.MODERATION).with_columns(
        is_new=pl.col("user_id").str.starts_with("mod-user-9"),
        length=pl.col("input_text").str.len_chars(),
    )
    assert not calls.filter(~since(faults.NEWCOMER_DAY))["is_new"].any()
    late = calls.filter(since(faults.NEWCOMER_DAY + faults.HABIT_RAMP_DAYS))
    is_new = late["is_new"].to_numpy()
    assert is_new.mean() == pytest.approx(faults.NEWCOMER_SHARE, abs=0.04)
    lengths = late["length"].to_numpy()
    assert lengths[is_new].mean() == pytest.approx(lengths[~is_new].mean(), rel=0.05)


def pass_rates(world: World, suite_id: str) -> dict[tuple[str, str], float]:
    joined = (
        world.eval_results.join(world.eval_runs, on="eval_run_id")
        .filter(pl.col("suite_id") == suite_id)
        .join(world.eval_cases, on=["suite_id", "case_id"])
    )
    rates = joined.group_by("model", "capability").agg(pl.col("score").mean())
    return {(model, capability): rate for model, capability, rate in rates.iter_rows()}


def test_a_fine_tune_wins_one_skill_and_loses_others(world: World) -> None:
    rates = pass_rates(world, "intents-broad")
    moved = {
        name: rates[f"corvid-mini-ft-{faults.N_CHECKPOINTS}", name] - rates["corvid-mini", name]
        for name in ("support", "smalltalk", "german", "typos")
    }
    assert moved["support"] == pytest.approx(0.09, abs=0.04)
    assert moved["german"] == pytest.approx(-0.30, abs=0.07)
    assert moved["typos"] == pytest.approx(-0.22, abs=0.07)
    assert moved["smalltalk"] == pytest.approx(0, abs=0.03)


def test_one_challenger_is_better_and_one_is_not(world: World) -> None:
    for suite_id, gain in (("invoices-broad", faults.CHALLENGER_GAIN), ("moderation-broad", 0.0)):
        rates = pass_rates(world, suite_id)
        gaps = [
            rate - rates["corvid-mini", name]
            for (model, name), rate in rates.items()
            if model == "corvid-mini-2"
        ]
        assert np.mean(gaps) == pytest.approx(gain, abs=0.03)


def test_spans_are_trees_that_end_with_their_request(world: World) -> None:
    spans = world.spans.with_columns(
        end=pl.col("started_at") + (1000 * pl.col("duration_ms")).cast(pl.Int64).cast(
            pl.Duration("us")
        )
    )  # fmt: skip
    assert spans.select(pl.struct("trace_id", "span_id").is_unique().all()).item()
    root = spans.filter(pl.col("parent_span_id").is_null())
    assert root["trace_id"].is_unique().all()
    children = spans.filter(pl.col("parent_span_id").is_not_null())
    joined = children.join(
        spans, left_on=["trace_id", "parent_span_id"], right_on=["trace_id", "span_id"], how="left"
    )
    assert joined["name_right"].null_count() == 0
    slack = timedelta(milliseconds=1)
    assert (joined["started_at"] >= joined["started_at_right"] - slack).all()
    assert (joined["end"] <= joined["end_right"] + slack).all()


def test_reranking_becomes_half_of_the_request(world: World) -> None:
    day = pl.col("started_at").dt.date()
    slow = CALENDAR.date_of(CALENDAR.index(faults.SLOW_STAGE_DAY))
    of_stage = (
        world.spans.filter(pl.col("feature_id") == faults.HELP_RAG)
        .filter(pl.col("name").is_in(["rerank", "request"]))
        .group_by("name", late=day >= slow)
        .agg(pl.col("duration_ms").median())
    )
    found = {(name, late): ms for name, late, ms in of_stage.iter_rows()}
    assert found["rerank", False] / found["request", False] < 0.06
    assert found["rerank", True] / found["request", True] == pytest.approx(0.6, abs=0.08)


def test_nearly_half_of_the_agents_request_becomes_silent(world: World) -> None:
    day = pl.col("started_at").dt.date()
    silent = CALENDAR.date_of(CALENDAR.index(faults.SILENT_TIME_DAY))
    of_trace = (
        world.spans.filter(pl.col("feature_id") == faults.CODE_AGENT)
        .with_columns(is_root=pl.col("parent_span_id").is_null())
        .group_by("trace_id", late=day >= silent)
        .agg(
            total=pl.col("duration_ms").filter("is_root").sum(),
            told=pl.col("duration_ms").filter(~pl.col("is_root")).sum(),
        )
        .filter(pl.col("total") > 0)
        .group_by("late")
        .agg(share=(1 - pl.col("told").sum() / pl.col("total").sum()))
    )
    found = dict(of_trace.iter_rows())
    assert found[False] == pytest.approx(0.01, abs=0.01)
    assert found[True] == pytest.approx(faults.SILENT_TIME_SHARE, abs=0.04)
