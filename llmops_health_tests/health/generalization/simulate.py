"""Eval suites with a known answer: cases of several capabilities, and runs of versions on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health.config import Feature

Floats = npt.NDArray[np.float64]
Schema = dict[str, type[pl.DataType] | pl.DataType]

LAST = date(2026, 3, 29)
FEATURE = Feature(id="help", kind="rag")
TUNED_FOR_SQL = Feature(id="help", kind="rag", target_capability="sql")

RUNS: Schema = {
    "day": pl.Date,
    "eval_run_id": pl.String,
    "feature_id": pl.String,
    "suite_id": pl.String,
    "started_at": pl.Datetime("us"),
    "suite_version": pl.String,
    "role": pl.String,
    "model": pl.String,
    "component_id": pl.String,
    "prompt_version": pl.String,
    "temperature": pl.Float64,
    "top_p": pl.Float64,
    "judge_model": pl.String,
}
CASES: Schema = {
    "suite_id": pl.String,
    "case_id": pl.String,
    "feature_id": pl.String,
    "input_sha256": pl.String,
    "expected_sha256": pl.String,
    "capability": pl.String,
    "added_at": pl.Datetime("us"),
    "retired_at": pl.Datetime("us"),
}
ITEMS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "suite_id": pl.String,
    "eval_run_id": pl.String,
    "role": pl.String,
    "model": pl.String,
    "prompt_version": pl.String,
    "case_id": pl.String,
    "score": pl.Float64,
    "p_passed": pl.Float64,
    "n_trials": pl.Int64,
}
ERRORS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "suite_id": pl.String,
    "eval_run_id": pl.String,
    "case_id": pl.String,
    "error_type": pl.String,
    "n_errors": pl.Int64,
}
TEXT_CELLS: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "call_id": pl.String,
    "input_sha256": pl.String,
    "cell": pl.Int32,
    "similarity": pl.Float64,
}
TEXT_SAMPLES: Schema = {
    "day": pl.Date,
    "feature_id": pl.String,
    "call_id": pl.String,
    "input_sha256": pl.String,
    "bucket": pl.Int32,
}
EVAL_CELLS: Schema = {
    "feature_id": pl.String,
    "suite_id": pl.String,
    "case_id": pl.String,
    "cell": pl.Int32,
    "added_at": pl.Datetime("us"),
    "retired_at": pl.Datetime("us"),
    "fitted_on": pl.Date,
}


Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def at(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, time(hour))


@dataclass
class World:
    """The tables of one feature, filled run by run."""

    capabilities: Mapping[str, int] | Mapping[str | None, int]
    suite_id: str = "s1"
    retired: Mapping[int, date] = field(default_factory=dict)
    inputs: Sequence[str] | None = None
    runs: list[tuple[object, ...]] = field(default_factory=list)
    items: list[pl.DataFrame] = field(default_factory=list)
    errors: list[tuple[object, ...]] = field(default_factory=list)

    @property
    def names(self) -> list[str | None]:
        """The capability of each case."""
        return [name for name, n in self.capabilities.items() for _ in range(n)]

    @property
    def n(self) -> int:
        return sum(self.capabilities.values())

    def run(
        self,
        role: str | None,
        scores: Floats,
        *,
        age: int = 5,
        run_id: str | None = None,
        model: str | None = None,
        component_id: str | None = None,
        prompt_version: str | None = None,
        judge_model: str | None = None,
        suite_version: str | None = None,
        temperature: float | None = None,
        n_trials: int = 1,
        failed: Sequence[int] = (),
        hour: int = 9,
    ) -> World:
        """Add a run; a score of nan is a case that was not run."""
        name = run_id or f"r{len(self.runs)}"
        day = ago(age)
        self.runs.append(
            (
                *(day, name, "help", self.suite_id, at(day, hour), suite_version, role),
                *(model or f"model-{role}", component_id, prompt_version, temperature, None),
                judge_model,
            )
        )
        ran = np.flatnonzero(~np.isnan(scores))
        items = pl.DataFrame(
            {"case_id": [f"k{i:04}" for i in ran], "score": scores[ran].astype(np.float64)}
        ).with_columns(
            day=pl.lit(day),
            feature_id=pl.lit("help"),
            suite_id=pl.lit(self.suite_id),
            eval_run_id=pl.lit(name),
            role=pl.lit(role, dtype=pl.String),
            model=pl.lit(model or f"model-{role}"),
            prompt_version=pl.lit(prompt_version, dtype=pl.String),
            p_passed=pl.lit(None),
            n_trials=pl.lit(n_trials),
        )
        self.items.append(items.select(pl.col(key).cast(kind) for key, kind in ITEMS.items()))
        self.errors += [
            (day, "help", self.suite_id, name, f"k{i:04}", "parse_error", 1) for i in failed
        ]
        return self

    def cases(self) -> pl.DataFrame:
        inputs = self.inputs or [f"h{self.suite_id}{i}" for i in range(self.n)]
        rows = [
            (self.suite_id, f"k{i:04}", "help", inputs[i], None, name, at(ago(300)), retired)
            for i, name in enumerate(self.names)
            for retired in [at(self.retired[i]) if i in self.retired else None]
        ]
        return pl.DataFrame(rows, schema=CASES, orient="row")

    def tables(self, day: date = LAST) -> Tables:
        """Runs, cases, items, errors, as the runner hands them to a check on a day."""
        runs = pl.DataFrame(self.runs, schema=RUNS, orient="row")
        items = pl.concat(self.items) if self.items else pl.DataFrame(schema=ITEMS)
        errors = pl.DataFrame(self.errors, schema=ERRORS, orient="row")
        until = pl.col("day") <= day
        return runs.filter(until), self.cases(), items.filter(until), errors.filter(until)


def both(one: World, other: World) -> Tables:
    """The tables of two suites of one feature."""
    runs, cases, items, errors = zip(one.tables(), other.tables(), strict=True)
    return pl.concat(runs), pl.concat(cases), pl.concat(items), pl.concat(errors)


def right(n: int, n_right: int) -> Floats:
    """The first `n_right` of n cases right."""
    return (np.arange(n) < n_right).astype(np.float64)


def abilities(rng: np.random.Generator, n: int) -> Floats:
    """How likely each case is solved: a few hopeless, many easy."""
    return np.asarray(rng.beta(2.5, 1.2, n))


def answers(
    rng: np.random.Generator, p: Floats, like: Floats | None = None, same: float = 0.7
) -> Floats:
    """Right or wrong of a version; a share `same` of the cases is as in the run `like`."""
    fresh = (rng.random(len(p)) < p).astype(np.float64)
    if like is None:
        return fresh
    return np.where(rng.random(len(p)) < same, like, fresh)


def grades(rng: np.random.Generator, p: Floats, noise: float = 0.08) -> Floats:
    """Graded scores of a version around how well each case is solved."""
    return np.clip(p + rng.normal(0, noise, len(p)), 0, 1)


def traffic(cells: Sequence[int], age: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One day of inputs in these cells, users in turn."""
    day = ago(age)
    table = pl.DataFrame({"cell": cells}).with_row_index("i")
    named = table.select(
        pl.lit(day).alias("day"),
        pl.lit("help").alias("feature_id"),
        pl.format("c{}-{}", pl.lit(age), "i").alias("call_id"),
        pl.format("h{}-{}", pl.lit(age), "i").alias("input_sha256"),
        pl.col("cell").cast(pl.Int32),
        pl.lit(0.7).alias("similarity"),
        (pl.col("i") % 64).cast(pl.Int32).alias("bucket"),
    )
    return named.select(*TEXT_CELLS), named.select(*TEXT_SAMPLES)


def placed(cells: Sequence[int], fitted_on: date | None = None) -> pl.DataFrame:
    """Cases in these cells of meaning."""
    rows = [
        ("help", "s1", f"k{i:04}", cell, at(ago(300)), None, fitted_on or ago(200))
        for i, cell in enumerate(cells)
    ]
    return pl.DataFrame(rows, schema=EVAL_CELLS, orient="row")
