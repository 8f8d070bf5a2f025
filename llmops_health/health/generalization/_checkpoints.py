"""The scores of a suite's cases at every version of a model, in the order of the versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.findings import literal
from llmops_health.health.generalization._grid import UNNAMED, Grid, grid_of
from llmops_health.health.generalization._runs import Run, known_runs

# Other models, not other states of this one.
_NOT_A_CHECKPOINT = ("challenger", "regression")


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Runs of the versions, oldest first, and their scores; `halves` (n_cases,) is 0 or 1.

    Of the inputs of a capability every second is in half 1.
    """

    runs: tuple[Run, ...]
    grid: Grid
    halves: npt.NDArray[np.int64]

    def sql(self, capability: str) -> str:
        """Return a query for the mean score of a capability at every checkpoint."""
        ids = ", ".join(literal(run.eval_run_id) for run in self.runs)
        named = f"coalesce(cases.capability, {literal(UNNAMED)})"
        return (
            "select items.day, items.eval_run_id, items.model, items.prompt_version, "  # noqa: S608 - literals only
            "count(*) as n_cases, avg(items.score) as mean_score "
            "from summary__eval_items as items left join core__eval_cases as cases "
            "on items.suite_id = cases.suite_id and items.case_id = cases.case_id "
            f"where items.eval_run_id in ({ids}) and {named} = {literal(capability)} "
            "group by items.day, items.eval_run_id, items.model, items.prompt_version "
            "order by items.day, items.eval_run_id limit 200"
        )


def lines(
    runs: pl.DataFrame,
    cases: pl.DataFrame,
    items: pl.DataFrame,
    errors: pl.DataFrame,
    day: date,
    min_versions: int,
    max_age_days: int,
) -> list[Line]:
    """Return one line per suite that was run on `min_versions` versions, by suite.

    Of each version the newest run counts, and only if it has the judge and the edition of the
    suite that the newest version had, which must have run in the last `max_age_days`.
    """
    by_suite: dict[str, list[Run]] = {}
    for run in known_runs(runs, day):
        if run.role not in _NOT_A_CHECKPOINT and run.checkpoint is not None:
            by_suite.setdefault(run.suite_id, []).append(run)
    found: list[Line] = []
    for _, of_suite in sorted(by_suite.items()):
        if len({run.checkpoint for run in of_suite}) < min_versions:
            continue
        chosen = _newest_of_each(of_suite)
        if len(chosen) >= min_versions and (day - chosen[-1].day).days < max_age_days:
            grid = grid_of(chosen, cases, items, errors)
            found.append(Line(tuple(chosen), grid, _halves(grid)))
    return found


def _newest_of_each(of_suite: list[Run]) -> list[Run]:
    """Return the newest run of each version, in the order in which versions appeared.

    A version whose runs were all scored on another scale than the last version's is left out.
    """
    order = list(dict.fromkeys(run.checkpoint for run in of_suite))
    final = [run for run in of_suite if run.checkpoint == order[-1]][-1]
    newest = {run.checkpoint: run for run in of_suite if not run.differs_in_scale(final)}
    return [newest[name] for name in order if name in newest]


def _halves(grid: Grid) -> npt.NDArray[np.int64]:
    """Take turns among the inputs of each capability; cases of one input stay together."""
    halves = np.zeros(len(grid.clusters), dtype=np.int64)
    for name in grid.names:
        inside = grid.of(name)
        _, place = np.unique(grid.clusters[inside], return_inverse=True)
        halves[inside] = place % 2
    return halves
