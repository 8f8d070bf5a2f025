"""What became of single rows, per step: counts and multiset hashes of `summary__ledger_fates`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from llmops_health.kernels.multiset_hash import MODULUS

Key = tuple[str, str]


@dataclass(slots=True)
class Fates:
    """Rows of one step that somebody accounted for; `n_in` and `n_out` are rows before and after.

    The hashes stand for the ids before and after, and are None where a row has no id.
    """

    n_in: int = 0
    n_out: int = 0
    n_dropped: int = 0
    n_created: int = 0
    n_named: int = 0
    n_traced: int = 0
    n_weighted: int = 0
    sum_weight: float = 0.0
    sum_weight_sq: float = 0.0
    hash_in: int | None = 0
    hash_out: int | None = 0


def fates_of(rows: pl.DataFrame, pipelines: Collection[str]) -> dict[Key, Fates]:
    """Return the fates of rows of some pipelines by pipeline and step id.

    Names, traces and weights are those of the rows after the step.
    """
    if rows.is_empty():
        return {}
    mine = rows.filter(pl.col("pipeline_id").is_in(list(pipelines)))
    found: dict[Key, Fates] = {}
    columns = [
        *("pipeline_id", "step_id", "action", "n", "n_in", "n_out", "n_named", "n_traced"),
        *("n_weighted", "sum_weight", "sum_weight_sq", "hash_in", "hash_out"),
    ]
    for pipeline, step_id, action, n, n_in, n_out, *sums in mine[columns].rows():
        named, traced, weighted, weight, weight_sq, hash_in, hash_out = sums
        fate = found.setdefault((pipeline, step_id), Fates())
        if action != "created":
            fate.n_in += n
            fate.hash_in = _sum(fate.hash_in, hash_in if n_in == n else None)
        if action == "dropped":
            fate.n_dropped += n
            continue
        fate.n_created += n if action == "created" else 0
        fate.n_out += n
        fate.hash_out = _sum(fate.hash_out, hash_out if n_out == n else None)
        fate.n_named += named
        fate.n_traced += traced
        fate.n_weighted += weighted
        fate.sum_weight += weight
        fate.sum_weight_sq += weight_sq
    return found


def is_whole(n: int, of: int, least_share: float) -> bool:
    """Return whether so many rows are meant to be all, and no sample, of a step's rows."""
    return of > 0 and n >= least_share * of


def of_step(fates: Mapping[Key, Fates], pipeline: str, step_id: str) -> Fates:
    """Return the fates of one step's rows, nothing where none are known."""
    return fates.get((pipeline, step_id), Fates())


def _sum(total: int | None, more: str | None) -> int | None:
    return None if total is None or more is None else (total + int(more)) % MODULUS
