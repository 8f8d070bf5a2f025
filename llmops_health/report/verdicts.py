"""Verdicts: the findings of a feature, mode and day, rolled up; multiplicity is controlled here.

Benjamini-Hochberg over the p-values of a feature's day decides which alarms count. A mode in which
no check could answer is `no_evidence`, never healthy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from llmops_health.findings import Status
from llmops_health.kernels.multiplicity import benjamini_hochberg

FALSE_DISCOVERY_RATE = 0.05

VERDICT_COLUMNS = {
    "day": "date",
    "feature_id": "varchar",
    "mode": "varchar",
    "status": "varchar",
    "n_checks": "bigint",
    "n_failed": "bigint",
    "headline": "varchar",
}
_SCHEMA = {
    "day": pl.Date,
    "feature_id": pl.String,
    "mode": pl.String,
    "status": pl.String,
    "n_checks": pl.Int64,
    "n_failed": pl.Int64,
    "headline": pl.String,
}
_ALARMS = (Status.FAIL.value, Status.WARN.value)
_RANK = {"FAIL": 0, "WARN": 1, "PASS": 2, "NOT_ENOUGH_DATA": 3, "NOT_APPLICABLE": 4}


def verdicts(findings: pl.DataFrame) -> pl.DataFrame:
    """Return one row per feature, mode and day from rows of `health__findings`."""
    rows: list[dict[str, object]] = []
    for (day, feature_id), of_day in findings.group_by("day", "feature_id", maintain_order=True):
        counted = of_day.with_columns(counts=_alarms_that_count(of_day))
        for (mode,), of_mode in counted.group_by("mode", maintain_order=True):
            rows.append({"day": day, "feature_id": feature_id, "mode": mode, **_roll_up(of_mode)})
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("day", "feature_id", "mode")


def _alarms_that_count(of_day: pl.DataFrame) -> pl.Series:
    p = of_day["p_value"].to_numpy().astype(np.float64)
    adjusted = benjamini_hochberg(p, q=FALSE_DISCOVERY_RATE).adjusted
    alarm = of_day["status"].is_in(_ALARMS).to_numpy()
    # A deterministic rule has no p-value: it counts as it stands.
    counts = alarm & (np.isnan(p) | (adjusted <= FALSE_DISCOVERY_RATE))
    return pl.Series(counts)


def _roll_up(of_mode: pl.DataFrame) -> dict[str, object]:
    status = [
        Status.PASS.value if given in _ALARMS and not counts else str(given)
        for given, counts in of_mode.select("status", "counts").iter_rows()
    ]
    ranked = of_mode.with_columns(
        seen=pl.Series(status), rank=pl.Series([_RANK[word] for word in status])
    ).sort("rank", pl.col("segment") != "", "p_value", nulls_last=True, maintain_order=True)
    worst = ranked.row(0, named=True)
    names = ranked["check_name"]
    answered = names.filter(ranked["rank"] <= _RANK["PASS"])
    failed = names.filter(ranked["seen"] == Status.FAIL.value)
    return {
        "status": _verdict(status),
        "n_checks": answered.n_unique(),
        "n_failed": failed.n_unique(),
        "headline": f"{worst['check_name']}: {worst['message']}",
    }


def _verdict(status: Sequence[str]) -> str:
    if Status.FAIL in status:
        return "failing"
    if Status.WARN in status:
        return "warning"
    if Status.PASS in status:
        return "healthy"
    if Status.NOT_ENOUGH_DATA in status:
        return "no_evidence"
    return "not_applicable"
