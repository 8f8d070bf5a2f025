"""The vocabulary every check speaks: a check yields findings, each with one status.

Nothing here computes, stores or shows; storage adds day, mode, check name and run id.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Status(StrEnum):
    """What one finding says. Silence about missing data is never a pass."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"
    NOT_ENOUGH_DATA = "NOT_ENOUGH_DATA"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class CheckParams(BaseModel):
    """Base of every check's parameters: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(default=True, description="False: the check says NOT_APPLICABLE.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One judgement about one feature, or one segment of it, on one day.

    `value`, `lo`, `hi` and `threshold` share `unit`. `n` counts the rows behind `value`.
    `evidence_sql` shows those rows and runs as it stands on the published file.
    """

    status: Status
    message: str
    n: int
    segment: str = ""
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    threshold: float | None = None
    unit: str = ""
    p_value: float | None = None
    action: str = ""
    evidence_sql: str = ""


def not_applicable(message: str, *, segment: str = "") -> Finding:
    """Return that a check has nothing to judge here, and why."""
    return Finding(status=Status.NOT_APPLICABLE, n=0, message=message, segment=segment)


def not_enough_data(n: int, message: str, *, segment: str = "") -> Finding:
    """Return that `n` rows are too few, or tell too little, to judge; `message` says what lacks."""
    return Finding(status=Status.NOT_ENOUGH_DATA, n=n, message=message, segment=segment)


def literal(value: object) -> str:
    """Return a value as an SQL literal, for `evidence_sql`, which has to run as it stands.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    >>> literal(0.5)
    '0.5'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
