"""Rows of `summary__stage_times` that are production, summed per bucket of users and stage.

Judges nothing: what is too much is for the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import Finding, literal, not_applicable, not_enough_data
from llmops_health.kernels.jackknife import (
    JackknifeEstimate,
    bucket_jackknife,
    effective_clusters,
    ratio,
)

Floats = npt.NDArray[np.float64]

REQUEST = "(request)"
N_BUCKETS = 64
DAY_MS = 86_400_000


def production(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of run_kind prod, or of unknown where no row at all is prod."""
    kind = rows["run_kind"]
    is_prod = kind == "prod"
    if is_prod.all():
        return rows
    return rows.filter(is_prod if is_prod.any() else kind == "unknown")


def within(rows: pl.DataFrame, day: date, n_days: int) -> pl.DataFrame:
    """Return the rows of the `n_days` days that end with `day`, of rows in order up to it."""
    return rows.tail(int((rows["day"] > day - timedelta(days=n_days)).sum()))


@dataclass(frozen=True, slots=True, eq=False)
class StageSums:
    """Sums per bucket, shape (64,), by stage and kind: requests, and their milliseconds."""

    n: dict[tuple[str, str], Floats]
    ms: dict[tuple[str, str], Floats]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> StageSums:
        """Add up rows of one feature."""
        if rows.is_empty():
            return cls({}, {})
        grouped = rows.group_by("stage", "kind", "bucket").agg(pl.col("n", "sum_ms").sum())
        at: dict[tuple[str, str], int] = {}
        keys = zip(grouped["stage"].to_list(), grouped["kind"].to_list(), strict=True)
        place = [at.setdefault(key, len(at)) for key in keys]
        n, ms = np.zeros((len(at), N_BUCKETS)), np.zeros((len(at), N_BUCKETS))
        for sums, name in ((n, "n"), (ms, "sum_ms")):
            sums[place, grouped["bucket"].to_numpy()] = grouped[name].to_numpy()
        return cls(dict(zip(at, n, strict=True)), dict(zip(at, ms, strict=True)))

    @property
    def requests(self) -> Floats:
        """Finished requests per bucket."""
        return self.n.get((REQUEST, "total"), np.zeros(N_BUCKETS))

    @property
    def n_requests(self) -> int:
        """Finished requests."""
        return int(self.requests.sum())

    @property
    def request_ms(self) -> Floats:
        """Milliseconds of the requests per bucket."""
        return self.time(REQUEST, "total")

    @property
    def stages(self) -> list[str]:
        """Stages with spans, by name."""
        return sorted({stage for stage, _ in self.n} - {REQUEST})

    def time(self, stage: str, kind: str) -> Floats:
        """Milliseconds of one kind per bucket; 0 where a stage has none."""
        return self.ms.get((stage, kind), np.zeros(N_BUCKETS))

    def mean_ms(self, stage: str, kind: str) -> float:
        """Milliseconds of one kind per request."""
        return float(self.time(stage, kind).sum()) / max(1, self.n_requests)

    def share(self, ms: Floats, level: float) -> JackknifeEstimate | None:
        """Share of the requests' time with its interval; None where users are too few."""
        return _estimate(ms, self.request_ms, level)

    def per_request(self, ms: Floats, level: float) -> JackknifeEstimate | None:
        """Milliseconds per request with their interval; None where users are too few."""
        return _estimate(ms, self.requests, level)

    def share_of_requests(self, kind: str) -> float:
        """Share of the requests that have spans of this kind, counted by their most usual stage."""
        most = max((float(n.sum()) for (_, k), n in self.n.items() if k == kind), default=0.0)
        return most / max(1, self.n_requests)


def _estimate(part: Floats, whole: Floats, level: float) -> JackknifeEstimate | None:
    if (whole > 0).sum() < 3:
        return None
    return bucket_jackknife(np.column_stack([part, whole]), ratio(0, 1), level=level)


def too_little(
    sums: StageSums, seen: pl.DataFrame, n_days: int, min_requests: int, min_clusters: float
) -> Finding | None:
    """Return why nothing can be said of a window, or None where enough is there."""
    if seen.is_empty():
        return not_applicable("No request of production is traced: core__spans has none of it.")
    n = sums.n_requests
    if n < min_requests:
        return not_enough_data(
            n, f"{n} traced requests in {n_days} days, {min_requests} are needed."
        )
    clusters = effective_clusters(sums.requests)
    if clusters < min_clusters:
        return not_enough_data(
            n,
            f"{n} traced requests in {n_days} days are of as few as {clusters:.0f} users, "
            f"{min_clusters:.0f} are needed.",
        )
    if not sums.request_ms.sum() > 0:
        return not_enough_data(n, f"All {n} traced requests of {n_days} days have a length of 0.")
    return None


def stage_table_sql(feature: Feature, day: date, n_days: int) -> str:
    """Return a query for where the time went, per stage."""
    first = day - timedelta(days=n_days - 1)
    return (
        "select stage, kind, sum(n)::bigint as n, sum(sum_ms) / sum(n) as mean_ms "  # noqa: S608 - literals only
        f"from summary__stage_times where feature_id = {literal(feature.id)} "
        f"and day between {literal(first)}::date and {literal(day)}::date "
        "group by stage, kind order by kind, sum(sum_ms) desc, stage limit 200"
    )
