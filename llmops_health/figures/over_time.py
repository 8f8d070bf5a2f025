"""One measure or count day by day: what was, what was usual, what may come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from llmops_health.figures.estimates import DatedEstimate, Estimate
from llmops_health.findings import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlDay:
    """A day's value, the season's limits for that day, and what a move must exceed to be seen.

    The limits are where nearly all earlier days of the same type (weekday or weekend) lie;
    `visible_lo` and `visible_hi` bound the values that the check could not tell from the usual.
    """

    day: date
    value: float | None
    usual: float | None = None
    usual_lo: float | None = None
    usual_hi: float | None = None
    visible_lo: float | None = None
    visible_hi: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """One measure per day against what its own past leads to expect.

    `judged_from` is the first day of the judged window, which ends with the last of `days`;
    `reference` holds the first and the last day that it is compared with.
    """

    title: str
    description: str
    measure: str
    unit: str
    days: tuple[ControlDay, ...]
    judged_from: date
    reference: tuple[date, date] | None = None
    limit: float | None = None
    limit_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoScores:
    """Eval score and satisfaction on one scale (0 to 1) and one axis of time.

    `before` and `after` are the first and last days of the windows whose means are compared;
    `widened` is by how much the gap between the two changed, in percentage points.
    """

    title: str
    description: str
    evals: tuple[DatedEstimate, ...]
    satisfaction: tuple[DatedEstimate, ...]
    before: tuple[date, date] | None = None
    after: tuple[date, date] | None = None
    widened: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendDay:
    """A finding of one day, as far as a trend needs it."""

    day: date
    status: Status
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The value of one check's findings day by day; days without a finding may be left out."""

    title: str
    description: str
    unit: str
    days: tuple[TrendDay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastDay:
    """What a count is expected to be on a day to come, with a narrow and a wide range."""

    day: date
    expected: float
    narrow: tuple[float, float]
    wide: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A count up to now and what it may become, against the limit it must stay below.

    `breach` is when it is expected to pass the limit, with the first and last day of the interval;
    None in it: not within the days shown.
    """

    title: str
    description: str
    measure: str
    seen: tuple[tuple[date, float], ...]
    coming: tuple[ForecastDay, ...]
    limit: float | None = None
    limit_label: str = ""
    breach: tuple[date | None, date | None, date | None] | None = None
