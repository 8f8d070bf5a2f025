"""Feed gap: the log itself is stale, late, has missing days or hours, lost fields or duplicates.

Why it matters
    Every other check reads this log. A day that was never shipped looks like a day without
    errors, and a field that is no longer logged silently ends the checks that need it.
How it is found
    A day of the last 7 without a call is missing where that weekday always had calls. Within the
    judged day, the longest run of hours without a call is held against the hours of days of the
    same type (weekday or weekend): it must cover more of the usual calls than any such run in the
    history, and be improbable for that many calls, allowing for calls that come in bursts. A run
    that reaches the end of the day is a stale log. The share of nulls per field over 2 days is
    held against the 28 days that end a week earlier; so is the share of calls written more than a
    day after they began, over 1 and over 7 days, which needs `updated_at`. Duplicates of the day
    are held against their usual share.
    FAIL for missing days and a log stale for half a day, WARN for shorter silence, nulls, late
    rows and duplicates.
    Production is `run_kind` prod; unknown counts only where no call in the window is prod.
How to mend it
    Restart the exporter, load the missing files again (what is there already is not doubled), and
    restore the lost field in the logging code.
What it cannot see
    Calls that were never logged evenly over the day (see the volume in `service_drift`); whether
    a feature was rightly idle on a public holiday; late files where no call has `updated_at`, and
    late rows before they have come.
Source
    Pearson dispersion: McCullagh and Nelder (1989), Generalized Linear Models, section 4.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from math import exp, log1p

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import ControlChart
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.drift import _seasons
from llmops_health.health.drift._log import (
    RECENT,
    REFERENCE_DAYS,
    Log,
    Part,
    calls_by_day,
    part_by_day,
)
from llmops_health.health.drift._seasons import Floats
from llmops_health.kernels.shift import day_dispersion, share_shift

HISTORY_DAYS = 42
_NULL_DAYS = 2
_TESTED = 4  # kinds of gaps that have a p: days, hours, nulls, late rows
_LARGEST_HOLE = 0.9  # what profiles of 4 weeks can say about the rest of the day


class Params(CheckParams):
    """Settings of this check."""

    min_expected: float = Field(default=10, gt=0, description="Usual calls; fewer may be none.")
    fail_stale_hours: int = Field(
        default=12,
        ge=1,
        le=24,
        description="Silence at the end of a day; less may be a cut export.",
    )
    min_hole: float = Field(default=0.15, gt=0, le=1, description="Share of calls a hole covers.")
    min_null_rise: float = Field(default=0.1, gt=0, le=1, description="Rise of a null share.")
    min_late_rise: float = Field(
        default=0.05, gt=0, le=1, description="Rise of the share of late rows: five points."
    )
    min_duplicates: float = Field(
        default=0.02, gt=0, le=1, description="Share of duplicates; half of it is common on retry."
    )
    max_p: float = Field(default=2e-3, gt=0, lt=1, description="Chance of such a gap by itself.")
    min_history_days: int = Field(
        default=14, ge=14, description="Days since the first call: two of each weekday."
    )


def check(
    feature: Feature,
    day: date,
    summary__hours: pl.DataFrame,
    summary__nulls: pl.DataFrame,
    core__duplicates: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding about the log, then one per gap in it."""
    log = Log.of(summary__hours, day, HISTORY_DAYS)
    if log is None:
        yield Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message=f"No production call in the {HISTORY_DAYS} days up to {day}.",
        )
        return
    gaps = [
        *_missing_days(feature, log, params),
        *_holes(feature, log, params),
        *_nulls(feature, day, summary__nulls, params),
        *_late(feature, day, summary__hours, params),
        *_duplicates(feature, log, core__duplicates, params),
    ]
    yield _whole(gaps, log, params)
    yield from gaps


def figure(
    feature: Feature,
    day: date,
    summary__hours: pl.DataFrame,
    summary__nulls: pl.DataFrame,
    core__duplicates: pl.DataFrame,
    params: Params,
) -> ControlChart | None:
    """Show the calls of each day, or the lost field or late rows where these are all there is."""
    del core__duplicates
    log = Log.of(summary__hours, day, HISTORY_DAYS)
    if log is None:
        return None
    gaps = [*_missing_days(feature, log, params), *_holes(feature, log, params)]
    if not gaps:
        nulls, late = _null_parts(day, summary__nulls), _late_part(day, summary__hours)
        for found in _nulls(feature, day, summary__nulls, params):
            return part_by_day(nulls[found.segment], found, day, _NULL_DAYS)
        for found in _late(feature, day, summary__hours, params):
            return part_by_day(late, found, day, RECENT)
    return calls_by_day(log, gaps[0] if gaps else None)


def _missing_days(feature: Feature, log: Log, params: Params) -> Iterator[Finding]:
    missing: dict[date, float] = {}
    if (log.days[-RECENT:] > 0).all():
        return
    scatter = log.scatter()
    for place in range(HISTORY_DAYS - RECENT, HISTORY_DAYS):
        past = log.same_weekday(place)
        if log.days[place] > 0 or len(past) < 2 or past.min() <= 0:
            continue
        usual = float(np.median(past))
        p_value = exp(-usual / scatter)
        if usual >= params.min_expected and p_value * RECENT < params.max_p:
            missing[log.day - timedelta(days=HISTORY_DAYS - 1 - place)] = p_value
    if not missing:
        return
    yield Finding(
        status=Status.FAIL,
        segment="missing days",
        value=float(len(missing)),
        threshold=0.0,
        unit="days",
        n=int(log.days[-RECENT:].sum()),
        p_value=min(1.0, min(missing.values()) * RECENT),
        message=f"No call is logged on {', '.join(map(str, missing))}, though that weekday always "
        "had calls before.",
        action="Find out whether the exporter stopped, and load the missing files.",
        evidence_sql=_calls_per(feature, log.day, "day"),
    )


def _longest_hole(
    empty: np.ndarray[tuple[int], np.dtype[np.bool_]], usual: Floats
) -> tuple[int, int]:
    """Return first hour and length of the run of empty hours with the most usual calls."""
    best, most, start = (0, 0), 0.0, 0
    for hour in [*np.flatnonzero(~empty).tolist(), 24]:
        if hour > start and (calls := usual[start:hour].sum()) > most:
            best, most = (start, hour - start), calls
        start = hour + 1
    return best


def _holes(feature: Feature, log: Log, params: Params) -> Iterator[Finding]:
    same = _seasons.same_type_days(log.day, HISTORY_DAYS)
    same = same[log.days[same] > 0]
    if HISTORY_DAYS - log.first <= params.min_history_days or len(same) < 4:
        return
    past = log.hours[same]
    usual = past.sum(axis=0) / past.sum()
    start, length = _longest_hole(log.hours[-1] == 0, usual)
    share = float(usual[start : start + length].sum())
    if share < params.min_hole or length == 24:
        return
    seen = max(
        float(usual[first : first + n].sum())
        for first, n in (_longest_hole(day == 0, usual) for day in past)
    )
    expected = past.sum(axis=1, keepdims=True) * usual
    busy = usual > 0
    bursts = (past - expected)[:, busy] ** 2 / expected[:, busy]
    scatter = max(1.0, float(bursts.mean()))
    # A log that stopped early holds few calls; half of a usual day is the least it would have.
    calls = max(float(log.days[-1]), float(np.median(past.sum(axis=1))) / 2)
    p_value = min(1.0, 24 * exp(log1p(-min(share, _LARGEST_HOLE)) * calls / scatter))
    if share <= seen or p_value >= params.max_p:
        return
    is_stale = start + length == 24
    yield Finding(
        status=Status.FAIL if is_stale and length >= params.fail_stale_hours else Status.WARN,
        segment="stale" if is_stale else "hole",
        value=share,
        threshold=max(seen, params.min_hole),
        unit="share",
        n=int(log.days[-1]),
        p_value=p_value,
        message=f"No call is logged from {start:02d}:00 to {start + length:02d}:00 UTC on "
        f"{log.day}, hours that usually have {100 * share:.0f} % of a day's calls.",
        action="Restart the exporter, then load what is missing."
        if is_stale
        else "Load the missing hours again, or mark the outage.",
        evidence_sql=_calls_per(feature, log.day, "day, hour(started_at)"),
    )


def _null_parts(day: date, nulls: pl.DataFrame) -> dict[str, Part]:
    """Lay out the nulls of each field, by the segment of its findings."""
    if not len(nulls):
        return {}
    kept = _seasons.is_production(nulls["run_kind"])
    names, codes = _seasons.coded(nulls["field"].filter(kept))
    index = _seasons.day_index(nulls["day"].filter(kept), day, HISTORY_DAYS)
    n_null, n = (
        _seasons.daily_sums(
            index, codes, nulls[of].filter(kept).to_numpy(), (HISTORY_DAYS, len(names))
        )
        for of in ("n_null", "n")
    )
    return {
        f"null {name}": Part(f"{name} is null", n_null[:, at], n[:, at])
        for at, name in enumerate(names)
    }


def _nulls(feature: Feature, day: date, nulls: pl.DataFrame, params: Params) -> Iterator[Finding]:
    parts = _null_parts(day, nulls)
    for segment, one in parts.items():
        name, (missing, days) = segment.removeprefix("null "), (one.part, one.rows)
        found = _rise(missing, days, day, _NULL_DAYS, params.min_null_rise, len(parts), params)
        if found and (missing[-2:] >= (found.threshold or 0) * np.maximum(days[-2:], 1)).all():
            yield replace(
                found,
                segment=segment,
                message=f"{name} is null in {found.message}",
                action=f"Restore {name} in the logging code; checks that need it fall silent.",
                evidence_sql=f"select day, run_kind, n, n_null from summary__nulls "  # noqa: S608
                f"where feature_id = {literal(feature.id)} and field = {literal(name)} "
                f"and day <= date {literal(day)} order by day desc limit 100",
            )


def _rise(
    part: Floats, rows: Floats, day: date, n_days: int, floor: float, n_tests: int, params: Params
) -> Finding | None:
    """Warn if a share of the last days is surely above that of 4 earlier weeks, by `floor`."""
    window = slice(HISTORY_DAYS - n_days, HISTORY_DAYS)
    now = [part[window].sum(), rows[window].sum()]
    if now[1] <= 0 or now[0] / now[1] < floor:
        return None
    end = HISTORY_DAYS - RECENT
    reference = slice(end - REFERENCE_DAYS, end)
    weights = _seasons.mixed_like(rows, _seasons.is_weekend(day, HISTORY_DAYS), window, reference)
    if weights is None or (rows[reference] > 0).sum() < params.min_history_days // 2:
        return None
    then = [weights @ part, weights @ rows]
    if now[0] / now[1] < then[0] / then[1] + floor:
        return None
    dispersion = day_dispersion(part[reference], rows[reference])
    shift = share_shift([now], [then], dispersion=dispersion)
    window_name = "the day" if n_days == 1 else f"{n_days} days"
    p_value = min(1.0, shift.p_rise * n_tests)
    if p_value >= params.max_p:
        return None
    return Finding(
        status=Status.WARN,
        value=shift.current,
        lo=shift.lo,
        hi=shift.hi,
        threshold=shift.reference + floor,
        unit="share",
        n=int(now[1]),
        p_value=p_value,
        message=f"{100 * shift.current:.1f} % of the calls of {window_name}, "
        f"{100 * shift.reference:.1f} % is usual.",
    )


def _late_part(day: date, hours: pl.DataFrame) -> Part:
    kept = _seasons.is_production(hours["run_kind"])
    index = _seasons.day_index(hours["day"].filter(kept), day, HISTORY_DAYS)
    codes = np.zeros(len(index), dtype=np.int64)
    late, dated = (
        _seasons.daily_sums(index, codes, hours[of].filter(kept).to_numpy(), (HISTORY_DAYS, 1))[
            :, 0
        ]
        for of in ("n_late", "n_dated")
    )
    return Part("written a day late or more", late, dated)


def _late(feature: Feature, day: date, hours: pl.DataFrame, params: Params) -> Iterator[Finding]:
    one = _late_part(day, hours)
    late, dated = one.part, one.rows
    windows = [days for days in (1, RECENT) if late[-days:].sum() >= params.min_expected]
    rises = (_rise(late, dated, day, n, params.min_late_rise, 2, params) for n in windows)
    found = min(filter(None, rises), key=lambda one: one.p_value or 0.0, default=None)
    if found:
        yield replace(
            found,
            segment="late rows",
            message=f"Written more than a day after they began: {found.message}",
            action="See where the log waits: exporter, queue or upload; past days may change.",
            evidence_sql="select day, sum(n_late)::bigint as n_late, "  # noqa: S608
            "sum(n_dated)::bigint as n_dated from summary__hours "
            f"where feature_id = {literal(feature.id)} and day <= date {literal(day)} "
            "group by day order by day desc limit 100",
        )


def _duplicates(
    feature: Feature, log: Log, duplicates: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    if duplicates.is_empty():
        return
    rows = duplicates.filter(pl.col("table_name") == "calls")
    index = _seasons.day_index(rows["day"], log.day, HISTORY_DAYS)
    codes = np.zeros(len(rows), dtype=np.int64)
    n_again = rows["n_duplicates"].to_numpy()
    again = _seasons.daily_sums(index, codes, n_again, (HISTORY_DAYS, 1))[:, 0]
    with_calls = log.days > 0
    shares = again[with_calls] / (again[with_calls] + log.days[with_calls])
    n = int(again[-1])
    share = n / (n + log.days[-1]) if n else 0.0
    usual = float(np.median(shares[:-1])) if len(shares) > 1 else 0.0
    if n < params.min_expected or share < max(params.min_duplicates, 2 * usual):
        return
    yield Finding(
        status=Status.WARN,
        segment="duplicates",
        value=share,
        threshold=max(params.min_duplicates, 2 * usual),
        unit="share",
        n=n,
        message=f"{n} calls of {log.day} came again ({100 * share:.1f} % of the rows, "
        f"{100 * usual:.1f} % is usual); each is counted once.",
        action="See whether two exporters write the same calls, or ids are not unique.",
        evidence_sql="select day, table_name, n_duplicates from core__duplicates "  # noqa: S608
        f"where feature_id = {literal(feature.id)} and day <= date {literal(log.day)} "
        "order by day desc limit 100",
    )


def _whole(gaps: list[Finding], log: Log, params: Params) -> Finding:
    p_values = [gap.p_value for gap in gaps if gap.p_value is not None]
    if gaps:
        worst = min(gaps, key=lambda gap: gap.status is not Status.FAIL)
        return replace(
            worst,
            segment="",
            p_value=min(1.0, min(p_values) * _TESTED) if p_values else None,
            message=f"The log has gaps ({', '.join(gap.segment for gap in gaps)}): {worst.message}",
        )
    n_days = HISTORY_DAYS - log.first
    n = int(log.days[-1])
    if n_days <= params.min_history_days:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=n,
            message=f"Warming up: the first call is {n_days} days old, more than "
            f"{params.min_history_days} days are needed.",
        )
    is_thin = float(np.median(log.days[log.first :])) < params.min_expected
    return Finding(
        status=Status.NOT_ENOUGH_DATA if is_thin else Status.PASS,
        n=n,
        value=log.hours_stale,
        unit="hours",
        message=f"Cannot tell: half of all days have fewer than {params.min_expected:g} "
        "calls, so an empty day says nothing."
        if is_thin
        else f"The last call is {log.hours_stale:.1f} hours before the end of {log.day}, and no "
        f"day of the last {RECENT} is missing.",
    )


def _calls_per(feature: Feature, day: date, grain: str) -> str:
    since = day - timedelta(days=14)
    return (
        f"select {grain}, count(*) as n_calls, max(started_at) as last_started_at "  # noqa: S608
        f"from core__calls where feature_id = {literal(feature.id)} "
        f"and day between date {literal(since)} and date {literal(day)} "
        f"group by all order by {grain} limit 400"
    )
