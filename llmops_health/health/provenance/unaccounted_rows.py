"""Unaccounted rows: rows vanish from the training signal, or appear in it, and no step says why.

Why it matters
    A join that loses a customer segment, or a filter that runs twice, changes what the model
    learns, and every later number looks fine. Rows that appear from nowhere are worse.
How it is found
    Each step must add up: rows out = rows in - dropped + created. Between steps, what was read
    must be what was made: the same number of rows and, where single rows were recorded, the same
    rows (their multiset hash). Single rows that are recorded for `whole_share` of a step or more
    must be recorded for all of it. FAIL where more than `max_rows` rows cannot be explained. WARN
    where a step does not say how many rows it dropped or created, or trains on fewer than it was
    given: then nobody can tell.
How to mend it
    Open the step named in the finding, count what its filters and joins drop, and record it
    (`step.dropped(n, reason)`). Run the pipeline again from there.
What it cannot see
    Rows that were lost and recorded as dropped on purpose; rows changed in place (`label_flips`);
    what happens inside a training or a promotion; a pipeline that writes no ledger.
Source
    Multiset hashes: Clarke et al. (2003), "Incremental multiset hash functions", ASIACRYPT.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Flow, Flows
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._fates import Fates, Key, fates_of, is_whole, of_step
from llmops_health.health.provenance._ledger import MAKES_A_MODEL, Step

HISTORY_DAYS = _ledger.RECENT_DAYS


class Params(CheckParams):
    """Settings of this check."""

    max_rows: int = Field(
        default=0, ge=0, description="Rows that may be unexplained: counting has no noise."
    )
    whole_share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="From this share on recorded rows are meant to be all: below, a sample.",
    )
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of one step that are not explained; `is_certain`: no missing number could explain it."""

    step: Step
    n_rows: int
    is_certain: bool
    words: str


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    core__artifacts: pl.DataFrame,
    summary__ledger_fates: pl.DataFrame,
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
    fates = fates_of(_ledger.before(summary__ledger_fates, day), _ledger.names_of(steps))
    sizes = _sizes(_ledger.artifacts(core__artifacts, day))
    faults = faults_of(judged, steps, fates, sizes, params)
    yield _finding(judged, faults, params)


def figure(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    core__artifacts: pl.DataFrame,
    summary__ledger_fates: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Flows | None:
    """Return the rows through the longest pipeline's newest run; lost ones are marked."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    judged = _ledger.in_force(steps, day, params.window_days)
    if not judged:
        return None
    fates = fates_of(_ledger.before(summary__ledger_fates, day), _ledger.names_of(steps))
    sizes = _sizes(_ledger.artifacts(core__artifacts, day))
    faults = faults_of(judged, steps, fates, sizes, params)
    chosen = faults[0].step.pipeline if faults else _longest(judged)
    shown = [one for one in judged if one.pipeline == chosen and one.op not in MAKES_A_MODEL]
    if len(shown) < 2:
        return None
    return Flows(
        title=f"Rows through {chosen}",
        description=_described(faults, len(judged)),
        steps=tuple(_label(one) for one in shown),
        flows=tuple(_flows(shown)),
    )


def faults_of(
    judged: Sequence[Step],
    steps: Sequence[Step],
    fates: Mapping[Key, Fates],
    sizes: Mapping[str, int],
    params: Params,
) -> list[Fault]:
    """Return the faults, certain ones first, then those of most rows."""
    made = _ledger.makers(steps)
    found: list[Fault] = []
    for step in judged:
        fate = of_step(fates, step.pipeline, step.step_id)
        found += _within(step)
        found += _handed_over(step, made, fates, sizes, fate)
        found += _recorded(step, fate, params)
    found = [fault for fault in found if fault.n_rows > params.max_rows]
    return sorted(found, key=lambda fault: (not fault.is_certain, -fault.n_rows))


def _within(step: Step) -> Iterator[Fault]:
    """Weigh a step's rows out against its rows in."""
    if step.op in MAKES_A_MODEL or (step.op == "ingest" and step.rows_in == 0):
        return
    left = step.rows_out - (step.rows_in - (step.dropped or 0) + (step.created or 0))
    if left < 0:
        certain, what = step.dropped is not None, "vanish"
        known = f"{step.dropped or 0:,} dropped"
    else:
        certain, what = step.created is not None, "appear"
        known = f"{step.created or 0:,} created"
    if left:
        said = f"{known} are recorded" if certain else f"how many were {known.split()[1]} is not"
        yield Fault(
            step,
            abs(left),
            certain,
            f"{abs(left):,} rows {what} in {step.name}: {step.rows_in:,} in, {step.rows_out:,} out,"
            f" {said}{'' if certain else ' recorded'}",
        )


def _handed_over(
    step: Step,
    made: Mapping[str, Sequence[Step]],
    fates: Mapping[Key, Fates],
    sizes: Mapping[str, int],
    fate: Fates,
) -> Iterator[Fault]:
    """Weigh what a step read against what was made for it."""
    given: int | None = 0
    before: Step | None = None
    for name in dict.fromkeys(step.inputs):
        before = _ledger.maker(made, name, step)
        n_rows = sizes.get(name)
        if before is not None and before.op not in MAKES_A_MODEL | {"split"}:
            n_rows = before.rows_out
        given = None if given is None or n_rows is None else given + n_rows
    if not step.inputs or given is None or step.op in {"promote", "revert"}:
        return
    short = given - step.rows_in
    if short:
        certain = step.op != "train" or short < 0
        way = "vanish before" if short > 0 else "appear before"
        yield Fault(
            step,
            abs(short),
            certain,
            f"{abs(short):,} rows {way} {step.name}: its inputs hold {given:,}, it read"
            f" {step.rows_in:,}",
        )
        return
    if before is None or len(set(step.inputs)) > 1:
        return
    of_before = of_step(fates, before.pipeline, before.step_id)
    both_whole = of_before.n_out == before.rows_out and fate.n_in == step.rows_in > 0
    both_named = None not in (of_before.hash_out, fate.hash_in)
    if both_whole and both_named and of_before.hash_out != fate.hash_in:
        yield Fault(
            step,
            fate.n_in,
            is_certain=True,
            words=f"the {step.rows_in:,} rows that {step.name} read are not those that"
            f" {before.name} made, though as many",
        )


def _recorded(step: Step, fate: Fates, params: Params) -> Iterator[Fault]:
    """Weigh the rows that were recorded one by one against the step's own counts."""
    if step.op in MAKES_A_MODEL:
        return
    for n, total, side in ((fate.n_in, step.rows_in, "read"), (fate.n_out, step.rows_out, "left")):
        if n != total and is_whole(n, total, params.whole_share):
            yield Fault(
                step,
                abs(total - n),
                is_certain=True,
                words=f"{step.name} {side} {total:,} rows and accounts for {n:,} of them one by"
                " one",
            )


def _finding(judged: Sequence[Step], faults: Sequence[Fault], params: Params) -> Finding:
    certain = [fault for fault in faults if fault.is_certain]
    status = Status.FAIL if certain else Status.WARN if faults else Status.PASS
    n_rows = sum(fault.n_rows for fault in certain or faults)
    worst = faults[0] if faults else None
    return Finding(
        status=status,
        n=len(judged),
        message=_described(faults, len(judged)),
        value=float(n_rows),
        threshold=float(params.max_rows),
        unit="rows",
        action=(
            f"Open {worst.step.code_ref or worst.step.name}, count what it drops and creates,"
            " record it, and run the pipeline again from there."
            if worst
            else ""
        ),
        evidence_sql=_ledger.evidence(
            (fault.step for fault in faults),
            "rows_in, rows_dropped, rows_created, rows_out, input_artifacts, output_artifact",
        )
        if faults
        else "",
    )


def _described(faults: Sequence[Fault], n_steps: int) -> str:
    if not faults:
        return f"All rows of {n_steps} ledger steps are accounted for."
    words = faults[0].words
    more = f" ({len(faults) - 1} more such faults)" if len(faults) > 1 else ""
    return f"{words[0].upper()}{words[1:]}{more}."


def _sizes(artifacts: pl.DataFrame) -> dict[str, int]:
    known = artifacts.filter(pl.col("n_rows").is_not_null() & (pl.col("kind") != "checkpoint"))
    return dict(known.select("artifact_sha256", "n_rows").iter_rows())


def _longest(judged: Sequence[Step]) -> str:
    counts: dict[str, int] = {}
    for step in judged:
        counts[step.pipeline] = counts.get(step.pipeline, 0) + 1
    return max(sorted(counts), key=lambda one: counts[one])


def _label(step: Step) -> str:
    return f"{step.seq} {step.op}"


def _flows(shown: Sequence[Step]) -> Iterator[Flow]:
    for at, step in enumerate(shown):
        label = _label(step)
        following = shown[at + 1] if at + 1 < len(shown) else None
        if at == 0 and step.rows_in:
            yield Flow(source="inputs", to=label, n=step.rows_in, why="read")
        yield Flow(source="new rows", to=label, n=step.created or 0, why="created")
        yield Flow(source=label, to=None, n=step.dropped or 0, why="dropped")
        left = step.rows_in - (step.dropped or 0) + (step.created or 0) - step.rows_out
        is_entry = step.op == "ingest" and step.rows_in == 0
        if left > 0:
            yield Flow(source=label, to=None, n=left, why="vanish in the step", is_unexplained=True)
        elif left < 0:
            yield Flow(
                source="the sources" if is_entry else "nowhere known",
                to=label,
                n=-left,
                why="" if is_entry else "appear in the step",
                is_unexplained=not is_entry,
            )
        if following is None:
            yield Flow(source=label, to=None, n=step.rows_out, why="go into training")
            continue
        yield Flow(source=label, to=_label(following), n=min(step.rows_out, following.rows_in))
        if step.rows_out > following.rows_in:
            yield Flow(
                source=label,
                to=None,
                n=step.rows_out - following.rows_in,
                why="vanish between steps",
                is_unexplained=True,
            )
        elif step.rows_out < following.rows_in:
            yield Flow(
                source="nowhere known",
                to=_label(following),
                n=following.rows_in - step.rows_out,
                why="appear between steps",
                is_unexplained=True,
            )
