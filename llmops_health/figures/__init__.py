"""What a picture shows, one class per kind: plain numbers, dates and words, nothing computed.

How a figure looks is `llmops_health.report.plots`; what goes into one is the checks' affair. A
value that is None or not finite is no evidence: it is shown as a gap, never as zero.

`description` is for those who do not see the picture: one or two sentences with the numbers.
"""

from __future__ import annotations

from llmops_health.figures.comparisons import (
    Curve,
    CurvePoint,
    Curves,
    Forest,
    ForestRow,
    HeatCell,
    HeatMap,
    Mark,
    Scatter,
)
from llmops_health.figures.confidence import (
    ConfidenceGroup,
    GatePoint,
    ReliabilityDiagram,
    RiskCoverage,
)
from llmops_health.figures.estimates import (
    DatedEstimate,
    Estimate,
)
from llmops_health.figures.over_time import (
    ControlChart,
    ControlDay,
    Forecast,
    ForecastDay,
    Trend,
    TrendDay,
    TwoScores,
)
from llmops_health.figures.pipelines import (
    Flow,
    Flows,
    Stage,
    Stages,
)
from llmops_health.figures.wholes import (
    CoverageByTopic,
    Part,
    Parts,
    TopicShare,
    Waterfall,
    WaterfallStep,
)

__all__ = [
    "ConfidenceGroup",
    "ControlChart",
    "ControlDay",
    "CoverageByTopic",
    "Curve",
    "CurvePoint",
    "Curves",
    "DatedEstimate",
    "Estimate",
    "Figure",
    "Flow",
    "Flows",
    "Forecast",
    "ForecastDay",
    "Forest",
    "ForestRow",
    "GatePoint",
    "HeatCell",
    "HeatMap",
    "Mark",
    "Part",
    "Parts",
    "ReliabilityDiagram",
    "RiskCoverage",
    "Scatter",
    "Stage",
    "Stages",
    "TopicShare",
    "Trend",
    "TrendDay",
    "TwoScores",
    "Waterfall",
    "WaterfallStep",
]

Figure = (
    ReliabilityDiagram
    | ControlChart
    | RiskCoverage
    | CoverageByTopic
    | TwoScores
    | Trend
    | Forest
    | Parts
    | Waterfall
    | Curves
    | Stages
    | Forecast
    | Scatter
    | Flows
    | HeatMap
)
"""Any figure; the name of its class is its `kind` in `health__figures`."""
