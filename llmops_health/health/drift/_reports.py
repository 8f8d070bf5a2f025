"""Moves of fields put into findings: one for the whole, and one per field that moved too far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import isfinite

import numpy as np

from llmops_health.findings import Finding, Status, literal, not_enough_data
from llmops_health.health.drift._fields import (
    REFERENCE_DAYS,
    REFERENCE_ENDS,
    Axis,
    Field,
    Scale,
)
from llmops_health.health.drift._moves import (
    Move,
    MoveParams,
    leading_values,
    measure,
    n_days_logged,
)
from llmops_health.kernels.intervals import Interval

UNITS = {
    Scale.KIND: "JS distance",
    Scale.RATE: "share of calls",
    Scale.LOG: "standard deviations",
    Scale.LINEAR: "standard deviations",
}


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A move with the status it has earned, and its effect where that was needed for it.

    `findable` is the smallest move of its field that some window finds, in tolerated moves;
    `findable_w` the smallest of one value that this window finds, Cohen's w.
    """

    move: Move
    effect: Interval | None
    status: Status
    findable: float
    findable_w: float

    def measured(self) -> Interval:
        """Return the effect, measured now where the status did not need it."""
        return self.move.effect() if self.effect is None else self.effect


Severity = Callable[[Move, Interval], Status]


def judge(
    fields: Sequence[Field], axis: Axis, params: MoveParams, severity: Severity
) -> list[Judged]:
    """Measure all fields, and give the moves that are sure, lasting and large their status.

    Returns
    -------
    list of Judged
        One per field: its worst, then surest move; worst and surest fields first.
    """
    order = [Status.FAIL, Status.WARN, Status.PASS]
    moves = sorted(measure(fields, axis, params), key=lambda move: move.p_value)
    of_windows = [move.findable_w(params, len(moves)) for move in moves]
    findable: dict[str, float] = {}
    for move, cohen in zip(moves, of_windows, strict=True):
        found = move.in_tolerated(cohen, params)
        findable[move.field.name] = min(found, findable.get(move.field.name, found))
    of_field: dict[str, Judged] = {}
    for move, cohen in zip(moves, of_windows, strict=True):
        name = move.field.name
        effect = move.effect() if move.is_sure(params) else None
        is_large = effect is not None and abs(effect.estimate) >= move.floor(params)
        status = severity(move, effect) if effect is not None and is_large else Status.PASS
        judged = Judged(move, effect, status, findable[name], cohen)
        if name not in of_field or order.index(status) < order.index(of_field[name].status):
            of_field[name] = judged
    return sorted(of_field.values(), key=lambda j: (order.index(j.status), j.move.p_value))


def n_judged(fields: Sequence[Field], axis: Axis) -> int:
    """Return how many calls the last 7 days have, by the field that was logged most often."""
    return round(max((float(f.counts[axis.window(7)].sum()) for f in fields), default=0.0))


def too_little(fields: Sequence[Field], axis: Axis, params: MoveParams) -> Finding | None:
    """Return why nothing can be said of the fields, or None where enough is there."""
    n = n_judged(fields, axis)
    n_days = n_days_logged(fields, axis)
    if n_days < params.min_days:
        return not_enough_data(
            n,
            f"Warming up: {n_days} of {params.min_days} days to compare with, up to a week ago.",
        )
    if n < params.min_calls:
        return not_enough_data(n, f"{n} calls in the last 7 days, {params.min_calls} needed.")
    return None


def report(
    feature_id: str,
    fields: Sequence[Field],
    axis: Axis,
    params: MoveParams,
    judged: Sequence[Judged],
    *,
    why: str = "",
    action: str,
) -> Iterator[Finding]:
    """Yield the finding of the whole and those of fields that warn or fail.

    Parameters
    ----------
    why
        What the whole finding says beyond its numbers, when something moved.
    action
        What a person does now, when something moved.
    """
    n = n_judged(fields, axis)
    if not judged:
        yield Finding(
            status=Status.PASS,
            n=n,
            message=f"No field of {len(fields)} takes more than one value.",
        )
        return
    moved = [j for j in judged if j.status is not Status.PASS]
    if not moved:
        yield _quiet(feature_id, axis.day, judged, params, n)
        return
    others = f"; {len(moved) - 1} more of {len(judged)} fields moved" if len(moved) > 1 else ""
    first = moved[0]
    p_value = min(j.move.p_value for j in judged)
    yield _finding(
        feature_id, axis.day, first, params, "", others + why, action=action, p_value=p_value
    )
    for one in moved:
        yield _finding(
            feature_id,
            axis.day,
            one,
            params,
            one.move.field.name,
            "",
            action=action,
            p_value=one.move.p_value,
        )


def _quiet(
    feature_id: str, day: date, judged: Sequence[Judged], params: MoveParams, n: int
) -> Finding:
    findable = float(np.median([one.findable for one in judged]))
    p_value = min(j.move.p_value for j in judged)
    if findable > 1:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n,
            p_value=p_value,
            message=f"Cannot tell: with {n} calls in 7 days a typical one of {len(judged)} fields "
            f"has to move {findable:.1f} times as far as is tolerated to be found 4 times in 5.",
        )
    surest = replace(judged[0], effect=judged[0].measured())
    return _finding(
        feature_id,
        day,
        surest,
        params,
        "",
        f"; the surest move of {len(judged)} fields{_but(surest, params)}",
        action="",
        p_value=p_value,
    )


def _but(surest: Judged, params: MoveParams) -> str:
    """Why a move larger than tolerated is none."""
    if abs(surest.measured().estimate) < surest.move.floor(params):
        return ""
    if surest.move.p_value > params.alpha:
        return f", which may be chance (p {surest.move.p_value:.2g})"
    return ", which hangs on a single day"


def _finding(
    feature_id: str,
    day: date,
    judged: Judged,
    params: MoveParams,
    segment: str,
    more: str,
    *,
    action: str,
    p_value: float,
) -> Finding:
    move, effect = judged.move, judged.measured()
    floor = move.floor(params)
    signed = -floor if move.field.scale is Scale.RATE and effect.estimate < 0 else floor
    return Finding(
        status=judged.status,
        message=f"{_describe(move, effect, floor)}{more}.",
        n=move.n,
        segment=segment,
        value=_finite(effect.estimate),
        lo=_finite(effect.lo),
        hi=_finite(effect.hi),
        threshold=signed,
        unit=UNITS[move.field.scale],
        p_value=p_value,
        action=action,
        evidence_sql=_evidence(feature_id, day, move.field),
    )


def _finite(x: float) -> float | None:
    return x if isfinite(x) else None


def _describe(move: Move, effect: Interval, floor: float) -> str:
    words, when = move.field.words, f"in the last {move.days} days"
    if move.field.scale is Scale.RATE:
        now, before = move.shares()
        return (
            f"{words} are {100 * now:.1f} % of calls {when}, {100 * before:.1f} % before: "
            f"{100 * effect.estimate:+.1f} pp [{100 * effect.lo:+.1f}, {100 * effect.hi:+.1f}], "
            f"{100 * floor:.1f} tolerated"
        )
    unit = "JS distance" if move.field.scale is Scale.KIND else "standard deviations"
    moved = (
        f"{words} moved by {effect.estimate:.2f} {unit} [{effect.lo:.2f}, {effect.hi:.2f}] {when}, "
        f"{floor:.2f} tolerated"
    )
    if move.field.scale is Scale.LOG:
        return f"{moved}; typically {move.ratio().estimate:.2f} times as large as before"
    values = leading_values(move)
    return f"{moved}: {values}" if values else moved


def _evidence(feature_id: str, day: date, field: Field) -> str:
    first = day - timedelta(days=REFERENCE_DAYS + REFERENCE_ENDS - 1)
    where = (
        f"where feature_id = {literal(feature_id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date"
    )
    if field.table == "summary__cells":
        return (
            "select day, codebook_version, cell, n from summary__cells "  # noqa: S608
            f"{where} order by day desc, n desc, cell limit 500"
        )
    where = f"{where} and run_kind in ('prod', 'unknown')"
    if field.table == "summary__categories":
        return (
            "select day, run_kind, value, n from summary__categories "  # noqa: S608
            f"{where} and field = {literal(field.column)} "
            "order by day desc, n desc, value limit 500"
        )
    return (
        f"select day, run_kind, count({field.column}) as n, "  # noqa: S608
        f"avg({field.column}) as mean, median({field.column}) as median from core__calls {where} "
        "group by day, run_kind order by day desc, run_kind limit 100"
    )
