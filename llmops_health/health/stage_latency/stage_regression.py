"""Stage regression: one stage of the request got slower than it was.

Why it matters
    A stage that doubles moves the request by a little and is found by nobody, until three of
    them have. Which stage it is says who has to look.
How it is found
    Per stage, the 95th percentile of the time requests waited for it (critical path), and of the
    time that no span tells of: the last 2 and 7 days against the 28 days that end a week earlier,
    given the window's mix of weekdays and weekends. Evidence is the share of requests beyond
    `warn_slower` times the usual 95th percentile, with the errors of users who call often and of
    days that differ, allowing for all stages together (Benjamini-Hochberg); the interval is
    Woodruff's. It has to last: both days, or the week without its worst day. A stage counts only
    where its rise is at least `min_ms` and `min_share_of_request` of the request's usual 95th
    percentile. WARN; FAIL at `fail_slower` times or more.
How to mend it
    Look at what changed for that stage on the first bad day: an index that grew, another model of
    embeddings, a colder cache, more items per request, a new version.
What it cannot see
    A stage that was on the path of fewer than 1 in 20 requests; slow drift over months, which its
    rolling reference follows; the first two weeks. Waiting that moved to another stage is named
    there.
Source
    Woodruff (1952), JASA 47:635-646; Masson, Rim and Lee (2019), "DDSketch", VLDB 12:2195-2205.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import ControlChart, ControlDay
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.stage_latency._quantiles import (
    Move,
    Paths,
    daily,
    quantile_moves,
    windows,
)
from llmops_health.health.stage_latency._stages import REQUEST, production
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.power import mde_proportion

HISTORY_DAYS = 42

_RANK = 0.95
_WINDOWS = (2, 7)
_WITHOUT = "the time without a span"
_ORDER = (Status.FAIL, Status.WARN, Status.PASS)


class Params(CheckParams):
    """Settings of this check."""

    warn_slower: float = Field(
        default=1.2, gt=1, description="Times the usual 95th percentile: a fifth is looked at."
    )
    fail_slower: float = Field(
        default=2.0, gt=1, description="Times the usual 95th percentile: doubled, something broke."
    )
    min_ms: float = Field(
        default=20.0, ge=0, description="Least rise (ms): less is noise of the machine."
    )
    min_share_of_request: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Least rise (share of the request's usual 95th percentile): users notice.",
    )
    max_p: float = Field(
        default=1e-3, gt=0, lt=1, description="Evidence, allowing for all stages: judged daily."
    )
    min_requests: int = Field(
        default=50, ge=20, description="Requests with the stage in a window, as for calls."
    )
    min_reference_days: int = Field(
        default=14, ge=7, description="Days with the stage in the reference: two of each weekday."
    )
    max_mde: float = Field(
        default=0.08,
        gt=0,
        lt=1,
        description="Rise of slow requests that a week must be able to show; 5 % are usual.",
    )


@dataclass(frozen=True, slots=True)
class _Measure:
    """One stage and how its windows stand to their reference."""

    name: str
    moves: tuple[Move, ...]
    p_values: tuple[float, ...]
    is_material: tuple[bool, ...]

    @property
    def words(self) -> str:
        """Name it in a sentence."""
        return _WITHOUT if self.name == REQUEST else f"the wait for {self.name}"

    def gravest(self, params: Params) -> tuple[Status, int]:
        """Return the gravest status and the place of the window that earns it."""
        grades = [self._status(at, params) for at in range(len(self.moves))]
        at = min(range(len(grades)), key=lambda i: (_ORDER.index(grades[i]), self.p_values[i]))
        return grades[at], at

    def _status(self, at: int, params: Params) -> Status:
        move = self.moves[at]
        proven = move.lasts and self.is_material[at] and self.p_values[at] < params.max_p
        if not proven or move.ratio < params.warn_slower:
            return Status.PASS
        return Status.FAIL if move.ratio >= params.fail_slower else Status.WARN


def check(
    feature: Feature, day: date, summary__stage_times: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding on all stages, and one per stage that became slower."""
    rows = production(summary__stage_times)
    if rows.is_empty():
        yield not_applicable("No request of production is traced: core__spans has none of it.")
        return
    paths = Paths.of(rows, day, HISTORY_DAYS)
    measures = _measures(paths, params)
    if not measures:
        n = int(paths.whole.calls[paths.axis.window(7)].sum())
        yield not_enough_data(
            n,
            f"Warming up: {n} traced requests in 7 days; a stage needs {params.min_requests} of "
            f"them, and {params.min_reference_days} days before.",
        )
        return
    found = [_finding(feature, day, measure, params) for measure in measures]
    moved = [one for one in found if one.status is not Status.PASS]
    yield _whole(found, moved, paths, measures, params)
    yield from moved


def figure(
    feature: Feature,  # noqa: ARG001 - the table is its own
    day: date,
    summary__stage_times: pl.DataFrame,
    params: Params,
) -> ControlChart | None:
    """Show the 95th percentile of the stage that moved most surely, or of the requests."""
    paths = Paths.of(production(summary__stage_times), day, HISTORY_DAYS)
    measures = _measures(paths, params)
    if not measures:
        return None
    worst = min(
        measures,
        key=lambda one: (_ORDER.index(one.gravest(params)[0]), -one.moves[0].reference),
    )
    _, at = worst.gravest(params)
    move = worst.moves[at]
    values = daily(paths.stages[worst.name], _RANK)
    first = day - timedelta(days=HISTORY_DAYS - 1)
    days = tuple(
        ControlDay(day=first + timedelta(days=i), value=value, usual=move.reference)
        for i, value in enumerate(values)
    )
    what = worst.words[4:].capitalize()
    return ControlChart(
        title=f"{what}, 95th percentile",
        description=f"The 95th percentile of {worst.words} was {move.value:,.0f} ms over the last "
        f"{move.days} days, {move.ratio:.2f} times the usual {move.reference:,.0f} ms.",
        measure=f"{what}, 95th percentile",
        unit="ms",
        days=days,
        judged_from=day - timedelta(days=move.days - 1),
        reference=(day - timedelta(days=34), day - timedelta(days=7)),
        limit=params.warn_slower * move.reference,
        limit_label="tolerated",
    )


def _measures(paths: Paths, params: Params) -> list[_Measure]:
    moves: dict[str, tuple[Move, ...]] = {}
    axis = paths.axis
    for name, one in paths.stages.items():
        rows = one.calls.sum(axis=1)
        if np.count_nonzero(rows[axis.reference()]) < params.min_reference_days:
            continue
        judged = windows(rows, axis, _WINDOWS, params.min_requests)
        found = quantile_moves(one, axis, judged, _RANK, params.warn_slower)
        if found:
            moves[name] = found
    flat = [move.p_value for of_name in moves.values() for move in of_name]
    adjusted = iter(benjamini_hochberg(flat).adjusted.tolist())
    usual = paths.whole.by_day[axis.reference()].sum(axis=0)
    least = params.min_ms
    if usual.any():
        p95 = paths.whole.quantile_of(usual, np.array([_RANK]))[0]
        least = max(least, params.min_share_of_request * float(p95))
    return [
        _Measure(
            name,
            of_name,
            tuple(next(adjusted) for _ in of_name),
            tuple(move.value - move.reference >= least for move in of_name),
        )
        for name, of_name in moves.items()
    ]


def _finding(feature: Feature, day: date, measure: _Measure, params: Params) -> Finding:
    status, at = measure.gravest(params)
    move = measure.moves[at]
    is_moved = status is not Status.PASS
    return Finding(
        status=status,
        segment=f"stage = {measure.name}",
        n=move.n,
        message=f"The 95th percentile of {measure.words} was {move.value:,.0f} ms "
        f"[{move.lo:,.0f}, {move.hi:,.0f}] over {move.days} days, {move.ratio:.2f} times the usual "
        f"{move.reference:,.0f} ms.",
        value=move.value,
        lo=move.lo,
        hi=move.hi,
        threshold=params.warn_slower * move.reference,
        unit="ms",
        p_value=measure.p_values[at],
        action=_action(measure.name) if is_moved else "",
        evidence_sql=_evidence(feature, day, measure.name) if is_moved else "",
    )


def _action(name: str) -> str:
    if name == REQUEST:
        return "Add spans to what the request does between its steps: no stage explains the rise."
    return f"Look at what changed for {name} on the first slow day, and take it back."


def _whole(
    found: list[Finding],
    moved: list[Finding],
    paths: Paths,
    measures: list[_Measure],
    params: Params,
) -> Finding:
    p_value = min(one.p_value for one in found if one.p_value is not None)
    if moved:
        worst = min(moved, key=lambda one: (_ORDER.index(one.status), one.p_value))
        return replace(
            worst,
            segment="",
            message=f"{len(moved)} of {len(found)} stages became slower: "
            f"{worst.message[0].lower()}{worst.message[1:]}",
        )
    n = int(paths.whole.calls[paths.axis.window(7)].sum())
    deff = max(measure.moves[-1].deff for measure in measures)
    mde = mde_proportion(1 - _RANK, max(n, 1), deff)
    if mde > params.max_mde:
        return replace(
            not_enough_data(
                n,
                f"Cannot tell: {n} traced requests in 7 days show slow ones only from "
                f"{100 * mde:.0f} points more, {100 * params.max_mde:.0f} are wanted.",
            ),
            p_value=p_value,
        )
    return Finding(
        status=Status.PASS,
        n=n,
        p_value=p_value,
        message=f"None of {len(found)} stages became slower ({n} traced requests in 7 days).",
    )


def _evidence(feature: Feature, day: date, stage: str) -> str:
    first = day - timedelta(days=HISTORY_DAYS - 1)
    return (
        "select day, run_kind, sum(n)::bigint as n, sum(sum_ms) / sum(n) as mean_ms, "  # noqa: S608 - literals only
        "2 * pow(1.01 / 0.99, 8 * max(k_coarse) + 4) / (1 + 1.01 / 0.99) as slowest_ms "
        f"from summary__stage_times where feature_id = {literal(feature.id)} "
        f"and stage = {literal(stage)} and kind = 'critical' "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "group by day, run_kind order by day desc, run_kind limit 200"
    )
