"""Unpinned step: a step of the training signal cannot be repeated, because nobody knows what ran.

Why it matters
    When a model turns out bad, the question is which step did it. A step without its code, its
    parameters or its environment cannot be run again, so the question stays open.
How it is found
    Of every step in force the ledger must hold: code_sha256; from the first filter on also params
    and env_sha256; of a relabelling step prompt_version; of a promotion or a revert who did it
    (actor). Params may be empty, but must be there. WARN where one is missing.
How to mend it
    Write the step through `llmops_health.ledger`, which records all of it; of a step in another
    language write the same columns. Name the label prompt's version in a relabelling step.
What it cannot see
    Whether a hash is the right one; data that a step reads past the ledger; random seeds that are
    no parameter.
Source
    What a step must record to be repeated follows SLSA v1.0, "Provenance": buildDefinition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._ledger import Step

HISTORY_DAYS = _ledger.RECENT_DAYS

_WORK = ("code_sha256", "params", "env_sha256")
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("code_sha256",),
    "relabel": (*_WORK, "prompt_version"),
    "promote": ("actor",),
    "revert": ("actor",),
}


class Params(CheckParams):
    """Settings of this check."""

    max_unpinned: int = Field(
        default=0, ge=0, description="Steps that may lack something: none can be told later."
    )
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all pipelines of the feature together."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    if not steps:
        yield _ledger.silence(feature)
        return
    judged = _ledger.in_force(steps, day, params.window_days)
    if not judged:
        yield _ledger.nothing_new(len(steps), params.window_days)
        return
    lacking = [(step, lacks) for step in judged if (lacks := what_lacks(step))]
    yield _finding(judged, lacking, params)


def what_lacks(step: Step) -> list[str]:
    """Return the fields without which a step cannot be repeated, of those that it lacks."""
    return [name for name in _NEEDS.get(step.op, _WORK) if getattr(step, name) is None]


def _finding(judged: list[Step], lacking: list[tuple[Step, list[str]]], params: Params) -> Finding:
    status = Status.WARN if len(lacking) > params.max_unpinned else Status.PASS
    message = f"All {len(judged)} ledger steps say what ran."
    if lacking:
        counts = Counter(name for _, lacks in lacking for name in lacks)
        listed = ", ".join(f"{name} {n} times" for name, n in counts.most_common())
        first, of_first = lacking[0]
        message = (
            f"{len(lacking)} of {len(judged)} ledger steps cannot be repeated ({listed} missing),"
            f" the first is {first.name} without {', '.join(of_first)}."
        )
    return Finding(
        status=status,
        n=len(judged),
        message=message,
        value=float(len(lacking)),
        threshold=float(params.max_unpinned),
        unit="steps",
        action="Record code, params and environment of these steps, for example with"
        " llmops_health.ledger, and the version of the label prompt."
        if status is Status.WARN
        else "",
        evidence_sql=_ledger.evidence(
            (step for step, _ in lacking),
            "code_ref, code_sha256, params, env_sha256, prompt_version, actor",
        )
        if status is Status.WARN
        else "",
    )
