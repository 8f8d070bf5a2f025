"""What one planted thing is: where, since when, and which checks should notice or be quiet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One thing that was planted: a fault to find, or a look-alike to leave alone.

    For a fault, `checks` are those of `mode` that should notice. For a look-alike they are those
    that must not fail. `may` names checks (`mode.check`) that rightly follow from the same cause.
    """

    feature_id: str
    mode: str
    checks: tuple[str, ...]
    starts_on: date
    segment: str
    kind: Literal["fault", "look_alike"]
    sentence: str
    may: tuple[str, ...] = ()
