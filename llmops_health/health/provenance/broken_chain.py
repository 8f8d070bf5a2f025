"""Broken chain: the ledger was altered, or steps are missing from it.

Why it matters
    A ledger is evidence only as long as nobody can change it unseen. One altered row, and no
    statement about how the model was trained holds any more.
How it is found
    Each row's hash is computed again from its content and the hash of the row before; `seq` must
    count 1, 2, 3 without gaps. FAIL at the first row that breaks one of these, and where a head
    that was kept elsewhere (`kept_heads`, printed by `llmops-health ledger sign`) is not found
    again. WARN where a step reads an artifact that no earlier step made and that is not listed: a
    link may be missing. A ledger without hashes cannot be judged.
How to mend it
    `llmops-health verify-ledger` names the line. Compare the file with its last backup or the
    commit that it was kept in; restore it; find out who writes to it besides the pipeline.
What it cannot see
    A ledger that was written anew from its first row, or cut off at its end, unless its head is
    kept elsewhere; rows missing from its beginning (`verify-ledger` sees them in the file); columns
    that the contract does not know; what became of single rows.
Source
    Haber and Stornetta (1991), "How to time-stamp a digital document", J. Cryptology 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_enough_data
from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._ledger import Step
from llmops_health.kernels.hash_chain import GENESIS, Breach, first_bad_row, row_hash
from llmops_health.kernels.ledger_record import FIELDS, ledger_record

HISTORY_DAYS = _ledger.HISTORY_DAYS

_WORDS = {
    Breach.ALTERED: "its content is not what its hash was made of",
    Breach.UNLINKED: "it does not follow the row before it",
    Breach.UNHASHED: "it carries no hash among rows that do",
}
_ENTRIES = frozenset({"ingest", "promote", "revert"})


class KeptHead(CheckParams):
    """The head of a pipeline as it was kept elsewhere."""

    seq: int = Field(ge=1, description="The last step's seq.")
    row_hash: str = Field(min_length=64, max_length=64, description="Its row_hash.")
    kept_on: date = Field(description="The day it was kept.")


class Params(CheckParams):
    """Settings of this check."""

    kept_heads: dict[str, KeptHead] = Field(
        default_factory=dict,
        description="Heads by pipeline_id, kept in this file and so out of the ledger's reach.",
    )
    settle_days: int = Field(
        default=2,
        ge=0,
        description="Days a gap may stay open: a long step is written after its successors.",
    )


@dataclass(frozen=True, slots=True)
class _Breach:
    pipeline: str
    seq: int
    words: str
    is_certain: bool = True


def check(
    feature: Feature,
    day: date,
    core__ledger_steps: pl.DataFrame,
    core__artifacts: pl.DataFrame,
    summary__pipelines: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on all pipelines of the feature together."""
    steps = _ledger.steps_of(feature, day, core__ledger_steps, summary__pipelines)
    mine = _ledger.names_of(steps)
    kept = {name for name in params.kept_heads if name in mine or name.startswith(feature.id)}
    if not mine and not kept:
        yield _ledger.silence(feature)
        return
    rows = core__ledger_steps.filter(pl.col("pipeline_id").is_in(sorted(mine)))
    rows = rows.sort("pipeline_id", "seq", "step_id")
    listed = set(_ledger.artifacts(core__artifacts, day)["artifact_sha256"].to_list())
    parts = rows.partition_by("pipeline_id", as_dict=True)
    found = [
        breach
        for (pipeline,), part in sorted(parts.items())
        for breach in _breaches(str(pipeline), part, day, params)
    ]
    found += [
        breach
        for name in sorted(kept)
        for breach in _cut_off(name, parts.get((name,)), day, params)
    ]
    found += _unknown_inputs(steps, listed)
    n_hashed = rows["row_hash"].count()
    if not found and n_hashed < len(rows):
        yield not_enough_data(
            len(rows),
            f"{len(rows) - n_hashed} of {len(rows)} ledger rows carry no hash: whether they were"
            " altered cannot be told.",
        )
        return
    yield _finding(rows, found)


def _breaches(pipeline: str, rows: pl.DataFrame, day: date, params: Params) -> Iterator[_Breach]:
    """Return the first breach of a pipeline's own rows, if there is one."""
    seqs: list[int] = rows["seq"].to_list()
    # Rows from before the history began are not known here.
    whole = _unbroken(seqs)
    hashes = rows.head(whole).select("prev_hash", "row_hash").iter_rows()
    contents = rows.head(whole).select(FIELDS).iter_rows()
    bad = first_bad_row(
        [
            (_due(content, before), before, own)
            for content, (before, own) in zip(contents, hashes, strict=True)
        ]
    )
    if bad is not None:
        yield _Breach(pipeline, seqs[bad.place], _WORDS[bad.breach])
        return
    if whole == len(seqs):
        return
    if seqs[whole] == seqs[whole - 1]:
        yield _Breach(pipeline, seqs[whole], "two steps have this place")
        return
    settled = _ledger.end_of(day) - timedelta(days=params.settle_days)
    if rows["started_at"][whole] < settled:
        first, last = seqs[whole - 1] + 1, seqs[whole] - 1
        missing = f"seq {first}" if first == last else f"seq {first} to {last}"
        yield _Breach(pipeline, seqs[whole], f"{missing} before it is missing")


# Every day of a range asks for the same rows.
@lru_cache(maxsize=16_384)
def _due(content: tuple[object, ...], before: str | None) -> str:
    record = ledger_record(dict(zip(FIELDS, content, strict=True)))
    return row_hash(before or GENESIS, record)


def _unbroken(seqs: Sequence[int]) -> int:
    """Return how many rows from the first on have consecutive places."""
    return next((at for at in range(1, len(seqs)) if seqs[at] != seqs[at - 1] + 1), len(seqs))


def _cut_off(
    pipeline: str, rows: pl.DataFrame | None, day: date, params: Params
) -> Iterator[_Breach]:
    """Compare a pipeline with its kept head."""
    head = params.kept_heads[pipeline]
    if head.kept_on > day:
        return
    at = None if rows is None else rows.filter(pl.col("seq") == head.seq)
    if at is None or at.is_empty():
        yield _Breach(pipeline, head.seq, f"it was there on {head.kept_on} and is gone")
    elif head.row_hash not in at["row_hash"].to_list():
        words = f"it is not the row that was kept on {head.kept_on}: all was written anew"
        yield _Breach(pipeline, head.seq, words)


def _unknown_inputs(steps: Sequence[Step], listed: set[str]) -> Iterator[_Breach]:
    """Return the first step of each pipeline that read what nothing known has made."""
    made = _ledger.makers(steps)
    told: set[str] = set()
    for step in steps:
        names = () if step.op in _ENTRIES or step.pipeline in told else step.inputs
        unknown = [
            name for name in names if name not in listed and _ledger.maker(made, name, step) is None
        ]
        # What nothing in a pipeline ever makes may come from outside; a lost link does not.
        if unknown and _has_earlier_output(steps, step):
            told.add(step.pipeline)
            yield _Breach(
                step.pipeline,
                step.seq,
                f"its input {unknown[0][:16]} is made by no step and listed nowhere",
                is_certain=False,
            )


def _has_earlier_output(steps: Sequence[Step], step: Step) -> bool:
    return any(one.pipeline == step.pipeline and one.seq < step.seq and one.output for one in steps)


def _finding(rows: pl.DataFrame, found: Sequence[_Breach]) -> Finding:
    n_pipelines = rows["pipeline_id"].n_unique()
    if not found:
        return Finding(
            status=Status.PASS,
            n=len(rows),
            message=f"The chain of {len(rows)} ledger rows in {n_pipelines} pipelines is whole.",
            value=0.0,
            threshold=0.0,
            unit="breaks",
        )
    first = found[0]
    more = f" ({len(found) - 1} more breaks)" if len(found) > 1 else ""
    listed = ", ".join(literal(one) for one in sorted({one.pipeline for one in found}))
    return Finding(
        status=Status.FAIL if first.is_certain else Status.WARN,
        n=len(rows),
        message=f"The ledger of {first.pipeline} breaks at seq {first.seq}: {first.words}{more}.",
        value=float(len(found)),
        threshold=0.0,
        unit="breaks",
        action="List the input in artifacts, or record the step that made it."
        if not first.is_certain
        else "Run llmops-health verify-ledger, compare the file with its last backup, restore it,"
        " and find out who writes to it besides the pipeline.",
        evidence_sql="select pipeline_id, seq, op, step_id, started_at, prev_hash, row_hash"  # noqa: S608 - literals only
        f" from core__ledger_steps where pipeline_id in ({listed}) and seq between"
        f" {first.seq - 2} and {first.seq + 1} order by pipeline_id, seq limit 100",
    )
