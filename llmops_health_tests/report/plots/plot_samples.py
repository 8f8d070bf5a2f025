"""Figures of every kind, of any size, for tests of their drawing."""

from __future__ import annotations

from datetime import date, timedelta

from llmops_health.figures import (
    ConfidenceGroup,
    ControlChart,
    ControlDay,
    CoverageByTopic,
    DatedEstimate,
    Estimate,
    GatePoint,
    ReliabilityDiagram,
    RiskCoverage,
    TopicShare,
    Trend,
    TrendDay,
    TwoScores,
)
from llmops_health.findings import Status

LAST = date(2026, 10, 31)


def days(n: int) -> list[date]:
    return [LAST - timedelta(days=n - 1 - at) for at in range(n)]


def trend(n: int = 56, value: float | None = 0.3) -> Trend:
    kinds = list(Status)
    return Trend(
        title="Overconfidence, day by day",
        description="It rose.",
        unit="probability",
        days=tuple(
            TrendDay(
                day=day,
                status=kinds[at % len(kinds)],
                value=value if value is None else value + 0.01 * (at % 5),
                lo=None if value is None else value - 0.1,
                hi=None if value is None else value + 0.2,
                threshold=0.05,
            )
            for at, day in enumerate(days(n))
        ),
    )


def reliability(n: int = 13) -> ReliabilityDiagram:
    stated = [0.5 + 0.5 * (at + 0.5) / n for at in range(n)]
    return ReliabilityDiagram(
        title="Accuracy by stated confidence",
        description="Two groups lie outside.",
        groups=tuple(
            ConfidenceGroup(confidence=p, accuracy=p - 0.1, n=40 + at, band_lo=p - 0.05, band_hi=p)
            for at, p in enumerate(stated)
        ),
        band_level=0.9,
        gate=0.8,
    )


def control(n: int = 60, name: str = "95th percentile of latency") -> ControlChart:
    return ControlChart(
        title=name,
        description="It rose.",
        measure=name,
        unit="ms",
        days=tuple(
            ControlDay(
                day=day,
                value=None if at == 3 else 800.0 + 10 * (at % 7),
                usual=820,
                usual_lo=700,
                usual_hi=930,
                visible_lo=650,
                visible_hi=990,
            )
            for at, day in enumerate(days(n))
        ),
        judged_from=LAST - timedelta(days=6),
        reference=(LAST - timedelta(days=min(n - 1, 34)), LAST - timedelta(days=7)),
        limit=1200,
        limit_label="promised",
    )


def risk(n: int = 50) -> RiskCoverage:
    points = tuple(
        GatePoint(gate=0.99 - 0.01 * at, share=(at + 1) / n, error=0.2 * at / n, lo=0, hi=0.3, n=9)
        for at in range(n)
    )
    return RiskCoverage(
        title="Errors among accepted calls",
        description="The gate lets through too many.",
        points=points,
        max_error=0.1,
        in_force=points[-1] if points else None,
        to_set=points[0] if points else None,
    )


def topics(n: int = 12, name: str = "topic") -> CoverageByTopic:
    listed = tuple(
        TopicShare(name=f"{name} {at}", share=0.5 / (at + 1), lo=0.4 / (at + 1), hi=0.6 / (at + 1),
                   n_cases=at % 3, is_covered=at % 3 > 0, share_before=0.02)
        for at in range(n)
    )  # fmt: skip
    return CoverageByTopic(
        title="Share of traffic per topic",
        description="A topic is new.",
        topics=listed,
        covered=Estimate(value=0.739, lo=0.7, hi=0.78),
    )


def scores(n: int = 8) -> TwoScores:
    weeks = [LAST - timedelta(days=7 * (n - at)) for at in range(n)]
    return TwoScores(
        title="Eval score and satisfaction",
        description="They part.",
        evals=tuple(dated(day, 0.8) for day in weeks),
        satisfaction=tuple(dated(day, 0.8 - 0.03 * at) for at, day in enumerate(weeks)),
        before=(weeks[0], LAST - timedelta(days=29)) if n > 4 else None,
        after=(LAST - timedelta(days=28), LAST) if n > 4 else None,
        widened=Estimate(value=14.8, lo=5.1, hi=24.4),
    )


def dated(first: date, value: float) -> DatedEstimate:
    return DatedEstimate(
        first=first,
        last=first + timedelta(days=6),
        estimate=Estimate(value=value, lo=value - 0.05, hi=value + 0.05),
    )
