"""Which eval runs are compared: the newest tuned one of a suite, and a base for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from llmops_health.findings import Finding, not_applicable, not_enough_data

BASES = ("baseline", "champion")
TUNED = ("candidate", "challenger")

_VERSION = ("component_id", "model", "prompt_version")
# Scores of another judge or another edition of the suite are on another scale.
_SCALE = {"suite_version": "editions of the suite", "judge_model": "judges"}
_SETTINGS = ("temperature", "top_p")
_COLUMNS = ("eval_run_id", "suite_id", "role", "day", "started_at", *_VERSION, *_SCALE, *_SETTINGS)


@dataclass(frozen=True, slots=True)
class Run:
    """An eval run: what was run, when, and on which scale it was scored."""

    eval_run_id: str
    suite_id: str
    role: str | None
    day: date
    started_at: datetime
    version: tuple[str | None, ...]
    scale: tuple[str | None, ...]
    settings: tuple[float | None, ...]

    @property
    def checkpoint(self) -> str | None:
        """The model's state: its component, else its name."""
        return self.version[0] or self.version[1]

    @property
    def words(self) -> str:
        """What was run, on one line."""
        component, model, prompt = self.version
        if component and model and model in component:  # checkpoint:corvid-ft-5
            component = None
        parts = (component, model, prompt)
        return " ".join(" ".join(part for part in parts if part).split()) or "(no name)"

    def dated(self, day: date) -> str:
        """Say what was run, and when."""
        age = (day - self.day).days
        return f"{self.words} (run of {self.day}, {age} day{'' if age == 1 else 's'} ago)"

    def differs_in_scale(self, other: Run) -> str:
        """Say what is known to differ in how two runs were scored; nothing if nothing is."""
        return " and ".join(
            words
            for words, ours, theirs in zip(_SCALE.values(), self.scale, other.scale, strict=True)
            if ours is not None and theirs is not None and ours != theirs
        )

    def is_version_of(self, other: Run) -> bool:
        """Whether both are known to be one model with one prompt."""
        return self.version == other.version and any(part is not None for part in self.version)


@dataclass(frozen=True, slots=True)
class Pair:
    """A base and a tuned run of one suite."""

    base: Run
    tuned: Run

    def dated(self, day: date) -> str:
        """Say what is compared, when each ran, and which settings differ."""
        said = f"{self.tuned.dated(day)} against {self.base.dated(day)}"
        unlike = [
            f"{name} {now:g} against {before:g}"
            for name, now, before in zip(
                _SETTINGS, self.tuned.settings, self.base.settings, strict=True
            )
            if now is not None and before is not None and now != before
        ]
        return f"{said}, with {' and '.join(unlike)}" if unlike else said


@dataclass(frozen=True, slots=True)
class Found:
    """The pairs of a day, and the tuned runs without a base with the reason; both by suite."""

    pairs: tuple[Pair, ...]
    alone: tuple[tuple[Run, str], ...]


def known_runs(runs: pl.DataFrame, day: date) -> list[Run]:
    """Return the runs up to a day as they were started, those of one moment by id."""
    found = [
        Run(run_id, suite_id, role, on, start, tuple(rest[:3]), tuple(rest[3:5]), tuple(rest[5:]))
        for run_id, suite_id, role, on, start, *rest in zip(
            *(runs[name].to_list() for name in _COLUMNS), strict=True
        )
        if on <= day
    ]
    return sorted(found, key=_moment)


def newest_pairs(runs: pl.DataFrame, day: date, max_age_days: int) -> Found:
    """Return the newest tuned run of each suite with the newest base run it can be held against.

    The base is of another version. A version that was first run after the tuned one is its
    successor and no base for it, unless there is no other.
    """
    known = known_runs(runs, day)
    first = day - timedelta(days=max_age_days - 1)
    tuned = {run.suite_id: run for run in known if run.role in TUNED and run.day >= first}
    pairs: list[Pair] = []
    alone: list[tuple[Run, str]] = []
    for suite_id, run in sorted(tuned.items()):
        base = _base([one for one in known if one.suite_id == suite_id], run)
        if isinstance(base, Run):
            pairs.append(Pair(base, run))
        else:
            alone.append((run, base))
    return Found(tuple(pairs), tuple(alone))


def nothing_to_compare(found: Found, day: date, max_age_days: int) -> Finding:
    """Return why there is no pair: nobody tuned, or nothing to hold the tuned model against."""
    if not found.alone:
        return not_applicable(
            f"No candidate or challenger was run on an eval suite in {max_age_days} days."
        )
    run, why = found.alone[0]
    return not_enough_data(0, f"{run.dated(day)} cannot be compared: {why}.")


def _base(of_suite: list[Run], tuned: Run) -> Run | str:
    """Return the base run, or why there is none."""
    others = [run for run in of_suite if run.role in BASES and not run.is_version_of(tuned)]
    if not others:
        return "no baseline or champion of another version ran the suite"
    comparable = [run for run in others if not run.differs_in_scale(tuned)]
    if not comparable:
        return f"{others[-1].words} was scored by other {others[-1].differs_in_scale(tuned)}"
    seen_before = {run.version for run in of_suite if run.started_at <= tuned.started_at}
    known = [run for run in comparable if run.version in seen_before]
    return known[-1] if known else comparable[0]


def _moment(run: Run) -> tuple[datetime, str]:
    return run.started_at, run.eval_run_id
