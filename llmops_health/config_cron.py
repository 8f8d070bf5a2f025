"""A cron line of five fields, held to the syntax every cron shares.

Names of months and weekdays are taken; `@daily`, `L`, `W`, `#` and `?` are not.
"""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def cron_fault(line: str) -> str | None:
    """Return what is wrong with a cron line, or None.

    The line itself is not repeated: it may hold what came from the environment.

    >>> cron_fault("15 2 * * *")
    >>> cron_fault("75 2 * * *")
    'the minute must be *, or numbers, ranges and steps within 0-59.'
    """
    parts = line.split()
    if len(parts) != len(_FIELDS):
        return f"it has {len(parts)}. An example is 15 2 * * * (02:15 every day)."
    taken = []
    for part, (name, low, high, words) in zip(parts, _FIELDS, strict=True):
        values = _values(part.lower(), low, high, words)
        if not values:
            return f"the {name} must be *, or numbers, ranges and steps within {low}-{high}."
        taken.append(values)
    _, _, days, months, weekdays = taken
    any_weekday = len({weekday % 7 for weekday in weekdays}) == 7
    if any_weekday and min(days) > max(_LONGEST.get(month, 31) for month in months):
        return "no such day exists in the months named, so it would never start."
    return None


def _values(part: str, low: int, high: int, words: dict[str, int]) -> set[int]:
    """Return the numbers a field stands for; none where it breaks the syntax."""
    values: set[int] = set()
    for item in part.split(","):
        match = re.fullmatch(
            r"(?:\*|(?P<first>[a-z]{3}|\d{1,2})(?:-(?P<last>[a-z]{3}|\d{1,2}))?)"
            r"(?:/(?P<step>\d{1,2}))?",
            item,
            re.ASCII,
        )
        # A step counts through a range: 5/15 means different things to different crons.
        if match is None or (match["step"] and match["first"] and not match["last"]):
            return set()
        first = _number(match["first"] or str(low), words)
        last = _number(match["last"] or match["first"] or str(high), words)
        step = int(match["step"] or 1)
        if not low <= first <= last <= high or step == 0:
            return set()
        values |= set(range(first, last + 1, step))
    return values


def _number(text: str, words: dict[str, int]) -> int:
    return int(text) if text.isdecimal() else words.get(text, -1)
