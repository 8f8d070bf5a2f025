"""SLA breach: reviews wait longer than was promised, or soon will.

Why it matters
    What waits for a person is a customer's case. A breach is known days before it happens: the
    backlog that makes it can be seen growing.
How it is found
    The share of the reviews of the last 7 days that wait beyond `review.sla_hours`, by
    Kaplan-Meier with those still open: a mean over completed ones leaves out the worst. FAIL when
    its whole interval lies above `max_late_pp`. Else, where the backlog surely grows (as in
    `growing_backlog`, so that load may be 1 or more and no stationary wait exists), the day on
    which backlog over completions passes the SLA, by fluid and diffusion: FAIL when that is
    likely within `lead_days`. Where load is surely below 1, Erlang C with the Allen-Cunneen
    correction gives the wait, and in either case the reviewers needed, WARN when more than
    there are. Times per review come from started_at to completed_at.
How to mend it
    Add the reviewers named, or send fewer items to people, before the day named.
What it cannot see
    Working hours: hours of the SLA run day and night, as the configuration has them. Breaks
    between reviews count as `hours_per_day` says, not as they were. due_at of single reviews.
Source
    Kaplan and Meier (1958), JASA 53; Allen (1990) on Allen-Cunneen; Folks and Chhikara (1978),
    J. R. Statist. Soc. B 40(3), for the time of passage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Forecast
from llmops_health.findings import CheckParams, Finding, Status, not_applicable, not_enough_data
from llmops_health.health.review_queue import _flow
from llmops_health.health.review_queue.growing_backlog import coming, seen
from llmops_health.kernels.intervals import Interval
from llmops_health.kernels.net_flow import NetFlow
from llmops_health.kernels.queueing import Backlog, erlang_c, servers_needed
from llmops_health.kernels.survival import SurvivalCurve, kaplan_meier

HISTORY_DAYS = _flow.HISTORY_DAYS

_WINDOW_DAYS = 7
_MIN_FOR_GROWTH = 29
_MIN_DWELLS = 50


class Params(CheckParams):
    """Settings of this check."""

    max_late_pp: float = Field(
        default=5.0, ge=0, le=100, description="Tolerated reviews beyond the SLA (pp)."
    )
    level: float = Field(
        default=0.999, gt=0, lt=1, description="Coverage of intervals: judged every day."
    )
    growth_level: float = Field(
        default=0.9, gt=0, lt=1, description="Coverage of the growth, which must hold twice."
    )
    min_reviews: int = Field(default=30, ge=2, description="Reviews that came in 7 days.")
    lead_days: int = Field(default=5, ge=1, description="Days that adding reviewers takes.")
    min_p_breach: float = Field(
        default=0.5, gt=0, lt=1, description="Chance of a breach in that time that is too high."
    )
    hours_per_day: float = Field(
        default=6.0, gt=0, le=24, description="Hours that a reviewer reviews on a mean day."
    )


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The backlog as a fluid, the count at which the SLA breaks, and when (days from now)."""

    backlog: Backlog
    limit: float
    p_breach: float
    dates: tuple[date | None, date | None, date | None]


def check(
    feature: Feature,
    day: date,
    summary__review_events: pl.DataFrame,
    summary__review_work: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the feature's queue."""
    sla_h = feature.review.sla_hours if feature.review else None
    if sla_h is None:
        yield not_applicable("No review.sla_hours is configured for this feature.")
        return
    events = _flow.of_queue(feature, summary__review_events)
    if why := _flow.refusal(events):
        yield not_enough_data(int(events["n"].sum()), f"Times cannot be used: {why}.")
        return
    flow = _flow.flow(events, day)
    n = 0 if flow is None else int(flow.arrivals[-_WINDOW_DAYS:].sum())
    if flow is None or n < params.min_reviews:
        yield not_enough_data(
            n, f"{n} reviews came in {_WINDOW_DAYS} days, {params.min_reviews} are needed."
        )
        return
    curve = _waits(flow, params.level)
    beyond = _beyond(curve, sla_h)
    late, lo, hi = (100 * part for part in (beyond.estimate, beyond.lo, beyond.hi))
    growth = _growth(flow, params)
    ahead = None if growth is None else _ahead(flow, growth, sla_h, params)
    is_late = lo > params.max_late_pp
    will_be = ahead is not None and ahead.p_breach > params.min_p_breach
    needed, staffing = _staffing(feature, flow, growth, summary__review_work, sla_h, params)
    have = feature.review.reviewers if feature.review else None
    is_short = needed is not None and have is not None and needed > have
    bad = is_late or will_be
    message = (
        f"{late:.1f} % [{lo:.1f}, {hi:.1f}] of the reviews of {_WINDOW_DAYS} days wait beyond "
        f"{sla_h:g} h, with {flow.n_open.sum():.0f} still open"
    )
    if ahead is not None:
        message += _when(ahead, params)
    yield Finding(
        status=Status.FAIL if bad else Status.WARN if is_short else Status.PASS,
        message=f"{message}{staffing}.",
        n=n,
        value=late,
        lo=lo,
        hi=hi,
        threshold=params.max_late_pp,
        unit="pp",
        action=_action(needed, have) if bad or is_short else "",
        evidence_sql=_flow.evidence(feature, day) if bad or is_short else "",
    )


def figure(
    feature: Feature,
    day: date,
    summary__review_events: pl.DataFrame,
    summary__review_work: pl.DataFrame,  # noqa: ARG001 - the same parameters as check
    params: Params,
) -> Forecast | None:
    """Return the backlog so far, what it may become, and the count at which the SLA breaks."""
    sla_h = feature.review.sla_hours if feature.review else None
    events = _flow.of_queue(feature, summary__review_events)
    flow = None if _flow.refusal(events) else _flow.flow(events, day)
    if sla_h is None or flow is None or flow.n_days < _MIN_FOR_GROWTH:
        return None
    growth = flow.growth(level=params.growth_level)
    ahead = _growing(flow, growth, sla_h, params)
    return Forecast(
        title="Reviews that wait, and the most that can be done in time",
        description=f"{flow.backlog[-1]:.0f} reviews are open; {ahead.limit:.0f} are the most that "
        f"can be completed within {sla_h:g} h.",
        measure="open reviews",
        seen=seen(flow),
        coming=coming(ahead.backlog, day),
        limit=ahead.limit,
        limit_label=f"{sla_h:g} h of work",
        breach=ahead.dates if growth.lo > 0 else None,
    )


def _waits(flow: _flow.Flow, level: float) -> SurvivalCurve:
    """Return how long the reviews that came in the last days wait, open ones included."""
    done, still = (when <= 24 * _WINDOW_DAYS for when in (flow.came_h_ago, flow.open_h))
    waits = np.concatenate([flow.wait_h[done], flow.open_h[still]])
    ended = np.repeat([True, False], [int(done.sum()), int(still.sum())])
    counts = np.concatenate([flow.n_waited[done], flow.n_open[still]])
    return kaplan_meier(waits, ended, counts=counts, level=level)


def _beyond(curve: SurvivalCurve, sla_h: float) -> Interval:
    """Return the share that waits beyond the SLA; where none has yet, at most an upper limit."""
    at = curve.at(sla_h)
    return at if curve.last >= sla_h else Interval(0.0, 0.0, at.hi)


def _growth(flow: _flow.Flow, params: Params) -> NetFlow | None:
    """Return the growth of the backlog where it is sure, today and yesterday."""
    if flow.n_days < _MIN_FOR_GROWTH:
        return None
    both = [flow.growth(level=params.growth_level, back=back) for back in (0, 1)]
    return both[0] if all(one.lo > 0 for one in both) else None


def _ahead(flow: _flow.Flow, growth: NetFlow, sla_h: float, params: Params) -> _Ahead | None:
    return _growing(flow, growth, sla_h, params) if growth.completions > 0 else None


def _growing(flow: _flow.Flow, growth: NetFlow, sla_h: float, params: Params) -> _Ahead:
    now = max(float(flow.backlog[-1]), 0.0)
    limit = growth.completions * sla_h / 24
    likely, soonest, latest = (
        Backlog(now, drift, growth.variance) for drift in (growth.drift, growth.hi, growth.lo)
    )
    times = (likely.passage(limit, 0.5), soonest.passage(limit, 0.05), latest.passage(limit, 0.95))
    middle, first, last = (
        None if when is None else flow.day + timedelta(days=int(np.ceil(when))) for when in times
    )
    return _Ahead(likely, limit, likely.p_passed(limit, params.lead_days), (middle, first, last))


def _when(ahead: _Ahead, params: Params) -> str:
    grows = f"; the backlog grows by {ahead.backlog.drift:.1f} a day"
    most = f"the {ahead.limit:.0f} that can be done in time"
    if ahead.backlog.now >= ahead.limit:
        return f"{grows} and is above {most}"
    middle, first, last = ("later than a year" if d is None else str(d) for d in ahead.dates)
    return (
        f"{grows} and passes {most} on {middle} [{first}, {last}], with chance "
        f"{ahead.p_breach:.2f} within {params.lead_days} days"
    )


def _staffing(
    feature: Feature,
    flow: _flow.Flow,
    growth: NetFlow | None,
    work: pl.DataFrame,
    sla_h: float,
    params: Params,
) -> tuple[int | None, str]:
    """Return the reviewers needed, and in words what the queue would be at rest."""
    recent = _flow.since(_flow.of_queue(feature, work), flow.day - timedelta(days=27))
    is_timed = recent["dwell_bin"] >= -100_000
    n, total, squares = (
        float(recent[name].filter(is_timed).sum()) for name in ("n", "sum_dwell_s", "sum_dwell_sq")
    )
    if n < _MIN_DWELLS or total <= 0:
        return None, ""
    mean = total / n
    spread = max(squares / n / mean**2 - 1, 0.0)
    per_day = 3600 * params.hours_per_day / mean
    came = flow.arrivals[-28:]
    arrivals = float(came.mean())
    gaps = flow.growth(level=params.growth_level).dispersion if flow.n_days >= 29 else 1.0
    needed = servers_needed(
        arrivals, per_day, within=sla_h / 24, max_late=max(params.max_late_pp, 0.1) / 100,
        arrival_cv2=gaps, service_cv2=spread,
    )  # fmt: skip
    words = f"; {needed} reviewers are needed at {mean / 60:.1f} min a review"
    have = feature.review.reviewers if feature.review else None
    if growth is not None or not have:
        return needed, words
    # An upper limit: three standard errors of the counts and of the time per review.
    error = np.sqrt(gaps / max(came.sum(), 1.0) + spread / n)
    load = arrivals / per_day / have
    if load * (1 + 3 * error) >= 1:
        return needed, f"{words}, load {load:.2f} may be 1 or more"
    wait = erlang_c(arrivals, per_day, have, arrival_cv2=gaps, service_cv2=spread)
    return needed, f"{words}, at load {load:.2f} the mean wait is {24 * wait.mean_wait:.2f} h"


def _action(needed: int | None, have: int | None) -> str:
    if needed is None or (have is not None and needed <= have):
        return "Send fewer items to people or add reviewers, and start with the oldest open ones."
    return f"Bring the reviewers from {have or 'those there are'} to {needed}, or send fewer items."
