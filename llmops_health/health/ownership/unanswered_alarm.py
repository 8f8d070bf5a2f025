"""Unanswered alarm: checks fail, and nobody has said that it is theirs.

Why it matters
    An alarm that nobody answers is worse than none: it teaches everybody that red is normal, and
    the next one is not read either.
How it is found
    An alarm is a run of days on which a check fails, with the same segment; up to 2 days without
    it do not end the run, and failures that the correction for the number of a day's tests takes
    back are none. It opens at the end of its first day. It is answered when somebody acknowledges
    it (`llmops-health ack`, or rows of `acknowledgements` from your pager), for as long as that
    holds; when its time is over, it is unanswered again. WARN where an alarm has stood unanswered
    for more than `warn_days`, FAIL for more than `fail_days`. Beside it stands the time to the
    answer: the Kaplan-Meier median with its interval, in which alarms that nobody has answered
    yet, or that went away by themselves, have waited at least as long as they stood.
How to mend it
    Mend the fault, or take the alarm on: `llmops-health ack FEATURE/MODE.CHECK --by ... --until
    ...`. If the alarm is not worth an answer, set the check's parameters, where others see it.
What it cannot see
    Whether anything is done after the answer. Alarms of `bom` and of this mode are not counted.
    A check that has stopped answering for lack of data has no alarm either. Runs that began more
    than half a year ago count from then.
Source
    Kaplan and Meier (1958), JASA 53:457-481; time to acknowledge as in Beyer et al. (2016), Site
    Reliability Engineering, chapter 14.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Curve, CurvePoint, Curves, Estimate
from llmops_health.findings import CheckParams, Finding, Status, literal, not_applicable
from llmops_health.health.ownership._alarms import NOT_COUNTED, Alarm, alarms, said_by
from llmops_health.kernels.survival import SurvivalCurve, kaplan_meier

HISTORY_DAYS = 183

_MOST_SEGMENTS = 10
_MOST_POINTS = 60


class Params(CheckParams):
    """Settings of this check."""

    warn_days: int = Field(
        default=3, ge=0, description="Days that an alarm may stand unanswered: a weekend and a day."
    )
    fail_days: int = Field(
        default=7, ge=1, description="Days after which nobody can say that they had no time."
    )
    level: float = Field(
        default=0.95, gt=0, lt=1, description="Coverage of the interval of the time to answer."
    )


def check(
    feature: Feature,
    day: date,
    health__findings: pl.DataFrame,
    core__acknowledgements: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all alarms, and one per check that waits too long for an answer."""
    found = alarms(health__findings, said_by(core__acknowledgements, day))
    if not found:
        yield not_applicable(f"No alarm in {HISTORY_DAYS} days: there was nothing to answer.")
        return
    waiting = sorted(
        ((days, one) for one in found if (days := one.unanswered_days(day)) is not None),
        key=lambda pair: (-pair[0], pair[1].name, pair[1].segment),
    )
    yield _whole(feature, day, found, waiting, params)
    yield from _checks(feature, day, waiting, params)


def figure(
    feature: Feature,
    day: date,
    health__findings: pl.DataFrame,
    core__acknowledgements: pl.DataFrame,
    params: Params,
) -> Curves | None:
    """Return the share of alarms still without an answer over time; None without alarms."""
    found = alarms(health__findings, said_by(core__acknowledgements, day))
    if not found:
        return None
    curve = _curve(found, params)
    shown = list(range(len(curve.time)))[:_MOST_POINTS]
    points = [CurvePoint(x=0.0, y=Estimate(value=1.0), n=int(curve.n))]
    points += [
        CurvePoint(
            x=float(curve.time[at]),
            y=Estimate(
                value=float(curve.survival[at]), lo=float(curve.lo[at]), hi=float(curve.hi[at])
            ),
            n=int(curve.at_risk[at]),
        )
        for at in shown
    ]
    if curve.last > points[-1].x:
        end = points[-1].y
        points.append(CurvePoint(x=curve.last, y=end, n=1))
    return Curves(
        title=f"Alarms of {feature.id} that wait for an answer",
        description=_times(found, curve),
        x_label="days since the alarm opened",
        measure="alarms without an answer",
        unit="share",
        curves=(Curve(label=f"{len(found)} alarms", points=tuple(points)),),
    )


def _whole(
    feature: Feature,
    day: date,
    found: Sequence[Alarm],
    waiting: Sequence[tuple[int, Alarm]],
    params: Params,
) -> Finding:
    times = _times(found, _curve(found, params))
    days = waiting[0][0] if waiting else 0
    status = _status(days, params)
    if waiting:
        n_long = sum(one > params.warn_days for one, _ in waiting)
        told = (
            f"{len(waiting)} alarms wait for an answer, {n_long} of them for more than "
            f"{params.warn_days} days; the oldest, {_named(waiting[0][1])}, for {days} days"
        )
    else:
        n_open = sum(one.last == day for one in found)
        told = f"All {n_open} open alarms are answered" if n_open else "No alarm is open"
    is_alarm = status is not Status.PASS
    return Finding(
        status=status,
        message=f"{told}. {times}",
        n=len(found),
        value=float(days),
        threshold=float(params.fail_days if status is Status.FAIL else params.warn_days),
        unit="days",
        action=_action(feature, waiting[0][1], day) if is_alarm else "",
        evidence_sql=_evidence(feature, day, None) if is_alarm else "",
    )


def _checks(
    feature: Feature, day: date, waiting: Sequence[tuple[int, Alarm]], params: Params
) -> Iterator[Finding]:
    """Yield the checks with an alarm that waits too long, the oldest first."""
    told: dict[str, tuple[int, Alarm]] = {}
    for days, one in waiting:
        if days > params.warn_days:
            told.setdefault(one.name, (days, one))
    for name, (days, one) in list(told.items())[:_MOST_SEGMENTS]:
        status = _status(days, params)
        expired = "" if one.holds_until is None else f"; {one.answered_by}'s answer held until then"
        since = one.first if one.holds_until is None else one.holds_until
        yield Finding(
            status=status,
            segment=name,
            message=f"{_named(one)} has failed since {one.first} and waits for an answer since "
            f"{since}, {days} days{expired}.",
            n=sum(other.name == name for _, other in waiting),
            value=float(days),
            threshold=float(params.fail_days if status is Status.FAIL else params.warn_days),
            unit="days",
            action=_action(feature, one, day),
            evidence_sql=_evidence(feature, day, one),
        )


def _status(days: int, params: Params) -> Status:
    if days > params.fail_days:
        return Status.FAIL
    return Status.WARN if days > params.warn_days else Status.PASS


def _curve(found: Sequence[Alarm], params: Params) -> SurvivalCurve:
    """Return the share of alarms without an answer by time since they opened."""
    durations = [one.lasted_days if one.answer_days is None else one.answer_days for one in found]
    return kaplan_meier(
        durations, [one.answer_days is not None for one in found], level=params.level
    )


def _times(found: Sequence[Alarm], curve: SurvivalCurve) -> str:
    n_answered = sum(one.answer_days is not None for one in found)
    told = f"Of {len(found)} alarms in {HISTORY_DAYS} days {n_answered} were answered"
    if not n_answered:
        return told + "."
    median = curve.quantile()
    if median is None:
        return f"{told}, fewer than half of them within the {curve.last:.0f} days that were seen."
    lo, hi = curve.quantile_interval()
    ends = "" if lo is None else f" [{lo:.1f}, {'open' if hi is None else f'{hi:.1f}'}]"
    return f"{told}, half of them within {median:.1f}{ends} days."


def _named(one: Alarm) -> str:
    return f"{one.name} of {one.segment}" if one.segment else one.name


def _action(feature: Feature, one: Alarm, day: date) -> str:
    until = day + timedelta(days=14)
    return (
        f'Mend the fault, or take the alarm on: llmops-health ack "{feature.id}/{one.name}" '
        f"--by NAME --until {until}"
    )


def _evidence(feature: Feature, day: date, one: Alarm | None) -> str:
    of_check = (
        ""
        if one is None
        else f"and mode = {literal(one.mode)} and check_name = {literal(one.check_name)} "
    )
    listed = ", ".join(map(literal, NOT_COUNTED))
    return (
        "select mode, check_name, segment, min(day) as first_day, max(day) as last_day, "  # noqa: S608 - literals only
        "count(*) as n_days from health__findings "
        f"where feature_id = {literal(feature.id)} and status = 'FAIL' {of_check}"
        f"and mode not in ({listed}) and day <= {literal(day)}::date "
        f"and day > {literal(day)}::date - {HISTORY_DAYS} "
        "group by mode, check_name, segment order by n_days desc, mode, check_name, segment "
        "limit 100"
    )
