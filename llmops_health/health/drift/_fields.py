"""The fields whose distributions are compared, laid out as rows per day and value.

A field is a kind, a number or a rate. Kinds keep the values that matter and put the rest together;
numbers are cut into sixths of their past. No test is made here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from math import log

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.health.drift import _seasons
from llmops_health.health.drift._seasons import Flags, Floats, Ints
from llmops_health.kernels.histograms import GAMMA, ZERO_BIN, bin_value, quantile_bins

REFERENCE_DAYS = 28
REFERENCE_ENDS = 7
REST = "(rest)"
Parts = dict[str, pl.DataFrame]
_NULL = "(null)"
_N_CUTS = 6
_STEP = log(GAMMA)
_ZERO_POSITION = log(0.5)
_MIN_REFERENCE_SHARE = 0.01
_MIN_WINDOW_SHARE = 0.03
_MIN_WINDOW_ROWS = 5


class Scale(StrEnum):
    """What a field is measured in."""

    KIND = "kind"  # Jensen-Shannon distance of its values
    RATE = "rate"  # share of one of two values
    LOG = "log"  # W1 of logarithms, in standard deviations
    LINEAR = "linear"  # W1 of values, in standard deviations


_TOPIC = "input_topic"
_NEW_TOPIC = -1
_INPUT_KINDS = (("input_language", "input language"),)
_INPUT_NUMBERS = (
    ("n_input_chars", "input length", Scale.LOG),
    ("input_tokens", "input tokens", Scale.LOG),
    ("context_score", "context score", Scale.LINEAR),
    ("n_context_chunks", "context chunks", Scale.LINEAR),
)


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Rows per day and value of one field.

    Attributes
    ----------
    table, column
        Where its rows are to be seen.
    counts : shape (n_days, n_values)
    fine : shape (n_days, n_places)
        The same on fine bins, for numbers; else `counts`.
    positions : shape (n_places,)
        Where the fine bins are, on the scale of the field; empty for kinds and rates.
    """

    name: str
    words: str
    table: str
    column: str
    scale: Scale
    labels: tuple[str, ...]
    counts: Floats
    fine: Floats
    positions: Floats


@dataclass(frozen=True, slots=True)
class Axis:
    """Days from the oldest (0) to the judged one, with which of them are weekend."""

    day: date
    n_days: int
    weekend: Flags

    @classmethod
    def ending(cls, day: date, n_days: int) -> Axis:
        """Build the axis of `n_days` days up to and including `day`."""
        return cls(day, n_days, _seasons.is_weekend(day, n_days))

    def window(self, days: int, ago: int = 0) -> Flags:
        """Return which days are the `days` that end `ago` days before the judged one."""
        place = np.arange(self.n_days)
        last = self.n_days - ago
        return (place >= last - days) & (place < last)

    def reference(self, ago: int = 0) -> Flags:
        """Return which days are compared with: 28 of them, 7 days before the window's last."""
        return self.window(REFERENCE_DAYS, ago + REFERENCE_ENDS)


def of_inputs(
    categories: pl.DataFrame, histograms: pl.DataFrame, cells: pl.DataFrame, axis: Axis
) -> list[Field]:
    """Lay out what can be compared about inputs, from the summary tables."""
    names = of_names(categories, [name for name, _ in _INPUT_KINDS])
    counts = of_numbers(histograms, [name for name, _, _ in _INPUT_NUMBERS])
    topics = _topics(cells, axis.day)
    return [
        *kinds(names, _INPUT_KINDS, axis),
        *numbers(counts, _INPUT_NUMBERS, axis),
        *kinds(topics, [(_TOPIC, "input topic")], axis, table="summary__cells"),
    ]


def _topics(cells: pl.DataFrame, day: date) -> Parts:
    """Rows of the newest codebook that was there on the judged day, as a field."""
    known = cells.filter(pl.col("fitted_on") <= day)
    newest = known.filter(pl.col("fitted_on") == pl.col("fitted_on").max())
    if newest.is_empty():
        return {}
    name = pl.when(pl.col("cell") == _NEW_TOPIC).then(pl.lit("new topic"))
    value = name.otherwise(pl.format("topic {}", pl.col("cell")))
    return {_TOPIC: newest.select("day", "n", value=value)}


def of_names(categories: pl.DataFrame, fields: Collection[str]) -> Parts:
    """Split `summary__categories` into the known values of production, by field."""
    rows = categories.filter(pl.col("field").is_in(fields) & (pl.col("value") != _NULL))
    return _by_field(_seasons.production(rows))


def of_numbers(histograms: pl.DataFrame, fields: Collection[str]) -> Parts:
    """Split `summary__histograms` into the known values of production, by field."""
    rows = histograms.filter(pl.col("field").is_in(fields) & (pl.col("k") >= ZERO_BIN))
    return _by_field(_seasons.production(rows))


def kinds(
    parts: Parts,
    wanted: Sequence[tuple[str, str]],
    axis: Axis,
    *,
    table: str = "summary__categories",
) -> list[Field]:
    """Lay out fields whose values are names; those that were never logged are left out.

    Parameters
    ----------
    parts
        Rows by field, with columns day, value, n.
    wanted
        Fields with the words for them.
    table
        Name of the table they are from.
    """
    fields = []
    for name, words in wanted:
        rows = parts.get(name)
        if rows is None:
            continue
        labels, daily = _matrix(rows, rows["value"].to_list(), axis)
        kept = _that_matter(daily, axis)
        counts = np.column_stack([daily[:, kept], daily[:, ~kept].sum(axis=1)])
        named = (*(str(label) for label in labels[kept]), REST)
        fields.append(
            Field(name, words, table, name, Scale.KIND, named, counts, counts, np.empty(0))
        )
    return fields


def rate(
    parts: Parts, column: str, values: Sequence[str], axis: Axis, name: str, words: str
) -> list[Field]:
    """Lay out the share of `values` in a field of names; none where it was never logged."""
    rows = parts.get(column)
    if rows is None:
        return []
    hits = np.isin(rows["value"].to_list(), values)
    return _rate(rows, hits, axis, (name, words, "summary__categories", column))


def rate_above_zero(parts: Parts, column: str, axis: Axis, name: str, words: str) -> list[Field]:
    """Lay out the share of calls where a number is above zero; none where it was never logged."""
    rows = parts.get(column)
    if rows is None:
        return []
    hits = rows["k"].to_numpy() > ZERO_BIN
    return _rate(rows, hits, axis, (name, words, "core__calls", column))


def _rate(
    rows: pl.DataFrame, hits: Flags, axis: Axis, names: tuple[str, str, str, str]
) -> list[Field]:
    index = _seasons.day_index(rows["day"], axis.day, axis.n_days)
    codes = (~hits).astype(np.int64)
    counts = _seasons.daily_sums(index, codes, rows["n"].to_numpy(), (axis.n_days, 2))
    return [Field(*names, Scale.RATE, (names[1], "other"), counts, counts, np.empty(0))]


def numbers(parts: Parts, wanted: Sequence[tuple[str, str, Scale]], axis: Axis) -> list[Field]:
    """Lay out fields of `summary__histograms`, cut into sixths of their reference."""
    fields = []
    for name, words, scale in wanted:
        rows = parts.get(name)
        if rows is None:
            continue
        bins, fine = _matrix(rows, rows["k"].to_numpy().astype(np.int64), axis)
        past = fine[axis.reference()].sum(axis=0)
        cuts = quantile_bins(bins, past if past.any() else fine.sum(axis=0), _N_CUTS)
        cell = np.searchsorted(cuts, bins, side="left")
        counts = np.zeros((axis.n_days, len(cuts) + 1))
        np.add.at(counts.T, cell, fine.T)
        places = _positions(bins, scale)
        fields.append(
            Field(name, words, "core__calls", name, scale, _ranges(cuts), counts, fine, places)
        )
    return fields


def _by_field(table: pl.DataFrame) -> Parts:
    parts = table.partition_by("field", as_dict=True)
    return {str(key[0]): rows for key, rows in parts.items()}


def _matrix(rows: pl.DataFrame, values: npt.ArrayLike, axis: Axis) -> tuple[Ints, Floats]:
    distinct, codes = np.unique(values, return_inverse=True)
    index = _seasons.day_index(rows["day"], axis.day, axis.n_days)
    shape = (axis.n_days, len(distinct))
    return distinct, _seasons.daily_sums(index, codes, rows["n"].to_numpy(), shape)


def _that_matter(daily: Floats, axis: Axis) -> Flags:
    """Which values are frequent enough to be looked at one by one."""
    past = daily[axis.reference()].sum(axis=0)
    kept = past > _MIN_REFERENCE_SHARE * past.sum()
    for days in (2, 7):
        now = daily[axis.window(days)].sum(axis=0)
        kept |= (now >= _MIN_WINDOW_ROWS) & (now >= _MIN_WINDOW_SHARE * now.sum())
    return np.asarray(kept)


def _positions(bins: Ints, scale: Scale) -> Floats:
    if scale is Scale.LINEAR:
        return bin_value(bins)
    return np.where(bins == ZERO_BIN, _ZERO_POSITION, np.maximum(bins * _STEP, -700.0))


def _ranges(cuts: Ints) -> tuple[str, ...]:
    ends = [f"{end:.3g}" for end in bin_value(cuts)]
    if not ends:
        return ("all",)
    inner = [f"{low} to {high}" for low, high in pairwise(ends)]
    return (f"up to {ends[0]}", *inner, f"above {ends[-1]}")
