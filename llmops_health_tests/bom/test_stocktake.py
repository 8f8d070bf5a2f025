"""Which parts are a feature's, which are in force, what traffic shows of them, what changed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from llmops_health.bom.inventory import Inventory
from llmops_health.bom.parts import Part
from llmops_health.bom.stocktake import inventory
from llmops_health.bom.traffic import matches
from llmops_health_tests.bom import world
from llmops_health_tests.bom.world import COMPONENTS, DAY, EDGES, FULL, OBSERVED, part


def made(
    parts: list[dict[str, Any]],
    links: list[tuple[str, str, str]] | None = None,
    seen: list[tuple[Any, ...]] | None = None,
    day: date = DAY,
) -> Inventory:
    return inventory(
        FULL.id,
        day,
        pl.DataFrame(parts, schema=COMPONENTS),
        pl.DataFrame([(*one, None) for one in links or ()], schema=EDGES, orient="row"),
        pl.DataFrame(seen or [], schema=OBSERVED, orient="row"),
    )


def seen(kind: str, name: str | None, version: str | None, age: int = 0) -> tuple[Any, ...]:
    return (DAY - timedelta(age), FULL.id, kind, name, version, 5)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("kind", "name", "version", "fits"),
    [
        ("hosted_model", "gpt-x", "2026-01", True),
        ("model", "GPT-X", None, True),
        ("hosted_model", "gpt-x-2026-01", None, True),
        ("hosted_model", "gpt-x@2026-01", None, True),
        ("hosted_model", "hosted:gpt-x", None, True),
        ("hosted_model", "2026-01", None, True),
        ("model", "openai/gpt-x-2026-01", None, True),
        ("hosted_model", "gpt-x", "2026-02", False),
        ("hosted_model", "gpt-x-2026-02", None, False),
        ("hosted_model", "gpt-x-mini", None, False),
        ("prompt", "gpt-x", "2026-01", False),
        ("embedding_model", "gpt-x", "2026-01", True),
        ("prompt", None, "2026-01", False),
    ],
)
def test_what_traffic_shows_is_matched_to_what_is_declared(
    kind: str, name: str | None, version: str | None, *, fits: bool
) -> None:
    declared = Part(ref="", component_id="hosted:gpt-x", kind="hosted_model", name="gpt-x",
                    version="2026-01")  # fmt: skip
    assert matches(declared, kind, name, version) is fits


def test_names_of_tools_servers_and_prompts_are_read_as_they_are_written() -> None:
    found = made(
        [part("tool:r", "tool", "read-file"),
         part("mcp:t", "mcp_server", "tickets", endpoint="https://mcp.example.com/tickets"),
         part("prompt:p", "prompt", "answer", version="v7")],
        seen=[seen("tool", "mcp__repo__read_file", None), seen("prompt", None, "7"),
              seen("mcp_server", "mcp.example.com", None)],
    )  # fmt: skip
    assert [one.evidence for one in found.parts] == ["both"] * 3


def test_what_calls_and_spans_both_show_is_counted_once() -> None:
    rows = pl.DataFrame([seen("tool", "t", None)] * 2, schema=OBSERVED, orient="row")
    rows = rows.with_columns(seen_in=pl.Series(["calls", "spans"]), n_calls=pl.Series([5, 8]))
    [only] = inventory(FULL.id, DAY, pl.DataFrame(), pl.DataFrame(), rows).parts
    assert only.n_calls == 8


@pytest.mark.parametrize(
    ("kinds", "kept"),
    [(("prod", "unknown", "shadow", "eval"), {"m-prod"}), (("unknown", "eval"), {"m-unknown"})],
)
def test_trials_are_no_data_path(kinds: tuple[str, ...], kept: set[str]) -> None:
    rows = pl.DataFrame([seen("model", f"m-{kind}", None) for kind in kinds], schema=OBSERVED,
                        orient="row").with_columns(run_kind=pl.Series(kinds))  # fmt: skip
    found = inventory(FULL.id, DAY, pl.DataFrame(), pl.DataFrame(), rows)
    assert {one.name for one in found.parts} == kept


def test_a_shared_part_belongs_where_it_is_needed_or_seen() -> None:
    shared = [part(f"lib:{name}", "library", name, feature_id=None) for name in "abcd"]
    shared.append(part("tool:t", "tool", "t", feature_id=None))
    found = made(
        [part("model:m", "model", "m"), *shared],
        [("model:m", "lib:a", "depends_on"), ("lib:a", "lib:b", "depends_on"),
         ("lib:b", "lib:a", "depends_on"), ("lib:d", "model:m", "depends_on"),
         ("help-rag", "lib:c", "depends_on")],
        [seen("tool", "t", None)],
    )  # fmt: skip
    assert {one.name for one in found.parts} == {"m", "a", "b", "c", "t"}
    assert {(e.src, e.dst) for e in found.edges if e.src == ""} >= {("", "lib:c"), ("", "tool:t")}


def test_parts_in_a_circle_hang_on_the_feature() -> None:
    rows = [part(f"tool:{name}", "tool", name) for name in "abc"]
    circle = [("tool:a", "tool:b", "depends_on"), ("tool:b", "tool:a", "depends_on")]
    found = made(rows, circle)
    assert [(e.src, e.dst) for e in found.edges if not e.src] == [("", "tool:a"), ("", "tool:c")]


def test_another_features_part_is_not_its_own() -> None:
    found = made(
        [part("model:m", "model", "m", feature_id="other")], seen=[seen("model", "m", "1")]
    )
    assert [(one.name, one.is_declared) for one in found.parts] == [("m", False)]


def test_the_own_row_of_an_id_goes_before_the_shared_one() -> None:
    rows = [part("model:m", "model", "m", version=v, feature_id=f, listed_on=None)
            for v, f in (("9", None), ("1", FULL.id))]  # fmt: skip
    [only] = made(rows).parts
    assert only.version == "1"


@pytest.mark.parametrize(("age", "evidence"), [(27, "both"), (28, "declared")])
def test_seen_is_seen_within_28_days(age: int, evidence: str) -> None:
    found = made([part("model:m", "model", "m")], seen=[seen("model", "m", None, age)])
    assert [one.evidence for one in found.parts] == [evidence]
    assert found.has_traffic is (age < 28)


def test_what_was_seen_long_ago_alone_is_no_part() -> None:
    assert made([], seen=[seen("model", "gone", None, 40)]).parts == ()


def test_empty_text_is_not_known() -> None:
    [only] = made([part("model:m", "model", "m", license="", version="")]).parts
    assert (only.license, only.version) == (None, None)
    assert "license" in only.unknown


def test_the_features_own_row_is_the_subject() -> None:
    found = made([part("application:help-rag", "application", "Help", version="3")])
    assert found.subject is not None
    assert found.subject.version == "3"
    assert found.parts == ()


def changes(found: Inventory) -> list[tuple[str, str, str, str]]:
    return [(one.on.isoformat(), one.what, one.label, one.detail) for one in found.changes]


def test_changes_of_lists() -> None:
    old, new = at("2026-06-01"), at("2026-10-12T09:00")
    rows = [
        part("model:same", "model", "same", version="1", sha256="a" * 64, listed_on=old),
        part("model:rehashed", "model", "re", version="1", sha256="a" * 64, listed_on=old),
        part("model:rehashed", "model", "re", version="1", sha256="b" * 64, listed_on=new),
        part("model:told", "model", "told", version="1", listed_on=old),
        part("model:told", "model", "told", version="1", sha256="b" * 64, listed_on=new),
        part("prompt:p", "prompt", "p", version="1", listed_on=old),
        part("prompt:p", "prompt", "p", version="2", listed_on=new),
        part("tool:new", "tool", "new", listed_on=new),
        part("model:ends", "model", "ends", listed_on=old, deprecated_on=at("2026-10-20")),
        part("model:later", "model", "later", listed_on=old, deprecated_on=at("2026-11-20")),
    ]
    assert changes(made(rows)) == [
        ("2026-10-20", "deprecated", "ends", ""),
        ("2026-10-12", "hash changed", "re 1", "aaaaaaaa became bbbbbbbb"),
        ("2026-10-12", "replaced", "p 2", "was 1"),
        ("2026-10-12", "added", "new", ""),
    ]
    assert changes(made(rows, day=date(2026, 10, 11))) == []
    assert all(one[1] == "deprecated" for one in changes(made(rows, day=date(2027, 1, 15))))


def test_a_first_list_adds_nothing() -> None:
    rows = [part(f"lib:{n}", "library", n, listed_on=at("2026-10-12")) for n in "ab"]
    assert changes(made(rows)) == []
    before = part("lib:c", "library", "c", listed_on=None)
    assert [one[1] for one in changes(made([*rows, before]))] == ["added", "added"]


def test_what_is_there_when_records_begin_is_not_new() -> None:
    rows = [seen("model", "old", None, age) for age in range(60)]
    rows += [seen("model", "new", None, age) for age in range(9)]
    rows += [seen("model", "gone", None, age) for age in range(40, 60)]
    found = made([], seen=rows)
    assert changes(found) == [
        ("2026-10-23", "first seen", "new", ""),
        ("2026-09-21", "last seen", "gone", ""),
    ]


def test_a_part_that_only_a_base_is_not_in_the_path() -> None:
    found = world.full().inventory
    in_path = {one.name for one in found.parts if found.is_in_path(one)}
    assert "Qwen2.5-0.5B" not in in_path
    assert {"claude-answer", "rerank-ckpt", "answer", "tickets-mcp", "find_ticket"} <= in_path
    assert not {"litellm", "feedback-2026-09", "help-v3"} & in_path


def test_a_row_of_a_catalogue_is_the_subject_and_leads_to_shared_parts() -> None:
    rows = [
        part("component:default/help-rag", "application", "Help", version="3", feature_id=None),
        part("lib:shared", "library", "shared", feature_id=None),
        part("path:*", "application", "*", owner="@docs"),
    ]
    found = made(rows, [("component:default/help-rag", "lib:shared", "depends_on")])
    assert found.subject is not None
    assert found.subject.version == "3"
    assert [one.name for one in found.parts] == ["shared"]


@pytest.mark.parametrize("word", ["unknown", "NOASSERTION", " n/a "])
def test_a_licence_that_says_it_is_not_known_is_not_known(word: str) -> None:
    [only] = made([part("model:m", "model", "m", license=word)]).parts
    assert only.license is None


def test_what_has_an_endpoint_is_a_service() -> None:
    rows = [
        part("embed:a", "embedding_model", "a", endpoint="https://api.example.com"),
        part("embed:b", "embedding_model", "b"),
        part("lib:c", "library", "c", endpoint="https://api.example.com"),
    ]
    found = {one.name: one for one in made(rows).parts}
    assert {name: one.is_service for name, one in found.items()} == {
        "a": True, "b": False, "c": False,
    }  # fmt: skip
    assert "data_classification" in found["a"].unknown
    assert "sha256" in found["b"].unknown
