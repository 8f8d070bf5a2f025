"""The demo world: what is planted is really in the files, and nothing else is."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import polars as pl
import pytest
import yaml

from llmops_health.demo import truth, write_world
from llmops_health.demo.texts import REFUSALS

FIRST_DAY, LAST_DAY = date(2026, 9, 2), date(2026, 10, 31)

# Section 2 of the contract, and the columns beyond it that are kept in attributes.
CONTRACT = """
calls: call_id feature_id started_at run_kind environment trace_id span_id parent_span_id session_id
 user_id provider request_model response_model operation prompt_name prompt_version system_text
 input_text output_text temperature top_p top_k max_tokens seed frequency_penalty presence_penalty
 params_known input_tokens output_tokens cache_read_input_tokens finish_reason latency_ms ttft_ms
 cost_usd error_type predicted_label confidence context_score n_context_chunks eval_case_id
 service_version tools updated_at
labels: call_id label labelled_at labeller_kind labeller_id
feedback: feedback_id feature_id created_at score name call_id session_id rater_id source_kind
 comment_text
eval_cases: suite_id case_id feature_id input_text expected capability added_at retired_at
eval_runs: eval_run_id feature_id suite_id started_at suite_version role model component_id
 prompt_name prompt_version temperature top_p judge_model
eval_results: eval_run_id case_id score trial passed output_text latency_ms error_type
spans: trace_id span_id feature_id name started_at duration_ms parent_span_id stage status run_kind
 n_items
reviews: review_id task_id feature_id queue_id created_at call_id assigned_at started_at
 completed_at due_at reviewer_id decision suggested_decision gold_decision priority
ledger_steps: pipeline_id step_id seq op started_at rows_in rows_out rows_dropped rows_created
 rows_modified labels_flipped weight_in weight_out class_counts_in class_counts_out code_ref
 code_sha256 params env_sha256 prompt_version actor input_artifacts output_artifact prev_hash
 row_hash
ledger_rows: step_id action in_row_id out_row_id reason weight feedback_id label_in label_out
artifacts: artifact_sha256 kind name version n_rows created_at
components: component_id kind name version feature_id supplier owner license sha256 purl source_uri
 endpoint crosses_trust_boundary data_classification released_on deprecated_on listed_on region
 retention_days trains_on_inputs authenticated
component_edges: src dst relation
acknowledgements: acknowledged_at feature_id mode check_name segment alarmed_on acknowledged_by
 until note
"""
COLUMNS = {
    table: columns.split()
    for table, columns in re.findall(r"^(\w+): ((?:.*\n)(?: .*\n)*)", CONTRACT, re.MULTILINE)
}


def day(number: int) -> date:
    """Date of day `number`, counted from 1."""
    return FIRST_DAY + timedelta(days=number - 1)


def mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean())


@dataclass(frozen=True)
class Files:
    """The written world as its readers see it; `calls` has the production and eval calls."""

    folder: Path
    config: dict[str, Any]
    truth: dict[str, Any]
    bad_lines: list[tuple[str, int]]
    calls: dict[str, pl.DataFrame]
    tables: dict[str, pl.DataFrame]

    def prod(self, feature_id: str) -> pl.DataFrame:
        calls = self.calls[feature_id].filter(run_kind="prod")
        return calls.with_columns(day=pl.col("started_at").dt.date())

    def labelled(self, feature_id: str) -> pl.DataFrame:
        labels = self.tables["labels"].filter(labeller_kind="human")
        joined = self.prod(feature_id).join(labels, on="call_id", how="inner")
        return joined.with_columns(
            is_correct=(pl.col("predicted_label") == pl.col("label")).cast(pl.Float64)
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("world")
    config = yaml.safe_load(write_world(folder).read_text(encoding="utf-8"))
    written_truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    dirty = {(reject["file"], reject["line"]) for reject in written_truth["rejects"]}
    bad_lines: list[tuple[str, int]] = []
    clean: list[bytes] = []
    for path in sorted((folder / "logs/calls").glob("*.jsonl.gz")):
        name = path.relative_to(folder).as_posix()
        lines = gzip.decompress(path.read_bytes()).splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                orjson.loads(line)
            except ValueError:
                bad_lines.append((name, number))
            else:
                if (name, number) not in dirty:
                    clean.append(line)
    logs = pl.read_ndjson(b"\n".join(clean), infer_schema_length=None).with_columns(
        pl.col("started_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ")
    )
    calls = {str(name): part for (name,), part in logs.group_by("feature_id")}
    calls["moderation"] = pl.read_parquet(folder / "logs/moderation.parquet")
    calls["invoice-fields"] = read_csv_calls(folder, config)
    labels = pl.read_csv(folder / "labels/labels.csv", try_parse_dates=True)
    return Files(
        folder=folder,
        config=config,
        truth=written_truth,
        bad_lines=bad_lines,
        calls=calls,
        tables={
            "labels": labels.drop_nulls("label").with_columns(
                pl.col("labelled_at").dt.replace_time_zone(None)
            ),
            "feedback": pl.read_ndjson(folder / "feedback/feedback.jsonl").filter(
                pl.col("score") <= 1
            ),
            "eval_cases": pl.read_parquet(folder / "evals/cases.parquet"),
            "eval_runs": pl.read_parquet(folder / "evals/runs.parquet"),
            "eval_results": pl.read_parquet(folder / "evals/results.parquet"),
            "spans": pl.read_parquet(folder / "traces/spans.parquet"),
            "reviews": pl.read_csv(folder / "reviews/reviews.csv"),
            "ledger_steps": pl.read_ndjson(
                folder / "ledger/ledger.jsonl", infer_schema_length=None
            ),
            "ledger_rows": pl.read_ndjson(
                folder / "ledger/ledger.rows.jsonl", infer_schema_length=None
            ),
            "artifacts": pl.read_ndjson(
                folder / "ledger/ledger.artifacts.jsonl", infer_schema_length=None
            ),
            "components": pl.read_ndjson(
                folder / "parts/components.jsonl", infer_schema_length=None
            ),
            "component_edges": pl.read_ndjson(folder / "parts/edges.jsonl"),
            "acknowledgements": pl.read_csv(folder / "alarms/acknowledgements.csv"),
        },
    )


def read_csv_calls(folder: Path, config: dict[str, Any]) -> pl.DataFrame:
    """Read the CSV as its source says: the expressions of `columns`, and columns of our names."""
    [source] = [s for s in config["sources"] if (s["table"], s["format"]) == ("calls", "csv")]
    own = pl.read_csv(folder / source["path"], n_rows=1).columns
    mapped = {**{c: c for c in own if c in COLUMNS["calls"]}, **source["columns"]}
    selected = ", ".join(f"{expression} as {name}" for name, expression in mapped.items())
    with duckdb.connect() as connection:
        query = f"select {selected} from '{folder / source['path']}'"
        calls: pl.DataFrame = connection.sql(query).pl()
    is_clean = pl.col("call_id").is_not_null() & ~pl.col("call_id").str.contains("dirty")
    return calls.filter(is_clean).with_columns(
        pl.col("started_at").dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    )


def test_every_column_is_in_the_contract(world: Files) -> None:
    for calls in world.calls.values():
        assert set(calls.columns) <= set(COLUMNS["calls"])
    for name, table in world.tables.items():
        assert set(table.columns) <= set(COLUMNS[name])


def test_files_hold_as_many_rows_as_the_truth_says(world: Files) -> None:
    counted = {name: calls.height for name, calls in world.calls.items()}
    assert counted == world.truth["rows"]["calls"]
    assert set(counted) == {feature["id"] for feature in world.config["features"]}
    for name, table in world.tables.items():
        assert table.height == world.truth["rows"][name]
    ids = pl.concat(calls.select("call_id") for calls in world.calls.values())
    assert ids["call_id"].is_unique().all()


def test_truth_file_lists_what_the_function_says(world: Files) -> None:
    plants = truth()
    assert [p["sentence"] for p in world.truth["plants"]] == [p.sentence for p in plants]
    starts = {(p.feature_id, check): p.starts_on for p in plants for check in p.checks}
    assert starts["support-intents", "overconfidence"] == day(38)
    assert starts["code-agent", "feed_gap"] == day(50)


def test_dirty_rows_stand_where_the_truth_says(world: Files) -> None:
    rejects = world.truth["rejects"]
    assert len(rejects) == 12
    not_json = [(r["file"], r["line"]) for r in rejects if r["column"] is None]
    assert sorted(not_json) == sorted(world.bad_lines)
    lines = {
        (r["file"], r["line"]): read_lines(world.folder / r["file"])[r["line"] - 1] for r in rejects
    }
    assert sum('"confidence":1.7' in line for line in lines.values()) == 1
    assert sum("yesterday" in line for line in lines.values()) == 1
    [beyond] = [lines[r["file"], r["line"]] for r in rejects if r["reason"] == "year 58000"]
    seconds_since_1970 = float(beyond.split(",")[1])
    assert 58_000 < 1970 + seconds_since_1970 / (365.2425 * 86_400) < 59_000


def read_lines(path: Path) -> list[str]:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()


def test_inputs_have_the_length_of_messages(world: Files) -> None:
    for feature_id in world.calls:
        # Developers who have learned to give keywords write less.
        shortest = 15 if feature_id == "code-agent" else 60
        assert world.prod(feature_id)["input_text"].str.len_chars().is_between(shortest, 400).all()
        assert not world.prod(feature_id)["input_text"].str.contains(r"\{\w+\}").any()


def test_weekends_have_45_percent_fewer_calls(world: Files) -> None:
    for feature_id in ("support-intents", "help-rag", "sales-drafts"):
        by_day = world.prod(feature_id).group_by("day").len()
        is_weekend = pl.col("day").dt.weekday() >= 6
        weekend = mean(by_day.filter(is_weekend)["len"])
        week = mean(by_day.filter(~is_weekend)["len"])
        # 0.55 of a weekday; day to day noise of 8 % over 17 weekend days is 2 %.
        assert weekend / week == pytest.approx(0.55, abs=0.05)


def test_topics_of_the_healthy_classifier_change_at_weekends(world: Files) -> None:
    calls = world.prod("moderation").drop_nulls("predicted_label")
    share = calls.group_by(pl.col("day").dt.weekday() >= 6).agg(
        (pl.col("predicted_label") == "harassment").mean().alias("share")
    )
    low, high = share["share"].sort()
    assert high > 1.5 * low


def test_the_healthy_classifier_grows_by_40_percent(world: Files) -> None:
    by_day = world.prod("moderation").group_by("day").len().sort("day")
    n = by_day["len"].to_numpy() / np.where(by_day["day"].dt.weekday() >= 6, 0.55, 1.0)
    slope, start = np.polyfit(np.linspace(0, 1, n.size), n, 1)
    # Day to day noise of 8 % gives the growth over 60 days a standard error of 0.045.
    assert slope / start == pytest.approx(0.40, abs=3 * 0.045)


@pytest.mark.parametrize("feature_id", ["moderation", "invoice-fields"])
def test_healthy_confidence_is_calibrated(world: Files, feature_id: str) -> None:
    labelled = world.labelled(feature_id)
    gap = labelled["confidence"] - labelled["is_correct"]
    # Standard error sqrt(0.07 / n); three of them.
    assert abs(mean(gap)) < 3 * (0.07 / gap.len()) ** 0.5
    unsure = labelled.filter(pl.col("confidence") < 0.8)
    off = mean(unsure["confidence"]) - mean(unsure["is_correct"])
    assert abs(off) < 3 * (0.22 / unsure.height) ** 0.5


def test_accuracy_falls_while_confidence_stays(world: Files) -> None:
    labelled = world.labelled("support-intents")
    before = labelled.filter(pl.col("day") < day(38))
    after = labelled.filter(pl.col("day") >= day(38))
    assert mean(before["is_correct"]) == pytest.approx(0.905, abs=0.025)
    assert mean(after["is_correct"]) == pytest.approx(0.74, abs=0.04)
    assert mean(after["confidence"]) == pytest.approx(mean(before["confidence"]), abs=0.01)
    out_of_scope = after.filter(label="oos", predicted_label="installation")
    assert out_of_scope.height > 50
    assert mean(out_of_scope["confidence"] >= 0.8) > 0.8


def test_labels_are_late_and_never_from_the_future(world: Files) -> None:
    for feature_id, lo, hi in (("moderation", 1, 6), ("invoice-fields", 5, 15)):
        labelled = world.labelled(feature_id)
        days_late = (labelled["labelled_at"] - labelled["started_at"]).dt.total_seconds() / 86_400
        assert days_late.is_between(lo - 0.01, hi + 0.01).all()
        assert mean(days_late) > lo + 0.2 * (hi - lo)
        settled = world.prod(feature_id).filter(pl.col("day") < day(45))
        n_labelled = labelled.filter(pl.col("day") < day(45)).height
        assert n_labelled / settled.height == pytest.approx(0.25, abs=0.03)
    assert (world.tables["labels"]["labelled_at"].dt.date() <= LAST_DAY).all()


def test_the_judge_agrees_as_often_as_the_truth_says(world: Files) -> None:
    labels = world.tables["labels"]
    both = labels.filter(labeller_kind="human").join(
        labels.filter(labeller_kind="judge"), on="call_id", how="inner", suffix="_judge"
    )
    agreement = mean(both["label"] == both["label_judge"])
    assert agreement == pytest.approx(world.truth["facts"]["judge_agreement"], abs=0.02)


def test_the_silent_update_lengthens_and_refuses(world: Files) -> None:
    drafts = world.prod("sales-drafts").drop_nulls("output_text")
    drafts = drafts.with_columns(
        refuses=pl.col("output_text").is_in(REFUSALS),
        has_list=pl.col("output_text").str.contains("\n- "),
        length=pl.col("output_text").str.len_chars(),
    )
    before, after = drafts.filter(pl.col("day") < day(41)), drafts.filter(pl.col("day") >= day(41))
    assert mean(before["refuses"]) == pytest.approx(0.01, abs=0.004)
    assert mean(after["refuses"]) == pytest.approx(0.08, abs=0.015)
    ratio = mean(after["length"]) / mean(before["length"])
    assert ratio == pytest.approx(1.6, abs=0.1)
    assert mean(after["has_list"]) > 5 * mean(before["has_list"])
    for name in ("request_model", "response_model", "prompt_version"):
        assert drafts[name].n_unique() == 1


def test_canaries_repeat_every_night_and_show_the_update(world: Files) -> None:
    canaries = world.calls["sales-drafts"].filter(run_kind="eval")
    assert canaries["eval_case_id"].n_unique() == 40
    assert (
        canaries.group_by("eval_case_id")
        .agg(pl.col("input_text").n_unique())["input_text"]
        .to_list()
        == [1] * 40
    )
    assert canaries.height == 40 * 60
    mean_length = canaries.group_by(pl.col("started_at").dt.date() >= day(41)).agg(
        pl.col("output_text").str.len_chars().mean().alias("n")
    )
    low, high = mean_length["n"].sort()
    assert high / low == pytest.approx(1.6, abs=0.12)
    steady = world.calls["support-intents"].filter(run_kind="eval").drop_nulls("predicted_label")
    per_case = steady.group_by("eval_case_id").agg(pl.col("predicted_label").n_unique())
    assert per_case["predicted_label"].max() == 1


def test_satisfaction_falls_while_the_eval_score_rises(world: Files) -> None:
    asks_new = pl.col("input_text").str.contains("assistant|recorder|recordings|action items")
    calls = world.prod("help-rag").with_columns(asks_new=asks_new)
    assert mean(calls.filter(pl.col("day") < day(36))["asks_new"]) == 0
    settled = calls.filter(pl.col("day") >= day(44))
    assert mean(settled["asks_new"]) == pytest.approx(0.35, abs=0.04)
    thumbs = world.tables["feedback"].filter(name="thumb").select("call_id", "score")
    rated = calls.join(thumbs, on="call_id", how="inner")
    before = mean(rated.filter(pl.col("day") < day(36))["score"])
    after = mean(rated.filter(pl.col("day") >= day(44))["score"])
    assert before - after > 0.12
    runs = world.tables["eval_runs"].filter(feature_id="help-rag", role="champion")
    scores = runs.join(world.tables["eval_results"], on="eval_run_id").group_by("started_at")
    weekly = scores.agg(pl.col("score").mean()).sort("started_at")["score"]
    assert 0.02 < weekly[-1] - weekly[0] < 0.08
    covered = world.tables["eval_cases"].filter(feature_id="help-rag")
    assert not covered.select(asks_new).to_series().any()
    assert (covered["added_at"].dt.date() < FIRST_DAY - timedelta(days=180)).all()


def test_the_agent_becomes_slow_and_fails(world: Files) -> None:
    calls = world.prod("code-agent").with_columns(failed=pl.col("error_type").is_not_null())
    before, after = calls.filter(pl.col("day") < day(45)), calls.filter(pl.col("day") >= day(45))
    p95 = [np.quantile(part["latency_ms"], 0.95) for part in (before, after)]
    assert p95[1] / p95[0] == pytest.approx(2, abs=0.25)
    assert mean(before["failed"]) == pytest.approx(0.005, abs=0.003)
    assert mean(after["failed"]) == pytest.approx(0.04, abs=0.012)


def test_the_log_of_the_agent_has_a_hole(world: Files) -> None:
    times = world.calls["code-agent"]["started_at"]
    days_seen = set(times.dt.date())
    assert {day(i) for i in range(1, 61)} - days_seen == {day(50)}
    assert times.filter(times.dt.date() == day(51)).dt.hour().min() == 13


def test_one_call_costs_a_thousand_times_its_neighbours(world: Files) -> None:
    calls = world.prod("moderation").sort("cost_usd", descending=True)
    assert calls["call_id"][0] == world.truth["facts"]["cost_spike_call_id"]
    assert calls["day"][0] == day(44)
    median = np.median(calls["cost_usd"])
    assert 600 < calls["cost_usd"][0] / median < 1700
    assert calls["cost_usd"][1] < 3 * median


def test_the_thin_feature_has_one_burst(world: Files) -> None:
    calls = world.prod("invoice-fields")
    by_day = calls.group_by("day").len().sort("len", descending=True)
    assert by_day["day"][0] == day(30)
    assert by_day["len"][0] / np.median(by_day["len"]) == pytest.approx(3, abs=0.6)
    assert calls["user_id"].n_unique() == 30
    assert calls.height / 60 == pytest.approx(60, abs=6)


def test_the_unhappy_answer_more_often(world: Files) -> None:
    thumbs = world.tables["feedback"].filter(name="thumb")
    prod = pl.concat(world.prod(f).select("call_id", "feature_id") for f in world.calls)
    assert thumbs.height / prod.height == pytest.approx(0.06, abs=0.008)
    # 0.87 of the answers please; 5 % of the pleased respond and 11 % of the others, so that
    # 0.13 * 0.11 / (0.13 * 0.11 + 0.87 * 0.05) = 0.25 of the thumbs point down, not 0.13.
    down = 1 - mean(thumbs.filter(feature_id="moderation")["score"])
    assert down == pytest.approx(0.25, abs=0.05)
    assert world.tables["feedback"]["score"].is_between(0, 1).all()


def test_one_suite_is_saturated_and_redundant_and_others_are_not(world: Files) -> None:
    results = (
        world.tables["eval_results"]
        .join(
            world.tables["eval_runs"].select("eval_run_id", "feature_id", "suite_id"),
            on="eval_run_id",
        )
        .filter(~pl.col("suite_id").str.ends_with("-broad"))
    )
    for feature_id in world.calls:
        cases = world.tables["eval_cases"].filter(
            ~pl.col("suite_id").str.ends_with("-broad"), feature_id=feature_id
        )
        assert cases.height == 80
        stems = cases["input_text"].str.strip_suffix(" Thank you.")
        n_copies = 80 - stems.n_unique()
        passed = mean(results.filter(feature_id=feature_id)["passed"])
        if feature_id == "sales-drafts":
            assert n_copies == 32
            assert passed == 1
        else:
            assert n_copies == 0
            assert 0.5 < passed < 0.9
