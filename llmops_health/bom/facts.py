"""What is known of a feature beside its parts: eval scores, settings in traffic, pipelines, texts.

Frames of the queries in, plain values out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from llmops_health.kernels.intervals import mean_interval, wilson_interval

LEVEL: Final = 0.95
"""Coverage of the intervals of eval scores."""

EVALS: Final = {
    **dict.fromkeys(("suite_id", "suite_version", "eval_run_id", "model"), pl.String),
    **dict.fromkeys(("component_id", "prompt_name", "prompt_version"), pl.String),
    "started_at": pl.Datetime,
    "n_cases": pl.Int64,
    "n_binary": pl.Int64,
    "mean": pl.Float64,
    "variance": pl.Float64,
}
"""Columns of the frame of evals: the newest champion run of each suite, over its cases."""

SETTINGS: Final = {
    "model": pl.String,
    "name": pl.String,
    "value": pl.Float64,
    "n": pl.Int64,
    "of": pl.Int64,
}
"""Columns of the frame of settings: calls `n` with a value, of `of` whose settings are known."""

PIPELINES: Final[dict[str, Any]] = {
    "pipeline_id": pl.String,
    "n_steps": pl.Int64,
    "last_at": pl.Datetime,
    "head": pl.String,
    "outputs": pl.List(pl.String),
    "n_feedback_rows": pl.Int64,
    "n_feedback_files": pl.Int64,
}
"""Columns of the frame of pipelines: those that feed the feature, and what of feedback is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalScore:
    """The newest champion run of a suite: its mean score with a 95 % interval, 0-1."""

    suite_id: str
    suite_version: str | None
    eval_run_id: str
    model: str | None
    component_id: str | None
    prompt_version: str | None
    on: date
    n_cases: int
    score: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value of a sampling parameter, and the share of calls that had it; null: not set."""

    model: str | None
    name: str
    value: float | None
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline of the ledger that feeds the feature.

    `n_feedback` counts rows and files of users' feedback that went in; 0 is none known.
    """

    pipeline_id: str
    n_steps: int
    last_at: datetime
    head: str | None
    outputs: tuple[str, ...]
    n_feedback: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What our own store keeps: the mode of texts, and days of texts and calls."""

    content: str
    contents_days: int
    calls_days: int

    @property
    def days_of_texts(self) -> int | None:
        """Days that texts are kept; None where none are."""
        return None if self.content == "none" else self.contents_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it, of one feature and day."""

    evals: tuple[EvalScore, ...] = ()
    settings: tuple[Setting, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    retention: Retention | None = None

    def of_model(self, *names: str | None) -> list[EvalScore]:
        """Return the scores of a model by any of its names."""
        known = {name for name in names if name}
        return [one for one in self.evals if {one.model, one.component_id} & known]


def facts(
    evals: pl.DataFrame,
    settings: pl.DataFrame,
    pipelines: pl.DataFrame,
    retention: Retention | None,
) -> Facts:
    """Return the facts of frames that have the columns of `EVALS`, `SETTINGS` and `PIPELINES`."""
    return Facts(
        evals=tuple(_score(row) for row in evals.iter_rows(named=True)),
        settings=tuple(
            Setting(
                model=row["model"],
                name=row["name"],
                value=row["value"],
                share=row["n"] / row["of"] if row["of"] else 0.0,
            )
            for row in settings.iter_rows(named=True)
        ),
        pipelines=tuple(
            Pipeline(
                pipeline_id=row["pipeline_id"],
                n_steps=row["n_steps"],
                last_at=row["last_at"],
                head=row["head"],
                outputs=tuple(row["outputs"] or ()),
                n_feedback=(row["n_feedback_rows"] or 0) + (row["n_feedback_files"] or 0),
            )
            for row in pipelines.iter_rows(named=True)
        ),
        retention=retention,
    )


def _score(row: Mapping[str, Any]) -> EvalScore:
    lo, hi = _interval(row["mean"], row["variance"], row["n_cases"], row["n_binary"])
    return EvalScore(
        suite_id=row["suite_id"],
        suite_version=row["suite_version"],
        eval_run_id=row["eval_run_id"],
        model=row["model"],
        component_id=row["component_id"],
        prompt_version=row["prompt_version"],
        on=row["started_at"].date(),
        n_cases=row["n_cases"],
        score=row["mean"],
        lo=lo,
        hi=hi,
    )


def _interval(
    mean: float, variance: float | None, n: int, n_binary: int
) -> tuple[float | None, float | None]:
    """Return the 95 % interval of a mean over cases; of passes and fails, Wilson's.

    All cases alike have no variance, and that says little of the next case: no interval there.
    """
    if n == n_binary and n > 0:
        found = wilson_interval(mean * n, n, level=LEVEL)
        return found.lo, found.hi
    if n < 2 or not variance:
        return None, None
    found = mean_interval(mean, variance, n, level=LEVEL)
    return max(0.0, found.lo), min(1.0, found.hi)
