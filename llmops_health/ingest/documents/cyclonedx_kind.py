"""Which kind of the contract an entry of CycloneDX is: as a property says, else by its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from llmops_health.contract import BY_NAME
from llmops_health.ingest.documents.facts import mapping, mappings, text

_KINDS: Final[dict[str, str]] = {
    "application": "application",
    "container": "application",
    "data": "dataset",
    "dataset": "dataset",
    "device": "application",
    "machine-learning-model": "model",
    "operating-system": "application",
    "platform": "application",
}
_WORDS = {
    "feature": "application",
    "mcp_tool": "tool",
    "prompt_template": "prompt",
    "evaluation_suite": "eval_suite",
    "hosted_llm": "hosted_model",
    "vector_store": "vector_index",
    "agent": "application",
}
_OUR_KINDS = BY_NAME["components"].column("kind").among


def spoken_kind(word: str) -> str | None:
    """Return the kind that a property names in words of ours or near them."""
    plain = re.sub(r"[\s-]+", "_", word).lower()
    plain = _WORDS.get(plain, plain)
    return plain if plain in _OUR_KINDS else None


def component_kind(entry: Mapping[str, Any]) -> str:
    """Return the kind of a component or dataset."""
    kind = _KINDS.get(text(entry.get("type")) or "", "library")
    if kind == "model" and mappings(mapping(entry.get("pedigree")).get("ancestors")):
        return "checkpoint"
    types = {text(one.get("type")) for one in mappings(entry.get("data"))}
    return "prompt" if kind == "dataset" and types == {"configuration"} else kind


def service_kind(words: str, *, is_nested: bool) -> str:
    """Return the kind of a service that has these words about it."""
    if is_nested:
        return "tool"
    return "mcp_server" if re.search(r"\bmcp\b", words.lower()) else "hosted_model"
