"""What happens to data: is it trained on, how long kept, who receives it, what were models made of.

Each answer is lines with a topic, so that what is not known stands beside what is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from llmops_health.bom.addresses import address
from llmops_health.bom.facts import Facts, Retention
from llmops_health.bom.inventory import Inventory
from llmops_health.bom.parts import MODEL_KINDS, Part
from llmops_health.bom.phrases import NOT_KNOWN, Line, names, told_date
from llmops_health.config import Feature

_OF_PEOPLE: Final = re.compile(
    r"customer|user|client|personal|\bpii\b|feedback|conversation", re.IGNORECASE
)
_MOST_NAMES = 4
_MOST_MODELS = 2
LOG_DAYS: Final = 183
"""Six months: what the EU AI Act (Art. 19 and 26) asks of the logs of a high-risk system."""


def customer_data(feature: Feature, inventory: Inventory, facts: Facts) -> tuple[Line, ...]:
    """Return what lists and ledger say of training on what customers gave."""
    lines = [
        Line(
            "Yes, by us",
            f"pipeline {one.pipeline_id} trains on users' feedback"
            f" (last step {told_date(one.last_at)}, ledger)",
        )
        for one in facts.pipelines
        if one.n_feedback
    ]
    trained = {e.dst for e in inventory.edges if e.relation == "trained_on"}
    of_people = [
        f"{part.label} ({part.data_classification})" if part.data_classification else part.label
        for part in inventory.of("dataset")
        if part.ref in trained
        and (_OF_PEOPLE.search(part.data_classification or "") or _OF_PEOPLE.search(part.name))
    ]
    if of_people:
        lines.append(Line("Yes, by us", f"{names(of_people, 2)}, as declared"))
    providers = [part for part in inventory.parts if _is_elsewhere(part)]
    by_answer: dict[object, list[str]] = {}
    for part in providers:
        by_answer.setdefault(_flag(part.told("trains_on_inputs")), []).append(_provider(part))
    for answer, topic, more in (
        (True, "Yes, by the provider", ", as declared"),
        (False, "Not by the provider", ", as declared"),
    ):
        if answer in by_answer:
            lines.append(Line(topic, names(by_answer[answer], _MOST_NAMES) + more))
    if None in by_answer:
        lines.append(Line("Not known for", names(by_answer[None], _MOST_NAMES)))
    is_trained = feature.trained_on is not None or any(
        _is_model(part) and not part.is_service for part in inventory.parts
    )
    if not any(line.topic == "Yes, by us" for line in lines) and (is_trained or not providers):
        lines.append(Line("By us", NOT_KNOWN))
    return tuple(lines)


def retention(feature: Feature, inventory: Inventory, kept: Retention | None) -> tuple[Line, ...]:
    """Return how long we keep data, as configured, and what lists say of those we send it to."""
    lines = []
    if kept is not None:
        texts = kept.days_of_texts
        told = f"texts {texts} days ({kept.content})" if texts is not None else "no texts"
        told += f", call records {kept.calls_days} days"
        if feature.risk_tier == "high" and kept.calls_days < LOG_DAYS:
            told += f"; a high-risk system keeps logs {LOG_DAYS} days or more (EU AI Act, Art. 19)"
        lines.append(Line("In monitoring", told))
    by_answer: dict[str, list[str]] = {}
    for part in inventory.parts:
        if _is_elsewhere(part):
            by_answer.setdefault(_days(part.told("retention_days")), []).append(_provider(part))
    unknown = by_answer.pop(NOT_KNOWN, [])
    lines += [Line(names(who, _MOST_NAMES), told) for told, who in by_answer.items()]
    if unknown:
        lines.append(Line("Not known for", names(unknown, _MOST_NAMES)))
    return tuple(lines) or (Line("", NOT_KNOWN),)


def boundary(inventory: Inventory) -> tuple[Line, ...]:
    """Return the sub-processors and endpoints behind the trust boundary, and who may be."""
    crossing: dict[str, list[Part]] = {}
    for part in inventory.parts:
        if part.crosses_trust_boundary:
            crossing.setdefault(part.supplier or "supplier not known", []).append(part)
    lines = [Line(supplier, _receives(parts)) for supplier, parts in sorted(crossing.items())]
    unsure = [
        part.label
        for part in inventory.parts
        if part.crosses_trust_boundary is None
        and (_is_elsewhere(part) or (not part.is_declared and part.kind == "tool"))
    ]
    if unsure:
        lines.append(Line("Not known for", names(unsure, _MOST_NAMES)))
    if not lines:
        inside = any(part.crosses_trust_boundary is False for part in inventory.parts)
        told = "no part is declared to cross it" if inside else NOT_KNOWN
        lines.append(Line("", told))
    return tuple(lines)


def training_data(inventory: Inventory) -> tuple[Line, ...]:
    """Return sources and licences of what each model was trained on, and the base it came from."""
    lines, unknown = [], []
    for part in sorted(filter(_is_model, inventory.parts), key=_in_use_first):
        datasets = inventory.targets(part.ref, "trained_on")
        bases = inventory.targets(part.ref, "derived_from")
        told = []
        if datasets:
            told.append(names([_sourced(one) for one in datasets], _MOST_NAMES))
        if bases:
            told.append(f"from {names([_licensed(one) for one in bases], _MOST_NAMES)}")
        if told:
            lines.append(Line(part.name, "; ".join(told)))
        if not datasets:
            unknown.append(part.name)
    n_more = len(lines) - _MOST_MODELS
    if n_more > 0:
        lines = [*lines[:_MOST_MODELS], Line(f"{n_more} more", "are told in the document")]
    if unknown:
        lines.append(Line("Not known for", names(unknown, _MOST_NAMES)))
    return tuple(lines) or (Line("", NOT_KNOWN),)


def _in_use_first(part: Part) -> tuple[bool, float]:
    """Order models: those in traffic first, then the newest."""
    return part.n_calls == 0, -(part.released_on or datetime.min).toordinal()  # noqa: DTZ901


def _is_elsewhere(part: Part) -> bool:
    """Whether others may run a part: nobody knows who runs a model that no list names."""
    return part.is_service or (not part.is_declared and _is_model(part))


def _is_model(part: Part) -> bool:
    return part.kind in MODEL_KINDS or part.kind == "embedding_model"


def _provider(part: Part) -> str:
    return f"{part.supplier} ({part.name})" if part.supplier else part.name


def _receives(parts: Iterable[Part]) -> str:
    told = []
    for part in parts:
        place = address(part.endpoint)
        where = f" at {place}" if place else ", endpoint not known"
        told.append(f"{part.name}{where}, {part.data_classification or 'class of data not known'}")
    return "; ".join(told[:_MOST_NAMES]) + (f"; {len(told) - 4} more" if len(told) > 4 else "")


def _licensed(part: Part) -> str:
    return f"{part.label} ({part.license or 'licence not known'})"


def _sourced(part: Part) -> str:
    source = address(part.source_uri)
    return f"{_licensed(part)}{f', {source}' if source else ', source not known'}"


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _days(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return NOT_KNOWN
    try:
        days = float(str(value))
    except ValueError:
        return f"{value}, as declared"
    return f"{days:g} days, as declared" if days else "nothing is kept, as declared"
