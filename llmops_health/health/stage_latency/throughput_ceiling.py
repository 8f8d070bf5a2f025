"""Throughput ceiling: a stage will be saturated at the traffic that is coming.

Why it matters
    The stage that takes longest is seldom the one that gives way first: a reranker with one
    server saturates long before a model with eight. Past its ceiling a queue grows without end,
    and the busiest hour is when most users see it.
How it is found
    Utilisation law: X requests per second, each keeping one server of the stage busy for D
    seconds, use X D / c of its c servers. D is from the last 7 days of spans, X the busiest hour
    forecast for the next 7 days (its type of day in 35 days of history, with the trend where there
    surely is one), c from `concurrency`. FAIL when the whole interval at the forecast peak lies
    above `max_utilisation`, WARN when the estimate does. Where c is not configured, the most
    spans that ever ran at once are a lower bound of it: a forecast that fits below this bound
    passes, any other cannot be told.
How to mend it
    Give the stage more servers, batch it, cache it, or shed load before its ceiling.
What it cannot see
    Bursts within the hour, servers that other features share, and limits on tokens or calls per
    minute. Waiting inside of a stage's span counts as being busy, so a stage that saturates
    already looks worse than it is.
Source
    Denning and Buzen (1978), "The Operational Analysis of Queueing Network Models", ACM Computing
    Surveys 10:225-261.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import log
from typing import Annotated

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
from llmops_health.health.stage_latency._stages import (
    REQUEST,
    StageSums,
    production,
    too_little,
    within,
)
from llmops_health.kernels.capacity import (
    PeakForecast,
    forecast_peak,
    max_throughput,
    utilisation,
)
from llmops_health.kernels.intervals import Interval

HISTORY_DAYS = 35

_DAYS = 7
_AHEAD_DAYS = 7
_HOUR_SECONDS = 3_600.0


class Params(CheckParams):
    """Settings of this check."""

    concurrency: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description='Servers per stage, for all features ("rerank": 1) or one of them '
        '("support-rag.rerank": 2); unknown where a stage is missing.',
    )
    max_utilisation: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Tolerated share of servers that are busy: waiting is ten times as long at "
        "0.9 as it is at 0.5.",
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    min_days: int = Field(
        default=14, ge=14, le=35, description="Days to forecast from: two of each weekday."
    )
    min_requests: int = Field(
        default=100, ge=20, description="Traced requests of a week, as for the other checks."
    )
    min_clusters: float = Field(
        default=8, ge=3, description="Users, as if all asked equally often, in a week."
    )


@dataclass(frozen=True, slots=True)
class _Load:
    """One stage at the forecast peak; `is_bound`: its servers are the least it can have."""

    stage: str
    servers: int
    is_bound: bool
    demand: Interval
    busy: Interval

    @property
    def ceiling(self) -> float:
        """Requests per second that saturate it."""
        return float(max_throughput(self.demand.estimate, self.servers))


def check(
    feature: Feature,
    day: date,
    summary__stage_times: pl.DataFrame,
    summary__stage_hours: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the stage that gives way first, and one per stage beyond its limit."""
    seen = production(summary__stage_times)
    sums = StageSums.of(within(seen, day, _DAYS))
    refusal = too_little(sums, seen, _DAYS, params.min_requests, params.min_clusters)
    if refusal is not None:
        yield refusal
        return
    hours = production(summary__stage_hours)
    peaks = _peaks(hours)
    if len(peaks) < params.min_days:
        yield not_enough_data(
            sums.n_requests,
            f"Warming up: {len(peaks)} days with traced requests, {params.min_days} are needed to "
            "forecast the busiest hour.",
        )
        return
    forecast = _forecast(peaks, day, params)
    loads = _loads(feature, sums, hours, forecast, params)
    if not loads:
        yield not_applicable(f"No stage has spans in {sums.n_requests} traced requests.")
        return
    known = [load for load in loads if not load.is_bound]
    over = [load for load in known if load.busy.estimate > params.max_utilisation]
    unknown = [load for load in loads if load.is_bound and load.busy.hi > params.max_utilisation]
    if over:
        yield _alarm(feature, day, over[0], sums, forecast, params, segment="")
        for load in over:
            yield _alarm(feature, day, load, sums, forecast, params, segment=load.stage)
    elif unknown:
        yield _cannot_tell(unknown, sums, forecast, params)
    else:
        yield _calm(known or loads, sums, forecast, params)


def figure(
    feature: Feature,
    day: date,
    summary__stage_times: pl.DataFrame,
    summary__stage_hours: pl.DataFrame,
    params: Params,
) -> ControlChart | None:
    """Show the busiest hour of each day against what the first stage to give way can carry."""
    seen = production(summary__stage_times)
    sums = StageSums.of(within(seen, day, _DAYS))
    hours = production(summary__stage_hours)
    peaks = _peaks(hours)
    if len(peaks) < params.min_days or not sums.n_requests:
        return None
    forecast = _forecast(peaks, day, params)
    loads = _loads(feature, sums, hours, forecast, params)
    known = [load for load in loads if not load.is_bound]
    ceiling = known[0].ceiling * _HOUR_SECONDS if known else None
    first = day - timedelta(days=HISTORY_DAYS - 1)
    days = [first + timedelta(days=i) for i in range(HISTORY_DAYS)]
    told = f", and {known[0].stage} is saturated at {ceiling:,.0f}" if ceiling is not None else ""
    return ControlChart(
        title="Requests in the busiest hour",
        description=f"The busiest hour of the next {_AHEAD_DAYS} days is expected to have "
        f"{forecast.peak.estimate:,.0f} requests{told}.",
        measure="Requests in the busiest hour",
        unit="requests",
        days=tuple(ControlDay(day=one, value=peaks.get(one)) for one in days),
        judged_from=day - timedelta(days=_DAYS - 1),
        limit=ceiling,
        limit_label=f"{known[0].stage} saturated" if known else "",
    )


def _peaks(hours: pl.DataFrame) -> dict[date, float]:
    of_requests = (hours["stage"] == REQUEST) & (hours["n"] > 0)
    days, n = (hours[name].filter(of_requests).to_list() for name in ("day", "n"))
    peaks: dict[date, float] = {}
    for day, requests in zip(days, n, strict=True):
        peaks[day] = max(peaks.get(day, 0.0), float(requests))
    return peaks


def _forecast(peaks: dict[date, float], day: date, params: Params) -> PeakForecast:
    coming = [day + timedelta(days=i) for i in range(1, _AHEAD_DAYS + 1)]
    return forecast_peak(
        list(peaks.values()),
        [(day - one).days for one in peaks],
        [int(one.weekday() >= 5) for one in peaks],
        [int(one.weekday() >= 5) for one in coming],
        level=params.level,
    )


def _loads(
    feature: Feature,
    sums: StageSums,
    hours: pl.DataFrame,
    forecast: PeakForecast,
    params: Params,
) -> list[_Load]:
    """Return each stage at the forecast peak, the busiest first."""
    loads = []
    for stage in sums.stages:
        found = sums.per_request(sums.time(stage, "total"), params.level)
        if found is None or not found.estimate > 0:
            continue
        given = params.concurrency.get(f"{feature.id}.{stage}", params.concurrency.get(stage))
        servers = given if given is not None else _most_at_once(hours, stage)
        if servers < 1:
            continue
        seconds = Interval(*(max(0.0, x) / 1_000 for x in (found.estimate, found.lo, found.hi)))
        busy = _busy(forecast.peak, seconds, servers)
        loads.append(_Load(stage, servers, given is None, seconds, busy))
    return sorted(loads, key=lambda load: (-load.busy.estimate, load.stage))


def _most_at_once(hours: pl.DataFrame, stage: str) -> int:
    most = hours["max_parallel"].filter(hours["stage"] == stage).max()
    return most if isinstance(most, int) else 0


def _busy(peak: Interval, seconds: Interval, servers: int) -> Interval:
    """Multiply rate and demand, the errors of their logarithms added as independent ones are."""
    estimate = float(utilisation(peak.estimate / _HOUR_SECONDS, seconds.estimate, servers))
    below = np.hypot(_log_ratio(peak.lo, peak.estimate), _log_ratio(seconds.lo, seconds.estimate))
    above = np.hypot(_log_ratio(peak.hi, peak.estimate), _log_ratio(seconds.hi, seconds.estimate))
    return Interval(estimate, estimate * float(np.exp(-below)), estimate * float(np.exp(above)))


def _log_ratio(end: float, estimate: float) -> float:
    return abs(log(max(end, 1e-9) / estimate))


def _told(load: _Load, forecast: PeakForecast) -> str:
    servers = f"{load.servers} server{'s' if load.servers > 1 else ''}"
    return (
        f"at the {forecast.peak.estimate:,.0f} requests forecast for the busiest hour of the next "
        f"{_AHEAD_DAYS} days, {load.stage} keeps {100 * load.busy.estimate:.0f} % "
        f"[{100 * load.busy.lo:.0f}, {100 * load.busy.hi:.0f}] of {servers} busy; it is saturated "
        f"at {load.ceiling:,.2f} requests a second"
    )


def _alarm(
    feature: Feature,
    day: date,
    load: _Load,
    sums: StageSums,
    forecast: PeakForecast,
    params: Params,
    *,
    segment: str,
) -> Finding:
    told = _told(load, forecast)
    is_sure = load.busy.lo > params.max_utilisation
    wanted = int(np.ceil(load.busy.hi * load.servers / params.max_utilisation))
    return Finding(
        status=Status.FAIL if is_sure else Status.WARN,
        segment=f"stage = {segment}" if segment else "",
        n=sums.n_requests,
        message=f"{told[0].upper()}{told[1:]}.",
        value=load.busy.estimate,
        lo=load.busy.lo,
        hi=load.busy.hi,
        threshold=params.max_utilisation,
        unit="share",
        action=f"Give {load.stage} {max(wanted, load.servers + 1)} servers, or batch or cache it, "
        "before the busiest hour.",
        evidence_sql=_evidence(feature, day, load.stage),
    )


def _cannot_tell(
    unknown: list[_Load], sums: StageSums, forecast: PeakForecast, params: Params
) -> Finding:
    load = unknown[0]
    return not_enough_data(
        sums.n_requests,
        f"Cannot tell how much {', '.join(one.stage for one in unknown)} can carry: {load.stage} "
        f"was never seen to run more than {load.servers} at once, and the "
        f"{forecast.peak.estimate:,.0f} requests forecast for the busiest hour need "
        f"{load.busy.hi * load.servers / params.max_utilisation:.1f}; set "
        "stage_latency.throughput_ceiling.concurrency.",
    )


def _calm(loads: list[_Load], sums: StageSums, forecast: PeakForecast, params: Params) -> Finding:
    load = loads[0]
    told = _told(load, forecast)
    if load.is_bound:
        told = told.replace(" busy; it is saturated at", " ever seen at once busy; it carries")
        told = f"{told} at least"
    return Finding(
        status=Status.PASS,
        n=sums.n_requests,
        message=f"{told[0].upper()}{told[1:]}.",
        value=load.busy.estimate,
        lo=load.busy.lo,
        hi=load.busy.hi,
        threshold=params.max_utilisation,
        unit="share",
    )


def _evidence(feature: Feature, day: date, stage: str) -> str:
    first = day - timedelta(days=HISTORY_DAYS - 1)
    return (
        "select day, hour, stage, n, max_parallel from summary__stage_hours "  # noqa: S608 - literals only
        f"where feature_id = {literal(feature.id)} "
        f"and stage in ({literal(REQUEST)}, {literal(stage)}) "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "order by n desc, day desc, hour, stage limit 200"
    )
