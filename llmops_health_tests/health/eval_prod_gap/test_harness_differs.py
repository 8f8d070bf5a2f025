"""Harness differs: by hand per field, what is no difference, thin data, and the days that count."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.eval_prod_gap.harness_differs import HISTORY_DAYS, Params, check
from llmops_health_tests.health.eval_prod_gap.simulate import (
    FEATURE,
    HARNESS,
    LAST,
    SAME,
    ago,
    harness,
    named_on,
)

Sides = dict[str, dict[str, dict[str, int]]]
Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def judge(tables: Tables, day: date = LAST) -> list[Finding]:
    known = named_on(tables, HARNESS, day, HISTORY_DAYS)
    return list(check(feature=FEATURE, day=day, params=Params(), **known))


def with_fields(fields: Sides) -> Tables:
    return harness(SAME | fields)


def joined(*parts: Tables) -> Tables:
    named, settings, texts = (pl.concat(tables) for tables in zip(*parts, strict=True))
    return named, settings, texts


def test_the_same_on_both_sides_passes_and_says_what_was_compared() -> None:
    texts = {"system_text": {"prod": {"a" * 64: 100}, "eval": {"a" * 64: 40}}}
    [found] = judge(with_fields(texts))
    assert found.status is Status.PASS
    assert (found.n, found.threshold) == (280, 0.5)
    assert found.message == (
        "280 eval calls of 7 days ran with what 700 production calls ran with (model, prompt "
        "version, system text)."
    )


@pytest.mark.parametrize(
    ("field", "live", "evals", "title", "said"),
    [
        ("request_model", "m-2", "m-1", "model", "m-1 against m-2"),
        ("response_model", "m-2026-05", "m-2026-01", "answering model", "m-2026-01 against"),
        ("prompt_version", "v4", "v3", "prompt version", "v3 against v4"),
        ("system_text", "b" * 64, "a" * 64, "system text", "aaaaaaaa against bbbbbbbb"),
        ("temperature", "0.7", "0.0", "temperature", "0 against 0.7"),
        ("top_p", "0.9", "unset", "top_p", "unset against 0.9"),
        ("max_tokens", "300", "1000", "max_tokens", "1000 against 300"),
    ],
)
def test_another_value_is_named_with_both(
    field: str, live: str, evals: str, title: str, said: str
) -> None:
    whole, part = judge(with_fields({field: {"prod": {live: 100}, "eval": {evals: 40}}}))
    assert whole.status is part.status is Status.WARN
    assert (part.segment, part.value, part.n) == (title, 1.0, 280)
    assert f"{title} ({said}" in whole.message
    assert whole.message.startswith("Evals do not run what production runs: ")
    assert title in part.action


@pytest.mark.parametrize(("n_seen", "status"), [(351, Status.PASS), (350, Status.WARN)])
def test_half_of_production_untested_is_the_edge(n_seen: int, status: Status) -> None:
    fields = {
        "request_model": {"prod": {"m-1": n_seen, "m-2": 700 - n_seen}, "eval": {"m-1": 40}},
        "prompt_version": SAME["prompt_version"],
    }
    assert judge(harness(fields, range(1)))[0].status is status


def test_a_candidate_tried_beside_the_champion_is_no_difference() -> None:
    tried = {"request_model": {"prod": {"m-1": 100}, "eval": {"m-1": 10, "m-2": 30}}}
    assert judge(with_fields(tried))[0].status is Status.PASS


def test_a_tool_that_only_production_calls_is_named() -> None:
    tools = {"tool": {"prod": {"search": 60, "math": 10}, "eval": {"math": 4}}}
    whole, part = judge(with_fields(tools))
    assert part.segment == "tools"
    assert part.value == pytest.approx(0.6)
    assert "tools (none of its own against search)" in whole.message
    seen = {"tool": {"prod": {"search": 60}, "eval": {"search": 2}}}
    assert judge(with_fields(seen))[0].status is Status.PASS


def test_a_system_text_made_for_every_call_is_not_compared() -> None:
    live = {f"{i:064}": 5 for i in range(20)} | {"(other)": 500}
    texts = {"system_text": {"prod": live, "eval": {"a" * 64: 40}}}
    [found] = judge(with_fields(texts))
    assert found.status is Status.PASS
    assert "system text" not in found.message


def test_what_came_into_production_after_the_last_eval_does_not_count() -> None:
    before = harness(SAME, range(4, 7))
    after = harness(
        {"prompt_version": {"prod": {"v4": 300}}, "request_model": {"prod": {"m-1": 300}}}, range(4)
    )
    assert judge(joined(before, after))[0].status is Status.PASS
    again = harness(
        {"prompt_version": {"eval": {"v3": 40}}, "request_model": {"eval": {"m-1": 40}}}, range(1)
    )
    found = judge(joined(before, after, again))
    assert [one.segment for one in found] == ["", "prompt version"]


def test_evals_of_a_fortnight_ago_are_looked_for() -> None:
    old = harness({"request_model": {"eval": {"m-1": 40}, "prod": {"m-2": 100}}}, range(10, 12))
    live = harness({"request_model": {"prod": {"m-2": 100}}}, range(10))
    whole = judge(joined(old, live))[0]
    assert whole.status is Status.WARN
    assert "of 14 days" in whole.message


def test_unknown_is_production_only_where_nothing_is_prod() -> None:
    unknown = {"request_model": {"unknown": {"m-2": 100}, "eval": {"m-1": 40}}}
    assert judge(harness(unknown))[0].status is Status.WARN
    both = {"request_model": {"prod": {"m-1": 100}, "unknown": {"m-2": 900}, "eval": {"m-1": 40}}}
    assert judge(harness(both))[0].status is Status.PASS


def test_without_evals_there_is_nothing_to_compare() -> None:
    [found] = judge(harness({"request_model": {"prod": {"m-1": 100}}}))
    assert found.status is Status.NOT_APPLICABLE


def test_thin_data_is_never_a_pass() -> None:
    few = {"request_model": {"prod": {"m-1": 100}, "eval": {"m-1": 19}}}
    [found] = judge(harness(few, range(1)))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert found.message.startswith("19 eval calls and 100 production calls until the last eval")
    silent = {"request_model": {"prod": {"(null)": 100}, "eval": {"(null)": 40}}}
    [found] = judge(harness(silent))
    assert found.status is Status.NOT_ENOUGH_DATA
    assert "say nothing" in found.message


def test_nothing_later_than_the_day_is_used() -> None:
    good = harness(SAME, range(7, 14))
    bad = harness({"request_model": {"prod": {"m-2": 100}, "eval": {"m-1": 40}}})
    assert judge(joined(good, bad))[0].status is Status.WARN
    assert judge(joined(good, bad), ago(7)) == judge(good, ago(7))


def test_hostile_names_stay_text() -> None:
    name = "m'; drop table x; --\n"
    whole, part = judge(with_fields({"request_model": {"prod": {name: 100}, "eval": {"m-1": 40}}}))
    assert name in whole.message
    assert name in part.message
