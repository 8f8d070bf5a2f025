"""Which eval cases were in a suite on a day, and where traffic lies. Nothing is judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

N_BUCKETS = 64

_SATURDAY = 5

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def live(cases: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the cases that were added by the end of `day` and not retired by then.

    A case without `added_at` has always been there.
    """
    added, retired = pl.col("added_at").dt.date(), pl.col("retired_at").dt.date()
    return cases.filter((added.is_null() | (added <= day)) & (retired.is_null() | (retired > day)))


def cases_per_cell(cases: pl.DataFrame, n_cells: int) -> Floats:
    """Count cases per cell, shape (n_cells + 1,); the last place is for new topics.

    That place is always 0: two texts that are far from all known topics need not be alike, so a
    case there covers nothing but itself.
    """
    cell = cases["cell"].to_numpy()
    counts = np.bincount(cell[(cell >= 0) & (cell < n_cells)], minlength=n_cells + 1)
    return counts.astype(np.float64)


class Traffic:
    """The sampled production inputs of a feature: their age in days, cell, and bucket of users."""

    def __init__(
        self, text_cells: pl.DataFrame, text_samples: pl.DataFrame, day: date, ages: range
    ) -> None:
        """Keep the inputs whose age (0 is the judged day) lies within `ages`."""
        age = pl.lit(day).sub(pl.col("day")).dt.total_days()
        inside = text_cells.select("call_id", "cell", "similarity", age=age).filter(
            pl.col("age").is_between(ages.start, ages.stop - 1)
        )
        rows = inside.join(text_samples.select("call_id", "bucket"), on="call_id")
        self.age: Ints = rows["age"].to_numpy().astype(np.int64)
        self._bucket: Ints = rows["bucket"].to_numpy().astype(np.int64)
        self._cell: Ints = rows["cell"].to_numpy().astype(np.int64)
        self._similarity: Floats = rows["similarity"].to_numpy().astype(np.float64)
        self.n_cells = int(self._cell.max(initial=-1)) + 1

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self.age)

    def call_far_new(self, ages: Sequence[int], share: float) -> float:
        """Take out of their cells the inputs that are far from them, and return what is far.

        That is a cosine below those of all but `share` of the inputs of these ages; without any,
        nothing is far.
        """
        earlier = self._similarity[np.isin(self.age, np.asarray(ages, dtype=np.int64))]
        far = float(np.quantile(earlier, share)) if len(earlier) else -1.0
        self._cell = np.where(self._similarity < far, -1, self._cell)
        return far

    def counts(self, ages: Sequence[int], n_cells: int) -> Floats:
        """Count inputs of these ages, shape (64, n_cells + 1); new topics come last."""
        chosen = np.isin(self.age, np.asarray(ages, dtype=np.int64))
        cell = np.where(self._cell[chosen] < 0, n_cells, self._cell[chosen])
        flat = self._bucket[chosen] * (n_cells + 1) + cell
        counts = np.bincount(flat, minlength=N_BUCKETS * (n_cells + 1)).astype(np.float64)
        return counts.reshape(N_BUCKETS, n_cells + 1)


def by_type(traffic: Traffic, ages: Sequence[int], n_cells: int, day: date) -> Floats:
    """Count the inputs of weekdays and of weekends, shape (2, 64, n_cells + 1)."""
    weekend = [age for age in ages if (day - timedelta(days=age)).weekday() >= _SATURDAY]
    weekdays = [age for age in ages if age not in weekend]
    return np.stack([traffic.counts(days, n_cells) for days in (weekdays, weekend)])
