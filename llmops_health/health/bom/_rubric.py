"""What a list is asked: the elements of "SBOM for AI - Minimum Elements" (G7 and CISA, May 2026).

One row per element and kind of part; the elements are grouped into the seven clusters of that text.
`NOT_ASSESSED` names the elements that no table here can carry. How elements become a score is in
`_score`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

RUBRIC_VERSION: Final = "1.0"

WEIGHTS: Final[Mapping[str, float]] = {
    "Metadata": 10, "System": 15, "Models": 25, "Datasets": 20, "Infrastructure": 5,
    "Security": 15, "KPI": 10,
}  # fmt: skip
"""What each cluster counts; renormalised over those that apply."""

NOT_ASSESSED: Final[Mapping[str, Mapping[str, str]]] = {
    "Metadata": {
        "data format name": "the document that is written from the list has it by itself",
        "data format version": "the document has it by itself",
        "tool name": "the document has it by itself",
        "tool version": "the document has it by itself",
        "author signature": "it is a file beside the document",
        "generation context": "no table has it",
    },
    "System": {"name": "every feature has an id", "input and output": "no table has it"},
    "Models": {
        "name": "a row without it is refused",
        "hash algorithm": "the hash is a SHA-256",
        "input and output": "no table has it",
    },
    "Datasets": {
        "name": "a row without it is refused",
        "statistical properties": "no table has it",
        "dependency relationships": "asked of every part, in Metadata",
    },
    "Infrastructure": {"hardware": "no table has it"},
    "Security": {"vulnerability references": "no table has it"},
    "KPI": {"security metrics": "no table has it"},
}
"""Elements that are asked of nobody, and why. Of models, properties are asked with the description;
licence, hash and so on are asked of the kinds that have them."""

VERIFIED: Final = 1.0
DECLARED: Final = 0.8
UNKNOWN: Final = 0.25
MISSING: Final = 0.0
"""What an element counts: told and verified, told, said to be unknown, not told."""

MODEL_KINDS: Final = frozenset({"model", "hosted_model", "checkpoint", "adapter",
                                "embedding_model"})  # fmt: skip
SERVICE_KINDS: Final = frozenset({"hosted_model", "mcp_server"})

_SAID_UNKNOWN: Final = frozenset({"unknown", "noassertion", "not known", "tbd", "tba", "todo", "?"})
_SAID_NOT_APPLICABLE: Final = frozenset({"n/a", "not applicable"})


@dataclass(frozen=True, slots=True)
class Look:
    """One part, what its list says beyond the columns, and how it hangs together with others."""

    row: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    """Relations of the edges that lead from it."""
    serves: frozenset[str] = frozenset()
    """Relations of the edges that lead to it."""

    def of(self, *names: str) -> list[object]:
        """Return columns, or what the list says of that name beyond them."""
        return [self.row[name] if name in self.row else self.attributes.get(name) for name in names]

    @property
    def is_remote(self) -> bool:
        """Whether it runs at somebody else's and is called: there is no file to hash."""
        return self.row["kind"] in SERVICE_KINDS or (
            self.row["kind"] == "embedding_model" and level(self.of("endpoint")) == DECLARED
        )

    @property
    def owner(self) -> str | None:
        """Who answers for it; None where nobody is named."""
        return self.row["owner"] if level(self.of("owner")) == DECLARED else None

    @property
    def is_verified(self) -> bool:
        """Whether a hash pins it down, or traffic shows it."""
        return self.row.get("is_observed") is True or level(self.of("sha256")) == DECLARED


def level(values: list[object]) -> float | None:
    """Return what an element counts whose value may stand in several places; None: not applicable.

    Examples
    --------
    >>> level(["Apache-2.0"]), level([None, "NOASSERTION"]), level([None, " "]), level(["n/a"])
    (0.8, 0.25, 0.0, None)
    """
    found = [_level_of(value) for value in values]
    told = [one for one in found if one]
    return max(told) if told else None if None in found else MISSING


def _level_of(value: object) -> float | None:
    if not isinstance(value, str):
        # False and 0 are told; what has nothing in it is not.
        return MISSING if value is None or value in ([], {}) else DECLARED
    word = value.strip().casefold()
    if word in _SAID_NOT_APPLICABLE:
        return None
    if word in _SAID_UNKNOWN:
        return UNKNOWN
    return DECLARED if word else MISSING


@lru_cache(maxsize=4096)
def attributes_of(text: str | None) -> Mapping[str, Any]:
    """Return the columns kept in `attributes`; none where it is not a JSON object."""
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Element:
    """What is asked of parts of some kinds; `read` returns where the answer may stand."""

    cluster: str
    name: str
    kinds: frozenset[str]
    read: Callable[[Look], list[object]]
    applies: Callable[[Look], bool] = lambda _: True


def _own(look: Look) -> bool:
    return not look.is_remote


def _is_trained_here(look: Look) -> bool:
    # What a base was trained on, its supplier knows.
    return look.row["kind"] != "model" or "derived_from" not in look.serves


def _related(*relations: str) -> Callable[[Look], list[object]]:
    return lambda look: [True if look.needs.intersection(relations) else None]


def _either(*reads: Callable[[Look], list[object]]) -> Callable[[Look], list[object]]:
    return lambda look: [value for read in reads for value in read(look)]


def _columns(*names: str) -> Callable[[Look], list[object]]:
    return lambda look: look.of(*names)


def _identifier(look: Look) -> list[object]:
    # A provider's models go by its names for them.
    more = ("supplier",) if look.is_remote else ()
    return look.of("purl", "sha256", "source_uri", *more)


def _producer(look: Look) -> list[object]:
    return look.of("supplier") if look.is_remote else look.of("supplier", "owner")


def _edges(look: Look) -> list[object]:
    if look.needs or look.serves:
        return [True]
    said = look.attributes.get("composition")
    is_said = isinstance(said, str) and said.startswith(("unknown", "incomplete", "not_specified"))
    return ["unknown" if is_said else None]


def _kinds(*names: str) -> frozenset[str]:
    return frozenset(names)


_ALL = MODEL_KINDS | _kinds(
    *("prompt", "tool", "mcp_server", "dataset", "eval_suite", "vector_index", "guardrail")
)
_DATA = _kinds("dataset", "eval_suite", "vector_index")
_DESCRIPTION = ("description", "task", "tasks", "architecture", "has_model_card")

ELEMENTS: Final[tuple[Element, ...]] = (
    Element("Metadata", "dependency relationships", _ALL, _edges),
    Element("System", "version", _kinds("prompt", "mcp_server"), _columns("version")),
    # The tools of a server come with its version.
    Element("System", "version", _kinds("tool"), _columns("version"),
            lambda look: "served_by" not in look.needs),
    Element("System", "hash", _kinds("prompt"), _columns("sha256")),
    Element("System", "producer", _kinds("mcp_server"), _columns("supplier", "owner")),
    Element("System", "data flow", MODEL_KINDS | SERVICE_KINDS,
            _columns("crosses_trust_boundary", "data_flows"), lambda look: look.is_remote),
    Element("System", "data usage", MODEL_KINDS | SERVICE_KINDS,
            _columns("data_classification", "trains_on_inputs", "retention_days"),
            lambda look: look.is_remote),
    Element("Models", "version", MODEL_KINDS, _columns("version")),
    Element("Models", "identifier", MODEL_KINDS, _identifier),
    Element("Models", "release date", MODEL_KINDS, _columns("released_on")),
    Element("Models", "producer", MODEL_KINDS, _producer),
    Element("Models", "description", MODEL_KINDS, _columns(*_DESCRIPTION)),
    Element("Models", "hash", MODEL_KINDS, _columns("sha256"), _own),
    Element("Models", "training", _kinds("model", "checkpoint", "adapter"),
            _related("trained_on", "derived_from"), _is_trained_here),
    Element("Models", "licence", MODEL_KINDS, _columns("license")),
    Element("Models", "reference", MODEL_KINDS, _columns("source_uri", "purl", "license_link")),
    Element("Datasets", "description", _kinds("dataset"), _columns("description", "task", "tasks")),
    Element("Datasets", "content", _kinds("dataset"), _columns("source_uri")),
    Element("Datasets", "identifier", _DATA, _columns("version", "purl")),
    Element("Datasets", "hash", _kinds("dataset", "eval_suite"), _columns("sha256")),
    Element("Datasets", "provenance", _DATA,
            _either(_columns("supplier", "owner"), _related("derived_from", "trained_on"))),
    Element("Datasets", "sensitivity", _kinds("dataset", "vector_index"),
            _columns("data_classification", "sensitive_data")),
    Element("Datasets", "licence", _kinds("dataset"), _columns("license")),
    Element("Security", "controls: version", _kinds("guardrail"), _columns("version")),
)  # fmt: skip
"""What is asked of each part; libraries, and what is asked of the feature, are in `_score`."""
