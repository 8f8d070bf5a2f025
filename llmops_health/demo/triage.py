"""Who answered the alarms of the demo world: a pager's record of Monday and Thursday mornings.

Alarms of the feature without an owner are answered by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import polars as pl

from llmops_health.demo.faults import Calendar
from llmops_health.demo.parts import OWNERS
from llmops_health.demo.plant import Plant

MORNINGS: Final = (0, 3)
_STARTS: Final = time(9, 30)
_SECONDS_EACH: Final = 40
_RECORDS: Final = ("bom", "ownership")
_SCHEMA: Final = {"acknowledged_at": pl.Datetime("us")} | dict.fromkeys(
    ("feature_id", "mode", "check_name", "acknowledged_by", "note"), pl.String()
)


def make_acknowledgements(calendar: Calendar, plants: Sequence[Plant]) -> pl.DataFrame:
    """Let each team take on, twice a week, all that its planted faults may have set off."""
    # Two faults may set off the same check: it is answered once, from the first of them on.
    since: dict[tuple[str, str], date] = {}
    for plant in sorted(plants, key=lambda one: one.starts_on, reverse=True):
        if plant.kind == "fault" and plant.feature_id in OWNERS:
            own = (f"{plant.mode}.{check}" for check in plant.checks)
            since |= {(plant.feature_id, name): plant.starts_on for name in (*own, *plant.may)}
    rows = []
    for day in (calendar.date_of(index) for index in range(calendar.days)):
        if day.weekday() not in MORNINGS:
            continue
        began = datetime.combine(day, _STARTS)
        open_since = sorted(key for key, start in since.items() if start < day)
        for place, (feature_id, name) in enumerate(open_since):
            mode, check = name.split(".")
            if mode not in _RECORDS:
                at = began + timedelta(seconds=_SECONDS_EACH * place)
                note = f"seen on {day:%A}; the cause is known since {since[feature_id, name]}"
                rows.append((at, feature_id, mode, check, OWNERS[feature_id], note))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
