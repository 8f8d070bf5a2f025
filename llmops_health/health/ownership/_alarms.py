"""The alarms of other modes as runs of failing days, and who answered them when.

An alarm is open from the end of the first day on which a check fails. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from llmops_health.findings import Status
from llmops_health.kernels.multiplicity import benjamini_hochberg

NOT_COUNTED: Final = ("bom", "ownership")
"""Modes whose alarms ask for a record, which is its own answer; our own would ring for ever."""

JOINED_DAYS: Final = 2
"""Days without alarm that do not end one: a check may be silent for lack of labels."""

_FALSE_DISCOVERY_RATE: Final = 0.05
_CHECK: Final = ("mode", "check_name", "segment")
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Alarm:
    """A run of failing days of one check and segment, and what was said of it.

    `answer_days` is the time from its opening to the first answer, None without one; `holds_until`
    the last day of the newest answer, `date.max` where it holds as long as the alarm.
    """

    mode: str
    check_name: str
    segment: str
    first: date
    last: date
    answer_days: float | None = None
    answered_by: str | None = None
    holds_until: date | None = None

    @property
    def name(self) -> str:
        """Mode and check."""
        return f"{self.mode}.{self.check_name}"

    @property
    def lasted_days(self) -> float:
        """Days from its opening to the end of its last day."""
        return float((self.last - self.first).days)

    def unanswered_days(self, day: date) -> int | None:
        """Return for how long it has stood without an answer; None: it is over, or answered."""
        if self.last != day or (self.holds_until is not None and self.holds_until >= day):
            return None
        return (day - (self.first if self.holds_until is None else self.holds_until)).days


def alarms(findings: pl.DataFrame, said: pl.DataFrame) -> list[Alarm]:
    """Return the alarms of a feature, by check and first day.

    Parameters
    ----------
    findings
        Rows of `health__findings` up to the judged day. Those that the correction for the number
        of the day's tests takes back are no alarms, as in the verdicts.
    said
        Rows of `core__acknowledgements` up to the same day, see `said_by`.
    """
    failing = _failing(findings)
    if not failing:
        return []
    answers: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in said.sort("acknowledged_at").iter_rows(named=True):
        answers.setdefault((one["mode"], one["check_name"]), []).append(one)
    return [
        _answered(Alarm(*check, first, last), answers.get(check[:2], []))
        for check, days in sorted(failing.items())
        for first, last in _runs(days)
    ]


def said_by(acknowledgements: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return what had been said by the end of a day."""
    end = datetime.combine(day + timedelta(days=1), time())
    return acknowledgements.filter(acknowledgements["acknowledged_at"] < end)


def _failing(findings: pl.DataFrame) -> dict[tuple[str, str, str], set[date]]:
    """Return the failing days of each check and segment that count among the tests of their day."""
    is_fail = findings["status"] == Status.FAIL.value
    columns = (findings[name].filter(is_fail).to_list() for name in (*_CHECK, "day", "p_value"))
    rows = [*zip(*columns, strict=True)]
    in_doubt: dict[date, list[float]] = {}
    for *_, on, p in rows:
        if p is not None:
            in_doubt.setdefault(on, []).append(p)
    limits = _limits(findings, in_doubt) if in_doubt else {}
    found: dict[tuple[str, str, str], set[date]] = {}
    for mode, check_name, segment, on, p in rows:
        if mode not in NOT_COUNTED and (p is None or p <= limits.get(on, 1.0)):
            found.setdefault((mode, check_name, segment), set()).add(on)
    return found


def _limits(findings: pl.DataFrame, in_doubt: Mapping[date, list[float]]) -> dict[date, float]:
    """Return the largest p-value that counts, of the days on which not all of `in_doubt` do."""
    tested: dict[date, list[float]] = {}
    for on, p in zip(findings["day"].to_list(), findings["p_value"].to_list(), strict=True):
        if p is not None and on in in_doubt:
            tested.setdefault(on, []).append(p)
    # Adjusted for their number, a p-value is at most as many times as large.
    return {
        on: _limit(np.array(its))
        for on, its in tested.items()
        if not all(p * len(its) <= _FALSE_DISCOVERY_RATE for p in in_doubt[on])
    }


def _limit(p: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the largest p-value that counts among those of a day, -1 where none does."""
    adjusted = benjamini_hochberg(p, q=_FALSE_DISCOVERY_RATE).adjusted
    return float(np.max(p[adjusted <= _FALSE_DISCOVERY_RATE], initial=-1.0))


def _runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return the first and last day of each run of days; `JOINED_DAYS` between do not end one."""
    found: list[tuple[date, date]] = []
    for on in sorted(days):
        if found and (on - found[-1][1]).days <= JOINED_DAYS + 1:
            found[-1] = (found[-1][0], on)
        else:
            found.append((on, on))
    return found


def _answered(alarm: Alarm, answers: list[dict[str, Any]]) -> Alarm:
    """Return an alarm with the first and the newest answer that are meant for it."""
    own = list(_meant_for(alarm, answers))
    if not own:
        return alarm
    opened = datetime.combine(alarm.first + timedelta(days=1), time())
    waited = (own[0]["acknowledged_at"] - opened).total_seconds() / _DAY_SECONDS
    newest = own[-1]
    return Alarm(
        *(alarm.mode, alarm.check_name, alarm.segment, alarm.first, alarm.last),
        answer_days=max(0.0, waited),
        answered_by=str(newest["acknowledged_by"]),
        holds_until=newest["until"].date() if newest["until"] else date.max,
    )


def _meant_for(alarm: Alarm, answers: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield what was said while an alarm stood, or of a day of it."""
    end = alarm.last + timedelta(days=JOINED_DAYS)
    for one in answers:
        if (one["segment"] or alarm.segment) != alarm.segment:
            continue
        said_on, of = one["acknowledged_at"].date(), one["alarmed_on"]
        # Its last day is judged, and its end seen, on the day after.
        stood = alarm.first <= said_on <= end + timedelta(days=1)
        if stood or (of is not None and alarm.first <= of.date() <= end):
            yield one
