"""Which picture stands beside a finding, within a budget, so that the page stays small.

A stored figure is ours and was escaped when it was drawn: it goes in as it is. Where none is
stored, an alarm gets the trend of its own findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from llmops_health.figures import Trend, TrendDay
from llmops_health.findings import Status
from llmops_health.report import plots
from llmops_health.report.page_numbers import interval, listed, number, places, short_date

CheckKey = tuple[str, str, str]
"""Feature, mode and name of a check."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure and its title."""

    title: str
    svg: str


class Budget:
    """Characters that may still be spent; what does not fit is left out."""

    def __init__(self, n_characters: int) -> None:
        """Start with a budget."""
        self._left = n_characters

    def take(self, text: str) -> bool:
        """Spend what a text costs, or say that it does not fit."""
        fits = len(text) <= self._left
        self._left -= len(text) if fits else 0
        return fits


class Pictures:
    """The figures of the day, and trends for what has none; each is handed out once."""

    def __init__(self, figures: pl.DataFrame, trend: pl.DataFrame, n_characters: int) -> None:
        """Keep the rows of `health__figures` and of the findings of the last weeks."""
        self._stored: dict[CheckKey, list[Picture]] = {}
        for row in figures.iter_rows(named=True):
            key = (row["feature_id"], row["mode"], row["check_name"])
            drawn = Picture(row["title"], row["svg"])
            self._stored.setdefault(key, []).append(drawn)
        self._trend = trend
        self._budget = Budget(n_characters)

    def stored(self, key: CheckKey) -> tuple[Picture, ...]:
        """Return the stored figures of a check, those that still fit."""
        found = self._stored.get(key, ())
        return tuple(picture for picture in found if self._budget.take(picture.svg))

    def n_stored(self, key: CheckKey) -> int:
        """Return how many figures of a check are stored."""
        return len(self._stored.get(key, ()))

    def trend(self, key: CheckKey, segment: str, title: str, unit: str) -> tuple[Picture, ...]:
        """Draw the findings of one check and segment over the last weeks.

        A day on which the check led with another measure has its status, and no number.
        """
        if self._trend.is_empty():
            return ()
        feature_id, mode, check_name = key
        rows = self._trend.filter(
            feature_id=feature_id, mode=mode, check_name=check_name, segment=segment
        )
        days = tuple(_trend_days(rows, unit))
        if sum(day.value is not None for day in days) < 2:
            return ()
        named = f"{feature_id}{f', {segment}' if segment else ''}"
        figure = Trend(
            title=f"{title} of {named}, day by day",
            description=describe(days),
            unit=unit,
            days=days,
        )
        drawn = plots.svg(figure)
        if not self._budget.take(drawn):
            return ()
        return (Picture(f"{title}, day by day", drawn),)


def describe(days: Sequence[TrendDay]) -> str:
    """Say a trend in words and numbers, for those who do not see it."""
    known = [day for day in days if day.value is not None]
    if not known:
        return "No day has a value."
    n_places = places(*(day.value for day in known))
    first, last = known[0], known[-1]
    alarms = [day.day for day in days if day.status in {Status.FAIL, Status.WARN}]
    told = [
        f"{number(day.value, n_places)} {interval(day.lo, day.hi, n_places)}".strip()
        + f" on {short_date(day.day)}"
        for day in (first, last)
    ]
    alarmed = (
        f"alarmed on {len(alarms)} of {len(days)} days, first on {short_date(alarms[0])}"
        if alarms
        else f"not alarmed on any of {len(days)} days"
    )
    return f"From {listed(told).replace(' and ', ' to ')}; {alarmed}."


def _trend_days(rows: pl.DataFrame, unit: str) -> Iterable[TrendDay]:
    columns = ("day", "status", "unit", "value", "lo", "hi", "threshold")
    for day, status, measured, *numbers in rows.select(columns).iter_rows():
        value, lo, hi, threshold = numbers if measured == unit else [None] * 4
        yield TrendDay(
            day=day, status=Status(status), value=value, lo=lo, hi=hi, threshold=threshold
        )
