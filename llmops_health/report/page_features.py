"""The features of the page: state by mode, the card of what is configured, links, checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

from llmops_health.config import Feature
from llmops_health.exports import file_name
from llmops_health.report import page_strips
from llmops_health.report.page_changes import on_day
from llmops_health.report.page_checks import CheckView
from llmops_health.report.page_numbers import counted, full_date, listed, short, words
from llmops_health.report.page_reading import Reading
from llmops_health.report.page_strips import NOT_JUDGED, STATES, State, Strip

_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A feature's state in one mode, its last weeks, and the checks that are alarmed."""

    mode: str
    title: str
    state: State
    strip: Strip
    note: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a feature's card; `url` is empty unless it can be followed."""

    name: str
    value: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class ModeChecks:
    """The checks of a feature that apply in one mode."""

    cell: Cell
    checks: tuple[CheckView, ...]

    @property
    def n(self) -> int:
        """How many they are."""
        return len(self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureView:
    """One feature as the page shows it."""

    id: str
    anchor: str
    name: str
    state: State
    cells: tuple[Cell, ...]
    facts: tuple[Fact, ...]
    modes: tuple[ModeChecks, ...]
    not_applicable: tuple[CheckView, ...]
    summary: str
    report: str
    bom: str

    @property
    def quiet(self) -> str:
        """What is said of the modes that are healthy or do not apply where only others fit."""
        words_of = [(STATES["healthy"], "healthy"), (STATES["not_applicable"], "not applicable")]
        states = [cell.state for cell in self.cells]
        told = [f"{states.count(found)} {word}" for found, word in words_of if found in states]
        return ", ".join(told)

    @property
    def query(self) -> str:
        """A query of what its checks say."""
        feature_id = self.id.replace("'", "''")
        return (
            "select mode, check_name, segment, status, message, action, evidence_sql\n"
            f"from latest_findings\nwhere feature_id = '{feature_id}'"
        )

    @property
    def passing(self) -> tuple[ModeChecks, ...]:
        """The checks that pass, which are folded where others do not."""
        return self._those(passing=True)

    @property
    def not_passing(self) -> tuple[ModeChecks, ...]:
        """The checks that apply and do not pass: alarms, and those without evidence."""
        return self._those(passing=False)

    def _those(self, *, passing: bool) -> tuple[ModeChecks, ...]:
        parts = (
            ModeChecks(
                mode.cell,
                tuple(view for view in mode.checks if (view.lead.status == "PASS") is passing),
            )
            for mode in self.modes
        )
        return tuple(part for part in parts if part.checks)

    @property
    def needs_action(self) -> bool:
        """Whether any of its modes is failing or warning."""
        return self.state.rank <= STATES["warning"].rank


def feature_views(
    reading: Reading,
    features: Sequence[Feature],
    views: Mapping[str, Sequence[CheckView]],
    folder: Path,
) -> list[FeatureView]:
    """Return all features, those that need action first."""
    verdicts = on_day(reading.verdicts, reading.day) if reading.day is not None else {}
    letters = _letters(reading)
    modes = sorted({mode for _, mode in verdicts})
    known = {feature.id: feature for feature in features}
    judged = {feature_id for feature_id, _ in verdicts}
    ids = [*known, *sorted(judged - known.keys())]
    found = []
    for feature_id, anchor in zip(ids, anchors(ids), strict=True):
        cells = tuple(
            Cell(
                mode,
                words(mode),
                page_strips.state(verdicts.get((feature_id, mode))),
                page_strips.strip(letters.get((feature_id, mode), " " * page_strips.N_DAYS)),
                listed(
                    [v.title for v in views.get(feature_id, ()) if v.mode == mode and v.is_alarm], 1
                ),
            )
            for mode in modes
        )
        found.append(
            _view(
                known.get(feature_id) or Feature.unlisted(feature_id),
                anchor,
                cells,
                views.get(feature_id, ()),
                evidently_report(folder, feature_id),
                bom_page(folder, feature_id),
            )
        )
    found.sort(key=_urgency)
    return found


def anchors(ids: Iterable[str]) -> list[str]:
    """Return an id of the page for each feature: readable, stable from day to day, unique."""
    found: list[str] = []
    for feature_id in ids:
        slug = _SLUG.sub("-", feature_id.lower()).strip("-")
        if slug != feature_id:
            slug = f"{slug[:40]}-{sha256(feature_id.encode()).hexdigest()[:8]}".lstrip("-")
        found.append(f"feature-{slug}")
    return found


def evidently_report(folder: Path, feature_id: str) -> str:
    """Return the address of a feature's Evidently report beside the page; empty without one."""
    name = file_name(feature_id, ".html")
    return f"evidently/{quote(name)}" if (folder / "evidently" / name).is_file() else ""


def bom_page(folder: Path, feature_id: str) -> str:
    """Return the address of a feature's bill of materials beside the page; empty without one."""
    name = file_name(feature_id, ".html")
    return f"bom/{quote(name)}" if (folder / "bom" / name).is_file() else ""


def followed(url: str | None) -> str:
    """Return a url if a click on it is safe: http or https, with a host."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_safe = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return url if is_safe and not re.search(r"[\s\x00-\x1f]", url) else ""


def _letters(reading: Reading) -> dict[tuple[str, str], str]:
    if reading.day is None or reading.verdicts.is_empty():
        return {}
    day = reading.day
    parts = reading.verdicts.partition_by("feature_id", "mode", as_dict=True).items()
    return {
        (str(feature_id), str(mode)): page_strips.marks(
            rows.select("day", "status").iter_rows(), day
        )
        for (feature_id, mode), rows in parts
    }


def _view(
    feature: Feature,
    anchor: str,
    cells: tuple[Cell, ...],
    checks: Sequence[CheckView],
    report: str,
    bom: str,
) -> FeatureView:
    applying = [view for view in checks if view.lead.status != "NOT_APPLICABLE"]
    by_mode = tuple(
        ModeChecks(cell, tuple(view for view in applying if view.mode == cell.mode))
        for cell in sorted(cells, key=lambda cell: cell.state.rank)
    )
    return FeatureView(
        id=feature.id,
        anchor=anchor,
        name=feature.name or "",
        state=min((cell.state for cell in cells), key=lambda state: state.rank, default=NOT_JUDGED),
        cells=cells,
        facts=_facts(feature),
        modes=tuple(mode for mode in by_mode if mode.checks),
        not_applicable=tuple(view for view in checks if view.lead.status == "NOT_APPLICABLE"),
        summary=_summary(checks),
        report=report,
        bom=bom,
    )


def _summary(checks: Sequence[CheckView]) -> str:
    if not checks:
        return "No check has judged it yet."
    statuses = [view.lead.status if view.lead.counts else "PASS" for view in checks]
    told = [
        f"{statuses.count(status)} {word}"
        for status, word in (
            ("FAIL", "fail"),
            ("WARN", "warn"),
            ("PASS", "pass"),
            ("NOT_ENOUGH_DATA", "without evidence"),
            ("NOT_APPLICABLE", "not applicable"),
        )
        if status in statuses
    ]
    return f"{counted(len(checks), 'check')}: {', '.join(told)}"


def _urgency(feature: FeatureView) -> tuple[int, int, int, str]:
    states = [cell.state for cell in feature.cells]
    return (
        feature.state.rank,
        -states.count(STATES["failing"]),
        -states.count(STATES["warning"]),
        feature.id,
    )


def _facts(feature: Feature) -> tuple[Fact, ...]:
    if not feature.listed:
        return (Fact("Configuration", "none: it was seen in the data only"),)
    gate, reviewed = feature.confidence_gate, feature.last_reviewed_on
    facts = [
        Fact("Kind", feature.kind),
        Fact("Owner", feature.owner or "nobody is named"),
        Fact("Lifecycle", feature.lifecycle or ""),
        Fact("Risk tier", feature.risk_tier or ""),
        Fact("Launched", full_date(feature.launched_on) if feature.launched_on else ""),
        Fact("Reviewed", full_date(reviewed) if reviewed else ""),
        Fact("Confidence gate", short(gate) if gate is not None else ""),
        Fact("Eval suites", listed(feature.eval_suites)),
        _address("Runbook", feature.runbook_url),
        _address("Code", feature.repository),
    ]
    return tuple(fact for fact in facts if fact.value)


def _address(name: str, url: str | None) -> Fact:
    target = followed(url)
    return Fact(name, target.partition("://")[2].rstrip("/") or url or "", target)
