"""What came, left and is still open at the end of a day, from the events up to that day.

Times that cannot be used are refused here, for every check that computes from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import literal
from llmops_health.health.drift._seasons import is_weekend
from llmops_health.kernels.histograms import ZERO_BIN, bin_value
from llmops_health.kernels.net_flow import NetFlow, net_flow

Floats = npt.NDArray[np.float64]
HISTORY_DAYS = 84

_MAX_SHARE_EQUAL = 0.5
_MAX_SHARE_UNUSABLE = 0.05
_MIN_TO_REFUSE = 20


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Daily counts, oldest day first, and the items of the window as waits in hours."""

    day: date
    arrivals: Floats
    completions: Floats
    backlog: Floats
    is_weekend: npt.NDArray[np.bool_]
    wait_h: Floats
    n_waited: Floats
    came_h_ago: Floats
    open_h: Floats
    n_open: Floats

    @property
    def n_days(self) -> int:
        """Days of history since the first review."""
        return len(self.arrivals)

    def growth(self, *, level: float, back: int = 0) -> NetFlow:
        """Return by how much the backlog grows, as of some days ago."""
        stop = self.n_days - back
        return net_flow(
            self.arrivals[:stop], self.completions[:stop], self.is_weekend[:stop], level=level
        )


def of_queue(feature: Feature, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the feature's configured queue, or of all its queues."""
    queue = feature.review.queue if feature.review else None
    if queue is None:
        return rows
    is_of = rows["queue_id"] == queue
    return rows if is_of.all(ignore_nulls=False) else rows.filter(is_of)


def since(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the rows of a day and later, of rows in the order of their days."""
    return rows.tail(int((rows["day"] >= day).sum()))


def refusal(events: pl.DataFrame) -> str:
    """Return why times cannot be used, or nothing where they can."""
    event, n = events["event"], events["n"]
    is_done = event == "completed"
    n_done = int(n.filter(is_done).sum())
    n_bad = int(n.filter((event == "undated") | (event == "negative")).sum())
    if n_bad and n_bad > _MAX_SHARE_UNUSABLE * (n_done + n_bad):
        return (
            f"{n_bad} of {n_done + n_bad} decided reviews have no time of completion or one before "
            "they came"
        )
    if n_done >= _MIN_TO_REFUSE:
        _, place = np.unique(events["wait_bin"].filter(is_done).to_numpy(), return_inverse=True)
        most = int(np.bincount(place, n.filter(is_done).to_numpy()).max())
        if most > _MAX_SHARE_EQUAL * n_done:
            return f"{most} of {n_done} reviews waited equally long within 2 %"
    return ""


def flow(events: pl.DataFrame, day: date) -> Flow | None:
    """Return what the events up to the end of `day` add up to; None where there are none."""
    if events.is_empty():
        return None
    end = datetime.combine(day + timedelta(days=1), time())
    oldest = events["day"].min()
    first = day - timedelta(days=HISTORY_DAYS - 1)
    if isinstance(oldest, date):
        first = max(first, oldest)
    begin = datetime.combine(first, time())
    created, days = events["created_hour"], events["day"]
    known = (created >= begin) & (created < end) & (days >= first)
    if not known.any():
        return None
    n_days = (end - begin).days
    at = (days.filter(known).to_numpy() - np.datetime64(first, "D")).astype(np.int64)
    n = events["n"].filter(known).to_numpy().astype(np.float64)
    event = events["event"].filter(known)
    came = (event == "created").to_numpy()
    left = ~came
    arrivals = _sums(at[came], n[came], n_days)
    completions = _sums(at[left], n[left], n_days)
    hour = (created.filter(known).to_numpy() - np.datetime64(begin)) // np.timedelta64(1, "h")
    still = np.maximum(_sums(hour, np.where(came, n, -n), 24 * n_days), 0.0)
    hours = np.flatnonzero(still)
    waited = (event == "completed").to_numpy()
    bins = events["wait_bin"].filter(known).fill_null(ZERO_BIN).to_numpy()
    seconds = bin_value(bins[waited])
    return Flow(
        day=day,
        arrivals=arrivals,
        completions=completions,
        backlog=np.cumsum(arrivals - completions),
        is_weekend=is_weekend(day, n_days),
        wait_h=seconds / 3600,
        n_waited=n[waited],
        came_h_ago=24.0 * n_days - hour[waited],
        # Items of an hour came in the middle of it, on average.
        open_h=np.asarray(24.0 * n_days - hours - 0.5, dtype=np.float64),
        n_open=still[hours],
    )


def _sums(place: npt.NDArray[np.int64], n: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(place, weights=n, minlength=size), dtype=np.float64)


def evidence(feature: Feature, day: date, n_days: int = 28) -> str:
    """Return a query that shows arrivals, completions and the backlog's change by day."""
    queue = feature.review.queue if feature.review else None
    only = f"and queue_id = {literal(queue)} " if queue is not None else ""
    return (
        "select day, sum(case when event = 'created' then n else 0 end)::bigint as n_came, "  # noqa: S608 - literals only
        "sum(case when event <> 'created' then n else 0 end)::bigint as n_left "
        f"from summary__review_events where feature_id = {literal(feature.id)} {only}"
        f"and day between {literal(day - timedelta(days=n_days - 1))}::date "
        f"and {literal(day)}::date group by day order by day desc limit 500"
    )
