"""Broken scorer: an eval result shows how the scoring failed, not what the model can do.

Why it matters
    A parser that no longer finds the answer scores everything 0, a judge that is stuck gives
    everybody the same. Both pass for a result, and a good model is thrown away or a bad one kept.
How it is found
    The newest run of each suite and role, whole and per capability with `min_cases` cases. FAIL
    where the share of cases that ended in an error exceeds `max_error_share` with its lower
    bound; where no case scored above `near_zero` though the run before on the same suite had
    `min_score_before`; and where all scores are one value strictly between 0 and 1 though scores
    varied before. WARN where there is no run before to tell; where two runs of one version with
    the same settings differ by `max_jump_pp`; and where every score became 1 at once, from
    `max_jump_pp` lower. What is held against the run before needs p at most `max_p` on the cases
    of both.
How to mend it
    Read ten outputs beside their scores. Mend the parser or the judge's prompt, score the stored
    outputs again, and only then compare versions.
What it cannot see
    Scoring that is wrong for a few cases, or wrong from the first run on at a plausible level. A
    model that truly lost everything looks the same: the outputs tell. Results of an error need
    `error_type`.
Source
    Biderman et al. (2024), "Lessons from the Trenches on Reproducible Evaluation of Language
    Models", arXiv:2405.14782.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.generalization._changes import listed, one_line
from llmops_health.health.generalization._grid import UNNAMED
from llmops_health.health.generalization._runs import Run, known_runs
from llmops_health.health.generalization._scores import SAME, Result, results
from llmops_health.kernels.intervals import clopper_pearson_interval

HISTORY_DAYS = 365

_ACTION = (
    "Read ten outputs of this run beside their scores; mend the parser or the judge, score the "
    "stored outputs again, and compare no versions until then."
)
_GRAVEST = (Status.FAIL, Status.WARN, Status.PASS)


class Params(CheckParams):
    """Settings of this check."""

    max_error_share: float = Field(
        default=0.05, ge=0, lt=1, description="Tolerated share of cases that end in an error."
    )
    near_zero: float = Field(
        default=0.02, ge=0, lt=1, description="Mean score (0-1) that is as good as none."
    )
    min_score_before: float = Field(
        default=0.2, gt=0, le=1, description="Mean score (0-1) from which a fall to none is odd."
    )
    max_jump_pp: float = Field(
        default=20.0, gt=0, le=100, description="Change (pp) that nothing explains."
    )
    max_p: float = Field(
        default=1e-4,
        gt=0,
        lt=1,
        description="Chance of such a result by luck: some tens of capabilities and runs are "
        "looked at.",
    )
    min_cases: int = Field(default=10, ge=2, description="Cases to judge a capability by.")
    min_constant: int = Field(
        default=20, ge=2, description="Cases of one value that are odd without a run before."
    )
    max_age_days: int = Field(
        default=90, ge=1, le=365, description="Days for which a run is judged."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """What is wrong with a run's scores, of one capability or ("") of all."""

    run: Run
    capability: str
    n: int
    status: Status = Status.PASS
    words: str = ""
    value: float = 0.0
    lo: float | None = None
    hi: float | None = None
    threshold: float | None = None
    unit: str = ""
    p_value: float | None = None


def check(
    feature: Feature,
    day: date,
    core__eval_runs: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__eval_errors: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all newest runs, then one per run or capability that is at fault."""
    known = known_runs(core__eval_runs, day)
    first = day - timedelta(days=params.max_age_days - 1)
    newest = {(run.suite_id, run.role): run for run in known if run.day >= first}
    if not newest:
        yield not_applicable(
            f"{feature.name or feature.id} had no eval run in {params.max_age_days} days."
        )
        return
    judged = list(newest.values())
    found = [
        of_run
        for suite_id in sorted({run.suite_id for run in judged})
        for of_run in results(
            [run for run in judged if run.suite_id == suite_id],
            known,
            core__eval_cases,
            summary__eval_items,
            summary__eval_errors,
            params.min_cases,
            params.near_zero,
        )
    ]
    faults = [fault for of_run in found for fault in _faults(of_run, params)]
    faults.sort(key=lambda one: (_GRAVEST.index(one.status), one.capability != "", -one.n))
    yield _whole(day, judged, faults, sum(one[0].n for one in found), params)
    for fault in faults:
        yield _segment(day, fault)


def _faults(of_run: list[Result], params: Params) -> Iterator[_Fault]:
    """Yield the fault of the whole run, and of capabilities unless the whole run fails."""
    for result in of_run:
        if result.n < params.min_cases:
            continue
        fault = _errors(result, params)
        if fault is None and len(result.scores) >= params.min_cases:
            fault = _fault(result, params)
        if fault is not None:
            yield fault
            if fault.status is Status.FAIL and not result.capability:
                return


def _errors(result: Result, params: Params) -> _Fault | None:
    errors = clopper_pearson_interval(result.n_errors, result.n, level=1 - 2 * params.max_p)
    if errors.lo <= params.max_error_share:
        return None
    return _Fault(
        run=result.run,
        capability=result.capability,
        n=result.n,
        status=Status.FAIL,
        words=f"{result.n_errors} of {result.n} cases ended in an error "
        f"({errors.estimate:.0%}), {params.max_error_share:.0%} are tolerated",
        value=errors.estimate,
        lo=errors.lo,
        hi=errors.hi,
        threshold=params.max_error_share,
        unit="share",
    )


def _fault(result: Result, params: Params) -> _Fault | None:
    mean = float(result.scores.mean())
    blank = _Fault(
        run=result.run,
        capability=result.capability,
        n=len(result.scores),
        value=mean,
        unit="score",
    )
    if mean <= params.near_zero:
        return _nothing_right(blank, result, params)
    if np.ptp(result.scores) <= SAME and mean < 1 - SAME:
        return _stuck(blank, result, params)
    return _jump(blank, result, params)


def _nothing_right(blank: _Fault, result: Result, params: Params) -> _Fault | None:
    words = f"{blank.n} cases score {blank.value:.3f} on average"
    change = result.change()
    if change is None:
        words += ", and no run before tells whether that can be"
        warned = replace(blank, status=Status.WARN, words=words, threshold=params.near_zero)
        return warned if blank.n >= params.min_constant else None
    if change.before < params.min_score_before or change.p_fall > params.max_p:
        return None
    return replace(
        blank,
        status=Status.FAIL,
        words=f"{words}, {change.before:.3f} on the same cases in {_before(result)}",
        threshold=params.near_zero,
        p_value=change.p_fall,
    )


def _stuck(blank: _Fault, result: Result, params: Params) -> _Fault | None:
    words = f"all {blank.n} cases score {blank.value:.3f}"
    if result.old is None:
        words += ", and no run before tells whether that can be"
        warned = replace(blank, status=Status.WARN, words=words)
        return warned if blank.n >= params.min_constant else None
    _, counts = np.unique(np.round(result.old, 9), return_counts=True)
    usual = float(counts.max() / len(result.old))
    p_value = usual**blank.n
    if p_value > params.max_p:
        return None
    return replace(
        blank,
        status=Status.FAIL,
        words=f"{words}; in {_before(result)} no score was that of more than {usual:.0%}",
        p_value=p_value,
    )


def _jump(blank: _Fault, result: Result, params: Params) -> _Fault | None:
    is_full = bool(result.scores.min() >= 1 - SAME)
    moved = result.mean_change if result.is_repeat or is_full else None
    if moved is None or 100 * abs(moved) < params.max_jump_pp:
        return None
    change = result.change()
    p_value = min(1.0, 2 * min(change.p_fall, change.p_rise)) if change else 1.0
    if change is None or p_value > params.max_p:
        return None
    who = "the same version with the same settings" if result.is_repeat else "all cases score 1: it"
    return replace(
        blank,
        n=change.n,
        status=Status.WARN,
        words=f"{who} went from {change.before:.3f} in {_before(result)} to {change.after:.3f}, "
        f"{change.in_points()}",
        value=100 * change.mean,
        lo=100 * change.lo,
        hi=100 * change.hi,
        threshold=float(np.copysign(params.max_jump_pp, change.mean)),
        unit="pp",
        p_value=p_value,
    )


def _before(result: Result) -> str:
    run = result.before
    return "no run" if run is None else f"the run of {run.day} ({run.words})"


def _whole(day: date, judged: list[Run], faults: list[_Fault], n: int, params: Params) -> Finding:
    if faults:
        worst = faults[0]
        names = listed([_name(one) for one in faults])
        return Finding(
            status=worst.status,
            message=f"In {len(judged)} newest runs the scoring seems to have failed ({names}): "
            f"{worst.words}, {worst.run.dated(day)}.",
            n=worst.n,
            value=worst.value,
            lo=worst.lo,
            hi=worst.hi,
            threshold=worst.threshold,
            unit=worst.unit,
            p_value=worst.p_value,
            action=_ACTION,
            evidence_sql=_sql(worst),
        )
    if n < params.min_cases:
        return not_enough_data(
            n, f"The {len(judged)} newest runs scored {n} cases, {params.min_cases} are needed."
        )
    newest = max(judged, key=lambda run: (run.started_at, run.eval_run_id))
    return Finding(
        status=Status.PASS,
        message=f"The scores of {len(judged)} newest runs on {n} cases are neither stuck, nor all "
        f"0, nor errors; the last is {newest.dated(day)}.",
        n=n,
    )


def _segment(day: date, fault: _Fault) -> Finding:
    return Finding(
        status=fault.status,
        segment=_name(fault),
        message=f"{one_line(_name(fault))}: {fault.words}, {fault.run.dated(day)}.",
        n=fault.n,
        value=fault.value,
        lo=fault.lo,
        hi=fault.hi,
        threshold=fault.threshold,
        unit=fault.unit,
        p_value=fault.p_value,
        action=_ACTION,
        evidence_sql=_sql(fault),
    )


def _name(fault: _Fault) -> str:
    parts = (fault.run.suite_id, fault.run.role, fault.capability)
    return " / ".join(part for part in parts if part)


def _sql(fault: _Fault) -> str:
    of_capability = ""
    if fault.capability:
        named = f"coalesce(cases.capability, {literal(UNNAMED)})"
        of_capability = f"and {named} = {literal(fault.capability)} "
    return (
        "select items.case_id, cases.capability, items.score, items.n_trials, "  # noqa: S608 - literals only
        "errors.error_type from summary__eval_items as items "
        "left join summary__eval_errors as errors on items.eval_run_id = errors.eval_run_id "
        "and items.case_id = errors.case_id "
        "left join core__eval_cases as cases on items.suite_id = cases.suite_id "
        "and items.case_id = cases.case_id "
        f"where items.eval_run_id = {literal(fault.run.eval_run_id)} {of_capability}"
        "order by errors.error_type nulls last, items.score, items.case_id limit 200"
    )
