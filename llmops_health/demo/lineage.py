"""Ledgers of the demo world: what two training pipelines did to the feedback, run by run.

One fine-tunes the intents and makes the checkpoints that the broad suite tests; the other trains an
adapter for moderation. Rows are as `llmops_health.ledger` writes them, chain included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from llmops_health.demo import faults
from llmops_health.demo.faults import Calendar
from llmops_health.kernels.hash_chain import GENESIS, row_hash
from llmops_health.kernels.ledger_record import ledger_record
from llmops_health.text.near_duplicates import matches

Row = dict[str, Any]

HELD_OUT_SHARE = 0.15
SAME_START_CHARS = 60
LIKE_A_CASE = 0.6
SLIP_SHARE = 0.02
PROMOTED_ROUND = faults.N_CHECKPOINTS
HANDED_OVER_CLASS = "spam"
WEIGHTS = (0.8, 1.6)
_MINUTES = {
    "ingest": 5, "filter": 12, "dedup": 16, "relabel": 20, "weight": 55, "split": 58,
    "train": 60, "promote": 420,
}  # fmt: skip
_ROW_SCHEMA: dict[str, pl.DataType] = dict.fromkeys(
    ("step_id", "action", "in_row_id", "out_row_id", "reason"), pl.String()
) | {
    "weight": pl.Float64(),
    **dict.fromkeys(("feedback_id", "label_in", "label_out"), pl.String()),
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A training pipeline: whose it is, what it makes, and on which days of the design it ran."""

    pipeline_id: str
    feature_id: str
    makes: str
    base: str
    days: tuple[int, ...]


PIPELINES = (
    Pipeline(
        f"{faults.SUPPORT_INTENTS}/fine-tune",
        faults.SUPPORT_INTENTS,
        "corvid-mini-ft",
        "corvid-mini",
        tuple(faults.TUNE_DAY + faults.TUNE_EVERY_DAYS * i for i in range(faults.N_CHECKPOINTS)),
    ),
    Pipeline(
        f"{faults.MODERATION}/adapter",
        faults.MODERATION,
        "moderation-adapter",
        "corvid-mini",
        (20, 34),
    ),
)


@dataclass(slots=True)
class Lineage:
    """What ledgers hold: steps and artifacts as JSON objects, and what became of single rows."""

    steps: list[Row] = field(default_factory=list)
    rows: list[pl.DataFrame] = field(default_factory=list)
    artifacts: list[Row] = field(default_factory=list)

    @property
    def row_map(self) -> pl.DataFrame:
        """Return the rows of all steps."""
        return pl.concat([pl.DataFrame(schema=_ROW_SCHEMA), *self.rows])


def sha256(name: str) -> str:
    """Return what stands for the hash of a file of this name."""
    return hashlib.sha256(name.encode()).hexdigest()


def make_lineage(
    pipeline: Pipeline,
    feedback: pl.DataFrame,
    calls: pl.DataFrame,
    cases: pl.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> Lineage:
    """Run a pipeline on its days over the thumbs that had been given by then."""
    thumbs = (
        feedback.filter(pl.col("feature_id") == pipeline.feature_id)
        .join(calls.select("call_id", "input_text", "_true_label"), on="call_id")
        .sort("created_at", "feedback_id")
    )
    texts = cases.filter(pl.col("feature_id") == pipeline.feature_id)["input_text"].drop_nulls()
    tested = matches(thumbs["input_text"], texts, least=LIKE_A_CASE).left
    is_case = np.zeros(thumbs.height, dtype=np.bool_)
    is_case[tested] = True
    thumbs = thumbs.with_columns(is_case=pl.Series(is_case)).select(
        "feedback_id",
        "created_at",
        "score",
        "is_case",
        row_id=pl.format("row-{}", "feedback_id"),
        start=pl.col("input_text").str.to_lowercase().str.head(SAME_START_CHARS),
        label="_true_label",
    )
    luck = thumbs.select("feedback_id").with_columns(
        lost=pl.Series(rng.random(thumbs.height)),
        held_out=pl.Series(rng.random(thumbs.height)),
        slip=pl.Series(rng.random(thumbs.height)),
        turned=pl.Series(rng.random(thumbs.height)),
    )
    found = Lineage()
    for number, day in enumerate(pipeline.days, start=1):
        midnight = datetime.combine(calendar.date_of(calendar.index(day)), time())
        given = thumbs.filter(pl.col("created_at") < midnight).join(luck, on="feedback_id")
        _Run(pipeline, number, day, midnight, found).go(given)
    return found


def spoilt_step(ledger: Lineage) -> str:
    """Return the id of the newest step that loses rows: the cause of what the fine-tune lost."""
    return str([step["step_id"] for step in ledger.steps if step["op"] == "filter"][-1])


@dataclass(slots=True)
class _Run:
    """One run of a pipeline; each step reads what the one before it left."""

    pipeline: Pipeline
    number: int
    day: int
    midnight: datetime
    into: Lineage
    _left: str = ""

    def go(self, given: pl.DataFrame) -> None:
        """Write the steps of the run."""
        raw = self._artifact("feedback.jsonl", "raw_feedback", given, "ingest")
        self._left = raw
        rows = given.with_columns(weight=pl.lit(None, dtype=pl.Float64), label_in="label")
        if self._is_fine_tune:
            self._step("ingest", rows, rows, in_ids="feedback_id")
            rows = self._clean(rows)
        else:
            params = {"label_schema": "moderation-2026-01"}
            self._step("ingest", rows, rows, in_ids="feedback_id", params=params)
            rows = self._hand_over(rows)
        rows = self._dedup(rows)
        if self._is_fine_tune:
            rows = self._relabel(rows)
        rows = self._weigh(rows)
        self._train(self._split(rows))

    @property
    def _is_fine_tune(self) -> bool:
        return self.pipeline.feature_id == faults.SUPPORT_INTENTS

    def _clean(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Drop what has no class, and lose a part of the rest without a word."""
        kept = rows.filter(pl.col("label") != "oos")
        n_dropped = rows.height - kept.height
        kept = kept.filter(pl.col("lost") >= faults.LOST_ROWS_SHARE)
        self._step(
            "filter", rows, kept, params={"languages": ["en"], "max_unknown_words": 1},
            row_map=False, rows_dropped=n_dropped,
        )  # fmt: skip
        return kept

    def _hand_over(self, rows: pl.DataFrame) -> pl.DataFrame:
        kept = rows.filter(pl.col("label") != HANDED_OVER_CLASS)
        reason = "spam has an adapter of its own since August"
        self._step(
            "filter", rows, kept, params={"without": [HANDED_OVER_CLASS], "reason": reason},
            why=pl.lit(f"class {HANDED_OVER_CLASS}"),
        )  # fmt: skip
        return kept

    def _dedup(self, rows: pl.DataFrame) -> pl.DataFrame:
        kept = rows.filter(~pl.col("is_case"))
        kept = kept.unique("start", keep="last", maintain_order=True)
        why = pl.when("is_case").then(pl.lit("like an eval case")).otherwise(pl.lit("same start"))
        self._step(
            "dedup", rows, kept, why=why,
            params={"key": f"first {SAME_START_CHARS} characters", "without": "eval cases"},
        )  # fmt: skip
        return kept

    def _relabel(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Let a prompt read all labels again; in one run it takes refunds for billing."""
        is_bad = self.day == faults.LABEL_PROMPT_DAY
        before = pl.when(pl.col("slip") < SLIP_SHARE).then(pl.lit("technical")).otherwise("label")
        is_turned = pl.lit(is_bad) & (pl.col("turned") < faults.RELABELLED_SHARE)
        after = (
            pl.when(is_turned & (pl.col("label") == faults.REASSIGNED_TOPIC))
            .then(pl.lit(faults.REASSIGNED_TO))
            .otherwise("label")
        )
        read = rows.with_columns(label_in=before)
        done = read.with_columns(label=after)
        n_flipped = int((done["label"] != done["label_in"]).sum())
        self._step(
            "relabel", read.with_columns(label="label_in"), done,
            prompt_version="intent-labels-v3" if is_bad else "intent-labels-v2",
            labels_flipped=n_flipped, rows_modified=n_flipped,
        )  # fmt: skip
        return done

    def _weigh(self, rows: pl.DataFrame) -> pl.DataFrame:
        # The unhappy answer twice as often: their rows count half.
        low, high = WEIGHTS
        done = rows.with_columns(
            weight=pl.when(pl.col("score") < 0.5).then(low).otherwise(high).cast(pl.Float64)
        )
        self._step(
            "weight", rows, done, params={"by": "1 / P(feedback)", "cut": high},
            weight_in=float(rows.height), weight_out=round(float(done["weight"].sum()), 6),
        )  # fmt: skip
        return done

    def _split(self, rows: pl.DataFrame) -> pl.DataFrame:
        kept = rows.filter(pl.col("held_out") >= HELD_OUT_SHARE)
        self._step(
            "split", rows, kept, params={"seed": 7, "held_out": 0.15}, why=pl.lit("held out")
        )
        return kept

    def _train(self, rows: pl.DataFrame) -> None:
        name = f"{self.pipeline.makes}-{self.number}"
        base = sha256(f"model {self.pipeline.base}")
        made = sha256(f"checkpoint {name}")
        listed = {"kind": "checkpoint", "name": name, "version": str(self.number)}
        self.into.artifacts.append(
            {"artifact_sha256": made, **listed, "created_at": self._at("train")}
        )
        if self.number == 1:
            known = {"kind": "checkpoint", "name": self.pipeline.base, "version": "2026-05"}
            self.into.artifacts.append({"artifact_sha256": base, **known})
        self._write(
            "train", rows.height, 1, inputs=[self._left, base], output=made,
            params={"epochs": 3, "learning_rate": 2e-5, "seed": 7},
            class_counts_in=_counts(rows),
        )  # fmt: skip
        if self._is_fine_tune and self.number == PROMOTED_ROUND:
            run = f"intents-broad-{name}-{self.midnight:%Y%m%d}"
            self._write(
                "promote", 1, 1, inputs=[made], output=made, actor="release-bot",
                params={"to": "candidate, beside the model in use", "eval_run_id": run},
            )  # fmt: skip

    def _step(
        self,
        op: str,
        before: pl.DataFrame,
        after: pl.DataFrame,
        *,
        why: pl.Expr | None = None,
        in_ids: str = "row_id",
        row_map: bool = True,
        rows_dropped: int | None = None,
        **said: Any,  # noqa: ANN401 - fields of a ledger step
    ) -> None:
        """Write a step of which `after` are the rows that are left of `before`."""
        output = self._artifact(f"{op}.parquet", "dataset", after, op)
        step_id = self._write(
            op,
            before.height,
            after.height,
            inputs=[self._left],
            output=output,
            rows_dropped=before.height - after.height if rows_dropped is None else rows_dropped,
            rows_created=0,
            class_counts_in=_counts(before),
            class_counts_out=_counts(after),
            **said,
        )
        self._left = output
        if row_map:
            self.into.rows.append(
                _fates(step_id, op, before, after, pl.lit("") if why is None else why, in_ids)
            )

    def _write(
        self,
        op: str,
        rows_in: int,
        rows_out: int,
        *,
        inputs: list[str],
        output: str,
        **said: Any,  # noqa: ANN401 - fields of a ledger step
    ) -> str:
        steps = self.into.steps
        name = self.pipeline.pipeline_id
        code = f"pipelines/{name}/{op}.py"
        row: Row = {
            "pipeline_id": name,
            "step_id": f"{name}/run-{self.number}-{op}",
            "seq": len(steps) + 1,
            "op": op,
            "started_at": self._at(op),
            "rows_in": rows_in,
            "rows_out": rows_out,
            "code_ref": f"{code}:1@3f2c1e9a7b40",
            "code_sha256": sha256(code),
            "env_sha256": sha256(f"lock file of {name}"),
            "actor": "training-pipeline",
            "params": {},
            "input_artifacts": inputs,
            "output_artifact": output,
            **said,
        }
        previous = str(steps[-1]["row_hash"]) if steps else GENESIS
        row |= {"prev_hash": previous, "row_hash": row_hash(previous, ledger_record(row))}
        steps.append(row)
        return str(row["step_id"])

    def _artifact(self, name: str, kind: str, rows: pl.DataFrame, op: str) -> str:
        whole = f"{self.pipeline.pipeline_id}/run-{self.number}/{name}"
        content = rows["created_at"].dt.epoch("us").cast(pl.String).to_list()
        found = sha256(f"{whole}: {' '.join(content)}")
        listed = {"kind": kind, "name": whole, "version": str(self.number), "n_rows": rows.height}
        self.into.artifacts.append({"artifact_sha256": found, **listed, "created_at": self._at(op)})
        return found

    def _at(self, op: str) -> str:
        return f"{self.midnight + timedelta(minutes=_MINUTES[op]):%Y-%m-%dT%H:%M:%S.%f}Z"


def _counts(rows: pl.DataFrame) -> Mapping[str, int]:
    return dict(rows.group_by("label").len().sort("label").iter_rows())


def _fates(
    step_id: str, op: str, before: pl.DataFrame, after: pl.DataFrame, why: pl.Expr, in_ids: str
) -> pl.DataFrame:
    """Return what became of each row; labels only of a step that gives them."""
    left = after.select("row_id", now="label", new_weight="weight", left=pl.lit(value=True))
    labels = op == "relabel"
    joined = before.join(left, on="row_id", how="left", maintain_order="left")
    is_left = pl.col("left").fill_null(value=False)
    is_changed = pl.lit(labels) & (pl.col("now") != pl.col("label"))
    return joined.select(
        step_id=pl.lit(step_id),
        action=pl.when(~is_left)
        .then(pl.lit("dropped"))
        .when(is_changed)
        .then(pl.lit("modified"))
        .otherwise(pl.lit("kept")),
        in_row_id=in_ids,
        out_row_id=pl.when(is_left).then("row_id"),
        reason=pl.when(~is_left).then(why),
        weight="new_weight" if op in {"weight", "split"} else pl.lit(None, dtype=pl.Float64),
        feedback_id="feedback_id",
        label_in=pl.when(pl.lit(labels)).then("label"),
        label_out=pl.when(pl.lit(labels)).then("now"),
    )
