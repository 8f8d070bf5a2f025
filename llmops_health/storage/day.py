"""A range of days: what a run, a query and a judgement are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Day:
    """A range of whole UTC days, both ends included."""

    first: date
    last: date

    def days(self) -> list[date]:
        """Return every day, first to last."""
        return [self.first + timedelta(days=i) for i in range((self.last - self.first).days + 1)]
