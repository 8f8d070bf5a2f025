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
    place = {run.eval_run_id: row for row, run in enumerate(runs)}
    is_theirs = items["eval_run_id"].is_in([*place])
    of_run, of_case, score, n_trials = (
        items[name].filter(is_theirs) for name in ("eval_run_id", "case_id", "score", "n_trials")
    )
    case_ids = of_case.to_list()
    known = _known(cases, runs[-1])
    told = {one: known.get(one, (UNNAMED, one)) for one in set(case_ids)}
    in_order = sorted((*what, one) for one, what in told.items() if what is not None)
    places = {case_id: at for at, (_, _, case_id) in enumerate(in_order)}
    column = np.array([places.get(one, -1) for one in case_ids], dtype=np.int64)
    row = np.zeros(len(column), dtype=np.int64)
    for run_id, at in place.items():
        row[(of_run == run_id).to_numpy()] = at
    is_live = column >= 0
    scores = np.full((len(runs), len(in_order)), np.nan)
    scores[row[is_live], column[is_live]] = score.to_numpy()[is_live]
    is_single = np.ones(len(runs), dtype=bool)
    is_single[row[is_live & (n_trials.to_numpy() > 1)]] = False
    is_error = np.zeros(scores.shape, dtype=bool)
    if len(errors):
        failed = errors.filter(pl.col("eval_run_id").is_in([*place]))
        for run_id, one in failed.select("eval_run_id", "case_id").iter_rows():
            if one in places:
                is_error[place[run_id], places[one]] = True
    clusters = [cluster for _, cluster, _ in in_order]
    number = {cluster: at for at, cluster in enumerate(sorted(set(clusters)))}
    return Grid(
        scores=np.where(is_error, np.nan, scores),
        is_error=is_error,
        capabilities=np.array([capability for capability, _, _ in in_order], dtype=np.str_),
        clusters=np.array([number[one] for one in clusters], dtype=np.int64),
        is_single=is_single,
    )


def _known(cases: pl.DataFrame, run: Run) -> dict[str, tuple[str, str] | None]:
    """Return capability and cluster of the cases of a run's suite; None where retired by then."""
    is_its = cases["suite_id"] == run.suite_id
    columns = (
        *(cases[name] for name in ("case_id", "capability", "input_sha256")),
        cases["retired_at"] <= run.started_at,
    )
    rows = zip(*(column.filter(is_its).to_list() for column in columns), strict=True)
    return {
        case_id: None
        if is_retired
        else (
            UNNAMED if capability is None else capability,
            case_id if of_input is None else of_input,
        )
        for case_id, capability, of_input, is_retired in rows
    }
