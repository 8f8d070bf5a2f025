"""Data not ready: a mode of health cannot be computed, because nobody logs what it needs.

Why it matters
    A mode without evidence looks like a mode without faults. One line in a logger often switches
    on several checks, and history begins on the day on which it is written.
How it is found
    For each mode stands in one table which fields its checks need, of which share of the rows, and
    of which features they are asked: nobody asks a hosted model for a training ledger, or a draft
    of a mail for a confidence. A field is logged, logged in part, missing or not needed, by the
    rows of the last 28 days (90 of evals). WARN where a live feature has a mode that is asked of it
    and of which every check lacks a field. A missing log is no emergency:
    it is never more than a warning.
How to mend it
    Log the fields in the order in which they are named; `health__readiness` has all of them, with
    what each switches on.
What it cannot see
    Whether what is logged is right (see `feed_gap`), or enough for a verdict: that is for each
    check to say. Rows of ledgers, and judges' labels, are not counted. A feature launched less than
    `grace_days` ago is left alone.
Source
    The fields are those that the checks read, held to what they say by a test over a judged world.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import HeatCell, HeatMap
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.ownership import _matrix, _owners
from llmops_health.health.ownership._life import life, not_live
from llmops_health.health.ownership._matrix import Cell
from llmops_health.health.provenance._ledger import pipelines_of

HISTORY_DAYS = _matrix.HISTORY_DAYS

_NOT_JUDGED = "ownership"
_COLUMNS = ("checks ready", "fields logged", "log first")
_MOST_NAMED = 3


class Params(CheckParams):
    """Settings of this check."""

    min_calls: int = Field(
        default=20, ge=1, description="Production calls in 7 days that make it live."
    )
    grace_days: int = Field(
        default=14, ge=0, description="Days after the launch in which nothing is asked."
    )


def check(
    feature: Feature,
    day: date,
    summary__readiness: pl.DataFrame,
    summary__versions: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    summary__listed_parts: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all modes, and one per mode that cannot be computed."""
    lived = life(feature, summary__versions, day, params.min_calls)
    if not lived.is_live:
        yield not_live(feature, lived)
        return
    if feature.launched_on is not None and (day - feature.launched_on).days < params.grace_days:
        yield not_enough_data(
            lived.n_calls,
            f"It is launched on {feature.launched_on}; what it logs is looked at from "
            f"{params.grace_days} days on.",
        )
        return
    cells = cells_of(
        *(feature, day, summary__readiness, core__eval_cases, core__ledger_steps),
        *(summary__pipelines, summary__listed_parts),
    )
    ready = _matrix.ready(cells)
    blocked = {
        mode: [cell for cell in cells if cell.need.mode == mode and cell.state == "missing"]
        for mode, checks in ready.items()
        if mode != _NOT_JUDGED and not any(checks.values())
    }
    yield _whole(feature, day, cells, ready, blocked)
    for mode, missing in blocked.items():
        yield _of_mode(feature, day, mode, missing)


def figure(
    feature: Feature,
    day: date,
    summary__readiness: pl.DataFrame,
    summary__versions: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    summary__listed_parts: pl.DataFrame,
    params: Params,
) -> HeatMap | None:
    """Return what is ready, mode by mode; None if the feature is not live."""
    if not life(feature, summary__versions, day, params.min_calls).is_live:
        return None
    cells = cells_of(
        *(feature, day, summary__readiness, core__eval_cases, core__ledger_steps),
        *(summary__pipelines, summary__listed_parts),
    )
    ready = _matrix.ready(cells)
    n_ready = sum(is_ready for checks in ready.values() for is_ready in checks.values())
    return HeatMap(
        title=f"What is logged for {feature.id}",
        description=f"{n_ready} of {sum(map(len, ready.values()))} checks have the fields that "
        "they need.",
        rows=tuple(ready),
        columns=_COLUMNS,
        cells=tuple(
            shown
            for mode, checks in ready.items()
            for shown in _shown(mode, checks, [one for one in cells if one.need.mode == mode])
        ),
    )


def cells_of(
    feature: Feature,
    day: date,
    readiness: pl.DataFrame,
    cases: pl.DataFrame,
    steps: pl.DataFrame,
    pipelines: pl.DataFrame,
    parts: pl.DataFrame,
) -> list[Cell]:
    """Return the readiness matrix of a feature as a day knows it."""
    own = pipelines_of(feature, day, steps, pipelines)
    found = _matrix.counts(
        feature,
        day,
        readiness,
        cases,
        steps.filter(pl.col("pipeline_id").is_in(sorted(own))) if own else steps.clear(),
        _owners.known(parts, day),
    )
    return _matrix.matrix(feature, found)


def _whole(
    feature: Feature,
    day: date,
    cells: Sequence[Cell],
    ready: Mapping[str, Mapping[str, bool]],
    blocked: Mapping[str, Sequence[Cell]],
) -> Finding:
    asked = [cell for cell in cells if cell.state != "not_needed"]
    missing = [cell for cell in asked if cell.state == "missing"]
    n_partly = sum(cell.state == "partly" for cell in asked)
    fields = f"{len(missing)} of {len(asked)} fields are missing"
    fields += f", {n_partly} logged in part" if n_partly else ""
    if blocked:
        told = (
            f"{len(blocked)} of {len(ready)} modes cannot be computed: {', '.join(blocked)}; "
            f"{fields}"
        )
    else:
        told = f"Each of {len(ready)} modes can be computed in part at least; {fields}"
    return Finding(
        status=Status.WARN if blocked else Status.PASS,
        message=f"{told}.",
        n=len(asked),
        value=float(len(blocked)),
        threshold=0.0,
        unit="modes",
        action=_action([cell for one in blocked.values() for cell in one]) if blocked else "",
        evidence_sql=_evidence(feature, day) if blocked else "",
    )


def _of_mode(feature: Feature, day: date, mode: str, missing: Sequence[Cell]) -> Finding:
    names = ", ".join(dict.fromkeys(cell.name for cell in missing))
    checks = dict.fromkeys(name for cell in missing for name in cell.need.checks)
    return Finding(
        status=Status.WARN,
        segment=mode,
        message=f"{mode} cannot be computed: {names} is not logged, which {len(checks)} checks "
        "need.",
        n=len(missing),
        value=float(len(missing)),
        threshold=0.0,
        unit="fields missing",
        action=_action(missing),
        evidence_sql=_evidence(feature, day),
    )


def _action(missing: Sequence[Cell]) -> str:
    told = list(dict.fromkeys(cell.need.log for cell in missing))
    more = f"; and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    return f"Log {'; '.join(told[:_MOST_NAMED])}{more}."


def _shown(mode: str, checks: Mapping[str, bool], cells: Sequence[Cell]) -> Iterator[HeatCell]:
    asked = [cell for cell in cells if cell.state != "not_needed"]
    n_ready, n_logged = sum(checks.values()), sum(cell.state == "logged" for cell in asked)
    for column, n, of in (
        (_COLUMNS[0], n_ready, len(checks)),
        (_COLUMNS[1], n_logged, len(asked)),
    ):
        level = "good" if n == of else ("partly" if n else "bad")
        yield HeatCell(row=mode, column=column, level=level, text=f"{n} of {of}")  # type: ignore[arg-type]
    first = next((cell.name for cell in asked if cell.state == "missing"), "")
    yield HeatCell(row=mode, column=_COLUMNS[2], level="plain", text=first or "nothing")


def _evidence(feature: Feature, day: date) -> str:
    return (
        "select table_name, field, sum(n) as n, sum(n_known) as n_known, max(day) as last_day "  # noqa: S608 - literals only
        f"from summary__readiness where feature_id = {literal(feature.id)} "
        f"and day > {literal(day)}::date - {_matrix.CALLS_DAYS} and day <= {literal(day)}::date "
        "group by table_name, field order by n_known, table_name, field limit 100"
    )
