"""Worlds with a known answer for sampling: settings of calls, outcomes by lever, and repeats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from llmops_health import steps
from llmops_health.config import Feature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LAST = date(2026, 3, 29)
CLASSIFIER = Feature(id="triage", kind="classifier")
WRITER = Feature(id="triage", kind="generation")
_TYPES: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "varchar": pl.String(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "timestamp": pl.Datetime("us"),
}
PARAMETERS, OUTCOMES, ANSWERS, RATES, RUNS, RESULTS = (
    {name: _TYPES[kind] for name, kind in steps.all_tables()[table].items()}
    for table in (
        *("summary__parameters", "summary__outcomes", "summary__answers", "summary__rates"),
        *("core__eval_runs", "core__eval_results"),
    )
)


def ago(days: int) -> date:
    """Return a day before the last one."""
    return LAST - timedelta(days=days)


def table(rows: Iterable[Mapping[str, object]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return rows in the columns of a table; what a row does not name is null."""
    return pl.DataFrame(
        [{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row"
    )


def calls(n: int, days: Iterable[int] = range(7), /, **columns: Any) -> list[dict[str, object]]:
    """Rows of `summary__parameters`: `n` calls on each of these days ago, made alike."""
    values: dict[str, object] = {
        "feature_id": "triage",
        "run_kind": "prod",
        "request_model": "corvid-mini",
        "prompt_name": "triage",
        "prompt_version": "v1",
        "service_version": "s1",
        "params_known": True,
        "temperature": 0.0,
        "has_seed": False,
        "n": n,
        **columns,
    }
    if "max_tokens" in values:
        values.setdefault("max_tokens_bin", values["max_tokens"])
    known = tuple(sorted((name, str(value)) for name, value in values.items() if name != "n"))
    counts = dict.fromkeys((name for name in PARAMETERS if name.startswith("n_")), 0)
    key = {"config_key": hash(known) % 2**59}
    return [counts | key | values | {"day": ago(day)} for day in days]


def parameters(*rows: list[dict[str, object]]) -> pl.DataFrame:
    """Return `summary__parameters` of several kinds of calls."""
    return table([row for part in rows for row in part], PARAMETERS)


NO_RATES = pl.DataFrame(schema=RATES)
NO_RUNS = pl.DataFrame(schema=RUNS)
NO_RESULTS = pl.DataFrame(schema=RESULTS)


def truncated(share: float, n_per_day: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return `summary__rates` of a week in which a share of the answers was cut off."""
    shape = (7, 64)
    place = (np.repeat(np.arange(7), n_per_day), rng.integers(0, 64, 7 * n_per_day))
    n, cut = np.zeros(shape), np.zeros(shape)
    np.add.at(n, place, 1)
    np.add.at(cut, place, rng.random(7 * n_per_day) < share)
    day, bucket = np.nonzero(n)
    rows = pl.DataFrame(
        {
            "day": [ago(int(one)) for one in day], "feature_id": "triage", "run_kind": "prod",
            "metric": "truncated", "bucket": bucket, "n": n[day, bucket],
            "sum_x": cut[day, bucket], "sum_xx": cut[day, bucket],
        }
    )  # fmt: skip
    return rows.select(pl.col(name).cast(kind) for name, kind in RATES.items())


def users(rng: np.random.Generator, n: int, n_users: int, heavy: float = 0.25) -> Ints:
    """Return the user of each of `n` calls; the first one makes a share of them by himself."""
    weights = rng.pareto(1.5, n_users) + 0.2
    weights[0] = heavy / (1 - heavy) * weights[1:].sum()
    return rng.choice(n_users, n, p=weights / weights.sum())


def outcomes(
    y: npt.ArrayLike, age: npt.ArrayLike, user: npt.ArrayLike, /, **columns: Any
) -> pl.DataFrame:
    """Return `summary__outcomes`, a row per outcome, from values, days ago and users."""
    values = np.asarray(y, dtype=np.float64)
    given: dict[str, object] = {
        "feature_id": "triage",
        "outcome": "label",
        "name": "",
        "run_kind": "prod",
        "request_model": "corvid-mini",
        "prompt_name": "triage",
        "prompt_version": "v1",
        "temperature": 0.0,
        "top_p": 1.0,
        "task": "billing",
        "n": 1,
        "n_unanswered": 0,
        "sum_score": values,
        "sum_score_sq": values**2,
        "bucket": np.asarray(user) * 37 % 64,
        "day": [ago(int(one)) for one in np.asarray(age)],
        **columns,
    }
    frame = pl.DataFrame({"n": np.ones(len(values))}).with_columns(
        pl.Series(name, value)
        if isinstance(value, np.ndarray | list)
        else pl.lit(value).alias(name)
        for name, value in given.items()
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in OUTCOMES.items()
               if name not in frame.columns]  # fmt: skip
    full = frame.with_columns(missing).with_columns(levers_key=pl.int_range(pl.len()))
    return full.select(pl.col(name).cast(kind) for name, kind in OUTCOMES.items())


def answers(
    labels: npt.ArrayLike, age: int = 0, *, texts: npt.ArrayLike | None = None, **columns: object
) -> pl.DataFrame:
    """Return `summary__answers` of one day, from labels of shape (n_prompts, n_repeats)."""
    said = np.asarray(labels)
    written = said if texts is None else np.asarray(texts)
    rows = pl.DataFrame(
        {
            "prompt_key": np.repeat(np.arange(len(said)), said.shape[1]),
            "predicted_label": [str(one) for one in said.ravel()],
            "answer": written.ravel().astype(np.int64),
        }
    )
    counted = rows.group_by(rows.columns, maintain_order=True).agg(n=pl.len())
    given = {
        "feature_id": "triage", "run_kind": "prod", "settings_key": 1, "temperature": 0.0,
        "is_greedy": True, "has_seed": False, "request_model": "corvid-mini", **columns,
    }  # fmt: skip
    full = counted.with_columns(
        pl.lit(ago(age)).alias("day"), *(pl.lit(value).alias(name) for name, value in given.items())
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in ANSWERS.items()
               if name not in full.columns]  # fmt: skip
    return full.with_columns(missing).select(
        pl.col(name).cast(kind) for name, kind in ANSWERS.items()
    )


def eval_run(age: int, temperature: float | None, **columns: object) -> dict[str, object]:
    """Return a row of `core__eval_runs`."""
    return {
        "day": ago(age), "eval_run_id": f"r{age}", "feature_id": "triage", "suite_id": "s",
        "started_at": datetime.combine(ago(age), time(6)), "role": "champion",
        "model": "corvid-mini", "prompt_name": "triage", "temperature": temperature, **columns,
    }  # fmt: skip
