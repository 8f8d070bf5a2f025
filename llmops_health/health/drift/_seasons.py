"""Days on one axis, and which of them may be compared: weekday with weekday, week with week.

Everything here counts days from the oldest (0) to the judged one (`n_days` - 1), so a row of a
matrix is a day whether or not anything was logged on it. No statistics are computed here:
distances and tests come from the kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def is_production(kind: pl.Series) -> pl.Series:
    """Return which rows are of production: prod, or unknown where no row at all is prod."""
    chosen = kind == "prod"
    return chosen if chosen.any() else kind == "unknown"


def day_index(days: pl.Series, day: date, n_days: int) -> Ints:
    """Return each date's place on the axis of `n_days` days that ends with `day`.

    Dates outside of the axis have a place below 0 or at least `n_days`.

    Examples
    --------
    >>> day_index(pl.Series([date(2026, 3, 1), date(2026, 3, 3)]), date(2026, 3, 3), 3).tolist()
    [0, 2]
    """
    first = date.toordinal(day) - n_days + 1
    epoch = date(1970, 1, 1).toordinal()
    return days.cast(pl.Date).to_numpy().astype(np.int64) + (epoch - first)


def coded(names: pl.Series) -> tuple[list[str], Ints]:
    """Return the different names in order, and the place of each row's name among them.

    Examples
    --------
    >>> names, codes = coded(pl.Series(["b", "a", "b"]))
    >>> names, codes.tolist()
    (['a', 'b'], [1, 0, 1])
    """
    rows = names.to_list()
    distinct = sorted(set(rows))
    place = {name: at for at, name in enumerate(distinct)}
    return distinct, np.array([place[name] for name in rows], dtype=np.int64)


def daily_sums(index: Ints, codes: Ints, values: npt.ArrayLike, shape: tuple[int, int]) -> Floats:
    """Add up values into a matrix of `shape` (n_days, n_codes); rows off the axis are left out.

    Parameters
    ----------
    index : shape (n_rows,)
        Place of each row's day, from `day_index`.
    codes : shape (n_rows,)
        What the row is about: a category, a bin, a bucket; 0 <= code < n_codes.
    values : shape (n_rows,)
        What is added.

    Examples
    --------
    >>> daily_sums(np.array([0, 2, 2]), np.array([1, 0, 0]), [5, 1, 2], (3, 2)).tolist()
    [[0.0, 5.0], [0.0, 0.0], [3.0, 0.0]]
    """
    n_days, n_codes = shape
    weights = np.asarray(values, dtype=np.float64)
    inside = (index >= 0) & (index < n_days)
    if not inside.all():
        index, codes, weights = index[inside], codes[inside], weights[inside]
    flat = index * n_codes + codes
    sums: Floats = np.bincount(flat, weights, minlength=n_days * n_codes).astype(np.float64)
    return sums.reshape(shape)


def is_weekend(day: date, n_days: int) -> Flags:
    """Return which days of the axis are a Saturday or Sunday, shape (n_days,).

    Examples
    --------
    >>> is_weekend(date(2026, 3, 2), 4).tolist()  # Friday to Monday
    [False, True, True, False]
    """
    weekday = (day.weekday() - np.arange(n_days)[::-1]) % 7
    flags: Flags = weekday >= 5
    return flags


def same_type_days(day: date, n_days: int, judged: int = 1) -> Ints:
    """Return places of the days before the last `judged` ones that are of the type of `day`.

    Examples
    --------
    >>> same_type_days(date(2026, 3, 2), 8).tolist()  # Mondays to Fridays before a Monday
    [0, 1, 2, 3, 4]
    """
    weekend = is_weekend(day, n_days)
    return np.flatnonzero(weekend[: n_days - judged] == weekend[-1])


def week_starts(n_days: int, judged: int = 7, width: int = 7) -> Ints:
    """Return first places of the windows of `width` days, side by side, before the judged days.

    Windows of whole weeks hold every weekday once, so the season cannot tell them apart.

    Examples
    --------
    >>> week_starts(30).tolist()
    [2, 9, 16]
    """
    n_windows = (n_days - judged) // width
    return (n_days - judged) - width * np.arange(n_windows, 0, -1)


def window_sums(daily: Floats, starts: Ints, width: int = 7) -> Floats:
    """Add the days of each window, shape (n_windows, ...), from sums per day, shape (n_days, ...).

    Examples
    --------
    >>> window_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1]), 2).tolist()
    [[3.0], [6.0]]
    """
    total = np.concatenate([np.zeros((1, *daily.shape[1:])), np.cumsum(daily, axis=0)])
    sums: Floats = total[starts + width] - total[starts]
    return sums


def mixed_like(
    daily: Floats, weekend: Flags, window: Flags | slice, reference: Flags | slice
) -> Floats | None:
    """Return a weight per reference day that gives it the window's mix of weekdays and weekends.

    Parameters
    ----------
    daily : shape (n_days,)
        Rows per day that the weights will multiply.
    weekend, window, reference : shape (n_days,)
        Which days are weekend, judged, and compared with; the last two may be slices.

    Returns
    -------
    shape (n_days,), or None where the window has a type of day that the reference lacks. 0 off
    the reference. Weighted rows of each type then stand to each other as in the window, and the
    largest weight is 1: rows are left out, never multiplied.

    Examples
    --------
    >>> mixed_like(
    ...     np.array([10.0, 5.0, 10.0]),
    ...     np.array([False, True, False]),
    ...     np.array([False, False, True]),
    ...     np.array([True, True, False]),
    ... ).tolist()
    [1.0, 0.0, 0.0]
    """
    now, is_now = daily[window], weekend[window]
    past, is_past = daily[reference], weekend[reference]
    shares = np.zeros(len(past))
    for of_now, of_past in ((is_now, is_past), (~is_now, ~is_past)):
        wanted = now[of_now].sum()
        there = past[of_past].sum()
        if wanted > 0 and there <= 0:
            return None
        if there > 0:
            shares[of_past] = wanted / there
    largest = shares.max(initial=0.0)
    if largest <= 0:
        return None
    weights = np.zeros(len(daily))
    weights[reference] = shares / largest
    return weights


def leave_one_out(
    judged: Floats, history: Floats, distance: Callable[[Floats, Floats], Floats]
) -> tuple[float, Floats]:
    """Measure the judged counts against all of history, and each part of history against the rest.

    Parameters
    ----------
    judged : shape (n_codes,)
        Counts of the judged day or window.
    history : shape (n_parts, n_codes)
        Counts of the days or windows it is compared with, n_parts >= 2.
    distance
        Of current counts from reference counts, both of shape (n, n_codes), result shape (n,).

    Returns
    -------
    The judged distance, and those of history, shape (n_parts,): its null distribution.

    Examples
    --------
    >>> def gap(current, reference):
    ...     return np.abs(current / current.sum(1, keepdims=True)
    ...                   - reference / reference.sum(1, keepdims=True)).sum(1)
    >>> judged, null = leave_one_out(np.array([1.0, 3.0]), np.ones((3, 2)), gap)
    >>> judged, null.tolist()
    (0.5, [0.0, 0.0, 0.0])
    """
    total = history.sum(axis=0)
    against_rest = distance(history, total - history)
    return float(distance(judged[None, :], total[None, :])[0]), against_rest
