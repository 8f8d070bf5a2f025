"""Unobserved component: a list names a model, a prompt or a tool that traffic never shows.

Why it matters
    A list that names what has gone is trusted less where it is right, and a part that nobody uses
    is still reviewed, patched and paid for. Often the name is merely not the one that runs.
How it is found
    A census: the feature's own parts of kinds that traffic can name, against 28 days of production
    traffic. WARN for a part that no call used, where `min_named` calls name a part of its kind: one
    that is used in `min_share` of them would have shown with 99 %. A checkpoint is asked where an
    edge says what it is served by; a model that others derive from is not. Parts listed for less
    than 28 days are not blamed, and parts whose date of withdrawal has passed are as they should
    be. Where no call names tools, or prompts, or few do, it cannot tell.
How to mend it
    Take the part off the list, or give it the date on which it went (`deprecated_on`). Where it
    runs under another name, list that name, or put it as the version.
What it cannot see
    Parts used more rarely than `min_share`, and parts of other kinds: data, guardrails, libraries.
    Shared parts, which other features may use. A part called behind a gateway's own name.
Source
    The rule of three, exact: of n calls none shows a part of share p with probability (1 - p)^n;
    Hanley and Lippman-Hand (1983), JAMA 249:1743-1745.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil, log
from typing import Literal

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.bom import _traffic
from llmops_health.health.bom._matching import Listed, named, shown_by
from llmops_health.health.bom._parts import Row, listed_at, rows_of
from llmops_health.health.bom._traffic import Window

HISTORY_DAYS = 28

_KINDS = frozenset({"model", "hosted_model", "checkpoint", "prompt", "tool", "embedding_model"})
_SHOWN_AS = {"hosted_model": "model", "checkpoint": "model"}
_MOST_NAMED = 5
_SURE = 0.99
_ALWAYS = datetime.min  # noqa: DTZ901 - times have no zone

Answer = Literal["seen", "retired", "new", "cannot tell", "unobserved"]


class Params(CheckParams):
    """Settings of this check."""

    min_share: float = Field(
        default=0.01, gt=0, lt=1, description="Share of calls of a part that must have shown."
    )
    min_log_days: int = Field(
        default=21,
        ge=1,
        le=HISTORY_DAYS,
        description="Days since the first call of the 28: three weeks hold what runs weekly.",
    )

    @property
    def min_named(self) -> int:
        """Calls of which one shows a part of `min_share`, with 99 %."""
        return ceil(log(1 - _SURE) / log(1 - self.min_share))


@dataclass(frozen=True, slots=True)
class Asked:
    """A part of a list, all its versions together, and what traffic says of it."""

    component_id: str
    kind: str
    name: str
    answer: Answer

    @property
    def words(self) -> str:
        """What messages call it."""
        return _traffic.shown(f"{self.kind.replace('_', ' ')} {self.name}")


def check(
    feature: Feature,
    day: date,
    summary__observed_components: pl.DataFrame,
    summary__listed_parts: pl.DataFrame,
    core__component_edges: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all parts that traffic can show."""
    listed = rows_of(feature.id, summary__listed_parts, day)
    own = [row for row in listed if row["feature_id"] is not None]
    month = _traffic.window(summary__observed_components, day, HISTORY_DAYS)
    asked = _asked(day, month, own, core__component_edges, params)
    if not asked:
        yield not_applicable("No list names a model, prompt or tool of it that traffic could show.")
        return
    yield _judged(asked, month, params)


def _asked(
    day: date,
    month: Window,
    rows: Sequence[Row],
    edges: pl.DataFrame,
    params: Params,
) -> list[Asked]:
    known = named(rows)
    by_id: dict[str, Listed] = {one.component_id: one for one in known if one.kind in _KINDS}
    if not by_id:
        return []
    seen = {
        part.component_id
        for used in month.used
        for part in shown_by(used.kind, used.name, used.version, known)
    }
    dates = _dates(rows)
    served = _ends(edges, "served_by", ("src", "dst"))
    bases = _ends(edges, "derived_from", ("dst",))
    found = []
    for component_id, part in sorted(by_id.items()):
        is_asked = component_id in served or (
            part.kind != "checkpoint" and component_id not in bases
        )
        if component_id in seen or is_asked:
            answer: Answer = "seen"
            if component_id not in seen:
                answer = _unseen(day, part, dates[component_id], month, params)
            found.append(Asked(component_id, part.kind, part.name, answer))
    return found


def _unseen(
    day: date,
    part: Listed,
    dates: tuple[datetime | None, datetime | None],
    month: Window,
    params: Params,
) -> Answer:
    since, until = dates
    if until is not None and until.date() <= day:
        return "retired"
    if since is not None and since >= _first(day):
        return "new"
    n_named = month.n_named.get(_SHOWN_AS.get(part.kind, part.kind), 0)
    is_short = month.first_on is None or (day - month.first_on).days + 1 < params.min_log_days
    return "cannot tell" if is_short or n_named < params.min_named else "unobserved"


def _judged(asked: Sequence[Asked], month: Window, params: Params) -> Finding:
    groups: dict[Answer, list[Asked]] = {}
    for one in asked:
        groups.setdefault(one.answer, []).append(one)
    missing = groups.get("unobserved", [])
    rule = (
        f"one used in {params.min_share:.0%} of {params.min_named:,} calls that name such parts "
        f"shows with {_SURE:.0%}"
    )
    besides = "".join(
        f" {what.format(_listed(groups[answer]))}"
        for answer, what in _BESIDES.items()
        if answer in groups
    )
    if not missing and not groups.get("seen") and not groups.get("retired"):
        return not_enough_data(month.n_calls, f"{besides.strip()} {rule.capitalize()}.")
    n_judged = len(asked) - len(groups.get("cannot tell", [])) - len(groups.get("new", []))
    if missing:
        told = (
            f"{len(missing)} of {n_judged} listed parts did not show in {month.n_calls:,} calls of "
            f"{HISTORY_DAYS} days: {_listed(missing)}; {rule}.{besides}"
        )
    else:
        told = (
            f"Traffic of {HISTORY_DAYS} days, {month.n_calls:,} calls, shows "
            f"{len(groups.get('seen', []))} of {n_judged} listed models, prompts and tools."
            f"{besides}"
        )
    return Finding(
        status=Status.WARN if missing else Status.PASS,
        message=told,
        n=month.n_calls,
        value=float(len(missing)),
        threshold=0.0,
        unit="parts",
        action=f"Take {missing[0].words} off the list, give it a deprecated_on, or list the name "
        "under which it runs."
        if missing
        else "",
        evidence_sql=_evidence(missing) if missing else "",
    )


_BESIDES: dict[Answer, str] = {
    "retired": "Withdrawn, and not used any more: {}.",
    "new": f"Listed for less than {HISTORY_DAYS} days: {{}}.",
    "cannot tell": "Cannot tell, since too few calls name such parts: {}.",
}


def _dates(rows: Sequence[Row]) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Return since when a part is listed, None always, and its date on the newest list."""
    told: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for row in rows:
        told.setdefault(row["component_id"], []).append((listed_at(row), row["deprecated_on"]))
    found = {}
    for one, pairs in told.items():
        first = min(since for since, _ in pairs)
        last = max(since for since, _ in pairs)
        ends = [until for since, until in pairs if since == last]
        known = [until for until in ends if until is not None]
        found[one] = (
            None if first == _ALWAYS else first,
            max(known) if len(known) == len(ends) else None,
        )
    return found


def _ends(edges: pl.DataFrame, relation: str, ends: Sequence[str]) -> set[str]:
    if edges.is_empty():
        return set()
    is_its = edges["relation"] == relation
    return {one for end in ends for one in edges[end].filter(is_its).to_list()}


def _first(day: date) -> datetime:
    return datetime.combine(day - timedelta(days=HISTORY_DAYS - 1), time())


def _listed(parts: Sequence[Asked]) -> str:
    more = f", and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
    return ", ".join(part.words for part in parts[:_MOST_NAMED]) + more


def _evidence(missing: Sequence[Asked]) -> str:
    ids = ", ".join(literal(part.component_id) for part in missing[:100])
    return (
        "select component_id, version, kind, name, of_feature, listed_on, deprecated_on, "  # noqa: S608 - literals only
        f"source_uri from summary__listed_parts where component_id in ({ids}) "
        "order by component_id, version limit 200"
    )
