"""Ungoverned feature: no risk tier, runbook, review, eval gate or way back stands behind it.

Why it matters
    Nobody asks for a runbook or a way back before the night on which it is needed. What procurement
    and auditors ask of an AI feature is the same list, and it is quick to fill in on a quiet day.
How it is found
    Nine items, each fulfilled, not, or unknown, by evidence with its age: an owner in any source;
    an eval suite that is named and was run within 30 days (60 of medium, 90 of low risk); a way
    back, by a revert or a second promotion in the ledger or a version that answered before; a
    contact that can be reached, or that answered an alarm; risk tier; a review within 90 days (180,
    365); runbook; logs of six months (of high risk only); repository. The score is an interval:
    the share of the weight that is fulfilled, and that share if all that is unknown were too.
    Owner, eval gate, way back, contact and logs are gates, which nothing else makes up for. FAIL
    where a gate of a live feature is known to be missing, or the upper end of the score lies below
    the limit of its risk tier; of low risk, beta and experimental features that is WARN. WARN where
    the lower end lies below the limit, evidence has expired (it says nothing then, and after twice
    its time that the item is missing), a gate of a feature of high risk is unknown, or the
    configuration does not list the feature. What the record is too young to tell has no part in it.
How to mend it
    Fill in the configuration's keys, run the suite, go back to the version before once on a quiet
    day: a way back that was never gone is a guess.
What it cannot see
    Whether the runbook is any good, the review was one, or the eval gate stops anything. The
    configuration has no history: a day of the past is judged by what it says now.
Source
    Intervals for what is unknown after Dempster (1967), Ann. Math. Statist. 38(2):325-339; items
    after NIST AI RMF 1.0 (2023), Govern 1-2, and Articles 12, 14, 17, 26 of Regulation (EU)
    2024/1689.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import HeatCell, HeatMap
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.ownership import _governance, _owners
from llmops_health.health.ownership._alarms import said_by
from llmops_health.health.ownership._governance import Item, Record
from llmops_health.health.ownership._life import life, not_live
from llmops_health.health.provenance._ledger import steps_of
from llmops_health.kernels.tristate import TriStateScore

HISTORY_DAYS = 190

_LENIENT = frozenset({"beta", "experimental"})
_COLUMNS = ("on record", "evidence", "weight")
Level = Literal["good", "partly", "bad"] | None
_SHOWN: dict[str, tuple[str, Level]] = {
    "pass": ("yes", "good"),
    "fail": ("no", "bad"),
    "unknown": ("unknown", None),
}


class Params(CheckParams):
    """Settings of this check."""

    min_calls: int = Field(
        default=20, ge=1, description="Production calls in 7 days that make it live."
    )
    min_score_high: float = Field(
        default=0.8, ge=0, le=1, description="Score that a feature of high risk needs."
    )
    min_score_medium: float = Field(
        default=0.6, ge=0, le=1, description="Score of medium risk, or where no tier is given."
    )
    min_score_low: float = Field(
        default=0.4, ge=0, le=1, description="Score that a feature of low risk needs."
    )


def check(
    feature: Feature,
    day: date,
    summary__listed_parts: pl.DataFrame,
    summary__versions: pl.DataFrame,
    core__eval_runs: pl.DataFrame,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    core__acknowledgements: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: the score, and what is missing."""
    lived = life(feature, summary__versions, day, params.min_calls)
    if not lived.is_live:
        yield not_live(feature, lived)
        return
    tables = (summary__listed_parts, summary__versions, core__eval_runs, core__ledger_steps)
    more = (summary__pipelines, core__acknowledgements)
    found = _governance.items(_record(feature, day, *tables, *more))
    yield _judged(feature, day, found, params)


def figure(
    feature: Feature,
    day: date,
    summary__listed_parts: pl.DataFrame,
    summary__versions: pl.DataFrame,
    core__eval_runs: pl.DataFrame,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    core__acknowledgements: pl.DataFrame,
    params: Params,
) -> HeatMap | None:
    """Return the items with their state and the age of their evidence; None if it is not live."""
    if not life(feature, summary__versions, day, params.min_calls).is_live:
        return None
    tables = (summary__listed_parts, summary__versions, core__eval_runs, core__ledger_steps)
    more = (summary__pipelines, core__acknowledgements)
    found = _governance.items(_record(feature, day, *tables, *more))
    known = _governance.score(found)
    return HeatMap(
        title=f"What governs {feature.id}",
        description=f"Score {_score(known)}; {_listed(found)}.",
        rows=tuple(one.name for one in found),
        columns=_COLUMNS,
        cells=tuple(cell for one in found for cell in _cells(one)),
    )


def _record(
    feature: Feature,
    day: date,
    parts: pl.DataFrame,
    versions: pl.DataFrame,
    runs: pl.DataFrame,
    steps: pl.DataFrame,
    pipelines: pl.DataFrame,
    acknowledgements: pl.DataFrame,
) -> Record:
    return Record.of(
        feature,
        day,
        _owners.known(parts, day),
        versions,
        runs,
        steps_of(feature, day, steps, pipelines),
        said_by(acknowledgements, day),
    )


def _judged(feature: Feature, day: date, found: Sequence[Item], params: Params) -> Finding:
    known = _governance.score(found)
    limit = _limit(feature, params)
    status = _status(feature, found, known, limit)
    is_alarm = status is not Status.PASS
    return Finding(
        status=status,
        message=f"Score {_score(known)}, {limit:.2f} needed"
        f"{f' of {feature.risk_tier} risk' if feature.risk_tier else ''}; {_listed(found)}.",
        n=len(found),
        value=known.lo,
        lo=known.lo,
        hi=known.hi,
        threshold=limit,
        unit="share",
        action=_action(feature, found) if is_alarm else "",
        evidence_sql=_evidence(feature, day) if is_alarm else "",
    )


def _status(feature: Feature, found: Sequence[Item], known: TriStateScore, limit: float) -> Status:
    is_shut = any(one.is_gate and one.state == "fail" for one in found)
    if is_shut or known.hi < limit:
        is_lenient = feature.risk_tier == "low" or feature.lifecycle in _LENIENT
        return Status.WARN if is_lenient else Status.FAIL
    is_unsure = feature.risk_tier == "high" and any(
        one.is_gate and one.state == "unknown" and not one.is_young for one in found
    )
    is_expired = any(one.is_expired for one in found)
    is_thin = known.lo < limit or not feature.listed
    return Status.WARN if is_unsure or is_expired or is_thin else Status.PASS


def _limit(feature: Feature, params: Params) -> float:
    limits = {"high": params.min_score_high, "low": params.min_score_low}
    return limits.get(feature.risk_tier or "", params.min_score_medium)


def _score(known: TriStateScore) -> str:
    return f"[{known.lo:.2f}, {known.hi:.2f}], {known.coverage:.0%} of it known"


def _listed(found: Sequence[Item]) -> str:
    missing = [one for one in found if one.state == "fail"]
    unknown = [one for one in found if one.state == "unknown" and not one.is_young]
    young = [one for one in found if one.is_young]
    told = [f"{one.name} missing ({one.why})" for one in missing]
    told += [f"{one.name} unknown ({one.why})" for one in unknown]
    told += [f"{one.name} not told yet ({one.why})" for one in young]
    return "; ".join(told) or f"all {len(found)} items are there"


def _action(feature: Feature, found: Sequence[Item]) -> str:
    if not feature.listed:
        return "List it under `features` of the configuration: most items are keys of it."
    gravest = min(
        (one for one in found if one.state != "pass"),
        key=lambda one: (not one.is_gate, one.state == "unknown", -one.weight),
        default=None,
    )
    return _MEND[gravest.name] if gravest else "Renew the evidence that has expired."


_MEND = {
    "owner": "Name the team that answers for it in `owner` of the configuration.",
    "eval gate": "Name its suite in `eval_suites`, run it now, and before every release.",
    "rollback": "Go back to the version before once, and write `promote` and `revert` steps to the "
    "ledger.",
    "incident contact": "Give an owner who can be reached: an address, or a channel.",
    "retention": "Keep its call logs for six months, and `retention_days.calls` at 183 or more.",
    "risk tier": "Decide how much harm an error can do, and set `risk_tier`.",
    "review": "Review it, and set `last_reviewed_on`.",
    "runbook": "Write down what to do when it fails, and set `runbook_url`.",
    "repository": "Set `repository` to where its code is.",
}


def _cells(one: Item) -> Iterator[HeatCell]:
    words, level = _SHOWN[one.state]
    yield HeatCell(row=one.name, column="on record", level=level, text=words)
    aged = "no date" if one.age_days is None else f"{one.age_days} days"
    fresh: Level = None if one.age_days is None else ("bad" if one.is_expired else "good")
    yield HeatCell(row=one.name, column="evidence", level=fresh, text=aged)
    kind = f"{one.weight:g}, gate" if one.is_gate else f"{one.weight:g}"
    yield HeatCell(row=one.name, column="weight", level="plain", text=kind)


def _evidence(feature: Feature, day: date) -> str:
    return (
        "select suite_id, role, model, max(day) as last_run, count(*) as n_runs "  # noqa: S608 - literals only
        f"from core__eval_runs where feature_id = {literal(feature.id)} "
        f"and day <= {literal(day)}::date "
        "group by suite_id, role, model order by last_run desc, suite_id, role, model limit 50"
    )
