"""Growing backlog: more comes for review than reviewers complete.

Why it matters
    A queue above its capacity never recovers by itself: waits grow without end, and what waits
    for a person is often what the model was least sure of.
How it is found
    Daily arrivals less completions over the last 7 and the last 14 days, whole weeks so that
    weekends cancel. In each window the day with the most arrivals and the day with the fewest
    completions count as usual, so that one burst or one day off is no trend. WARN when the
    interval of the growth lies above 0, the growth is at least `min_growth_pp` of the arrivals,
    and both held yesterday too. It never fails: whether a promise breaks is `sla_breach`.
How to mend it
    Raise the confidence gate only after its risk is known, route fewer items to people, or add
    reviewers: `sla_breach` says how many.
What it cannot see
    A queue that is full but stable, and items that came before the history of 84 days.
Source
    Fluid limit of a queue: Newell (1982), "Applications of Queueing Theory".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Forecast, ForecastDay
from llmops_health.findings import CheckParams, Finding, Status, not_applicable, not_enough_data
from llmops_health.health.review_queue import _flow
from llmops_health.kernels.queueing import Backlog

HISTORY_DAYS = _flow.HISTORY_DAYS

_SHOWN_DAYS = 28
_COMING_DAYS = 14


class Params(CheckParams):
    """Settings of this check."""

    min_growth_pp: float = Field(
        default=5.0, ge=0, le=100, description="Growth that matters (pp of the arrivals)."
    )
    level: float = Field(
        default=0.9,
        gt=0,
        lt=1,
        description="Coverage of the interval, whose error is too wide for a queue at rest.",
    )
    min_days: int = Field(default=29, ge=29, description="Days since the first review: 4 weeks.")
    min_arrivals: int = Field(default=70, ge=1, description="Reviews that came in 14 days.")


def check(
    feature: Feature, day: date, summary__review_events: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding on the feature's queue."""
    events = _flow.of_queue(feature, summary__review_events)
    if why := _flow.refusal(events):
        yield not_enough_data(int(events["n"].sum()), f"Times cannot be used: {why}.")
        return
    flow = _flow.flow(events, day)
    if flow is None:
        yield not_applicable("Nothing of this feature came for review.")
        return
    n = int(flow.arrivals[-14:].sum())
    if flow.n_days < params.min_days or n < params.min_arrivals:
        yield not_enough_data(
            n,
            f"{n} reviews came in 14 days, {flow.n_days} days after the first; "
            f"{params.min_arrivals} reviews and {params.min_days} days are needed.",
        )
        return
    today, before = (flow.growth(level=params.level, back=back) for back in (0, 1))
    grows = all(
        one.lo > 0 and 100 * one.drift >= params.min_growth_pp * one.arrivals
        for one in (today, before)
    )
    yield Finding(
        status=Status.WARN if grows else Status.PASS,
        message=f"{today.arrivals:.1f} reviews a day came and {today.completions:.1f} were "
        f"completed over {today.n_days} days, leaving out one burst and one day off: the backlog "
        f"of {flow.backlog[-1]:.0f} changes by {today.drift:+.1f} [{today.lo:.1f}, {today.hi:.1f}] "
        "a day.",
        n=n,
        value=today.drift,
        lo=today.lo,
        hi=today.hi,
        threshold=params.min_growth_pp / 100 * today.arrivals,
        unit="reviews/day",
        p_value=today.p_value,
        action="Send fewer items to people or add reviewers until completions exceed arrivals; "
        "sla_breach says how many are needed."
        if grows
        else "",
        evidence_sql=_flow.evidence(feature, day) if grows else "",
    )


def figure(
    feature: Feature, day: date, summary__review_events: pl.DataFrame, params: Params
) -> Forecast | None:
    """Return the backlog so far and what it may become."""
    events = _flow.of_queue(feature, summary__review_events)
    flow = None if _flow.refusal(events) else _flow.flow(events, day)
    if flow is None or flow.n_days < params.min_days:
        return None
    growth = flow.growth(level=params.level)
    backlog = Backlog(float(flow.backlog[-1]), growth.drift, growth.variance)
    return Forecast(
        title="Reviews that wait",
        description=f"{flow.backlog[-1]:.0f} reviews are open and the backlog changes by "
        f"{growth.drift:+.1f} [{growth.lo:.1f}, {growth.hi:.1f}] a day.",
        measure="open reviews",
        seen=seen(flow),
        coming=coming(backlog, day),
    )


def seen(flow: _flow.Flow) -> tuple[tuple[date, float], ...]:
    """Return the backlog at the end of each of the last days."""
    ends = flow.backlog[-_SHOWN_DAYS:]
    first = flow.day - timedelta(days=len(ends) - 1)
    return tuple((first + timedelta(days=i), float(max(n, 0.0))) for i, n in enumerate(ends))


def coming(backlog: Backlog, day: date) -> tuple[ForecastDay, ...]:
    """Return what the backlog is expected to be on the days to come."""
    return tuple(
        ForecastDay(
            day=day + timedelta(days=i),
            expected=backlog.expected(i),
            narrow=backlog.between(i, 0.5),
            wide=backlog.between(i, 0.9),
        )
        for i in range(1, _COMING_DAYS + 1)
    )
