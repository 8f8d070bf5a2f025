"""Topics of users' inputs that no eval case is about."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

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
    is_recent = (text_cells["day"] >= first) & (text_cells["day"] <= day)
    recent = pl.DataFrame([text_cells[name].filter(is_recent) for name in ("call_id", "cell")])
    if recent.is_empty() or not (eval_cells["fitted_on"] <= day).any():
        return []
    counts = np.bincount(recent["cell"].to_numpy() - _FAR).tolist()
    shares = {cell: n / len(recent) for cell, n in enumerate(counts, start=_FAR)}
    covered = _covered(eval_cells, day)
    large = [cell for cell, share in shares.items() if share > min_share and cell not in covered]
    if not large:
        return []
    is_of_days = (text_samples["day"] >= first) & (text_samples["day"] <= day)
    samples = [text_samples[name].filter(is_of_days) for name in ("call_id", "bucket")]
    bucketed = recent.join(pl.DataFrame(samples), on="call_id")
    bucket = bucketed["bucket"].to_numpy().astype(np.int64)
    n = np.bincount(bucket, minlength=_N_BUCKETS).astype(np.float64)
    if not len(bucket) or effective_clusters(n) < _MIN_CLUSTERS:
        return []
    findings: list[Finding] = []
    for cell in sorted(large, key=lambda one: (-shares[one], one)):
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
                evidence_sql=_sql(feature, first, day, cell),
            )
        )
    return findings


def _covered(eval_cells: pl.DataFrame, day: date) -> set[int]:
    """Return the cells in which a case lies that the suite had at the end of a day."""
    end = datetime.combine(day + timedelta(days=1), time())
    columns = (
        eval_cells["cell"],
        eval_cells["fitted_on"] <= day,
        eval_cells["added_at"] >= end,
        eval_cells["retired_at"] < end,
    )
    rows = zip(*(column.to_list() for column in columns), strict=True)
    return {
        cell
        for cell, is_fitted, is_later, is_retired in rows
        if is_fitted and not is_later and not is_retired and cell != _FAR
    }


def _sql(feature: Feature, first: date, day: date, cell: int) -> str:
    return (
        "select traffic.day, traffic.call_id, traffic.cell, contents.text "  # noqa: S608 - literals only
        "from summary__text_cells as traffic "
        "left join core__contents as contents on traffic.input_sha256 = contents.sha256 "
        f"where traffic.feature_id = {literal(feature.id)} and traffic.cell = {literal(cell)} "
        f"and traffic.day between date {literal(first)} and date {literal(day)} "
        "order by traffic.day desc, traffic.call_id limit 100"
    )
