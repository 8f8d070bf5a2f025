"""What is logged, on the page and in the UI: a row per feature, a column per mode.

What a field is needed for is decided elsewhere; here the rows of `health__readiness` are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import polars as pl

from llmops_health.report.page_numbers import words

MOST_FEATURES: Final = 40
"""Features that are shown, those with most missing first."""

MOST_FIELDS: Final = 20
_MARKS: Final = {"logged": "h", "partly": "w", "missing": "n", "not_needed": "a"}
_WORDS: Final = {"logged": "all", "partly": "part", "missing": "none", "not_needed": "not needed"}


@dataclass(frozen=True, slots=True)
class ModeCell:
    """How many of the fields that a mode needs of a feature are logged; `mark` names the icon."""

    mode: str
    title: str
    mark: str
    told: str


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field that lacks: how much of it there is, how to log it, what it switches on."""

    name: str
    told: str
    log: str
    unlocks: str


@dataclass(frozen=True, slots=True)
class ReadinessView:
    """One feature: a cell per mode, the fields that lack, and how many more there are."""

    feature_id: str
    anchor: str
    cells: tuple[ModeCell, ...]
    fields: tuple[FieldView, ...]
    n_more: int
    n_missing: int


@dataclass(frozen=True, slots=True)
class ReadinessSection:
    """The features that are shown, the modes' titles, and how many more features there are."""

    features: tuple[ReadinessView, ...]
    modes: tuple[str, ...]
    n_more: int


def readiness_section(rows: pl.DataFrame, anchors: Mapping[str, str]) -> ReadinessSection:
    """Return the section of a day's matrix; `anchors` are the features' places on the page."""
    if rows.is_empty():
        return ReadinessSection((), (), 0)
    modes = sorted(rows["mode"].unique().to_list())
    views = [
        _view(feature_id, list(own), modes, anchors)
        for feature_id, own in groupby(
            rows.sort("feature_id", maintain_order=True).iter_rows(named=True),
            key=lambda row: str(row["feature_id"]),
        )
    ]
    views.sort(key=lambda view: (-view.n_missing, view.feature_id))
    return ReadinessSection(
        features=tuple(views[:MOST_FEATURES]),
        modes=tuple(words(mode) for mode in modes),
        n_more=max(0, len(views) - MOST_FEATURES),
    )


def markdown(rows: pl.DataFrame) -> str:
    """Return the matrix as a Markdown table, for the UI."""
    section = readiness_section(rows, {})
    head = f"| feature | {' | '.join(section.modes)} |"
    lines = [head, "| --- |" + " --- |" * len(section.modes)]
    for view in section.features:
        cells = " | ".join(cell.told for cell in view.cells)
        lines.append(f"| {_plain(view.feature_id)} | {cells} |")
    more = f"\n\nand {section.n_more} more features" if section.n_more else ""
    return "\n".join(lines) + more


def _view(
    feature_id: str,
    rows: Sequence[Mapping[str, Any]],
    modes: Sequence[str],
    anchors: Mapping[str, str],
) -> ReadinessView:
    cells = tuple(_cell(mode, [row for row in rows if row["mode"] == mode]) for mode in modes)
    lacking = [row for row in rows if row["state"] in {"missing", "partly"}]
    names = list(dict.fromkeys(_name(row) for row in lacking))
    fields = [_field([row for row in lacking if _name(row) == name]) for name in names]
    return ReadinessView(
        feature_id=feature_id,
        anchor=anchors.get(feature_id, ""),
        cells=cells,
        fields=tuple(fields[:MOST_FIELDS]),
        n_more=max(0, len(fields) - MOST_FIELDS),
        n_missing=sum(row["state"] == "missing" for row in rows),
    )


def _cell(mode: str, rows: Sequence[Mapping[str, Any]]) -> ModeCell:
    asked = [row for row in rows if row["state"] != "not_needed"]
    n_logged = sum(row["state"] == "logged" for row in asked)
    if not asked:
        state = "not_needed"
    elif n_logged == len(asked):
        state = "logged"
    else:
        has_some = any(row["state"] != "missing" for row in asked)
        state = "partly" if has_some else "missing"
    told = _WORDS[state] if not asked else f"{n_logged} of {len(asked)}"
    return ModeCell(mode, words(mode), _MARKS[state], told)


def _field(rows: Sequence[Mapping[str, Any]]) -> FieldView:
    """Return a field that several modes may lack, once."""
    first = rows[0]
    switched = dict.fromkeys(
        f"{row['mode']}.{check}" for row in rows for check in str(row["unlocks"]).split(", ")
    )
    share = first["share"]
    told = "not logged" if not first["n"] else f"in {share:.0%} of the rows"
    return FieldView(_name(first), told, str(first["what_to_log"]), ", ".join(switched))


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['table_name']}.{row['field']}"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
