"""Which models in use are withdrawn and when, from `summary__withdrawals`; nothing is judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from llmops_health.health.frozen_feature._use import is_production

IN_USE_DAYS: Final = 7
_MIN_SHARE: Final = 0.01
_LISTED: Final = ("listed_on", "component_id", "of_feature", "version", "name", "withdrawn_on")
_JOINTS: Final = ("-", "@", ":", "_", "/", " ")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A model in use, the day it is withdrawn, and its calls among `n` of the last week."""

    model: str
    on: date
    n_calls: int
    n: int


def withdrawals(
    feature_id: str, day: date, versions: pl.DataFrame, listed: pl.DataFrame
) -> tuple[Withdrawal, ...]:
    """Return the withdrawn models that one in a hundred of the last week's calls used, by date.

    Models that neither asked for nor answered under a listed name are not recognised. Of lists that
    were made by the end of the day the newest counts; one without a time was before all others.
    """
    own = _in_force(feature_id, listed, day)
    if not own:
        return ()
    used = _used(versions, day)
    n = sum(used.values())
    found: dict[str, Withdrawal] = {}
    for name, version, when in own:
        for (asked, answered), n_calls in used.items():
            model = _matched(name, version, asked, answered)
            if model is None or n_calls < _MIN_SHARE * n:
                continue
            before = found.get(model)
            n_all = n_calls + (before.n_calls if before and before.on == when else 0)
            if before is None or when < before.on or n_all > before.n_calls:
                found[model] = Withdrawal(model, min(when, before.on) if before else when, n_all, n)
    return tuple(sorted(found.values(), key=lambda one: (one.on, one.model)))


def _in_force(
    feature_id: str, listed: pl.DataFrame, day: date
) -> list[tuple[str, str | None, date]]:
    """Return name, version and day of what the newest lists say is withdrawn."""
    of = listed["of_feature"]
    is_its = of.is_null() | (of == feature_id)
    columns = (listed[name].filter(is_its).to_list() for name in _LISTED)
    end = datetime.combine(day + timedelta(days=1), time())
    known = [row for row in zip(*columns, strict=True) if row[0] is None or row[0] < end]
    known.sort(key=lambda row: row[0] or datetime.min)  # noqa: DTZ901 - times have no zone
    newest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in known:
        newest.pop(row[1:4], None)
        newest[row[1:4]] = row
    return [(row[4], row[3], row[5]) for row in newest.values() if row[5] is not None]


def _used(versions: pl.DataFrame, day: date) -> dict[tuple[str | None, str | None], int]:
    """Return the last week's calls by the model that was asked for, and that answered."""
    recent = is_production(versions) & (versions["day"] > day - timedelta(days=IN_USE_DAYS))
    names = ("request_model", "response_model", "n")
    used: dict[tuple[str | None, str | None], int] = {}
    for asked, answered, n in zip(
        *(versions[name].filter(recent).to_list() for name in names), strict=True
    ):
        used[asked, answered] = used.get((asked, answered), 0) + n
    return used


def _matched(name: str, version: str | None, asked: str | None, answered: str | None) -> str | None:
    """Return the name by which a call used the listed model, None where it used another one.

    A listed version matches a name that ends with it, or the bare name where no call says which
    version stood behind it.
    """
    used = [one for one in (answered, asked) if one]
    if version:
        joined = {f"{name}{joint}{version}" for joint in _JOINTS} | {version}
        for one in used:
            if one in joined:
                return one
        return name if used and all(one == name for one in used) else None
    return name if name in used else None
