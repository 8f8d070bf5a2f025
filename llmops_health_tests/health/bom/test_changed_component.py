"""Changed component: what counts as changed, since when, how grave, and what is none."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.bom.changed_component import Params, check
from llmops_health_tests.health.bom.lists import (
    FEATURE,
    HASHES,
    NO_EDGES,
    NO_TRAFFIC,
    edges,
    listed,
    observed,
    part,
    whole_list,
)
from llmops_health_tests.health.ownership.simulate import DAY, HOSTILE, ago, at, database

A, B, C = HASHES[:3]
BETA = FEATURE.model_copy(update={"lifecycle": "beta"})


def judged(
    *rows: dict[str, object],
    feature: Feature = FEATURE,
    linked: pl.DataFrame = NO_EDGES,
    seen: pl.DataFrame = NO_TRAFFIC,
    day: date = DAY,
) -> list[Finding]:
    return list(check(feature, day, listed(*rows), linked, seen, Params()))


def twice(kind: str, version: str | None = "1", *, then: float = 40, now: float = 5,
          **given: object) -> list[dict[str, object]]:  # fmt: skip
    """Return a part that was listed with one hash and then with another."""
    return [part(kind, "x", version, sha256=one, listed_on=at(age), **given)
            for one, age in ((A, then), (B, now))]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "feature", "status"),
    [
        ("tool", FEATURE, Status.FAIL),
        ("mcp_server", BETA, Status.FAIL),
        ("mcp_server", Feature.unlisted("help"), Status.FAIL),
        ("model", FEATURE, Status.FAIL),
        ("checkpoint", FEATURE, Status.FAIL),
        ("dataset", FEATURE, Status.FAIL),
        ("prompt", FEATURE, Status.FAIL),
        ("eval_suite", FEATURE, Status.FAIL),
        ("checkpoint", BETA, Status.WARN),
        ("prompt", Feature.unlisted("help"), Status.WARN),
        ("library", FEATURE, Status.WARN),
        ("application", FEATURE, Status.NOT_ENOUGH_DATA),
    ],
)
def test_how_grave_it_is(kind: str, feature: Feature, status: Status) -> None:
    assert {one.status for one in judged(*twice(kind), feature=feature)} == {status}


def test_the_words() -> None:
    whole, single = judged(*twice("mcp_server", "1.4.0"), part("prompt", "p", sha256=C))
    assert whole.message == (
        "1 of 2 listed parts with a hash has other content under the same version: mcp server x "
        f"1.4.0: {A[:12]} became {B[:12]} on {ago(5)}."
    )
    assert (whole.value, whole.threshold, whole.n, whole.segment) == (1, 0, 2, "")
    assert whole.action == single.action
    assert single.action == (
        "Stop calling mcp server x 1.4.0 until what its manifest now says is reviewed; then "
        "list it under a version of its own."
    )
    assert single.segment == "mcp_server:x@1.4.0"
    [_, prompt] = judged(*twice("prompt"))
    assert prompt.action.startswith("Ask team-docs@example.com who changed prompt x 1")


@pytest.mark.parametrize(
    "rows",
    [
        [part("prompt", "x", "1", sha256=A, listed_on=at(40)),
         part("prompt", "x", "2", sha256=B, listed_on=at(5))],
        [part("prompt", "x", sha256=A, listed_on=at(40)), part("prompt", "x", listed_on=at(5))],
        [part("prompt", "x", sha256=A), part("prompt", "x", sha256=A.upper(), listed_on=at(5))],
        twice("prompt", None),
        twice("dataset", then=200, now=90),
        twice("dataset", then=-1, now=-2),
        [part("tool", "x", sha256=A), *twice("tool", now=-1)],
        [part("tool", "x", sha256=A, of_feature="other"), part("tool", "x", sha256=B)],
        [part("tool", "x", sha256=A, of_feature=None), part("tool", "x", sha256=B)],
        [part("library", "x", sha256=one) for one in HASHES],
        [*twice("tool"), part("tool", "x", "1.1", sha256=B, listed_on=at(1))],
    ],
    ids=["bumped", "hash left out", "letter case", "no version", "long ago", "later",
         "changed later", "another feature's", "own and shared", "platforms", "mended"],
)  # fmt: skip
def test_what_is_no_change(rows: list[dict[str, object]]) -> None:
    findings = judged(*rows, part("guardrail", "g", sha256=C))
    assert [one.status for one in findings] == [Status.PASS]
    assert findings[0].message.startswith("None of ")


@pytest.mark.parametrize(
    ("kind", "when", "status", "words"),
    [
        ("prompt", None, Status.WARN, f"{A[:12]} and {B[:12]} are both listed, which is newer"),
        ("tool", None, Status.FAIL, "are both listed, which is newer cannot be told"),
        ("checkpoint", at(3), Status.WARN, f"are both listed on {ago(3)}, which is newer"),
    ],
)
def test_where_the_order_cannot_be_told(
    kind: str, when: date | None, status: Status, words: str
) -> None:
    rows = [part(kind, "x", sha256=one, listed_on=when) for one in (B, A)]
    whole, single = judged(*rows)
    assert (whole.status, single.status) == (status, status)
    assert words in single.message


def test_a_list_without_a_time_is_older_than_one_with() -> None:
    rows = [part("prompt", "x", sha256=B, listed_on=at(5)), part("prompt", "x", sha256=A)]
    assert f"{A[:12]} became {B[:12]} on {ago(5)}" in judged(*rows)[0].message


def test_tools_have_no_versions() -> None:
    assert judged(*twice("tool", None))[0].status is Status.FAIL
    assert judged(*twice("tool", None))[1].segment == "tool:x"


@pytest.mark.parametrize(("age", "status"), [(6, Status.PASS), (5, Status.FAIL),
                                             (-84, Status.FAIL), (-85, Status.PASS)])  # fmt: skip
def test_from_the_day_of_the_list_for_a_quarter(age: int, status: Status) -> None:
    assert judged(*twice("tool"), day=ago(age))[0].status is status


def test_nothing_with_a_hash() -> None:
    [alone] = judged()
    assert (alone.status, alone.n) == (Status.NOT_ENOUGH_DATA, 0)
    assert alone.message.startswith("No list names a part of it:")
    [bare] = judged(part("model", "m"), part("model", "n"), part("application", "a", sha256=A))
    assert bare.status is Status.NOT_ENOUGH_DATA
    assert bare.message.startswith("None of its 2 listed parts has a hash:")


def test_shared_parts_count_where_the_feature_needs_them() -> None:
    shared = twice("mcp_server", of_feature=None)
    own = part("prompt", "p", sha256=C)
    linked = edges(("prompt:p", "mcp_server:x", "calls_tool"))
    assert judged(*shared, own)[0].status is Status.PASS
    assert judged(*shared, own, linked=linked)[0].status is Status.FAIL
    tool = twice("tool", of_feature=None)
    assert judged(*tool, seen=observed((1, "tool", "x", None, 20)))[0].status is Status.FAIL


def test_many_changed_parts() -> None:
    rows = [row | {"component_id": f"c{n:02}", "name": f"x{n:02}"}
            for n in range(30) for row in twice("tool" if n == 29 else "library")]  # fmt: skip
    whole, *parts = judged(*rows)
    assert (whole.value, len(parts), whole.status) == (30, 20, Status.FAIL)
    assert parts[0].segment == "c29@1"
    assert "; and 25 more." in whole.message
    assert whole.action.endswith(" 29 more need the same.")
    assert len({one.segment for one in parts}) == 20


def test_hostile_names_and_evidence() -> None:
    feature = FEATURE.model_copy(update={"id": HOSTILE})
    rows = [row | {"component_id": HOSTILE, "name": HOSTILE, "version": HOSTILE}
            for row in twice("tool", of_feature=HOSTILE)]  # fmt: skip
    later = rows[0] | {"sha256": C, "listed_on": at(-1)}
    findings = judged(*rows, later, feature=feature)
    assert [one.status for one in findings] == [Status.FAIL, Status.FAIL]
    stored = database(summary__listed_parts=listed(*rows, later))
    for one in findings:
        assert "\n" not in one.message
        shown = stored.execute(one.evidence_sql).fetchall()
        assert [row[5] for row in shown] == [A, B]


def test_a_year_of_bumps_and_renewed_lists_is_silent_and_one_swap_is_found() -> None:
    rows = []
    for week in range(52):
        for row in whole_list(at(7 * (51 - week)), model=f"2026-{1 + week // 5:02}"):
            if "sha256" in row:
                # Each third list renews what is under a new version; the others list it again.
                turn = week // 3
                row |= {"version": f"1.{turn}", "sha256": f"{turn:02}{row['sha256'][2:]}"}
            rows.append(row)
    parts = listed(*rows).unique(["component_id", "version", "sha256"], keep="first",
                                 maintain_order=True)  # fmt: skip
    days = range(357)

    def alarms(parts: pl.DataFrame) -> list[int]:
        given = (parts, NO_EDGES, NO_TRAFFIC, Params())
        found = ((age, one) for age in days for one in check(FEATURE, ago(age), *given))
        return [age for age, one in found if not one.segment and one.status is not Status.PASS]

    assert alarms(parts) == []
    server = parts.filter(pl.col("component_id") == "mcp_server:tickets")
    swapped = server.filter(pl.col("version") == "1.16").with_columns(
        sha256=pl.lit(C), listed_on=pl.lit(at(2))
    )
    # The list of the last day has a new version.
    assert alarms(pl.concat([parts, swapped])) == [1, 2]
