"""Scores of some runs of one suite, run by case, with what is known of the cases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.health.generalization._runs import Run

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

UNNAMED = "(no capability)"


@dataclass(frozen=True, eq=False)
class Grid:
    """Scores, shape (n_runs, n_cases): nan where a case was not run or ended in an error.

    `is_error` tells the two apart. Cases are in order of capability, input and id; `clusters`
    are cases of the same input. `is_single` (n_runs,): no case had several trials.
    """

    scores: Floats
    is_error: Flags
    capabilities: npt.NDArray[np.str_]
    clusters: npt.NDArray[np.int64]
    is_single: Flags

    @cached_property
    def names(self) -> list[str]:
        """The capabilities, by name."""
        return [str(name) for name in np.unique(self.capabilities)]

    def of(self, capability: str) -> Flags:
        """Return which cases are of a capability."""
        return np.asarray(self.capabilities == capability)


def grid_of(
    runs: list[Run], cases: pl.DataFrame, items: pl.DataFrame, errors: pl.DataFrame
) -> Grid:
    """Return the grid of runs of one suite, without cases retired when the last run started.

    A case that `core__eval_cases` does not have counts, without a capability.
    """
    ids = [run.eval_run_id for run in runs]
    named = cases.lazy().select("suite_id", "case_id", "capability", "input_sha256", "retired_at")
    retired = pl.col("retired_at") <= runs[-1].started_at
    rows = (
        items.lazy()
        .filter(pl.col("eval_run_id").is_in(ids))
        .select("suite_id", "eval_run_id", "case_id", "score", "n_trials")
        .join(named, on=["suite_id", "case_id"], how="left")
        .filter(~retired.fill_null(value=False))
        .with_columns(
            pl.col("capability").fill_null(UNNAMED),
            cluster=pl.coalesce("input_sha256", "case_id"),
        )
        .sort("capability", "cluster", "case_id")
        .collect()
    )
    case_id = rows["case_id"].to_numpy()
    _, first, at = np.unique(case_id, return_index=True, return_inverse=True)
    column = np.argsort(np.argsort(first))[at]
    place = {one: row for row, one in enumerate(ids)}
    row = np.array([place[one] for one in rows["eval_run_id"].to_list()], dtype=np.int64)
    first = np.sort(first)
    scores = np.full((len(ids), len(first)), np.nan)
    scores[row, column] = rows["score"].to_numpy()
    is_single = np.ones(len(ids), dtype=bool)
    np.logical_and.at(is_single, row, rows["n_trials"].to_numpy() <= 1)
    is_error = np.zeros(scores.shape, dtype=bool)
    if len(errors):
        failed = errors.filter(pl.col("eval_run_id").is_in(ids)).select("eval_run_id", "case_id")
        known = dict(zip(case_id.tolist(), column.tolist(), strict=True))
        for run_id, one in failed.iter_rows():
            if one in known:
                is_error[place[run_id], known[one]] = True
    _, clusters = np.unique(rows["cluster"].to_numpy()[first], return_inverse=True)
    return Grid(
        scores=np.where(is_error, np.nan, scores),
        is_error=is_error,
        capabilities=rows["capability"].to_numpy()[first].astype(np.str_),
        clusters=clusters.astype(np.int64),
        is_single=is_single,
    )
