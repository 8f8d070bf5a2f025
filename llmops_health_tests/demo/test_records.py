"""The demo world's reviews, ledgers, lists of parts and answers: what is planted is there."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health.demo import faults, parts, truth
from llmops_health.demo.faults import Calendar
from llmops_health.demo.lineage import spoilt_step
from llmops_health.demo.queues import QUEUES, SHIFT_HOURS, Queue
from llmops_health.demo.texts import load_phrases
from llmops_health.demo.world import World, make_world
from llmops_health.demo.write import write_world
from llmops_health.ledger.verify import Chain, verify

CALENDAR = Calendar.ending(faults.LAST_DAY, faults.DESIGN_DAYS)
INTENTS, DOCUMENTS = QUEUES


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def day(number: int) -> date:
    return CALENDAR.date_of(CALENDAR.index(number))


def reviews(world: World, queue: Queue) -> pl.DataFrame:
    return world.reviews.filter(pl.col("queue_id") == queue.queue_id).with_columns(
        came_on=pl.col("created_at").dt.date(),
        done_on=pl.col("completed_at").dt.date(),
        dwell_s=(pl.col("completed_at") - pl.col("started_at")).dt.total_milliseconds() / 1000,
        wait_h=(pl.col("completed_at") - pl.col("created_at")).dt.total_seconds() / 3600,
        is_seeded=pl.col("gold_decision") != pl.col("suggested_decision"),
        is_caught=pl.col("decision") != pl.col("suggested_decision"),
    )


def caught(rows: pl.DataFrame) -> tuple[int, float]:
    seeded = rows.filter(pl.col("is_seeded") & pl.col("decision").is_not_null())
    return seeded.height, float(seeded["is_caught"].to_numpy().mean())


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.queue_id)
def test_times_of_a_review_come_in_their_order(world: World, queue: Queue) -> None:
    rows = reviews(world, queue)
    done = rows.drop_nulls("completed_at")
    assert rows.height - done.height == rows["decision"].null_count()
    for earlier, later in (
        ("created_at", "assigned_at"),
        ("assigned_at", "started_at"),
        ("started_at", "completed_at"),
    ):
        assert (done[earlier] <= done[later]).all()
    assert done["done_on"].max() <= faults.LAST_DAY  # type: ignore[operator]
    earliest = min(one.starts_at for one in queue.reviewers)
    latest = max(one.starts_at for one in queue.reviewers) + SHIFT_HOURS + 1
    hours = done["completed_at"].dt.hour()
    assert hours.min() >= int(earliest)  # type: ignore[operator]
    assert hours.max() <= latest  # type: ignore[operator]
    alone = done.sort("reviewer_id", "started_at").with_columns(
        free=pl.col("completed_at").shift().over("reviewer_id")
    )
    assert (alone["free"] <= alone["started_at"]).all(ignore_nulls=True)


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.queue_id)
def test_reviews_are_of_calls_and_a_second_one_is_another_persons(
    world: World, queue: Queue
) -> None:
    rows = reviews(world, queue)
    calls = world.calls[queue.feature_id].select("call_id", "started_at", "predicted_label")
    joined = rows.join(calls, on="call_id", how="left", suffix="_call")
    assert (joined["started_at_call"] <= joined["created_at"]).all()
    assert (joined["predicted_label"] == joined["suggested_decision"]).all()
    assert rows["review_id"].is_unique().all()
    twice = rows.drop_nulls("decision").filter(pl.len().over("task_id") == 2)
    assert twice.height / rows.height == pytest.approx(0.18, abs=0.05)
    assert (
        twice.group_by("task_id").agg(pl.col("reviewer_id").n_unique())["reviewer_id"] == 2
    ).all()
    gold = rows["gold_decision"].is_not_null().to_numpy().mean()
    assert gold == pytest.approx(0.3, abs=0.03)


def test_forty_reviews_a_day_come_and_from_a_day_on_half_of_them_wait(world: World) -> None:
    rows = reviews(world, INTENTS)
    assert rows.height / 60 == pytest.approx(40, abs=4)
    short = day(faults.SHORT_STAFF_DAY)
    before, after = rows.filter(pl.col("came_on") < short), rows.filter(pl.col("came_on") >= short)
    settled = before.filter(pl.col("came_on") < short - timedelta(days=1))
    assert (settled["wait_h"] < INTENTS.sla_hours).all()
    n_days = (faults.LAST_DAY - short).days + 1
    done = rows.filter(pl.col("done_on") >= short).height / n_days
    assert done == pytest.approx(22, abs=3)
    assert after.height / n_days - done > 12
    assert rows["decision"].null_count() > 150


def test_one_reviewer_stamps_and_the_others_read(world: World) -> None:
    rows = reviews(world, INTENTS)
    stamped = rows.filter(pl.col("reviewer_id") == "eli@example.com")
    assert stamped["done_on"].min() == day(faults.STAMPING_DAY)
    assert stamped["dwell_s"].median() == pytest.approx(faults.STAMPING_SECONDS, abs=0.1)
    n, share = caught(stamped)
    assert n > 20
    assert share == pytest.approx(faults.STAMPING_CATCH, abs=0.12)
    others = rows.filter(pl.col("reviewer_id") != "eli@example.com")
    assert caught(others)[1] == pytest.approx(0.89, abs=0.06)
    assert float(others["dwell_s"].drop_nulls().to_numpy().min()) > 120


def test_one_reviewer_is_fast_and_as_often_right(world: World) -> None:
    rows = reviews(world, DOCUMENTS)
    fast = rows.filter(pl.col("reviewer_id") == "hugo@example.com")
    assert fast["dwell_s"].median() == pytest.approx(6, abs=0.5)
    assert caught(fast)[1] > 0.8
    assert caught(rows)[1] > 0.85


def test_a_burst_of_one_day_is_worked_off(world: World) -> None:
    rows = reviews(world, DOCUMENTS)
    burst = rows.group_by("came_on").len().sort("len", descending=True).row(0)
    assert burst[0] == day(faults.BURST_DAY)
    assert burst[1] > 50
    of_burst = rows.filter(pl.col("came_on") == burst[0])
    assert of_burst["done_on"].max() <= burst[0] + timedelta(days=2)
    assert rows["wait_h"].max() < DOCUMENTS.sla_hours  # type: ignore[operator]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records")
    write_world(path)
    return path


def test_the_ledger_is_whole_as_it_was_written(folder: Path) -> None:
    found = list(verify([folder / "ledger/ledger.jsonl"]))
    assert all(isinstance(one, Chain) for one in found)
    assert {one.pipeline: len(one.lines) for one in found if isinstance(one, Chain)} == {
        "support-intents/fine-tune": 36,
        "moderation/adapter": 12,
    }
    lines = (folder / "ledger/ledger.jsonl").read_text("utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if '"op": "filter"' in line)
    changed = json.loads(lines[at]) | {"rows_dropped": 47}
    lines[at] = json.dumps(changed)
    other = folder / "altered.jsonl"
    other.write_text("\n".join(lines), encoding="utf-8")
    [bad] = [one for one in verify([other]) if not isinstance(one, Chain)]
    assert bad.number == at + 1


def test_rows_add_up_but_in_the_filter_of_the_fine_tune(world: World) -> None:
    for ledger in world.ledgers.values():
        for step in ledger.steps:
            if step["op"] in {"train", "promote"}:
                continue
            missing = step["rows_in"] - step["rows_dropped"] - step["rows_out"]
            is_spoilt = step["step_id"].startswith("support-intents") and step["op"] == "filter"
            if is_spoilt:
                assert missing / step["rows_in"] == pytest.approx(0.18, abs=0.06)
            else:
                assert missing == 0
    assert spoilt_step(world.ledgers[faults.SUPPORT_INTENTS]).endswith("run-5-filter")


def test_one_run_takes_refunds_for_billing(world: World) -> None:
    shares = {}
    for step in world.ledgers[faults.SUPPORT_INTENTS].steps:
        if step["op"] == "relabel":
            shares[step["prompt_version"], step["started_at"][:10]] = (
                step["labels_flipped"] / step["rows_in"]
            )
    bad = ("intent-labels-v3", str(day(faults.LABEL_PROMPT_DAY)))
    assert shares.pop(bad) > 0.1
    assert len(shares) == 4
    assert {version for version, _ in shares} == {"intent-labels-v2"}
    assert max(shares.values()) < 0.04


def test_rows_of_steps_lead_to_feedback_and_are_those_of_the_step(world: World) -> None:
    known = set(world.feedback["feedback_id"])
    for ledger in world.ledgers.values():
        rows = ledger.row_map
        assert set(rows["feedback_id"]) <= known
        told = dict(
            rows.group_by("step_id").agg(pl.col("out_row_id").is_not_null().sum()).iter_rows()
        )
        for step in ledger.steps:
            if step["step_id"] in told:
                assert told[step["step_id"]] == step["rows_out"]
        texts = world.eval_cases["input_text"].drop_nulls()
        calls = pl.concat(one.select("call_id", "input_text") for one in world.calls.values())
        trained = rows.filter(
            pl.col("out_row_id").is_not_null(), pl.col("step_id").str.ends_with("split")
        )
        inputs = trained.join(world.feedback, on="feedback_id").join(calls, on="call_id")
        assert not inputs["input_text"].is_in(texts.implode()).any()


def test_the_filter_of_moderation_says_why(world: World) -> None:
    steps = world.ledgers[faults.MODERATION].steps
    filters = [step for step in steps if step["op"] == "filter"]
    assert all("spam" in step["params"]["reason"] for step in filters)
    last = filters[-1]
    assert last["class_counts_in"]["spam"] > 40
    assert "spam" not in last["class_counts_out"]


def listed(world: World, *kinds: str) -> list[dict[str, Any]]:
    return [row for row in world.components if row["kind"] in kinds]


def test_every_tool_in_traffic_is_listed(world: World) -> None:
    used = world.calls[faults.CODE_AGENT]["tools"].explode().drop_nulls().unique()
    assert {row["name"] for row in listed(world, "tool")} == set(used)


def test_every_model_and_prompt_in_traffic_is_listed_but_one(world: World) -> None:
    models = {(row["feature_id"], row["name"]) for row in listed(world, "hosted_model")}
    prompts = {(row["feature_id"], row["name"], row["version"]) for row in listed(world, "prompt")}
    unknown = []
    for feature_id, calls in world.calls.items():
        for (name,) in calls.select("request_model").unique().iter_rows():
            if (feature_id, name) not in models:
                unknown.append((feature_id, name))
        for name, version in calls.select("prompt_name", "prompt_version").unique().iter_rows():
            assert (feature_id, name, version) in prompts
    assert unknown == [(faults.HELP_RAG, faults.STRAY_MODEL)]
    for row in listed(world, "prompt"):
        text = load_phrases(row["feature_id"]).system
        assert row["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_few_calls_of_the_help_assistant_go_astray(world: World) -> None:
    calls = world.calls[faults.HELP_RAG]
    stray = calls.filter(pl.col("request_model") == faults.STRAY_MODEL)
    assert set(stray["run_kind"]) == {"prod"}
    assert stray["_day"].min() == CALENDAR.index(faults.STRAY_MODEL_DAY)
    since = calls.filter(
        (pl.col("run_kind") == "prod") & (pl.col("_day") >= CALENDAR.index(faults.STRAY_MODEL_DAY))
    )
    assert stray.height / since.height == pytest.approx(faults.STRAY_MODEL_SHARE, abs=0.01)


def test_checkpoints_are_those_of_ledger_and_evals(world: World) -> None:
    made = {row["component_id"]: row for row in listed(world, "checkpoint")}
    assert len(made) == faults.N_CHECKPOINTS
    runs = world.eval_runs.drop_nulls("component_id")
    assert set(runs["component_id"]) == set(made)
    assert (runs["model"] == runs["component_id"].str.strip_prefix("checkpoint:")).all()
    trained = [
        step for step in world.ledgers[faults.SUPPORT_INTENTS].steps if step["op"] == "train"
    ]
    assert [row["sha256"] for row in made.values()] == [step["output_artifact"] for step in trained]
    assert [row["listed_on"] for row in made.values()] == [step["started_at"] for step in trained]


def test_edges_lead_to_parts(world: World) -> None:
    ids = {row["component_id"] for row in world.components}
    apps = {f"component:default/{feature_id}" for feature_id in world.calls}
    for edge in world.component_edges:
        assert edge["src"] in ids | apps
        assert edge["dst"] in ids
    reached = {edge["dst"] for edge in world.component_edges}
    candidates = {row["component_id"] for row in listed(world, "checkpoint")}
    assert ids - reached == candidates


def test_what_is_wrong_with_the_lists(world: World) -> None:
    gone = [row for row in world.components if "deprecated_on" in row]
    assert [(row["feature_id"], row["name"]) for row in gone] == [
        (faults.CODE_AGENT, parts.WITHDRAWN_MODEL)
    ]
    assert gone[0]["deprecated_on"].startswith(str(faults.LAST_DAY + timedelta(days=20)))
    unlicensed = [
        row["component_id"] for row in world.components if row.get("license") == "unknown"
    ]
    assert unlicensed == [parts.UNLICENSED]
    tools = [row for row in world.components if row["component_id"] == parts.MCP_SERVER]
    assert len({row["version"] for row in tools}) == 1
    assert len({row["sha256"] for row in tools}) == 2
    assert tools[1]["listed_on"].startswith(str(day(faults.MANIFEST_DAY)))
    keys = [
        (row["component_id"], row["version"], row["feature_id"], row.get("sha256"))
        for row in world.components
    ]
    assert len(set(keys)) == len(keys)
    ownerless = {row["feature_id"] for row in world.components if "owner" not in row}
    assert ownerless == {parts.OWNERLESS}


def test_alarms_are_answered_twice_a_week_but_those_without_an_owner(world: World) -> None:
    answers = world.acknowledgements
    assert set(answers["acknowledged_at"].dt.weekday()) == {1, 4}
    answered = set(answers.select("feature_id", "mode", "check_name").iter_rows())
    wanted = {
        (plant.feature_id, plant.mode, check)
        for plant in truth()
        if plant.kind == "fault" and plant.mode not in {"bom", "ownership"}
        and plant.feature_id != parts.OWNERLESS
        for check in plant.checks
    }  # fmt: skip
    assert wanted <= answered
    assert parts.OWNERLESS not in set(answers["feature_id"])
    key = ["acknowledged_at", "feature_id", "mode", "check_name"]
    assert answers.select(pl.struct(key).is_unique().all()).item()


def test_another_seed_has_other_records_of_the_same_kind(world: World) -> None:
    other = make_world(seed=8, days=20, calls_per_day=40)
    assert other.reviews.columns == world.reviews.columns
    assert other.ledgers.keys() == world.ledgers.keys()
    assert not np.array_equal(
        other.reviews["created_at"].head(20), world.reviews["created_at"].head(20)
    )
    for ledger in other.ledgers.values():
        assert all(step["rows_in"] >= step["rows_out"] for step in ledger.steps)
