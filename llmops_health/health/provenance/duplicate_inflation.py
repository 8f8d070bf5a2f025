"""Duplicate inflation: a few texts count many times in what the model is trained on.

Why it matters
    Ten thousand rows that are two thousand questions teach as much as two thousand, and the copies
    are learned by heart. One customer's script can outvote everybody else.
How it is found
    Inputs of a training set, found through feedback and calls, are grouped with their
    near-duplicates (at least 0.8 of their word runs shared). WARN when more than
    `max_repeated_share` of the rows repeat an input that is there already, or one group holds more
    than `max_group_share` of all rows. Where texts are past their retention, equal texts count
    alone. A set that was upsampled for a recorded reason (`reason` in the step's params) passes.
How to mend it
    Put a dedup step before the weighting, keep one row per group (the newest), and let weights say
    how often it counts.
What it cannot see
    Rows without feedback_id; paraphrases in other words; copies of outputs under different inputs;
    of sets of more than 50,000 distinct inputs, all but the sampled ones.
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
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._ledger import Step
from llmops_health.health.provenance._training_sets import TrainingSet, training_sets

HISTORY_DAYS = _ledger.HISTORY_DAYS


class Params(CheckParams):
    """Settings of this check."""

    max_repeated_share: float = Field(
        default=0.3, ge=0, le=1, description="Rows that repeat an input: people do ask alike."
    )
    max_group_share: float = Field(
        default=0.1, ge=0, le=1, description="Rows of one group of near-duplicates."
    )
    min_rows: int = Field(default=100, ge=2, description="Rows with an input that a set needs.")
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Repeats:
    """Rows of one training set and how many repeat; `is_near`: near-duplicates count as well."""

    where: TrainingSet
    n: int
    n_repeated: int
    n_largest: int
    example: str
    is_near: bool
    reason: str | None

    def excess(self, params: Params) -> float:
        """Return by how much a limit is passed, 0 or less where none is."""
        return max(
            self.n_repeated / self.n - params.max_repeated_share,
            self.n_largest / self.n - params.max_group_share,
        )


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    summary__near_duplicates: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    summary__training_inputs: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all training sets of the feature together."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    if not steps:
        yield _ledger.silence(feature)
        return
    inputs = _ledger.before(summary__training_inputs, day)
    near = _ledger.before(summary__near_duplicates, day)
    counted = _counted(inputs, near)
    judged = _ledger.in_force(steps, day, params.window_days)
    found = [
        _Repeats(one, *counted[one.rows_of.pipeline, one.rows_of.step_id], _reason(one, steps))
        for one in training_sets(judged, steps, counted)
    ]
    found = [one for one in found if one.n >= params.min_rows]
    if not found:
        yield not_enough_data(
            sum(n for n, *_ in counted.values()),
            f"No training set has {params.min_rows} rows whose inputs are known: ledger_rows with a"
            " feedback_id lead to them.",
        )
        return
    yield _finding(found, params)


def _counted(
    inputs: pl.DataFrame, near: pl.DataFrame
) -> dict[tuple[str, str], tuple[int, int, int, str, bool]]:
    """Return rows, repeats, rows of the largest group, an input of it, and how it was told."""
    largest = pl.col("input_sha256").sort_by("n", "input_sha256", descending=[True, False]).first()
    exact = inputs.group_by("pipeline_id", "step_id").agg(
        n=pl.col("n").sum(),
        n_repeated=pl.col("n").sum() - pl.len(),
        n_largest=pl.col("n").max(),
        example=largest,
    )
    found = {
        (pipeline, step): (n, repeated, most, example, False)
        for pipeline, step, n, repeated, most, example in exact.iter_rows()
    }
    columns = ("pipeline_id", "step_id", "n_read", "n_repeated", "n_largest", "example_sha256")
    for pipeline, step, n, repeated, most, example in near.select(columns).iter_rows():
        of_exact = found.get((pipeline, step))
        # A tenth of the rows without text still leaves a picture of the whole.
        if n and (of_exact is None or 10 * n >= 9 * of_exact[0]):
            found[pipeline, step] = (n, repeated, most, example, True)
    return found


def _reason(one: TrainingSet, steps: Sequence[Step]) -> str | None:
    """Return the reason recorded for repeating rows, at the set's step or before it."""
    before = _ledger.upstream(one.rows_of, _ledger.sources(steps))
    return next((step.reason for step in before if step.op == "upsample" and step.reason), None)


def _finding(found: Sequence[_Repeats], params: Params) -> Finding:
    worst = max(found, key=lambda one: (one.reason is None, one.excess(params)))
    is_inflated = worst.excess(params) > 0 and worst.reason is None
    kind = "near-duplicates" if worst.is_near else "equal inputs; near-duplicates are not told"
    share, largest = worst.n_repeated / worst.n, worst.n_largest / worst.n
    message = (
        f"{100 * share:.1f} % of {worst.n:,} rows of {worst.where.name} repeat an input that is"
        f" there already ({kind}), the largest group holds {worst.n_largest:,} rows"
        f" ({100 * largest:.1f} %)"
    )
    if worst.reason and worst.excess(params) > 0:
        message += f"; it is meant: {worst.reason[:80]}"
    step = worst.where.rows_of
    return Finding(
        status=Status.WARN if is_inflated else Status.PASS,
        n=worst.n,
        message=f"{message}.",
        value=100 * share,
        threshold=100 * params.max_repeated_share,
        unit="%",
        action="Put a dedup step before the weighting and keep one row per group of"
        " near-duplicates; let weights say how often it counts."
        if is_inflated
        else "",
        evidence_sql="select n, input_sha256 from summary__training_inputs"  # noqa: S608 - literals only
        f" where pipeline_id = {literal(step.pipeline)} and step_id = {literal(step.step_id)}"
        f" order by input_sha256 = {literal(worst.example)} desc, n desc, input_sha256 limit 100"
        if is_inflated
        else "",
    )
