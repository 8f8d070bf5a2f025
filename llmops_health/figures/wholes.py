"""What a whole, or the change of one, is made of."""

from __future__ import annotations

from dataclasses import dataclass

from llmops_health.figures.estimates import Estimate


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
class Part:
    """A part of a whole, 0 to 1 of it; `is_chosen` marks what the check is about."""

    label: str
    share: Estimate
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """How a whole (`whole` names it) divides among parts, in the order to show."""

    title: str
    description: str
    whole: str
    parts: tuple[Part, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallStep:
    """One signed contribution to a change."""

    label: str
    change: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """From one level to another by steps that add up."""

    title: str
    description: str
    measure: str
    unit: str
    start_label: str
    start: float
    steps: tuple[WaterfallStep, ...]
    end_label: str
    end: float
