"""The fields whose distributions are compared, laid out as rows per day and value.

A field is a kind, a number or a rate. Kinds keep the values that matter and put the rest together;
numbers are cut into sixths of their past. No test is made here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import compress, pairwise
from math import log

import numpy as np
import polars as pl

from llmops_health.health.drift import _seasons
from llmops_health.health.drift._seasons import Flags, Floats, Ints
from llmops_health.kernels.histograms import GAMMA, ZERO_BIN, bin_value, quantile_bins

REFERENCE_DAYS = 28
REFERENCE_ENDS = 7
REST = "(rest)"
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
class Rows:
    """The rows of one field: places of their days, names or bins, and counts."""

    index: Ints
    values: pl.Series
    n: Floats


Parts = dict[str, Rows]


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

    def window(self, days: int, ago: int = 0) -> slice:
        """Return which days are the `days` that end `ago` days before the judged one."""
        last = max(self.n_days - ago, 0)
        return slice(max(last - days, 0), last)

    def reference(self, ago: int = 0) -> slice:
        """Return which days are compared with: 28 of them, 7 days before the window's last."""
        return self.window(REFERENCE_DAYS, ago + REFERENCE_ENDS)

    def is_reference(self) -> Flags:
        """Return for each day whether it is compared with, shape (n_days,)."""
        flags = np.zeros(self.n_days, dtype=np.bool_)
        flags[self.reference()] = True
        return flags


def of_inputs(
    categories: pl.DataFrame, histograms: pl.DataFrame, cells: pl.DataFrame, axis: Axis
) -> list[Field]:
    """Lay out what can be compared about inputs, from the summary tables."""
    names = of_names(categories, [name for name, _ in _INPUT_KINDS], axis)
    counts = of_numbers(histograms, [name for name, _, _ in _INPUT_NUMBERS], axis)
    return [
        *kinds(names, _INPUT_KINDS, axis),
        *numbers(counts, _INPUT_NUMBERS, axis),
        *_topics(cells, axis),
    ]


def _topics(cells: pl.DataFrame, axis: Axis) -> list[Field]:
    """Lay out the newest codebook that was there on the judged day, as a field of names."""
    fitted = cells["fitted_on"]
    newest = fitted.filter(fitted <= axis.day).max()
    if newest is None:
        return []
    of_newest = fitted == newest
    cell, codes = np.unique(cells["cell"].filter(of_newest).to_numpy(), return_inverse=True)
    named = ["new topic" if one == _NEW_TOPIC else f"topic {one}" for one in cell.tolist()]
    order = np.argsort(named)
    rows = Rows(
        _seasons.day_index(cells["day"].filter(of_newest), axis.day, axis.n_days),
        cells["cell"].filter(of_newest),
        cells["n"].filter(of_newest).to_numpy(),
    )
    daily = _daily(rows, np.argsort(order)[codes], len(named), axis)
    labels = [named[at] for at in order]
    return [_kind(daily, labels, axis, (_TOPIC, "input topic", "summary__cells", _TOPIC))]


def of_names(categories: pl.DataFrame, fields: Collection[str], axis: Axis) -> Parts:
    """Split `summary__categories` into the known values of production, by field."""
    return _by_field(categories, "value", categories["value"] != _NULL, fields, axis)


def of_numbers(histograms: pl.DataFrame, fields: Collection[str], axis: Axis) -> Parts:
    """Split `summary__histograms` into the known values of production, by field."""
    return _by_field(histograms, "k", histograms["k"] >= ZERO_BIN, fields, axis)


def _by_field(
    table: pl.DataFrame, column: str, is_known: pl.Series, fields: Collection[str], axis: Axis
) -> Parts:
    wanted = {name: (table["field"] == name) & is_known for name in fields}
    is_production = table["run_kind"] == "prod"
    if not any((chosen & is_production).any() for chosen in wanted.values()):
        is_production = table["run_kind"] == "unknown"
    parts = {}
    for name, known in wanted.items():
        chosen = known & is_production
        if chosen.any():
            parts[name] = Rows(
                _seasons.day_index(table["day"].filter(chosen), axis.day, axis.n_days),
                table[column].filter(chosen),
                table["n"].filter(chosen).to_numpy(),
            )
    return parts


def kinds(parts: Parts, wanted: Sequence[tuple[str, str]], axis: Axis) -> list[Field]:
    """Lay out fields whose values are names; those that were never logged are left out.

    Parameters
    ----------
    parts
        Rows by field, of names.
    wanted
        Fields with the words for them.
    """
    fields = []
    for name, words in wanted:
        rows = parts.get(name)
        if rows is None:
            continue
        labels, codes = _seasons.coded(rows.values)
        daily = _daily(rows, codes, len(labels), axis)
        fields.append(_kind(daily, labels, axis, (name, words, "summary__categories", name)))
    return fields


def _kind(
    daily: Floats, labels: Sequence[str], axis: Axis, names: tuple[str, str, str, str]
) -> Field:
    kept = _that_matter(daily, axis)
    counts = np.column_stack([daily[:, kept], daily[:, ~kept].sum(axis=1)])
    named = (*compress(labels, kept), REST)
    return Field(*names, Scale.KIND, named, counts, counts, np.empty(0))


def rate(
    parts: Parts, column: str, values: Sequence[str], axis: Axis, name: str, words: str
) -> list[Field]:
    """Lay out the share of `values` in a field of names; none where it was never logged."""
    rows = parts.get(column)
    if rows is None:
        return []
    hits = np.logical_or.reduce([(rows.values == value).to_numpy() for value in values])
    return [_rate(rows, hits, axis, (name, words, "summary__categories", column))]


def rate_above_zero(parts: Parts, column: str, axis: Axis, name: str, words: str) -> list[Field]:
    """Lay out the share of calls where a number is above zero; none where it was never logged."""
    rows = parts.get(column)
    if rows is None:
        return []
    hits = rows.values.to_numpy() > ZERO_BIN
    return [_rate(rows, hits, axis, (name, words, "core__calls", column))]


def _rate(rows: Rows, hits: Flags, axis: Axis, names: tuple[str, str, str, str]) -> Field:
    counts = _daily(rows, (~hits).astype(np.int64), 2, axis)
    return Field(*names, Scale.RATE, (names[1], "other"), counts, counts, np.empty(0))


def numbers(parts: Parts, wanted: Sequence[tuple[str, str, Scale]], axis: Axis) -> list[Field]:
    """Lay out fields of `summary__histograms`, cut into sixths of their reference."""
    fields = []
    for name, words, scale in wanted:
        rows = parts.get(name)
        if rows is None:
            continue
        k: Ints = rows.values.to_numpy().astype(np.int64)
        bins, codes = np.unique(k, return_inverse=True)
        fine = _daily(rows, codes, len(bins), axis)
        past = fine[axis.reference()].sum(axis=0)
        cuts = quantile_bins(bins, past if past.any() else fine.sum(axis=0), _N_CUTS)
        cell = np.searchsorted(cuts, bins, side="left")
        counts = fine @ (cell[:, None] == np.arange(len(cuts) + 1)).astype(np.float64)
        places = _positions(bins, scale)
        fields.append(
            Field(name, words, "core__calls", name, scale, _ranges(cuts), counts, fine, places)
        )
    return fields


def _daily(rows: Rows, codes: Ints, n_codes: int, axis: Axis) -> Floats:
    return _seasons.daily_sums(rows.index, codes, rows.n, (axis.n_days, n_codes))


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
