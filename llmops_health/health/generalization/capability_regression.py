"""Capability regression: the tuned model does worse than its base on some capability.

Why it matters
    A tune is accepted for what it was made for. What it unlearned on the way is met by users who
    never asked for the tune, and an average over all cases hides it.
How it is found
    The newest run of a candidate or challenger is paired, case by case, with the newest run of a
    baseline or champion of another version on the same suite. Per capability of the eval cases:
    McNemar's mid-p test and Tango's interval where a score is right or wrong; cluster-robust
    errors (cases of one input are one cluster, trials are averaged first) and a signed-rank test
    where it is graded or repeated. Cases that ended in an error in either run are left out. One
    family holds all capabilities and one test of all but the target together (sum of z),
    Benjamini-Hochberg. FAIL below `q_fail` where the fall is also larger than `margin_pp`, WARN
    below `q_warn`. It passes only where the interval excludes a fall beyond the margin, else it
    cannot tell. The same two runs give the same answer every day.
How to mend it
    Read the cases that were lost. Mix examples of that capability into the training data, train
    less long or with a smaller rate, or keep the base for these requests. Do not release before.
What it cannot see
    Capabilities without cases, and falls smaller than the suite can show: see
    `untested_capability`. An older candidate once a newer one has run. Whether base and tuned
    were given the same prompt and settings; the message says which of the known ones differ.
Source
    Tango (1998), Statistics in Medicine 17; Fagerland, Lydersen and Laake (2013), BMC Med. Res.
    Methodol. 13:91; Miller (2024), arXiv:2411.00640.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Forest, ForestRow
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    not_enough_data,
)
from llmops_health.health.generalization._changes import (
    Change,
    Comparison,
    cases_sql,
    compare,
    listed,
    one_line,
)
from llmops_health.health.generalization._runs import newest_pairs, nothing_to_compare
from llmops_health.kernels.combined_tests import sum_of_z
from llmops_health.kernels.multiplicity import benjamini_hochberg

HISTORY_DAYS = 365

_ACTION = (
    "Do not release the tuned model: read the cases it lost, and mix examples of the capability "
    "into its training data."
)


class Params(CheckParams):
    """Settings of this check."""

    margin_pp: float = Field(
        default=2.0, ge=0, le=100, description="Tolerated fall of a capability (pp of its score)."
    )
    q_fail: float = Field(
        default=0.0003,
        gt=0,
        lt=1,
        description="Expected share of false alarms among capabilities that fail: a finding "
        "stands for as long as its runs are the newest.",
    )
    q_warn: float = Field(
        default=0.02, gt=0, lt=1, description="As q_fail, for a look: eight lost cases of eight."
    )
    min_cases: int = Field(
        default=5, ge=2, description="Cases of a capability to test it: five losses have p 0.016."
    )
    max_age_days: int = Field(
        default=90,
        ge=1,
        le=365,
        description="Days for which a tuned run is judged: then it is in use, or was given up.",
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Coverage of the intervals.")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A capability of a suite, its change, and its p-value once the family is allowed for."""

    comparison: Comparison
    capability: str
    change: Change
    adjusted: float
    status: Status


@dataclass(frozen=True, slots=True)
class _Answer:
    """All capabilities, the worst first, and the test of all but the target together."""

    judged: tuple[_Judged, ...]
    p_together: float
    together: Status
    n_errors: int
    n_suites: int

    def of(self, *statuses: Status) -> list[_Judged]:
        return [one for one in self.judged if one.status in statuses]

    def segment(self, one: _Judged) -> str:
        suite_id = one.comparison.pair.tuned.suite_id
        return f"{suite_id}: {one.capability}" if self.n_suites > 1 else one.capability


def check(
    feature: Feature,
    day: date,
    core__eval_runs: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__eval_errors: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all capabilities, then one for each that fell."""
    found = newest_pairs(core__eval_runs, day, params.max_age_days)
    if not found.pairs:
        yield nothing_to_compare(found, day, params.max_age_days)
        return
    compared = [
        compare(pair, summary__eval_items, summary__eval_errors, core__eval_cases)
        for pair in found.pairs
    ]
    answer = _answer(feature, compared, params)
    if answer is None:
        n = sum(int(one.is_both.sum()) for one in compared)
        yield not_enough_data(
            n,
            f"{compared[0].pair.dated(day)}: {n} cases were scored by both without an error, no "
            f"capability has {params.min_cases}.",
        )
        return
    yield _whole(day, answer, params)
    for one in answer.of(Status.FAIL, Status.WARN):
        yield _segment(day, one, answer, params)


def figure(
    feature: Feature,
    day: date,
    core__eval_runs: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__eval_items: pl.DataFrame,
    summary__eval_errors: pl.DataFrame,
    params: Params,
) -> Forest | None:
    """Show the change of every capability, the worst first, against the margin."""
    found = newest_pairs(core__eval_runs, day, params.max_age_days)
    compared = [
        compare(pair, summary__eval_items, summary__eval_errors, core__eval_cases)
        for pair in found.pairs
    ]
    answer = _answer(feature, compared, params)
    if answer is None:
        return None
    fell = [one for one in answer.judged if one.status in {Status.FAIL, Status.WARN}]
    unsure = answer.of(Status.NOT_ENOUGH_DATA)
    pair = answer.judged[0].comparison.pair
    return Forest(
        title="Score of each capability, tuned against base",
        description=f"{pair.dated(day)}: of {len(answer.judged)} capabilities {len(fell)} fell, "
        f"{len(unsure)} cannot be told at a margin of {params.margin_pp:g} pp.",
        measure="Change of the score",
        unit="pp",
        rows=tuple(
            ForestRow(
                label=one_line(answer.segment(one)),
                effect=Estimate(
                    value=100 * one.change.mean,
                    lo=100 * one.change.lo,
                    hi=100 * one.change.hi,
                ),
                n=one.change.n,
                answer=_in_figure(one.status),
            )
            for one in answer.judged
        ),
        zone_lo=-params.margin_pp,
    )


def _answer(feature: Feature, compared: list[Comparison], params: Params) -> _Answer | None:
    tested = [
        (one, name, change)
        for one in compared
        for name, change in one.changes(params.level, params.min_cases).items()
    ]
    if not tested:
        return None
    p_fall = [change.p_fall for _, _, change in tested]
    others = [change for _, name, change in tested if name != feature.target_capability]
    p_together = sum_of_z([one.p_fall for one in others]) if len(others) > 1 else 1.0
    n_others = sum(one.n for one in others)
    mean = sum(one.mean * one.n for one in others) / max(n_others, 1)
    family = benjamini_hochberg([*p_fall, p_together] if len(others) > 1 else p_fall)
    judged = [
        _Judged(one, name, change, adjusted, _status(change, adjusted, params))
        for (one, name, change), adjusted in zip(tested, family.adjusted.tolist(), strict=False)
    ]
    together = float(family.adjusted[-1]) if len(others) > 1 else 1.0
    return _Answer(
        judged=tuple(sorted(judged, key=lambda one: (one.change.mean, one.capability))),
        p_together=together,
        together=_alarm(mean, together, params),
        n_errors=sum(one.n_errors for one in compared),
        n_suites=len(compared),
    )


def _alarm(mean: float, adjusted: float, params: Params) -> Status:
    if 100 * mean > -params.margin_pp or adjusted > params.q_warn:
        return Status.PASS
    return Status.FAIL if adjusted <= params.q_fail else Status.WARN


def _status(change: Change, adjusted: float, params: Params) -> Status:
    alarm = _alarm(change.mean, adjusted, params)
    is_shown = 100 * change.lo > -params.margin_pp
    return alarm if alarm is not Status.PASS or is_shown else Status.NOT_ENOUGH_DATA


def _in_figure(status: Status) -> Literal["moved", "fine", "cannot tell"]:
    if status is Status.PASS:
        return "fine"
    return "cannot tell" if status is Status.NOT_ENOUGH_DATA else "moved"


def _whole(day: date, answer: _Answer, params: Params) -> Finding:
    failed, warned = answer.of(Status.FAIL), answer.of(Status.WARN)
    unsure = answer.of(Status.NOT_ENOUGH_DATA)
    statuses = {answer.together, *(one.status for one in answer.judged)}
    order = (Status.FAIL, Status.WARN, Status.NOT_ENOUGH_DATA, Status.PASS)
    status = next(one for one in order if one in statuses)
    worst = [*failed, *warned, *unsure, *answer.judged][0]
    n = sum(one.change.n for one in answer.judged)
    k = len(answer.judged)
    said = worst.comparison.pair.dated(day)
    worst_said = f"{one_line(worst.capability)} {worst.change.in_points()}"
    is_alarm = status in {Status.FAIL, Status.WARN}
    if failed or warned:
        names = listed([answer.segment(one) for one in [*failed, *warned]])
        message = f"{said}: {len(failed) + len(warned)} of {k} capabilities fell ({names}), "
        message += f"the most {worst_said}"
    elif is_alarm:
        message = f"{said}: no single capability fell clearly, but together {k} did, the most "
        message += worst_said
    elif unsure:
        seen = max(one.change.smallest for one in unsure)
        message = f"{said}: cannot tell for {len(unsure)} of {k} capabilities "
        message += f"({listed([answer.segment(one) for one in unsure])}) whether they fell by "
        message += (
            f"{params.margin_pp:g} pp; a fall of {100 * seen:.1f} pp or more would show in all"
        )
    else:
        message = f"{said}: none of {k} capabilities fell by {params.margin_pp:g} pp on {n} cases, "
        message += f"the lowest is {worst_said}"
    if answer.n_errors:
        message += f"; {answer.n_errors} cases that ended in an error are left out"
    return Finding(
        status=status,
        message=f"{message}.",
        n=n,
        value=100 * worst.change.mean,
        lo=100 * worst.change.lo,
        hi=100 * worst.change.hi,
        threshold=-params.margin_pp,
        unit="pp",
        p_value=min(answer.p_together, *(one.adjusted for one in answer.judged)),
        action=_ACTION if is_alarm else "",
        evidence_sql=cases_sql(worst.comparison.pair) if is_alarm else "",
    )


def _segment(day: date, one: _Judged, answer: _Answer, params: Params) -> Finding:
    change = one.change
    return Finding(
        status=one.status,
        segment=answer.segment(one),
        message=f"{one_line(one.capability)} fell from {change.before:.3f} to {change.after:.3f} "
        f"on {change.n} cases, {change.in_points()}; {params.margin_pp:g} pp are tolerated: "
        f"{one.comparison.pair.dated(day)}.",
        n=change.n,
        value=100 * change.mean,
        lo=100 * change.lo,
        hi=100 * change.hi,
        threshold=-params.margin_pp,
        unit="pp",
        p_value=one.adjusted,
        action=_ACTION,
        evidence_sql=cases_sql(one.comparison.pair, one.capability),
    )
