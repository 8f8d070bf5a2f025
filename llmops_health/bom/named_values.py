"""Our properties: named values of a document that CycloneDX has no field for.

A name is `llmops-health:` and the column of the contract in camel case, so that our own reader
puts each back where it came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

PREFIX: Final = "llmops-health:"


def properties(given: Iterable[tuple[str, object]]) -> list[dict[str, str]]:
    """Return named values as properties, those that are known, in their order.

    Examples
    --------
    >>> properties([("owner", "team-a"), ("supplier", None), ("undeclared", True)])[1]
    {'name': 'llmops-health:undeclared', 'value': 'true'}
    """
    return [
        {"name": PREFIX + name, "value": _text(value)} for name, value in given if value is not None
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return str(value)
