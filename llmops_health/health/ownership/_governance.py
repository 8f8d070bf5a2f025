"""What governs a feature: nine items, each fulfilled, not, or unknown, with evidence and its age.

What is not on record is unknown, not absent, unless the record would have it: the configuration of
a listed feature names its risk tier or does not. Nothing is judged here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final, Literal

import polars as pl

from llmops_health.config import Feature
from llmops_health.health.ownership import _owners
from llmops_health.health.ownership._owners import Entry, Named
from llmops_health.health.provenance._ledger import Step
from llmops_health.kernels.tristate import TriStateScore, tri_state_score

REVIEW_DAYS: Final = {"high": 90, "medium": 180, "low": 365}
EVAL_DAYS: Final = {"high": 30, "medium": 60, "low": 90}
RETENTION_DAYS: Final = 183
"""Six months of logs: Article 12 and 26(6) of Regulation (EU) 2024/1689, for high risk."""

_YOUNG_DAYS: Final = 28
"""Days of calls from which a version before the present one would have been seen."""

_WEIGHTS: Final = {
    "owner": 3.0,
    "eval gate": 3.0,
    "rollback": 3.0,
    "incident contact": 3.0,
    "risk tier": 2.0,
    "review": 2.0,
    "runbook": 2.0,
    "retention": 2.0,
    "repository": 1.0,
}
_VERSIONS: Final = ("day", "prompt", "response_model", "service", "n")
State = Literal["pass", "fail", "unknown"]
ITEMS: Final = tuple(_WEIGHTS)
GATES: Final = frozenset({"owner", "eval gate", "rollback", "incident contact", "retention"})
"""Items that no sum of others makes up for."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: fulfilled, not, or unknown; why; and how old the evidence is, in days.

    `is_expired`: there was evidence, and it is too old to hold. `is_young`: unknown because the
    record does not reach back far enough to tell.
    """

    name: str
    state: State
    why: str
    age_days: int | None = None
    is_expired: bool = False
    is_young: bool = False

    @property
    def weight(self) -> float:
        """What it is worth."""
        return _WEIGHTS[self.name]

    @property
    def is_gate(self) -> bool:
        """Whether nothing else makes up for it."""
        return self.name in GATES


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a feature up to the end of a day.

    `entries` are what the catalogue has about it, `versions` those of production calls.
    """

    feature: Feature
    day: date
    named: Sequence[Named]
    entries: Sequence[Entry]
    versions: pl.DataFrame
    eval_runs: pl.DataFrame
    steps: Sequence[Step]
    acknowledgements: pl.DataFrame

    @classmethod
    def of(
        cls,
        feature: Feature,
        day: date,
        parts: pl.DataFrame,
        versions: pl.DataFrame,
        eval_runs: pl.DataFrame,
        steps: Sequence[Step],
        acknowledgements: pl.DataFrame,
    ) -> Record:
        """Return the record of a feature from the tables as they are."""
        kind = versions["run_kind"]
        is_live = (kind == "prod") | (kind == "unknown")
        live = pl.DataFrame([versions[name].filter(is_live) for name in _VERSIONS])
        named, entries = _owners.named(feature, parts), _owners.entries(feature, parts)
        return cls(feature, day, named, entries, live, eval_runs, steps, acknowledgements)


def items(record: Record) -> list[Item]:
    """Return the items that apply to a feature, in the order of `ITEMS`."""
    notes = _notes([one.attributes for one in record.entries])
    found = [
        _owner(record),
        _eval_gate(record),
        _rollback(record),
        _contact(record, notes),
        _named("risk tier", record.feature, record.feature.risk_tier, notes.get("risk_tier")),
        _review(record),
        _named("runbook", record.feature, record.feature.runbook_url, notes.get("runbook_url")),
        *([_retention(record)] if record.feature.risk_tier == "high" else []),
        _named("repository", record.feature, record.feature.repository, _source(record)),
    ]
    return sorted(found, key=lambda one: ITEMS.index(one.name))


def score(found: Sequence[Item]) -> TriStateScore:
    """Return the share of the weight that is fulfilled, as an interval.

    Items of which the record cannot tell yet have no part in it, but for how much is known.
    """
    told = _score([one for one in found if not one.is_young])
    return replace(told, coverage=_score(found).coverage)


def _score(found: Sequence[Item]) -> TriStateScore:
    known = {"pass": True, "fail": False}
    return tri_state_score([one.weight for one in found], [known.get(one.state) for one in found])


def _owner(record: Record) -> Item:
    if record.named:
        return Item("owner", "pass", record.named[0].words)
    return Item("owner", "fail", "no source names one")


def _eval_gate(record: Record) -> Item:
    """Say whether a suite is named and was run lately: a gate is known by its use."""
    feature, runs = record.feature, record.eval_runs
    allowed = EVAL_DAYS[feature.risk_tier or "medium"]
    ran = zip(runs["suite_id"].to_list(), runs["day"].to_list(), strict=True)
    counted = (on for suite, on in ran if not feature.eval_suites or suite in feature.eval_suites)
    last = max(counted, default=None)
    age = None if last is None else (record.day - last).days
    if feature.eval_suites:
        suites = ", ".join(feature.eval_suites)
        if age is None:
            return Item("eval gate", "fail", f"{suites} is named and no run of it is on record")
        if age > allowed:
            why = f"the last run of {suites} is {age} days old, {allowed} are allowed"
            return Item("eval gate", _expired(age, allowed), why, age, is_expired=True)
        return Item("eval gate", "pass", f"{suites} ran {age} days ago", age)
    if age is not None and age <= allowed:
        why = f"evals ran {age} days ago, none of which the configuration names"
        return Item("eval gate", "unknown", why, age)
    if not feature.listed:
        return Item("eval gate", "unknown", "not listed, and no eval run is on record")
    return Item("eval gate", "fail", "no eval suite is named, and none has run lately")


def _rollback(record: Record) -> Item:
    """Say whether there is something to go back to, by what was seen, not by what is said."""
    reverted = [step for step in record.steps if step.op == "revert"]
    if reverted:
        age = (record.day - reverted[-1].started_at.date()).days
        return Item("rollback", "pass", f"the ledger has a revert {age} days ago", age)
    promoted = [step for step in record.steps if step.op == "promote"]
    if len({step.output for step in promoted if step.output}) > 1:
        age = (record.day - promoted[-1].started_at.date()).days
        return Item("rollback", "pass", f"the ledger has {len(promoted)} promoted versions", age)
    earlier = _earlier_version(record.versions)
    if earlier is not None:
        what, value, last = earlier
        age = (record.day - last).days
        return Item("rollback", "pass", f"{what} {value} answered until {age} days ago", age)
    why = "no revert is on record, and no earlier version was seen"
    return Item("rollback", "unknown", why, is_young=_n_days(record) < _YOUNG_DAYS)


def _earlier_version(versions: pl.DataFrame) -> tuple[str, str, date] | None:
    """Return what answered before and does not now: what it is, its name, its last day."""
    for column, what in (("prompt", "prompt"), ("response_model", "model"), ("service", "service")):
        if versions[column].n_unique() < 2:
            continue
        last_days = versions.group_by(column).agg(pl.col("day").max(), pl.col("n").sum())
        # One call is no version that was in use.
        used = [(on, value) for value, on, n in last_days.rows() if value is not None and n >= 10]
        used.sort(reverse=True)
        if len(used) > 1 and used[1][0] < used[0][0]:
            return what, used[1][1], used[1][0]
    return None


def _contact(record: Record, notes: Mapping[str, Any]) -> Item:
    """Say whether somebody can be reached: by address, or because somebody answered."""
    contact = notes.get("incident_contact") or notes.get("on_call")
    if contact:
        return Item("incident contact", "pass", f"{contact} ({_owners.CATALOGUE})")
    answered = record.acknowledgements
    if len(answered):
        last = answered.sort("acknowledged_at").row(-1, named=True)
        age = (record.day - last["acknowledged_at"].date()).days
        why = f"{last['acknowledged_by']} answered an alarm {age} days ago"
        return Item("incident contact", "pass", why, age)
    named = record.named
    reachable = [name for one in named for name in one.names if "@" in name or "://" in name]
    if reachable:
        return Item("incident contact", "pass", f"{reachable[0]} is an address")
    if named:
        return Item("incident contact", "unknown", f"{named[0].names[0]} is no address")
    return Item("incident contact", "fail", "nobody is named")


def _review(record: Record) -> Item:
    feature = record.feature
    allowed = REVIEW_DAYS[feature.risk_tier or "medium"]
    last = feature.last_reviewed_on
    if last is None:
        return _named("review", feature, None, None)
    age = (record.day - last).days
    if age < 0:
        return Item("review", "unknown", f"reviews before {last} are not known", is_young=True)
    if age > allowed:
        why = f"the last review is {age} days old, {allowed} are allowed"
        return Item("review", _expired(age, allowed), why, age, is_expired=True)
    return Item("review", "pass", f"reviewed {age} days ago", age)


def _retention(record: Record) -> Item:
    """Say whether logs reach back as far as they must, or to the launch."""
    n_days = _n_days(record)
    if n_days >= RETENTION_DAYS:
        return Item("retention", "pass", f"calls of {n_days} days are on record")
    launched = record.feature.launched_on
    if n_days and launched is not None and record.day - timedelta(days=n_days - 1) <= launched:
        return Item("retention", "pass", "calls are on record since the launch")
    why = f"calls of {n_days} days are on record, {RETENTION_DAYS} are to be kept"
    return Item("retention", "unknown", why, is_young=True)


def _n_days(record: Record) -> int:
    """Return the days that the record of production calls reaches back, 0 without any."""
    first = record.versions["day"].min()
    return (record.day - first).days + 1 if isinstance(first, date) else 0


def _named(name: str, feature: Feature, own: str | None, elsewhere: object) -> Item:
    if own and own.strip():
        return Item(name, "pass", own)
    if elsewhere:
        return Item(name, "pass", f"{elsewhere} ({_owners.CATALOGUE})")
    return Item(name, "fail" if feature.listed else "unknown", "not given")


def _expired(age: int, allowed: int) -> State:
    """Return what evidence says that is too old: nothing, and after twice its time a lack."""
    return "fail" if age > 2 * allowed else "unknown"


def _source(record: Record) -> str | None:
    return next((one.source_uri for one in record.entries if one.source_uri is not None), None)


def _notes(attributes: Sequence[str | None]) -> dict[str, Any]:
    """Return what the catalogue says beyond the contract's columns."""
    found: dict[str, Any] = {}
    for text in attributes:
        if text:
            found |= _object(text)
    return found


@lru_cache(maxsize=1024)
def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
