"""Every check of every feature on the newest day, ready to be shown; nothing is written here.

A check may have findings about the whole (segment '') and about segments; its state is that of
the worst of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.report import page_strips
from llmops_health.report.page_docs import CheckDoc
from llmops_health.report.page_figures import CheckKey, Picture
from llmops_health.report.page_numbers import (
    counted,
    full_date,
    interval,
    number,
    p_value,
    places,
    sentence,
    short,
    words,
)
from llmops_health.report.page_power import power_line
from llmops_health.report.page_reading import Reading
from llmops_health.report.page_strips import State, Strip
from llmops_health.report.verdicts import FALSE_DISCOVERY_RATE

MOST_SEGMENTS = 8
_RANK = {"FAIL": 0, "WARN": 1, "PASS": 2, "NOT_ENOUGH_DATA": 3, "NOT_APPLICABLE": 4}
_STATUSES = tuple(_RANK)
_ALARMS = frozenset({"FAIL", "WARN"})
_WORDS = {
    "FAIL": "fail",
    "WARN": "warn",
    "PASS": "pass",
    "NOT_ENOUGH_DATA": "no evidence",
    "NOT_APPLICABLE": "does not apply",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finding's numbers and words as they are printed; empty where there is none.

    `counts` is False for an alarm that is no longer one when it is corrected for the number of
    tests of its feature.
    """

    segment: str
    status: str
    counts: bool
    value: str
    interval: str
    unit: str
    threshold: str
    n: str
    p: str
    message: str
    action: str
    query: str

    @property
    def state(self) -> State:
        """State of the status."""
        return page_strips.state(page_strips.OF_STATUS[self.status])

    @property
    def word(self) -> str:
        """Status in words."""
        return _WORDS[self.status] + ("" if self.counts else ", not counted")

    @property
    def is_alarm(self) -> bool:
        """Whether it asks for action."""
        return self.status in _ALARMS and self.counts


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One check of one feature: its leading finding, its segments, its past."""

    feature_id: str
    mode: str
    name: str
    title: str
    fault: str
    doc: str
    to_log: str
    lead: Result
    segments: tuple[Result, ...]
    n_more_segments: int
    more_query: str
    strip: Strip
    since: str
    answer: str
    power: str
    power_told: str
    p: float
    anchor: str = ""
    pictures: tuple[Picture, ...] = ()
    unit: str = ""

    @property
    def key(self) -> CheckKey:
        """What it is about."""
        return self.feature_id, self.mode, self.name

    @property
    def is_alarm(self) -> bool:
        """Whether any of its findings asks for action."""
        return self.lead.is_alarm

    @property
    def rank(self) -> int:
        """Order of urgency: alarms that count first, then as the statuses are."""
        rank = _RANK[self.lead.status]
        return _RANK["PASS"] if rank < _RANK["PASS"] and not self.is_alarm else rank


def check_views(
    reading: Reading, docs: Mapping[tuple[str, str], CheckDoc]
) -> dict[str, list[CheckView]]:
    """Return the checks of each feature of the newest day, most urgent first."""
    if reading.day is None or reading.findings.is_empty():
        return {}
    known = _Known(reading, reading.day, docs)
    found: dict[str, list[CheckView]] = {}
    for (feature_id,), rows in _parts(reading.findings, "feature_id"):
        of_feature = rows.with_columns(counts=alarms_that_count(rows))
        views = [known.view(part) for _, part in _parts(of_feature, "mode", "check_name")]
        views.sort(key=lambda view: (view.rank, view.p, view.mode, view.name))
        found[str(feature_id)] = views
    return found


def alarms_that_count(of_feature: pl.DataFrame) -> pl.Series:
    """Return whether each finding of a feature's day counts, as its verdicts do."""
    p = of_feature["p_value"].to_numpy().astype(np.float64)
    adjusted = benjamini_hochberg(p, q=FALSE_DISCOVERY_RATE).adjusted
    return pl.Series(np.isnan(p) | (adjusted <= FALSE_DISCOVERY_RATE)) | ~of_feature[
        "status"
    ].is_in(sorted(_ALARMS))


class _Known:
    """What is looked up for each check."""

    def __init__(
        self, reading: Reading, day: date, docs: Mapping[tuple[str, str], CheckDoc]
    ) -> None:
        self._day = day
        self._docs = docs
        self._since: dict[CheckKey, tuple[date, bool]] = {
            (row[0], row[1], row[2]): (row[3], row[4]) for row in reading.since.iter_rows()
        }
        self._strips = {
            (str(key[0]), str(key[1]), str(key[2])): page_strips.marks(
                ((one, page_strips.OF_STATUS[_STATUSES[rank]]) for one, rank in
                 rows.select("day", "rank").iter_rows()),
                day,
            )
            for key, rows in _parts(reading.states, "feature_id", "mode", "check_name")
        }  # fmt: skip
        self._answers = {
            (row["feature_id"], row["mode"], row["check_name"], row["segment"]): _answer(row)
            for row in reading.answers.iter_rows(named=True)
        }
        self._cards = {
            (row["feature_id"], row["mode"], row["check_name"]): row
            for row in reading.cards.iter_rows(named=True)
        }

    def view(self, rows: pl.DataFrame) -> CheckView:
        """Return a check from its findings of the day."""
        results = [_result(row) for row in rows.iter_rows(named=True)]
        order = sorted(range(len(results)), key=lambda at: _order(results[at]))
        whole, at = results[0], order[0]
        if not whole.segment and (whole.is_alarm or not results[at].is_alarm):
            at = 0
        lead, row = results[at], rows.row(at, named=True)
        others = [results[other] for other in order if other != at]
        key: CheckKey = (row["feature_id"], row["mode"], row["check_name"])
        doc = self._docs.get(key[1:])
        p = row["p_value"]
        card = self._cards.get(key)
        return CheckView(
            feature_id=key[0],
            mode=key[1],
            name=key[2],
            title=doc.title if doc else words(key[2]),
            fault=doc.fault if doc else "",
            doc=doc.anchor if doc else "",
            to_log=doc.to_log if doc else "",
            lead=lead,
            segments=tuple(others[:MOST_SEGMENTS]),
            n_more_segments=max(len(others) - MOST_SEGMENTS, 0),
            more_query=_segments_query(key, self._day),
            strip=page_strips.strip(self._strips.get(key, " " * page_strips.N_DAYS)),
            since=self._told_since(key),
            answer=self._answers.get((*key, lead.segment), ""),
            power=power_line(card),
            power_told=str((card or {}).get("message") or ""),
            p=1.0 if p is None else p,
            unit=row["unit"] or "",
        )

    def _told_since(self, key: CheckKey) -> str:
        if key not in self._since:
            return ""
        since, is_all = self._since[key]
        n_days = counted((self._day - since).days + 1, "day")
        told = full_date(since, beside=self._day)
        return f"since {'at least ' if is_all else ''}{told}, {n_days}"


def _answer(row: Mapping[str, Any]) -> str:
    """Return who has taken an alarm on, and until when."""
    held = f" until {full_date(row['acknowledged_until'])}" if row["acknowledged_until"] else ""
    return f"Acknowledged by {row['acknowledged_by']}{held}"


def alarms(
    views: Mapping[str, Sequence[CheckView]], order: Sequence[str]
) -> list[CheckView]:  # fmt: skip
    """Return the checks that ask for action, FAIL before WARN, in the order of features given."""
    found = [view for feature_id in order for view in views.get(feature_id, ()) if view.is_alarm]
    found.sort(key=lambda view: view.rank)
    return [replace(view, anchor=f"alarm-{at}") for at, view in enumerate(found, start=1)]


def with_pictures(
    views: Sequence[CheckView], draw: Callable[[CheckView], tuple[Picture, ...]]
) -> list[CheckView]:
    """Return the checks with their pictures, drawn in this order."""
    return [replace(view, pictures=draw(view)) for view in views]


def _order(result: Result) -> tuple[bool, int, bool]:
    return not result.is_alarm, _RANK[result.status], bool(result.segment)


def _parts(rows: pl.DataFrame, *by: str) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    if rows.is_empty():
        return iter(())
    return iter(rows.partition_by(by, as_dict=True, maintain_order=True).items())


def _result(row: Mapping[str, Any]) -> Result:
    in_percent = str(row["unit"] or "").split(" ")[0] == "share"
    numbers = [row["value"], row["lo"], row["hi"], row["threshold"]]
    if in_percent:
        numbers = [None if given is None else 100 * given for given in numbers]
    value, lo, hi, threshold = numbers
    n_places = places(value, lo, hi)
    has_value = bool(number(value, n_places))
    unit = str(row["unit"] or "")
    return Result(
        segment=row["segment"] or "",
        status=row["status"],
        counts=row["counts"],
        value=number(value, n_places) + (" %" if in_percent and has_value else ""),
        interval=interval(lo, hi, n_places),
        unit=unit if has_value else "",
        threshold=short(threshold) + (" %" if in_percent and threshold is not None else ""),
        n=f"{row['n']:,}" if row["n"] is not None else "",
        p=p_value(row["p_value"]),
        message=sentence(row["message"] or ""),
        action=row["action"] or "",
        query=(row["evidence_sql"] or "").strip(),
    )


def _segments_query(key: CheckKey, day: date) -> str:
    feature_id, mode, check_name = ("'" + part.replace("'", "''") + "'" for part in key)
    return (
        "select segment, status, value, lo, hi, threshold, unit, n, message\n"
        "from health__findings\n"
        f"where day = date '{day}' and feature_id = {feature_id}\n"
        f"    and mode = {mode} and check_name = {check_name}\n"
        "order by segment"
    )
