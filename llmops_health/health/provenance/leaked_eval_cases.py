"""Leaked eval cases: the model was trained on what it is tested on.

Why it matters
    A model that has seen the answers passes the exam. Its score rises with every training while
    users notice nothing, and the release gate opens for everything.
How it is found
    Training rows lead to inputs through their feedback and its call. A case has leaked if a row
    came from a run of the case, if a row's id is the hash of its text, if its text is an input word
    for word, or a near-duplicate of one (at least `min_similarity` of their word runs shared).
    FAIL when an eval set is an input of a training; when any row came from an eval run or is named
    by a case; or when `min_leaked` cases and `max_leaked_share` of the live cases or more are in
    the training set by their text, because a few plain questions come again by themselves. WARN
    below that, and where a later step may have removed the rows without saying which.
How to mend it
    Drop the cases from the training set (a filter step after the merge, by case text), train
    again, and retire what the model in use has seen from the suite until then.
What it cannot see
    Rows without feedback_id; cases translated or rewritten; leaks into the base model by its maker;
    near-duplicates of texts that were past their retention.
Source
    Broder (1997), "On the resemblance and containment of documents"; Lee et al. (2022),
    "Deduplicating Training Data Makes Language Models Better", arXiv:2107.06499.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from llmops_health.health.provenance._ledger import Step
from llmops_health.health.provenance._training_sets import TrainingSet, training_sets

HISTORY_DAYS = _ledger.HISTORY_DAYS


class Params(CheckParams):
    """Settings of this check."""

    max_leaked_share: float = Field(
        default=0.02, ge=0, le=1, description="Live cases that may come again by their text."
    )
    min_leaked: int = Field(
        default=3, ge=1, description="Cases by text from which a leak is no chance."
    )
    min_similarity: float = Field(
        default=0.8, ge=0.8, le=1, description="Share of word runs in common (Jaccard)."
    )
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Leak:
    """Cases of one training set; `named` came from a run or are named by a row's id."""

    where: TrainingSet
    cases: frozenset[tuple[str, str]]
    named: frozenset[tuple[str, str]]
    near: frozenset[tuple[str, str]]
    example: tuple[str, str]


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    core__artifacts: pl.DataFrame,
    core__eval_cases: pl.DataFrame,
    summary__ledger_fates: pl.DataFrame,
    summary__leaks: pl.DataFrame,
    summary__near_cases: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all training sets of the feature together."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    if not steps:
        yield _ledger.silence(feature)
        return
    live = _live(core__eval_cases, day)
    judged = _ledger.in_force(steps, day, params.window_days)
    sets_in = _eval_sets(judged, steps, core__artifacts, day)
    if sets_in:
        yield _of_artifacts(sets_in)
        return
    if live.is_empty():
        yield not_applicable("The feature has no eval cases that could leak.")
        return
    named = summary__ledger_fates.filter(
        (pl.col("n_named") > 0) | (pl.col("n_out") > 0), pl.col("action") != "dropped"
    )
    with_rows = set(named.select("pipeline_id", "step_id").iter_rows())
    found = training_sets(judged, steps, with_rows)
    if not found:
        yield not_enough_data(
            len(judged),
            "Which rows were trained on is not recorded: no ledger_rows of these steps.",
        )
        return
    exact = _live(_ledger.before(summary__leaks, day), day)
    near = _live(_ledger.before(summary__near_cases, day), day)
    near = near.filter(pl.col("similarity") >= params.min_similarity)
    leaks = [leak for one in found if (leak := _leak(one, exact, near)) is not None]
    yield _finding(found, leaks, len(live), params)


def _live(cases: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the cases that had been added and not retired by the end of a day."""
    end = _ledger.end_of(day)
    added = pl.col("added_at").is_null() | (pl.col("added_at") < end)
    return cases.filter(added & (pl.col("retired_at").is_null() | (pl.col("retired_at") >= end)))


def _eval_sets(
    judged: Sequence[Step], steps: Sequence[Step], artifacts: pl.DataFrame, day: date
) -> list[tuple[Step, Step, str]]:
    """Return the trainings that an eval set went into: model, reader of the set, its name."""
    known = _ledger.artifacts(artifacts, day).filter(pl.col("kind") == "eval_set")
    names: dict[str, str | None] = dict(known.select("artifact_sha256", "name").iter_rows())
    if not names:
        return []
    built_on = _ledger.sources(steps)
    return [
        (model, step, names[one] or one[:16])
        for model in judged
        if model.op == "train"
        for step in _ledger.upstream(model, built_on)
        for one in step.inputs
        # A filter reads the eval set to know what to drop.
        if one in names and step.op not in {"filter", "dedup", "split"}
    ]


def _of_artifacts(found: Sequence[tuple[Step, Step, str]]) -> Finding:
    model, reader, name = found[0]
    return Finding(
        status=Status.FAIL,
        n=len(found),
        message=f"The eval set {name} went into the training of {model.name}, through"
        f" {reader.name}.",
        value=float(len(found)),
        threshold=0.0,
        unit="eval sets",
        action="Take the eval set out of this step's inputs, train again, and trust no score of"
        " this model on that set.",
        evidence_sql=_ledger.evidence(
            (step for _, step, _ in found), "input_artifacts, output_artifact, rows_in, rows_out"
        ),
    )


def _leak(where: TrainingSet, exact: pl.DataFrame, near: pl.DataFrame) -> _Leak | None:
    step = where.rows_of
    mine = (pl.col("pipeline_id") == step.pipeline) & (pl.col("step_id") == step.step_id)
    by_text = exact.filter(mine).sort("suite_id", "case_id", "match")
    of_near = near.filter(mine).sort("suite_id", "case_id")
    key = ["suite_id", "case_id"]
    named = frozenset(by_text.filter(pl.col("match") != "input").select(key).iter_rows())
    alike = frozenset(of_near.select(key).iter_rows())
    cases = frozenset(by_text.select(key).iter_rows()) | alike
    if not cases:
        return None
    return _Leak(where, cases, named, alike, min(named or cases))


def _finding(
    found: Sequence[TrainingSet], leaks: Sequence[_Leak], n_live: int, params: Params
) -> Finding:
    n_rows = sum(one.rows_of.rows_out for one in found)
    if not leaks:
        return Finding(
            status=Status.PASS,
            n=n_rows,
            message=f"None of {n_live} eval cases is among the {n_rows:,} rows of {len(found)}"
            " training sets.",
            value=0.0,
            threshold=100 * params.max_leaked_share,
            unit="%",
        )
    worst = max(leaks, key=lambda one: (len(one.named), len(one.cases)))
    share = len(worst.cases) / n_live
    is_leak = bool(worst.named) or (
        len(worst.cases) >= params.min_leaked and share > params.max_leaked_share
    )
    is_told = worst.where.removes_later is None
    suite, case = worst.example
    kinds = f"{len(worst.named)} by row or eval run, {len(worst.near)} as near-duplicates"
    message = (
        f"{len(worst.cases)} of {n_live} eval cases ({100 * share:.1f} %; {kinds}) are in"
        f" {worst.where.name}, for example {case} of {suite}"
    )
    if worst.where.removes_later is not None:
        later = worst.where.removes_later.name
        message += f"; whether {later} removed them is not recorded"
    step = worst.where.rows_of
    return Finding(
        status=Status.FAIL if is_leak and is_told else Status.WARN,
        n=n_rows,
        message=f"{message}.",
        value=100 * share,
        threshold=100 * params.max_leaked_share,
        unit="%",
        action="Drop these cases from the training set and train again; retire them from the suite"
        " until then.",
        evidence_sql=_evidence(step),
    )


def _evidence(step: Step) -> str:
    where = f"where pipeline_id = {literal(step.pipeline)} and step_id = {literal(step.step_id)}"
    return (
        "select feature_id, suite_id, case_id, match, n, null::double as similarity"  # noqa: S608 - literals only
        f" from summary__leaks {where} union all select feature_id, suite_id, case_id, 'near', n,"
        f" similarity from summary__near_cases {where}"
        " order by suite_id, case_id, match limit 200"
    )
