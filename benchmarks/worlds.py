"""Projects to measure runs on: the demo's world many times over, as files by day, with a config.

Ids of each copy of the world are its own. Faults are planted as in the demo. Nothing here is timed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.measuring import Work
from llmops_health.demo.faults import LAST_DAY, MIN_DAYS
from llmops_health.demo.features import FEATURES
from llmops_health.demo.world import MIN_CALLS_PER_DAY, make_world
from llmops_health.demo.write import CONFIG_NAME

WAITING = "waiting"
_WORLD = len(FEATURES)
_VOLUME = 0.91  # production and canary calls of a mean feature per day, over `calls_per_day`
_DAY_OF = {
    "calls": "started_at",
    "labels": "labelled_at",
    "feedback": "created_at",
    "eval_runs": "started_at",
    "eval_results": "started_at",
}
_IDS = ("call_id", "session_id", "user_id", "feedback_id", "rater_id", "feature_id", "suite_id",
        "case_id", "eval_case_id", "eval_run_id", "trace_id", "span_id")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What a project holds: `calls_per_day` of all features together, `days` up to `last_day`.

    On the last day come `burst` calls more. The last `waiting` days' files are not yet there.
    """

    n_features: int
    days: int
    calls_per_day: int
    burst: int = 0
    waiting: int = 0
    seed: int = 7


def write(folder: str, **plan: int) -> Work:
    """Prepare to write a project's files; the work returns the path of its configuration."""

    def work() -> Mapping[str, Any]:
        path, n_calls = write_project(Path(folder), Plan(**plan))
        return {"config": str(path), "n_calls": n_calls, "last_day": LAST_DAY.isoformat()}

    return work


def write_project(folder: Path, plan: Plan) -> tuple[Path, int]:
    """Write a project's files; return its configuration and the number of calls."""
    n_calls = 0
    first_waiting = LAST_DAY - timedelta(days=plan.waiting - 1)
    for table, rows in _tables(plan):
        n_calls += len(rows) if table == "calls" else 0
        if table not in _DAY_OF:
            _append(folder / table / "all.parquet", rows)
            continue
        kept = rows.drop("_at") if table == "eval_results" else rows
        days = rows["_at" if table == "eval_results" else _DAY_OF[table]].dt.date().alias("day")
        parts = kept.with_columns(days).partition_by("day", as_dict=True, include_key=False)
        for (day,), part in parts.items():
            late = day >= first_waiting and plan.waiting
            _append((folder / WAITING if late else folder) / table / f"{day}.parquet", part)
    return _write_config(folder, plan), n_calls


def deliver(folder: Path) -> None:
    """Put the files that are waiting where the configuration looks for them."""
    for path in sorted((folder / WAITING).rglob("*.parquet")):
        target = folder / path.relative_to(folder / WAITING)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


def _tables(plan: Plan) -> Iterator[tuple[str, pl.DataFrame]]:
    days = max(plan.days, MIN_DAYS)
    volume = round(plan.calls_per_day / plan.n_features / _VOLUME)
    first = datetime.combine(LAST_DAY - timedelta(days=plan.days - 1), datetime.min.time())
    for copy in range(-(-plan.n_features // _WORLD)):
        n_features = min(_WORLD, plan.n_features - copy * _WORLD)
        kept = [one.feature_id for one in FEATURES[:n_features]]
        world = _world(plan.seed + copy, days, volume, kept)
        runs = world["eval_runs"].select("eval_run_id", _at="started_at")
        world["eval_results"] = world["eval_results"].join(runs, on="eval_run_id")
        for table, rows in world.items():
            at = "_at" if table == "eval_results" else _DAY_OF.get(table)
            yield table, _own(rows.filter(pl.col(at) >= first) if at else rows, f"w{copy}-")
        if plan.burst:
            burst = round(plan.burst / plan.n_features / MIN_DAYS / _VOLUME)
            crowd = _world(plan.seed + 100 + copy, MIN_DAYS, burst, kept)
            for table in ("calls", "labels", "feedback"):
                moved = _on_last_day(crowd[table], _DAY_OF[table])
                yield table, _own(moved, f"w{copy}-", f"burst{copy}-")


def _world(seed: int, days: int, volume: int, kept: list[str]) -> dict[str, pl.DataFrame]:
    world = make_world(seed=seed, days=days, calls_per_day=max(volume, MIN_CALLS_PER_DAY))
    parts = [world.calls[name].select(pl.exclude("^_.*$")) for name in kept]
    calls = pl.concat(parts, how="diagonal_relaxed")
    cases = world.eval_cases.filter(pl.col("feature_id").is_in(kept))
    runs = world.eval_runs.filter(pl.col("feature_id").is_in(kept))
    return {
        "calls": calls,
        "labels": world.labels.join(calls.select("call_id"), on="call_id", how="semi"),
        "feedback": world.feedback.filter(pl.col("feature_id").is_in(kept)),
        "eval_cases": cases,
        "eval_runs": runs,
        "eval_results": world.eval_results.join(runs, on="eval_run_id", how="semi"),
    }


def _on_last_day(rows: pl.DataFrame, at: str) -> pl.DataFrame:
    """Move rows to the last day; their time of day stays."""
    of_day = pl.col(at) - pl.col(at).dt.truncate("1d")
    midnight = datetime.combine(LAST_DAY, datetime.min.time())
    return rows.with_columns((pl.lit(midnight) + of_day).cast(rows.schema[at]).alias(at))


def _own(rows: pl.DataFrame, prefix: str, of_rows: str = "") -> pl.DataFrame:
    """Give every id the prefix of its copy of the world; `of_rows` that of calls and persons."""
    shared = {"feature_id", "suite_id", "case_id", "eval_case_id", "eval_run_id"}
    return rows.with_columns(
        (pl.lit(prefix if name in shared else of_rows or prefix) + pl.col(name)).alias(name)
        for name in _IDS
        if name in rows.columns
    )


def _append(path: Path, rows: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        rows = pl.concat([pl.read_parquet(path), rows], how="diagonal_relaxed")
    rows.write_parquet(path)


def _write_config(folder: Path, plan: Plan) -> Path:
    source = files("llmops_health.demo") / CONFIG_NAME
    demo = yaml.safe_load(source.read_text("utf-8"))
    by_id = {feature["id"]: feature for feature in demo["features"]}
    features = []
    for number in range(plan.n_features):
        copy, at = divmod(number, _WORLD)
        given = by_id[FEATURES[at].feature_id]
        suites = [f"w{copy}-{suite}" for suite in given["eval_suites"]]
        features.append(given | {"id": f"w{copy}-{given['id']}", "eval_suites": suites})
    settings = {
        "storage": {"path": "health.duckdb"},
        "privacy": {"content": "redacted", "user_id_key": "pepper"},
        "features": features,
        "sources": [
            {"table": table, "format": "parquet", "path": f"{table}/*.parquet"}
            for table in (*_DAY_OF, "eval_cases")
        ],
    }
    path = folder / CONFIG_NAME
    path.write_text(yaml.safe_dump(settings, default_flow_style=False), "utf-8")
    return path


def days_of(plan: Plan) -> tuple[date, date]:
    """Return the first and last day of a project."""
    return LAST_DAY - timedelta(days=plan.days - 1), LAST_DAY
