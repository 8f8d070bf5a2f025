"""Expiring component: dates and licences by hand, at the edges, and who is in use."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import duckdb
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.bom._licences import is_denied, is_missing
from llmops_health.health.bom.expiring_component import HISTORY_DAYS, Params, check
from llmops_health_tests.health.bom.simulate import (
    FEATURE,
    HOSTILE,
    at,
    edges,
    listed,
    observed,
    on,
    part,
    row,
    until,
)

LAST = 27
NONE = edges()
USUAL = [row(day, "model", "corvid-large-2026-05", 20, n_of=20) for day in range(28)]


def ending(left: int, **given: Any) -> dict[str, Any]:
    """Return the model in use, which is withdrawn in so many days."""
    ends = datetime.combine(on(LAST + left), time())
    return part("hosted_model", "corvid-large", "2026-05", deprecated_on=ends) | given


def judge(
    *parts: dict[str, Any],
    rows: list[dict[str, Any]] = USUAL,
    links: pl.DataFrame = NONE,
    params: Params | None = None,
) -> list[Finding]:
    seen = until(observed(*rows), LAST, HISTORY_DAYS)
    return list(check(FEATURE, on(LAST), seen, listed(*parts), links, params or Params()))


@pytest.mark.parametrize(
    ("left", "status"),
    [
        (90, Status.PASS), (89, Status.WARN), (30, Status.WARN), (29, Status.FAIL),
        (0, Status.FAIL), (-5, Status.FAIL),
    ],
)  # fmt: skip
def test_the_days_that_are_left_decide(left: int, status: Status) -> None:
    found, _ = judge(ending(left))
    assert found.status is status
    if status is not Status.PASS:
        assert found.value == left
        assert found.threshold == (30 if status is Status.FAIL else 90)


def test_the_message_says_when() -> None:
    found, _ = judge(ending(12))
    assert found.message == (
        "1 of 1 parts in use is withdrawn: hosted model corvid-large 2026-05 in 12 days, on "
        "2026-02-13."
    )
    assert found.action == (
        "hosted model corvid-large 2026-05: run the evals on its successor (role challenger) and "
        "switch before 2026-02-13."
    )
    past, _ = judge(ending(-5))
    assert "5 days ago" in past.message
    assert past.action.endswith("switch now.")


def test_what_is_not_in_use_does_not_expire() -> None:
    gone = part("hosted_model", "old-model", deprecated_on=at(20))
    assert judge(ending(400), gone)[0].status is Status.PASS
    # Left on day 20 after many calls, or seldom called at all.
    many = [*USUAL, *(row(day, "model", "old-model", 5, n_of=20) for day in range(20))]
    assert judge(ending(400), gone, rows=many)[0].status is Status.PASS
    seldom = [*USUAL, row(9, "model", "old-model", 5, n_of=20)]
    assert judge(ending(400), gone, rows=seldom)[0].status is Status.WARN
    late = [*USUAL, row(25, "model", "old-model", 5, n_of=20)]
    assert judge(ending(400), gone, rows=late)[0].status is Status.FAIL
    another = part("hosted_model", "corvid-large", "2026-01", deprecated_on=at(20))
    assert judge(ending(400), another | {"component_id": "v1"})[0].status is Status.PASS


def test_a_rest_of_the_calls_warns() -> None:
    gone = part("hosted_model", "old-model", deprecated_on=at(20))
    rows = [row(day, "model", "corvid-large-2026-05", 995, n_of=1000) for day in range(28)]
    for n, status in ((9, Status.WARN), (10, Status.FAIL)):
        rest = [row(day, "model", "old-model", n, n_of=1000) for day in range(28)]
        assert judge(ending(400), gone, rows=[*rows, *rest])[0].status is status


def test_kinds_that_traffic_does_not_show_count_as_listed() -> None:
    library = part("library", "numpy", "1.0", license="BSD-3-Clause", deprecated_on=at(40))
    found, _ = judge(ending(400), library)
    assert found.status is Status.FAIL
    assert found.action == "library numpy 1.0: replace it before 2026-02-14."
    tool = part("tool", "search", deprecated_on=at(40))
    assert judge(ending(400), tool)[0].status is Status.FAIL
    named = [*USUAL, *(row(day, "tool", "read", 20, n_of=20) for day in range(28))]
    assert judge(ending(400), tool, rows=named)[0].status is Status.PASS


def test_shared_parts_count_where_they_are_needed_or_seen() -> None:
    shared = part("library", "numpy", "1.0", of_feature=None, license="MIT", deprecated_on=at(40))
    assert judge(ending(400), shared)[0].status is Status.PASS
    links = edges(("hosted_model:corvid-large", "x", "depends_on"), ("x", "library:numpy", "d"))
    assert judge(ending(400), shared, links=links)[0].status is Status.FAIL
    assert judge(ending(12, of_feature=None))[0].status is Status.FAIL
    [nothing] = judge(ending(12, of_feature="b"))
    assert nothing.status is Status.NOT_APPLICABLE


def test_only_the_newest_list_by_the_day_counts() -> None:
    old, new = ending(12), ending(400, listed_on=at(3), sha256="b")
    assert judge(old, new)[0].status is Status.PASS
    tomorrow = ending(400, listed_on=at(LAST + 1, 0), sha256="b")
    assert judge(old, tomorrow)[0].status is Status.FAIL
    # Of two versions on one list, calls that say none are of the one that stays.
    rows = [row(day, "model", "corvid-large", 20, n_of=20) for day in range(28)]
    stays = part("hosted_model", "corvid-large", "2026-07")
    assert judge(old, stays, rows=rows)[0].status is Status.PASS


@pytest.mark.parametrize(
    ("licence", "status"),
    [
        ("Apache-2.0", Status.PASS), ("apache-2.0", Status.PASS), ("Proprietary", Status.PASS),
        (None, Status.WARN), ("", Status.WARN), ("unknown", Status.WARN),
        ("NOASSERTION", Status.WARN), (" None ", Status.WARN), ("agpl-3.0", Status.FAIL),
        ("AGPL-3.0-or-later", Status.FAIL), ("GPL-3.0", Status.PASS),
        ("MIT OR AGPL-3.0", Status.PASS), ("MIT AND AGPL-3.0-only", Status.FAIL),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["model", "dataset", "adapter", "checkpoint"])
def test_licences(licence: str | None, status: Status, kind: str) -> None:
    asked = part(kind, "corvid-large", license=licence)
    found = judge(asked, params=Params(denied=("AGPL-3.0",)))[1]
    assert (found.segment, found.status) == ("licence", status)
    assert bool(found.action) == (status is not Status.PASS)


def test_services_are_used_under_terms() -> None:
    assert judge(ending(400))[1].status is Status.NOT_APPLICABLE
    service = part("embedding_model", "mini-embed", endpoint="https://api.example")
    assert judge(service)[1].status is Status.NOT_APPLICABLE


def test_a_lock_file_says_no_licence_and_is_not_blamed() -> None:
    silent = [part("library", name) for name in ("a", "b", "c")]
    found = judge(*silent)[1]
    assert found.status is Status.PASS
    assert found.message.endswith("The lists say no licence of any of 3 libraries.")
    found = judge(*silent, part("library", "d", license="MIT"))[1]
    assert (found.status, found.value) == (Status.WARN, 3.0)


def test_what_is_withdrawn_and_left_needs_no_licence() -> None:
    gone = part("model", "old-model", deprecated_on=at(3))
    assert judge(ending(400), gone)[1].status is Status.NOT_APPLICABLE
    assert judge(ending(400), part("model", "old-model"))[1].status is Status.WARN


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("GPL-3.0", True), ("gpl-3.0+", True), ("GPL-3.0-only WITH GCC-exception-3.1", True),
        ("LGPL-3.0", False), ("AGPL-3.0", False), ("GPL-3.0 OR GPL-2.0", False),
        ("GPL-3.0 OR gpl-3.0-only", True), ("(MIT OR GPL-3.0) AND BSD-2-Clause", False),
        ("", False),
        ("(MIT AND GPL-3.0) OR (BSD-2-Clause AND GPL-3.0)", True), ("MIT/GPL-3.0", False),
        ("MIT, GPL-3.0", True), (")) GPL-3.0 ((", False), ("Apache License 2.0", False),
    ],
)  # fmt: skip
def test_expressions(text: str, *, denied: bool) -> None:
    assert is_denied(text, ("GPL-3.0-only",)) is denied
    assert not is_denied(text, ())
    assert is_missing(text) is (text == "")


def test_nothing_after_the_day_is_used() -> None:
    later = observed(*USUAL, row(LAST + 1, "model", "old-model", 20, n_of=20))
    gone = part("hosted_model", "old-model", deprecated_on=at(20))
    parts = listed(ending(400), gone)
    assert next(check(FEATURE, on(LAST), later, parts, NONE, Params())).status is Status.PASS


def test_evidence_runs_on_hostile_names() -> None:
    feature = Feature.unlisted(HOSTILE)
    parts = listed(part("dataset", HOSTILE, of_feature=HOSTILE, deprecated_on=at(2)))
    findings = list(check(feature, on(LAST), observed(), parts, NONE, Params()))
    assert [one.status for one in findings] == [Status.FAIL, Status.WARN]
    with duckdb.connect() as db:
        db.register("rows", parts.to_arrow())
        db.execute("create table summary__listed_parts as select * from rows")
        assert [len(db.execute(one.evidence_sql).fetchall()) for one in findings] == [1, 1]
    assert not any("\n" in one.message + one.action for one in findings)
