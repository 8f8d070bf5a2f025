"""What a picture shows, one class per kind: plain numbers, dates and words, nothing computed.

How a figure looks is `llmops_health.report.plots`; what goes into one is the checks' affair. A
value that is None or not finite is no evidence: it is shown as a gap, never as zero.

`description` is for those who do not see the picture: one or two sentences with the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from llmops_health.findings import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval; `lo` and `hi` are None where there is none."""

    value: float | None
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceGroup:
    """Labelled calls of like confidence; the band is what a calibrated model would show."""

    confidence: float
    accuracy: float
    n: int
    band_lo: float
    band_hi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityDiagram:
    """Observed accuracy against stated confidence, both 0 to 1, in groups by confidence."""

    title: str
    description: str
    groups: tuple[ConfidenceGroup, ...]
    band_level: float
    gate: float | None = None


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
class GatePoint:
    """What a gate accepts (`share`, 0 to 1) and how often that is wrong."""

    gate: float
    share: float
    error: float
    lo: float
    hi: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """Errors among accepted calls against the share accepted, from strict gates to loose ones.

    `in_force` and `to_set` are gates of `points`: the configured one, and the one to set.
    """

    title: str
    description: str
    points: tuple[GatePoint, ...]
    max_error: float
    in_force: GatePoint | None = None
    to_set: GatePoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicShare:
    """A cell of meaning: its share of traffic now and before, and the eval cases in it."""

    name: str
    share: float
    lo: float
    hi: float
    n_cases: int
    is_covered: bool
    share_before: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageByTopic:
    """Traffic per topic, largest first, and whether the eval set covers it.

    `covered` is the share of all traffic in covered topics; topics beyond those listed are in
    `rest`, whose share and cases are their sums.
    """

    title: str
    description: str
    topics: tuple[TopicShare, ...]
    covered: Estimate
    rest: TopicShare | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedEstimate:
    """An estimate about the days from `first` to `last`."""

    first: date
    last: date
    estimate: Estimate


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


Figure = ReliabilityDiagram | ControlChart | RiskCoverage | CoverageByTopic | TwoScores | Trend
"""Any figure; the name of its class is its `kind` in `health__figures`."""
