"""Uninstrumented time: requests spend much of their time where no span tells what happens.

Why it matters
    What is not measured is nobody's. A gap between spans is a wait, a retry, a cold start or a
    step that was never traced, and no other check of this mode can see into it.
How it is found
    The request less the union of its children: time in which none of them ran, as a share of the
    time of all requests of the last 7 days, with an interval from buckets of users. Spans that
    the request did not wait for explain nothing; what a clock put outside of its parent is cut
    off. WARN when the whole interval lies above `max_share` and the gap is at least `min_ms` per
    request. Where many requests have spans whose parent is missing, the gap may be theirs: then
    it says that spans are lost.
How to mend it
    Trace what comes first in the longest gaps: queueing, connection set-up, reading input,
    building the prompt. Where spans are lost, look at the exporter's queue and at sampling.
What it cannot see
    Gaps below a span of the request's own (its time is that stage's), work beside a traced step,
    and requests that are no trace at all. A request of a single span without a stage is one gap.
Source
    Sigelman et al. (2010), "Dapper", Google Technical Report; Jaeger's critical path.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import ControlChart, ControlDay
from llmops_health.findings import CheckParams, Finding, Status, not_enough_data
from llmops_health.health.stage_latency._stages import (
    REQUEST,
    StageSums,
    production,
    stage_table_sql,
    too_little,
    within,
)

HISTORY_DAYS = 28

_DAYS = 7


class Params(CheckParams):
    """Settings of this check."""

    max_share: float = Field(
        default=0.3, gt=0, lt=1, description="Tolerated share of the time: a third is the largest."
    )
    min_ms: float = Field(
        default=50.0, ge=0, description="Gap per request (ms) below which nobody notices."
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    max_width: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="Width of the interval (share) from which a window cannot tell.",
    )
    max_orphans: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="Share of requests with spans whose parent is missing: above, spans are lost.",
    )
    min_requests: int = Field(
        default=100, ge=20, description="Traced requests of a week, as for the other checks."
    )
    min_clusters: float = Field(
        default=8, ge=3, description="Users, as if all asked equally often, in a week."
    )


def check(
    feature: Feature, day: date, summary__stage_times: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding on the time that no span explains."""
    seen = production(summary__stage_times)
    sums = StageSums.of(within(seen, day, _DAYS))
    refusal = too_little(sums, seen, _DAYS, params.min_requests, params.min_clusters)
    if refusal is not None:
        yield refusal
        return
    n = sums.n_requests
    share = sums.share(sums.time(REQUEST, "exclusive"), params.level)
    if share is None:
        yield not_enough_data(n, f"Traced requests of {_DAYS} days are of too few users.")
        return
    gap_ms = sums.mean_ms(REQUEST, "exclusive")
    lo, hi = max(0.0, share.lo), min(1.0, share.hi)
    told = (
        f"No span explains {100 * share.estimate:.0f} % [{100 * lo:.0f}, {100 * hi:.0f}] of the "
        f"time of {n} traced requests in {_DAYS} days ({gap_ms:,.0f} ms each){_quality(sums)}"
    )
    is_long = gap_ms >= params.min_ms
    if is_long and hi > params.max_share >= lo and hi - lo > params.max_width:
        limit = f"{100 * params.max_share:.0f} % is the limit"
        yield not_enough_data(n, f"Cannot tell: {told[0].lower()}{told[1:]}; {limit}.")
        return
    found = is_long and lo > params.max_share
    yield Finding(
        status=Status.WARN if found else Status.PASS,
        n=n,
        message=f"{told}.",
        value=share.estimate,
        lo=lo,
        hi=hi,
        threshold=params.max_share,
        unit="share",
        action=_action(sums, params) if found else "",
        evidence_sql=stage_table_sql(feature, day, _DAYS) if found else "",
    )


def figure(
    feature: Feature,  # noqa: ARG001 - the table is its own
    day: date,
    summary__stage_times: pl.DataFrame,
    params: Params,
) -> ControlChart | None:
    """Show the share of the time that no span explains, day by day."""
    rows = within(production(summary__stage_times), day, HISTORY_DAYS)
    own = (pl.col("stage") == REQUEST) & pl.col("kind").is_in(["exclusive", "total"])
    by_day = rows.filter(own).group_by("day", "kind").agg(pl.col("sum_ms").sum())
    ms = {(one_day, kind): total for one_day, kind, total in by_day.iter_rows()}
    days = [day - timedelta(days=age) for age in range(HISTORY_DAYS - 1, -1, -1)]
    shown = tuple(ControlDay(day=one, value=_percent_of(ms, one)) for one in days)
    known = [one.value for one in shown if one.value is not None]
    if not known:
        return None
    return ControlChart(
        title="Time that no span explains",
        description=f"On the last traced day no span explained {known[-1]:.0f} % of the requests' "
        f"time; {100 * params.max_share:.0f} % is tolerated.",
        measure="Time that no span explains",
        unit="%",
        days=shown,
        judged_from=day - timedelta(days=_DAYS - 1),
        limit=100 * params.max_share,
        limit_label="tolerated",
    )


def _percent_of(ms: dict[tuple[date, str], float], day: date) -> float | None:
    total = ms.get((day, "total"), 0.0)
    return 100 * ms.get((day, "exclusive"), 0.0) / total if total > 0 else None


def _quality(sums: StageSums) -> str:
    words = {
        "orphan": "have spans whose parent is missing",
        "skewed": "have spans that a clock put outside of their parent",
        "async": "have spans that they did not wait for",
    }
    shares = {kind: sums.share_of_requests(kind) for kind in words}
    parts = [f"{100 * share:.0f} % {words[kind]}" for kind, share in shares.items() if share > 0.01]
    return f"; {', '.join(parts)}" if parts else ""


def _action(sums: StageSums, params: Params) -> str:
    if sums.share_of_requests("orphan") > params.max_orphans:
        return "Find out where spans are lost (exporter queue, sampling): the gap may be theirs."
    return "Add spans to what the request does between its steps, the longest gaps first."
