"""Eval inputs beside the production calls that were asked the same. Nothing is judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from llmops_health.health.eval_prod_gap._controls import (
    UNIT,
    Controls,
    Floats,
    Ints,
    asked_units,
    best_controls,
)
from llmops_health.health.eval_prod_gap._windows import WINDOWS, of_days

MATCH_DAYS: Final = 7
"""Days, up to that of an eval call, from which its production calls come."""

HISTORY_DAYS: Final = WINDOWS[-1] + MATCH_DAYS - 1

BEHAVIOURS: Final = (
    "refusal",
    "ln_output_chars",
    "hedging",
    "formatted",
    "json",
    "json_broken",
    "other_language",
    "tool_use",
    "truncated",
)
"""Columns of `summary__compared_calls` that say how a call was answered."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Eval inputs and their controls, row by row: means of `BEHAVIOURS`, shape (n, 9).

    `control` is a number of the nearest control and `user` who made it: pairs that share one are
    not independent. `shared` is the variance that each user brings to the mean of all controls by
    being in several pairs with calls unlike other users', shape (n_users, 9); below 0 where they
    cancel. `weight` is the share of controls that are the user's. `n_exact` pairs have the very
    same input; `is_same_harness` tells whether all controls ran with the models and prompt version
    of the evals. `n_asked` are all inputs that evals asked, matched or not.
    """

    evals: Floats
    controls: Floats
    control: Ints
    user: Ints
    shared: Floats
    weight: Floats
    n_exact: int
    is_same_harness: bool
    n_asked: int
    n_days: int

    def __len__(self) -> int:
        """Return the number of eval inputs with a match."""
        return len(self.user)


def n_days_of_evals(compared: pl.DataFrame, day: date, min_inputs: int) -> int | None:
    """Return the shortest window with enough eval inputs, else the longest; None without any."""
    for n_days in WINDOWS:
        recent = of_days(compared, day, n_days)
        n_inputs = len(recent[UNIT].filter(recent["is_eval"]).unique())
        if n_inputs >= min_inputs or (n_inputs and n_days == WINDOWS[-1]):
            return n_days
    return None


def paired(
    compared: pl.DataFrame, matches: pl.DataFrame, day: date, n_days: int, min_inputs: int
) -> Pairs:
    """Pair each eval input of a window with its exact twins in production, else its nearest calls.

    An input is one row, however often evals asked it. Each of its controls is a call of the same
    window and compared with what evals answered on the day nearest to it: a model that changed for
    all on some day is no gap. Where `min_inputs` have controls of the same harness, only these
    count.
    """
    recent, near = (of_days(table, day, n_days) for table in (compared, matches))
    asked = asked_units(recent)
    best = best_controls(compared, recent, near, asked, min_inputs)
    call = recent["call_id"].gather(best.at).rank("dense").to_numpy()
    order = np.lexsort((call, -best.similarity, best.unit))
    best, call = best.take(order), call[order]
    told = _told(recent, asked, best)
    # A vote per user: one who calls most would be the production that evals are compared with.
    user_key = recent["user_key"].to_numpy()[best.at]
    user = np.unique(user_key, return_inverse=True)[1]
    vote, first = _numbered(best.unit * len(user) + user)
    votes = _means(told, vote, len(first))
    row, opens = _numbered(best.unit[first])
    nearest = first[opens]
    rows = _means(votes, row, len(opens))
    n_of_evals = len(BEHAVIOURS)
    shared, weight = _of_users(votes[:, n_of_evals:], row, rows[:, n_of_evals:], user[first])
    return Pairs(
        evals=rows[:, :n_of_evals],
        controls=rows[:, n_of_evals:],
        control=call[nearest].astype(np.int64),
        user=user_key[nearest],
        shared=shared,
        weight=weight,
        n_exact=int(best.is_exact[nearest].sum()),
        is_same_harness=bool(best.is_same_harness.all()),
        n_asked=len(asked),
        n_days=n_days,
    )


def _told(recent: pl.DataFrame, asked: pl.DataFrame, controls: Controls) -> Floats:
    """Return how evals and the control answered, one after the other, shape (n_controls, 18).

    Evals answered on the day nearest to that of the control, of two as near the later; nan where
    one of both is not known.
    """
    values = np.column_stack([recent[name].to_numpy() for name in BEHAVIOURS])
    day = recent["day"].to_numpy().astype(np.int64)
    made = recent[UNIT].with_row_index("at").filter(recent["is_eval"]).join(asked, on=UNIT)
    unit, at = (made[name].to_numpy().astype(np.int64) for name in ("unit", "at"))
    # Units lie farther apart than days, so that the nearest is one of the same unit.
    apart = 2 * (np.ptp(day) + 1) if len(day) else 1
    when, group = np.unique(unit * apart + day[at], return_inverse=True)
    answers = _means(values[at], group, len(when))
    wanted = controls.unit * apart + day[controls.at]
    after = np.minimum(np.searchsorted(when, wanted), len(when) - 1)
    before = np.maximum(after - 1, 0)
    is_before = np.abs(wanted - when[before]) < np.abs(when[after] - wanted)
    both = [answers[np.where(is_before, before, after)], values[controls.at]]
    is_known = ~np.isnan(both[0] - both[1])
    return np.hstack([np.where(is_known, side, np.nan) for side in both])


def _of_users(votes: Floats, row: Ints, rows: Floats, user: Ints) -> tuple[Floats, Floats]:
    """Return what each user's votes add to the variance of the mean of rows, and to its weight."""
    n_rows = max(len(rows), 1)
    n_told = _sums((~np.isnan(votes)).astype(np.float64), row, len(rows))
    number, first = _numbered(user)
    off = (votes - rows[row]) / n_told[row]
    shared = _sums(off, number, len(first)) ** 2 - _sums(off**2, number, len(first))
    weight = np.bincount(number, 1 / np.bincount(row)[row], len(first))
    return shared / n_rows**2, weight / n_rows


def _numbered(groups: Ints) -> tuple[Ints, Ints]:
    """Return the number of each row's group, as groups first appear, and these first rows."""
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[place], first[order]


def _sums(values: Floats, group: Ints, n_groups: int) -> Floats:
    """Return the sums of what is not nan per group, shape (n_groups, n_columns)."""
    width = values.shape[1]
    places = group[:, None] * width + np.arange(width)
    known = np.where(np.isnan(values), 0.0, values)
    sums = np.bincount(places.ravel(), known.ravel(), n_groups * width)
    return sums.reshape(n_groups, width).astype(np.float64)


def _means(values: Floats, group: Ints, n_groups: int) -> Floats:
    """Return the means of what is not nan per group, nan where there is none."""
    n = _sums((~np.isnan(values)).astype(np.float64), group, n_groups)
    with np.errstate(invalid="ignore"):
        return np.asarray(_sums(values, group, n_groups) / n)
