"""One part of a feature: what a list declares of it, what traffic shows of it, what is unknown."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

MODEL_KINDS: Final = frozenset({"model", "hosted_model", "checkpoint", "adapter"})
"""Kinds that answer a call; an embedding model is one of its own."""
KIND_ORDER: Final = (
    *("hosted_model", "model", "checkpoint", "adapter", "embedding_model", "prompt"),
    *("mcp_server", "tool", "guardrail", "vector_index", "dataset", "eval_suite"),
    *("application", "library"),
)

_MODEL_FIELDS = ("version", "supplier", "license", "sha256")
_SERVICE_FIELDS = ("version", "supplier", "endpoint", "crosses_trust_boundary",
                   "data_classification")  # fmt: skip
_CALLABLE: Final = MODEL_KINDS | {"embedding_model", "vector_index", "guardrail", "tool"}
ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "model": _MODEL_FIELDS,
    "checkpoint": _MODEL_FIELDS,
    "adapter": _MODEL_FIELDS,
    "embedding_model": _MODEL_FIELDS,
    "hosted_model": _SERVICE_FIELDS,
    "mcp_server": _SERVICE_FIELDS,
    "prompt": ("version", "sha256"),
    "dataset": ("version", "license", "sha256", "source_uri", "data_classification"),
    "eval_suite": ("version", "sha256"),
    "vector_index": ("version", "data_classification"),
    "tool": ("version",),
    "guardrail": ("version",),
    "application": ("version",),
    "library": ("version", "license"),
}
"""What a reviewer asks of a part of each kind; null there is a known unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part; `ref` is unique within its inventory, null is unknown.

    `attributes` are the columns that the contract does not know. Of them are used, where given:
    region, retention_days, trains_on_inputs, authenticated, task.
    """

    ref: str
    component_id: str
    kind: str
    name: str
    version: str | None = None
    supplier: str | None = None
    owner: str | None = None
    license: str | None = None
    sha256: str | None = None
    purl: str | None = None
    source_uri: str | None = None
    endpoint: str | None = None
    crosses_trust_boundary: bool | None = None
    data_classification: str | None = None
    released_on: datetime | None = None
    deprecated_on: datetime | None = None
    listed_on: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    feature_id: str | None = None
    is_declared: bool = True
    n_calls: int = 0
    first_seen: date | None = None
    last_seen: date | None = None

    @property
    def is_own(self) -> bool:
        """Whether its row is of the feature, and not shared."""
        return self.feature_id is not None

    def told(self, name: str) -> str | float | None:
        """Return an attribute, of the row or of a property of ours on the list it is from.

        Text, numbers and truth values alone; a truth value may be written as text.
        """
        camel = re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
        listed = self.attributes.get("properties")
        more = listed.get(f"llmops-health:{camel}") if isinstance(listed, Mapping) else None
        value = self.attributes.get(name, more)
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value.lower(), value.strip() or None)
        return value if isinstance(value, bool | int | float) else None

    @property
    def evidence(self) -> str:
        """Return declared, observed or both."""
        if not self.is_declared:
            return "observed"
        return "both" if self.n_calls else "declared"

    @property
    def is_service(self) -> bool:
        """Whether it runs elsewhere and is called."""
        is_called = self.endpoint is not None and self.kind in _CALLABLE
        return self.kind in {"hosted_model", "mcp_server"} or is_called

    @property
    def label(self) -> str:
        """Return name and version for people."""
        return f"{self.name} {self.version}" if self.version else self.name

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the columns that are asked of its kind and null."""
        asked = _SERVICE_FIELDS if self.is_service else ASKED.get(self.kind, ())
        return tuple(name for name in asked if getattr(self, name) is None)


def sort_key(part: Part) -> tuple[int, str, str, str]:
    """Order parts by kind as a reviewer reads them, then by name and version."""
    place = KIND_ORDER.index(part.kind) if part.kind in KIND_ORDER else len(KIND_ORDER)
    return (place, part.name.casefold(), part.version or "", part.component_id)


def attributes_of(text: str | None) -> Mapping[str, Any]:
    """Return the columns kept in `attributes`; none where it is not a JSON object."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def with_refs(parts: Sequence[Part]) -> list[Part]:
    """Return sorted parts, each with a ref of its own: its id, with more where ids repeat."""
    n_of = Counter(part.component_id for part in parts)
    taken: set[str] = set()
    found = []
    for part in sorted(parts, key=sort_key):
        ref = part.component_id
        if n_of[ref] > 1:
            ref = f"{ref}@{part.version or 'unknown'}"
        # A ref of this form would be read as a link to another document.
        ref = f"part:{ref}" if ref.lower().startswith("urn:cdx:") else ref
        fresh, at = ref, 2
        while fresh in taken:
            fresh, at = f"{ref}#{at}", at + 1
        taken.add(fresh)
        found.append(replace(part, ref=fresh))
    return found
