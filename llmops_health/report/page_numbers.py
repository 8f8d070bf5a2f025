"""Numbers, dates and lists as the page writes them; nothing here knows a finding or HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SMALLEST_P = 1e-4
_MINUS = "\N{MINUS SIGN}"
_ACRONYMS = {"bom": "BOM", "sla": "SLA"}


def places(*numbers: float | None) -> int:
    """Return the decimals that show two to three digits of the spread of some numbers, or of one.

    Examples
    --------
    >>> places(0.122, 0.099, 0.145)
    3
    >>> places(2100.0, 1800.0, 2400.0)
    0
    """
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    scale = max(known, default=0) - min(known, default=0)
    if scale == 0:
        scale = abs(known[0]) if known else 0
    if scale == 0:
        return 0
    largest = max(abs(number) for number in known)
    least = 0 if largest >= 100 else 1
    return min(max(math.ceil(1.3 - math.log10(scale)), least), 6)


def number(value: float | None, n_places: int) -> str:
    """Return a number with that many decimals and a real minus; empty where there is none.

    Examples
    --------
    >>> number(1234.5, 1), number(float("nan"), 1)
    ('1,234.5', '')
    """
    if value is None or not math.isfinite(value):
        return ""
    shown = f"{value:,.{n_places}f}"
    return shown.lstrip("-") if float(shown.replace(",", "")) == 0 else shown.replace("-", _MINUS)


def interval(lo: float | None, hi: float | None, n_places: int) -> str:
    """Return `[lo, hi]`, with an open end where one is not known; empty where both are not."""
    ends = [number(lo, n_places) or "…", number(hi, n_places) or "…"]
    return "" if ends == ["…", "…"] else f"[{ends[0]}, {ends[1]}]"


def short(value: float | None) -> str:
    """Return a number of the configuration, such as a threshold, without trailing zeros.

    Examples
    --------
    >>> short(0.05), short(0.07772805), short(3.0), short(1500)
    ('0.05', '0.0777', '3', '1,500')
    """
    if value is None or not math.isfinite(value):
        return ""
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return shown.replace("-", _MINUS, 1) if shown.startswith("-") else shown


def p_value(p: float | None) -> str:
    """Return a p-value, or that it is below what is worth writing."""
    if p is None or not math.isfinite(p):
        return ""
    return f"< {_SMALLEST_P:.4f}" if p < _SMALLEST_P else f"{p:.2g}"


def counted(n: int, one: str, many: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "feature"), counted(1200, "day"), counted(2, "query", "queries")
    ('1 feature', '1,200 days', '2 queries')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(words: Sequence[str], most: int = 6) -> str:
    """Return words as a list in prose; of more than `most`, the first ones and how many more.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=2)
    ('a, b and c', 'a, b and 1 more')
    """
    shown = list(words[:most])
    if len(words) > most:
        shown.append(f"{len(words) - most} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def long_date(day: date) -> str:
    """Return `Saturday 31 October 2026`."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def short_date(day: date) -> str:
    """Return `31 Oct`; the year is said once, in the head of the page."""
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def full_date(day: date, beside: date | None = None) -> str:
    """Return `31 Oct 2026`, without the year where that is told by a date beside it."""
    is_told = beside is not None and beside.year == day.year
    return short_date(day) if is_told else f"{short_date(day)} {day.year}"


def sentence(text: str) -> str:
    """Return text with a capital at its start.

    Examples
    --------
    >>> sentence("no gate"), sentence("0.5 of them")
    ('No gate', '0.5 of them')
    """
    return text[:1].upper() + text[1:]


def words(name: str, *, at_start: bool = True) -> str:
    """Return the name of a mode or check as words, with a capital at the start of a line.

    Examples
    --------
    >>> words("eval_rot"), words("bom"), words("eval_rot", at_start=False)
    ('Eval rot', 'BOM', 'eval rot')
    """
    told = " ".join(_ACRONYMS.get(part, part) for part in name.split("_") if part)
    return sentence(told) if at_start else told
