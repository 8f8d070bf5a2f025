"""What happens between a request and its answer, or a row and its table."""

from __future__ import annotations

from dataclasses import dataclass

from llmops_health.figures.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Mean milliseconds per request of a stage: on the critical path, and hidden behind others."""

    label: str
    critical_ms: Estimate
    hidden_ms: float
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Where the time of a request goes, in the order in which the stages begin."""

    title: str
    description: str
    stages: tuple[Stage, ...]
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """`n` rows that go from one step to the next; `to` None: they end there, and `why`."""

    source: str
    to: str | None
    n: int
    why: str = ""
    is_unexplained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Rows through the steps of a pipeline, in order; widths are conserved or marked as not."""

    title: str
    description: str
    steps: tuple[str, ...]
    flows: tuple[Flow, ...]
