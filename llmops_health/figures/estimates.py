"""Numbers with what is known of their chance, which all figures share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval; `lo` and `hi` are None where there is none."""

    value: float | None
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedEstimate:
    """An estimate about the days from `first` to `last`."""

    first: date
    last: date
    estimate: Estimate
