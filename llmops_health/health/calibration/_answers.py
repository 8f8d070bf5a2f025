"""What calibration checks say alike: why they cannot answer, and which wrong answers to look at."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from llmops_health.config import Feature
from llmops_health.findings import Finding, Status, literal
from llmops_health.health.calibration._bins import LabelledCalls
from llmops_health.kernels.confidence_gap import gap_design_effect, scaled_design_effect

FEW_BUCKETS = 10
"""Below so many buckets of users the jackknife cannot tell how much users differ."""


def cannot_answer(feature: Feature, labels: LabelledCalls, n_days: int) -> Finding | None:
    """Say why calls labelled by people or outcomes say nothing about confidence; None if they do.

    `labels` are those of the last `n_days` days, with and without a stated confidence.
    """
    if labels.total == 0:
        if feature.kind == "classifier":
            return Finding(
                status=Status.NOT_ENOUGH_DATA,
                n=0,
                message=f"No prediction was labelled by a person or an outcome in {n_days} days.",
                action="Have people label a random sample of calls; a judge's label is no truth.",
            )
        return Finding(
            status=Status.NOT_APPLICABLE,
            n=0,
            message=f"No labelled prediction is logged in {n_days} days, and a {feature.kind} "
            "feature need not have one.",
        )
    if labels.stated().total == 0:
        return Finding(
            status=Status.NOT_APPLICABLE,
            n=labels.total,
            message=f"None of the {labels.total} labelled calls states a confidence.",
        )
    return None


def too_few(n: int, needed: int, n_days: int) -> Finding:
    """Say that there are fewer labelled calls than an answer needs."""
    return Finding(
        status=Status.NOT_ENOUGH_DATA,
        n=n,
        message=f"{n} labelled calls with a confidence in {n_days} days, {needed} needed.",
    )


class Clustering:
    """How much users differ, told once from the longest window and carried to its parts."""

    def __init__(self, labels: LabelledCalls, least: float, unknown: float) -> None:
        """Estimate from stated calls; `least` to believe, `unknown` where buckets are few."""
        sums = labels.bucket_sums()
        self._rows = sums[:, 0]
        self._least = least
        few = int(np.count_nonzero(self._rows > 0)) < FEW_BUCKETS
        self._deff = max(unknown if few else gap_design_effect(sums), least)

    def deff(self, part: LabelledCalls) -> float:
        """Return the design effect of a part of the calls it was told from."""
        rows = part.bucket_sums()[:, 0]
        return max(self._least, scaled_design_effect(self._deff, self._rows, rows))


def wrong_answers_sql(
    feature: Feature, day: date, n_days: int, *, gate: float = 0.0, predicted: str = ""
) -> str:
    """Return the query that lists the surest wrong answers of which the label came in the window.

    `gate` is the least confidence and `predicted` the one predicted label to list, '' for all.
    """
    lines = [
        "select calls.call_id, calls.predicted_label, calls.confidence, labels.label,",
        "    labels.labelled_at, labels.labeller_kind, calls.input_sha256",
        "from core__labels as labels",
        "inner join core__calls as calls on labels.call_id = calls.call_id",
        f"where calls.feature_id = {literal(feature.id)}",
        "    and labels.labeller_kind in ('human', 'outcome')",
        f"    and labels.day > date {literal(day - timedelta(days=n_days))}",
        f"    and labels.day <= date {literal(day)}",
        "    and calls.run_kind in ('prod', 'unknown')",
        "    and labels.label <> calls.predicted_label",
        f"    and calls.confidence >= {literal(gate)}",
    ]
    if predicted:
        lines.append(f"    and calls.predicted_label = {literal(predicted)}")
    lines += ["order by calls.confidence desc, calls.call_id, labels.labelled_at", "limit 50"]
    return "\n".join(lines)
