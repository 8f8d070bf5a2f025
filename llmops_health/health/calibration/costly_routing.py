"""Costly routing: what is automated and what goes to people costs more than it must.

Why it matters
    A gate on confidence trades errors against reviews. Set for a confidence that has since lost
    its meaning, it pays for reviews that find nothing or for errors that a person would have seen.
How it is found
    Cost per labelled call: an error costs what `error_costs` says, a right answer nothing, a
    review `human_cost`. The best gate is chosen on one half of the users and priced on the other,
    both ways, so that the best of 101 gates is not flattered. WARN when the saving, as a share of
    the cost now, exceeds `max_waste` with its whole bucket-jackknife interval. The labels are
    those of the last 14 days, or of 28 where 14 are too few to tell. Also told: automating
    everything, asking a person every time, and the gate in force on a recalibrated confidence.
How to mend it
    Set the gate named in the message, or recalibrate; see `circuit_breaker` for what it risks.
What it cannot see
    Calls without a label: where people label only what they review, errors above the gate are
    missing. A review is taken to be right. Without `human_cost` a review is taken to cost what
    makes the gate in force the right one for honest confidence, (1 - gate) x the mean cost of an
    error; then a gate that never suited the costs is not found, only one that no longer does.
Source
    Chow (1970), "On optimum recognition error and reject tradeoff"; Stone (1974) on
    cross-validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal
from llmops_health.health.calibration import _evidence
from llmops_health.health.calibration._bins import N_BUCKETS, LabelledCalls, labelled_calls
from llmops_health.kernels.calibration import N_BINS, ConfidenceBins
from llmops_health.kernels.gate_saving import CrossFittedCosts, cross_fitted_costs
from llmops_health.kernels.routing import expected_costs

HISTORY_DAYS = 28
WINDOWS = (14, 28)

Floats = npt.NDArray[np.float64]


class Params(CheckParams):
    """Settings of this check."""

    human_cost: float | None = Field(
        default=None,
        ge=0,
        description="Cost of one review, in the unit of error_costs; unset: implied by the gate.",
    )
    max_waste: float = Field(
        default=0.1, ge=0, le=1, description="Tolerated saving left, as a share of the cost now."
    )
    max_unseen: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="A saving (share) that must be detectable before silence is a pass.",
    )
    min_labelled: int = Field(
        default=300, ge=50, description="Labelled calls, so that each half can choose a gate."
    )
    level: float = Field(default=0.98, gt=0, lt=1, description="Coverage of the interval.")


def check(
    feature: Feature, day: date, summary__calibration: pl.DataFrame, params: Params
) -> Iterator[Finding]:
    """Yield one finding: what the gate in force costs beside what it could cost."""
    if feature.confidence_gate is None:
        yield _none("No confidence_gate is set, so nothing is routed by confidence.")
        return
    calls = labelled_calls(summary__calibration, day).stated()
    if calls.n.size == 0:
        yield _none(f"No call with a confidence was labelled in {HISTORY_DAYS} days.")
        return
    for window in WINDOWS:
        finding = _price(feature, day, calls.within(window), window, params)
        # Which window speaks depends on how much it can tell, not on what it says.
        if finding.status is not Status.NOT_ENOUGH_DATA:
            break
    yield finding


def _price(
    feature: Feature, day: date, calls: LabelledCalls, window: int, params: Params
) -> Finding:
    gate = feature.confidence_gate or 0.0
    n, correct, costs = _cells(calls, feature)
    total, n_wrong = int(n.sum()), float((n - correct).sum())
    halves = n.sum(axis=1).reshape(-1, 2).sum(axis=0)
    if total < params.min_labelled or n_wrong == 0 or not halves.all():
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=total,
            message=f"{total} labelled calls with {n_wrong:.0f} errors in {window} days, "
            f"{params.min_labelled} with at least one error needed.",
        )
    human_cost = params.human_cost
    if human_cost is None:
        human_cost = (1 - gate) * float(costs.sum()) / n_wrong
    fitted = cross_fitted_costs(n, correct, costs, gate=gate, human_cost=human_cost)
    bins = _total_bins(n, correct)
    prices = expected_costs(bins, costs.sum(axis=0), gate=gate, human_cost=human_cost)
    told = (
        f"A call of {window} days costs {prices.now:.3f} at the gate {gate:g}, "
        f"{fitted.best.sum() / total:.3f} at the gate that other users' calls choose (of all: "
        f"{prices.best_gate:g}), {prices.all_auto:.3f} all automatic, {prices.all_human:.3f} all "
        f"by people and {fitted.recalibrated.sum() / total:.3f} recalibrated, with a review at "
        f"{human_cost:.3g}"
    )
    return _judge(fitted, told, prices.best_gate, _evidence_sql(feature, day, window), params)


def _judge(
    fitted: CrossFittedCosts, told: str, best_gate: float, evidence_sql: str, params: Params
) -> Finding:
    total = int(fitted.n.sum())
    saving = None
    # Without any one bucket there must still be a cost, or the share is not defined.
    if fitted.now.sum() > fitted.now.max():
        saving = _evidence.from_buckets(fitted.sums, _saved_share, fitted.n, level=params.level)
    if saving is None:
        return Finding(
            status=Status.NOT_ENOUGH_DATA,
            n=total,
            message=f"{told}: too few users to tell whether that is chance.",
        )
    interval = f"{saving.estimate:.0%} [{saving.lo:.0%}, {saving.hi:.0%}]"
    message = f"{told}: a better gate saves {interval}, {params.max_waste:.0%} is tolerated."
    if saving.lo > params.max_waste:
        status = Status.WARN
    elif saving.smallest_detectable > params.max_unseen:
        status = Status.NOT_ENOUGH_DATA
        message = f"Cannot tell: {message}"
    else:
        status = Status.PASS
    return Finding(
        status=status,
        n=total,
        value=saving.estimate,
        lo=saving.lo,
        hi=saving.hi,
        threshold=params.max_waste,
        unit="share of cost",
        p_value=saving.p_above(params.max_waste),
        message=message,
        action=f"Set confidence_gate to about {best_gate:g}, or recalibrate the confidence, after "
        "checking that error_costs still hold."
        if status is Status.WARN
        else "",
        evidence_sql=evidence_sql,
    )


def _none(message: str) -> Finding:
    return Finding(status=Status.NOT_APPLICABLE, n=0, message=message)


def _saved_share(sums: Floats) -> Floats:
    return np.asarray(1 - sums[..., 2] / sums[..., 1])


def _cells(calls: LabelledCalls, feature: Feature) -> tuple[Floats, Floats, Floats]:
    """Return calls, right ones and error costs per bucket and bin, each shape (64, 100)."""
    cell = calls.bucket * N_BINS + calls.k
    n_names = len(calls.names)
    pair, index = np.unique(calls.label * n_names + calls.predicted, return_inverse=True)
    price = np.array(
        [
            0.0 if true == said else feature.error_cost(calls.names[true], calls.names[said])
            for true, said in zip(*np.divmod(pair, n_names), strict=True)
        ]
    )

    def per_cell(weight: Floats) -> Floats:
        sums = np.bincount(cell, weight, N_BUCKETS * N_BINS)
        # A revision may take away what an older window added.
        return np.maximum(sums, 0).reshape(N_BUCKETS, N_BINS)

    n = per_cell(calls.n)
    return n, np.minimum(per_cell(calls.n * calls.is_correct), n), per_cell(calls.n * price[index])


def _total_bins(n: Floats, correct: Floats) -> ConfidenceBins:
    nothing = np.zeros(N_BINS)
    return ConfidenceBins(n.sum(axis=0), correct.sum(axis=0), nothing, nothing, nothing)


def _evidence_sql(feature: Feature, day: date, window: int) -> str:
    return (
        "select label, predicted_label, sum(n) as n, sum(sum_conf) / sum(n) as mean_confidence "  # noqa: S608
        "from summary__calibration "
        f"where feature_id = {literal(feature.id)} and labeller = 'truth' and k >= 0 "
        f"and label <> predicted_label and day > date {literal(day)} - {window} "
        f"and day <= date {literal(day)} "
        "group by label, predicted_label having sum(n) > 0 order by n desc, label, predicted_label "
        "limit 50"
    )
