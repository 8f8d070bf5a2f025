"""Undeclared component: by hand, at the edges, in a normal life, and when a model is planted."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.bom import undeclared_component
from llmops_health.health.bom.undeclared_component import Params, check, figure
from llmops_health_tests.health.bom.simulate import (
    FEATURE,
    HOSTILE,
    LISTED,
    OBSERVED,
    at,
    life,
    listed,
    observed,
    on,
    part,
    row,
    until,
)

MODEL = part("hosted_model", "corvid-large", "2026-05")
USUAL = [row(day, "model", "corvid-large-2026-05", 140) for day in range(7)]
TODAY = 6


def judge(rows: pl.DataFrame, parts: pl.DataFrame, day: int = TODAY) -> list[Finding]:
    seen = until(rows, day, undeclared_component.HISTORY_DAYS)
    return list(check(FEATURE, on(day), seen, parts, Params()))


def whole(*rows: dict[str, object], parts: tuple[dict[str, object], ...] = (MODEL,)) -> Finding:
    return judge(observed(*USUAL, *rows), listed(*parts))[0]


def fallback(n: int, days: range = range(7), **given: object) -> list[dict[str, object]]:
    return [
        row(day, "model", "other-mini", n, asked="corvid-large", **given)  # type: ignore[arg-type]
        for day in days
    ]


def test_what_lists_name_passes_with_the_numbers() -> None:
    found = whole()
    assert (found.status, found.n, found.value) == (Status.PASS, 1050, 0.0)
    assert found.message == (
        "Lists name 1 of 1 models, prompts and tools that 1,050 calls of the last 7 days show."
    )


def test_a_fallback_that_no_list_names_fails() -> None:
    first, single = judge(observed(*USUAL, *fallback(10)), listed(MODEL))
    assert (first.status, first.segment) == (Status.FAIL, "")
    assert (single.status, single.segment) == (Status.FAIL, "model other-mini")
    assert single.message == (
        "model other-mini is on no list and answered 70 of 1,050 calls, 6.7% [4.9%, 8.9%], on 7 of "
        "the last 7 days. It was asked for as corvid-large."
    )
    # Wilson by hand: p 1/15, z 2.5758.
    p, n, z = 70 / 1050, 1050, 2.5758293
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert single.lo == pytest.approx((p + z * z / (2 * n) - half) / (1 + z * z / n))
    assert "corvid-large" in single.action


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (fallback(2, range(2)), Status.PASS),  # four calls
        (fallback(3, range(2)), Status.WARN),  # six on two days
        (fallback(3, range(3)), Status.WARN),
        (fallback(5, range(2)), Status.FAIL),
        (fallback(20, range(1)), Status.PASS),  # one day, 1.9 % of the week
        (fallback(21, range(1)), Status.FAIL),
        (fallback(10, n_errors=10), Status.PASS),  # a typo that only fails
        (fallback(10, run_kind="eval"), Status.PASS),
        (fallback(10, n_errors=8), Status.FAIL),
    ],
)
def test_in_use_is_what_answers_often_enough(rows: list[dict[str, object]], status: Status) -> None:
    assert whole(*rows).status is status


def test_a_share_that_may_be_a_thousandth_warns() -> None:
    for n, status in ((150, Status.WARN), (250, Status.FAIL)):
        usual = [row(day, "model", "corvid-large", 20_000 - n, n_of=20_000) for day in range(7)]
        new = [row(day, "model", "other-mini", n // 7, n_of=20_000) for day in range(7)]
        assert judge(observed(*usual, *new), listed(MODEL))[0].status is status


def test_what_is_rare_is_told() -> None:
    found = whole(*fallback(1, range(3), n_errors=1))
    assert found.status is Status.PASS
    assert "on no list: model other-mini (3 calls, 3 failed)." in found.message


@pytest.mark.parametrize(
    ("kind", "name", "version", "status"),
    [
        ("model", "corvid-large-2026-07", None, Status.WARN),
        ("prompt", "answer", "v1", Status.WARN),
        ("tool", "run_shell", None, Status.FAIL),
        ("embedding_model", "mini-embed", None, Status.FAIL),
    ],
)
def test_kinds(kind: str, name: str, version: str | None, status: Status) -> None:
    rows = [row(day, kind, name, 30, version=version) for day in range(7)]
    assert whole(*rows).status is status


def test_a_model_of_another_feature_or_of_a_later_list_is_not_listed() -> None:
    rows = fallback(10)
    assert whole(*rows, parts=(MODEL, part("model", "other-mini"))).status is Status.PASS
    shared = part("model", "other-mini", of_feature=None)
    assert whole(*rows, parts=(MODEL, shared)).status is Status.PASS
    others = part("model", "other-mini", of_feature="b")
    assert whole(*rows, parts=(MODEL, others)).status is Status.FAIL
    tonight = part("model", "other-mini", listed_on=at(TODAY, 23))
    assert whole(*rows, parts=(MODEL, tonight)).status is Status.PASS
    tomorrow = part("model", "other-mini", listed_on=at(TODAY + 1, 0))
    assert whole(*rows, parts=(MODEL, tomorrow)).status is Status.FAIL


def test_without_a_list_it_does_not_apply() -> None:
    for parts in (
        (),
        (part("model", "corvid-large", of_feature="b"),),
        (part("library", "numpy", of_feature=None), part("application", "help")),
        (part("model", "unrelated", of_feature=None),),
        (MODEL | {"listed_on": at(TODAY + 1)},),
    ):
        [found] = judge(observed(*USUAL), listed(*parts))
        assert found.status is Status.NOT_APPLICABLE
        assert "list its models" in found.message
    shared = listed(MODEL | {"of_feature": None})
    assert judge(observed(*USUAL), shared)[0].status is Status.PASS


def test_few_calls_cannot_tell() -> None:
    # 0.95^90 = 0.0099: of 90 calls one shows a part of a twentieth with 99 %.
    assert Params().min_named == 90
    for n, status in ((89, Status.NOT_ENOUGH_DATA), (90, Status.PASS)):
        rows = observed(row(6, "model", "corvid-large-2026-05", n), row(6, "model", None, 150 - n))
        assert judge(rows, listed(MODEL))[0].status is status
    [none] = judge(observed(), listed(MODEL))
    assert (none.status, none.n) == (Status.NOT_ENOUGH_DATA, 0)


def test_few_calls_can_tell_what_they_show() -> None:
    rows = [row(day, "model", "other-mini", 10, n_of=12) for day in range(7)]
    assert judge(observed(*rows), listed(MODEL))[0].status is Status.FAIL


def test_nothing_after_the_day_is_used() -> None:
    later = observed(*USUAL, *fallback(50, range(7, 9)))
    [found] = check(FEATURE, on(TODAY), later, listed(MODEL), Params())
    assert found.status is Status.PASS


def test_unknown_calls_count_only_where_none_is_production() -> None:
    rows = [one | {"run_kind": "unknown"} for one in (*USUAL, *fallback(10))]
    assert judge(observed(*rows), listed(MODEL))[0].status is Status.FAIL
    mixed = [*USUAL, *(one | {"run_kind": "unknown"} for one in fallback(10))]
    assert judge(observed(*mixed), listed(MODEL))[0].status is Status.PASS


def test_many_undeclared_parts_have_twenty_segments() -> None:
    rows = [row(day, "tool", f"tool {at}", 5 + at) for day in range(7) for at in range(30)]
    findings = judge(observed(*USUAL, *rows), listed(MODEL))
    assert len(findings) == 21
    assert findings[1].segment == "tool tool 29"
    assert len({one.segment for one in findings}) == 21
    assert findings[0].message.startswith("30 parts are in use")


@pytest.mark.parametrize("name", [HOSTILE, "x" * 500])
def test_evidence_runs_and_shows_rows_of_hostile_names(name: str) -> None:
    feature = Feature.unlisted(HOSTILE)
    rows = observed(*USUAL, *(row(day, "tool", name, 60) for day in range(7)))
    rows = rows.with_columns(feature_id=pl.lit(HOSTILE))
    parts = listed(MODEL | {"of_feature": HOSTILE})
    findings = list(check(feature, on(TODAY), rows, parts, Params()))
    assert [one.status for one in findings] == [Status.FAIL] * 2
    with duckdb.connect() as db:
        db.register("rows", rows.to_arrow())
        db.execute("create table summary__observed_components as select * from rows")
        shown = [db.execute(one.evidence_sql).fetchall() for one in findings]
    assert [len(one) for one in shown] == [14, 7]
    assert all(one.action and "\n" not in one.segment + one.message for one in findings)
    assert len(findings[1].segment) <= 90


def test_the_figure_marks_what_no_list_names() -> None:
    shown = figure(FEATURE, on(6), observed(*USUAL, *fallback(10)), listed(MODEL), Params())
    assert shown is not None
    assert [(one.label, one.is_chosen) for one in shown.parts] == [
        ("corvid-large-2026-05", False), ("other-mini (not listed)", True),
    ]  # fmt: skip
    nothing = pl.DataFrame(schema=OBSERVED), pl.DataFrame(schema=LISTED)
    assert figure(FEATURE, on(6), *nothing, Params()) is None


def test_a_normal_life_does_not_fail() -> None:
    rng = np.random.default_rng(20260101)
    statuses: list[Status] = []
    for _ in range(16):
        rows, parts = life(70, rng)
        statuses += [judge(rows, parts, day)[0].status for day in range(7, 70)]
    assert len(statuses) > 1000
    assert statuses.count(Status.FAIL) <= 1
    # Somebody tries a model by hand, twice in a week.
    assert statuses.count(Status.WARN) <= 30
    assert statuses.count(Status.PASS) > 0.96 * len(statuses)


@pytest.mark.parametrize(("share", "within"), [(0.02, 7), (0.05, 3)])
def test_a_new_model_is_found_in_time(share: float, within: int) -> None:
    rng = np.random.default_rng(7)
    n_found = 0
    for _ in range(60):
        rows, parts = life(30, rng)
        planted = rows.filter((pl.col("kind") == "model") & (pl.col("n_errors") == 0))
        n = dict(planted.group_by("day").agg(pl.col("n_of").max()).iter_rows())
        new = [
            row(day, "model", "shadow-x", int(k), n_of=n[on(day)])
            for day in range(20, 20 + within)
            if (k := rng.binomial(n[on(day)], share))
        ]
        whole_rows = pl.concat([rows, observed(*new)])
        days = range(20, 20 + within)
        n_found += any(judge(whole_rows, parts, day)[0].status is Status.FAIL for day in days)
    assert n_found >= 57
