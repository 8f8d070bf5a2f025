"""Moving a part of counts, and of the sums that belong to them, within a table of sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]


def moved_apart(
    rows: pl.DataFrame,
    to: Mapping[str, pl.Expr],
    *,
    n_moved: str,
    sums: Sequence[str] = (),
    aside: Sequence[str] = (),
) -> pl.DataFrame:
    """Return rows of which `n_moved` of the `n` rows each are counted elsewhere.

    Parameters
    ----------
    rows
        Counts `n` with their sums; `n_moved` names a column, 0 <= n_moved <= n, that is dropped.
    to
        Where the moved ones are counted, and what becomes of their sums, by column.
    sums
        Columns that add up with `n`; a part of the rows has a part of them.
    aside
        Columns that only `to` reads, dropped with `n_moved`.

    Returns
    -------
    DataFrame
        One row per combination of the other columns, where it first stood; none without rows.
    """
    part = pl.when(pl.col("n") == 0).then(0.0).otherwise(pl.col(n_moved) / pl.col("n"))
    stay = rows.with_columns(
        (pl.col("n") - pl.col(n_moved)).alias("n"), *(pl.col(name) * (1 - part) for name in sums)
    )
    gone = rows.filter(pl.col(n_moved) > 0).with_columns(
        pl.col(n_moved).alias("n"), *(pl.col(name) * part for name in sums)
    )
    gone = gone.with_columns(**to).select(pl.col(c).cast(t) for c, t in stay.schema.items())
    grain = [name for name in rows.columns if name not in {"n", n_moved, *sums, *aside}]
    both = pl.concat([stay, gone]).drop(n_moved, *aside)
    kept = both.group_by(grain, maintain_order=True).agg(pl.col("n", *sums).sum())
    return kept.filter(pl.col("n") != 0)


def next_in_order(
    rows: pl.DataFrame, value: str, *, within: Sequence[str] = (), lonely: str | None = None
) -> pl.DataFrame:
    """Return for each value the next most frequent one; the rarest is followed by the commonest.

    Values that stand alone are followed by `lonely`; without it they are left out.
    """
    groups = list(within)
    ranked = rows.group_by(*groups, value).agg(pl.col("n").sum())
    ranked = ranked.sort(*groups, "n", value, descending=[*(False for _ in groups), True, False])
    first, following = pl.col(value).first(), pl.col(value).shift(-1)
    if groups:
        first, following = first.over(groups), following.over(groups)
    after = ranked.select(*groups, value, next=following.fill_null(first))
    is_lonely = pl.col("next") == pl.col(value)
    if lonely is None:
        return after.filter(~is_lonely)
    return after.with_columns(next=pl.when(is_lonely).then(pl.lit(lonely)).otherwise("next"))


@dataclass(frozen=True, slots=True)
class Vectors:
    """A vector per row, and which rows have vectors of one length, hence of one embedder."""

    rows: tuple[Floats, ...]
    alike: tuple[npt.NDArray[np.int64], ...]

    @classmethod
    def of(cls, lists: pl.Series) -> Vectors:
        """Read a column of lists."""
        rows = tuple(np.asarray(one, dtype=np.float64) for one in lists)
        sizes = np.array([len(one) for one in rows])
        alike = tuple(np.flatnonzero(sizes == size) for size in np.unique(sizes) if size > 0)
        return cls(rows, alike)


def daily_vectors(rows: Sequence[Floats]) -> pl.Series:
    """Return vectors as a column of lists."""
    return pl.Series([row.tolist() for row in rows], dtype=pl.List(pl.Float64))
