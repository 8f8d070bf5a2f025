"""Several things of one kind side by side: effects, lines, marks on a plane, cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmops_health.figures.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One effect among several of the same kind; `n` are the pairs or rows behind it.

    `answer` is what the check says of it: "moved" beyond the zone, "fine" inside it, or
    "cannot tell".
    """

    label: str
    effect: Estimate
    n: int
    answer: Literal["moved", "fine", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Effects with intervals, one row each, against the zone of those too small to matter.

    `zone_lo` or `zone_hi` is None where the zone has no end on that side. All rows share `unit`;
    effects of several units are given in multiples of their own margin.
    """

    title: str
    description: str
    measure: str
    unit: str
    rows: tuple[ForestRow, ...]
    zone_lo: float | None = None
    zone_hi: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A value at a place on the horizontal axis; `n` are the rows behind it."""

    x: float
    y: Estimate
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of several, at most six in a picture."""

    label: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Lines over a numeric axis, each with its intervals."""

    title: str
    description: str
    x_label: str
    measure: str
    unit: str
    curves: tuple[Curve, ...]
    limit: float | None = None
    limit_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point of a scatter; `n` (its area) are the rows behind it."""

    label: str
    x: Estimate
    y: Estimate
    n: int
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Two measures against each other, one mark per thing; limits divide the plane."""

    title: str
    description: str
    x_label: str
    x_unit: str
    y_label: str
    y_unit: str
    marks: tuple[Mark, ...]
    x_limit: float | None = None
    y_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """What one row says of one column.

    `level` None is unknown, never bad or good; a plain cell is a fact that is neither.
    """

    row: str
    column: str
    level: Literal["good", "partly", "bad", "plain"] | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """A table of few levels, with words in the cells so that colour is never needed."""

    title: str
    description: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[HeatCell, ...]
