"""The tables people bring, as data: columns, types, rules, identity and event time.

Ingest builds its coercion and quarantine rules from this, storage its tables, tests and docs their
lists. Nothing here reads a file or opens a database.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmops_health.columns import Column, Kind, sha256_column

FIRST_DAY = "2020-01-01"
"""Times of events before it are refused: epochs in a wrong unit end there."""


@dataclass(frozen=True, slots=True)
class Table:
    """One contract table: `identity` names one row, `time` is the event time that gives the day."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    time: str | None

    @property
    def stored_columns(self) -> dict[str, str]:
        """Columns of `landed__<name>` and `core__<name>`, with their types, in order."""
        stored: dict[str, str] = {}
        for column in self.columns:
            if column.kind is Kind.TEXT:
                stored[sha256_column(column.name)] = "varchar"
            else:
                stored[column.name] = column.sql_type
        stored["attributes"] = "varchar"
        return stored | {name: kind for name, (kind, _) in derived_columns(self).items()}

    @property
    def newest_by(self) -> str | None:
        """Return the time whose later value wins where an identity comes again; None: the first.

        A review has no `updated_at`: one that was open and is completed now has moved on.
        """
        times = ("updated_at", "completed_at")
        return next((name for name in times if name in self.stored_columns), None)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold prompts, outputs or comments."""
        return tuple(column.name for column in self.columns if column.kind is Kind.TEXT)

    def column(self, name: str) -> Column:
        """Return the column called `name`."""
        return next(column for column in self.columns if column.name == name)


def derived_columns(table: Table) -> dict[str, tuple[str, str]]:
    """Columns computed from text while it is in hand: name -> (type, SQL).

    The SQL speaks of the raw columns, and of the `starts` of the texts.
    """
    if table.name != "calls":
        return {}
    return {
        "n_input_chars": ("bigint", "length(input_text)"),
        "n_output_chars": ("bigint", "length(output_text)"),
        "input_language": ("varchar", "start_language(input_start)"),
        "output_language": ("varchar", "start_language(output_start)"),
        "output_format": ("varchar", "output_format(output_text)"),
        "is_refusal": ("boolean", "start_is_refusal(output_start)"),
        "n_hedges": ("bigint", "n_hedges(output_text)"),
        "prompt_key": ("bigint", _PROMPT_KEY),
    }


def starts(table: Table) -> dict[str, str]:
    """Return SQL of the beginnings of texts that tell language and refusal, each cut once."""
    if table.name != "calls":
        return {}
    return {"input_start": "head(input_text, 200)", "output_start": "head(output_text, 200)"}


_PROMPT_KEY = (
    "case when input_text is not null then (text_key(input_text)"
    " + 2 * text_key(coalesce(system_text, '')) + 4 * text_key(coalesce(prompt_name, '')))"
    " & 1152921504606846975 end"
)


def _key(name: str) -> Column:
    return Column(name, Kind.KEY, required=True)


def _need(name: str, kind: Kind, *among: str) -> Column:
    return Column(name, kind, required=True, among=among)


def _all(kind: Kind, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name in names.split())


RUN_KINDS = ("prod", "eval", "shadow", "experiment", "unknown")

TABLES: tuple[Table, ...] = (
    Table(
        "calls",
        "One model call.",
        (
            _key("call_id"),
            _key("feature_id"),
            _need("started_at", Kind.TIME),
            Column("run_kind", Kind.WORD, among=RUN_KINDS, default="unknown"),
            *_all(Kind.WORD, "environment trace_id span_id parent_span_id session_id"),
            Column("user_id", Kind.PERSON),
            *_all(
                Kind.WORD,
                "provider request_model response_model operation prompt_name prompt_version",
            ),
            *_all(Kind.TEXT, "system_text input_text output_text"),
            *_all(Kind.NUMBER, "temperature top_p top_k"),
            *_all(Kind.COUNT, "max_tokens"),
            *_all(Kind.INTEGER, "seed"),
            *_all(Kind.NUMBER, "frequency_penalty presence_penalty"),
            Column("params_known", Kind.FLAG),
            *_all(Kind.COUNT, "input_tokens output_tokens cache_read_input_tokens"),
            Column("finish_reason", Kind.WORD),
            *_all(Kind.NUMBER, "latency_ms ttft_ms cost_usd"),
            *_all(Kind.WORD, "error_type predicted_label"),
            *_all(Kind.UNIT, "confidence context_score"),
            Column("n_context_chunks", Kind.COUNT),
            *_all(Kind.WORD, "eval_case_id service_version"),
            Column("tools", Kind.NAMES),
            Column("updated_at", Kind.TIME),
        ),
        identity=("call_id",),
        time="started_at",
    ),
    Table(
        "labels",
        "The truth about a call, often late.",
        (
            _key("call_id"),
            _need("label", Kind.WORD),
            _need("labelled_at", Kind.TIME),
            Column("labeller_kind", Kind.WORD, among=("human", "outcome", "judge")),
            Column("labeller_id", Kind.PERSON),
        ),
        identity=("call_id", "labelled_at", "labeller_kind", "labeller_id"),
        time="labelled_at",
    ),
    Table(
        "feedback",
        "What people said or did.",
        (
            _key("feedback_id"),
            _key("feature_id"),
            _need("created_at", Kind.TIME),
            _need("score", Kind.UNIT),
            *_all(Kind.WORD, "name call_id session_id"),
            Column("rater_id", Kind.PERSON),
            Column("source_kind", Kind.WORD, among=("HUMAN", "LLM", "CODE", "USER_IMPLICIT")),
            Column("comment_text", Kind.TEXT),
        ),
        identity=("feedback_id",),
        time="created_at",
    ),
    Table(
        "reviews",
        "One person's review of one item.",
        (
            *(_key(name) for name in ("review_id", "task_id", "feature_id", "queue_id")),
            _need("created_at", Kind.TIME),
            Column("call_id", Kind.WORD),
            *_all(Kind.TIME, "assigned_at started_at completed_at due_at"),
            Column("reviewer_id", Kind.PERSON),
            *_all(Kind.WORD, "decision suggested_decision gold_decision"),
            Column("priority", Kind.WORD),
        ),
        identity=("review_id",),
        time="created_at",
    ),
    Table(
        "eval_cases",
        "One case of an eval suite.",
        (
            *(_key(name) for name in ("suite_id", "case_id", "feature_id")),
            *_all(Kind.TEXT, "input_text expected"),
            Column("capability", Kind.WORD),
            *_all(Kind.TIME, "added_at retired_at"),
        ),
        identity=("suite_id", "case_id"),
        time=None,
    ),
    Table(
        "eval_runs",
        "One run of an eval suite.",
        (
            *(_key(name) for name in ("eval_run_id", "feature_id", "suite_id")),
            _need("started_at", Kind.TIME),
            Column("suite_version", Kind.WORD),
            Column(
                "role",
                Kind.WORD,
                among=("champion", "challenger", "baseline", "candidate", "regression"),
            ),
            *_all(Kind.WORD, "model component_id prompt_name prompt_version"),
            *_all(Kind.NUMBER, "temperature top_p"),
            Column("judge_model", Kind.WORD),
        ),
        identity=("eval_run_id",),
        time="started_at",
    ),
    Table(
        "eval_results",
        "The score of one case in one eval run.",
        (
            _key("eval_run_id"),
            _key("case_id"),
            _need("score", Kind.UNIT),
            Column("trial", Kind.COUNT, default="0"),
            Column("passed", Kind.FLAG),
            Column("output_text", Kind.TEXT),
            Column("latency_ms", Kind.NUMBER),
            Column("error_type", Kind.WORD),
        ),
        identity=("eval_run_id", "case_id", "trial"),
        time=None,
    ),
    Table(
        "spans",
        "One step in a request.",
        (
            *(_key(name) for name in ("trace_id", "span_id", "feature_id", "name")),
            _need("started_at", Kind.TIME),
            _need("duration_ms", Kind.NUMBER),
            Column("parent_span_id", Kind.WORD),
            Column(
                "stage",
                Kind.WORD,
                among=(
                    *("queue", "load", "chunk", "embed", "retrieve", "rerank", "prompt", "llm"),
                    *("tool", "guardrail", "postprocess", "other"),
                ),
            ),
            Column("status", Kind.WORD),
            Column("run_kind", Kind.WORD, among=RUN_KINDS, default="unknown"),
            Column("n_items", Kind.COUNT),
        ),
        identity=("trace_id", "span_id"),
        time="started_at",
    ),
    Table(
        "ledger_steps",
        "One transformation of the training signal.",
        (
            _key("pipeline_id"),
            _key("step_id"),
            _need("seq", Kind.COUNT),
            _need(
                "op",
                Kind.WORD,
                *("ingest", "filter", "dedup", "weight", "upsample", "relabel", "map", "merge"),
                *("split", "train", "promote", "revert", "other"),
            ),
            _need("started_at", Kind.TIME),
            _need("rows_in", Kind.COUNT),
            _need("rows_out", Kind.COUNT),
            *_all(Kind.COUNT, "rows_dropped rows_created rows_modified labels_flipped"),
            *_all(Kind.NUMBER, "weight_in weight_out"),
            *_all(Kind.JSON, "class_counts_in class_counts_out"),
            *_all(Kind.WORD, "code_ref code_sha256"),
            Column("params", Kind.JSON),
            *_all(Kind.WORD, "env_sha256 prompt_version actor"),
            Column("input_artifacts", Kind.NAMES),
            *_all(Kind.WORD, "output_artifact prev_hash row_hash"),
        ),
        identity=("pipeline_id", "step_id"),
        time="started_at",
    ),
    Table(
        "ledger_rows",
        "What one step did to one row.",
        (
            _key("step_id"),
            _need("action", Kind.WORD, "kept", "dropped", "modified", "created"),
            *_all(Kind.WORD, "in_row_id out_row_id reason"),
            Column("weight", Kind.NUMBER),
            Column("feedback_id", Kind.WORD),
        ),
        identity=("step_id", "action", "in_row_id", "out_row_id"),
        time=None,
    ),
    Table(
        "artifacts",
        "A dataset, checkpoint, prompt or eval set by its hash.",
        (
            _key("artifact_sha256"),
            _need("kind", Kind.WORD, "raw_feedback", "dataset", "checkpoint", "prompt", "eval_set"),
            *_all(Kind.WORD, "name version"),
            Column("n_rows", Kind.COUNT),
            Column("created_at", Kind.TIME),
        ),
        identity=("artifact_sha256",),
        time=None,
    ),
    Table(
        "components",
        "A part of the AI bill of materials.",
        (
            _key("component_id"),
            _need(
                "kind",
                Kind.WORD,
                *("model", "hosted_model", "checkpoint", "adapter", "prompt", "tool"),
                *("mcp_server", "dataset", "eval_suite", "embedding_model", "vector_index"),
                *("guardrail", "library", "application"),
            ),
            _key("name"),
            *_all(Kind.WORD, "version feature_id supplier owner license sha256 purl source_uri"),
            Column("endpoint", Kind.WORD),
            Column("crosses_trust_boundary", Kind.FLAG),
            Column("data_classification", Kind.WORD),
            *_all(Kind.TIME, "released_on deprecated_on listed_on"),
        ),
        # With the hash: that the same version came with another one is what a check looks for.
        identity=("component_id", "version", "feature_id", "sha256"),
        time=None,
    ),
    Table(
        "component_edges",
        "How two components hang together.",
        (
            _key("src"),
            _key("dst"),
            _need(
                "relation",
                Kind.WORD,
                *("depends_on", "derived_from", "trained_on", "evaluated_by", "uses_prompt"),
                *("calls_tool", "served_by"),
            ),
        ),
        identity=("src", "dst", "relation"),
        time=None,
    ),
    Table(
        "acknowledgements",
        "Somebody's word that an alarm is theirs, and until when.",
        (
            _need("acknowledged_at", Kind.TIME),
            *(_key(name) for name in ("feature_id", "mode", "check_name")),
            Column("segment", Kind.WORD),
            Column("alarmed_on", Kind.TIME),
            _key("acknowledged_by"),
            Column("until", Kind.TIME),
            Column("note", Kind.WORD),
        ),
        identity=(
            *("feature_id", "mode", "check_name", "segment"),
            *("acknowledged_at", "acknowledged_by"),
        ),
        time=None,
    ),
)

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
