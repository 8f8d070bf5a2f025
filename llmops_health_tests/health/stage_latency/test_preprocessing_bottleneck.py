"""Preprocessing bottleneck: shares by hand, at the edge, thin data, replayed savings, and time."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.stage_latency.preprocessing_bottleneck import (
    HISTORY_DAYS,
    Params,
    check,
    figure,
)
from llmops_health_tests.health.stage_latency.simulate import (
    FEATURE,
    LAST,
    REQUEST,
    SAMPLES,
    TIMES,
    USUAL,
    ago,
    even,
    known_on,
    samples,
    times,
)

SLOW = {"embed": 100.0, "retrieve": 500.0, "llm": 300.0, REQUEST: 100.0}
PROMISED = Feature.model_validate(
    {"id": FEATURE.id, "kind": "rag", "slo": {"p95_latency_ms": 900.0}}
)


def judge(
    rows: pl.DataFrame,
    sampled: pl.DataFrame | None = None,
    *,
    day: date = LAST,
    params: Params | None = None,
    feature: Feature = FEATURE,
) -> list[Finding]:
    chosen = pl.DataFrame(schema=SAMPLES) if sampled is None else sampled
    known = [known_on(table, day, HISTORY_DAYS) for table in (rows, chosen)]
    return list(check(feature, day, known[0], known[1], params or Params()))


def test_the_share_is_that_of_the_path_before_the_model() -> None:
    whole, retrieve, embed = judge(even(7, 20, SLOW), samples(100, SLOW))
    assert whole.status is Status.WARN
    assert whole.value == pytest.approx(0.6)
    assert whole.n == 140
    assert "60 % [60, 60] of the time of 140 traced requests" in whole.message
    assert "most of it in retrieve (50 %)" in whole.message
    # 900 ms of steps and 100 of the request itself; the guardrail hides behind the model.
    assert "save 250 ms of the 95th percentile" in whole.action
    assert retrieve.segment == "stage = retrieve"
    assert "twice as fast it would save 250 ms" in retrieve.message
    assert "(100 replayed)" in retrieve.message
    assert "at most 1.33 times as fast" in retrieve.message
    assert embed.segment == "stage = embed"
    assert embed.value == pytest.approx(0.1)


@pytest.mark.parametrize(("limit", "status"), [(0.599, Status.WARN), (0.601, Status.PASS)])
def test_the_lower_end_decides(limit: float, status: Status) -> None:
    assert judge(even(7, 20, SLOW), params=Params(max_share=limit))[0].status is status


def test_a_fast_feature_may_spend_its_time_as_it_likes() -> None:
    fast = {name: ms / 10 for name, ms in SLOW.items()}
    assert judge(even(7, 20, fast))[0].status is Status.PASS
    assert judge(even(7, 20, fast), params=Params(min_ms=60))[0].status is Status.WARN


def test_a_broken_promise_needs_action_now() -> None:
    rows = even(7, 20, SLOW)
    [broken, *_] = judge(rows, feature=PROMISED)
    assert broken.status is Status.FAIL
    assert "and 900 ms is promised" in broken.message
    kept = Feature.model_validate(
        {"id": FEATURE.id, "kind": "rag", "slo": {"p95_latency_ms": 1_200.0}}
    )
    assert judge(rows, feature=kept)[0].status is Status.WARN


def test_a_slow_model_is_not_for_this_check() -> None:
    slow = USUAL | {"llm": 9_000.0}
    [found] = judge(even(7, 20, slow), feature=PROMISED)
    assert found.status is Status.PASS
    assert found.value == pytest.approx(270 / 9_330)


def test_which_stages_come_before_can_be_said() -> None:
    tools = {"tool": 500.0, "llm": 300.0}
    assert judge(even(7, 20, tools))[0].status is Status.PASS
    assert judge(even(7, 20, tools), params=Params(before_llm=("tool",)))[0].status is Status.WARN


def test_without_a_model_nothing_is_before_it() -> None:
    [found] = judge(even(7, 20, {"retrieve": 500.0, REQUEST: 100.0}))
    assert found.status is Status.NOT_APPLICABLE
    assert judge(pl.DataFrame(schema=TIMES))[0].status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (even(7, 14, SLOW), "98 traced requests in 7 days, 100 are needed"),
        (even(7, 20, SLOW, n_buckets=7), "are of as few as 7 users, 8 are needed"),
        (even(7, 20, {"llm": 0.0}), "have a length of 0"),
    ],
)
def test_thin_data_is_never_a_pass(rows: pl.DataFrame, says: str) -> None:
    [found] = judge(rows)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert says in found.message


def test_a_wide_interval_cannot_tell() -> None:
    rng = np.random.default_rng(2)
    rows = times(rng, 7, 20, usual={"retrieve": 320.0, "llm": 330.0}, user_sd=0.1, noise=2.5)
    [found] = judge(rows)
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("Cannot tell: ")


def test_days_later_and_other_kinds_of_runs_change_nothing() -> None:
    rows, sampled = even(21, 20, SLOW), samples(50, SLOW, age=10)
    before = judge(rows, sampled, day=ago(10))
    calm = even(10, 50, {"llm": 100.0})
    evals = even(21, 50, {"llm": 5_000.0}).with_columns(run_kind=pl.lit("eval"))
    after = pl.concat([rows.filter(pl.col("day") <= ago(10)), calm, evals])
    kinds = pl.concat([after.filter(pl.col("day") <= ago(10)), calm])
    for table in (after, kinds):
        more = pl.concat([sampled, samples(50, {"llm": 9.0}, age=0)])
        assert judge(table, more, day=ago(10)) == before


def test_savings_without_samples_are_not_told() -> None:
    whole, retrieve, _ = judge(even(7, 20, SLOW))
    assert whole.action == "Make retrieve twice as fast: cache, batch or parallelise it."
    assert "would save" not in retrieve.message


def test_the_picture_holds_every_stage_in_its_order() -> None:
    shown = figure(FEATURE, LAST, even(7, 20, SLOW), samples(50, SLOW), Params())
    assert shown is not None
    assert [stage.label for stage in shown.stages] == ["embed", "retrieve", "llm", "no span"]
    assert sum(stage.critical_ms.value or 0 for stage in shown.stages) == pytest.approx(1_000)
    assert shown.total_ms == pytest.approx(1_000)
    assert [stage.is_chosen for stage in shown.stages] == [True, True, False, False]
    assert "600 ms of it before the LLM; retrieve took most" in shown.description
    assert figure(FEATURE, LAST, even(7, 2, SLOW), samples(5, SLOW), Params()) is None


@pytest.mark.slow
def test_no_alarm_on_healthy_features_and_one_on_each_that_is_not() -> None:
    healthy, found = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n_users = int(rng.choice([30, 100, 300]))
        rows = times(rng, 40, 150, n_users=n_users, user_sd=0.3)
        healthy += [judge(rows, day=ago(age))[0].status for age in range(25)]
        # Retrieval takes nine times as long for the last seven days.
        since = np.where(np.arange(20) < 13, 1.0, 9.0)
        broken = times(rng, 20, 150, n_users=n_users, factor={"retrieve": since})
        found += any(judge(broken, day=ago(age))[0].status is Status.WARN for age in range(7))
    assert set(healthy) == {Status.PASS}
    assert found >= 19
