"""How far stated confidence can be trusted, and what a gate by it accepts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceGroup:
    """Labelled calls of like confidence; the band is what a calibrated model would show."""

    confidence: float
    accuracy: float
    n: int
    band_lo: float
    band_hi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityDiagram:
    """Observed accuracy against stated confidence, both 0 to 1, in groups by confidence."""

    title: str
    description: str
    groups: tuple[ConfidenceGroup, ...]
    band_level: float
    gate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePoint:
    """What a gate accepts (`share`, 0 to 1) and how often that is wrong."""

    gate: float
    share: float
    error: float
    lo: float
    hi: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """Errors among accepted calls against the share accepted, from strict gates to loose ones.

    `in_force` and `to_set` are gates of `points`: the configured one, and the one to set.
    """

    title: str
    description: str
    points: tuple[GatePoint, ...]
    max_error: float
    in_force: GatePoint | None = None
    to_set: GatePoint | None = None
