"""Review queues of the demo world: what came to people, when they got to it, and what they said.

Two queues, each first come first served in working hours. Items are calls below the gate of
confidence; some carry seeded truth, and some are decided by a second person as well.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import DESIGN_DAYS, Calendar

HOUR = 3600.0
DAY = 24 * HOUR
SHIFT_HOURS = 9.0
GOLD_SHARE = 0.3
TWICE_SHARE = 0.1
SLIP_SHARE = 0.03
ARRIVAL_SECONDS = 40.0
PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person: median seconds per review, errors caught, and the days of the design worked."""

    name: str
    seconds: float
    catch: float
    starts_at: float = 8.0
    first_day: int = 1
    last_day: int = DESIGN_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue while all is well: which calls come, who reviews, and how much they could do.

    Attributes
    ----------
    share
        Of the production calls, those that come for review: all below `gate` first, and a sample
        of the others.
    capacity
        Reviews that the team could do on a weekday, over those that come on a mean day.
    weekend
        Capacity of a day at the weekend over that of a weekday.
    """

    feature_id: str
    queue_id: str
    prefix: str
    gate: float
    share: float
    sla_hours: int
    capacity: float
    weekend: float
    reviewers: tuple[Reviewer, ...]


QUEUES = (
    Queue(
        feature_id=faults.SUPPORT_INTENTS,
        queue_id="intents",
        prefix="sup",
        gate=0.8,
        share=0.165,
        sla_hours=24,
        capacity=1.6,
        weekend=0.75,
        reviewers=(
            Reviewer("ana@example.com", 1_000, 0.90),
            Reviewer("ben@example.com", 1_200, 0.88, 7.5, last_day=faults.SHORT_STAFF_DAY - 1),
            Reviewer("cleo@example.com", 900, 0.90, 9.0, last_day=faults.SHORT_STAFF_DAY - 1),
            Reviewer("dev@example.com", 1_100, 0.88, last_day=faults.STAMPING_DAY - 1),
            Reviewer(
                "eli@example.com",
                faults.STAMPING_SECONDS,
                faults.STAMPING_CATCH,
                first_day=faults.STAMPING_DAY,
            ),
        ),
    ),
    Queue(
        feature_id=faults.INVOICE_FIELDS,
        queue_id="documents",
        prefix="inv",
        gate=0.9,
        share=0.3,
        sla_hours=72,
        capacity=2.6,
        weekend=0.0,
        reviewers=(
            Reviewer("finn@example.com", 180, 0.92),
            Reviewer("gina@example.com", 150, 0.92, 7.0),
            # Knows the documents by heart: fast, and as often right as the others.
            Reviewer("hugo@example.com", 6.0, 0.94, 9.0),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class _Slot:
    """Time of a reviewer for one review, in seconds since the first midnight."""

    start: float
    end: float
    reviewer: int


@dataclass(slots=True)
class _Task:
    """What waits: the row of its item, since when, and who must not decide it again."""

    item: int
    came: float
    not_by: int = -1
    slot: _Slot | None = None


def make_reviews(
    queue: Queue, calls: pl.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> pl.DataFrame:
    """Return the reviews of a queue as they stand at the end of the last day."""
    items = _items(queue, calls, rng)
    midnight = datetime.combine(calendar.first_day, time())
    came = (items["started_at"] - midnight).dt.total_microseconds().to_numpy() / 1e6
    came = came + rng.exponential(ARRIVAL_SECONDS, came.size)
    slots = _slots(queue, items.height / calendar.days, calendar, rng)
    twice = rng.random(items.height) < TWICE_SHARE
    tasks = sorted(
        _worked(came, twice, slots, calendar.days * DAY), key=lambda one: (one.came, one.item)
    )
    return _rows(queue, items, tasks, midnight, rng)


def _items(queue: Queue, calls: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    prod = calls.filter((pl.col("run_kind") == "prod") & pl.col("predicted_label").is_not_null())
    is_sure = (prod["confidence"] >= queue.gate).to_numpy()
    # Of each day the same share, those below the gate before the others.
    place = pl.Series(is_sure + rng.random(prod.height)).rank("ordinal")
    return (
        prod.with_columns(_place=place)
        .filter(
            pl.col("_place").rank("ordinal").over("_day") <= queue.share * pl.len().over("_day")
        )
        .drop("_place")
    )


def _slots(
    queue: Queue, per_day: float, calendar: Calendar, rng: np.random.Generator
) -> list[_Slot]:
    """Return what the team has time for, in the order of time."""
    short_from = calendar.index(faults.SHORT_STAFF_DAY)
    found: list[_Slot] = []
    for day in range(calendar.days):
        working = [
            (at, one)
            for at, one in enumerate(queue.reviewers)
            if calendar.index(one.first_day) <= day <= calendar.index(one.last_day)
        ]
        is_weekend = calendar.date_of(day).weekday() >= 5
        capacity = queue.capacity * (queue.weekend if is_weekend else 1.0)
        if queue.feature_id == faults.SUPPORT_INTENTS and day >= short_from:
            capacity = faults.SHORT_STAFF_CAPACITY
        mean = capacity * per_day / max(len(working), 1)
        for at, one in working:
            # Where there is a team there is at least some work done each day.
            n = max(int(rng.poisson(mean)), 1) if mean else 0
            found += _shift(at, one, day, n, rng)
    return sorted(found, key=lambda slot: (slot.start, slot.reviewer))


def _shift(
    at: int, reviewer: Reviewer, day: int, n: int, rng: np.random.Generator
) -> Iterator[_Slot]:
    if not n:
        return
    every = SHIFT_HOURS * HOUR / n
    begins = day * DAY + reviewer.starts_at * HOUR + every * (np.arange(n) + 0.25 * rng.random(n))
    dwell = reviewer.seconds * rng.lognormal(0, 0.35, n)
    ends = begins + np.minimum(dwell, 0.75 * every - PAUSE_SECONDS)
    for start, end in zip(begins.tolist(), ends.tolist(), strict=True):
        yield _Slot(start, end, at)


def _worked(
    came: np.ndarray[tuple[int], np.dtype[np.float64]],
    twice: np.ndarray[tuple[int], np.dtype[np.bool_]],
    slots: list[_Slot],
    end: float,
) -> list[_Task]:
    """Give each slot the oldest task that waits for it; return all that came by the end."""
    coming = [(when, item, -1) for item, when in enumerate(came.tolist()) if when < end]
    heapq.heapify(coming)
    waiting: deque[_Task] = deque()
    tasks: list[_Task] = []
    for slot in slots:
        while coming and coming[0][0] <= slot.start:
            when, item, first = heapq.heappop(coming)
            tasks.append(_Task(item, when, first))
            waiting.append(tasks[-1])
        task = next((one for one in waiting if one.not_by != slot.reviewer), None)
        if task is None:
            continue
        waiting.remove(task)
        task.slot = slot
        if twice[task.item] and task.not_by < 0:
            heapq.heappush(coming, (slot.end, task.item, slot.reviewer))
    return tasks + [_Task(item, when, first) for when, item, first in coming if when < end]


def _rows(
    queue: Queue,
    items: pl.DataFrame,
    tasks: list[_Task],
    midnight: datetime,
    rng: np.random.Generator,
) -> pl.DataFrame:
    n = len(tasks)
    of = items[[task.item for task in tasks]]
    truth, suggested = of["_true_label"], of["predicted_label"]
    done = [task.slot for task in tasks]
    who = np.array([0 if slot is None else slot.reviewer for slot in done], dtype=np.int64)
    catch = np.array([one.catch for one in queue.reviewers])[who]
    # Truth is seeded per item: it does not hang on who came to decide.
    gold = rng.random(items.height)[[task.item for task in tasks]] < GOLD_SHARE
    names = pl.Series(sorted(set(items["_true_label"].drop_nulls())), dtype=pl.String)
    other = names.gather(rng.integers(0, max(len(names), 1), n)) if len(names) else truth
    is_wrong = (truth != suggested).to_numpy()
    luck = rng.random(n)
    decided = np.where(is_wrong, luck < catch, luck >= SLIP_SHARE * (catch > 0.5))
    is_done = pl.Series([slot is not None for slot in done], dtype=pl.Boolean)
    wait = rng.uniform(5, 300, n)
    came = np.array([task.came for task in tasks])
    start = np.array([np.nan if slot is None else slot.start for slot in done])
    end = np.array([np.nan if slot is None else slot.end for slot in done])
    reviewer = pl.Series([one.name for one in queue.reviewers]).gather(who)
    number = pl.int_range(n, eager=True).cast(pl.String).str.zfill(5)
    return pl.DataFrame(
        {
            "review_id": f"{queue.prefix}-rev-" + number,
            "task_id": pl.Series(
                [f"{queue.prefix}-task-{task.item:05d}" for task in tasks], dtype=pl.String
            ),
            "feature_id": [queue.feature_id] * n,
            "queue_id": [queue.queue_id] * n,
            "call_id": of["call_id"],
            "created_at": _times(came, midnight),
            "assigned_at": _times(np.maximum(came, start - wait), midnight),
            "started_at": _times(start, midnight),
            "completed_at": _times(end, midnight),
            "due_at": _times(came + queue.sla_hours * HOUR, midnight),
            "reviewer_id": reviewer,
            "decision": suggested,
            "suggested_decision": suggested,
            "gold_decision": truth,
            "priority": of["confidence"],
        }
    ).with_columns(
        reviewer_id=pl.when(is_done).then("reviewer_id"),
        decision=pl.when(is_done)
        .then(
            pl.when(pl.Series(decided))
            .then("gold_decision")
            .when(pl.Series(is_wrong))
            .then("suggested_decision")
            .otherwise(other)
        ),
        gold_decision=pl.when(pl.Series(gold)).then("gold_decision"),
        priority=pl.when(pl.col("priority") < 0.5).then(pl.lit("high")).otherwise(pl.lit("normal")),
    )  # fmt: skip


def _times(seconds: np.ndarray[tuple[int], np.dtype[np.float64]], midnight: datetime) -> pl.Series:
    """Return moments to the millisecond, null where there is none."""
    known = np.isfinite(seconds)
    whole = np.rint(1000 * np.where(known, seconds, 0)).astype(np.int64)
    since = pl.Series(whole).cast(pl.Duration("ms"))
    moments = pl.select(pl.lit(midnight, dtype=pl.Datetime("us")) + since).to_series()
    return pl.select(pl.when(pl.Series(known)).then(moments)).to_series()
