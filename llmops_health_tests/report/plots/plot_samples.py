"""Figures of every kind, of any size, for tests of their drawing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from llmops_health.figures import (
    ConfidenceGroup,
    ControlChart,
    ControlDay,
    CoverageByTopic,
    Curve,
    CurvePoint,
    Curves,
    DatedEstimate,
    Estimate,
    Flow,
    Flows,
    Forecast,
    ForecastDay,
    Forest,
    ForestRow,
    GatePoint,
    HeatCell,
    HeatMap,
    Mark,
    Part,
    Parts,
    ReliabilityDiagram,
    RiskCoverage,
    Scatter,
    Stage,
    Stages,
    TopicShare,
    Trend,
    TrendDay,
    TwoScores,
    Waterfall,
    WaterfallStep,
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


def estimate(value: float | None, half: float = 0.05) -> Estimate:
    if value is None:
        return Estimate(value=None)
    return Estimate(value=value, lo=value - half, hi=value + half)


def forest(n: int = 12, name: str = "capability") -> Forest:
    answers: tuple[Literal["moved", "fine", "cannot tell"], ...] = ("moved", "fine", "cannot tell")
    return Forest(
        title="Score of each capability",
        description="One fell.",
        measure="change of the score",
        unit="pp",
        rows=tuple(
            ForestRow(label=f"{name} {at}", effect=estimate(at % 7 - 4.5, 1 + at % 3),
                      n=100 * at, answer=answers[at % 3])
            for at in range(n)
        ),
        zone_lo=-2,
        zone_hi=2,
    )  # fmt: skip


def parts(n: int = 5, name: str = "part") -> Parts:
    return Parts(
        title="What makes scores vary",
        description="The judge does.",
        whole="the variance",
        parts=tuple(
            Part(label=f"{name} {at}", share=estimate(0.5 / (at + 1), 0.03), is_chosen=at == 1)
            for at in range(n)
        ),
        limit=0.1,
    )


def waterfall(n: int = 5, name: str = "step") -> Waterfall:
    steps = [estimate((-1) ** at * 0.01 * (at + 1), 0.004) for at in range(n)]
    return Waterfall(
        title="Satisfaction, from last month to this",
        description="It fell.",
        measure="satisfaction",
        unit="share",
        start_label=f"{name} before",
        start=0.8,
        steps=tuple(WaterfallStep(label=f"{name} {at}", change=c) for at, c in enumerate(steps)),
        end_label=f"{name} after",
        end=0.8 + sum(one.value or 0 for one in steps),
    )


def curves(n: int = 3, n_points: int = 8, name: str = "model") -> Curves:
    return Curves(
        title="Quality by temperature",
        description="It falls.",
        x_label="temperature",
        measure="accepted answers",
        unit="share",
        curves=tuple(
            Curve(label=f"{name} {at}",
                  points=tuple(CurvePoint(x=0.1 * place, y=estimate(0.9 - 0.1 * at), n=10 + place)
                               for place in range(n_points)))
            for at in range(n)
        ),
        limit=0.6,
        limit_label="promised",
    )  # fmt: skip


def stages(n: int = 6, name: str = "stage") -> Stages:
    return Stages(
        title="Where the time goes",
        description="One stage takes most.",
        stages=tuple(
            Stage(label=f"{name} {at}", critical_ms=estimate(100.0 * at, 20),
                  hidden_ms=40 * (at % 2), is_chosen=at == 3)
            for at in range(n)
        ),
        total_ms=100.0 * sum(range(n)) + 50,
    )  # fmt: skip


def forecast(n: int = 30, n_coming: int = 20) -> Forecast:
    spread = [4.0 * (at + 1) for at in range(n_coming)]
    coming = [LAST + timedelta(days=at + 1) for at in range(n_coming)]
    return Forecast(
        title="Stale documents",
        description="They pass the limit.",
        measure="documents past their date",
        seen=tuple((day, 100.0 + 2 * at) for at, day in enumerate(days(n))),
        coming=tuple(
            ForecastDay(day=day, expected=160 + 2.0 * at,
                        narrow=(160 + 2 * at - s, 160 + 2 * at + s),
                        wide=(160 + 2 * at - 2 * s, 160 + 2 * at + 2 * s))
            for at, (day, s) in enumerate(zip(coming, spread, strict=True))
        ),
        limit=190,
        limit_label="allowed",
        breach=(coming[15], coming[8], None) if n_coming > 15 else (None, None, None),
    )  # fmt: skip


def scatter(n: int = 12, name: str = "model") -> Scatter:
    return Scatter(
        title="Cost and quality",
        description="One is dear.",
        x_label="cost per call",
        x_unit="USD",
        y_label="accepted answers",
        y_unit="share",
        marks=tuple(
            Mark(label=f"{name} {at}", x=estimate(0.01 * (at * 7 % 11 + 1), 0.002),
                 y=estimate(0.5 + 0.04 * (at * 5 % 12), 0.03), n=20 * (at + 1),
                 is_chosen=at % 20 == 1)
            for at in range(n)
        ),
        x_limit=0.08,
        y_limit=0.7,
    )  # fmt: skip


def flows(n: int = 6, name: str = "step") -> Flows:
    steps = tuple(f"{name} {at}" for at in range(n))
    onward = [Flow(source=steps[at], to=steps[at + 1], n=1000 - 100 * at) for at in range(n - 1)]
    lost = [
        Flow(source=steps[at], to=None, n=60 if at % 2 else 100, why=f"{name} lost it at {at}")
        for at in range(1, n - 1)
    ]
    odd = [Flow(source=steps[at], to=None, n=40, is_unexplained=True) for at in range(1, n - 1, 2)]
    return Flows(
        title="Rows through the pipeline",
        description="Some are lost.",
        steps=steps,
        flows=(*onward, *lost, *odd),
    )


def heat_map(n: int = 6, n_columns: int = 4, name: str = "feature") -> HeatMap:
    levels: tuple[Literal["good", "partly", "bad"] | None, ...] = ("good", "partly", "bad", None)
    return HeatMap(
        title="What is pinned",
        description="Two are not.",
        rows=tuple(f"{name} {at}" for at in range(n)),
        columns=tuple(f"{name} column {at}" for at in range(n_columns)),
        cells=tuple(
            HeatCell(row=f"{name} {at}", column=f"{name} column {across}",
                     level=levels[(at + across) % 4], text=f"0.{at}{across}")
            for at in range(n)
            for across in range(n_columns)
            if (at + across) % 7
        ),
    )  # fmt: skip
