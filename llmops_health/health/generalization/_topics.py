"""Topics of users' inputs that no eval case is about."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status, literal
from llmops_health.kernels.jackknife import bucket_jackknife, effective_clusters, ratio

_DAYS = 28
_N_BUCKETS = 64
_MIN_CLUSTERS = 8
_FAR = -1


def topics_without_cases(
    feature: Feature,
    day: date,
    text_cells: pl.DataFrame,
    text_samples: pl.DataFrame,
    eval_cells: pl.DataFrame,
    min_share: float,
    level: float,
) -> list[Finding]:
    """Return a WARN for each cell of meaning that many ask about and no case lies in.

    Without text, cells, or enough users there is none: nothing is known of topics then.
    """
    first = day - timedelta(days=_DAYS - 1)
    fitted = eval_cells.filter(pl.col("fitted_on") <= day)
    recent = text_cells.filter(pl.col("day").is_between(first, day))
    if fitted.is_empty() or recent.is_empty():
        return []
    added, retired = pl.col("added_at").dt.date(), pl.col("retired_at").dt.date()
    live = fitted.filter((added.is_null() | (added <= day)) & (retired.is_null() | (retired > day)))
    shares = recent.group_by("cell").agg(share=pl.len() / len(recent))
    large = shares.filter(pl.col("share") > min_share).join(
        live.filter(pl.col("cell") != _FAR).select("cell").unique(), on="cell", how="anti"
    )
    if large.is_empty():
        return []
    samples = text_samples.filter(pl.col("day").is_between(first, day))
    bucketed = recent.join(samples.select("call_id", "bucket"), on="call_id")
    bucket = bucketed["bucket"].to_numpy().astype(np.int64)
    n = np.bincount(bucket, minlength=_N_BUCKETS).astype(np.float64)
    if not len(bucket) or effective_clusters(n) < _MIN_CLUSTERS:
        return []
    findings: list[Finding] = []
    for cell in large.sort("share", "cell", descending=[True, False])["cell"]:
        inside = bucket[bucketed["cell"].to_numpy() == cell]
        n_inside = np.bincount(inside, minlength=_N_BUCKETS)
        share = bucket_jackknife(np.stack([n_inside, n], axis=1), ratio(0, 1), level=level)
        if share.lo <= min_share:
            continue
        name = "far from all known topics" if cell == _FAR else f"topic {cell}"
        findings.append(
            Finding(
                status=Status.WARN,
                segment=name,
                message=f"{share.estimate:.0%} [{share.lo:.0%}, {share.hi:.0%}] of the inputs of "
                f"{_DAYS} days lie {'' if cell == _FAR else 'in '}{name}, and no eval case does.",
                n=len(bucket),
                value=share.estimate,
                lo=share.lo,
                hi=share.hi,
                threshold=min_share,
                unit="share",
                action="Add eval cases for the inputs shown, with the capability they ask for, "
                "before the tuned model is released.",
                evidence_sql=_sql(feature, first, day, int(cell)),
            )
        )
    return findings


def _sql(feature: Feature, first: date, day: date, cell: int) -> str:
    return (
        "select traffic.day, traffic.call_id, traffic.cell, contents.text "  # noqa: S608 - literals only
        "from summary__text_cells as traffic "
        "left join core__contents as contents on traffic.input_sha256 = contents.sha256 "
        f"where traffic.feature_id = {literal(feature.id)} and traffic.cell = {literal(cell)} "
        f"and traffic.day between date {literal(first)} and date {literal(day)} "
        "order by traffic.day desc, traffic.call_id limit 100"
    )
