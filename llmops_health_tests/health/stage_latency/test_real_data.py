"""Traces that ten frameworks really wrote: each is a request, and its path adds up to it."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from llmops_health_tests.health.stage_latency.test_stage_times_sql import made, sums

DATA_VARIABLE = "LLMOPS_HEALTH_REAL_DATA"
FOLDER = Path(os.environ.get(DATA_VARIABLE, "")) / "trace_fixtures" / "langfuse"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not os.environ.get(DATA_VARIABLE), reason=f"{DATA_VARIABLE} names no folder of real data"
    ),
]


def when(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def spans(path: Path) -> pl.DataFrame:
    """Take the observations of a trace as Langfuse's page gives them, without a stage."""
    given: dict[str, Any] = json.loads(path.read_text("utf-8"))
    rows = [
        {
            "day": when(one["startTime"]).date(),
            "trace_id": path.stem,
            "span_id": one["id"],
            "parent_span_id": one["parentObservationId"],
            "feature_id": path.stem,
            "name": one["name"],
            "run_kind": "prod",
            "started_at": when(one["startTime"]),
            "duration_ms": (when(one["endTime"]) - when(one["startTime"])).total_seconds() * 1_000,
        }
        for one in given["observations"]
    ]
    return pl.DataFrame(rows, schema_overrides={"parent_span_id": pl.String})


def stage_times(path: Path) -> dict[tuple[str, str], float]:
    rows = spans(path)
    [day] = rows["day"].unique().to_list()
    return sums(made(rows, first=day, last=day))


def traces() -> list[Path]:
    return sorted(FOLDER.glob("*.trace.json"))


@pytest.mark.parametrize("path", traces(), ids=lambda path: path.stem)
def test_the_path_adds_up_to_the_request(path: Path) -> None:
    found = stage_times(path)
    path_ms = sum(ms for (_, kind), ms in found.items() if kind == "critical")
    # Times are in whole ms, so that steps that follow each other may overlap by one.
    assert path_ms == pytest.approx(found["(request)", "total"], abs=len(spans(path)))
    assert not {kind for _, kind in found} & {"orphan", "unfinished"}


def test_all_ten_are_there() -> None:
    assert len(traces()) == 10


def test_what_the_names_of_the_spans_tell() -> None:
    by_trace = {path.stem: stage_times(path) for path in traces()}
    crew = by_trace["crewai-2025-07-11.trace"]
    assert crew["llm", "critical"] == 3_694
    assert crew["(request)", "total"] == 3_750
    # Four answers of models, 2,362 + 1,707 + 1,283 + 2,050 ms, and three tools at once.
    jokes = by_trace["pydantic-ai-tools-2025-12-04.trace"]
    assert jokes["llm", "critical"] == 7_402
    assert jokes["tool", "critical"] == 6
    assert jokes["tool", "exclusive"] == 16
    assert jokes["(request)", "total"] == 7_424
    # A request of one span is its model's, with no gap; an agent that names no model is "other".
    alone = by_trace["pydantic-ai-with-gemini-2025-12-24.trace"]
    assert alone["llm", "critical"] == alone["(request)", "total"] == 1_820
    agents = by_trace["openai-agents-2025-09-30.trace"]
    assert ("llm", "critical") not in agents
    assert agents["other", "critical"] == 2_190
