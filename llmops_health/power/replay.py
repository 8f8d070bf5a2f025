"""Judging a quiet history day by day, and the same history with a change put into it.

A change counts as found where the check rings within a week of its start on a day on which it
does not ring without the change. Only `Check.judge` judges, on the tables of the check.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status
from llmops_health.health import Check, History
from llmops_health.power.quiet import QuietHistory
from llmops_health.power.shocks import SHOCKS, shocked

FOUND_WITHIN_DAYS: Final = 7
ALARMS: Final = frozenset({Status.WARN, Status.FAIL})
# Days after the start that are judged: most is known at the end, some rings only at the start.
_JUDGED_AFTER: Final = (FOUND_WITHIN_DAYS - 1, 2)
_EVERY: Final = 2


class Replay:
    """One check on one feature's quiet history."""

    def __init__(
        self,
        check: Check,
        feature: Feature,
        params: CheckParams,
        quiet: QuietHistory,
        seed: int,
    ) -> None:
        """Keep what to judge; `seed` chooses the rows that change."""
        self._check, self._feature, self._params = check, feature, params
        self._quiet, self._seed = quiet, seed
        self._history = {name: History(rows) for name, rows in quiet.tables.items()}
        self._n_known = min(check.history_days, quiet.n_days)
        self._changed: dict[float, dict[str, History]] = {}
        self._rings: dict[int, bool] = {}

    @property
    def changing(self) -> list[str]:
        """Tables of the check that the standard change is done to."""
        return [
            name for name in self._check.reads if name in SHOCKS and len(self._quiet.tables[name])
        ]

    @property
    def quiet_places(self) -> list[int]:
        """Places of the days that are judged with nothing changed: every second one."""
        last = 2 * self._quiet.n_days - 1
        return list(range(last, last - self._quiet.n_days, -_EVERY))[::-1]

    @property
    def starts(self) -> list[int]:
        """Places at which changes start: one for each week, on different weekdays.

        Steps are even, so that what is judged was mostly judged with nothing changed already.
        """
        n_weeks = self._quiet.n_days // 7
        steps = [6 if week < n_weeks // 2 else 8 for week in range(n_weeks - 1)]
        last = 2 * self._quiet.n_days - FOUND_WITHIN_DAYS
        return [last - sum(steps[:week]) for week in range(n_weeks)]

    def rings_quietly(self, place: int) -> bool:
        """Whether the check rings at a place with nothing changed."""
        if place not in self._rings:
            known = {n: h.until(self._day(place), self._n_known) for n, h in self._history.items()}
            self._rings[place] = self._is_alarm(known, place)
        return self._rings[place]

    def finds(self, share: float, start: int) -> bool:
        """Whether a change of a share of the rows, from a place on, is found."""
        places = [start + days for days in _JUDGED_AFTER]
        return any(
            self._is_alarm(self._with_change(share, start, place), place)
            and not self.rings_quietly(place)
            for place in places
        )

    def _day(self, place: int) -> date:
        return self._quiet.day(place)

    def _with_change(self, share: float, start: int, place: int) -> dict[str, pl.DataFrame]:
        n_changed = min(place - start + 1, self._n_known)
        before, day = self._day(place - n_changed), self._day(place)
        changed = self._all_changed(share)
        known = {}
        for name, history in self._history.items():
            if name in changed:
                parts = [
                    history.until(before, self._n_known - n_changed),
                    changed[name].until(day, n_changed),
                ]
                known[name] = pl.concat(parts)
            else:
                known[name] = history.until(day, self._n_known)
        return known

    def _all_changed(self, share: float) -> dict[str, History]:
        if share not in self._changed:
            first = self._day(self._quiet.n_days)
            changed = {}
            for at, name in enumerate(self.changing):
                rng = np.random.default_rng((self._seed, at))
                rows = self._quiet.tables[name].filter(pl.col("day") >= first)
                changed[name] = History(shocked(name, rows, share, rng))
            self._changed[share] = changed
        return self._changed[share]

    def _is_alarm(self, known: dict[str, pl.DataFrame], place: int) -> bool:
        found = self._check.judge(self._feature, self._day(place), known, self._params)
        return of_the_whole(found).status in ALARMS


def judged_as_it_is(
    check: Check, tables: dict[str, pl.DataFrame], feature: Feature, params: CheckParams, day: date
) -> Finding:
    """Judge the newest day on the rows as they are; return the finding of the whole."""
    known = {n: History(rows).until(day, check.history_days) for n, rows in tables.items()}
    return of_the_whole(check.judge(feature, day, known, params))


def of_the_whole(findings: Iterable[Finding]) -> Finding:
    """Return the finding that speaks for the whole feature; the first where none says so."""
    listed = list(findings)
    return next((one for one in listed if not one.segment), listed[0])
