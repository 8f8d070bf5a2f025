"""Unowned feature: who is found where, what is doubted, and what is no fault."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.ownership import _owners
from llmops_health.health.ownership.unowned_feature import Params, check
from llmops_health_tests.health.ownership.simulate import (
    DAY,
    FEATURE,
    HOSTILE,
    NO_PARTS,
    NO_PIPELINES,
    NO_STEPS,
    ago,
    at,
    database,
    entry,
    parts,
    rule,
    steps,
    table,
    versions,
)

UNLISTED = Feature.unlisted("help")


def judge(
    feature: Feature = FEATURE,
    listed: pl.DataFrame = NO_PARTS,
    calls: pl.DataFrame | None = None,
    ledger: pl.DataFrame = NO_STEPS,
) -> Finding:
    used = versions() if calls is None else calls
    [finding] = check(feature, DAY, listed, used, ledger, NO_PIPELINES, Params())
    return finding


def owned(owner: str | None, **more: object) -> Feature:
    return FEATURE.model_copy(update={"owner": owner, **more})


def test_an_owner_in_the_configuration_is_enough() -> None:
    finding = judge()
    assert finding.status is Status.PASS
    assert finding.message == "Owned by team-docs@example.com (the configuration)."
    assert (finding.value, finding.n) == (1, 700)


@pytest.mark.parametrize("owner", [None, " ", "TBD", "n/a", "Unknown"])
def test_a_placeholder_names_nobody(owner: str | None) -> None:
    finding = judge(owned(owner))
    assert finding.status is Status.FAIL
    assert "no source names an owner" in finding.message


def test_a_feature_that_only_the_data_know_fails() -> None:
    finding = judge(UNLISTED)
    assert finding.status is Status.FAIL
    assert finding.message.startswith("It is in the data and not in the configuration")
    rows = database(summary__versions=versions()).execute(finding.evidence_sql).fetchall()
    assert [n for *_, n in rows] == [100] * 7


def test_the_catalogue_alone_is_a_doubt_for_an_unlisted_and_enough_for_a_listed_feature() -> None:
    catalogue = parts(entry("team-docs"))
    assert judge(UNLISTED, catalogue).status is Status.WARN
    assert judge(owned(None), catalogue).status is Status.PASS
    of_other = parts(entry("team-docs", "other"))
    assert judge(owned(None), of_other).status is Status.FAIL
    by_feature = parts(entry("team-docs", "bot", of_feature="help"))
    assert judge(owned(None), by_feature).status is Status.PASS


@pytest.mark.parametrize(
    ("lifecycle", "n", "status"),
    [
        ("production", 0, Status.FAIL),
        ("beta", 0, Status.FAIL),
        ("experimental", 0, Status.NOT_APPLICABLE),
        (None, 19, Status.NOT_APPLICABLE),
        (None, 20, Status.FAIL),
        ("retired", 20, Status.FAIL),
        ("retired", 19, Status.NOT_APPLICABLE),
    ],
)
def test_live_is_in_service_or_used(lifecycle: str | None, n: int, status: Status) -> None:
    finding = judge(owned(None, lifecycle=lifecycle), calls=versions(n, days=1))
    assert finding.status is status


def test_calls_of_evals_and_of_last_week_are_no_use() -> None:
    feature = owned(None, lifecycle=None)
    both = pl.concat([versions(500, kind="eval"), versions(1, days=1)])
    assert judge(feature, calls=both).status is Status.NOT_APPLICABLE
    old = versions(500, days=1).with_columns(day=pl.lit(ago(7)))
    assert judge(feature, calls=old).status is Status.NOT_APPLICABLE
    # Where no log says what a call was for, all of them may be production.
    assert judge(feature, calls=versions(500, kind="unknown")).status is Status.FAIL


def test_a_retired_feature_that_is_used_is_a_doubt() -> None:
    finding = judge(owned("team-docs", lifecycle="retired"))
    assert finding.status is Status.WARN
    assert "retired and still used" in finding.message


def test_not_launched_yet_is_not_live() -> None:
    feature = owned(None, launched_on=DAY + timedelta(1))
    assert judge(feature, calls=versions(1)).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("theirs", "status"),
    [
        ("team-docs", Status.PASS),
        ("@example/Team_Docs", Status.PASS),
        ("team-search", Status.WARN),
    ],
)
def test_another_owner_in_the_catalogue_is_a_doubt(theirs: str, status: Status) -> None:
    finding = judge(listed=parts(entry(theirs)))
    assert finding.status is status
    if status is Status.WARN:
        assert "the configuration and the catalogue name different owners" in finding.message
        assert "Ask both teams" in finding.action


def test_an_owner_that_a_catalogue_of_many_does_not_know() -> None:
    others = [entry(f"team-{name}", name) for name in "abc"]
    finding = judge(listed=parts(*others))
    assert finding.status is Status.WARN
    assert "knows 3 owners, does not know team-docs@example.com" in finding.message
    assert judge(listed=parts(*others[:2])).status is Status.PASS
    assert judge(listed=parts(*others, entry("team-docs", "d"))).status is Status.PASS


def test_code_owners_who_are_people_may_be_of_the_team() -> None:
    assert judge(listed=parts(rule("*", "@alice @bob"))).status is Status.PASS
    assert judge(listed=parts(rule("*", "@example/team-docs"))).status is Status.PASS
    assert judge(listed=parts(rule("*", "@example/other"))).status is Status.WARN
    assert judge(owned(None), parts(rule("*", "@example/a"))).status is Status.PASS
    # Rules of another feature, or of nobody's, say nothing of this one.
    for of in ("other", None):
        assert judge(owned(None), parts(rule("*", "@example/a", of))).status is Status.FAIL


def test_of_rules_for_everything_the_last_counts() -> None:
    rules = parts(
        rule("/", "@example/new") | {"attributes": '{"line": 9}'},
        rule("*", "@example/old") | {"attributes": '{"line": 1}'},
        rule("/docs", "@writer") | {"attributes": '{"line": 4}'},
    )
    assert _owners.code_owners(rules, "help") == ("@example/new",)
    assert _owners.code_owners(parts(rule("/a", "@a"), rule("/b", None)), "help") == ("@a",)
    assert _owners.code_owners(parts(rule("*", None)), "help") == ()


def test_one_person_is_a_doubt() -> None:
    assert judge(owned("@alice")).status is Status.WARN
    assert judge(owned("@alice @bob")).status is Status.PASS
    assert judge(owned("@alice"), parts(rule("*", "@bob"))).status is Status.PASS


@pytest.mark.parametrize(
    ("actors", "status"),
    [
        (["jane"] * 19, Status.PASS),  # too few to say
        (["jane"] * 20, Status.WARN),
        (["jane"] * 18 + ["joe"] * 2, Status.WARN),
        (["jane"] * 16 + ["joe"] * 4, Status.PASS),
        (["ci-bot"] * 40, Status.PASS),
        (["ci-bot"] * 40 + ["jane"] * 20, Status.WARN),
        ([None] * 40, Status.PASS),
    ],
)
def test_changes_in_one_hand(actors: list[str | None], status: Status) -> None:
    ledger = steps(*((place + 1.0, "filter", actor) for place, actor in enumerate(actors)))
    assert judge(ledger=ledger).status is status


def test_hands_are_told_with_their_concentration() -> None:
    ledger = steps(*((1.0, "filter", who) for who in ["a"] * 12 + ["b"] * 6 + ["c"] * 2))
    assert "by 3 people, 2.2 effective, bus factor 1" in judge(ledger=ledger).message


def test_what_was_listed_later_is_not_known() -> None:
    late = parts(entry("team-docs", listed_on=at(-1)))
    assert judge(owned(None), late).status is Status.FAIL
    assert judge(owned(None), parts(entry("team-docs", listed_on=at(0)))).status is Status.PASS


def test_hostile_names_and_their_evidence() -> None:
    feature = Feature(id="a'; drop", kind="rag", lifecycle="production", owner=HOSTILE)
    listed = parts(entry(HOSTILE * 2, name=feature.id), rule("*", HOSTILE, feature.id))
    finding = judge(feature, listed)
    assert finding.status in {Status.WARN, Status.PASS}
    doubted = judge(feature.model_copy(update={"owner": "x"}), listed)
    assert doubted.status is Status.WARN
    rows = database(summary__listed_parts=listed).execute(doubted.evidence_sql).fetchall()
    assert len(rows) == 2


def test_no_table_has_rows() -> None:
    empty = table("summary__versions", [])
    assert judge(calls=empty).status is Status.PASS
    assert judge(UNLISTED, calls=empty).status is Status.NOT_APPLICABLE
