"""Changed component: a part has other content under the same name and version.

Why it matters
    Who reviewed version 1.4.0 reviewed its content. A tool whose manifest changes under the same
    version can send the data elsewhere (a rug pull); a checkpoint that was written over makes every
    eval before it one of another model.
How it is found
    The hashes that lists made by the day give to one id and version. Listed before with one hash
    and within the last `max_age_days` with another: changed, as long as the newest list still names
    that version. Two hashes of which no list tells the time, or at one time, are a finding too:
    which is newer cannot be told. FAIL for a tool or an MCP server, versioned or not; FAIL for a
    model, data, a prompt and the like in production, WARN elsewhere; WARN for a library, and where
    the order cannot be told. A new version with a new hash is no finding, and of a part without
    versions (tools apart) the hash is the version. A census, so no interval.
How to mend it
    Find who changed it and compare the two. Go back to the content that was reviewed; or review the
    new one and list it under a version of its own, which closes the finding.
What it cannot see
    Parts without a hash, and what lists had before they were first read. A part that went back to
    its earlier hash: lists keep the time when each hash was first listed. Which of several copies
    is running.
Source
    Invariant Labs (2025), "MCP security notification: tool poisoning attacks"; SLSA (2023),
    "Specification 1.0: verifying artifacts".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.bom._gates import short
from llmops_health.health.bom._of_feature import SEEN_DAYS, known_parts
from llmops_health.health.bom._parts import Row, listed_at

HISTORY_DAYS = SEEN_DAYS

_MANIFESTS = frozenset({"tool", "mcp_server"})
_MOST_SEGMENTS = 20
_MOST_NAMED = 5
_HASH_CHARS = 12


class Params(CheckParams):
    """Settings of this check."""

    max_age_days: int = Field(
        default=90,
        ge=1,
        description="Days that a change is told: a quarter, as lists are reviewed.",
    )


@dataclass(frozen=True, slots=True)
class Changed:
    """A part with two hashes under one version; `on` is None where lists tell no time.

    `is_ordered` says whether `after` is known to be the newer one.
    """

    component_id: str
    kind: str
    name: str
    version: str | None
    owner: str | None
    before: str
    after: str
    on: date | None
    is_ordered: bool
    status: Status

    @property
    def words(self) -> str:
        """What messages call it."""
        version = f" {short(self.version)}" if self.version else ""
        return f"{self.kind.replace('_', ' ')} {short(self.name)}{version}"

    @property
    def told(self) -> str:
        """What happened to its content, and when."""
        before, after = self.before[:_HASH_CHARS], self.after[:_HASH_CHARS]
        if self.is_ordered:
            return f"{before} became {after} on {self.on}"
        at = f" on {self.on}" if self.on else ""
        return f"{before} and {after} are both listed{at}, which is newer cannot be told"


def check(
    feature: Feature,
    day: date,
    summary__listed_parts: pl.DataFrame,
    core__component_edges: pl.DataFrame,
    summary__observed_components: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all parts, and one on each that changed."""
    known = known_parts(
        feature, day, summary__listed_parts, core__component_edges, summary__observed_components
    )
    rows = [row for row in known.parts if row["kind"] != "application"]
    hashed = {(row["component_id"], row["version"]) for row in rows if row["sha256"]}
    if not hashed:
        n = len({(row["component_id"], row["version"]) for row in rows})
        said = f"None of its {n} listed parts has a hash" if n else "No list names a part of it"
        yield not_enough_data(0, f"{said}: whether one changed cannot be told.")
        return
    found = changes(feature, day, rows, params)
    yield _whole(feature, day, found, len(hashed), params)
    for one in found[:_MOST_SEGMENTS]:
        yield _single(feature, day, one)


def changes(feature: Feature, day: date, rows: Sequence[Row], params: Params) -> list[Changed]:
    """Return the parts whose content changed under one version, the gravest and newest first."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row["component_id"], []).append(row)
    found = []
    for listed in by_id.values():
        own = [row for row in listed if row["feature_id"] is not None] or listed
        last = max(map(listed_at, own))
        for version in dict.fromkeys(row["version"] for row in own):
            of_it = [row for row in own if row["version"] == version]
            # A newer list that names another version alone has mended it.
            if max(map(listed_at, of_it)) == last:
                changed = _changed(feature, day, [row for row in of_it if row["sha256"]], params)
                found += [changed] if changed else []
    rank = {Status.FAIL: 0, Status.WARN: 1}
    return sorted(
        found,
        key=lambda one: (rank[one.status], -(one.on or date.min).toordinal(), one.words),
    )


def _changed(feature: Feature, day: date, rows: Sequence[Row], params: Params) -> Changed | None:
    """Return what became of the rows of one version; None where all have one hash."""
    ordered = sorted(rows, key=lambda row: (listed_at(row), row["sha256"]))
    hashes = list(dict.fromkeys(row["sha256"].strip().lower() for row in ordered))
    if len(hashes) < 2:
        return None
    row = ordered[-1]
    newest = {one["sha256"].strip().lower() for one in ordered if listed_at(one) == listed_at(row)}
    is_ordered = len(newest) == 1
    on = row["listed_on"].date() if row["listed_on"] else None
    is_old = on is not None and on <= day - timedelta(days=params.max_age_days)
    is_manifest = row["kind"] in _MANIFESTS
    # One version of a library has a hash for each platform.
    is_one_of_many = row["kind"] == "library" and not is_ordered
    if is_old or is_one_of_many or (row["version"] is None and not is_manifest):
        return None
    in_production = feature.lifecycle == "production" and row["kind"] != "library"
    return Changed(
        component_id=row["component_id"],
        kind=row["kind"],
        name=row["name"],
        version=row["version"],
        owner=row["owner"] or feature.owner,
        before=hashes[-2],
        after=hashes[-1],
        on=on,
        is_ordered=is_ordered,
        status=Status.FAIL if is_manifest or (in_production and is_ordered) else Status.WARN,
    )


def _whole(
    feature: Feature, day: date, found: Sequence[Changed], n_hashed: int, params: Params
) -> Finding:
    if not found:
        return Finding(
            status=Status.PASS,
            message=f"None of {n_hashed} listed parts with a hash has other content under the same "
            f"version within {params.max_age_days} days.",
            n=n_hashed,
            value=0.0,
            threshold=0.0,
            unit="parts",
        )
    told = "; ".join(f"{one.words}: {one.told}" for one in found[:_MOST_NAMED])
    more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    verb = "have" if len(found) > 1 else "has"
    return Finding(
        status=found[0].status,
        message=f"{len(found)} of {n_hashed} listed parts with a hash {verb} other content under "
        f"the same version: {told}{more}.",
        n=n_hashed,
        value=float(len(found)),
        threshold=0.0,
        unit="parts",
        action=_action(found[0])
        + (f" {len(found) - 1} more need the same." if len(found) > 1 else ""),
        evidence_sql=_evidence(feature, day, found),
    )


def _single(feature: Feature, day: date, one: Changed) -> Finding:
    return Finding(
        status=one.status,
        segment=f"{one.component_id}@{one.version}" if one.version else one.component_id,
        message=f"{one.words} has other content under the same version: {one.told}.",
        n=1,
        value=1.0,
        threshold=0.0,
        unit="parts",
        action=_action(one),
        evidence_sql=_evidence(feature, day, [one]),
    )


def _action(one: Changed) -> str:
    who = f"Ask {short(one.owner)} who changed {one.words}" if one.owner else (
        f"Find who changed {one.words}"
    )  # fmt: skip
    if one.kind in _MANIFESTS:
        return (
            f"Stop calling {one.words} until what its manifest now says is reviewed; then list it "
            "under a version of its own."
        )
    return f"{who} and compare the two; go back, or list the new one under a version of its own."


def _evidence(feature: Feature, day: date, found: Sequence[Changed]) -> str:
    ids = ", ".join(literal(one.component_id) for one in found[:_MOST_SEGMENTS])
    return (
        "select component_id, kind, name, version, of_feature, sha256, listed_on, owner, supplier, "  # noqa: S608 - literals only
        f"source_uri from summary__listed_parts where component_id in ({ids}) "
        f"and (of_feature = {literal(feature.id)} or of_feature is null) "
        f"and (listed_on is null or listed_on < {literal(day)}::date + 1) and sha256 is not null "
        "order by component_id, version, listed_on nulls first, sha256 limit 200"
    )
