"""Words of the answers: lines with a topic, lists of names, counts of parts by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from llmops_health.bom.parts import KIND_ORDER, Part

NOT_KNOWN: Final = "not known"

_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_PLURALS: Final = {
    "hosted_model": ("hosted model", "hosted models"),
    "embedding_model": ("embedding model", "embedding models"),
    "mcp_server": ("MCP server", "MCP servers"),
    "vector_index": ("vector index", "vector indexes"),
    "eval_suite": ("eval suite", "eval suites"),
    "library": ("library", "libraries"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of one topic."""

    topic: str
    text: str


def told_date(day: date) -> str:
    """Return a date as the pages write it.

    Examples
    --------
    >>> told_date(date(2026, 10, 31))
    '31 Oct 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def names(words: Iterable[str], most: int) -> str:
    """Return names as a list in prose, each once; of more than `most`, how many more.

    Examples
    --------
    >>> names(["a", "b", "a", "c"], 2)
    'a, b and 1 more'
    """
    told = list(dict.fromkeys(words))
    shown = told[:most] + ([f"{len(told) - most} more"] if len(told) > most else [])
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def counts(parts: Sequence[Part]) -> str:
    """Return how many parts there are of each kind, in the order of a reviewer.

    Examples
    --------
    >>> counts([Part(ref="a", component_id="a", kind="library", name="a")])
    '1 library'
    """
    found = Counter(part.kind for part in parts)
    told = [f"{found[kind]} {_noun(kind, found[kind])}" for kind in KIND_ORDER if found[kind]]
    return names(told, len(told))


def _noun(kind: str, n: int) -> str:
    one, many = _PLURALS.get(kind, (kind, f"{kind}s"))
    return one if n == 1 else many
