"""From numbers to places and ticks, and from numbers to words: nothing is drawn here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, isfinite, log10
from typing import TypeGuard

from llmops_health.report.plots.lettering import width

NO_VALUE = "no value"

_GAP = 12.0  # between two labels of an axis
_MONTH_GAP = 6.0
_PERCENT = {"share": "", "share of calls": "", "share of cost": "of the cost"}
_LONG_DAYS = 330
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_STEPS = (1, 2, 7, 14, 28, 56, 112)


@dataclass(frozen=True, slots=True)
class Scale:
    """A line from the numbers `lo` to `hi`, lo < hi, to the places `start` to `stop`."""

    lo: float
    hi: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; what lies outside is put on the nearest end."""
        part = (min(max(value, self.lo), self.hi) - self.lo) / (self.hi - self.lo)
        return self.start + part * (self.stop - self.start)


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are there and finite."""
    return [value for value in values if value is not None and isfinite(value)]


def is_known(value: float | None) -> TypeGuard[float]:
    """Return whether there is a finite value."""
    return value is not None and isfinite(value)


def domain(
    values: Sequence[float],
    extras: Sequence[float] = (),
    *,
    floor_at: float | None = None,
    ceiling_at: float | None = None,
) -> tuple[float, float]:
    """Return a range that holds all `values`, and `extras` as far as they do not dwarf them.

    Parameters
    ----------
    values
        What must be seen; without any, the range is 0 to 1.
    extras
        Ends of intervals: they widen the range by at most its own size on each side, so that one
        day of thin data cannot flatten all others.
    floor_at
        Where the range ends at the latest, for what cannot be lower.
    ceiling_at
        As `floor_at`, for what cannot be higher.

    Examples
    --------
    >>> domain([1.0, 2.0], [-50.0, 2.5], floor_at=0.0)
    (0.0, 2.5)
    """
    if not values:
        return 0.0, 1.0
    lo, hi = min(values), max(values)
    # Range of one value alone: a tenth of it, or 1 around zero.
    size = hi - lo if hi - lo > 1e-9 * max(abs(lo), abs(hi)) else max(abs(hi) / 10, 1e-300)
    if hi == lo == 0:
        size = 1.0
    lo, hi = max(min([lo, *extras]), lo - size), min(max([hi, *extras]), hi + size)
    if hi - lo < size:
        lo, hi = lo - size / 2, hi + size / 2
    # A bar of air, and zero where it is near: differences then look as large as they are.
    if 0 < lo < 0.5 * hi:
        lo = 0.0
    if floor_at is not None:
        lo = max(lo, floor_at)
    if ceiling_at is not None:
        hi = min(hi, ceiling_at)
    return lo, hi


def natural_domain(
    values: Sequence[float], ends: Sequence[float], unit: str
) -> tuple[float, float]:
    """Return `domain`, kept within what the unit can be: shares 0 to 1, others 0 if none is less.

    Ends of intervals beyond what a share can be do not widen it.

    Examples
    --------
    >>> natural_domain([0.1, 0.9], [-0.2, 1.1], "share")
    (0.0, 1.0)
    """
    if unit == "share" and all(0 <= value <= 1 for value in values):
        return domain(values, ends, floor_at=0.0, ceiling_at=1.0)
    lowest = min([*values, *ends], default=0.0)
    return domain(values, ends, floor_at=0.0 if lowest >= 0 else None)


def nice_ticks(lo: float, hi: float, n: int) -> list[float]:
    """Return ticks at round numbers, the first at or below `lo`, the last at or above `hi`.

    Parameters
    ----------
    lo, hi
        Range to cover, lo < hi.
    n
        How many ticks there may be, at least 2.

    Examples
    --------
    >>> nice_ticks(0.02, 0.47, 6)
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    power = 10.0 ** floor(log10((hi - lo) / n))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100):
        step = factor * power
        first, last = floor(lo / step + 1e-9), ceil(hi / step - 1e-9)
        if last - first + 1 <= max(n, 2):
            break
    return [_round_to(at * step, step) for at in range(first, max(last, first + 1) + 1)]


def _round_to(value: float, step: float) -> float:
    return round(value, max(0, 2 - floor(log10(step)))) if step > 1e-250 else value


def number(value: float, step: float) -> str:
    """Write a number to the precision of `step`, with a real minus.

    Examples
    --------
    >>> number(-1234.5, 0.5), number(2_500_000, 500_000), number(0.00002, 0.00001)
    ('\N{MINUS SIGN}1,234.5', '2.5M', '2e\N{MINUS SIGN}5')
    """
    size = max(abs(value), step)
    if size >= 1e15 or step < 1e-4:
        text = "0" if value == 0 else f"{value:.3g}"
        if "e" in text or (step < 1e-4 and text != "0"):
            mantissa, _, exponent = f"{value:.2e}".partition("e")
            text = f"{float(mantissa):g}e{int(exponent)}"
    else:
        unit, letter = next(
            (scaled for scaled in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if size >= scaled[0]),
            (1.0, ""),
        )
        digits = _decimals(step / unit)
        text = f"{value / unit:,.{digits}f}{'' if value == 0 else letter}"
        if float(text.strip("TGM").replace(",", "")) == 0:
            text = "0"
    return text.replace("-", "\N{MINUS SIGN}")


def _decimals(step: float) -> int:
    for digits in range(7):
        if abs(step * 10**digits - round(step * 10**digits)) < 1e-6 * step * 10**digits:
            return digits
    return 7


@dataclass(frozen=True, slots=True)
class Unit:
    """How values of a unit are written: `factor` times the value, then `sign`; `words` name it."""

    words: str
    factor: float = 1.0
    sign: str = ""

    @classmethod
    def of(cls, name: str, largest: float) -> Unit:
        """Choose how to write a unit of findings, for values up to `largest`."""
        if name in _PERCENT:
            return cls(_PERCENT[name], 100.0, " %")
        if name == "ms" and largest >= 10_000:
            return cls("seconds", 0.001)
        return cls({"pp": "percentage points", "ms": "milliseconds"}.get(name, name))

    def write(self, value: float, step: float) -> str:
        """Write a value to the precision of `step`, both in the unit of the finding."""
        return number(self.factor * value, self.factor * step) + self.sign

    def read(self, value: float) -> str:
        """Write a value by itself, to three digits at most.

        Examples
        --------
        >>> [Unit("ms").read(value) for value in (0.0517, 0.1, 1234.4, 5e8)]
        ['0.0517', '0.1', '1,234', '500M']
        """
        size = abs(self.factor * value)
        if size == 0:
            return f"0{self.sign}"
        step = _three_digits(size)
        text = number(self.factor * value, step if size >= 1e6 else min(step, 1.0))
        plain, letter = (text[:-1], text[-1]) if text[-1] in "MGT" else (text, "")
        if "." in plain and "e" not in plain:
            plain = plain.rstrip("0").rstrip(".")
        return f"{plain}{letter}{self.sign}"

    def column(
        self, values: Sequence[float | None], *, signed: bool = False, digits: int = 3
    ) -> list[str]:
        """Write values to one precision: so many digits of the largest, at least to the unit.

        Examples
        --------
        >>> Unit("pp").column([12.34, -0.5, None], signed=True)
        ['+12.3', '\N{MINUS SIGN}0.5', 'no value']
        """
        largest = max((abs(self.factor * value) for value in known(values)), default=0.0)
        exact = _three_digits(largest) * 10.0 ** (3 - digits) if largest > 0 else 1.0
        step = exact if largest >= 1e6 else min(exact, 1.0)
        return [
            _signed(value, number(self.factor * value, step) + self.sign, signed=signed)
            if is_known(value)
            else NO_VALUE
            for value in values
        ]


def _three_digits(size: float) -> float:
    """Return the precision of three digits, or of two where a third would need an exponent."""
    step = 10.0 ** (floor(log10(size)) - 2)
    return max(step, 1e-4) if size >= 1e-3 else step


def _signed(value: float, text: str, *, signed: bool) -> str:
    return f"+{text}" if signed and value > 0 and text.partition(" ")[0] != "0" else text


def day_name(day: date) -> str:
    """Return a day as on all axes.

    Examples
    --------
    >>> day_name(date(2026, 10, 2))
    '2 Oct'
    """
    return f"{day.day} {_MONTHS[day.month - 1]}"


def day_ticks(first: date, last: date, room: float) -> list[tuple[date, str]]:
    """Return days to label on an axis of `room` units, oldest first.

    The last day is always one of them, since it is the judged one; the others lie whole weeks
    before it, so that all are the same weekday. Beyond 11 months, ticks are first days of months.
    """
    n_days = (last - first).days
    if n_days > _LONG_DAYS:
        return _month_ticks(first, last, room)
    widest = width("30 May") + _GAP
    per_day = room / max(n_days, 1)
    step = next((s for s in _DAY_STEPS if s * per_day >= widest), n_days + 1)
    days = [last - timedelta(days=back) for back in range(0, n_days + 1, step)]
    return [(day, day_name(day)) for day in reversed(days)]


def _month_ticks(first: date, last: date, room: float) -> list[tuple[date, str]]:
    n_months = (last.year - first.year) * 12 + last.month - first.month
    widest = width("May 2026") + _MONTH_GAP
    step = next((s for s in (1, 2, 3, 6) if room * s / (n_months + 1) >= widest), 12)
    places = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    months = [date(at // 12, at % 12 + 1, 1) for at in places if at % step == 0]
    return [(day, f"{_MONTHS[day.month - 1]} {day.year}") for day in months if day >= first]
