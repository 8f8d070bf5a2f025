"""Untraceable checkpoint: a model cannot be led back to the events it learned from.

Why it matters
    A customer asks what the model was trained on, or wants to be forgotten. If the way back ends
    at a file that nobody made, the honest answer is that nobody knows.
How it is found
    Every training in force is walked back over artifacts and steps to ingests and raw feedback.
    Each input counts with its rows; an input that no step made and that is not listed as raw
    feedback is an orphan. Where the rows of the set are recorded, their share with a known
    feedback counts instead, where it is lower. WARN when less than `min_traced_share` of the rows
    is traced; FAIL when a model that was promoted has no traced row at all. A checkpoint among the
    feature's components that was trained by us (`trained_on`) and that no step made is an orphan
    itself.
How to mend it
    `llmops-health trace CHECKPOINT` shows where the way ends. Record the step that made this file,
    or list it in artifacts as what it is; load the feedback that its rows name.
What it cannot see
    Whether a recorded way is the true one; what the base model learned; rows that were generated
    are traced to their step only.
Source
    Recursive closure of W3C PROV-DM (2013): wasGeneratedBy and used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

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
from llmops_health.health.provenance._fates import Fates, Key, fates_of, is_whole, of_step
from llmops_health.health.provenance._ledger import Step

HISTORY_DAYS = _ledger.HISTORY_DAYS

_WHOLE_SHARE = 0.9
_OURS = ("checkpoint", "adapter", "model")


class Params(CheckParams):
    """Settings of this check."""

    min_traced_share: float = Field(
        default=0.99, ge=0, le=1, description="Training rows that lead back to an event."
    )
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Trace:
    """How much of a checkpoint leads back to events, and where the way ends."""

    name: str
    share: float
    n_rows: int
    orphans: tuple[str, ...]
    is_in_use: bool
    steps: tuple[Step, ...]


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    core__artifacts: pl.DataFrame,
    core__components: pl.DataFrame,
    core__component_edges: pl.DataFrame,
    summary__ledger_fates: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all checkpoints of the feature together."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    ours = _trained_by_us(core__components, core__component_edges, day)
    if not steps and not ours:
        trained = feature.trained_on
        if trained is not None and trained <= day:
            yield not_enough_data(
                0, f"The model was trained on {trained}, and no ledger tells what it learned from."
            )
        else:
            yield _ledger.silence(feature)
        return
    judged = _ledger.in_force(steps, day, params.window_days)
    kinds = _kinds(core__artifacts, day)
    fates = fates_of(_ledger.before(summary__ledger_fates, day), _ledger.names_of(steps))
    built_on, made = _ledger.sources(steps), _ledger.makers(steps)
    promoted = {
        one for step in judged if step.op == "promote" for one in (*step.inputs, step.output)
    }
    traces = [
        _trace(model, built_on, made, kinds, fates, is_in_use=model.output in promoted)
        for model in judged
        if model.op == "train"
    ]
    traces += [
        _Trace(name, 0.0, 0, (f"no step made {sha256[:16]}",), sha256 in promoted, ())
        for name, sha256 in ours
        if sha256 not in made
    ]
    if not traces:
        yield not_applicable(f"No training is recorded in the last {params.window_days} days.")
        return
    yield _finding(feature, traces, params)


def _trained_by_us(
    components: pl.DataFrame, edges: pl.DataFrame, day: date
) -> list[tuple[str, str]]:
    """Return (name, SHA-256) of the checkpoints in use that an edge says were trained here."""
    trained = set(edges.filter(pl.col("relation") == "trained_on")["src"].to_list())
    end = _ledger.end_of(day)
    known = components.filter(pl.col("listed_on").is_null() | (pl.col("listed_on") < end))
    newest = known.sort("listed_on", "sha256", nulls_last=False).unique(
        ["component_id", "version", "feature_id"], keep="last", maintain_order=True
    )
    live = newest.filter(
        pl.col("kind").is_in(_OURS)
        & pl.col("sha256").is_not_null()
        & pl.col("component_id").is_in(sorted(trained))
        & (pl.col("released_on").is_null() | (pl.col("released_on") < end))
        & (pl.col("deprecated_on").is_null() | (pl.col("deprecated_on") >= end))
    )
    return sorted(live.select("name", "sha256").iter_rows())


def _kinds(artifacts: pl.DataFrame, day: date) -> dict[str, tuple[str, int | None]]:
    known = _ledger.artifacts(artifacts, day)
    columns = known.select("artifact_sha256", "kind", "n_rows")
    return {name: (kind, n_rows) for name, kind, n_rows in columns.iter_rows()}


def _trace(
    model: Step,
    built_on: Mapping[Key, Sequence[Step]],
    made: Mapping[str, Sequence[Step]],
    kinds: Mapping[str, tuple[str, int | None]],
    fates: Mapping[Key, Fates],
    *,
    is_in_use: bool,
) -> _Trace:
    orphans: list[str] = []
    share = _share(model, built_on, made, kinds, orphans, {})
    way = _ledger.upstream(model, built_on)
    for step in way:
        fate = of_step(fates, step.pipeline, step.step_id)
        if fate.n_named and is_whole(fate.n_out, step.rows_out, _WHOLE_SHARE):
            if fate.n_traced < fate.n_out:
                orphans.append(
                    f"{fate.n_out - fate.n_traced:,} of {fate.n_out:,} rows of {step.name} name no"
                    " known feedback"
                )
            share = min(share, fate.n_traced / fate.n_out)
            break
    return _Trace(model.name, share, model.rows_in, tuple(orphans), is_in_use, tuple(way))


def _share(
    step: Step,
    built_on: Mapping[Key, Sequence[Step]],
    made: Mapping[str, Sequence[Step]],
    kinds: Mapping[str, tuple[str, int | None]],
    orphans: list[str],
    done: dict[Key, float],
) -> float:
    """Return the share of a step's rows that leads back to an ingest or to raw feedback."""
    key = (step.pipeline, step.step_id)
    if key in done:
        return done[key]
    done[key] = 1.0  # a circle leads nowhere else
    if not step.inputs:
        before = built_on.get(key, ())
        if before:
            done[key] = _share(before[0], built_on, made, kinds, orphans, done)
        elif step.op != "ingest":
            orphans.append(f"{step.name} names no input")
            done[key] = 0.0
        return done[key]
    parts: list[tuple[float, float]] = []
    for name in dict.fromkeys(step.inputs):
        maker = _ledger.maker(made, name, step)
        kind, n_rows = kinds.get(name, ("", None))
        # What is no data has no rows: base checkpoints, prompts.
        if maker is None and kind in {"checkpoint", "prompt", "eval_set"}:
            continue
        if maker is not None and maker.op == "train":
            continue
        if maker is not None:
            traced = _share(maker, built_on, made, kinds, orphans, done)
            parts.append((traced, float(maker.rows_out)))
        elif kind == "raw_feedback" or step.op == "ingest":
            parts.append((1.0, float(n_rows if n_rows is not None else step.rows_in)))
        else:
            orphans.append(f"input {name[:16]} of {step.name} was made by no step")
            parts.append((0.0, float(n_rows if n_rows is not None else step.rows_in)))
    total = sum(weight for _, weight in parts)
    done[key] = sum(share * weight for share, weight in parts) / total if total else 1.0
    return done[key]


def _finding(feature: Feature, traces: Sequence[_Trace], params: Params) -> Finding:
    worst = min(traces, key=lambda one: (one.share, not one.is_in_use, one.name))
    gone = [one for one in traces if one.share == 0 and one.is_in_use]
    bad = worst.share < params.min_traced_share
    status = Status.FAIL if gone else Status.WARN if bad else Status.PASS
    if gone:
        worst = gone[0]
    message = f"{100 * worst.share:.1f} % of the rows behind {worst.name} lead back to an event"
    if worst.orphans:
        message += f"; {worst.orphans[0]}"
        if len(worst.orphans) > 1:
            message += f" ({len(worst.orphans) - 1} more ends)"
    evidence = ""
    if bad and worst.steps:
        evidence = _ledger.evidence(
            worst.steps, "rows_in, rows_out, input_artifacts, output_artifact"
        )
    elif bad:
        evidence = (
            "select component_id, kind, name, version, sha256 from core__components"  # noqa: S608 - literals only
            f" where feature_id = {literal(feature.id)} and sha256 is not null"
            " order by component_id, version limit 100"
        )
    return Finding(
        status=status,
        n=worst.n_rows,
        message=f"{message}.",
        value=100 * worst.share,
        threshold=100 * params.min_traced_share,
        unit="%",
        action="Run llmops-health trace on it, and record the step that made what the way ends at,"
        " or list it in artifacts."
        if bad
        else "",
        evidence_sql=evidence,
    )
