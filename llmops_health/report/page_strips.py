"""States, and strips of days: one mark per day, whose height and colour say the day's state.

A run of days in one state is one dashed line, so that a page of thousands of strips stays small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby

from llmops_health.report.page_numbers import counted

N_DAYS = 28
STEP = 4
HEIGHT = 16
_BASE = 15
_GAP = 1


@dataclass(frozen=True, slots=True)
class State:
    """A state: the class of its colour and shape, its word, and the height of its mark."""

    mark: str
    word: str
    rank: int
    height: float = 0


STATES: Mapping[str, State] = {
    "failing": State("f", "failing", 0, 14),
    "warning": State("w", "warning", 1, 9),
    "healthy": State("h", "healthy", 2, 4),
    "no_evidence": State("n", "no evidence", 3, 1),
    "not_applicable": State("a", "does not apply", 4),
}
"""The states of a verdict, worst first."""

OF_STATUS = {
    "FAIL": "failing",
    "WARN": "warning",
    "PASS": "healthy",
    "NOT_ENOUGH_DATA": "no_evidence",
    "NOT_APPLICABLE": "not_applicable",
}
"""The state that a status stands for."""

NOT_JUDGED = State("a", "not judged", 5)
_OF_MARK = {state.mark: state for state in (*STATES.values(), NOT_JUDGED)}
_OF_MARK["a"], _OF_MARK[" "] = STATES["not_applicable"], NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Line:
    """The marks of one state: a path to be drawn with that state's dashed pen."""

    mark: str
    path: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A strip of days: its lines, and the same in words."""

    lines: tuple[Line, ...]
    label: str


def state(name: str | None) -> State:
    """Return a verdict's state; what is not known was not judged."""
    return STATES.get(name or "", NOT_JUDGED)


def marks(states: Iterable[tuple[date, str]], last: date, n_days: int = N_DAYS) -> str:
    """Return one letter per day of the `n_days` that end with `last`; a blank was not judged."""
    letters = [" "] * n_days
    for day, name in states:
        at = n_days - 1 - (last - day).days
        if 0 <= at < n_days:
            letters[at] = state(name).mark
    return "".join(letters)


@lru_cache(maxsize=4096)
def strip(letters: str) -> Strip:
    """Return the strip of days given by their letters, oldest first."""
    runs = [(letter, len(list(run))) for letter, run in groupby(letters)]
    lines: dict[str, list[str]] = {}
    at = 0
    for letter, n in runs:
        height = _OF_MARK[letter].height
        if height:
            start = f"M{at * STEP} {_BASE - height / 2:g}h{n * STEP - _GAP}"
            lines.setdefault(letter, []).append(start)
        at += n
    drawn = tuple(Line(letter, "".join(paths)) for letter, paths in lines.items())
    return Strip(drawn, _label(letters, runs))


def _label(letters: str, runs: list[tuple[str, int]]) -> str:
    if not letters.strip():
        return f"Last {len(letters)} days: not judged."
    if len(runs) <= 4:
        told = ", then ".join(f"{_OF_MARK[letter].word} {counted(n, 'day')}" for letter, n in runs)
        return f"Last {len(letters)} days: {told}."
    ordered = sorted(set(letters), key=lambda letter: _OF_MARK[letter].rank)
    told = ", ".join(
        f"{_OF_MARK[letter].word} {counted(letters.count(letter), 'day')}" for letter in ordered
    )
    return f"Last {len(letters)} days: {told}; on the last day {_OF_MARK[letters[-1]].word}."


def first_day(last: date) -> date:
    """Return the oldest day of a strip that ends with `last`."""
    return last - timedelta(N_DAYS - 1)
