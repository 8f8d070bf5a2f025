"""Label flips: a step rewrote more labels than it should have.

Why it matters
    A relabelling prompt that takes one class for another teaches the model exactly that. The loss
    falls, the evals made with the same prompt rise, and users get wrong answers.
How it is found
    Of every step in force the share of labels that it changed, with an exact interval: from
    `labels_flipped`, or from the class counts where rows stayed the same (half of what the counts
    differ is the least that can have been flipped). FAIL when the whole interval lies above
    `max_flip_share` for a relabelling step, or when a step says it flipped fewer labels than its
    class counts differ by. Steps with a `reason` in their params only WARN. WARN when any other
    step changes more than `max_stray_share`. Where single rows carry labels under two template
    versions (`label_out` of ledger_rows), their agreement (Gwet's AC1) is judged, and WARNs when
    its whole interval is below `min_agreement`.
How to mend it
    Read the flipped rows of the class named, mend the label prompt, run the step again; or record
    why so many labels had to change (`params={"reason": ...}`).
What it cannot see
    Flips that cancel where only class counts are known; whether the old or the new label is right;
    labels changed before the ledger begins.
Source
    Clopper and Pearson (1934), Biometrika 26; Gwet (2008), Br. J. Math. Stat. Psychol. 61.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

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
from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._labels import PairTable, pair_tables, worst_flip
from llmops_health.health.provenance._ledger import MAKES_A_MODEL, Step
from llmops_health.kernels.agreement import two_rater_agreement
from llmops_health.kernels.intervals import Interval, clopper_pearson_interval

HISTORY_DAYS = _ledger.RECENT_DAYS


class Params(CheckParams):
    """Settings of this check."""

    max_flip_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Labels a relabelling may change (share): people disagree that often.",
    )
    max_stray_share: float = Field(
        default=0.001,
        ge=0,
        le=1,
        description="Labels any other step may change (share): it has no business with them.",
    )
    min_agreement: float = Field(
        default=0.7, ge=-1, le=1, description="AC1 of two template versions on the same rows."
    )
    level: float = Field(
        default=0.998, gt=0, lt=1, description="Coverage of intervals: judged every day."
    )
    min_rows: int = Field(default=50, ge=2, description="Rows that a step or a pair needs.")
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


@dataclass(frozen=True, slots=True)
class Flips:
    """What a step changed; `n` None: it does not say, and class counts do not tell."""

    step: Step
    n: int | None
    least: int
    share: Interval | None


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    summary__relabels: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield a finding on flips, and one on template versions where rows share both."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    if not steps:
        yield _ledger.silence(feature)
        return
    judged = [
        one
        for one in _ledger.in_force(steps, day, params.window_days)
        if one.op not in MAKES_A_MODEL and one.rows_in >= params.min_rows
    ]
    if not judged:
        yield _ledger.nothing_new(len(steps), params.window_days)
        return
    pairs = pair_tables(_ledger.before(summary__relabels, day))
    yield _on_flips([flips_of(step, params) for step in judged], pairs, params)
    yield from _on_versions(judged, pairs, params)


def flips_of(step: Step, params: Params) -> Flips:
    """Return how many labels a step changed, as far as it or its class counts tell."""
    least = _least_flips(step)
    n = step.flipped if step.flipped is not None else least or None
    if n is None and step.op != "relabel" and step.classes_in and step.classes_out:
        n = 0
    if n is None:
        return Flips(step, None, least, None)
    of = min(max(n, least), step.rows_in)
    share = clopper_pearson_interval(of, step.rows_in, level=params.level)
    return Flips(step, n, least, share)


def _least_flips(step: Step) -> int:
    """Return how many labels must have changed, by the class counts of rows that all stayed."""
    before, after = step.classes_in, step.classes_out
    if before is None or after is None or sum(before.values()) != sum(after.values()):
        return 0
    if step.dropped or step.created or step.rows_in != step.rows_out:
        return 0
    return sum(max(0, n - before.get(name, 0)) for name, n in after.items())


def _on_flips(found: Sequence[Flips], pairs: list[PairTable], params: Params) -> Finding:
    silent = [one for one in found if one.share is None and one.step.op == "relabel"]
    told = [one for one in found if one.share is not None]
    ranked = sorted(told, key=lambda one: -gravity_of(one, params))
    if not ranked and not silent:
        return not_applicable("No ledger step relabels, or tells of labels.")
    if not ranked or (silent and gravity_of(ranked[0], params) == 0):
        names = ", ".join(one.step.name for one in silent[:3])
        return not_enough_data(
            len(found), f"How many labels were changed is not recorded: {names}."
        )
    worst = ranked[0]
    gravity, share, step = gravity_of(worst, params), worst.share, worst.step
    status = {2: Status.FAIL, 1: Status.WARN}.get(gravity, Status.PASS)
    limit = params.max_flip_share if step.op == "relabel" else params.max_stray_share
    assert share is not None  # noqa: S101 - only told ones are ranked
    message = (
        f"{step.name} changed {100 * share.estimate:.1f} % [{100 * share.lo:.1f},"
        f" {100 * share.hi:.1f}] of {step.rows_in:,} labels, {100 * limit:.1f} % are expected at"
        " most"
    )
    if step.flipped is not None and worst.least > step.flipped:
        message = (
            f"{step.name} says it changed {step.flipped:,} of {step.rows_in:,} labels, its class"
            f" counts differ by at least {worst.least:,}"
        )
    else:
        message += worst_flip(pairs, step)
    if step.reason and gravity:
        message += f"; the reason recorded is: {step.reason[:80]}"
    n_more = sum(gravity_of(one, params) > 0 for one in ranked) - 1
    message += f" ({n_more} more steps)." if n_more > 0 else "."
    return Finding(
        status=status,
        n=step.rows_in,
        message=message,
        value=100 * share.estimate,
        lo=100 * share.lo,
        hi=100 * share.hi,
        threshold=100 * limit,
        unit="%",
        action="Read flipped rows of this step, mend the label prompt and run it again, or record"
        " the reason in its params."
        if gravity
        else "",
        evidence_sql=_ledger.evidence(
            (one.step for one in ranked if gravity_of(one, params)),
            "rows_in, labels_flipped, class_counts_in, class_counts_out, prompt_version, params",
        )
        if gravity
        else "",
    )


def gravity_of(one: Flips, params: Params) -> int:
    """Return 2 where that is a fault, 1 where it is worth a look, else 0."""
    if one.share is None:
        return 0
    if one.step.flipped is not None and one.least > one.step.flipped:
        return 2
    if one.step.op == "relabel":
        return (1 if one.step.reason else 2) if one.share.lo > params.max_flip_share else 0
    if one.share.lo > params.max_stray_share:
        return 1
    return 0


def _on_versions(
    judged: Sequence[Step], pairs: Sequence[PairTable], params: Params
) -> Iterator[Finding]:
    """Yield one finding on the pair of versions that agrees least."""
    keys = {(one.pipeline, one.step_id): one for one in judged}
    found = []
    for pair in pairs:
        step = keys.get((pair.pipeline, pair.step_id))
        if step is None or pair.other_version is None or pair.n < params.min_rows:
            continue
        if len(pair.labels) > 1:
            agreed = two_rater_agreement(pair.counts, level=params.level)
            found.append((agreed.ac1, agreed, pair, step))
    if not found:
        return
    ac1, agreed, pair, step = min(found, key=lambda one: one[0].estimate)
    is_low = ac1.hi < params.min_agreement
    shares = np.diag(pair.counts) / np.maximum(pair.counts.sum(axis=1), 1)
    least = int(np.argmin(np.where(pair.counts.sum(axis=1) >= 10, shares, np.inf)))
    yield Finding(
        status=Status.WARN if is_low else Status.PASS,
        n=pair.n,
        segment="template versions",
        message=f"On {pair.n:,} rows that both labelled, template versions {pair.other_version} and"
        f" {pair.version} agree on {100 * agreed.percent:.1f} %, AC1 {ac1.estimate:.2f}"
        f" [{ac1.lo:.2f}, {ac1.hi:.2f}]; least on {pair.labels[least]!r}"
        f" ({100 * shares[least]:.0f} %).",
        value=ac1.estimate,
        lo=ac1.lo,
        hi=ac1.hi,
        threshold=params.min_agreement,
        unit="AC1",
        action="Have people label rows on which the versions differ, and relabel the rows of the"
        " worse version."
        if is_low
        else "",
        evidence_sql="select version, other_version, label, other_label, n from summary__relabels"  # noqa: S608 - literals only
        f" where step_id = {literal(step.step_id)} and other_version ="
        f" {literal(pair.other_version or '')} and label <> other_label"
        " order by n desc, label, other_label limit 100"
        if is_low
        else "",
    )
