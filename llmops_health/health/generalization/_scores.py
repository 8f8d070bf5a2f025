"""The scores of a run, whole or of one capability, beside those of a sound run before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from llmops_health.health.generalization._changes import Change, paired
from llmops_health.health.generalization._grid import Flags, Floats, Grid, grid_of
from llmops_health.health.generalization._runs import Run

SAME = 1e-9
"""Scores nearer than this are one score."""

# Runs before a run among which a sound one is looked for.
_LOOK_BACK = 5
_LEVEL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Scores of one capability, or ("") of all, without the cases that ended in an error.

    `before` is the newest sound run, and `old` its scores; None where there is none.
    """

    run: Run
    capability: str
    n_errors: int
    scores: Floats
    _grid: Grid
    before: Run | None = None
    old: Floats | None = None
    _both: tuple[int, int, Flags] | None = None

    @property
    def n(self) -> int:
        """Cases, those with errors too."""
        return len(self.scores) + self.n_errors

    @property
    def is_repeat(self) -> bool:
        """Whether the run before was the same version with the same settings."""
        return self.before is not None and _is_repeat(self.before, self.run)

    @property
    def mean_change(self) -> float | None:
        """The change of the mean since `before` on the cases of both, if they share enough."""
        if self._both is None:
            return None
        then, now, which = self._both
        return float((self._grid.scores[now, which] - self._grid.scores[then, which]).mean())

    def change(self) -> Change | None:
        """Return the change since `before` on the cases of both; None if they share too few."""
        if self._both is None:
            return None
        then, now, which = self._both
        grid = self._grid
        before, after = grid.scores[then, which], grid.scores[now, which]
        is_single = bool(grid.is_single[then] and grid.is_single[now])
        return paired(before, after, grid.clusters[which], _LEVEL, is_single=is_single)


def results(
    judged: list[Run],
    known: list[Run],
    cases: pl.DataFrame,
    items: pl.DataFrame,
    errors: pl.DataFrame,
    min_cases: int,
    lowest: float,
) -> Iterator[list[Result]]:
    """Yield of each judged run of one suite its whole result, then one per capability.

    A run before is sound where it has `min_cases` scores with a mean above `lowest` that are not
    all one value below 1; one of the same version and settings is preferred. `known` are all
    runs, in order.
    """
    of_suite = [run for run in known if run.suite_id == judged[0].suite_id]
    earlier = {run.eval_run_id: _earlier(of_suite, run) for run in judged}
    wanted = {run.eval_run_id for runs in earlier.values() for run in runs} | {*earlier}
    rows = [run for run in of_suite if run.eval_run_id in wanted]
    grid = grid_of(rows, cases, items, errors)
    row = {run.eval_run_id: at for at, run in enumerate(rows)}
    names = ["", *(grid.names if len(grid.names) > 1 else [])]
    inside = {name: grid.of(name) for name in names[1:]} | {"": np.ones(len(grid.clusters), bool)}
    is_scored = ~np.isnan(grid.scores)
    for run in judged:
        at, found = row[run.eval_run_id], []
        before = [(one, row[one.eval_run_id]) for one in earlier[run.eval_run_id]]
        for name in names:
            is_known = is_scored & inside[name]
            result = Result(
                run=run,
                capability=name,
                n_errors=int((grid.is_error[at] & inside[name]).sum()),
                scores=grid.scores[at, is_known[at]],
                _grid=grid,
            )
            for one, then in before:
                old = grid.scores[then, is_known[then]]
                if len(old) >= min_cases and _is_sound(old, lowest):
                    shared = is_known[then] & is_known[at]
                    both = (then, at, shared) if shared.sum() >= min_cases else None
                    result = replace(result, before=one, old=old, _both=both)
                    break
            found.append(result)
        yield found


def _earlier(of_suite: list[Run], run: Run) -> list[Run]:
    """Return the runs before on the same scale, of this version first, then the newest."""
    before = [one for one in of_suite[: of_suite.index(run)] if not one.differs_in_scale(run)]
    newest_first = [*reversed(before)]
    newest_first.sort(key=lambda one: not _is_repeat(one, run))
    return newest_first[:_LOOK_BACK]


def _is_repeat(one: Run, other: Run) -> bool:
    return one.is_version_of(other) and one.settings == other.settings


def _is_sound(scores: Floats, lowest: float) -> bool:
    return bool(scores.mean() > lowest and (np.ptp(scores) > SAME or scores[0] >= 1 - SAME))
