"""Training sets as the ledger's rows tell of them: the last step with rows before each training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._ledger import MAKES_A_MODEL, Step

_REMOVES = frozenset({"filter", "dedup", "split", "other"})


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """The step whose rows are known and come nearest to what was trained on.

    `model` is None where a pipeline trains nothing that is known. `removes_later` is a step after
    it that may have removed rows without saying which.
    """

    rows_of: Step
    model: Step | None
    removes_later: Step | None

    @property
    def name(self) -> str:
        """How messages call the set."""
        if self.model is None:
            return f"the output of {self.rows_of.name}"
        return f"the training set of {self.model.name}"


def training_sets(
    judged: Sequence[Step], steps: Sequence[Step], with_rows: Collection[tuple[str, str]]
) -> list[TrainingSet]:
    """Return the set behind each training in force, else the end of each pipeline with rows."""
    built_on = _ledger.sources(steps)
    found = [
        made
        for model in judged
        if model.op == "train"
        for made in _behind(model, model, built_on, with_rows)
    ]
    trained = {one.rows_of.pipeline for one in found}
    trained |= {one.pipeline for one in judged if one.op == "train"}
    last: dict[str, Step] = {}
    for step in judged:
        if step.op not in MAKES_A_MODEL and step.pipeline not in trained:
            last[step.pipeline] = step
    for step in last.values():
        found += _behind(step, None, built_on, with_rows)
    return found


def _behind(
    start: Step,
    model: Step | None,
    built_on: Mapping[tuple[str, str], Sequence[Step]],
    with_rows: Collection[tuple[str, str]],
) -> list[TrainingSet]:
    """Walk back from a step on every path to the first step whose rows are known."""
    found: list[TrainingSet] = []
    seen: set[tuple[str, str]] = set()
    waiting: list[tuple[Step, Step | None]] = [(start, None)]
    while waiting:
        step, removes = waiting.pop()
        key = (step.pipeline, step.step_id)
        if key in seen:
            continue
        seen.add(key)
        if key in with_rows:
            found.append(TrainingSet(step, model, removes))
            continue
        later = step if step.op in _REMOVES else removes
        waiting += [(one, later) for one in built_on.get(key, ())]
    return found
