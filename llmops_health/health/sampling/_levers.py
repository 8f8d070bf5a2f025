"""What may explain how good answers are, as columns of a regression. Nothing is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.kernels.attribution import Attribution, attribute

Floats = npt.NDArray[np.float64]

SAMPLING = "sampling"
TASK = "task"
LEVERS: dict[str, tuple[str, ...]] = {
    SAMPLING: ("temperature", "top_p"),
    "model": ("request_model",),
    "prompt": ("prompt_name", "prompt_version"),
    "context": ("context_bin",),
    TASK: ("task",),
}
"""Groups of columns; the task is given, the others can be changed."""

N_GROUPS = 16
"""Groups of buckets that the jackknife leaves out: a fourth of the work of 64, and t is 2.1."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """How the variance of an outcome divides among levers that varied; `names` in their order.

    `levels` has for each lever the mean outcome and count of its levels.
    """

    names: tuple[str, ...]
    parts: Attribution
    levels: dict[str, pl.DataFrame]
    n: int

    def place(self, name: str) -> int:
        """Return the place of a lever."""
        return self.names.index(name)


def varied(
    rows: pl.DataFrame, least: int, least_share: float, names: Sequence[str] = tuple(LEVERS)
) -> dict[str, pl.DataFrame]:
    """Return for each lever with 2 levels or more its levels: n, mean, a `level` from 1.

    A level has `least` outcomes and `least_share` of them; what is rarer is one level together, 0.
    """
    total = int(rows["n"].sum())
    found = {}
    for name in names:
        columns = LEVERS[name]
        if all(rows[column].n_unique() == 1 for column in columns):
            continue
        per = rows.group_by(columns).agg(pl.col("n").sum(), pl.col("sum_score").sum())
        common = per["n"].to_numpy() >= max(least, least_share * total)
        if common.sum() > 1:
            most = per.filter(pl.Series(common)).sort("n", *columns, descending=True)
            found[name] = most.with_columns(
                mean=pl.col("sum_score") / pl.col("n"), level=pl.int_range(1, pl.len() + 1)
            )
    return found


def explained(
    rows: pl.DataFrame, levels: dict[str, pl.DataFrame], *, level: float
) -> Explained | None:
    """Divide the variance of the outcome among levers; None where there are too few users."""
    names = tuple(levels)
    placed = rows
    for name in names:
        placed = placed.join(
            levels[name].select(*LEVERS[name], pl.col("level").alias(f"_{name}")),
            on=LEVERS[name],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        ).with_columns(pl.col(f"_{name}").fill_null(0))
    sizes = [len(levels[name]) for name in names]
    columns, groups = _dummies(placed, names, sizes)
    grams = _grams(placed, columns)
    if (grams[:, 0, 0] > 0).sum() < N_GROUPS // 2:
        return None
    return Explained(names, attribute(grams, groups, level=level), levels, int(rows["n"].sum()))


def _dummies(
    rows: pl.DataFrame, names: Sequence[str], sizes: Sequence[int]
) -> tuple[Floats, list[list[int]]]:
    """Return a column of 0 and 1 per level but the most usual, and the places of each lever's."""
    parts, groups, at = [np.ones((len(rows), 1))], [], 1
    for name, size in zip(names, sizes, strict=True):
        code = rows[f"_{name}"].to_numpy()
        kinds = [one for one in (0, *range(2, size + 1)) if (code == one).any()]
        parts.append((code[:, None] == np.array(kinds)).astype(np.float64))
        groups.append(list(range(at, at + len(kinds))))
        at += len(kinds)
    return np.concatenate(parts, axis=1), groups


def _grams(rows: pl.DataFrame, columns: Floats) -> Floats:
    """Return the cross-products of [1, x, y] per group of buckets."""
    n, y, yy = (
        rows[name].to_numpy().astype(np.float64) for name in ("n", "sum_score", "sum_score_sq")
    )
    bucket = rows["bucket"].to_numpy().astype(np.int64) % N_GROUPS
    width = columns.shape[1]
    grams = np.zeros((N_GROUPS, width + 1, width + 1))
    for one in np.unique(bucket):
        mine = bucket == one
        x = columns[mine]
        grams[one, :width, :width] = x.T @ (x * n[mine, None])
        grams[one, :width, width] = grams[one, width, :width] = x.T @ y[mine]
        grams[one, width, width] = yy[mine].sum()
    return grams
