"""Judging a quiet history day by day, and the same history with a change put into it.

A change counts as found where the check rings within a week of its start on a day on which it
does not ring without the change. Only the check judges, on its own tables; of what it finds the
whole feature is listened to, so that it is asked for nothing after that.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        return any(self._rings_anew(share, start, start + days) for days in _JUDGED_AFTER)

    def _rings_anew(self, share: float, start: int, place: int) -> bool:
        if self._rings.get(place):
            return False
        changed = self._with_change(share, start, place)
        return self._is_alarm(changed, place) and not self.rings_quietly(place)

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
                # In one piece: each of a check's many small steps takes longer on two.
                known[name] = pl.concat(parts, rechunk=True)
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
        day = self._day(place)
        return of_the_whole(self._check, known, self._feature, self._params, day).status in ALARMS


def judged_as_it_is(
    check: Check, tables: dict[str, pl.DataFrame], feature: Feature, params: CheckParams, day: date
) -> Finding:
    """Judge the newest day on the rows as they are; return the finding of the whole."""
    known = {n: History(rows).until(day, check.history_days) for n, rows in tables.items()}
    return of_the_whole(check, known, feature, params, day)


def of_the_whole(
    check: Check,
    known: Mapping[str, pl.DataFrame],
    feature: Feature,
    params: CheckParams,
    day: date,
) -> Finding:
    """Return the finding that speaks for the whole feature; the first where none says so.

    Most checks yield it first, and judge the parts of a feature only when asked for more.
    """
    if not params.enabled:
        return check.judge(feature, day, known, params)[0]
    given = {name: known[name] for name in check.reads}
    found = iter(check.run(feature=feature, day=day, params=params, **given))
    first = next(found)
    if not first.segment:
        return first
    return next((one for one in found if not one.segment), first)
