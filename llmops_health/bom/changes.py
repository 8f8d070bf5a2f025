"""The change log of a feature's parts: added, replaced, another hash, no longer seen, withdrawn.

From the times of lists and from traffic. That a part left a list shows only where a newer row of
it says so: rows that are the same on two lists are one row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from llmops_health.bom.inventory import Change
from llmops_health.bom.parts import Part

CHANGE_DAYS: Final = 90
UNSEEN_DAYS: Final = 28
"""A part that was in traffic and is not for as many days is told as gone."""


def changes(
    day: date,
    listed: Sequence[Part],
    current: Sequence[Part],
    seen: Sequence[Mapping[str, Any]],
    kept: Collection[str],
) -> tuple[Change, ...]:
    """Return the changes of the last `CHANGE_DAYS` days, newest first.

    Parameters
    ----------
    listed
        All rows of lists made by the day, older ones too; `current` are those in force.
    seen
        What traffic showed, with first_seen and last_seen.
    kept
        Ids of the inventory's parts: others are of other features.
    """
    first = day - timedelta(CHANGE_DAYS - 1)
    found = [
        *_of_lists([part for part in listed if part.component_id in kept]),
        *_of_traffic(day, seen),
        *(
            Change(
                on=part.deprecated_on.date(), what="deprecated", kind=part.kind, label=part.label
            )
            for part in current
            if part.component_id in kept and part.deprecated_on is not None
        ),
    ]
    within = {change for change in found if first <= change.on <= day}
    return tuple(sorted(within, key=_newest_first))


def _newest_first(change: Change) -> tuple[int, str, str, str, str]:
    return (-change.on.toordinal(), change.kind, change.label, change.what, change.detail)


def _of_lists(listed: Sequence[Part]) -> list[Change]:
    by_id: dict[str, list[Part]] = {}
    for part in listed:
        by_id.setdefault(part.component_id, []).append(part)
    # Lists that tell no time were always known; the first that does is where history begins.
    dated = [part.listed_on for part in listed if part.listed_on is not None]
    begin = min(dated, default=None)
    has_undated = len(dated) < len(listed)
    found = []
    for rows in by_id.values():
        told = sorted(rows, key=listed_at)
        first = told[0]
        if first.listed_on is not None and (has_undated or first.listed_on != begin):
            found.append(_change(first, "added"))
        for before, after in pairwise(told):
            if after.listed_on is None or after.listed_on == before.listed_on:
                continue
            if after.version != before.version:
                found.append(_change(after, "replaced", f"was {before.version or 'not known'}"))
            elif after.sha256 != before.sha256 and after.sha256 and before.sha256:
                told_hash = f"{before.sha256[:8]} became {after.sha256[:8]}"
                found.append(_change(after, "hash changed", told_hash))
    return found


def _of_traffic(day: date, seen: Sequence[Mapping[str, Any]]) -> list[Change]:
    # What is there on the first day of the records may have been there for years.
    begin = min((row["first_seen"] for row in seen), default=day)
    found = []
    for row in seen:
        if row["name"] is None:
            continue
        label = f"{row['name']} {row['version']}" if row["version"] else row["name"]
        if row["first_seen"] > begin:
            found.append(
                Change(on=row["first_seen"], what="first seen", kind=row["kind"], label=label)
            )
        if row["last_seen"] <= day - timedelta(UNSEEN_DAYS):
            found.append(
                Change(on=row["last_seen"], what="last seen", kind=row["kind"], label=label)
            )
    return found


def listed_at(part: Part) -> datetime:
    """Return when a part's list was made; before all others where that is not told."""
    return part.listed_on or datetime.min  # noqa: DTZ901 - times are stored without a zone


def _change(part: Part, what: str, detail: str = "") -> Change:
    if part.listed_on is None:
        raise ValueError(f"{part.component_id} has no time of its list.")
    on = part.listed_on.date()
    return Change(on=on, what=what, kind=part.kind, label=part.label, detail=detail)
