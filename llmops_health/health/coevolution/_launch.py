"""The launch baseline: which eval cases and which weeks of traffic are it. Nothing is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from llmops_health.findings import Finding, not_applicable, not_enough_data
from llmops_health.health.coevolution._panel import Flags, Floats, Ints

MONTH_DAYS: Final = 28
LAUNCH_DAYS: Final = 30
N_BUCKETS: Final = 64

_WEEK: Final = 7
_LAST_WEEK: Final = range(7)
_SHORTEST_WEEKS: Final = 2


class Inputs:
    """The placed inputs of a feature up to a day: age in days, cell, nearness and bucket."""

    def __init__(self, user_cells: pl.DataFrame, day: date) -> None:
        """Keep all rows; those after `day` must not be among them."""
        self.day = day
        self.age: Ints = (day - date(1970, 1, 1)).days - user_cells["day"].to_physical().to_numpy()
        self._cell: Ints = user_cells["cell"].to_numpy()
        self._bin: Ints = user_cells["similarity_bin"].to_numpy()
        self._bucket: Ints = user_cells["bucket"].to_numpy()
        self._n: Floats = user_cells["n"].to_numpy().astype(np.float64)
        self.n_cells = int(self._cell.max(initial=-1)) + 1

    def count(self, ages: Sequence[int]) -> int:
        """Count the inputs of these ages."""
        return int(self._n[self._inside(ages)].sum())

    def far_bin(self, ages: Sequence[int], share: float) -> int:
        """Return the least nearness at which an input counts as on its topic.

        All but about `share` of the inputs of these ages reach it.
        """
        inside = self._inside(ages)
        bins, n = self._bin[inside], self._n[inside]
        order = np.argsort(bins, kind="stable")
        place = np.searchsorted(np.cumsum(n[order]), share * n.sum(), side="right")
        return int(bins[order][min(int(place), len(order) - 1)])

    def counts(self, ages: Sequence[int], n_cells: int, far: int) -> Floats:
        """Count inputs per bucket and cell, shape (64, n_cells + 1); the last place: no topic."""
        inside = self._inside(ages)
        cell = self._cell[inside]
        cell = np.where((cell < 0) | (self._bin[inside] < far), n_cells, cell)
        flat = self._bucket[inside].astype(np.int64) * (n_cells + 1) + cell
        counts = np.bincount(flat, self._n[inside], N_BUCKETS * (n_cells + 1))
        return counts.reshape(N_BUCKETS, n_cells + 1).astype(np.float64)

    def _inside(self, ages: Sequence[int]) -> Flags:
        if not len(ages):
            return np.zeros(len(self.age), dtype=np.bool_)
        return np.asarray((self.age >= ages[0]) & (self.age <= ages[-1]))


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What today is held against: inputs per bucket and cell of the launch month, and the rest."""

    inputs: Inputs
    ages: range
    launch: date | None
    cases: pl.DataFrame
    live: pl.DataFrame
    n_cells: int
    far: int

    @property
    def month(self) -> str:
        """Name the launch month, and say where it is another one."""
        first, last = (
            self.inputs.day - timedelta(days=age) for age in (self.ages.stop - 1, self.ages.start)
        )
        is_later = self.launch is not None and (first - self.launch).days > len(self.ages)
        stands = f" (which stands for the launch of {self.launch})" if is_later else ""
        return f"{first} to {last}{stands}"

    def counts(self, ages: range) -> Floats:
        """Count inputs per bucket and cell."""
        return self.inputs.counts(ages, self.n_cells, self.far)


def baseline(
    day: date,
    launch: date | None,
    user_cells: pl.DataFrame,
    eval_cells: pl.DataFrame,
    min_inputs: int,
    far_share: float,
) -> Baseline | Finding:
    """Return what to compare with, or the finding that says what lacks."""
    if launch is not None and launch > day:
        return not_applicable(f"The feature is launched on {launch}.")
    inputs = Inputs(user_cells, day)
    cells = known_cells(eval_cells, day)
    n_now = inputs.count(_LAST_WEEK)
    fitted_on = cells["fitted_on"].max() if len(cells) else date.min
    ages = launch_ages(inputs, launch, fitted_on)  # type: ignore[arg-type]
    if not ages:
        return not_enough_data(
            n_now,
            "The inputs whose topic is known do not reach back three weeks before the last 7 days, "
            "to a launch month of at least two weeks.",
        )
    if min(n_now, inputs.count(ages)) < min_inputs:
        return not_enough_data(
            n_now,
            f"{n_now} inputs with a topic in 7 days and {inputs.count(ages)} in the launch month; "
            f"{min_inputs} are needed in each.",
        )
    n_cells = max(inputs.n_cells, int(cells["cell"].max()) + 1 if len(cells) else 0)  # type: ignore[arg-type]
    return Baseline(
        inputs=inputs,
        ages=ages,
        launch=launch,
        cases=launch_cases(cells, launch, day),
        live=live_cases(cells, day),
        n_cells=n_cells,
        far=inputs.far_bin(ages, far_share),
    )


def known_cells(eval_cells: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the cases with a topic that are known by the end of a day, retired ones too."""
    added = pl.col("added_at").dt.date()
    return eval_cells.filter((pl.col("fitted_on") <= day) & (added.is_null() | (added <= day)))


def launched_on(configured: date | None, cases: pl.DataFrame) -> date | None:
    """Return the day of launch: as configured, else when the oldest eval case was added."""
    return configured or cases["added_at"].dt.date().min()  # type: ignore[return-value]


def launch_cases(cases: pl.DataFrame, launch: date | None, day: date) -> pl.DataFrame:
    """Return the cases of the launch: there 30 days after it, or then with the oldest case.

    A case without `added_at` has always been there. What is retired later was there at launch.
    """
    added = pl.col("added_at").dt.date()
    known = cases.filter(added.is_null() | (added <= day))
    oldest: date | None = known["added_at"].dt.date().min()  # type: ignore[assignment]
    for start in (launch, oldest):
        if start is not None:
            found = _there(known, start + timedelta(days=LAUNCH_DAYS))
            if len(found):
                return found
    return known


def live_cases(cases: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the cases that were added by the end of `day` and not retired by then."""
    return _there(cases, day)


def launch_ages(inputs: Inputs, launch: date | None, fitted_on: date) -> range:
    """Return the ages of the launch month: four weeks from launch, or the oldest that are known.

    Days before the topics were fitted do not count: their texts lie nearer to them than any later.
    None where fewer than two weeks would be left that end a week before the last seven days.
    """
    begins = inputs.day - timedelta(days=int(inputs.age.max(initial=-1)))
    first = max([begins, fitted_on + timedelta(days=1), *([launch] if launch else [])])
    oldest = (inputs.day - first).days
    n_weeks = min(MONTH_DAYS // _WEEK, (oldest + 1 - 2 * _WEEK) // _WEEK)
    return (
        range(oldest - _WEEK * n_weeks + 1, oldest + 1) if n_weeks >= _SHORTEST_WEEKS else range(0)
    )


def is_covered(cases: pl.DataFrame, n_cells: int) -> Flags:
    """Return which cells hold a case, shape (n_cells + 1,); what is on no topic never counts."""
    cell = cases["cell"].to_numpy()
    counts = np.bincount(cell[(cell >= 0) & (cell < n_cells)], minlength=n_cells + 1)
    return np.asarray(counts > 0)


def _there(cases: pl.DataFrame, day: date) -> pl.DataFrame:
    added, retired = pl.col("added_at").dt.date(), pl.col("retired_at").dt.date()
    return cases.filter((added.is_null() | (added <= day)) & (retired.is_null() | (retired > day)))
