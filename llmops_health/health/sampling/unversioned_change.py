"""Unversioned change: parameters moved while the prompt and service versions stayed.

Why it matters
    A version says that answers before and after may be compared. Where temperature or max_tokens
    move under the same version, every trend across that day compares two things, and nobody can
    roll back what was never released.
How it is found
    Production calls of one model, prompt, prompt version and service version should be made with
    one set of values. For every parameter and each of the last 7 days, the values from that day on
    are compared with those of the 28 days before it: a change is a value that was not used before
    and now has `min_share` of the calls, or one that had nearly all calls and now has nearly none.
    Values that the log does not know are left out: beginning to log a parameter is no change.
    It warns and never fails.
How to mend it
    Put the parameters under version with the prompt, and give the change a version of its own.
What it cannot see
    Changes together with a new version (they are declared), parameters that are not logged, values
    that a service computes per call, and shifts between settings that were in use all along.
Source
    Deterministic: counts of settings per version, as `summary__parameters` keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.sampling._settings import (
    evidence,
    n_calls,
    parameter_values,
    production,
    recent,
    said,
    silence,
    varying,
)

HISTORY_DAYS = 42

_RECENT_DAYS = 7
_BEFORE_DAYS = 28
_VERSION = ("request_model", "prompt_name", "prompt_version", "service_version")
_NEW = 0.01
_NEARLY_ALL = 0.9


class Params(CheckParams):
    """Settings of this check."""

    min_share: float = Field(
        default=0.2, gt=0, le=1, description="Share of the calls that a new value needs."
    )
    min_before: int = Field(
        default=30, ge=1, description="Calls of the same version before, to know what was usual."
    )
    min_after: int = Field(default=10, ge=1, description="Calls since, to know what is usual now.")


@dataclass(frozen=True, slots=True)
class _Change:
    """A parameter that moved under a version (its columns' values, in order)."""

    parameter: str
    version: tuple[str | None, ...]
    since: date
    before: float | None
    after: float | None
    share_before: float
    share_after: float
    n_before: int
    n_after: int


def check(
    feature: Feature, day: date, summary__parameters: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding about all parameters, then one for each that moved."""
    rows = production(summary__parameters, day, HISTORY_DAYS)
    week = recent(rows, day, _RECENT_DAYS)
    known_week = said(week)
    refusal = silence(week, known_week, _RECENT_DAYS)
    if refusal:
        yield refusal
        return
    known = said(rows)
    n = n_calls(known)
    if n < params.min_before:
        yield not_enough_data(
            n, f"{n} calls of {HISTORY_DAYS} days say their settings, {params.min_before} needed."
        )
        return
    changes = [_finding(feature, day, one, params) for one in _changes(known, day, params)]
    if changes:
        others = ", ".join(one.segment for one in changes[1:])
        also = f" Also: {others}." if others else ""
        yield replace(changes[0], segment="", message=f"{changes[0].message}{also}")
        yield from changes
        return
    n_versions = len(known_week[list(_VERSION)].unique())
    yield Finding(
        status=Status.PASS,
        n=n,
        message=f"No parameter moved in {_RECENT_DAYS} days under the same model, prompt and "
        f"service version ({n_versions} in use).",
    )


def _changes(known: pl.DataFrame, day: date, params: Params) -> list[_Change]:
    """Return the largest change of each parameter, the one with most calls first."""
    parameters = varying(known)
    if not parameters:
        return []
    values = parameter_values(known, _VERSION, parameters)
    several = values.filter(pl.col("value").n_unique().over(*_VERSION, "parameter") > 1)
    largest: dict[str, _Change] = {}
    for key, part in several.partition_by(*_VERSION, "parameter", as_dict=True).items():
        change = _change(part, key, day, params)
        if change and change.n_after > getattr(largest.get(change.parameter), "n_after", 0):
            largest[change.parameter] = change
    return sorted(largest.values(), key=lambda one: (-one.n_after, one.parameter))


def _change(
    rows: pl.DataFrame, key: tuple[object, ...], day: date, params: Params
) -> _Change | None:
    """Return when one parameter of one version moved most, if that was in the last week."""
    *version, parameter = key
    values = sorted(set(rows["value"].to_list()), key=lambda one: (one is not None, one or 0.0))
    place = {value: at for at, value in enumerate(values)}
    calls = np.zeros((len(values), HISTORY_DAYS), dtype=np.int64)
    for on, value, n in rows.select("day", "value", "n").iter_rows():
        calls[place[value], (day - on).days] = n
    best: _Change | None = None
    for age in range(2 * _RECENT_DAYS):
        before = calls[:, age + 1 : age + 1 + _BEFORE_DAYS].sum(axis=1)
        after = calls[:, : age + 1].sum(axis=1)
        n_before, n_after = int(before.sum()), int(after.sum())
        if n_before < params.min_before or n_after < params.min_after:
            continue
        usual = max(place.values(), key=lambda at: (before[at], values[at] is None, at))
        gain = after / n_after - before / n_before
        new = max(place.values(), key=lambda at: (gain[at], at))
        was, now = float(before[new] / n_before), float(after[new] / n_after)
        is_new = was <= _NEW and now >= params.min_share
        is_switched = (
            before[usual] >= _NEARLY_ALL * n_before and after[usual] <= (1 - _NEARLY_ALL) * n_after
        )
        if not (is_new or is_switched):
            continue
        if best is None or now - was > best.share_after - best.share_before:
            best = _Change(
                parameter=str(parameter),
                version=tuple(None if one is None else str(one) for one in version),
                since=day - timedelta(days=age),
                before=values[usual],
                after=values[new],
                share_before=was,
                share_after=now,
                n_before=n_before,
                n_after=n_after,
            )
    # The best day may be older: then what is left of it in the last week is no change of its own.
    return best if best and best.since > day - timedelta(days=_RECENT_DAYS) else None


def _finding(feature: Feature, day: date, change: _Change, params: Params) -> Finding:
    _, prompt, prompt_version, service_version = change.version
    under = [
        f"{name} {value}"
        for name, value in (
            ("prompt", prompt),
            ("prompt version", prompt_version),
            ("service version", service_version),
        )
        if value
    ]
    has_version = bool(prompt_version or service_version)
    told = f"under {', '.join(under)}" if has_version else "and no version of anything is logged"
    same = " and ".join(
        f"coalesce({name}, '') = {literal(value or '')}"
        for name, value in zip(_VERSION, change.version, strict=True)
    )
    return Finding(
        status=Status.WARN,
        segment=change.parameter,
        value=change.share_after,
        threshold=params.min_share,
        unit="share",
        n=change.n_after,
        message=f"Since {change.since} {change.parameter} is {_value(change.after)} in "
        f"{100 * change.share_after:.3g} % of {change.n_after} calls, mostly "
        f"{_value(change.before)} in the {change.n_before} before, {told}.",
        action="Give the change a version, or take it back; read trends across that day as two.",
        evidence_sql=evidence(feature, day, HISTORY_DAYS, same),
    )


def _value(value: float | None) -> str:
    return "unset" if value is None else f"{value:g}"
