"""Ownerless component: whose parts count, who owns them, and which lack is grave."""

from __future__ import annotations

import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status
from llmops_health.health.ownership.ownerless_component import Params, check
from llmops_health_tests.health.ownership.simulate import (
    DAY,
    FEATURE,
    HOSTILE,
    at,
    database,
    entry,
    parts,
    rule,
    table,
    versions,
)

NO_EDGES = table("core__component_edges", [])
HIGH = FEATURE.model_copy(update={"risk_tier": "high"})


def part(
    name: str, kind: str = "prompt", of: str | None = "help", **more: object
) -> dict[str, object]:
    return {"component_id": f"{kind}/{name}", "kind": kind, "name": name, "of_feature": of} | more


def edges(*pairs: tuple[str, str]) -> pl.DataFrame:
    rows = [{"src": src, "dst": dst, "relation": "depends_on"} for src, dst in pairs]
    return table("core__component_edges", rows)


def judge(
    *rows: dict[str, object], feature: Feature = FEATURE, linked: pl.DataFrame = NO_EDGES
) -> Finding:
    [finding] = check(feature, DAY, parts(*rows), linked, versions(), Params())
    return finding


def test_an_owner_or_a_supplier_is_enough() -> None:
    finding = judge(part("a", owner="team"), part("b", supplier="Acme"))
    assert finding.status is Status.PASS
    assert finding.message == "Each of 2 parts has an owner or a supplier."


def test_a_part_of_nobody_is_named() -> None:
    finding = judge(part("a", owner="team"), part("b", owner="TBD"), part("c", "tool"))
    assert finding.status is Status.WARN
    assert finding.message == "2 of 3 parts have neither owner nor supplier: prompt b, tool c."
    assert (finding.value, finding.threshold, finding.n) == (2, 0, 3)


@pytest.mark.parametrize(
    ("row", "feature", "status"),
    [
        (part("m", "model"), FEATURE, Status.WARN),
        (part("m", "model"), HIGH, Status.FAIL),
        (part("m", "hosted_model"), HIGH, Status.FAIL),
        (part("p", "prompt"), HIGH, Status.WARN),
        (part("s", "mcp_server", crosses_trust_boundary=True), FEATURE, Status.FAIL),
        (part("s", "mcp_server", crosses_trust_boundary=False), FEATURE, Status.WARN),
        (part("s", "mcp_server", crosses_trust_boundary=True, supplier="X"), HIGH, Status.PASS),
    ],
)
def test_what_crosses_the_boundary_and_models_of_high_risk_are_grave(
    row: dict[str, object], feature: Feature, status: Status
) -> None:
    assert judge(row, feature=feature).status is status


def test_without_a_list_nothing_is_known() -> None:
    others = [part("a", of="other"), part("lib", "library"), rule("*", None), entry(None)]
    assert judge().status is Status.NOT_ENOUGH_DATA
    assert judge(*others).status is Status.NOT_ENOUGH_DATA


def test_one_version_with_an_owner_names_the_part() -> None:
    assert judge(part("a", version="1"), part("a", version="2", owner="t")).status is Status.PASS


def test_a_shared_model_counts_where_it_answers() -> None:
    assert judge(part("m-1", "hosted_model", of=None)).status is Status.WARN
    assert judge(part("m", "hosted_model", of=None, supplier="A")).status is Status.PASS
    assert judge(part("other", "hosted_model", of=None)).status is Status.NOT_ENOUGH_DATA
    assert "shared hosted model m-1" in judge(part("m-1", "hosted_model", of=None)).message


def test_a_shared_part_counts_where_parts_lead_to_it() -> None:
    own, base, data = part("a", owner="t"), part("b", "model", None), part("d", "dataset", None)
    linked = edges(("prompt/a", "model/b"), ("model/b", "dataset/d"), ("dataset/d", "prompt/a"))
    finding = judge(own, base, data, linked=linked)
    assert finding.value == 2
    assert judge(own, base, data).status is Status.PASS
    # A part that is not listed does not break the way.
    assert judge(own, data, linked=linked).value == 1


def test_what_was_listed_later_is_not_known() -> None:
    assert judge(part("a", owner="t"), part("b", listed_on=at(-1))).status is Status.PASS


def test_hostile_names_and_their_evidence() -> None:
    listed = parts(part(HOSTILE), part("ok", owner="t"))
    [finding] = check(FEATURE, DAY, listed, NO_EDGES, versions(), Params())
    assert finding.status is Status.WARN
    rows = database(summary__listed_parts=listed).execute(finding.evidence_sql).fetchall()
    assert [row[3] for row in rows] == [HOSTILE]


def test_many_parts_are_counted_and_five_are_named() -> None:
    finding = judge(*(part(f"p{place:02}") for place in range(12)))
    assert finding.message.endswith("prompt p04, and 7 more.")
    assert finding.value == 12
