"""What a check is about, from its documentation: its name, its fault in a sentence, its sections.

Also what to log where a check finds no evidence, from the tables it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llmops_health.health import Check
from llmops_health.report.page_numbers import listed, sentence, words

_LOGGED: Mapping[str, str] = {
    "summary__calibration": "labels of predictions, with the confidence stated for them",
    "summary__confidence": "the confidence of every call that chooses a label",
    "summary__judgements": "labels of the same calls by a person and by a judge",
    "summary__rates": "every call with its latency, tokens, cost and error",
    "summary__latency_buckets": "the latency of every call",
    "summary__histograms": "lengths, tokens and scores of every call",
    "summary__categories": "language, format, model and label of every call",
    "summary__hours": "the start time of every call",
    "summary__nulls": "the fields of every call, empty ones as null",
    "summary__repeats": "the text or prompt of every call, so that repeats are seen",
    "summary__satisfaction": "ratings by users, with who gave them",
    "summary__eval_items": "every eval run with its results",
    "summary__eval_cells": "the eval cases with their inputs",
    "summary__text_cells": "input texts",
    "summary__cells": "input texts",
    "summary__embeddings": "input texts",
    "summary__novelty": "outputs of every call",
}
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of prose; `is_code` where the documentation has it between backticks."""

    text: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the documentation and its text."""

    heading: str
    text: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class CheckDoc:
    """What the page says about a check apart from any day."""

    mode: str
    name: str
    title: str
    fault: str
    sections: tuple[Section, ...]
    to_log: str

    @property
    def anchor(self) -> str:
        """Id of its place on the page."""
        return f"check-{self.mode}-{self.name}"


def documented(checks: Iterable[Check]) -> dict[tuple[str, str], CheckDoc]:
    """Return what is to be said of each check, by mode and name."""
    return {(check.mode, check.name): _doc(check) for check in checks}


def prose(text: str) -> tuple[Words, ...]:
    """Split prose at its backticks."""
    parts = _CODE.split(" ".join(text.split()))
    return tuple(Words(part, at % 2 == 1) for at, part in enumerate(parts) if part)


def _doc(check: Check) -> CheckDoc:
    title, _, fault = check.title.partition(": ")
    log = dict.fromkeys(_LOGGED[table] for table in check.reads if table in _LOGGED)
    return CheckDoc(
        mode=check.mode,
        name=check.name,
        title=title if fault else words(check.name),
        fault=sentence(fault or title),
        sections=tuple(_sections(check.doc)),
        to_log=listed(list(log)),
    )


def _sections(doc: str) -> Iterable[Section]:
    heading, text = "", list[str]()
    for line in [*doc.splitlines()[1:], "."]:
        if line and not line.startswith(" "):
            if heading:
                yield Section(heading, prose(" ".join(text)))
            heading, text = line, []
        else:
            text.append(line)
