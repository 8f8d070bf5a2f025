"""The rows of a service's summaries that are production, laid out once for check and chart."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from llmops_health.health.drift import _seasons, _service
from llmops_health.health.drift._seasons import Floats
from llmops_health.health.drift._service import Axis, Sums, Timings


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Rates as rows; calls per day, shape (n_days,); durations and costs, laid out."""

    rates: pl.DataFrame
    is_production: pl.Series
    calls: Floats
    timings: dict[str, Timings]
    costs: Sums

    @classmethod
    def of(cls, rates: pl.DataFrame, latency: pl.DataFrame, axis: Axis) -> Log:
        """Take `summary__rates` and `summary__latency_buckets` of one feature."""
        is_production = _seasons.is_production(rates["run_kind"])
        is_slow = _seasons.is_production(latency["run_kind"])
        return cls(
            rates=rates,
            is_production=is_production,
            calls=_service.metric_sums(rates, is_production, "calls", axis).n.sum(axis=1),
            timings={
                field: Timings.of(latency, is_slow & (latency["field"] == field), axis)
                for field in ("latency_ms", "ttft_ms")
            },
            costs=_service.metric_sums(rates, is_production, "cost_usd_capped", axis),
        )

    def sums(self, metric: str, axis: Axis) -> Sums:
        """Lay out one more metric."""
        return _service.metric_sums(self.rates, self.is_production, metric, axis)
