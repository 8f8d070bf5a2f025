"""Write the demo world as the files that people have: logs, labels, feedback, evals, a config.

Beside them goes `truth.json`: what is planted, which rows are dirty, and how much there is.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.dirt import (
    CSV_EPOCH_COLUMN,
    Reject,
    dirty_call_lines,
    dirty_csv_calls,
    dirty_feedback,
    dirty_label,
)
from llmops_health.demo.faults import DESIGN_DAYS, LAST_DAY
from llmops_health.demo.lineage import spoilt_step
from llmops_health.demo.plants import truth
from llmops_health.demo.world import World, make_world
from llmops_health.ledger.files import artifacts_path, rows_path

CONFIG_NAME = "llmops-health.yaml"
TRUTH_NAME = "truth.json"
GZIP_LEVEL = 1
ISO_MILLISECONDS = "%Y-%m-%dT%H:%M:%S%.3fZ"
JSON_LINES_FEATURES = (
    faults.SUPPORT_INTENTS,
    faults.HELP_RAG,
    faults.SALES_DRAFTS,
    faults.CODE_AGENT,
)
CSV_CALLS = "logs/invoice_fields.csv"
PARQUET_CALLS = "logs/moderation.parquet"
LABELS = "labels/labels.csv"
FEEDBACK = "feedback/feedback.jsonl"
REVIEWS = "reviews/reviews.csv"
LEDGER = Path("ledger/ledger.jsonl")
COMPONENTS = "parts/components.jsonl"
COMPONENT_EDGES = "parts/edges.jsonl"
ACKNOWLEDGEMENTS = "alarms/acknowledgements.csv"
FOLDERS = (
    *("logs/calls", "labels", "feedback", "evals", "traces", "reviews", "ledger", "parts"),
    *("alarms", "catalogue"),
)
AS_THEY_ARE = {
    CONFIG_NAME: CONFIG_NAME,
    "catalog-info.yaml": "catalogue/catalog-info.yaml",
    "CODEOWNERS": "catalogue/CODEOWNERS",
}


def write_world(
    folder: Path,
    *,
    seed: int = 7,
    days: int = DESIGN_DAYS,
    last_day: date = LAST_DAY,
    calls_per_day: int = 220,
) -> Path:
    """Write the world of a seed into `folder` and return the path of its config.

    The same arguments write the same bytes.

    Raises
    ------
    ValueError
        If `days` or `calls_per_day` is too small for what is planted.
    """
    world = make_world(seed=seed, days=days, last_day=last_day, calls_per_day=calls_per_day)
    for sub in FOLDERS:
        (folder / sub).mkdir(parents=True, exist_ok=True)
    rejects = [
        *_write_json_lines_calls(folder, world),
        *_write_csv_calls(folder, world.calls[faults.INVOICE_FIELDS]),
        *_write_labels(folder, world.labels),
        *_write_feedback(folder, world.feedback),
    ]
    _written(world.calls[faults.MODERATION]).write_parquet(folder / PARQUET_CALLS)
    world.eval_cases.write_parquet(folder / "evals/cases.parquet")
    world.eval_runs.write_parquet(folder / "evals/runs.parquet")
    world.eval_results.write_parquet(folder / "evals/results.parquet")
    world.spans.write_parquet(folder / "traces/spans.parquet")
    world.reviews.write_csv(folder / REVIEWS, datetime_format=ISO_MILLISECONDS)
    _write_ledger(folder, world)
    _write_objects(folder / COMPONENTS, world.components)
    _write_objects(folder / COMPONENT_EDGES, world.component_edges)
    _write_truth(folder, world, rejects, seed)
    world.acknowledgements.write_csv(folder / ACKNOWLEDGEMENTS, datetime_format=ISO_MILLISECONDS)
    for name, place in AS_THEY_ARE.items():
        (folder / place).write_bytes((files("llmops_health.demo") / name).read_bytes())
    return folder / CONFIG_NAME


def _written(calls: pl.DataFrame) -> pl.DataFrame:
    kept = calls.select(name for name in calls.columns if not name.startswith("_"))
    first = ["call_id", "feature_id", "started_at", "run_kind"]
    return kept.select(*first, pl.exclude(first)).rechunk()


def _write_json_lines_calls(folder: Path, world: World) -> list[Reject]:
    encoded = pl.concat(
        calls.select(
            day=calls["started_at"].dt.date(),
            started_at=calls["started_at"],
            line=_written(calls)
            .with_columns(pl.col("started_at").dt.strftime(ISO_MILLISECONDS))
            .select(pl.struct(pl.all()).struct.json_encode())
            .to_series(),
        )
        for calls in (world.calls[name] for name in JSON_LINES_FEATURES)
    ).sort("started_at", maintain_order=True)
    by_day = encoded.group_by("day", maintain_order=True).agg("line")
    lines = {f"logs/calls/{day}.jsonl.gz": list(of_day) for day, of_day in by_day.iter_rows()}
    rejects = dirty_call_lines(lines)
    for name, of_file in lines.items():
        content = ("\n".join(of_file) + "\n").encode()
        (folder / name).write_bytes(gzip.compress(content, GZIP_LEVEL, mtime=0))
    return rejects


def _write_csv_calls(folder: Path, calls: pl.DataFrame) -> list[Reject]:
    """Write the log of a service that has names and units of its own."""
    seconds = pl.col("started_at").dt.epoch("ms") / 1000
    own = calls.select(
        pl.col("call_id").alias("id"),
        seconds.alias(CSV_EPOCH_COLUMN),
        pl.when(pl.col("run_kind") == "prod")
        .then(pl.lit("live"))
        .otherwise(pl.lit("golden"))
        .alias("purpose"),
        pl.col("eval_case_id").alias("golden_id"),
        pl.col("trace_id", "span_id", "session_id"),
        pl.col("user_id").alias("customer"),
        pl.col("environment", "provider", "operation"),
        pl.col("request_model").alias("model"),
        pl.col("response_model").alias("served_by"),
        pl.col("prompt_name", "prompt_version", "service_version"),
        pl.col("temperature", "top_p", "max_tokens", "params_known"),
        pl.col("system_text").alias("instructions"),
        pl.col("input_text").alias("document"),
        pl.col("output_text").alias("answer"),
        pl.col("predicted_label").alias("doc_type"),
        pl.col("confidence").alias("certainty"),
        pl.col("input_tokens").alias("tokens_in"),
        pl.col("output_tokens").alias("tokens_out"),
        (pl.col("latency_ms") / 1000).round(4).alias("seconds"),
        (pl.col("cost_usd") * 100).round(7).alias("cost_cents"),
        pl.col("finish_reason"),
        pl.col("error_type").alias("error"),
    )
    lines = own.write_csv(float_scientific=False).splitlines()
    rejects = dirty_csv_calls(CSV_CALLS, lines)
    _write_lines(folder / CSV_CALLS, lines)
    return rejects


def _write_labels(folder: Path, labels: pl.DataFrame) -> list[Reject]:
    lines = labels.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ").splitlines()
    rejects = dirty_label(LABELS, lines)
    _write_lines(folder / LABELS, lines)
    return rejects


def _write_feedback(folder: Path, feedback: pl.DataFrame) -> list[Reject]:
    times = pl.col("created_at").dt.strftime(ISO_MILLISECONDS)
    lines = feedback.with_columns(times).write_ndjson().splitlines()
    rejects = dirty_feedback(FEEDBACK, lines)
    _write_lines(folder / FEEDBACK, lines)
    return rejects


def _write_ledger(folder: Path, world: World) -> None:
    """Write the ledger of both pipelines, with its rows and artifacts, as its library does."""
    path, ledgers = folder / LEDGER, world.ledgers.values()
    steps = [step for ledger in ledgers for step in ledger.steps]
    _write_objects(path, sorted(steps, key=lambda step: str(step["started_at"])))
    _write_objects(artifacts_path(path), [one for ledger in ledgers for one in ledger.artifacts])
    pl.concat(ledger.row_map for ledger in ledgers).write_ndjson(rows_path(path))


def _write_objects(path: Path, rows: list[dict[str, Any]]) -> None:
    _write_lines(path, [json.dumps(row, ensure_ascii=False) for row in rows])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes(("\n".join(lines) + "\n").encode())


def _write_truth(folder: Path, world: World, rejects: list[Reject], seed: int) -> None:
    calendar = world.calendar
    plants = truth(days=calendar.days, last_day=calendar.last_day)
    moderation = world.calls[faults.MODERATION]
    dearest = moderation.sort("cost_usd", descending=True)["call_id"][0]
    content = {
        "seed": seed,
        "first_day": str(calendar.first_day),
        "last_day": str(calendar.last_day),
        "plants": [{**asdict(plant), "starts_on": str(plant.starts_on)} for plant in plants],
        "rejects": [asdict(reject) for reject in rejects],
        "rows": {
            "calls": {name: calls.height for name, calls in world.calls.items()},
            "labels": world.labels.height,
            "feedback": world.feedback.height,
            "eval_cases": world.eval_cases.height,
            "eval_runs": world.eval_runs.height,
            "eval_results": world.eval_results.height,
            "spans": world.spans.height,
            "reviews": world.reviews.height,
            "ledger_steps": sum(len(one.steps) for one in world.ledgers.values()),
            "ledger_rows": sum(one.row_map.height for one in world.ledgers.values()),
            "artifacts": sum(len(one.artifacts) for one in world.ledgers.values()),
            "components": len(world.components),
            "component_edges": len(world.component_edges),
            "acknowledgements": world.acknowledgements.height,
        },
        "facts": {
            "judge_agreement": faults.JUDGE_AGREEMENT,
            "cost_spike_call_id": dearest,
            "log_hole": str(calendar.date_of(calendar.index(faults.MISSING_DAY))),
            "stray_model": faults.STRAY_MODEL,
            "spoilt_step": spoilt_step(world.ledgers[faults.SUPPORT_INTENTS]),
        },
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / TRUTH_NAME).write_text(text, encoding="utf-8", newline="\n")
