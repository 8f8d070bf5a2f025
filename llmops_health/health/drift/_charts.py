"""Control charts: a measure per day beside its season, laid out; and those of fields.

The move, its windows, its reference and its design effect are those of the check.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import isfinite

import numpy as np

from llmops_health.figures import ControlChart, ControlDay
from llmops_health.health.drift import _limits
from llmops_health.health.drift._fields import REST, Axis, Field, Scale
from llmops_health.health.drift._limits import Limits
from llmops_health.health.drift._moves import W_PER_SD
from llmops_health.health.drift._reports import Judged
from llmops_health.health.drift._seasons import Flags, Floats
from llmops_health.kernels.intervals import Interval, t_interval, wilson_interval

_LONGEST_NAME = 48
_LEAST = 0.0005  # nearer to 0 or 1 a share is written as these
_UNITS = {
    "n_input_chars": "characters",
    "n_output_chars": "characters",
    "input_tokens": "tokens",
    "output_tokens": "tokens",
    "n_context_chunks": "chunks",
}


def of_fields(axis: Axis, judged: Sequence[Judged]) -> ControlChart | None:
    """Draw up the field that leads the check's findings; None where none was measured."""
    if not judged:
        return None
    first = judged[0]
    is_number = first.move.field.scale in {Scale.LOG, Scale.LINEAR}
    return _of_number(first, axis) if is_number else _of_share(first, axis)


def _of_share(judged: Judged, axis: Axis) -> ControlChart | None:
    move = judged.move
    field = move.field
    top = 0 if field.scale is Scale.RATE else move.top
    n, deff = field.counts.sum(axis=1), float(move.deffs[top])
    limits = _limits.share_limits(field.counts[:, top], n, axis.weekend, axis.is_reference())
    before = float(move.reference[top] / move.reference.sum())
    found = wilson_interval(float(move.current[top]) / deff, float(move.current.sum()) / deff)
    turn = _findable_by_day(judged, n)
    lo, hi = (
        _limits.share_at(np.array([before]), np.array([sign * judged.findable_w])).item()
        for sign in (-1, 1)
    )
    ends = (100 * lo if lo > _LEAST else None, 100 * hi if hi < 1 - _LEAST else None)
    name = _name(field, top)
    return chart(
        limits,
        axis.day,
        axis.is_reference(),
        title=f"Share of calls per day: {name}",
        description=f"{name}: {percent(found)} of calls in the last {move.days} days, "
        f"{100 * before:.1f} % before."
        f"{would_find('share', *ends, ' %')}",
        measure=name,
        unit="share",
        days=move.days,
        visible=(_inside(limits.usual, -turn), _inside(limits.usual, turn)),
    )


def _inside(usual: Floats, turn: Floats) -> Floats:
    """Return the shares `turn` away from the usual ones; nan where that is no share."""
    ends = _limits.share_at(usual, turn)
    return np.where((ends > 0) & (ends < 1), ends, np.nan)


def _of_number(judged: Judged, axis: Axis) -> ControlChart | None:
    move = judged.move
    field, places = move.field, move.field.positions
    n = field.fine.sum(axis=1)
    limits = _limits.mean_limits(
        n, field.fine @ places, field.fine @ places**2, axis.weekend, axis.is_reference()
    )
    (before, _), (value, sd) = move.moments()
    now = t_interval(value, sd * (move.deff / move.n) ** 0.5, max(round(move.n / move.deff), 1))
    reach = judged.findable_w / W_PER_SD * move.spread
    of_days = _findable_by_day(judged, n) / W_PER_SD * move.spread
    visible = (limits.usual - of_days, limits.usual + of_days)
    ends = np.array([now.estimate, now.lo, now.hi, before, before - reach, before + reach])
    if field.scale is Scale.LOG:
        limits = Limits(*map(np.exp, (limits.value, limits.usual, limits.lo, limits.hi)))
        visible, ends = (np.exp(visible[0]), np.exp(visible[1])), np.exp(ends)
    value, lo, hi, before, least, most = ends.tolist()
    unit = _UNITS.get(field.name, "")
    of = f" {unit}" if unit else ""
    typical = "Typical" if field.scale is Scale.LOG else "Mean"
    return chart(
        limits,
        axis.day,
        axis.is_reference(),
        title=f"{typical} {field.words} per day",
        description=f"{typical} {field.words} is {number(value)}{of} [{number(lo)}, {number(hi)}] "
        f"in the last {move.days} days, {number(before)}{of} before."
        f"{would_find('mean', least, most, of)}",
        measure=f"{typical.lower()} {field.words}",
        unit=unit,
        days=move.days,
        visible=visible,
    )


def _findable_by_day(judged: Judged, rows: Floats) -> Floats:
    """Smallest move that a window of such days finds 4 times in 5, Cohen's w, shape (n_days,)."""
    move = judged.move
    then, now = float(move.reference.sum()), float(move.current.sum())
    window = np.where(rows > 0, rows * move.days, np.nan)
    return np.asarray(judged.findable_w * np.sqrt((1 / window + 1 / then) / (1 / now + 1 / then)))


def chart(
    limits: Limits,
    day: date,
    reference: Flags,
    *,
    title: str,
    description: str,
    measure: str,
    unit: str,
    days: int,
    visible: tuple[Floats | None, Floats | None] = (None, None),
    limit: float | None = None,
    limit_label: str = "",
) -> ControlChart | None:
    """Lay limits out by day, from the first day that has a value; None where none has.

    Parameters
    ----------
    limits
        The measure per day and its season, up to `day`.
    reference : shape (n_days,)
        Which days are compared with.
    days
        Length of the judged window.
    visible
        From where to where a level would pass unseen that lasts for a window of such days; shape
        (n_days,) each, None on a side where nothing is looked for.
    """
    n_days = len(limits.value)
    known = np.flatnonzero(np.isfinite(limits.value))
    if not len(known):
        return None
    dates = [day - timedelta(days=n_days - 1 - at) for at in range(n_days)]
    compared = [dates[at] for at in np.flatnonzero(reference) if at >= known[0]]
    shown = tuple(
        ControlDay(
            day=dates[at],
            value=_known(limits.value[at]),
            usual=_known(limits.usual[at]),
            usual_lo=_known(limits.lo[at]),
            usual_hi=_known(limits.hi[at]),
            visible_lo=None if visible[0] is None else _known(visible[0][at]),
            visible_hi=None if visible[1] is None else _known(visible[1][at]),
        )
        for at in range(int(known[0]), n_days)
    )
    return ControlChart(
        title=title,
        description=description,
        measure=measure,
        unit=unit,
        days=shown,
        judged_from=dates[-days],
        reference=(compared[0], compared[-1]) if compared else None,
        limit=limit,
        limit_label=limit_label,
    )


def number(value: float) -> str:
    """Write a number to three digits, without an exponent where it is large.

    Examples
    --------
    >>> [number(value) for value in (0.01234, 12.345, 1234.5)]
    ['0.0123', '12.3', '1,234']
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(share: Interval) -> str:
    """Write a share with its interval."""
    return f"{100 * share.estimate:.1f} % [{100 * share.lo:.1f}, {100 * share.hi:.1f}]"


def would_find(what: str, lo: float | None, hi: float | None, unit: str) -> str:
    """Say from where on a window's share or mean would be found."""
    ends = [
        f"{words} {number(end)}"
        for words, end in (("below", lo), ("above", hi))
        if end is not None and isfinite(end)
    ]
    return f" A {what} {' or '.join(ends)}{unit} would be found 4 times in 5." if ends else ""


def _name(field: Field, at: int) -> str:
    """Name one value of a field, in one line."""
    label = " ".join(field.labels[at].split())
    if field.scale is Scale.RATE:
        return field.words
    if field.name == "input_topic":
        if label == REST:
            return "other topics"
        return f"inputs of {label if label.startswith('topic') else 'a new topic'}"
    named = f"{field.words}: {'other' if label == REST else label}"
    return named if len(named) <= _LONGEST_NAME else f"{named[: _LONGEST_NAME - 3]}..."


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None
