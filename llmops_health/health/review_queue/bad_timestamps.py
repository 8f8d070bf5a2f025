"""Bad timestamps: the times of reviews cannot be used to say how long anything took.

Why it matters
    Waits, backlogs and times per review are computed from four columns. A placeholder in one of
    them gives numbers that look like any others.
How it is found
    Reviews that came in `HISTORY_DAYS`, with what was known at the end of the day: one instant
    that more than `max_equal_pp` of the reviews share as completion or start, or one time per
    review that as many took to the microsecond (FAIL: constants are no times); the share whose
    times run backwards, and of decided ones without completed_at (WARN above `max_unusable_pp`);
    and Little's law: items in the system on average against arrivals times their stated time in
    it (WARN above `max_little_pp` where decided reviews lack a time).
How to mend it
    Log created_at when the item is queued, started_at when it is opened and completed_at when
    the decision is saved, in UTC and from one clock.
What it cannot see
    Clocks that are wrong by the same amount everywhere; items opened and left open over lunch.
Source
    Little (1961), Operations Research 9(3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.review_queue._flow import of_queue
from llmops_health.kernels.intervals import Interval, wilson_interval
from llmops_health.kernels.queueing import little_gap

HISTORY_DAYS = 28


class Params(CheckParams):
    """Settings of this check."""

    max_equal_pp: float = Field(
        default=50.0, gt=0, lt=100, description="Reviews that may share one instant (pp)."
    )
    max_unusable_pp: float = Field(
        default=5.0, ge=0, le=100, description="Tolerated reviews without a usable time (pp)."
    )
    max_little_pp: float = Field(
        default=10.0, gt=0, description="Tolerated distance from Little's law (%)."
    )
    level: float = Field(default=0.999, gt=0, lt=1, description="Coverage of the interval.")
    min_reviews: int = Field(default=20, ge=2, description="Decided reviews needed.")


@dataclass(frozen=True, slots=True)
class _Times:
    """Decided reviews, and those whose times are of no use."""

    n: int
    n_undated: int
    n_backwards: int
    equal: str
    n_equal: int
    little: float | None


def check(
    feature: Feature, day: date, core__reviews: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding on the times of the feature's reviews."""
    reviews = of_queue(feature, core__reviews)
    if reviews.is_empty():
        yield not_applicable(f"Nothing of this feature came for review in {HISTORY_DAYS} days.")
        return
    times = _times(reviews, day, params)
    if times.n < params.min_reviews:
        yield not_enough_data(
            times.n, f"{times.n} reviews are decided, {params.min_reviews} are needed."
        )
        return
    n_bad = times.n_undated + times.n_backwards
    share = wilson_interval(n_bad, times.n, level=params.level)
    unusable = Interval(100 * share.estimate, 100 * share.lo, 100 * share.hi)
    is_constant = bool(times.equal)
    is_unusable = unusable.lo > params.max_unusable_pp
    breaks = times.little is not None and 100 * times.little > params.max_little_pp
    breaks = breaks and times.n_undated > 0 and unusable.estimate > params.max_unusable_pp
    bad = is_constant or is_unusable or breaks
    message = (
        f"Of {times.n} decided reviews {times.n_undated} have no completed_at and "
        f"{times.n_backwards} have times that run backwards"
    )
    if is_constant:
        message += f"; {times.n_equal} share one value of {times.equal}"
    if times.little is not None:
        message += f"; Little's law is off by {100 * times.little:.0f} %"
    yield Finding(
        status=Status.FAIL if is_constant else Status.WARN if bad else Status.PASS,
        message=f"{message}.",
        n=times.n,
        value=100 * times.n_equal / times.n if is_constant else unusable.estimate,
        lo=None if is_constant else unusable.lo,
        hi=None if is_constant else unusable.hi,
        threshold=params.max_equal_pp if is_constant else params.max_unusable_pp,
        unit="pp",
        action="Log created_at, started_at and completed_at when each happens; until then waits "
        "and times per review are not computed."
        if bad
        else "",
        evidence_sql=_evidence(feature, day) if bad else "",
    )


def _times(reviews: pl.DataFrame, day: date, params: Params) -> _Times:
    end = datetime.combine(day + timedelta(days=1), time())
    came, began, done = (
        reviews[name].to_numpy() for name in ("created_at", "started_at", "completed_at")
    )
    # What is completed after the day is still open on it, decision and all.
    known = reviews["decision"].is_not_null().to_numpy() & ~(done >= np.datetime64(end))
    came, began, done = came[known], began[known], done[known]
    # A comparison with a time that is missing is false.
    backwards = (done < came) | (done < began)
    equal, n_equal = "", 0
    for name, times in (
        ("completed_at", done), ("started_at", began), ("completed_at - started_at", done - began)
    ):  # fmt: skip
        values = times[~np.isnat(times)]
        most = int(np.unique(values, return_counts=True)[1].max(initial=0))
        if len(values) >= params.min_reviews and most > params.max_equal_pp / 100 * len(values):
            equal, n_equal = name, most
            break
    n, n_undated = int(known.sum()), int(np.isnat(done).sum())
    return _Times(n, n_undated, int(backwards.sum()), equal, n_equal, _little(reviews, end))


def _little(reviews: pl.DataFrame, end: datetime) -> float | None:
    """Return how far the items in the system are from arrivals times stated time in it."""
    came = reviews["created_at"].min()
    if not isinstance(came, datetime) or came >= end:
        return None
    created, done = reviews["created_at"].to_numpy(), reviews["completed_at"].to_numpy()
    seen = created < np.datetime64(end)
    left = np.where(done < np.datetime64(end), done, np.datetime64(end))
    stay = np.trunc((left - created)[seen] / np.timedelta64(1, "s"))
    is_lost = reviews["decision"].is_not_null().to_numpy() & np.isnat(done)
    stated = stay[~is_lost[seen]]
    area, window = float(np.maximum(stay, 0).sum()), (end - came).total_seconds()
    if not area or not len(stated) or window <= 0:
        return None
    return little_gap(area / window, len(stay) / window, float(stated.mean()))


def _evidence(feature: Feature, day: date) -> str:
    first = day - timedelta(days=HISTORY_DAYS - 1)
    return (
        "select review_id, created_at, started_at, completed_at, decision "  # noqa: S608 - literals only
        f"from core__reviews where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "and decision is not null order by day desc, review_id limit 500"
    )
