"""What a standard change is made of: rows that carry a chance each, moved or counted over.

The change of each table is in `llmops_health.power.shocks` and the modules that it collects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from llmops_health.power.sums import moved_apart

CHANCE: Final = "_u"
"""The column with a row's chance, uniform on 0-1: of a share, the rows below it change."""

NEXT: Final = "next"
"""The column with what a value becomes, where that is looked up first."""

Moves = Callable[[pl.DataFrame, float], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Shock:
    """The standard change of a table: in words, and done to rows that carry a chance each."""

    words: str
    apply: Moves


def count(n: str | pl.Expr, share: float) -> pl.Expr:
    """Return how many of `n` rows change: the share of them, on average over the chances."""
    of = pl.col(n) if isinstance(n, str) else n
    return (of * share + pl.col(CHANCE)).floor().clip(0, of.clip(lower_bound=0))


def is_moved(share: float) -> pl.Expr:
    """Return which rows change."""
    return pl.col(CHANCE) < share


def moving(to: Mapping[str, pl.Expr], *, where: pl.Expr, sums: Sequence[str] = ()) -> Moves:
    """Move a share of `n`, with its sums, from where it is counted to where `to` says."""

    def apply(rows: pl.DataFrame, share: float) -> pl.DataFrame:
        n_moved = pl.when(where & (pl.col("n") > 0)).then(count("n", share)).otherwise(0.0)
        aside = [NEXT] if NEXT in rows.columns else []
        marked = rows.with_columns(n_moved.alias(CHANCE))
        return moved_apart(marked, to, n_moved=CHANCE, sums=sums, aside=aside)

    return apply
