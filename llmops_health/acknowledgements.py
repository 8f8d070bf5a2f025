"""Acknowledgements on file: who has taken which alarm on, and until when.

They lie beside the configuration as JSON lines, which every run reads as rows of the table
`acknowledgements`. An alarm is named as `feature/mode.check` or `feature/mode.check/segment`.
Nothing heavy is imported; nothing here changes what a finding says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import duckdb

MOST_DAYS: Final = 90
"""Days that an acknowledgement may hold: a quarter. Who wants to live with it for longer sets the
check's parameters, where the others see it."""

_NEAR: Final = 3
_ALARMS_SQL: Final = """
select day, feature_id, mode, check_name, segment, status, alarmed_since, acknowledged_by,
    acknowledged_until
from latest_findings
where status in ('FAIL', 'WARN') and check_name <> 'unanswered_alarm'
order by status, feature_id, mode, check_name, segment
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm of the newest day; `acknowledged_until` None holds as long as the alarm stands."""

    day: date
    feature_id: str
    mode: str
    check_name: str
    segment: str
    status: str
    alarmed_since: date
    acknowledged_by: str | None = None
    acknowledged_until: date | None = None

    @property
    def check(self) -> str:
        """The name of all alarms of its check, whatever their segment."""
        return f"{self.feature_id}/{self.mode}.{self.check_name}"

    @property
    def name(self) -> str:
        """Its own name."""
        return f"{self.check}/{self.segment}" if self.segment else self.check

    @property
    def answer(self) -> str:
        """Who has taken it on, in words; empty where nobody has."""
        if self.acknowledged_by is None:
            return ""
        held = f" until {self.acknowledged_until}" if self.acknowledged_until else ""
        return f"acknowledged by {self.acknowledged_by}{held}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A line of the file; `segment` '' is meant for the check's alarms of all segments."""

    acknowledged_at: str
    feature_id: str
    mode: str
    check_name: str
    segment: str
    alarmed_on: str
    acknowledged_by: str
    until: str
    note: str | None = None


def is_known(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the published file tells since when an alarm stands: older ones do not."""
    described = connection.execute("from latest_findings limit 0").description or []
    return any(column[0] == "alarmed_since" for column in described)


def alarms(
    connection: duckdb.DuckDBPyConnection, said: Iterable[Acknowledgement] = ()
) -> list[Alarm]:
    """Return the alarms of the newest day, FAIL first.

    That an alarm is unanswered is none of them: it is answered by answering that alarm.

    Parameters
    ----------
    connection
        An open published file.
    said
        What has been acknowledged since it was published; the last of an alarm counts.

    Raises
    ------
    ValueError
        If the file was published by a version that knew no acknowledgements.
    """
    if not is_known(connection):
        raise ValueError(
            "The published file is an older version's. Make it anew: llmops-health run"
        )
    rows = connection.execute(_ALARMS_SQL).fetchall()
    names = [column[0] for column in connection.description or []]
    found = [Alarm(**dict(zip(names, row, strict=True))) for row in rows]
    newer = list(said)
    return [_answered(alarm, newer) for alarm in found]


def as_json(alarm: Alarm) -> dict[str, str | None]:
    """Return an alarm as `status --json` prints it."""
    end = alarm.acknowledged_until
    return {
        "finding": alarm.name,
        "status": alarm.status,
        "alarmed_since": alarm.alarmed_since.isoformat(),
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged_until": end.isoformat() if end else None,
        "answer": alarm.answer,
    }


def meant(name: str, found: Sequence[Alarm]) -> tuple[Alarm, str]:
    """Return the alarm that a name means, the oldest where it means several, and its segment.

    Raises
    ------
    ValueError
        If no alarm of the newest day is called so; the message has the nearest names.
    """
    for segment, called in (
        (None, [alarm for alarm in found if alarm.name == name]),
        ("", [alarm for alarm in found if alarm.check == name]),
    ):
        if called:
            oldest = min(called, key=lambda alarm: alarm.alarmed_since)
            return oldest, oldest.segment if segment is None else segment
    near = get_close_matches(name, [alarm.name for alarm in found], n=_NEAR, cutoff=0.4)
    hint = " Nearest: " + ", ".join(near) if near else " There is no alarm."
    listed = " All of them: llmops-health status" if found and not near else hint
    raise ValueError(f"{name} is no alarm of the newest day.{listed}")


def until(text: str, newest: date) -> date:
    """Return the day that a text names.

    Raises
    ------
    ValueError
        If it is no date, lies before the newest judged day, or more than `MOST_DAYS` after it.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"--until is {text}; it must be a date such as {newest}.") from None
    last = newest + timedelta(days=MOST_DAYS)
    if not newest <= day <= last:
        raise ValueError(
            f"--until is {day}; it must lie from {newest}, the newest judged day, to {last},"
            f" {MOST_DAYS} days on: a fault to live with for longer belongs in the check's"
            " parameters."
        )
    return day


def acknowledge(
    path: Path,
    alarm: Alarm,
    segment: str,
    *,
    by: str,
    until: date,
    note: str | None,
    now: datetime | None = None,
) -> Acknowledgement:
    """Append an acknowledgement to a file, safe on disk when this returns."""
    from llmops_health.ledger.files import append  # noqa: PLC0415

    if not by.strip():
        raise ValueError("--by is empty; say who has taken the alarm on.")
    at = now or datetime.now(tz=UTC)
    given = Acknowledgement(
        acknowledged_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        feature_id=alarm.feature_id,
        mode=alarm.mode,
        check_name=alarm.check_name,
        segment=segment,
        alarmed_on=alarm.alarmed_since.isoformat(),
        acknowledged_by=by.strip(),
        until=until.isoformat(),
        note=note,
    )
    append(path, [{key: value for key, value in asdict(given).items() if value is not None}])
    return given


def on_file(path: Path) -> list[Acknowledgement]:
    """Return what a file holds, the last one last; lines that are not ours are left to ingest."""
    if not path.is_file():
        return []
    from llmops_health.ledger.files import read  # noqa: PLC0415

    wanted = Acknowledgement.__dataclass_fields__
    found = []
    for line in read(path):
        row = {key: value for key, value in (line.row or {}).items() if key in wanted}
        given = {"segment": "", "alarmed_on": "", "until": ""} | row
        if all(isinstance(value, str) for value in given.values()) and _is_whole(given):
            found.append(Acknowledgement(**given))
    return found


def _is_whole(given: dict[str, Any]) -> bool:
    return {"acknowledged_at", "feature_id", "mode", "check_name", "acknowledged_by"} <= set(given)


def _answered(alarm: Alarm, said: Sequence[Acknowledgement]) -> Alarm:
    """Return an alarm with the last of the acknowledgements that hold for it."""
    for one in reversed(said):
        is_its = (one.feature_id, one.mode, one.check_name) == (
            alarm.feature_id,
            alarm.mode,
            alarm.check_name,
        ) and one.segment in {"", alarm.segment}
        said_on = [day for day in map(_day, (one.alarmed_on, one.acknowledged_at)) if day]
        end = _day(one.until)
        is_of_it = max(said_on, default=date.min) >= alarm.alarmed_since
        if is_its and is_of_it and (end is None or end >= alarm.day):
            known = asdict(alarm) | {"acknowledged_by": one.acknowledged_by}
            return Alarm(**(known | {"acknowledged_until": end}))
    return alarm


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
