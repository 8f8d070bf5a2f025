"""What changed between two days: verdicts that turned, and what became of the alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

_ALARMS = ("failing", "warning")
_RANK = {"failing": 0, "warning": 1}

Verdicts = Mapping[tuple[str, str], str]
"""State by feature and mode."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A verdict that is no longer what it was; `before` is empty where there was none."""

    feature_id: str
    mode: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What turned since a day; nothing is known where that day was not judged.

    An alarm that ended because nothing could be said any more is in `lost`, not in `recovered`.
    """

    since: date
    is_known: bool
    worse: tuple[Turn, ...] = ()
    eased: tuple[Turn, ...] = ()
    recovered: tuple[Turn, ...] = ()
    lost: tuple[Turn, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing of note turned."""
        return not (self.worse or self.eased or self.recovered or self.lost)


def on_day(verdicts: pl.DataFrame, day: date) -> dict[tuple[str, str], str]:
    """Return the states of one day from rows of `health__verdicts`."""
    rows = verdicts.filter(pl.col("day") == day).select("feature_id", "mode", "status")
    return {(feature_id, mode): status for feature_id, mode, status in rows.iter_rows()}


def changes(before: Verdicts, now: Verdicts, since: date) -> Changes:
    """Compare the states of two days."""
    if not before:
        return Changes(since, is_known=False)
    turns: dict[str, list[Turn]] = {"worse": [], "eased": [], "recovered": [], "lost": []}
    for key in sorted(before.keys() | now.keys()):
        turn = Turn(*key, before.get(key, ""), now.get(key, ""))
        kind = _kind(turn)
        if kind:
            turns[kind].append(turn)
    turns["worse"].sort(key=lambda turn: _RANK[turn.now])
    return Changes(since, is_known=True, **{kind: tuple(found) for kind, found in turns.items()})


def _kind(turn: Turn) -> str:
    was, now = _RANK.get(turn.before, 2), _RANK.get(turn.now, 2)
    if now < was:
        return "worse"
    if turn.before in _ALARMS and turn.now == "healthy":
        return "recovered"
    if turn.now in _ALARMS:
        return "eased" if now > was else ""
    return "lost" if turn.before in (*_ALARMS, "healthy") and turn.now != "healthy" else ""
