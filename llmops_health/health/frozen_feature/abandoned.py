"""Abandoned: people still use it, and nobody owns, changes or reviews it.

Why it matters
    An answer that nobody looks after goes wrong without anybody noticing, and when it does, nobody
    can mend it: the people who knew have gone to other work.
How it is found
    Three signs, each present, missing or unknown. Change: model, prompt, service or training
    changed; missing where nothing changed for longer than `max_percentile` of past gaps between
    changes (as in `stale_model`) and `min_unchanged_days`, or for `max_unchanged_days`. Review:
    `last_reviewed_on` is at most `review_days` old; missing where it is older or the configuration
    has none. Owner: named in the configuration; missing where it names none. A recent change or
    review is a sign of life: PASS. Where both are missing, FAIL without an owner and WARN with one.
    No change, an unknown review and no owner is WARN. What is unknown never counts as present, nor
    as missing: while it is not known how long is long, nothing is said.
How to mend it
    Name an owner who reviews it this month, or retire it: announce the date, then route its calls
    elsewhere.
What it cannot see
    Care that leaves no trace in versions or configuration. Features that the configuration does
    not list are unknown in owner and review. A date of review after the judged day is not used, and
    says nothing of the reviews before it.
Source
    Tri-state evidence after Dempster (1967), Ann. Math. Statist. 38(2):325-339: what is not known
    widens the interval of the share of signs, and is no part of either end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.frozen_feature import _changes
from llmops_health.health.frozen_feature._changes import ALL_KINDS, Record
from llmops_health.health.frozen_feature._use import unused, use

HISTORY_DAYS = 35

State = Literal["present", "missing", "unknown"]


class Params(CheckParams):
    """Settings of this check."""

    max_percentile: float = Field(
        default=0.9, gt=0, lt=1, description="Share of past gaps between changes that were shorter."
    )
    min_gaps: int = Field(
        default=5, ge=2, description="Closed gaps of all features from which to tell what is long."
    )
    own_weight: float = Field(
        default=5,
        gt=0,
        description="Closed gaps of its own from which a feature's curve counts as much as all.",
    )
    min_unchanged_days: int = Field(
        default=90, ge=1, description="Days without a change that are never long: a quarter."
    )
    max_unchanged_days: int = Field(
        default=365, ge=1, description="Days without a change that are long whatever the gaps say."
    )
    review_days: int = Field(
        default=180, ge=1, description="Days that a review holds: twice a year."
    )


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign that somebody cares, and why it is so."""

    name: str
    state: State
    why: str


def check(
    feature: Feature,
    day: date,
    summary__changes: pl.DataFrame,
    summary__versions: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the three signs."""
    used = use(summary__versions, day, with_cost=False)
    if used is None:
        yield unused(summary__versions, day)
        return
    found = signs(feature, _changes.known(summary__changes, day), params)
    why = "; ".join(one.why for one in found)
    told = f"{used.n_calls:,} calls in {used.n_days} days; {why}"
    status = judged(found)
    n_missing = sum(one.state == "missing" for one in found)
    n_unknown = sum(one.state == "unknown" for one in found)
    if status is None:
        yield not_enough_data(used.n_calls, f"{told}: whether anybody cares cannot be told.")
        return
    is_alarm = status is not Status.PASS
    yield Finding(
        status=status,
        message=f"{told}.",
        n=used.n_calls,
        value=float(n_missing),
        lo=float(n_missing),
        hi=float(n_missing + n_unknown),
        threshold=2.0,
        unit="signs missing",
        action=_action(feature, found) if is_alarm else "",
        evidence_sql=_evidence(feature, day) if is_alarm else "",
    )


def signs(feature: Feature, record: Record, params: Params) -> tuple[Sign, Sign, Sign]:
    """Return change, review and owner as known at the end of the record's day."""
    review = _review(feature, record.day, params)
    return _change(feature, record, params), review, _owner(feature)


def judged(found: tuple[Sign, Sign, Sign]) -> Status | None:
    """Return what the signs say together, None where they do not tell."""
    change, review, owner = (one.state for one in found)
    if "present" in {change, review}:
        return Status.PASS
    if change == review == "missing":
        return Status.FAIL if owner == "missing" else Status.WARN
    return Status.WARN if change == owner == "missing" else None


def _change(feature: Feature, record: Record, params: Params) -> Sign:
    age = _changes.age(feature, record, ALL_KINDS)
    if age is None:
        return Sign("change", "unknown", "no version is logged")
    is_young = age.days <= params.min_unchanged_days
    if is_young and age.is_exact:
        return Sign("change", "present", f"{age.what}, {age.days} days ago")
    rare = _changes.rarity(
        feature.id,
        record,
        ALL_KINDS,
        age.days,
        min_gaps=params.min_gaps,
        own_weight=params.own_weight,
    )
    told = f"nothing changed for {age.words} ({age.what})"
    if rare is not None:
        told += f", longer than {rare.percentile.estimate:.0%} of {rare.n_gaps} past gaps"
    is_rare = rare is not None and rare.percentile.estimate > params.max_percentile
    if age.days > params.max_unchanged_days or (is_rare and not is_young):
        return Sign("change", "missing", told)
    if rare is None or not age.is_exact:
        return Sign("change", "unknown", f"{told}, which does not tell whether that is long")
    return Sign("change", "present", told)


def _review(feature: Feature, day: date, params: Params) -> Sign:
    if not feature.listed:
        return Sign("review", "unknown", "the configuration does not list it")
    last = feature.last_reviewed_on
    if last is None:
        return Sign("review", "missing", "no review is on record")
    if last > day:
        return Sign("review", "unknown", f"reviews before {last} are not known")
    n_days = (day - last).days
    state: State = "present" if n_days <= params.review_days else "missing"
    return Sign("review", state, f"it was last reviewed {n_days} days ago")


def _owner(feature: Feature) -> Sign:
    if feature.owner:
        return Sign("owner", "present", f"{feature.owner} owns it")
    if not feature.listed:
        return Sign("owner", "unknown", "its owner is not known")
    return Sign("owner", "missing", "nobody owns it")


def _action(feature: Feature, found: tuple[Sign, Sign, Sign]) -> str:
    if found[2].state == "present":
        return f"Ask {feature.owner} to review it this month, or to set a date to retire it."
    return "Name an owner who reviews it this month, or set a date to retire it."


def _evidence(feature: Feature, day: date) -> str:
    return (
        "select what, value, changed_on, is_first from summary__changes "  # noqa: S608 - literals only
        f"where of_feature = {literal(feature.id)} and changed_on <= {literal(day)}::date "
        "order by changed_on desc, what, value limit 100"
    )
