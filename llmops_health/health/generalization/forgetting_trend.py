"""Forgetting trend: a capability slides over checkpoints, away from what an earlier one could do.

Why it matters
    Each checkpoint is held against the one before, and each time a little is lost that no single
    comparison shows. What the model once could do is the measure, not what it did last week.
How it is found
    Checkpoints are the versions of a suite's runs (`component_id`, else the model) in the order of
    their first run; challengers and regression guards are other models, not checkpoints. Per
    capability the newest is compared with the best before. The best of many noisy scores is too
    high, so one half of the cases chooses the best and the other half is compared, and the
    reverse. Tested as in `capability_regression`, Benjamini-Hochberg over the capabilities: FAIL
    below `q_fail` where the loss is larger than `margin_pp`, WARN below `q_warn`. The message adds
    backward transfer (mean change since the first checkpoint) and the share of cases that the
    checkpoint before passed and this one fails, once as it is and once relative to unrelated
    models.
How to mend it
    Go back to the checkpoint that the message names for this capability, or mix its examples into
    the data of the next. Compare the checkpoints' training steps between the two.
What it cannot see
    Fewer than `min_versions` checkpoints; those of another judge or edition of the suite than the
    newest; cases that no earlier checkpoint was asked. A model of another family under the role
    candidate would be taken for a checkpoint.
Source
    Chaudhry et al. (2018), arXiv:1801.10112; Lopez-Paz and Ranzato (2017), arXiv:1706.08840; Yan
    et al. (2021), arXiv:2011.09161.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Curve, CurvePoint, Curves, Estimate
from llmops_health.findings import CheckParams, Finding, Status, not_applicable, not_enough_data
from llmops_health.health.generalization._changes import Change, listed, one_line, paired
from llmops_health.health.generalization._checkpoints import Line, lines
from llmops_health.kernels.forgetting import backward_transfer, flips, forgetting
from llmops_health.kernels.intervals import mean_interval
from llmops_health.kernels.multiplicity import benjamini_hochberg

HISTORY_DAYS = 365

_MOST_CURVES = 6


class Params(CheckParams):
    """Settings of this check."""

    margin_pp: float = Field(
        default=2.0, ge=0, le=100, description="Tolerated loss of a capability (pp of its score)."
    )
    q_fail: float = Field(
        default=0.0003,
        gt=0,
        lt=1,
        description="Expected share of false alarms among capabilities that fail: a finding "
        "stands for as long as its checkpoint is the newest.",
    )
    q_warn: float = Field(default=0.02, gt=0, lt=1, description="As q_fail, for a look.")
    min_versions: int = Field(
        default=3, ge=3, description="Checkpoints that make a trend: two are a pair."
    )
    min_cases: int = Field(
        default=10, ge=4, description="Cases of a capability: a half of five chooses the best."
    )
    pass_score: float = Field(
        default=0.5, ge=0, le=1, description="Score that passes, for flips of graded cases."
    )
    max_age_days: int = Field(
        default=90, ge=1, le=365, description="Days for which the newest checkpoint is judged."
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the intervals.")


@dataclass(frozen=True, slots=True)
class _Lost:
    """What the newest checkpoint of a line lost of a capability, and against which (rows)."""

    line: Line
    capability: str
    change: Change
    best: tuple[int, int]
    adjusted: float = 1.0
    status: Status = Status.PASS


def check(
    feature: Feature,
    day: date,
    core__eval_runs: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__eval_errors: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all capabilities, then one for each that was forgotten."""
    found = lines(
        core__eval_runs,
        core__eval_cases,
        summary__eval_items,
        summary__eval_errors,
        day,
        params.min_versions,
        params.max_age_days,
    )
    if not found:
        yield not_applicable(
            f"No suite was run on {params.min_versions} checkpoints, the newest in the last "
            f"{params.max_age_days} days."
        )
        return
    lost = _lost(found, params)
    if not lost:
        n = sum(len(one.halves) for one in found)
        yield not_enough_data(
            n,
            f"{n} cases were scored by several checkpoints, no capability has {params.min_cases}.",
        )
        return
    yield _whole(feature, day, lost, params)
    for one in lost:
        if one.status in {Status.FAIL, Status.WARN}:
            yield _segment(day, one, len(found), params)


def figure(
    feature: Feature,
    day: date,
    core__eval_runs: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__eval_errors: pl.DataFrame,
    params: Params,
) -> Curves | None:
    """Show the scores of the capabilities that lost most, checkpoint by checkpoint."""
    found = lines(
        core__eval_runs,
        core__eval_cases,
        summary__eval_items,
        summary__eval_errors,
        day,
        params.min_versions,
        params.max_age_days,
    )
    lost = _lost(found, params)
    if not lost:
        return None
    line = lost[0].line
    shown = [one for one in lost if one.line is line][:_MOST_CURVES]
    worst = shown[0]
    return Curves(
        title="Score of each capability over the checkpoints",
        description=f"{len(line.runs)} checkpoints up to {line.runs[-1].dated(day)}; "
        f"{one_line(worst.capability)} changed most against the best before, by "
        f"{worst.change.in_points()}.",
        x_label="Checkpoint, oldest first",
        measure="Score",
        unit="0-1",
        curves=tuple(
            Curve(
                label=one_line(one.capability)
                + (" (target)" if one.capability == feature.target_capability else ""),
                points=tuple(_points(line, one.capability, params.level)),
            )
            for one in shown
        ),
    )


def _points(line: Line, capability: str, level: float) -> Iterator[CurvePoint]:
    inside = line.grid.of(capability)
    for at, scores in enumerate(line.grid.scores[:, inside], start=1):
        known = scores[~np.isnan(scores)]
        if len(known) >= 2:
            variance = float(known.var(ddof=1))
            mean = mean_interval(float(known.mean()), variance, len(known), level=level)
            ends = {"lo": max(mean.lo, 0.0), "hi": min(mean.hi, 1.0)}
            yield CurvePoint(x=float(at), y=Estimate(value=mean.estimate, **ends), n=len(known))


def _lost(found: list[Line], params: Params) -> list[_Lost]:
    """Return every capability with what it lost, alarms first, then the largest loss."""
    lost: list[_Lost] = []
    for line in found:
        for name in line.grid.names:
            inside = line.grid.of(name)
            if inside.sum() < params.min_cases:
                continue
            scores = line.grid.scores[:, inside]
            forgot = forgetting(scores, line.halves[inside])
            if forgot is None or len(forgot.items) < params.min_cases:
                continue
            after = scores[-1, forgot.items]
            change = paired(
                after - forgot.differences,
                after,
                line.grid.clusters[inside][forgot.items],
                params.level,
                is_single=bool(line.grid.is_single.all()),
            )
            lost.append(_Lost(line, name, change, forgot.best))
    family = benjamini_hochberg([one.change.p_fall for one in lost])
    judged = [
        replace(one, adjusted=adjusted, status=_status(one.change, adjusted, params))
        for one, adjusted in zip(lost, family.adjusted.tolist(), strict=True)
    ]
    order = [Status.FAIL, Status.WARN, Status.NOT_ENOUGH_DATA, Status.PASS]
    return sorted(
        judged, key=lambda one: (order.index(one.status), one.change.mean, one.capability)
    )


def _status(change: Change, adjusted: float, params: Params) -> Status:
    if 100 * change.mean <= -params.margin_pp and adjusted <= params.q_warn:
        return Status.FAIL if adjusted <= params.q_fail else Status.WARN
    is_shown = 100 * change.lo > -params.margin_pp
    return Status.PASS if is_shown else Status.NOT_ENOUGH_DATA


def _whole(feature: Feature, day: date, lost: list[_Lost], params: Params) -> Finding:
    worst, k = lost[0], len(lost)
    line = worst.line
    alarms = [one for one in lost if one.status in {Status.FAIL, Status.WARN}]
    unsure = [one for one in lost if one.status is Status.NOT_ENOUGH_DATA]
    said = f"Checkpoint {len(line.runs)} of {len(line.runs)}, {line.runs[-1].dated(day)}: "
    most = f"{one_line(worst.capability)} {worst.change.in_points()} against {_best(worst)}"
    if alarms:
        said += f"forgotten {len(alarms)} of {k} capabilities "
        said += f"({listed([one.capability for one in alarms])}), the most {most}"
    elif unsure:
        said += f"cannot tell for {len(unsure)} of {k} capabilities "
        said += f"({listed([one.capability for one in unsure])}) whether "
        said += f"{params.margin_pp:g} pp were forgotten, the most {most}"
    else:
        said += f"none of {k} capabilities lost {params.margin_pp:g} pp, the most {most}"
    target = feature.target_capability
    said += f"; {_transfer(line, target)}; {_flips(line, params)}"
    return Finding(
        status=worst.status,
        message=f"{said}.",
        n=sum(one.change.n for one in lost),
        value=100 * worst.change.mean,
        lo=100 * worst.change.lo,
        hi=100 * worst.change.hi,
        threshold=-params.margin_pp,
        unit="pp",
        p_value=min(one.adjusted for one in lost),
        action=_action(worst) if alarms else "",
        evidence_sql=line.sql(worst.capability) if alarms else "",
    )


def _segment(day: date, one: _Lost, n_lines: int, params: Params) -> Finding:
    change, suite_id = one.change, one.line.runs[-1].suite_id
    return Finding(
        status=one.status,
        segment=f"{suite_id}: {one.capability}" if n_lines > 1 else one.capability,
        message=f"{one_line(one.capability)} fell from {change.before:.3f} at the best of "
        f"{len(one.line.runs) - 1} earlier checkpoints ({_best(one)}) to {change.after:.3f}, "
        f"{change.in_points()} on {change.n} cases; {params.margin_pp:g} pp are tolerated: "
        f"{one.line.runs[-1].dated(day)}.",
        n=change.n,
        value=100 * change.mean,
        lo=100 * change.lo,
        hi=100 * change.hi,
        threshold=-params.margin_pp,
        unit="pp",
        p_value=one.adjusted,
        action=_action(one),
        evidence_sql=one.line.sql(one.capability),
    )


def _best(one: _Lost) -> str:
    names = [f"{one.line.runs[at].words} of {one.line.runs[at].day}" for at in one.best]
    return " and ".join(dict.fromkeys(names))


def _action(one: _Lost) -> str:
    return (
        f"Go back to {_best(one)} for {one_line(one.capability)}, or mix its examples into the "
        "training data of the next checkpoint."
    )


def _transfer(line: Line, target: str | None) -> str:
    """Say the mean change of the capabilities since the first checkpoint that has them."""
    names = [name for name in line.grid.names if name != target]
    means = np.full((len(line.runs), len(names)), np.nan)
    for column, name in enumerate(names):
        scores = line.grid.scores[:, line.grid.of(name)]
        n = (~np.isnan(scores)).sum(axis=1)
        total = np.where(np.isnan(scores), 0.0, scores).sum(axis=1)
        np.divide(total, n, out=means[:, column], where=n > 0)
    first = (~np.isnan(means)).argmax(axis=0)
    moved = backward_transfer(means, first)
    if not isfinite(moved):
        return "backward transfer is not known"
    return f"backward transfer since the first checkpoint is {100 * moved:+.1f} pp"


def _flips(line: Line, params: Params) -> str:
    before, after = line.grid.scores[-2:]
    both = ~np.isnan(before) & ~np.isnan(after)
    if not both.any():
        return "no case was scored by the checkpoint before"
    found = flips(before[both] >= params.pass_score, after[both] >= params.pass_score)
    relative = f", {found.relative:.0%} of unrelated models'" if isfinite(found.relative) else ""
    return (
        f"{found.negative:.1%} of {found.n} cases went from passed to failed since the checkpoint "
        f"before{relative}"
    )
