"""From a checkpoint back to the events it learned from, and to the steps to look at first.

Reads the published tables; what speaks against a step is decided by the checks of `provenance`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import duckdb

from llmops_health.health.provenance import _ledger
from llmops_health.health.provenance._fates import fates_of
from llmops_health.health.provenance._ledger import Step
from llmops_health.health.provenance._suspects import Suspect, suspects
from llmops_health.storage.warehouse import frame

_LEAST_PREFIX = 8


@dataclass(frozen=True, slots=True)
class Rows:
    """What a step did to rows: how many per action and reason, and some of them."""

    counts: tuple[tuple[str, str, int], ...]
    examples: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The way back from a model: its steps, nearest first, and where it ends."""

    name: str
    sha256: str
    model: Step
    way: tuple[Step, ...]
    suspects: tuple[Suspect, ...]
    rows: dict[str, Rows]
    orphans: tuple[str, ...]


def trace(connection: duckdb.DuckDBPyConnection, checkpoint: str) -> Trace:
    """Trace a checkpoint, given by its SHA-256 (or 8 characters of it), name or name@version.

    Raises
    ------
    ValueError
        If no checkpoint of this name is known, or no ledger step made it.
    """
    name, sha256 = _resolved(connection, checkpoint)
    steps = _ledger.as_steps(
        frame(connection, "select * from core__ledger_steps order by pipeline_id, seq, step_id")
    )
    made = [step for step in steps if step.output == sha256]
    if not made:
        raise ValueError(
            f"No ledger step made {name} ({sha256[:16]}): the way back ends at the checkpoint."
        )
    trained = [step for step in made if step.op not in {"promote", "revert"}] or made
    model = max(trained, key=lambda step: step.started_at)
    way = _ledger.upstream(model, _ledger.sources(steps))
    fate_rows = frame(connection, "select * from summary__ledger_fates")
    artifacts = frame(
        connection,
        "select artifact_sha256, kind, n_rows from core__artifacts order by artifact_sha256",
    )
    kinds = {one: kind for one, kind, _ in artifacts.iter_rows()}
    sizes = {
        one: n for one, kind, n in artifacts.iter_rows() if n is not None and kind != "checkpoint"
    }
    ranked = suspects(way, steps, fates_of(fate_rows, _ledger.names_of(way)), fate_rows, sizes)
    ids = [one.step.step_id for one in ranked]
    return Trace(
        name=name,
        sha256=sha256,
        model=model,
        way=tuple(way),
        suspects=tuple(ranked),
        rows=_rows(connection, ids),
        orphans=tuple(_orphans(way, steps, kinds)),
    )


def lines(found: Trace, *, n_suspects: int = 5) -> Iterator[str]:
    """Yield a trace as text."""
    yield f"{found.name} ({found.sha256[:16]}) was made by {found.model.name}"
    yield f"from {found.model.rows_in:,} rows. The way back, nearest step first:"
    for step in found.way:
        code = step.code_ref or "code not known"
        yield f"  {step.op:9} {step.rows_in:>10,} -> {step.rows_out:>10,}  {step.name}  {code}"
    for orphan in found.orphans:
        yield f"  ends at {orphan}"
    yield ""
    guilty = [one for one in found.suspects if one.score > 0]
    if not guilty:
        yield "Nothing speaks against any of these steps."
        return
    yield "Look at these steps first:"
    for place, one in enumerate(guilty[:n_suspects], start=1):
        yield f"{place}. {one.step.name} (score {one.score:.0f}, touched {one.share:.1%} of rows)"
        yield from (f"     {words}" for words in one.words)
        rows = found.rows.get(one.step.step_id)
        if rows:
            for action, reason, n in rows.counts:
                yield f"     {n:,} rows {action}{f': {reason}' if reason else ''}"
            for action, before, after in rows.examples:
                yield f"       {action} {before or '-'} -> {after or '-'}"


def _resolved(connection: duckdb.DuckDBPyConnection, wanted: str) -> tuple[str, str]:
    """Return name and SHA-256 of the newest checkpoint that is meant."""
    rows = connection.execute(
        """
        select name, version, artifact_sha256 as sha256, created_at as made_at, 0 as place,
            null::timestamp as listed_on
        from core__artifacts where kind = 'checkpoint'
        union all
        select name, version, sha256, released_on, 1, listed_on
        from core__components where sha256 is not null
        union all
        select pipeline_id || '/' || op, null, output_artifact, started_at, 2, null
        from core__ledger_steps where output_artifact is not null
        order by place, made_at desc nulls last, listed_on desc nulls last, sha256
        """
    ).fetchall()
    names: list[str] = []
    for name, version, sha256, *_ in rows:
        known = [one for one in (name, f"{name}@{version}", sha256) if one]
        is_prefix = len(wanted) >= _LEAST_PREFIX and str(sha256).startswith(wanted)
        if wanted in known or is_prefix:
            return str(name or sha256), str(sha256)
        names += known
    near = get_close_matches(wanted, names, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ValueError(f"{wanted} is no checkpoint that artifacts, components or steps name.{hint}")


def _orphans(way: list[Step], steps: list[Step], kinds: dict[str, str]) -> Iterator[str]:
    made = _ledger.makers(steps)
    for step in way:
        for name in dict.fromkeys(step.inputs):
            if _ledger.maker(made, name, step) is None:
                kind = kinds.get(name)
                said = f"listed as {kind}" if kind else "made by no step and listed nowhere"
                yield f"{name[:16]}, an input of {step.name}: {said}"


def _rows(connection: duckdb.DuckDBPyConnection, step_ids: list[str]) -> dict[str, Rows]:
    counts = connection.execute(
        "select step_id, action, coalesce(reason, ''), count(*) from core__ledger_rows"
        " where step_id in (select unnest($1)) and action <> 'kept'"
        " group by all order by step_id, count(*) desc, action, 3",
        [step_ids],
    ).fetchall()
    examples = connection.execute(
        "select step_id, action, in_row_id, out_row_id from core__ledger_rows"
        " where step_id in (select unnest($1)) and action <> 'kept'"
        " qualify row_number() over (partition by step_id, action order by in_row_id, out_row_id)"
        " <= 2 order by step_id, action, in_row_id, out_row_id",
        [step_ids],
    ).fetchall()
    return {
        one: Rows(
            tuple((action, reason, n) for step, action, reason, n in counts if step == one),
            tuple(
                (action, before or "", after or "")
                for step, action, before, after in examples
                if step == one
            ),
        )
        for one in step_ids
        if any(row[0] == one for row in counts)
    }
