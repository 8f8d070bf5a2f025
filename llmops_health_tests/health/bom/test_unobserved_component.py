"""Unobserved component: by hand, at the edges, in a normal life, and when a part goes."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.bom.unobserved_component import HISTORY_DAYS, Params, check
from llmops_health_tests.health.bom.simulate import (
    FEATURE,
    HOSTILE,
    at,
    edges,
    life,
    listed,
    observed,
    on,
    part,
    row,
    until,
)

LAST = 27
MODEL = part("hosted_model", "corvid-large")
OLD = part("model", "old-model")
NONE = edges()


def usual(n: int = 20, first: int = 0) -> list[dict[str, Any]]:
    """Twenty calls on each of 28 days: 560 that name their model."""
    return [row(day, "model", "corvid-large-2026-05", n, n_of=n) for day in range(first, 28)]


def judge(
    rows: pl.DataFrame, *parts: dict[str, Any], links: pl.DataFrame = NONE, day: int = LAST
) -> Finding:
    seen = until(rows, day, HISTORY_DAYS)
    [found] = check(FEATURE, on(day), seen, listed(*parts), links, Params())
    return found


def test_a_part_that_no_call_shows_warns() -> None:
    found = judge(observed(*usual()), MODEL, OLD)
    assert (found.status, found.value, found.n) == (Status.WARN, 1.0, 560)
    assert found.message == (
        "1 of 2 listed parts did not show in 560 calls of 28 days: model old-model; one used in "
        "1% of 459 calls that name such parts shows with 99%."
    )
    assert "old-model" in found.action


def test_of_459_calls_one_shows_a_part_of_one_in_a_hundred() -> None:
    # 0.99^458 = 0.01002, 0.99^459 = 0.00992.
    assert Params().min_named == 459
    for n, status in ((17, Status.WARN), (16, Status.PASS)):
        assert judge(observed(*usual(n)), MODEL, OLD).status is status
    few = judge(observed(*usual(16)), MODEL, OLD)
    assert "Cannot tell, since too few calls name such parts: model old-model." in few.message
    alone = judge(observed(*usual(16)), OLD)
    assert alone.status is Status.NOT_ENOUGH_DATA


def test_a_log_of_less_than_three_weeks_cannot_tell() -> None:
    for first, status in ((7, Status.WARN), (8, Status.PASS)):
        assert judge(observed(*usual(200, first)), MODEL, OLD).status is status


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        ({"deprecated_on": at(LAST)}, Status.PASS, "Withdrawn, and not used any more"),
        ({"deprecated_on": at(LAST + 1)}, Status.WARN, "did not show"),
        ({"listed_on": at(1)}, Status.PASS, "Listed for less than 28 days"),
        ({"listed_on": at(-1)}, Status.WARN, "did not show"),
        ({"of_feature": None}, Status.PASS, "shows 1 of 1"),
        ({"of_feature": "b"}, Status.PASS, "shows 1 of 1"),
        ({"kind": "library"}, Status.PASS, "shows 1 of 1"),
        ({"kind": "checkpoint"}, Status.PASS, "shows 1 of 1"),
        ({"listed_on": at(LAST + 1, 0)}, Status.PASS, "shows 1 of 1"),
    ],
)
def test_who_is_blamed(given: dict[str, Any], status: Status, told: str) -> None:
    found = judge(observed(*usual()), MODEL, OLD | given)
    assert found.status is status
    assert told in found.message


def test_checkpoints_that_are_served_are_asked_and_bases_are_not() -> None:
    tuned = part("checkpoint", "tuned", component_id="tuned")
    base = part("model", "base", component_id="base")
    rows = observed(*usual())
    served = edges(("tuned", "vllm", "served_by"))
    assert judge(rows, MODEL, tuned, links=served).status is Status.WARN
    derived = edges(("tuned", "base", "derived_from"))
    assert judge(rows, MODEL, base, links=derived).status is Status.PASS
    assert judge(rows, MODEL, base).status is Status.WARN


def test_tools_and_prompts_that_are_never_logged_cannot_be_told() -> None:
    parts = (MODEL, part("tool", "search"), part("prompt", "answer", "v1"))
    silent = [row(day, kind, None, 20, n_of=20) for day in range(28) for kind in ("tool", "prompt")]
    assert judge(observed(*usual(), *silent), *parts).status is Status.PASS
    other = [row(day, "tool", "read", 20, n_of=20) for day in range(28)]
    found = judge(observed(*usual(), *other), *parts)
    assert found.status is Status.WARN
    assert "tool search" in found.message
    assert "Cannot tell, since too few calls name such parts: prompt answer." in found.message


def test_a_listed_version_that_is_not_the_one_in_use_is_not_seen() -> None:
    found = judge(observed(*usual()), part("hosted_model", "corvid-large", "2026-01"))
    assert found.status is Status.WARN
    # What the list said before of the same part is its history.
    history = [part("hosted_model", "corvid-large", version) for version in ("2026-01", "2026-05")]
    assert judge(observed(*usual()), *history).status is Status.PASS


def test_a_list_that_withdraws_a_part_later_counts_from_its_day() -> None:
    before = OLD | {"listed_on": at(-40)}
    after = OLD | {"listed_on": at(LAST + 1), "deprecated_on": at(0), "sha256": "b"}
    rows = observed(*usual())
    assert judge(rows, MODEL, before, after).status is Status.WARN
    known = after | {"listed_on": at(LAST)}
    assert judge(rows, MODEL, before, known).status is Status.PASS


def test_without_parts_it_does_not_apply_and_without_traffic_it_cannot_tell() -> None:
    assert judge(observed(*usual())).status is Status.NOT_APPLICABLE
    assert judge(observed(), MODEL).status is Status.NOT_ENOUGH_DATA
    evals = observed(*(one | {"run_kind": "eval"} for one in usual()))
    assert judge(evals, MODEL).status is Status.NOT_ENOUGH_DATA


def test_nothing_after_the_day_is_used() -> None:
    later = observed(*usual(), row(LAST + 1, "model", "old-model", 20, n_of=20))
    [found] = check(FEATURE, on(LAST), later, listed(MODEL, OLD), NONE, Params())
    assert found.status is Status.WARN


def test_evidence_runs_on_hostile_names() -> None:
    feature = Feature.unlisted(HOSTILE)
    rows = observed(*usual()).with_columns(feature_id=pl.lit(HOSTILE))
    parts = listed(part("tool", HOSTILE, of_feature=HOSTILE), OLD | {"of_feature": HOSTILE})
    [found] = check(feature, on(LAST), rows, parts, NONE, Params())
    with duckdb.connect() as db:
        db.register("rows", parts.to_arrow())
        db.execute("create table summary__listed_parts as select * from rows")
        assert len(db.execute(found.evidence_sql).fetchall()) == 1
    assert "\n" not in found.message


def first_finding(rows: pl.DataFrame, parts: pl.DataFrame, day: int) -> Finding:
    [found] = check(FEATURE, on(day), until(rows, day, HISTORY_DAYS), parts, NONE, Params())
    return found


def test_a_normal_life_blames_the_canary_alone_and_not_before_it_was_silent_for_28_days() -> None:
    rng = np.random.default_rng(3)
    n_judged = 0
    for _ in range(12):
        rows, parts = life(80, rng)
        canary = rows.filter(pl.col("name") == "corvid-next")["day"].max()
        assert isinstance(canary, date)
        for day in range(28, 80):
            found = first_finding(rows, parts, day)
            is_gone = (on(day) - canary).days >= HISTORY_DAYS
            assert found.status is (Status.WARN if is_gone else Status.PASS)
            assert ("1 of 5" in found.message and "corvid-next" in found.message) or not is_gone
            n_judged += 1
    assert n_judged == 624


@pytest.mark.parametrize("per_day", [150, 40])
def test_a_tool_that_goes_is_found_on_the_28th_day(per_day: float) -> None:
    rng = np.random.default_rng(4)
    for _ in range(10):
        rows, parts = life(60, rng, per_day)
        named = (pl.col("kind") == "tool") & pl.col("name").is_not_null()
        is_gone = named & (pl.col("day") >= on(30))
        renamed = rows.with_columns(name=pl.when(is_gone).then(pl.lit("look_up")).otherwise("name"))
        told = [first_finding(renamed, parts, day) for day in (56, 57)]
        assert ["tool search" in one.message for one in told] == [False, True]
        assert told[1].status is Status.WARN
