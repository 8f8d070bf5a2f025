"""Untested capability: the suite could not see a tuned model unlearn it.

Why it matters
    "No regression" from a suite that would miss one is the most common false comfort of a
    release. A capability without cases, or with ten of them, has not been tested.
How it is found
    Asked where a tune is at stake: a candidate or challenger was run in `max_age_days`, or the
    feature names a `target_capability`. Per capability, the smallest fall that the two runs would
    show 4 times in 5 at a level of 0.05, `2.8 sd / sqrt(cases)`, with the sd of the cases' changes
    (for right and wrong the square root of the share that changed); before a pair was run, as if
    `assumed_change` of the cases changed. WARN where it exceeds `margin_pp`, where the tuned run
    left a capability out, where the target has no cases, where the cases name no capability, and
    for every topic of users' inputs that holds more than `min_topic_share` of the last 28 days
    (lower end of a jackknife over users) and has no case. It never fails: what was not tested may
    well be fine.
How to mend it
    Add the cases that the message asks for, from `health__refresh_candidates` where users already
    ask them. Graded scores and repeated trials need fewer cases than right and wrong. If so many
    cases are out of reach, set `margin_pp` to a fall that the product can bear and the suite show.
What it cannot see
    Capabilities that nobody named and no user has asked for yet. Topics are cells of meaning, not
    capabilities: a topic with cases may still miss a skill.
Source
    Miller (2024), "Adding Error Bars to Evals", arXiv:2411.00640, section 5; Bloom (1995),
    Evaluation Review 19:547-556.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from math import ceil, sqrt

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_applicable
from llmops_health.health.generalization._changes import (
    Comparison,
    cases_sql,
    compare,
    listed,
    n_live,
    one_line,
)
from llmops_health.health.generalization._grid import UNNAMED
from llmops_health.health.generalization._runs import newest_pairs
from llmops_health.health.generalization._topics import topics_without_cases
from llmops_health.kernels.power import mde_mean

HISTORY_DAYS = 365


class Params(CheckParams):
    """Settings of this check."""

    margin_pp: float = Field(
        default=2.0, gt=0, le=100, description="Fall that must not go unseen (pp of the score)."
    )
    assumed_change: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Share of cases that change between two versions, before a pair was run: "
        "one in ten is common among versions of one model.",
    )
    min_topic_share: float = Field(
        default=0.05, gt=0, lt=1, description="Share of inputs from which a topic needs cases."
    )
    topic_level: float = Field(
        default=0.999,
        gt=0,
        lt=1,
        description="Coverage of a topic's share: tens of topics are judged every day.",
    )
    max_age_days: int = Field(
        default=90, ge=1, le=365, description="Days for which a tuned run is judged."
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the intervals.")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the suite can show of a capability: the smallest fall (share), or None."""

    capability: str
    segment: str
    n: int
    smallest: float | None
    why: str
    evidence_sql: str


def check(
    feature: Feature,
    day: date,
    core__eval_runs: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__eval_errors: pl.DataFrame,
    summary__text_cells: pl.DataFrame,
    summary__text_samples: pl.DataFrame,
    summary__eval_cells: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the whole suite, then one per capability or topic it cannot judge."""
    found = newest_pairs(core__eval_runs, day, params.max_age_days)
    target = feature.target_capability
    if not found.pairs and not found.alone and target is None:
        yield not_applicable(
            f"No candidate or challenger was run in {params.max_age_days} days, and the feature "
            "names no target_capability: no tune is at stake."
        )
        return
    compared = [
        compare(pair, summary__eval_items, summary__eval_errors, core__eval_cases)
        for pair in found.pairs
    ]
    seen = [
        one
        for comparison in compared
        for one in _of_pair(
            feature,
            comparison,
            n_live(core__eval_cases, comparison.pair.tuned),
            params,
            is_only=len(compared) == 1,
        )
    ]
    if not compared:
        seen = _of_cases(feature, day, core__eval_cases, params)
    if target is not None and not any(one.capability == target for one in seen):
        seen.append(_Seen(target, target, 0, None, "the target has no cases", _cases_sql(feature)))
    topics = topics_without_cases(
        feature,
        day,
        summary__text_cells,
        summary__text_samples,
        summary__eval_cells,
        params.min_topic_share,
        params.topic_level,
    )
    said = found.pairs[0].dated(day) if found.pairs else "Before a tuned model and its base ran"
    unseen = sorted((one for one in seen if _is_unseen(one, params)), key=_worst_first)
    yield _whole(said, seen, unseen, topics, params)
    for one in unseen:
        yield _segment(one, params)
    yield from topics


def _of_pair(
    feature: Feature,
    comparison: Comparison,
    live: dict[str, int],
    params: Params,
    *,
    is_only: bool,
) -> list[_Seen]:
    changes, pair = comparison.changes(params.level), comparison.pair
    seen: list[_Seen] = []
    for name in sorted({*live, *changes}):
        change = changes.get(name)
        segment = name if is_only else f"{pair.tuned.suite_id}: {name}"
        if change is None:
            why = f"its {live[name]} cases were not scored by both runs"
            one = _Seen(name, segment, 0, None, why, _cases_sql(feature))
        else:
            why = f"{change.n} cases with changes of sd {change.sd:.2f}"
            one = _Seen(name, segment, change.n, change.smallest, why, cases_sql(pair, name))
        seen.append(_unnamed(one))
    return seen


def _of_cases(feature: Feature, day: date, cases: pl.DataFrame, params: Params) -> list[_Seen]:
    added, retired = pl.col("added_at").dt.date(), pl.col("retired_at").dt.date()
    live = cases.filter((added.is_null() | (added <= day)) & (retired.is_null() | (retired > day)))
    counts = live.group_by(pl.col("capability").fill_null(UNNAMED)).len().sort("capability")
    sd = sqrt(params.assumed_change)
    return [
        _unnamed(
            _Seen(
                name,
                name,
                n,
                mde_mean(sd, n),
                f"{n} cases, if {params.assumed_change:.0%} of them change",
                _cases_sql(feature),
            )
        )
        for name, n in counts.iter_rows()
    ]


def _unnamed(one: _Seen) -> _Seen:
    if one.capability != UNNAMED:
        return one
    return replace(one, smallest=None, why=f"{one.n} cases name no capability")


def _is_unseen(one: _Seen, params: Params) -> bool:
    return one.smallest is None or 100 * one.smallest > params.margin_pp


def _worst_first(one: _Seen) -> tuple[float, str]:
    return (-2.0 if one.smallest is None else -one.smallest, one.segment)


def _whole(
    said: str, seen: list[_Seen], unseen: list[_Seen], topics: list[Finding], params: Params
) -> Finding:
    n = sum(one.n for one in seen)
    known = [one.smallest for one in seen if one.smallest is not None]
    largest = max(known, default=None)
    if not unseen and not topics:
        return Finding(
            status=Status.PASS,
            message=f"{said}: a fall of {params.margin_pp:g} pp would show in each of {len(seen)} "
            f"capabilities on {n} cases.",
            n=n,
            value=None if largest is None else 100 * largest,
            threshold=params.margin_pp,
            unit="pp",
        )
    parts: list[str] = []
    if unseen:
        names = listed([one.segment for one in unseen])
        parts.append(
            f"{len(unseen)} of {len(seen)} capabilities are not tested at a margin of "
            f"{params.margin_pp:g} pp ({names})"
        )
        if largest is not None:
            parts.append(f"a fall would have to exceed {100 * largest:.1f} pp to show in all")
    if topics:
        parts.append(f"{len(topics)} of the topics that users ask about have no case")
    return Finding(
        status=Status.WARN,
        message=f"{said}: {'; '.join(parts)}.",
        n=n,
        value=None if largest is None else 100 * largest,
        threshold=params.margin_pp,
        unit="pp",
        action=_action(unseen, params) if unseen else topics[0].action,
        evidence_sql=unseen[0].evidence_sql if unseen else topics[0].evidence_sql,
    )


def _segment(one: _Seen, params: Params) -> Finding:
    shown = ""
    if one.smallest is not None:
        shown = f": only a fall of {100 * one.smallest:.1f} pp or more would show"
    return Finding(
        status=Status.WARN,
        segment=one.segment,
        message=f"{one_line(one.segment)} is not tested, {one.why}{shown}.",
        n=one.n,
        value=None if one.smallest is None else 100 * one.smallest,
        threshold=params.margin_pp,
        unit="pp",
        action=_action([one], params),
        evidence_sql=one.evidence_sql,
    )


def _action(unseen: list[_Seen], params: Params) -> str:
    known = [one for one in unseen if one.smallest is not None]
    if not known:
        return "Add cases for it, name their capability, and run them on the tuned and base model."
    worst = known[0]
    needed = ceil(worst.n * (100 * (worst.smallest or 0.0) / params.margin_pp) ** 2)
    return (
        f"Give {one_line(worst.segment)} about {needed:,} cases (it has {worst.n}), or set "
        "margin_pp to the fall that the product can bear."
    )


def _cases_sql(feature: Feature) -> str:
    return (
        "select suite_id, capability, count(*) as n_cases, min(added_at) as first_added_at, "  # noqa: S608 - literals only
        "max(retired_at) as last_retired_at from core__eval_cases "
        f"where feature_id = {literal(feature.id)} "
        "group by suite_id, capability order by n_cases, suite_id, capability limit 200"
    )
