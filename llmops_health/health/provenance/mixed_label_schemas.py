"""Mixed label schemas: one training set holds labels that were made under different rules.

Why it matters
    Half of the rows say "refund" and half say "billing/refund": the model learns when the prompt
    was changed, not what the customer wants. Evals made from the same rows do not show it.
How it is found
    Every model in force is walked back to what it was trained on. On each path the last
    relabelling (else the ingest) gives the rules: `label_schema` in its params, else its
    prompt_version. FAIL when labels of two schemas meet in one training set. Two versions of one
    label prompt WARN, and FAIL when rows that both labelled show that they differ: McNemar's test
    per label, Benjamini-Hochberg over labels, and a change of at least `min_change_pp`. A
    relabelling of a part of the rows (`relabelled_rows` in its params) leaves the rest as it was.
How to mend it
    Run the newest label prompt over all rows (a relabel step after the merge), or map the old
    labels and record it as a relabelling with its own label_schema.
What it cannot see
    Rules that nobody named; labels that people gave under a guideline that changed; sets that are
    merged outside the ledger.
Source
    McNemar (1947), Psychometrika 12; Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_applicable
from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._labels import PairTable, pair_tables
from llmops_health.health.provenance._ledger import Step
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.paired import binary_change

HISTORY_DAYS = _ledger.HISTORY_DAYS


class Params(CheckParams):
    """Settings of this check."""

    min_change_pp: float = Field(
        default=2.0,
        ge=0,
        le=100,
        description="Change of a label's share between versions that matters (pp).",
    )
    q: float = Field(
        default=0.001, gt=0, lt=1, description="False discovery rate over labels: judged daily."
    )
    min_rows: int = Field(default=50, ge=2, description="Rows that both versions labelled.")
    window_days: int = Field(
        default=90,
        ge=1,
        le=120,
        description="Days that a step counts: pipelines run at least quarterly.",
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    """Under which rules labels were made, and by which step."""

    schema: str | None
    version: str | None
    step: Step

    @property
    def name(self) -> str:
        return self.schema or self.version or ""


@dataclass(frozen=True, slots=True)
class _Mix:
    model: Step
    rules: tuple[_Rules, ...]
    gravity: int
    words: str


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    summary__relabels: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the training sets of the models in force."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    if not steps:
        yield _ledger.silence(feature)
        return
    judged = _ledger.in_force(steps, day, params.window_days)
    models = [one for one in judged if one.op == "train"]
    if not models:
        yield not_applicable(f"No training is recorded in the last {params.window_days} days.")
        return
    pairs = pair_tables(_ledger.before(summary__relabels, day))
    built_on = _ledger.sources(steps)
    mixes = [
        mix
        for model in models
        if (mix := _mix(model, _rules(model, built_on), pairs, params)) is not None
    ]
    n_named = sum(any(one.name for one in _rules(model, built_on)) for model in models)
    yield _finding(models, mixes, n_named)


def _rules(step: Step, built_on: Mapping[tuple[str, str], Sequence[Step]]) -> list[_Rules]:
    """Return the rules of all labels that reach a step, each once."""
    found: dict[tuple[str | None, str | None], _Rules] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [step]
    while waiting:
        one = waiting.pop()
        if (one.pipeline, one.step_id) in seen:
            continue
        seen.add((one.pipeline, one.step_id))
        before = built_on.get((one.pipeline, one.step_id), ())
        labels_here = one.op == "relabel" or (one.op == "ingest" and not before)
        if labels_here:
            schema, version = one.param("label_schema", "schema_version"), one.prompt_version
            found.setdefault((schema, version), _Rules(schema, version, one))
        if not (one.op == "relabel" and _covers_all(one)):
            waiting += before
    named = [rules for key, rules in found.items() if key != (None, None)]
    return sorted(named, key=lambda rules: (rules.step.pipeline, rules.step.seq))


def _covers_all(step: Step) -> bool:
    """Return whether a relabelling looked at every row, as far as its params tell."""
    some = step.param("relabelled_rows")
    return some is None or some == str(step.rows_in)


def _mix(
    model: Step, rules: Sequence[_Rules], pairs: Sequence[PairTable], params: Params
) -> _Mix | None:
    schemas = sorted({one.schema for one in rules if one.schema})
    versions = sorted({one.version for one in rules if one.version})
    if len(schemas) > 1:
        words = f"{model.name} trains on labels of {len(schemas)} schemas: {_listed(schemas)}"
        return _Mix(model, tuple(rules), 2, words)
    if len(versions) < 2:
        return None
    words = f"{model.name} trains on labels of {len(versions)} versions of the label prompt:"
    words = f"{words} {_listed(versions)}"
    shared = [
        pair
        for pair in pairs
        if pair.version in versions and pair.other_version in versions and pair.n >= params.min_rows
    ]
    if not shared:
        return _Mix(model, tuple(rules), 1, f"{words}; no row tells whether they agree")
    differing = [words_of for pair in shared if (words_of := _difference(pair, params))]
    if differing:
        return _Mix(model, tuple(rules), 2, f"{words}; {differing[0]}")
    n = sum(pair.n for pair in shared)
    return _Mix(model, tuple(rules), 1, f"{words}; on {n:,} shared rows they agree well enough")


def _difference(pair: PairTable, params: Params) -> str:
    """Return words on the label whose share differs most, '' where none does."""
    changes = [
        binary_change(
            int(pair.counts[at].sum() - pair.counts[at, at]),
            int(pair.counts[:, at].sum() - pair.counts[at, at]),
            pair.n,
        )
        for at in range(len(pair.labels))
    ]
    rejected = benjamini_hochberg([one.p_two_sided for one in changes], params.q).rejected
    found = [
        (abs(change.mean), label, change)
        for change, label, is_real in zip(changes, pair.labels, rejected, strict=True)
        if is_real and 100 * abs(change.mean) >= params.min_change_pp
    ]
    if not found:
        return ""
    _, label, change = max(found, key=lambda one: one[0])
    return (
        f"on {pair.n:,} shared rows {pair.version} gives {label!r} {100 * change.mean:+.1f} pp more"
        f" often than {pair.other_version} [{100 * change.lo:+.1f}, {100 * change.hi:+.1f}]"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")


def _finding(models: Sequence[Step], mixes: Sequence[_Mix], n_named: int) -> Finding:
    if not mixes:
        if not n_named:
            return Finding(
                status=Status.NOT_ENOUGH_DATA,
                n=len(models),
                message=f"Under which rules the labels of {len(models)} training sets were made is"
                " not recorded: no prompt_version, no label_schema in params.",
            )
        return Finding(
            status=Status.PASS,
            n=len(models),
            message=f"Each of {len(models)} training sets holds labels of one schema and version.",
            value=1.0,
            threshold=1.0,
            unit="versions",
        )
    worst = max(mixes, key=lambda mix: (mix.gravity, len(mix.rules)))
    listed = ", ".join(
        literal(one) for one in sorted({r.step.step_id for mix in mixes for r in mix.rules})
    )
    return Finding(
        status=Status.FAIL if worst.gravity > 1 else Status.WARN,
        n=len(models),
        message=f"{worst.words}.",
        value=float(len({one.name for one in worst.rules})),
        threshold=1.0,
        unit="versions",
        action="Run the newest label prompt over all rows of this training set and train again.",
        evidence_sql="select pipeline_id, seq, op, step_id, started_at, prompt_version, params,"  # noqa: S608 - literals only
        f" rows_out from core__ledger_steps where step_id in ({listed})"
        " order by pipeline_id, seq limit 100",
    )
