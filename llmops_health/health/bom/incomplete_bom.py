"""Incomplete bill of materials: what a reviewer asks of the parts is not told.

Why it matters
    Procurement, an auditor or an incident asks which models answer, who supplies them, where the
    data go and what they were trained on. What no list says is then looked for under pressure, and
    a hosted model without supplier or data flow is a contract that nobody can check.
How it is found
    Each element of the G7 rubric that a table here can carry, of each part that lists made by the
    day name for the feature: 1 told and verified (a hash, or seen in production traffic of 28
    days), 0.8 told, 0.25 said to be unknown, 0 missing. The score is the mean of the clusters by
    their weights (metadata 10, system 15, models 25, datasets 20, infrastructure 5, security 15,
    KPI 10), of those that apply: A from 90, B from 75, C from 60. It is capped at 59 by an edge
    that leads nowhere, an id of two things, a model without version or identifier, a hosted model
    or MCP server without supplier or data flow, and a part in use that no list names. From `lo` to
    `hi`: the score, and what it would be if all that is said to be unknown were told. WARN below
    the least score of its lifecycle and risk, where it is capped, and where a live feature has no
    list; FAIL where it is capped in production at high risk.
How to mend it
    Open what caps it, then add the elements that gain most; the action names them. Write `unknown`
    where you looked and do not know: it counts more than silence.
What it cannot see
    Whether what is told is true. Elements that no table carries: input and output, hardware,
    vulnerabilities, statistical properties, how a list was made. That an edge is older or newer
    than a day: edges have no time. Parts that neither lists nor traffic name.
Source
    G7 and CISA (2026), "SBOM for AI: minimum elements"; NTIA (2021), "The minimum elements for an
    SBOM". Weights and gates are ours; no estimate, so no interval of chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import HeatCell, HeatMap
from llmops_health.findings import CheckParams, Finding, Status, literal, not_applicable
from llmops_health.health.bom import _traffic, undeclared_component
from llmops_health.health.bom._gates import listed, short
from llmops_health.health.bom._of_feature import SEEN_DAYS, Known, known_parts
from llmops_health.health.bom._parts import Row, newest_of
from llmops_health.health.bom._score import Cluster, Score, States, score_of

HISTORY_DAYS = SEEN_DAYS

_MOST_OWNERS = 3
_MOST_ADDED = 3
_MOST_SHOWN = 4
_COLUMNS = ("verified", "told", "said to be unknown", "missing")


class Params(CheckParams):
    """Settings of this check."""

    min_score: float = Field(
        default=60.0, ge=0, le=100, description="Least score: C, most questions have an answer."
    )
    min_score_high_risk: float = Field(
        default=75.0,
        ge=0,
        le=100,
        description="Least score in production at high risk: B, a reviewer will ask.",
    )
    min_score_early: float = Field(
        default=30.0, ge=0, le=100, description="Least score of an experiment: its parts change."
    )


def check(
    feature: Feature,
    day: date,
    summary__listed_parts: pl.DataFrame,
    core__component_edges: pl.DataFrame,
    summary__observed_components: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all parts of the feature."""
    observed = summary__observed_components
    known = known_parts(feature, day, summary__listed_parts, core__component_edges, observed)
    if known.is_listed:
        found = _scored(feature, day, summary__listed_parts, core__component_edges, observed, known)
        yield _judged(feature, day, known, found, params)
    elif feature.lifecycle in {"experimental", "retired"}:
        yield not_applicable(f"No list names a part of it, and it is {feature.lifecycle}.")
    elif feature.launched_on is not None and feature.launched_on > day:
        yield not_applicable(f"No list names a part of it, and it starts on {feature.launched_on}.")
    else:
        yield _unlisted(feature, day, observed, params)


def figure(
    feature: Feature,
    day: date,
    summary__listed_parts: pl.DataFrame,
    core__component_edges: pl.DataFrame,
    summary__observed_components: pl.DataFrame,
    params: Params,
) -> HeatMap | None:
    """Return how much of each cluster is told; None where no list names a part."""
    observed = summary__observed_components
    known = known_parts(feature, day, summary__listed_parts, core__component_edges, observed)
    if not known.is_listed:
        return None
    found = _scored(feature, day, summary__listed_parts, core__component_edges, observed, known)
    least = _least(feature, params)
    clusters = [
        (cluster, states)
        for cluster, states in zip(found.clusters, found.states, strict=True)
        if cluster.value is not None
    ]
    return HeatMap(
        title=f"What the lists tell of the parts of {short(feature.id)}",
        description=f"Score {found.value:.0f} of 100, grade {found.grade}{_capped(found)}: "
        f"elements by cluster, {found.n_missing} missing.",
        rows=tuple(cluster.name for cluster, _ in clusters),
        columns=("score", *_COLUMNS),
        cells=tuple(cell for one in clusters for cell in _cells(*one, least)),
    )


def _cells(cluster: Cluster, states: States, least: float) -> Iterator[HeatCell]:
    points = 100 * (cluster.value or 0)
    yield HeatCell(
        row=cluster.name, column="score", level=_level(points, least), text=f"{points:.0f}"
    )
    for column, n in zip(_COLUMNS, states, strict=True):
        yield HeatCell(row=cluster.name, column=column, level="plain", text=str(n))


def _level(points: float, least: float) -> Literal["good", "partly", "bad"]:
    return "good" if points >= least else "partly" if points >= least / 2 else "bad"


def _scored(
    feature: Feature,
    day: date,
    listed_parts: pl.DataFrame,
    edges: pl.DataFrame,
    observed: pl.DataFrame,
    known: Known,
) -> Score:
    return score_of(
        feature,
        newest_of(known.parts),
        edges,
        _undeclared(day, observed, known),
        set(listed_parts["component_id"].to_list()),
    )


def _undeclared(day: date, observed: pl.DataFrame, known: Known) -> list[str]:
    """Return what is in use and on no list, in any version."""
    week = _traffic.window(observed, day, undeclared_component.HISTORY_DAYS)
    judged = undeclared_component.undeclared(week, known.names, undeclared_component.Params())
    return [
        one.used.words
        for one in judged
        if one.status is not Status.PASS and not one.is_other_version
    ]


def _least(feature: Feature, params: Params) -> float:
    if feature.lifecycle in {"experimental", "retired"}:
        return params.min_score_early
    if feature.lifecycle == "production" and feature.risk_tier == "high":
        return params.min_score_high_risk
    return params.min_score


def _judged(feature: Feature, day: date, known: Known, found: Score, params: Params) -> Finding:
    least = _least(feature, params)
    is_grave = feature.lifecycle == "production" and feature.risk_tier == "high"
    status = Status.PASS
    if found.capped_by or found.value < least:
        status = Status.FAIL if is_grave and found.capped_by else Status.WARN
    is_bad = status is not Status.PASS
    return Finding(
        status=status,
        message=_message(found),
        n=found.n_parts,
        value=found.value,
        lo=found.value,
        hi=found.value_if_known,
        threshold=least,
        unit="points",
        action=_action(found) if is_bad else "",
        evidence_sql=_evidence(feature, day, known.parts) if is_bad else "",
    )


def _unlisted(feature: Feature, day: date, observed: pl.DataFrame, params: Params) -> Finding:
    week = _traffic.window(observed, day, undeclared_component.HISTORY_DAYS)
    used = [one.words for one in week.used[:_MOST_SHOWN]]
    more = len(week.used) - len(used)
    names = ", ".join(used) + (f" and {more} more" if more > 0 else "")
    shown = f", while traffic of 7 days uses {names}" if used else ""
    start = f"List {names}" if used else "List its models, prompts, tools and data"
    return Finding(
        status=Status.WARN,
        message=f"No list of parts: nothing says what it is made of{shown}.",
        n=0,
        value=0.0,
        lo=0.0,
        hi=0.0,
        threshold=_least(feature, params),
        unit="points",
        action=f"{start} with version, supplier and where the data go: as rows of components, or "
        "a source of format cyclonedx, mcp, hf-card or lockfile.",
        evidence_sql=_traffic.evidence(feature.id, day, undeclared_component.HISTORY_DAYS),
    )


def _message(found: Score) -> str:
    told = f"Score {found.value:.0f} of 100, grade {found.grade}{_capped(found)}; "
    n_asked = sum(cluster.n_expected for cluster in found.clusters)
    if found.n_missing:
        verb = "are" if found.n_missing > 1 else "is"
        told += f"{found.n_missing} of {n_asked} elements {verb} missing ({_whose(found)})"
    else:
        told += f"none of {n_asked} elements is missing"
    if found.n_unknown:
        told += (
            f", {found.n_unknown} said to be unknown: {found.value_if_known:.0f} if these were told"
        )
    return told + "."


def _capped(found: Score) -> str:
    if not found.capped_by:
        return ""
    return f", capped (else {found.uncapped:.0f}) by {'; '.join(found.capped_by)}"


def _whose(found: Score) -> str:
    """Return who has to tell what is missing, with how much; most first."""
    counts = Counter(one.owner for one in found.missing)
    most = counts.most_common(_MOST_OWNERS)
    rest = len(found.missing) - sum(n for _, n in most)
    told = [f"{short(owner) if owner else 'nobody'} {n}" for owner, n in most]
    return ", ".join([*told, f"others {rest}"] if rest else told)


def _action(found: Score) -> str:
    gains: dict[str, float] = {}
    of: dict[str, list[str]] = {}
    for one, gain in zip(found.missing, found.gains, strict=True):
        gains[one.element] = gains.get(one.element, 0.0) + gain
        if one.component:
            of.setdefault(one.element, []).append(one.component)
    best = sorted(gains, key=lambda element: (-gains[element], element))[:_MOST_ADDED]
    added = [
        f"{element}{f' of {listed(of[element])}' if element in of else ''} (+{gains[element]:.1f})"
        for element in best
    ]
    first = f"Mend first what caps it: {found.capped_by[0]}. " if found.capped_by else ""
    return first + (f"Add {'; '.join(added)}." if added else "")


def _evidence(feature: Feature, day: date, parts: Sequence[Row]) -> str:
    shared = sorted({row["component_id"] for row in parts if row["feature_id"] is None})
    ids = ", ".join(literal(one) for one in shared[:100])
    reached = f" or (of_feature is null and component_id in ({ids}))" if shared else ""
    return (
        "select component_id, kind, name, version, supplier, owner, license, sha256, purl, "  # noqa: S608 - literals only
        "source_uri, endpoint, crosses_trust_boundary, data_classification, released_on, listed_on "
        f"from summary__listed_parts where (of_feature = {literal(feature.id)}{reached}) "
        f"and (listed_on is null or listed_on < {literal(day)}::date + 1) "
        "order by kind = 'library', kind, component_id, version, listed_on, sha256 limit 200"
    )
