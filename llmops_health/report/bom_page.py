"""The page of a feature's bill of materials: what procurement asks, on one sheet without network.

Answers in, HTML out; escaping is the template's (autoescape is on). What is answered stands in
`bom.answers`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from llmops_health.bom.answers import Answers
from llmops_health.bom.facts import EvalScore
from llmops_health.config import Feature
from llmops_health.health.bom._score import Score
from llmops_health.report.page_numbers import full_date, interval, long_date, number

_TURNING = dict.fromkeys([0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")
MOST_ROWS = 12
MOST_CHANGES = 6
MOST_EVALS = 6
MOST_MISSING = 4
"""What is more stands in the document."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    name: str
    share: float | None
    told: str


@dataclass(frozen=True, slots=True)
class _Eval:
    suite: str
    score: str
    interval: str
    about: str


@dataclass(frozen=True, slots=True)
class Signed:
    """The document's file, its SHA-256, and the key that a signature beside it names."""

    name: str
    sha256: str
    key: str | None


def text(
    feature: Feature,
    told: Answers,
    bom: dict[str, Any],
    signed: Signed,
    score: Score,
    back: str = "",
) -> str:
    """Return the page of a bill of materials as one HTML document."""
    style = _source("bom.css")
    return _environment().get_template("bom.html.j2").render(
        policy=f"default-src 'none'; style-src 'sha256-{_hash(style)}'; base-uri 'none';"
        " form-action 'none'",
        style=style,
        feature=feature,
        told=told,
        date_words=long_date(told.day),
        short_words=full_date(told.day),
        rows=told.rows[:MOST_ROWS],
        n_more_rows=max(0, len(told.rows) - MOST_ROWS),
        evals=[_eval(one) for one in told.evals[:MOST_EVALS]],
        n_more_evals=max(0, len(told.evals) - MOST_EVALS),
        changes=told.changes[:MOST_CHANGES],
        n_more_changes=max(0, len(told.changes) - MOST_CHANGES),
        score=score,
        clusters=_clusters(score),
        missing=score.missing[:MOST_MISSING],
        n_more_missing=max(0, len(score.missing) - MOST_MISSING),
        document=bom,
        signed=signed,
        back=back,
    )  # fmt: skip


def _eval(one: EvalScore) -> _Eval:
    version = f", version {one.suite_version}" if one.suite_version else ""
    about = [full_date(one.on), f"{one.n_cases:,} cases", one.model or "model not known"]
    return _Eval(
        suite=one.suite_id + version,
        score=number(one.score, 3),
        interval=interval(one.lo, one.hi, 3),
        about=", ".join(about),
    )


def _clusters(score: Score) -> Sequence[_Cluster]:
    return [
        _Cluster(name, value, f"{n_present} of {n_expected}" if n_expected else "does not apply")
        for name, _, value, n_present, n_expected in score.clusters
    ]


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("llmops_health.report"),
        autoescape=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        finalize=_in_order,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short_date"] = full_date
    return environment


def _in_order(value: object) -> object:
    """Return text without the characters that turn the writing around, ours beside it as well."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # our own style is no text
        return value
    return value.translate(_TURNING)


def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")
