"""How the score of each capability differs between two runs over the same eval cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from math import sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.findings import literal
from llmops_health.health.generalization._grid import UNNAMED, Flags, Floats, Grid, grid_of
from llmops_health.health.generalization._runs import Pair, Run
from llmops_health.kernels.intervals import t_interval
from llmops_health.kernels.paired import binary_change, clustered_change, signed_rank
from llmops_health.kernels.power import mde_mean

# Nine of nine losses: few cases cannot give a smaller p of ranks, however much they lost.
_SURE_RANKS = 0.002
# With fewer changed cases a t interval says too much of those that might have changed.
_MIN_CHANGED = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A capability's mean score before and after, and its change; shares, not points.

    `p_fall` and `p_rise` are one-sided; `smallest` is the fall found 4 times in 5, `sd` the
    standard deviation of a case's change that it follows from.
    """

    before: float
    after: float
    mean: float
    lo: float
    hi: float
    p_fall: float
    p_rise: float
    n: int
    sd: float
    smallest: float

    def in_points(self) -> str:
        """Say the change with its interval."""
        return f"{100 * self.mean:+.1f} pp [{100 * self.lo:+.1f}, {100 * self.hi:+.1f}]"


@dataclass(frozen=True, eq=False)
class Comparison:
    """A pair of runs (rows 0 and 1 of the grid) on the cases of a suite."""

    pair: Pair
    grid: Grid

    @cached_property
    def n_errors(self) -> int:
        """Cases that ended in an error in either run: they say nothing of either."""
        return int(self.grid.is_error.any(axis=0).sum())

    @cached_property
    def is_both(self) -> Flags:
        """Which cases both runs scored."""
        return np.asarray(~np.isnan(self.grid.scores).any(axis=0))

    def changes(self, level: float, min_cases: int = 2) -> dict[str, Change]:
        """Return the change of each capability with `min_cases` cases that both scored."""
        inside = {name: self.grid.of(name) & self.is_both for name in self.grid.names}
        return {
            name: self.change(which, level)
            for name, which in inside.items()
            if np.count_nonzero(which) >= min_cases
        }

    def change(self, which: Flags, level: float) -> Change:
        """Return the change over some of the cases that both scored, 2 or more."""
        before, after = self.grid.scores[:, which]
        return paired(
            before,
            after,
            self.grid.clusters[which],
            level,
            is_single=bool(self.grid.is_single.all()),
        )


def compare(
    pair: Pair, items: pl.DataFrame, errors: pl.DataFrame, cases: pl.DataFrame
) -> Comparison:
    """Put the scores of a base and a tuned run side by side."""
    return Comparison(pair, grid_of([pair.base, pair.tuned], cases, items, errors))


def pooled(compared: Sequence[Comparison], which: Sequence[Flags], level: float) -> Change:
    """Return the change over cases of several suites together, 2 or more."""
    before, after = np.concatenate(
        [one.grid.scores[:, part] for one, part in zip(compared, which, strict=True)], axis=1
    )
    # Suites may share an input; that they would be one cluster is not worth its keeping track.
    clusters = np.concatenate(
        [
            1_000_000 * at + one.grid.clusters[part]
            for at, (one, part) in enumerate(zip(compared, which, strict=True))
        ]
    )
    is_single = all(bool(one.grid.is_single.all()) for one in compared)
    return paired(before, after, clusters, level, is_single=is_single)


def n_live(cases: pl.DataFrame, run: Run) -> dict[str, int]:
    """Count the cases that the suite had when a run started, by capability."""
    is_its = cases["suite_id"] == run.suite_id
    columns = (
        cases["capability"],
        cases["retired_at"] <= run.started_at,
        cases["added_at"] >= datetime.combine(run.day + timedelta(days=1), time()),
    )
    rows = zip(*(column.filter(is_its).to_list() for column in columns), strict=True)
    counted = Counter(
        UNNAMED if capability is None else capability
        for capability, is_retired, is_later in rows
        if not is_retired and not is_later
    )
    return dict(sorted(counted.items()))


def paired(
    before: Floats,
    after: Floats,
    cluster: npt.NDArray[np.int64],
    level: float,
    *,
    is_single: bool = True,
) -> Change:
    """Test the change of two vectors of scores, shape (n_cases,), 2 or more.

    Scores of 0 and 1 of single trials on distinct inputs are tested exactly; others by a
    cluster-robust t test, which counts where a signed-rank test agrees, else the weaker of both.
    """
    n, change = len(before), after - before
    _, cluster = np.unique(cluster, return_inverse=True)
    is_right_or_wrong = bool(np.isin(before, (0, 1)).all() and np.isin(after, (0, 1)).all())
    is_distinct = int(cluster.max()) + 1 == n
    if is_single and is_right_or_wrong and is_distinct:
        n_lost, n_won = int((change < 0).sum()), int((change > 0).sum())
        exact = binary_change(n_lost, n_won, n, level=level)
        # No case that changed is no proof that none can: half of the chance is one in n.
        sd = sqrt(max((n_lost + n_won) / n, 1 / n))
        ends, p_fall, p_rise = (exact.lo, exact.hi), exact.p_fall, exact.p_rise
    else:
        ends, p_fall, p_rise, sd = _graded(change, cluster, level)
    return Change(
        before=float(before.mean()),
        after=float(after.mean()),
        mean=float(change.mean()),
        lo=max(ends[0], -1.0),
        hi=min(ends[1], 1.0),
        p_fall=p_fall,
        p_rise=p_rise,
        n=n,
        sd=sd,
        smallest=mde_mean(sd, n),
    )


def _graded(
    change: Floats, cluster: npt.NDArray[np.int64], level: float
) -> tuple[tuple[float, float], float, float, float]:
    sums = np.bincount(cluster, change)
    n_clusters, mean = len(sums), float(change.mean())
    if n_clusters < 2:
        return (-1.0, 1.0), 0.5, 0.5, 1.0
    found = clustered_change(change, cluster, level=level)
    # Rounded: means of the same trials differ in the last bit with their order.
    ranks = signed_rank(np.round(sums, 9)) / 2
    falls, rises = (ranks, 1 - ranks) if mean < 0 else (1 - ranks, ranks)
    p_fall, p_rise = (
        by_t if by_rank <= _SURE_RANKS else max(by_t, by_rank)
        for by_t, by_rank in ((found.p_fall, falls), (found.p_rise, rises))
    )
    se = found.se
    if np.count_nonzero(np.round(sums, 9)) < _MIN_CHANGED:
        se = max(se, 1 / n_clusters)
    ends = t_interval(mean, se, n_clusters - 1, level=level)
    return (ends.lo, ends.hi), p_fall, p_rise, se * sqrt(len(change))


def one_line(name: str) -> str:
    """Return a name from the data for a message."""
    return " ".join(name.split())


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return the first names, and how many more there are."""
    shown = ", ".join(one_line(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def cases_sql(pair: Pair, capability: str | None = None) -> str:
    """Return a query for the cases of a pair of runs, those that lost most first."""
    of_capability = ""
    if capability is not None:
        named = f"coalesce(cases.capability, {literal(UNNAMED)})"
        of_capability = f"and {named} = {literal(capability)} "
    return (
        "select cases.capability, before.case_id, before.score as base_score, "  # noqa: S608 - literals only
        "after.score as tuned_score, after.n_trials from summary__eval_items as before "
        "inner join summary__eval_items as after on before.case_id = after.case_id "
        "left join core__eval_cases as cases on before.suite_id = cases.suite_id "
        "and before.case_id = cases.case_id "
        f"where before.eval_run_id = {literal(pair.base.eval_run_id)} "
        f"and after.eval_run_id = {literal(pair.tuned.eval_run_id)} {of_capability}"
        "order by after.score - before.score, before.case_id limit 200"
    )
