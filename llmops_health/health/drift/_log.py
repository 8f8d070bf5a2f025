"""The log of a feature as calls per day and hour, and its control chart. Nothing is judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl

from llmops_health.figures import ControlChart
from llmops_health.findings import Finding
from llmops_health.health.drift import _charts, _limits, _seasons
from llmops_health.health.drift._limits import Limits
from llmops_health.health.drift._seasons import Floats
from llmops_health.kernels.nulls import median

RECENT = 7
"""Days at the end of the log that are judged; those before are what is usual."""

REFERENCE_DAYS = 28
_TRIMMED_CHI2_MEAN = 0.6233  # of the lower nine tenths, 1 degree of freedom


@dataclass(frozen=True, slots=True)
class Log:
    """Calls per day and hour, shape (n_days, 24), calls per day, and the time of the last one."""

    day: date
    hours: Floats
    days: Floats
    last: datetime

    @classmethod
    def of(cls, hours: pl.DataFrame, day: date, n_days: int) -> Log | None:
        """Lay `summary__hours` out over `n_days` days; None where there was no call."""
        if not len(hours):
            return None
        kept = _seasons.is_production(hours["run_kind"])
        last = hours["last_started_at"].filter(kept).max()
        if not isinstance(last, datetime):
            return None
        index = _seasons.day_index(hours["day"].filter(kept), day, n_days)
        codes = hours["hour"].filter(kept).to_numpy().astype(np.int64)
        n = hours["n"].filter(kept).to_numpy()
        counts = _seasons.daily_sums(index, codes, n, (n_days, 24))
        return cls(day, counts, np.asarray(counts.sum(axis=1)), last)

    @property
    def first(self) -> int:
        """Place of the first day with calls."""
        return int(np.argmax(self.days > 0))

    @property
    def hours_stale(self) -> float:
        """Hours from the last call to the end of the judged day."""
        end = datetime.combine(self.day, time()) + timedelta(days=1)
        return (end - self.last).total_seconds() / 3600

    def same_weekday(self, place: int) -> Floats:
        """Return the calls of earlier weeks' same weekday, before the last 7 days."""
        days = np.arange(place - 7, self.first - 1, -7)
        return self.days[days[days < len(self.days) - RECENT]]

    def scatter(self) -> float:
        """Variance over mean of calls per day about the median of the weekday; at least 1.

        Calls come in sessions: a day without a call is as improbable as a day without a session.
        The largest tenth is left out, so that one busy day does not excuse every empty one.
        """
        scatter: list[float] = []
        for weekday in range(7):
            past = self.same_weekday(len(self.days) - 7 + weekday)
            usual = float(median(past)) if len(past) else 0.0
            scatter += ((past - usual) ** 2 / usual).tolist() if usual > 0 else []
        kept = np.sort(scatter)[: round(0.9 * len(scatter))]
        return max(1.0, float(kept.mean()) / _TRIMMED_CHI2_MEAN) if len(kept) else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the rows of each day: those with a null, or those that came late.

    `part` and `rows` have shape (n_days,); `words` say what the part is of.
    """

    words: str
    part: Floats
    rows: Floats


def calls_by_day(log: Log, found: Finding | None) -> ControlChart | None:
    """Draw up the calls of each day; a day without any is zero, not a gap."""
    n_days = len(log.days)
    place = np.arange(n_days)
    past = (place >= log.first) & (place < n_days - RECENT) & (log.days > 0)
    limits = _limits.count_limits(log.days, past, log.scatter(), np.ones(n_days))
    shown = Limits(
        np.where(place >= log.first, log.days, np.nan), limits.usual, limits.lo, limits.hi
    )
    calls, usual, lo, hi = (float(x[-1]) for x in (log.days, shown.usual, shown.lo, shown.hi))
    expected = f", {usual:,.0f} [{lo:,.0f}, {hi:,.0f}] are usual" if np.isfinite(usual) else ""
    told = f" {found.message}" if found else " None of the last 7 days is without calls."
    if not found and not (log.days[-RECENT:] > 0).all():
        told = ""
    return _charts.chart(
        shown,
        log.day,
        past,
        title="Calls logged per day",
        description=f"{calls:,.0f} calls on {log.day}{expected}.{told}",
        measure="calls logged",
        unit="",
        days=RECENT,
    )


def part_by_day(part: Part, found: Finding, day: date, days: int) -> ControlChart | None:
    """Draw up the share of a part of the rows of each day, as it was held against four weeks."""
    n_days = len(part.rows)
    place = np.arange(n_days)
    reference = (place < n_days - RECENT) & (place >= n_days - RECENT - REFERENCE_DAYS)
    limits = _limits.share_limits(part.part, part.rows, _seasons.is_weekend(day, n_days), reference)
    return _charts.chart(
        limits,
        day,
        reference,
        title=f"Share of calls per day: {part.words}",
        description=found.message,
        measure=part.words,
        unit="share",
        days=days,
        limit=found.threshold,
        limit_label="tolerated",
    )
