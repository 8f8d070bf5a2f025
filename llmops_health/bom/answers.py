"""Procurement's questions, answered from an inventory and facts in plain words; no HTML.

What nobody has said is not known. It is never taken for a no: of a provider that says nothing of
training, the answer is "not known".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from llmops_health.bom.addresses import address
from llmops_health.bom.answers_data import boundary, customer_data, retention, training_data
from llmops_health.bom.facts import EvalScore, Facts
from llmops_health.bom.inventory import Change, Inventory
from llmops_health.bom.parts import MODEL_KINDS, Part
from llmops_health.bom.phrases import NOT_KNOWN, Line, counts, names, told_date
from llmops_health.config import Feature

_FIELDS: Final = {
    "version": "version",
    "supplier": "supplier",
    "license": "licence",
    "sha256": "hash",
    "endpoint": "endpoint",
    "crosses_trust_boundary": "trust boundary",
    "data_classification": "class of the data",
    "source_uri": "source",
}
_SEEN: Final = {
    "both": ("h", "declared and seen"),
    "observed": ("f", "seen, on no list"),
    "declared": ("n", "declared, not seen"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A part in the data path as a table shows it; `mark` is the state's of the page."""

    kind: str
    name: str
    version: str
    host: str
    boundary: str
    licence: str
    mark: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A question and what is known."""

    question: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """All of them, of one feature and day."""

    day: date
    lead: str
    warning: str
    rows: tuple[Row, ...]
    data: tuple[Answer, ...]
    evals: tuple[EvalScore, ...]
    unscored: tuple[str, ...]
    changes: tuple[Change, ...]
    ownership: tuple[Line, ...]
    unknown: tuple[Line, ...]


def answers(feature: Feature, day: date, inventory: Inventory, facts: Facts) -> Answers:
    """Answer the questions of a feature's bill of materials."""
    shown = [part for part in inventory.parts if inventory.is_in_path(part)]
    return Answers(
        day=day,
        lead=_lead(inventory),
        warning=_warning(inventory),
        rows=tuple(_row(part, inventory) for part in shown),
        data=(
            Answer("Is customer data used for training?", customer_data(feature, inventory, facts)),
            Answer("How long is data kept?", retention(feature, inventory, facts.retention)),
            Answer("Who receives data across the trust boundary?", boundary(inventory)),
            Answer("What were the models trained on?", training_data(inventory)),
        ),
        evals=facts.evals,
        unscored=_unscored(feature, facts.evals),
        changes=inventory.changes,
        ownership=_ownership(feature, inventory),
        unknown=_unknown(inventory),
    )


def _row(part: Part, inventory: Inventory) -> Row:
    mark, evidence = _seen(part, inventory)
    is_text = part.kind in {"prompt", "tool"}
    return Row(
        kind=part.kind.replace("_", " ").replace("mcp", "MCP"),
        name=part.name,
        version=part.version or NOT_KNOWN,
        host=_host(part),
        boundary=_crossing(part),
        licence=part.license or ("" if is_text else NOT_KNOWN),
        mark=mark,
        evidence=evidence,
    )


def _seen(part: Part, inventory: Inventory) -> tuple[str, str]:
    if part.evidence == "declared" and any(one.n_calls for one in inventory.tools_of(part)):
        return "h", "its tools were seen"
    if part.evidence == "declared" and part.kind in {"vector_index", "guardrail"}:
        return "n", "declared"  # no call names one
    return _SEEN[part.evidence]


def _host(part: Part) -> str:
    """Return who runs a part and where."""
    if part.kind == "prompt":
        return ""
    endpoint = address(part.endpoint)
    place = urlsplit(endpoint).netloc or endpoint if endpoint else ""
    region = part.told("region")
    told = [str(one) for one in (part.supplier, place, region) if one]
    return ", ".join(told) or NOT_KNOWN


def _crossing(part: Part) -> str:
    if part.kind == "prompt":
        return ""
    if part.crosses_trust_boundary is None:
        where = NOT_KNOWN
    else:
        where = "crosses" if part.crosses_trust_boundary else "inside"
    return f"{where}, {part.data_classification}" if part.data_classification else where


def _lead(inventory: Inventory) -> str:
    if not inventory.parts:
        return "No list names a part of this feature, and its traffic shows none."
    path = [part for part in inventory.parts if inventory.is_in_path(part)]
    lead = f"{counts(path) or 'Nothing'} in the data path"
    behind = counts([part for part in inventory.parts if part not in path])
    lead += f", {behind} behind it." if behind else "."
    models = [part for part in path if part.kind in MODEL_KINDS]
    if inventory.undeclared or not inventory.has_traffic or not models:
        return lead
    seen = sum(part.evidence == "both" for part in models)
    return f"{lead} All that traffic shows is declared; {seen} of {len(models)} models were seen."


def _warning(inventory: Inventory) -> str:
    if inventory.undeclared:
        listed = names([part.label for part in inventory.undeclared], 4)
        return f"In traffic and on no list: {listed}."
    if inventory.parts and not inventory.has_traffic:
        return "No traffic was seen in 28 days: all of it is declared only."
    return ""


def _unscored(feature: Feature, evals: Iterable[EvalScore]) -> tuple[str, ...]:
    scored = {one.suite_id for one in evals}
    return tuple(suite for suite in feature.eval_suites if suite not in scored)


def _ownership(feature: Feature, inventory: Inventory) -> tuple[Line, ...]:
    reviewed = feature.last_reviewed_on
    ownerless = [part for part in inventory.parts if part.is_declared and part.owner is None]
    declared = [part for part in inventory.parts if part.is_declared]
    lines = [
        Line("Feature", feature.owner or NOT_KNOWN),
        Line("Last review", told_date(reviewed) if reviewed else NOT_KNOWN),
    ]
    if declared:
        told = "all" if not ownerless else f"{len(declared) - len(ownerless)} of {len(declared)}"
        lines.append(Line("Parts with an owner", told))
    return tuple(lines)


def _unknown(inventory: Inventory) -> tuple[Line, ...]:
    """Return what is asked and null, field by field, with the parts it is missing of."""
    missing: dict[str, list[str]] = {}
    for part in inventory.parts:
        for name in part.unknown if part.is_declared else ():
            missing.setdefault(name, []).append(part.name)
    ordered: Sequence[str] = sorted(missing, key=lambda name: (-len(missing[name]), name))
    lines = [Line(_FIELDS[name].capitalize(), names(missing[name], 4)) for name in ordered]
    if inventory.undeclared:
        unlisted = names([part.name for part in inventory.undeclared], 4)
        lines.insert(0, Line("Anything of", unlisted))
    return tuple(lines)
