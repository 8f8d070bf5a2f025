"""Unowned feature: people use it, and nobody answers for it.

Why it matters
    When a feature without an owner goes wrong, the alarm reaches nobody, the one who could switch
    it off does not know that they may, and the team that built it has moved on.
How it is found
    Owners are looked for in the configuration, in the catalogue of services (rows of components of
    kind application whose feature or name it is, as read from Backstage), and in the rules of
    CODEOWNERS read for the feature. A feature is live if its lifecycle is beta or production, or
    if it had `min_calls` production calls in 7 days. FAIL where a live feature has no owner in any
    of them: above all one that is in the data and not in the configuration. WARN where it is only
    the catalogue that knows it, where it is retired and still used, where the configuration's owner
    is not among those of the catalogue (if that knows `min_catalogue_owners`) or another one than
    the other sources', where the owner is a single person, or where nearly all changes of its
    training signal are made by one (`max_one_hand` effective actors, `min_changes` changes).
How to mend it
    Name a team, not a person, in `owner` of the configuration, and the same one in the catalogue;
    list a feature that only the data know; switch a retired one off.
What it cannot see
    Whether the named owner still exists, knows of it, or answers: see `unanswered_alarm`. An
    address does not tell whether it is one person's. The configuration has no history: a day of
    the past is judged by what it says now.
Source
    Bird et al. (2011), "Don't touch my code!", ESEC/FSE: components without a strong owner have
    more failures. Effective actors are the inverse of the sum of squared shares, Hill (1973).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.ownership import _owners
from llmops_health.health.ownership._life import Life, calls_sql, life, not_live
from llmops_health.health.ownership._owners import CATALOGUE, CODEOWNERS, CONFIGURATION, Named
from llmops_health.health.provenance._ledger import steps_of
from llmops_health.kernels.concentration import bus_factor, effective_number

HISTORY_DAYS = 365


class Params(CheckParams):
    """Settings of this check."""

    min_calls: int = Field(
        default=20,
        ge=1,
        description="Production calls in 7 days that make it live: fewer are tests or a typo.",
    )
    min_catalogue_owners: int = Field(
        default=3, ge=1, description="Owners that a catalogue needs to be taken for one."
    )
    min_changes: int = Field(
        default=20, ge=2, description="Changes in a year from which their hands are counted."
    )
    max_one_hand: float = Field(
        default=1.25,
        ge=1,
        description="Effective actors up to which one person makes the changes: 9 of 10 of them.",
    )
    robots: tuple[str, ...] = Field(
        default=("bot", "ci", "cron", "airflow", "dagster", "service", "pipeline", "actions"),
        description="Words in an actor's name that make it a machine, which is no single person.",
    )


def check(
    feature: Feature,
    day: date,
    summary__listed_parts: pl.DataFrame,
    summary__versions: pl.DataFrame,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: who answers for the feature."""
    lived = life(feature, summary__versions, day, params.min_calls)
    if not lived.is_live:
        yield not_live(feature, lived)
        return
    parts = _owners.known(summary__listed_parts, day)
    found = _owners.named(feature, parts)
    if not found:
        yield _unowned(feature, day, lived)
        return
    actors = _actors(feature, day, core__ledger_steps, summary__pipelines, params)
    doubts = [
        *_unlisted(feature, found),
        *_retired(feature, lived),
        *_strangers(found, parts, params),
        *_apart(found),
        *_alone(found),
        *_one_hand(actors, params),
    ]
    told = "; ".join(one.words for one in found)
    hands = f" {_in_hands(actors)}." if actors else ""
    n_owners = len({_owners.identity(name) for one in found for name in one.names})
    yield Finding(
        status=Status.WARN if doubts else Status.PASS,
        message=f"Owned by {told}{': ' if doubts else '.'}{'; '.join(doubts)}"
        f"{'.' if doubts else ''}{hands}",
        n=lived.n_calls,
        value=float(n_owners),
        threshold=1.0,
        unit="owners",
        action=_action(feature, doubts) if doubts else "",
        evidence_sql=_evidence(feature) if doubts else "",
    )


def _unowned(feature: Feature, day: date, lived: Life) -> Finding:
    where = "in the data and not in the configuration" if not feature.listed else "live"
    return Finding(
        status=Status.FAIL,
        message=f"It is {where}, {lived.words}, and no source names an owner.",
        n=lived.n_calls,
        value=0.0,
        threshold=1.0,
        unit="owners",
        action=(
            "List it under `features` with the team that answers for it, or find out who sends "
            "these calls and stop them."
            if not feature.listed
            else "Name the team that answers for it in `owner` of the configuration, or retire it."
        ),
        evidence_sql=calls_sql(feature.id, day),
    )


def _unlisted(feature: Feature, found: Sequence[Named]) -> Iterator[str]:
    if not feature.listed:
        where = " and ".join(one.source for one in found)
        yield f"only {where} knows it, the configuration does not list it"


def _retired(feature: Feature, lived: Life) -> Iterator[str]:
    if feature.lifecycle == "retired" and lived.is_used:
        yield f"it is retired and still used, {lived.words}"


def _strangers(found: Sequence[Named], parts: pl.DataFrame, params: Params) -> Iterator[str]:
    """Say whether the configuration's owner is one that the catalogue does not know of anything."""
    ours = next((one.names for one in found if one.source == CONFIGURATION), ())
    theirs = _owners.catalogue_owners(parts)
    if ours and len(theirs) >= params.min_catalogue_owners:
        unknown = [name for name in ours if _owners.identity(name) not in theirs]
        if len(unknown) == len(ours):
            yield f"the catalogue, which knows {len(theirs)} owners, does not know {unknown[0]}"


def _apart(found: Sequence[Named]) -> Iterator[str]:
    """Say which two sources name different owners; people who own code may be of the team."""
    teams = [
        Named(one.source, names)
        for one in found
        if (names := tuple(name for name in one.names if not _owners.is_person(name)))
    ]
    for place, one in enumerate(teams):
        for other in teams[place + 1 :]:
            if not _owners.same(one.names, other.names):
                yield f"{one.source} and {other.source} name different owners"


def _alone(found: Sequence[Named]) -> Iterator[str]:
    """Say whether all that is known is one person."""
    names = {_owners.identity(name): name for one in found for name in one.names}
    if len(names) == 1 and all(map(_owners.is_person, names.values())):
        yield "that is one person, whose absence leaves it without"


def _actors(
    feature: Feature, day: date, steps: pl.DataFrame, pipelines: pl.DataFrame, params: Params
) -> Counter[str]:
    """Count the steps of the feature's training signal by who made them, machines left out."""
    listed = (step.actor for step in steps_of(feature, day, steps, pipelines))
    people = Counter(
        _owners.identity(actor) for actor in listed if actor and not _is_robot(actor, params)
    )
    return people if people.total() >= params.min_changes else Counter()


def _is_robot(actor: str, params: Params) -> bool:
    words = re.split(r"[^a-z0-9]+", _owners.identity(actor))
    return any(robot in words for robot in params.robots)


def _one_hand(actors: Counter[str], params: Params) -> Iterator[str]:
    if actors and effective_number(list(actors.values())) <= params.max_one_hand:
        [(who, n)] = actors.most_common(1)
        yield f"{n} of {actors.total()} changes of its training signal in a year are {who}'s"


def _in_hands(actors: Counter[str]) -> str:
    counts = list(actors.values())
    return (
        f"{actors.total()} changes of its training signal in a year by {len(counts)} people, "
        f"{effective_number(counts):.1f} effective, bus factor {bus_factor(counts)}"
    )


def _action(feature: Feature, doubts: Sequence[str]) -> str:
    first = doubts[0]
    if not feature.listed:
        return "List it under `features` of the configuration with its owner."
    if "retired" in first:
        return "Find out who still calls it and move them, then stop answering; or un-retire it."
    if "different owners" in first or "does not know" in first:
        return (
            f"Ask both teams who answers, and name the same one in the configuration, {CATALOGUE} "
            f"and {CODEOWNERS}."
        )
    return "Name a team as owner, and have a second person make the next change."


def _evidence(feature: Feature) -> str:
    return (
        "select component_id, kind, name, of_feature, owner, source_uri "  # noqa: S608 - literals only
        f"from summary__listed_parts where of_feature = {literal(feature.id)} "
        f"or (of_feature is null and name = {literal(feature.id)}) "
        "order by component_id, version limit 100"
    )
