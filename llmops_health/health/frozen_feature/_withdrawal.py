"""Which models in use are withdrawn and when, from `summary__withdrawals`; nothing is judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import polars as pl

from llmops_health.health.frozen_feature._use import production

IN_USE_DAYS: Final = 7
_MIN_SHARE: Final = 0.01
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
    own = _in_force(listed, day).filter(
        pl.col("of_feature").is_null() | (pl.col("of_feature") == feature_id)
    )
    if own.is_empty():
        return ()
    week = production(versions).filter(pl.col("day") > day - timedelta(days=IN_USE_DAYS))
    used = week.group_by("request_model", "response_model").agg(pl.col("n").sum())
    n = int(used["n"].sum())
    found: dict[str, Withdrawal] = {}
    for name, version, when in own.select("name", "version", "withdrawn_on").iter_rows():
        for asked, answered, n_calls in used.iter_rows():
            model = _matched(name, version, asked, answered)
            if model is None or n_calls < _MIN_SHARE * n:
                continue
            before = found.get(model)
            n_all = n_calls + (before.n_calls if before and before.on == when else 0)
            if before is None or when < before.on or n_all > before.n_calls:
                found[model] = Withdrawal(model, min(when, before.on) if before else when, n_all, n)
    return tuple(sorted(found.values(), key=lambda one: (one.on, one.model)))


def _in_force(listed: pl.DataFrame, day: date) -> pl.DataFrame:
    end = datetime.combine(day + timedelta(days=1), time())
    known = listed.filter(pl.col("listed_on").is_null() | (pl.col("listed_on") < end))
    newest = known.sort("listed_on", nulls_last=False).unique(
        ["component_id", "version", "of_feature"], keep="last", maintain_order=True
    )
    return newest.filter(pl.col("withdrawn_on").is_not_null())


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
