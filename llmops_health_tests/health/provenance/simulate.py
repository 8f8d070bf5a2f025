"""Ledgers with a known answer: a pipeline that runs weekly, whole or spoilt in one place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from llmops_health.config import Feature
from llmops_health.kernels.hash_chain import GENESIS, row_hash
from llmops_health.kernels.ledger_record import COUNTS, FIELDS, HASHES, NUMBERS, ledger_record
from llmops_health.kernels.multiset_hash import multiset_hash

LAST = date(2026, 3, 29)
FEATURE = Feature(id="help", kind="classifier")
PIPELINE = "help/feedback"
CLASSES = {"billing": 400, "cancel": 300, "login": 200, "refund": 100}
Schema = dict[str, type[pl.DataType] | pl.DataType]
Row = dict[str, Any]

_KINDS: Schema = {
    **dict.fromkeys(COUNTS, pl.Int64),
    **dict.fromkeys(NUMBERS, pl.Float64),
    "started_at": pl.Datetime("us"),
}
STEPS: Schema = {
    "day": pl.Date,
    **{name: _KINDS.get(name, pl.String) for name in (*FIELDS, *HASHES)},
}
PIPELINES: Schema = {
    "pipeline_id": pl.String,
    "feature_id": pl.String,
    "first_at": pl.Datetime("us"),
}
ARTIFACTS: Schema = {
    "artifact_sha256": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "version": pl.String,
    "n_rows": pl.Int64,
    "created_at": pl.Datetime("us"),
}
FATES: Schema = {
    "pipeline_id": pl.String,
    "step_id": pl.String,
    "action": pl.String,
    "reason": pl.String,
    "of_feature": pl.String,
    "source_kind": pl.String,
    "bucket": pl.Int32,
    "started_at": pl.Datetime("us"),
    "n": pl.Int64,
    "n_in": pl.Int64,
    "n_out": pl.Int64,
    "n_named": pl.Int64,
    "n_traced": pl.Int64,
    "n_weighted": pl.Int64,
    "sum_weight": pl.Float64,
    "sum_weight_sq": pl.Float64,
    "hash_in": pl.String,
    "hash_out": pl.String,
}
RELABELS: Schema = {
    "pipeline_id": pl.String,
    "step_id": pl.String,
    "other_version": pl.String,
    "label": pl.String,
    "other_label": pl.String,
    "started_at": pl.Datetime("us"),
    "version": pl.String,
    "n": pl.Int64,
}
INPUTS: Schema = {
    "pipeline_id": pl.String,
    "step_id": pl.String,
    "feature_id": pl.String,
    "input_sha256": pl.String,
    "started_at": pl.Datetime("us"),
    "n": pl.Int64,
}
LEAKS: Schema = {
    "pipeline_id": pl.String,
    "step_id": pl.String,
    "feature_id": pl.String,
    "suite_id": pl.String,
    "case_id": pl.String,
    "match": pl.String,
    "started_at": pl.Datetime("us"),
    "added_at": pl.Datetime("us"),
    "retired_at": pl.Datetime("us"),
    "n": pl.Int64,
}
CASES: Schema = {
    "suite_id": pl.String,
    "case_id": pl.String,
    "feature_id": pl.String,
    "input_sha256": pl.String,
    "added_at": pl.Datetime("us"),
    "retired_at": pl.Datetime("us"),
}
COMPONENTS: Schema = {
    "component_id": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "version": pl.String,
    "feature_id": pl.String,
    "sha256": pl.String,
    "released_on": pl.Datetime("us"),
    "deprecated_on": pl.Datetime("us"),
    "listed_on": pl.Datetime("us"),
}
EDGES: Schema = {"src": pl.String, "dst": pl.String, "relation": pl.String}


def table(schema: Schema, *rows: Row) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def at(day: date, hour: float = 2.0) -> datetime:
    return datetime.combine(day, time()) + timedelta(hours=hour)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def known_on(steps: pl.DataFrame, day: date) -> pl.DataFrame:
    return steps.filter(pl.col("day") <= day)


class Book:
    """A pipeline's steps, one after the other; each reads what the one before it made."""

    def __init__(self, pipeline: str = PIPELINE) -> None:
        self.pipeline = pipeline
        self.rows: list[Row] = []

    def add(self, op: str, when: datetime, rows_in: int, rows_out: int, **fields: Any) -> Row:
        """Add a step; fields given as None are left out."""
        seq = len(self.rows) + 1
        before = self.rows[-1] if self.rows else {}
        step_id = f"{self.pipeline}/{op}-{seq}"
        row: Row = {
            "pipeline_id": self.pipeline,
            "step_id": step_id,
            "seq": seq,
            "op": op,
            "started_at": when,
            "rows_in": rows_in,
            "rows_out": rows_out,
            "rows_dropped": max(rows_in - rows_out, 0),
            "rows_created": max(rows_out - rows_in, 0),
            "code_ref": f"{op}.py:1@abc",
            "code_sha256": sha256(op),
            "params": {},
            "env_sha256": sha256("env"),
            "actor": "nightly",
            "prompt_version": "v1" if op == "relabel" else None,
            "input_artifacts": [before["output_artifact"]]
            if before.get("output_artifact") and op != "ingest"
            else None,
            "output_artifact": sha256(step_id),
            **fields,
        }
        self.rows.append({name: value for name, value in row.items() if value is not None})
        return self.rows[-1]

    def frame(self) -> pl.DataFrame:
        return frame(self.rows)


def frame(rows: Iterable[Row], *, chained: bool = True) -> pl.DataFrame:
    """Rows of `core__ledger_steps`, chained per pipeline."""
    heads: dict[str, str] = {}
    made = []
    for row in rows:
        stored = row | {
            name: json.dumps(row[name])
            for name in ("params", "class_counts_in", "class_counts_out", "input_artifacts")
            if name in row
        }
        before = heads.get(row["pipeline_id"], GENESIS)
        own = row_hash(before, ledger_record(stored))
        heads[row["pipeline_id"]] = own
        if chained:
            stored |= {"prev_hash": before, "row_hash": own}
        made.append({"day": row["started_at"].date(), **stored})
    return table(STEPS, *made)


def weekly(rng: np.random.Generator, n_weeks: int = 10, **spoilt: Any) -> Book:
    """A pipeline that runs on Sundays; `spoilt` are fields of the newest step of their op.

    1,000 rows more or less, of which filters drop one kind more than another, duplicates go, a
    prompt changes 2 % of the labels, and the rare class is doubled for a reason.
    """
    book = Book()
    for week in range(n_weeks - 1, -1, -1):
        day, last = ago(7 * week + 2), week == 0
        of_op = spoilt if last else {}
        counts = {name: int(rng.poisson(n)) for name, n in CLASSES.items()}
        hours = iter(2.0 + np.cumsum(rng.uniform(0.05, 0.6, 8)))

        def add(op: str, before: dict[str, int], after: dict[str, int], **more: Any) -> None:
            book.add(
                op,
                at(day, next(hours)),  # noqa: B023 - called in this turn only
                sum(before.values()),
                sum(after.values()),
                **{"class_counts_in": before, "class_counts_out": after} | more | of_op.get(op, {}),  # noqa: B023
            )

        add("ingest", counts, counts)
        kept = {name: n - int(rng.binomial(n, 0.1 + 0.05 * at_)) for at_, (name, n) in enumerate(
            counts.items())}  # fmt: skip
        add("filter", counts, kept)
        fewer = {name: n - int(rng.binomial(n, 0.12)) for name, n in kept.items()}
        add("dedup", kept, fewer)
        flips = int(rng.binomial(sum(fewer.values()), 0.02))
        moved = dict(fewer)
        moved["billing"] -= flips
        moved["cancel"] += flips
        add("relabel", fewer, moved, labels_flipped=flips, rows_modified=flips)
        doubled = moved | {"refund": 2 * moved["refund"]}
        add("upsample", moved, doubled)
        n = sum(doubled.values())
        for op in ("train", "promote"):
            more = {"rows_dropped": None, "rows_created": None} | of_op.get(op, {})
            rows = (n, n) if op == "train" else (1, 1)
            book.add(op, at(day, next(hours)), *rows, **more)
    return book


def fates(*rows: Row) -> pl.DataFrame:
    """Rows of `summary__ledger_fates`; sums that are not given are those of plain rows."""
    made = []
    for row in rows:
        n = row.get("n", 0)
        plain = {
            "started_at": at(ago(2)),
            "n_in": 0 if row["action"] == "created" else n,
            "n_out": 0 if row["action"] == "dropped" else n,
            "n_named": 0,
            "n_traced": 0,
            "n_weighted": 0,
            "sum_weight": 0.0,
            "sum_weight_sq": 0.0,
            "hash_in": "0",
            "hash_out": "0",
        }
        made.append(plain | row)
    return table(FATES, *made)


def fate(step: Row, action: str, ids_in: list[str], ids_out: list[str], **more: Any) -> Row:
    """What a step did to rows of these ids."""
    return {
        "pipeline_id": step["pipeline_id"],
        "step_id": step["step_id"],
        "started_at": step["started_at"],
        "action": action,
        "n": max(len(ids_in), len(ids_out)),
        "n_in": len(ids_in),
        "n_out": len(ids_out),
        "hash_in": str(multiset_hash(ids_in)),
        "hash_out": str(multiset_hash(ids_out)),
        **more,
    }


NO_PIPELINES = table(PIPELINES)
NO_ARTIFACTS = table(ARTIFACTS)
NO_FATES = table(FATES)
