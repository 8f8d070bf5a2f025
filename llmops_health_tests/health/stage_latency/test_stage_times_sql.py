"""The SQL of span trees: equal to the kernel on any trace, in any shape, for any range of days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from llmops_health import sqlfiles
from llmops_health.kernels.span_tree import SpanTrees, critical_times, exclusive_times, span_trees
from llmops_health.storage.engines import memory

FILES = {file.table: file for file in sqlfiles.load()}
DAY = date(2026, 3, 2)
TABLES = ("summary__stage_times", "summary__stage_hours", "summary__span_samples")
Row = tuple[str, str, str | None, str, float, float]


def made(
    spans: pl.DataFrame,
    table: str = "summary__stage_times",
    *,
    calls: pl.DataFrame | None = None,
    first: date = DAY,
    last: date = DAY,
) -> pl.DataFrame:
    with memory() as db:
        for name, rows in (("core__spans", spans), ("core__calls", calls)):
            columns = ", ".join(f"{n} {kind}" for n, kind in FILES[name].columns.items())
            db.execute(f"create table {name} ({columns})")
            if rows is not None:
                db.register("rows", rows.to_arrow())
                db.execute(f"insert into {name} by name select * from rows")
        params = {"first_day": first, "last_day": last}
        found: pl.DataFrame = db.sql(FILES[table].query, params=params).pl()
        return found


def spans(rows: list[Row], day: date = DAY) -> pl.DataFrame:
    """Trace, span, parent, stage, start in ms of the day, duration."""
    midnight = datetime.combine(day, datetime.min.time())
    listed: list[dict[str, Any]] = [
        {
            "trace_id": trace,
            "span_id": span,
            "parent_span_id": parent,
            "stage": stage,
            "started_at": midnight + timedelta(microseconds=round(1000 * start)),
            "duration_ms": float(duration),
            "feature_id": "help",
            "name": "step",
            "run_kind": "prod",
        }
        for trace, span, parent, stage, start, duration in rows
    ]
    table = pl.DataFrame(listed, schema_overrides={"parent_span_id": pl.String})
    return table.with_columns(day=pl.col("started_at").dt.date())


def sums(table: pl.DataFrame) -> dict[tuple[str, str], float]:
    added = table.group_by("stage", "kind").agg(pl.col("sum_ms").sum())
    return {(stage, kind): ms for stage, kind, ms in added.iter_rows()}


def random_rows(rng: np.random.Generator, n_traces: int) -> tuple[list[Row], SpanTrees]:
    """Traces whose times are rounded, whose clocks differ, and whose spans may have no length."""
    rows: list[Row] = []
    parent: list[int] = []
    for trace in range(n_traces):
        root = len(rows)
        for i in range(int(rng.integers(1, 14))):
            above = root + int(rng.integers(0, i)) if i else -1
            digits = int(rng.choice([0, 3]))
            if i == 0:
                start, lasted = float(rng.integers(0, 80_000_000)), 1_000.0
            else:
                _, _, _, _, begin, long = rows[above]
                start = begin + round(float(rng.uniform(-0.1, 1)) * long, digits)
                lasted = round(float(rng.uniform(0, 0.7)) * long * (rng.random() > 0.1), digits)
            of = None if above < 0 else rows[above][1]
            parent.append(above)
            rows.append((f"t{trace}", f"s{i}", of, f"{trace}-{i}", start, lasted))
    return rows, span_trees(parent, [row[4] for row in rows], [row[5] for row in rows])


@pytest.mark.parametrize("seed", range(12))
def test_sql_and_kernel_agree_on_any_trace(seed: int) -> None:
    rows, trees = random_rows(np.random.default_rng(seed), 40)
    found = sums(made(spans(rows)))
    for at, times in enumerate(zip(critical_times(trees), exclusive_times(trees), strict=True)):
        stage = rows[at][3]
        got = (found[stage, "critical"], found[stage, "exclusive"])
        assert got == pytest.approx(times, abs=2e-3), rows[at]


def chain(n: int) -> list[Row]:
    return [
        ("t", f"s{i}", f"s{i - 1}" if i else None, f"x{i}", float(i), 2.0 * (n - i))
        for i in range(n)
    ]


def fan(n: int, begins: float, lasts: float) -> list[Row]:
    children = [("t", f"s{i}", "root", f"x{i}", begins * i, lasts) for i in range(n)]
    return [("t", "root", None, "root", 0.0, 9_000.0), *children]


SHAPES = {
    "50 levels": chain(50),
    "2,000 one after another": fan(2_000, 4.0, 4.0),
    "2,000 at once": fan(2_000, 0.0, 4_000.0),
    "2,000 that overlap": fan(2_000, 4.0, 41.0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_deep_and_wide_trees(shape: str) -> None:
    rows = SHAPES[shape]
    place = {span: at for at, (_, span, *_) in enumerate(rows)}
    parent = [-1 if above is None else place[above] for _, _, above, *_ in rows]
    trees = span_trees(parent, [row[4] for row in rows], [row[5] for row in rows])
    found = sums(made(spans(rows)))
    total = sum(ms for (_, kind), ms in found.items() if kind == "critical")
    assert total == pytest.approx(rows[0][5])
    exclusive = sum(ms for (_, kind), ms in found.items() if kind == "exclusive")
    assert exclusive == pytest.approx(exclusive_times(trees).sum())
    if shape != "2,000 at once":  # equal spans: whose the path is hangs on their ids
        assert [found[row[3], "critical"] for row in rows] == pytest.approx(critical_times(trees))


def test_cycles_are_in_no_request() -> None:
    rows: list[Row] = [
        ("t", "r", None, "root", 0, 100),
        ("t", "a", "b", "a", 10, 20),
        ("t", "b", "a", "b", 10, 20),
        ("t", "c", "b", "c", 10, 20),
    ]
    assert {stage for stage, _ in sums(made(spans(rows)))} == {"root", "(request)"}


def history() -> pl.DataFrame:
    """Three days of requests, some of which run past midnight."""
    rng = np.random.default_rng(5)
    days = []
    for ahead in range(-1, 3):
        rows, _ = random_rows(rng, 30)
        late: list[Row] = [
            ("late", f"r{ahead}", None, "other", 86_399_900.0, 500.0 if ahead == 0 else 50.0),
            ("late", f"a{ahead}", f"r{ahead}", "embed", 86_399_910.0, 40.0),
            ("late", f"b{ahead}", f"r{ahead - 1}", "llm", 10.0, 300.0),
            ("late", f"c{ahead}", f"b{ahead}", "tool", 20.0, 30.0),
        ]
        days.append(spans(rows + late, DAY + timedelta(days=ahead)))
    return pl.concat(days)


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_a_day_hang_on_no_later_day_and_on_no_range(table: str) -> None:
    everything = history()
    last = DAY + timedelta(days=2)
    at_once = made(everything, table, first=DAY, last=last)
    for ahead in range(3):
        day = DAY + timedelta(days=ahead)
        as_known_then = everything.filter(pl.col("day") <= day)
        alone = made(as_known_then, table, first=day, last=day)
        grain = list(FILES[table].grain)
        both = [rows.filter(pl.col("day") == day).sort(grain) for rows in (at_once, alone)]
        assert len(both[0]) > 10
        assert both[0].drop("sum_ms", strict=False).equals(both[1].drop("sum_ms", strict=False))


def test_ids_may_hold_anything() -> None:
    rows: list[Row] = [
        ("a'b\n", "1", None, "other", 0, 100),
        ("a'b\n", "é", "1", "llm", 10, 50),
        ("a", "'b\n1", None, "other", 0, 100),
    ]
    found = sums(made(spans(rows)))
    assert found["(request)", "total"] == 200
    assert found["llm", "critical"] == 50


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -5.0])
def test_durations_that_are_none_count_as_nothing(duration: float) -> None:
    rows: list[Row] = [("t", "r", None, "other", 0, 100), ("t", "a", "r", "llm", 10, duration)]
    found = sums(made(spans(rows)))
    assert found["llm", "total"] == 0
    assert found["(request)", "critical"] == 100


def test_samples_are_the_same_few_requests_each_time() -> None:
    rows: list[Row] = []
    for i in range(300):
        rows += [(f"t{i}", "r", None, "other", i, 100), (f"t{i}", "a", "r", "llm", i, 50)]
    wide = [("wide", f"s{i}", "s0" if i else None, "llm", 0.0, 10.0) for i in range(201)]
    found = made(spans(rows), "summary__span_samples")
    assert found["request_id"].n_unique() == 128
    assert len(found) == 256
    again = made(spans(rows[::-1]), "summary__span_samples")
    assert found.sort("span_id").equals(again.sort("span_id"))
    assert made(spans(wide), "summary__span_samples").is_empty()


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("openai.embeddings.create", "embed"),
        ("VectorStoreRetriever", "retrieve"),
        ("BM25 search", "retrieve"),
        ("cohere.rerank", "rerank"),
        ("re-rank passages", "rerank"),
        ("ChatOpenAI", "llm"),
        ("litellm_request", "llm"),
        ("llm_guard.scan", "guardrail"),
        ("ChatPromptTemplate", "prompt"),
        ("PDF loader", "load"),
        ("RecursiveCharacterTextSplitter", "chunk"),
        ("StrOutputParser", "postprocess"),
        ("queue.wait", "queue"),
        ("running tool: get_weather", "tool"),
        ("RunnableSequence", "other"),
        ("research agent", "other"),
        ("await payload", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_a_name_tells_its_stage(name: str | None, stage: str) -> None:
    with memory() as db:
        assert db.execute("select span_stage($1)", [name]).fetchall() == [(stage,)]
