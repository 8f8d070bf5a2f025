"""The score of a bill of materials: by hand, its gates, and what it takes from which list."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from llmops_health.config import Feature, Review, Slo
from llmops_health.health.bom._parts import in_force, parts_of
from llmops_health.health.bom._rubric import ELEMENTS, NOT_ASSESSED, WEIGHTS
from llmops_health.health.bom._score import Missing, Score, score
from llmops_health_tests.health.bom.lists import (
    FEATURE,
    HASHES,
    NO_EDGES,
    WHOLE_EDGES,
    edges,
    listed,
    part,
    whole_list,
)
from llmops_health_tests.health.ownership.simulate import DAY, HOSTILE, at

BARE = Feature(id="help", kind="rag", owner="o")


def scored(
    *rows: dict[str, object],
    feature: Feature = BARE,
    linked: pl.DataFrame = NO_EDGES,
    undeclared: tuple[str, ...] = (),
    day: date = DAY,
) -> Score:
    parts = listed(*rows)
    return score(feature, parts, linked, undeclared, day)


def clusters(found: Score) -> dict[str, float | None]:
    return {one.name: one.value for one in found.clusters}


def test_by_hand() -> None:
    found = scored(
        part("hosted_model", "m", supplier="S", license="unknown"),
        part("prompt", "p", "v1", sha256=HASHES[0]),
    )
    # Metadata: author 0.8 of 4 (no time, no edge of either part).
    # System: prompt's version and hash 1 each, components and producer 0.8 each, of 9.
    # Models: version, identifier and producer 0.8 each, licence 0.25, of 7.
    assert clusters(found) == {
        "Metadata": pytest.approx(0.8 / 4),
        "System": pytest.approx(3.6 / 9),
        "Models": pytest.approx(2.65 / 7),
        "Datasets": None,
        "Infrastructure": 0.0,
        "Security": 0.0,
        "KPI": 0.0,
    }
    # 10 + 15 + 25 + 5 + 15 + 10 = 80 of the weights apply.
    by_hand = 100 * (10 * 0.2 + 15 * 0.4 + 25 * 2.65 / 7) / 80
    assert (
        found.value == found.uncapped == pytest.approx(by_hand) == pytest.approx(21.8304, abs=1e-4)
    )
    assert found.value_if_known == pytest.approx(100 * (2 + 6 + 25 * 3.2 / 7) / 80)
    assert (found.grade, found.rubric_version) == ("D", "1.0")
    assert found.verified_share == pytest.approx(2 / 5)
    assert (found.n_missing, found.n_unknown, found.n_parts) == (3 + 5 + 3 + 1 + 3 + 2, 1, 2)
    assert [tuple(one[3:]) for one in found.clusters][:3] == [(1, 4), (4, 9), (3, 7)]
    assert found.states[1] == (2, 2, 0, 5)
    assert found.capped_by == ("no supplier or data flow of m",)
    # A list of libraries, and each of three of security and two of KPI, would add 5 points.
    assert found.gains[:6] == pytest.approx([5.0] * 6)
    assert found.missing[6] == ("description", "m", "o")
    assert found.gains[6] == pytest.approx(100 * 25 / 80 * 0.8 / 7)


def test_everything_told_and_verified() -> None:
    feature = FEATURE.model_copy(
        update={"name": "Help", "launched_on": date(2026, 1, 1), "runbook_url": "https://x",
                "slo": Slo(p95_latency_ms=100), "review": Review(queue="q")}
    )  # fmt: skip
    rows = whole_list(at(30))
    rows[1] |= {"attributes": '{"description": "answers"}', "source_uri": "https://models.example"}
    rows[3] |= {"attributes": '{"description": "articles"}'}
    parts = listed(*rows).with_columns(is_observed=pl.lit(value=True))
    found = score(feature, parts, WHOLE_EDGES, (), DAY)
    assert found.missing == ()
    assert (found.capped_by, found.grade, found.verified_share) == ((), "A", 1.0)
    values = clusters(found)
    # What only the configuration says is told, and cannot be verified.
    assert {values[name] for name in ("Models", "Datasets", "Infrastructure")} == {1.0}
    assert values["KPI"] == pytest.approx(0.8)
    assert found.value == pytest.approx(
        10 * (6 + 1.6) / 8 + 15 * (8 + 5 * 0.8) / 13 + 25 + 20 + 5 + 15 * (3 * 0.8 + 1) / 4 + 8
    )


def test_a_missing_element_gains_what_it_says() -> None:
    row = part("model", "m", supplier="S", purl="pkg:huggingface/a/b", license="MIT")
    before = scored(row)
    gain = before.gains[before.missing.index(Missing("release date", "m", "o"))]
    after = scored(row | {"released_on": at(3)})
    assert after.uncapped - before.uncapped == pytest.approx(gain)
    assert after.n_missing == before.n_missing - 1


@pytest.mark.parametrize("column", ["license", "supplier", "owner", "source_uri", "sha256"])
@pytest.mark.parametrize("kind", ["model", "dataset", "hosted_model", "checkpoint"])
def test_saying_more_never_costs(kind: str, column: str) -> None:
    silent, unknown, told = (
        scored(part(kind, "m", **{column: value})) for value in (None, "NOASSERTION", "told")
    )
    assert silent.uncapped <= unknown.uncapped <= told.uncapped
    assert unknown.n_unknown == 0 or silent.uncapped < unknown.uncapped < told.uncapped
    assert told.value_if_known == pytest.approx(told.value)


def test_all_said_to_be_unknown() -> None:
    words = ("supplier", "license", "sha256", "purl", "source_uri", "owner")
    found = scored(part("checkpoint", "m", "unknown", **dict.fromkeys(words, "Unknown ")))
    # All but name, time, training and description is said to be unknown.
    assert found.clusters[2].value == pytest.approx(0.25 * 6 / 9)
    assert found.clusters[2].n_present == 0
    assert found.verified_share is None
    assert found.value < found.value_if_known <= 59
    assert {one.owner for one in found.missing} == {"o"}


def test_what_does_not_apply_is_left_out() -> None:
    row = part("model", "m", purl="pkg:a/b")
    asked, left_out = scored(row), scored(row | {"license": "n/a"})
    assert left_out.clusters[2].n_expected == asked.clusters[2].n_expected - 1
    # Nobody can hash a hosted model, nor say what it was trained on.
    elements = {element for element, _, _ in scored(part("hosted_model", "m")).missing}
    assert not {"hash", "training"} & elements
    assert {"hash", "training"} <= {element for element, _, _ in asked.missing}
    base = scored(row, part("checkpoint", "c", purl="p"),
                  linked=edges(("checkpoint:c", "model:m", "derived_from")))  # fmt: skip
    assert not [one for one in base.missing if one[0] == "training"]


def test_nothing_at_all() -> None:
    found = scored(feature=Feature.unlisted("x"))
    assert (found.value, found.value_if_known, found.grade, found.capped_by) == (0, 0, "D", ())
    assert found.missing[0] == ("a model", "", None)
    assert found.verified_share is None
    assert sum(found.gains) == pytest.approx(80)


MODEL = part("model", "m", "1", purl="pkg:huggingface/a/b")
HOSTED = part("hosted_model", "m", supplier="S", endpoint="https://e")
GATES: list[tuple[list[dict[str, Any]], list[tuple[str, str, str]], tuple[str, ...]]] = [
    ([MODEL], [], ()),
    ([MODEL | {"version": None}], [], ("no version of the model m",)),
    ([MODEL | {"version": "unknown"}], [], ("no version of the model m",)),
    ([MODEL | {"purl": " "}], [], ("no package URL, hash or address of the model m",)),
    ([MODEL | {"purl": None, "sha256": HASHES[0]}], [], ()),
    ([HOSTED], [], ()),
    ([HOSTED | {"endpoint": None, "data_classification": "public"}], [], ()),
    ([HOSTED | {"endpoint": None}], [], ("no supplier or data flow of m",)),
    ([part("mcp_server", "s", endpoint="https://e")], [], ("no supplier or data flow of s",)),
    ([MODEL], [("model:m", "gone", "trained_on")], ("edges to gone, not on any list",)),
    ([MODEL], [("gone", "model:m", "depends_on")], ("edges to gone, not on any list",)),
    ([MODEL], [("help", "model:m", "depends_on")], ()),
    ([MODEL], [("a", "b", "depends_on")], ()),
    ([MODEL, MODEL | {"name": "other"}], [], ("model:m listed as two different things",)),
    ([MODEL, MODEL | {"sha256": HASHES[0]}], [], ()),
    (
        [MODEL | {"sha256": HASHES[0]}, MODEL | {"sha256": HASHES[1]}],
        [],
        ("model:m listed as two different things",),
    ),
    ([MODEL, MODEL | {"version": "2", "sha256": HASHES[1]}], [], ()),
    ([MODEL, *(part("library", "l", sha256=one) for one in HASHES)], [], ()),
]


@pytest.mark.parametrize(("rows", "linked", "gates"), GATES)
def test_gates(
    rows: list[dict[str, Any]], linked: list[tuple[str, str, str]], gates: tuple[str, ...]
) -> None:
    assert scored(*rows, linked=edges(*linked)).capped_by == gates


def test_a_gate_caps_and_says_so() -> None:
    rows = whole_list(at(9))
    is_open = scored(*rows, feature=FEATURE, linked=WHOLE_EDGES)
    assert (is_open.grade, is_open.capped_by) == ("C", ())
    more = ("model x", HOSTILE, "c", "d", "e")
    shut = scored(*rows, feature=FEATURE, linked=WHOLE_EDGES, undeclared=more)
    assert (shut.value, shut.grade, shut.uncapped) == (59, "D", is_open.value)
    [gate] = shut.capped_by
    assert gate.startswith('model x, it\'s "x" ; drop table core__calls, c and 2 more in traffic')
    assert "\n" not in gate


def test_edges_to_other_features_parts_end_somewhere() -> None:
    linked = edges(("model:m", "theirs", "derived_from"))
    parts = listed(MODEL)
    assert score(BARE, parts, linked, (), DAY).capped_by
    assert score(BARE, parts, linked, (), DAY, known_ids={"theirs"}).capped_by == ()


def test_the_newest_list_counts_and_no_later_one() -> None:
    old = MODEL | {"listed_on": at(9), "license": "MIT"}
    new = MODEL | {"listed_on": at(2), "license": None, "supplier": "S"}
    assert scored(old, new).missing == scored(new).missing == scored(new, old).missing
    assert scored(old, new, day=DAY - timedelta(3)) == scored(old, day=DAY - timedelta(3))
    # At noon of the day itself it is known; a list without a time is older than one with.
    assert scored(old, new, day=DAY - timedelta(2)) == scored(new)
    assert scored(MODEL | {"license": "MIT"}, new) == scored(new)
    assert scored(old, new | {"version": "2"}).n_parts == 1


def test_a_features_own_row_goes_before_a_shared_one() -> None:
    shared = MODEL | {"of_feature": None, "listed_on": at(1), "license": "MIT"}
    assert scored(MODEL, shared) == scored(MODEL)


def test_libraries_are_told_together() -> None:
    rows = [part("library", f"l{n}", None if n < 3 else "1") for n in range(10)]
    found = scored(*rows)
    assert found.clusters[4][:1] + found.clusters[4][3:] == ("Infrastructure", 7, 10)
    assert found.clusters[4].value == pytest.approx(0.56)
    assert ("software: version", "3 libraries", "o") in found.missing


def test_parts_of_follows_edges_to_shared_parts_only() -> None:
    rows = [
        MODEL,
        part("dataset", "shared", of_feature=None),
        part("dataset", "deep", of_feature=None),
        part("dataset", "unused", of_feature=None),
        part("dataset", "theirs", of_feature="other"),
        part("tool", "seen", of_feature=None),
        part("application", "rule", of_feature="help") | {"component_id": "path:*"},
    ]
    linked = edges(
        ("model:m", "dataset:shared", "trained_on"),
        ("dataset:shared", "dataset:deep", "derived_from"),
        ("dataset:deep", "model:m", "depends_on"),
        ("model:m", "dataset:theirs", "trained_on"),
    )
    found = parts_of("help", listed(*rows), linked, {"tool:seen"})
    assert found["name"].to_list() == ["m", "shared", "deep", "seen"]
    again = listed(*rows).rename({"of_feature": "feature_id"})
    assert parts_of("help", again, linked, {"tool:seen"}).equals(found)
    assert parts_of("other", listed(*rows), linked)["name"].to_list() == ["theirs"]


def test_hostile_values() -> None:
    said = ("{", "[1]", "null", "[" * 5000, '{"description": {}}', '{"composition": 3}')
    rows = [part("model", HOSTILE * 40, HOSTILE, attributes=one, purl=HOSTILE) for one in said]
    for row in rows:
        found = scored(row)
        assert ("description", found.missing[-1].component, "o") in found.missing
        assert all(len(one.component) <= 60 and "\n" not in one.component for one in found.missing)


def test_what_a_list_says_is_not_whole_is_said_to_be_unknown() -> None:
    said = MODEL | {"attributes": '{"composition": "incomplete_third_party_only"}'}
    assert scored(said).n_unknown == scored(MODEL).n_unknown + 1


def test_order_does_not_matter() -> None:
    rows = whole_list(at(9)) + [part("model", "b", "2", sha256=one) for one in HASHES[:2]]
    found = scored(*rows, feature=FEATURE, linked=WHOLE_EDGES)
    assert scored(*reversed(rows), feature=FEATURE, linked=WHOLE_EDGES.reverse()) == found
    assert in_force(listed(*rows), DAY) == in_force(listed(*reversed(rows)), DAY)


def test_the_rubric_is_whole() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert {element.cluster for element in ELEMENTS} | set(NOT_ASSESSED) == set(WEIGHTS)
    assert all(reason for reasons in NOT_ASSESSED.values() for reason in reasons.values())
