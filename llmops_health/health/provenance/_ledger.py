"""The ledger as a judgement sees it: the steps of a feature's pipelines up to a day, as records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import Finding, literal, not_applicable, not_enough_data

HISTORY_DAYS = 400
# Of checks that ask nothing of what a step was built on: as long as a step is in force, and a run.
RECENT_DAYS = 120
MAKES_A_MODEL = frozenset({"train", "promote", "revert"})
_RUN_GAP = timedelta(hours=6)
_FIELDS = [
    *("pipeline_id", "step_id", "seq", "op", "started_at", "rows_in", "rows_out"),
    *("rows_dropped", "rows_created", "rows_modified", "labels_flipped"),
    *("class_counts_in", "class_counts_out", "code_ref", "code_sha256", "params"),
    *("env_sha256", "prompt_version", "actor", "input_artifacts", "output_artifact"),
]
Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A row of `core__ledger_steps`; None is unknown, never 0."""

    pipeline: str
    step_id: str
    seq: int
    op: str
    started_at: datetime
    rows_in: int
    rows_out: int
    dropped: int | None
    created: int | None
    modified: int | None
    flipped: int | None
    classes_in: Counts | None
    classes_out: Counts | None
    code_ref: str | None
    code_sha256: str | None
    params: Any
    env_sha256: str | None
    prompt_version: str | None
    actor: str | None
    inputs: tuple[str, ...]
    output: str | None

    @property
    def name(self) -> str:
        """How messages call the step."""
        pipeline = " ".join(self.pipeline.split())
        return f"{self.op} (seq {self.seq} of {pipeline}, {self.started_at:%Y-%m-%d})"

    @property
    def reason(self) -> str | None:
        """Why the step changes what it changes, where its params say."""
        said = self.params.get("reason") if isinstance(self.params, dict) else None
        return str(said) if said else None

    def param(self, *names: str) -> str | None:
        """Return the first of these parameters that is given, as text."""
        if not isinstance(self.params, dict):
            return None
        return next((str(self.params[one]) for one in names if self.params.get(one)), None)


def end_of(day: date) -> datetime:
    """Return the first moment that a judgement of a day knows nothing of."""
    return datetime.combine(day + timedelta(days=1), time())


def before(rows: pl.DataFrame, day: date, column: str = "started_at") -> pl.DataFrame:
    """Return the rows of what had begun by the end of a day."""
    return rows.filter(pl.col(column) < end_of(day))


def artifacts(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the artifacts that were there by the end of a day, or say no time."""
    return rows.filter(pl.col("created_at").is_null() | (pl.col("created_at") < end_of(day)))


def pipelines_of(
    feature: Feature, day: date, steps: pl.DataFrame, pipelines: pl.DataFrame
) -> set[str]:
    """Return the pipelines that belong to a feature, as far as they have run by a day."""
    return {step.pipeline for step in steps_of(feature, day, steps, pipelines)}


def steps_of(
    feature: Feature, day: date, steps: pl.DataFrame, pipelines: pl.DataFrame
) -> list[Step]:
    """Return the steps of a feature's pipelines by pipeline and seq, up to the end of a day."""
    if steps.is_empty():
        return []
    end = end_of(day)
    told = {one for one, first in pipelines["pipeline_id", "first_at"].iter_rows() if first < end}
    run = steps["pipeline_id"].unique().to_list()
    found = {one for one in run if one in told or _is_named_for(one, feature.id)}
    mine: list[Step] = []
    waiting = found
    while waiting:
        mine += as_steps(steps.filter(pl.col("pipeline_id").is_in(list(waiting))))
        unmade = {name for step in mine for name in step.inputs} - {step.output for step in mine}
        waiting = set()
        if unmade and len(found) < len(run):
            makes = pl.col("output_artifact").is_in(list(unmade))
            waiting = set(steps.filter(makes)["pipeline_id"].to_list()) - found
            found |= waiting
    return sorted(mine, key=lambda one: (one.pipeline, one.seq, one.started_at, one.step_id))


def as_steps(rows: pl.DataFrame) -> list[Step]:
    """Return rows of `core__ledger_steps` as records."""
    return [_step(row) for row in rows[_FIELDS].rows()]


def names_of(steps: Iterable[Step]) -> set[str]:
    """Return the pipelines of some steps."""
    return {step.pipeline for step in steps}


def in_force(steps: Sequence[Step], day: date, window_days: int) -> list[Step]:
    """Return the newest step of each kind: same pipeline, same op, same place in a run.

    A run begins with an ingest, after a model was made, or after 6 hours without a step.
    """
    newest: dict[tuple[str, str, int], Step] = {}
    of_run: dict[tuple[str, str], int] = {}
    previous: Step | None = None
    for step in steps:
        if previous is None or _begins_run(previous, step):
            of_run = {}
        place = of_run.get((step.pipeline, step.op), 0)
        of_run[step.pipeline, step.op] = place + 1
        newest[step.pipeline, step.op, place] = step
        previous = step
    first = end_of(day) - timedelta(days=window_days)
    kept = [step for step in newest.values() if step.started_at >= first]
    return sorted(kept, key=lambda step: (step.pipeline, step.seq))


def makers(steps: Iterable[Step]) -> dict[str, list[Step]]:
    """Return the steps that made each artifact, oldest first."""
    made: dict[str, list[Step]] = {}
    for step in sorted(steps, key=lambda one: (one.started_at, one.seq)):
        if step.output:
            made.setdefault(step.output, []).append(step)
    return made


def maker(made: Mapping[str, Sequence[Step]], artifact: str, reader: Step) -> Step | None:
    """Return the step whose artifact a step read: the newest that came before it."""
    earlier = [
        one
        for one in made.get(artifact, ())
        if one.step_id != reader.step_id
        and (
            one.seq < reader.seq
            if one.pipeline == reader.pipeline
            else one.started_at <= reader.started_at
        )
    ]
    return earlier[-1] if earlier else None


def sources(steps: Sequence[Step]) -> dict[tuple[str, str], list[Step]]:
    """Return the steps that each step built on, by pipeline and step id.

    They made what it names as inputs; a step that names none built on the one before it.
    """
    made = makers(steps)
    found: dict[tuple[str, str], list[Step]] = {}
    previous: Step | None = None
    for step in sorted(steps, key=lambda one: (one.pipeline, one.seq)):
        built_on = [one for name in step.inputs if (one := maker(made, name, step)) is not None]
        is_next = previous is not None and previous.pipeline == step.pipeline
        if not step.inputs and previous is not None and is_next and step.op != "ingest":
            built_on = [previous]
        found[step.pipeline, step.step_id] = list(dict.fromkeys(built_on))
        previous = step
    return found


def upstream(step: Step, built_on: Mapping[tuple[str, str], Sequence[Step]]) -> list[Step]:
    """Return a step and all that it was built on, nearest first."""
    found = {(step.pipeline, step.step_id): step}
    waiting = [step]
    while waiting:
        current = waiting.pop(0)
        for one in built_on.get((current.pipeline, current.step_id), ()):
            key = (one.pipeline, one.step_id)
            if key not in found:
                found[key] = one
                waiting.append(one)
    return list(found.values())


def silence(feature: Feature) -> Finding:
    """Return what is said where no ledger tells of a feature."""
    return not_applicable(f"No ledger step is known of {feature.id}.")


def nothing_new(n: int, window_days: int) -> Finding:
    """Return what is said where all steps are too old to be in force."""
    return not_enough_data(n, f"None of {n} ledger steps is from the last {window_days} days.")


def evidence(steps: Iterable[Step], columns: str) -> str:
    """Return the SQL that shows some steps."""
    listed = ", ".join(literal(one) for one in dict.fromkeys(step.step_id for step in steps))
    return (
        f"select pipeline_id, seq, op, step_id, started_at, {columns} from core__ledger_steps "  # noqa: S608 - literals only
        f"where step_id in ({listed}) order by pipeline_id, seq limit 100"
    )


def _step(row: tuple[Any, ...]) -> Step:
    counted = (_counts(row[11]), _counts(row[12]))
    values = (
        *row[:11],
        *counted,
        *row[13:15],
        _json(row[15]),
        *row[16:19],
        _names(row[19]),
        row[20],
    )
    return Step(*values)


def _is_named_for(pipeline: str, feature_id: str) -> bool:
    return pipeline == feature_id or pipeline.startswith(f"{feature_id}/")


def _begins_run(previous: Step, step: Step) -> bool:
    if previous.pipeline != step.pipeline:
        return True
    if step.started_at - previous.started_at > _RUN_GAP:
        return True
    if step.op == "ingest":
        return previous.op != "ingest"
    return previous.op in MAKES_A_MODEL and step.op not in MAKES_A_MODEL


@lru_cache(maxsize=4_096)
def _json(text: str | None) -> Any:  # noqa: ANN401 - any JSON value; callers do not change it
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


@lru_cache(maxsize=4_096)
def _counts(text: str | None) -> Counts | None:
    read = _json(text)
    if not isinstance(read, dict):
        return None
    counted = {
        str(name): int(n)
        for name, n in read.items()
        if isinstance(n, int | float) and not isinstance(n, bool) and n >= 0
    }
    return counted if len(counted) == len(read) else None


@lru_cache(maxsize=4_096)
def _names(text: str | None) -> tuple[str, ...]:
    read = _json(text)
    return tuple(str(one) for one in read) if isinstance(read, list) else ()
