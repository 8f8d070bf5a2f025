"""Where a day's value lies if it is like other days of its type: centre and limits, per day.

Weekdays are held against weekdays and weekends against weekends, each day against the reference
days other than itself. How far days lie apart beyond what their numbers of rows explain is told by
the steps from one reference day to the next of its type, so that a lasting move within the
reference does not widen what is usual. Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from llmops_health.health.drift._seasons import Flags, Floats

LEVEL = 0.95
_KEPT = 0.9  # one past incident must not widen the limits of all days
_TRIMMED_CHI2_MEAN = 0.6233  # of the lower nine tenths, 1 degree of freedom
_MIN_PAIRS = 10
_WEEK = 7


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """A measure per day, what is usual for such a day, and where 95 % of such days lie.

    All of shape (n_days,), nan where a day or its type has no rows.
    """

    value: Floats
    usual: Floats
    lo: Floats
    hi: Floats


def others(per_day: Floats, weekend: Flags, reference: Flags) -> Floats:
    """Add up, for each day, the reference days of its type other than itself.

    Examples
    --------
    >>> flags = np.array([False, False, True, False])
    >>> others(np.array([1.0, 2.0, 4.0, 8.0]), flags, np.array([True, True, True, False])).tolist()
    [2.0, 1.0, 0.0, 3.0]
    """
    total = np.zeros_like(per_day)
    for kind in (weekend, ~weekend):
        total[kind] = per_day[reference & kind].sum(axis=0)
    total[reference] -= per_day[reference]
    # What is left of a difference of equal sums is rounding.
    return np.where(np.abs(total) < 1e-9, 0.0, total)


def step_dispersion(values: Floats, variance: Floats, weekend: Flags, reference: Flags) -> float:
    """Measure how far successive reference days of a type lie apart, over what chance explains.

    Parameters
    ----------
    values, variance : shape (n_days,)
        The measure per day and what chance alone makes of it; nan where a day has none.
    weekend, reference : shape (n_days,)
        Which days are weekend, and which are looked at.

    Returns
    -------
    At least 1; 1 where fewer than 10 pairs of days can say. Mean of the lower nine tenths of the
    squared standardised steps over its expectation, as in `shares.share_dispersion`.
    """
    squares: list[Floats] = []
    for kind in (weekend, ~weekend):
        alike = reference & kind & np.isfinite(values) & (variance > 0)
        both = variance[alike][1:] + variance[alike][:-1]
        squares.append(np.diff(values[alike]) ** 2 / both)
    known = np.sort(np.concatenate(squares))
    if len(known) < _MIN_PAIRS:
        return 1.0
    return max(1.0, float(known[: round(_KEPT * len(known))].mean()) / _TRIMMED_CHI2_MEAN)


def quantile(rows: Floats, reference: Flags) -> float:
    """Student's t of `LEVEL` with the degrees of freedom that the reference days leave."""
    n_days = int(np.count_nonzero((rows > 0) & reference))
    return float(stdtrit(max(n_days - 2, 1), (1 + LEVEL) / 2))


def share_at(share: Floats, turn: Floats) -> Floats:
    """Return the share that lies Cohen's h of `turn` from another.

    Examples
    --------
    >>> share_at(np.array([0.5, 0.01]), np.array([0.0, -1.0])).round(3).tolist()
    [0.5, 0.0]
    """
    angle = np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))) + turn / 2
    return np.asarray(np.sin(np.clip(angle, 0.0, np.pi / 2)) ** 2)


def share_limits(x: Floats, n: Floats, weekend: Flags, reference: Flags) -> Limits:
    """Limits of shares `x / n`, on the scale of their angles, where their variance is known.

    Parameters
    ----------
    x, n : shape (n_days,)
        Hits and rows, 0 <= x <= n.
    weekend, reference : shape (n_days,)
        Which days are weekend, and which are compared with.
    """
    hits, rows = (others(one, weekend, reference) for one in (x, n))
    value, usual = _over(x, n), _over(hits, rows)
    turned = 2 * np.arcsin(np.sqrt(np.clip(value, 0, 1)))
    spread = step_dispersion(turned, _over(1.0, n), weekend, reference)
    reach = quantile(n, reference) * np.sqrt(spread * (_over(1.0, n) + _over(1.0, rows)))
    return Limits(value, usual, share_at(usual, -reach), share_at(usual, reach))


def mean_limits(
    n: Floats, sums: Floats, squares: Floats, weekend: Flags, reference: Flags
) -> Limits:
    """Limits of means, from rows, sums and sums of squares per day, shape (n_days,) each."""
    rows = others(n, weekend, reference)
    value = _over(sums, n)
    usual = _over(others(sums, weekend, reference), rows)
    variance = np.maximum(_over(others(squares, weekend, reference), rows) - usual**2, 0.0)
    spread = step_dispersion(value, variance * _over(1.0, n), weekend, reference)
    scale = variance * (_over(1.0, n) + _over(1.0, rows))
    reach = quantile(n, reference) * np.sqrt(spread * scale)
    return Limits(value, usual, usual - reach, usual + reach)


def ratio_limits(x: Floats, n: Floats, weekend: Flags, reference: Flags) -> Limits:
    """Limits of positive means `x / n` by their logarithms, from the differences of days alone."""
    value = _over(x, n)
    usual = _over(others(x, weekend, reference), others(n, weekend, reference))
    with np.errstate(divide="ignore", invalid="ignore"):
        ln = np.where(value > 0, np.log(value), np.nan)
    steps = [np.diff(ln[alike]) ** 2 / 2 for alike in (reference & weekend, reference & ~weekend)]
    known = np.concatenate(steps)
    known = np.sort(known[np.isfinite(known)])
    if len(known) < _MIN_PAIRS:
        nothing = np.full(len(n), np.nan)
        return Limits(value, usual, nothing, nothing)
    variance = float(known[: round(_KEPT * len(known))].mean()) / _TRIMMED_CHI2_MEAN
    # Days of the reference have as many rows as its mean; a smaller day scatters more.
    rows = n[reference & (n > 0)].mean()
    scale = rows * (_over(1.0, n) + _over(1.0, others(n, weekend, reference)))
    reach = quantile(n, reference) * np.sqrt(variance * scale)
    return Limits(value, usual, usual * np.exp(-reach), usual * np.exp(reach))


def count_limits(calls: Floats, reference: Flags, scatter: float, growth: Floats) -> Limits:
    """Limits of calls per day, by the median of the same weekday.

    Parameters
    ----------
    calls : shape (n_days,)
        Calls per day; a day without is 0.
    reference : shape (n_days,)
        Which days are compared with.
    scatter
        Variance over mean of calls per day, at least 1: calls come in sessions.
    growth : shape (n_days,)
        What a trend makes of the usual number, as a factor; 1 without a trend.
    """
    usual, n_past = _medians(calls / growth, reference)
    usual = np.where(usual > 0, usual * growth, np.nan)
    # A median of n is as sure as a mean of 2 n / pi.
    scale = usual * (1 + np.pi / 2 / np.maximum(n_past, 1))
    reach = quantile(calls, reference) * np.sqrt(max(scatter, 1.0) * scale)
    return Limits(calls, usual, np.maximum(usual - reach, 0.0), usual + reach)


def weekly_scatter(calls: Floats, reference: Flags, growth: Floats) -> float:
    """Variance over mean of calls per day, from a day to the same weekday a week later; at least 1.

    Parameters
    ----------
    calls, reference, growth : shape (n_days,)
        As in `count_limits`.
    """
    both = reference[_WEEK:] & reference[:-_WEEK]
    level = calls / growth
    sums = (level[_WEEK:] + level[:-_WEEK])[both]
    steps = ((level[_WEEK:] - level[:-_WEEK])[both]) ** 2
    known = np.sort(steps[sums > 0] / sums[sums > 0])
    if len(known) < _MIN_PAIRS:
        return 1.0
    return max(1.0, float(known[: round(_KEPT * len(known))].mean()) / _TRIMMED_CHI2_MEAN)


def _medians(level: Floats, reference: Flags) -> tuple[Floats, Floats]:
    """Return the median of the other reference days of each day's weekday, and their number."""
    usual, n_past = np.full(len(level), np.nan), np.zeros(len(level))
    place = np.arange(len(level))
    for at in place:
        past = level[reference & (place % _WEEK == at % _WEEK) & (place != at)]
        if len(past):
            usual[at], n_past[at] = np.median(past), len(past)
    return usual, n_past


def _over(part: Floats | float, whole: Floats) -> Floats:
    """Divide; nan where there is nothing to divide by."""
    known = whole > 0
    return np.where(known, part / np.where(known, whole, 1.0), np.nan)
