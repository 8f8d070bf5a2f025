"""Narrow gain: the target capability rose while the others fell, or were not looked at.

Why it matters
    A tune that wins its own benchmark is easy to believe in. If the rest of the work got worse,
    or nobody ran it, the gain is a trade that no one agreed to.
How it is found
    `target_capability` of the feature says what the tune was for. The newest tuned run is paired
    case by case with its base (as in `capability_regression`): once on the cases of the target,
    once on all others together. Where the target rose (one-sided p at most `p_gain`): FAIL when
    the others fell by more than `margin_pp` with p at most `p_fail`, WARN below `p_warn`, or when
    less than `min_breadth` of the suites' other cases were run. It passes where the interval
    excludes such a fall, or a gain of the target.
How to mend it
    Weigh the gain against the loss in the users' own mix of requests. Mix other tasks into the
    training data, or route only the target's requests to the tuned model.
What it cannot see
    Other capabilities that fall while more of them rise: `capability_regression` looks at each.
    What the suite has no cases for: see `untested_capability`.
Source
    Kirkpatrick et al. (2017), PNAS 114:3521-3526; Luo et al. (2023), "An Empirical Study of
    Catastrophic Forgetting in Large Language Models During Continual Fine-tuning",
    arXiv:2308.08747.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.generalization._changes import (
    Change,
    cases_sql,
    compare,
    n_live,
    one_line,
    pooled,
)
from llmops_health.health.generalization._runs import newest_pairs, nothing_to_compare

HISTORY_DAYS = 365


class Params(CheckParams):
    """Settings of this check."""

    margin_pp: float = Field(
        default=2.0, ge=0, le=100, description="Tolerated fall of the others (pp of their score)."
    )
    p_gain: float = Field(
        default=0.025, gt=0, lt=1, description="One-sided p below which the target rose."
    )
    p_fail: float = Field(
        default=0.0003,
        gt=0,
        lt=1,
        description="False alarms per pair of runs: a finding stands while they are the newest.",
    )
    p_warn: float = Field(default=0.02, gt=0, lt=1, description="As p_fail, for a look.")
    min_cases: int = Field(default=5, ge=2, description="Cases that target and others need.")
    min_breadth: float = Field(
        default=0.5, ge=0, le=1, description="Share of the other cases that must have been run."
    )
    max_age_days: int = Field(
        default=90, ge=1, le=365, description="Days for which a tuned run is judged."
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the intervals.")


def check(
    feature: Feature,
    day: date,
    core__eval_runs: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__eval_errors: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding: the target against all other capabilities."""
    target = feature.target_capability
    if target is None:
        yield not_applicable("The feature names no target_capability: what a tune was for.")
        return
    found = newest_pairs(core__eval_runs, day, params.max_age_days)
    if not found.pairs:
        yield nothing_to_compare(found, day, params.max_age_days)
        return
    compared = [
        compare(pair, summary__eval_items, summary__eval_errors, core__eval_cases)
        for pair in found.pairs
    ]
    ours = [one.grid.of(target) & one.is_both for one in compared]
    others = [~one.grid.of(target) & one.is_both for one in compared]
    n_ours, n_others = (sum(int(which.sum()) for which in side) for side in (ours, others))
    said = f"{found.pairs[0].dated(day)}: {one_line(target)}"
    if n_ours < params.min_cases:
        yield not_enough_data(
            n_ours,
            f"{said} was scored by both runs on {n_ours} cases without an error, "
            f"{params.min_cases} are needed.",
        )
        return
    gain = pooled(compared, ours, params.level)
    said += f" went from {gain.before:.3f} to {gain.after:.3f}, {gain.in_points()}"
    if gain.p_rise > params.p_gain:
        yield _no_gain(gain, said, params)
        return
    live = [n_live(core__eval_cases, pair.tuned) for pair in found.pairs]
    n_all = sum(n for counted in live for name, n in counted.items() if name != target)
    if n_others < params.min_cases or n_others < params.min_breadth * n_all:
        yield Finding(
            status=Status.WARN,
            message=f"{said}, and the other capabilities were not looked at: {n_others} of "
            f"their {max(n_all, n_others)} cases were scored by both runs.",
            n=n_others,
            value=float(n_others),
            threshold=max(float(params.min_cases), params.min_breadth * n_all),
            unit="cases",
            action="Run the whole suite on the tuned model and its base before it is released.",
            evidence_sql=cases_sql(found.pairs[0]),
        )
        return
    rest = pooled(compared, others, params.level)
    status = _status(rest, params)
    alarm = status in {Status.FAIL, Status.WARN}
    if status is Status.NOT_ENOUGH_DATA:
        said += "; cannot tell whether the price was a fall"
    yield Finding(
        status=status,
        message=f"{said}; the others went from {rest.before:.3f} to {rest.after:.3f} on {rest.n} "
        f"cases, {rest.in_points()}, {params.margin_pp:g} pp are tolerated.",
        n=rest.n,
        value=100 * rest.mean,
        lo=100 * rest.lo,
        hi=100 * rest.hi,
        threshold=-params.margin_pp,
        unit="pp",
        p_value=rest.p_fall,
        action=f"Use the tuned model for {one_line(target)} only, or mix other tasks into its "
        "training data."
        if alarm
        else "",
        evidence_sql=cases_sql(found.pairs[0]) if alarm else "",
    )


def _status(rest: Change, params: Params) -> Status:
    if 100 * rest.mean <= -params.margin_pp and rest.p_fall <= params.p_warn:
        return Status.FAIL if rest.p_fall <= params.p_fail else Status.WARN
    is_shown = 100 * rest.lo > -params.margin_pp
    return Status.PASS if is_shown else Status.NOT_ENOUGH_DATA


def _no_gain(gain: Change, said: str, params: Params) -> Finding:
    is_shown = 100 * gain.hi < params.margin_pp
    return Finding(
        status=Status.PASS if is_shown else Status.NOT_ENOUGH_DATA,
        message=f"{said}: no gain that others could have paid for."
        if is_shown
        else f"{said} on {gain.n} cases: cannot tell whether it rose.",
        n=gain.n,
        value=100 * gain.mean,
        lo=100 * gain.lo,
        hi=100 * gain.hi,
        unit="pp",
        p_value=gain.p_rise,
    )
