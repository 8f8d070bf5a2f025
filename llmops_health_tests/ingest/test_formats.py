"""Every native format and way of naming files; times, blanks, unknown columns, all tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmops_health.columns import Column, Kind
from llmops_health.contract import TABLES, Table
from llmops_health_tests.ingest.project import Project, call, lines

NOON = datetime(2026, 10, 1, 12, 0, 0)  # noqa: DTZ001 - stored times are naive UTC


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_text_formats_plain_and_compressed(project: Project, kind: str, suffix: str) -> None:
    rows = [call("1", latency_ms=12.5, input_text='say "hi", ok?'), call("2", latency_ms=None)]
    data = lines(rows) if kind == "jsonl" else pl.DataFrame(rows).write_csv().encode()
    project.write(f"calls.{kind}{suffix}", data)
    project.source(f"calls.{kind}{suffix}")
    [report] = project.land()
    assert (report.n_rows, report.n_new, report.n_rejected) == (2, 2, 0)
    assert project.calls("call_id, latency_ms") == [("1", 12.5), ("2", None)]
    assert 'say "hi", ok?' in project.texts()["input_text"].to_list()


def test_parquet(project: Project) -> None:
    table = pa.table(
        {
            "call_id": [1, 2],
            "feature_id": ["f", "f"],
            "started_at": pa.array([NOON, NOON], pa.timestamp("ns")),
            "input_tokens": pa.array([7, None], pa.int32()),
            "tools": [["search", "sum"], None],
            "region": ["eu", None],
            "nested": [{"a": 1}, None],
        }
    )
    pq.write_table(table, project.root / "calls.parquet")
    project.source("calls.parquet")
    project.land()
    assert project.calls("call_id, started_at, input_tokens, tools") == [
        ("1", NOON, 7, '["search","sum"]'),
        ("2", NOON, None, None),
    ]
    [first, second] = project.calls("attributes")
    assert json.loads(first) == {"region": "eu", "nested": {"a": 1}}
    assert second is None


def test_globs_lists_and_folders_between_files(project: Project) -> None:
    for name in ("a/1.jsonl", "a/b/2.jsonl", "c/3.jsonl", "c/4.json"):
        project.write(name, [call(name)])
    (project.root / "a" / "folder.jsonl").mkdir()
    project.source(["a/**/*.jsonl", "a/*.jsonl", "c/3.jsonl"])
    assert len(project.land()) == 3
    assert project.calls() == ["a/1.jsonl", "a/b/2.jsonl", "c/3.jsonl"]


TIMES: list[tuple[object, datetime]] = [
    ("2026-10-01T12:00:00Z", NOON),
    ("2026-10-01 12:00:00", NOON),
    ("2026-10-01T14:00:00+02:00", NOON),
    ("2026-10-01T06:30:00.5-0530", NOON.replace(microsecond=500_000)),
    ("2026-10-01", NOON.replace(hour=0)),
    (1790856000, NOON),
    (1790856000.25, NOON.replace(microsecond=250_000)),
    (1790856000_000, NOON),
    (1790856000_000_000, NOON),
    (1790856000_000_000_000, NOON),
    ("1790856000", NOON),
    ("1790856000000", NOON),
]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_times_in_text(project: Project, suffix: str) -> None:
    rows = [call(f"{i:02}", started_at=written) for i, (written, _) in enumerate(TIMES)]
    csv = "call_id,feature_id,started_at\n" + "".join(
        f"{row['call_id']},f,{row['started_at']}\n" for row in rows
    )
    project.write(f"x.{suffix}", csv.encode() if suffix == "csv" else rows)
    project.source(f"x.{suffix}")
    project.land()
    assert project.calls("started_at") == [expected for _, expected in TIMES]


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us", tz="Europe/Berlin"), pa.int64()],
)
def test_times_in_parquet(project: Project, kind: Any) -> None:
    stamp = 1790856000_000 if kind == pa.int64() else NOON.replace(tzinfo=UTC)
    if kind != pa.int64() and kind.tz is None:
        stamp = NOON
    columns = {"call_id": ["1"], "feature_id": ["f"], "started_at": pa.array([stamp], kind)}
    pq.write_table(pa.table(columns), project.root / "x.parquet")
    project.source("x.parquet")
    project.land()
    assert project.calls("started_at") == [NOON]


def test_null_and_empty_are_unknown_never_zero(project: Project) -> None:
    blank = dict.fromkeys(
        ("latency_ms", "input_tokens", "seed", "confidence", "params_known", "updated_at",
         "run_kind", "tools", "error_type", "user_id"), ""
    )  # fmt: skip
    project.write("x.jsonl", [call("1", **blank), call("2", **dict.fromkeys(blank, None))])
    project.source("x.jsonl")
    project.land()
    assert project.rejects() == []
    for row in project.calls(", ".join(blank)):
        assert row == tuple("unknown" if name == "run_kind" else None for name in blank)


def test_zero_and_false_stay(project: Project) -> None:
    project.write("x.jsonl", [call(latency_ms=0, confidence=0, params_known=False, input_text="")])
    project.source("x.jsonl")
    project.land()
    columns = "latency_ms, confidence, params_known, n_input_chars"
    assert project.calls(columns) == [(0.0, 0.0, False, 0)]


def test_unknown_columns_are_kept_as_attributes(project: Project) -> None:
    project.write("x.jsonl", [call("1", team="blue", n=3, deep={"a": [1, None]}), call("2")])
    project.source("x.jsonl")
    project.land()
    [first, second] = project.calls("attributes")
    assert json.loads(first) == {"team": "blue", "n": 3, "deep": {"a": [1, None]}}
    assert second is None


def test_a_column_that_comes_late_in_a_file_is_read(project: Project) -> None:
    padding = "x" * 200
    rows = [call(f"{i:06}", padding=padding) for i in range(5000)]
    rows[-1] |= {"error_type": "timeout", "late": 1}
    project.write("x.jsonl", rows)
    project.source("x.jsonl")
    project.land()
    assert project.sql("select call_id, error_type from landed__calls where error_type <> ''") == [
        ("004999", "timeout")
    ]
    assert '"late":1' in project.calls("attributes")[-1]


def test_odd_keys_of_json_lines(project: Project) -> None:
    odd = {
        "": "empty",
        'q"uote': 1,
        "sp ace": 2,
        "ünïcode": 3,
        "'); drop table landed__calls; --": 4,
        "Call_ID": "other",
        "a/b~c": 5,
        "filename": "mine",
        "file_row_number": 6,
    }
    project.write("x.jsonl", [call("1", **odd), call("2", confidence=0.5)])
    project.source("x.jsonl")
    project.land()
    assert project.rejects() == []
    assert project.calls("call_id, confidence") == [("1", None), ("2", 0.5)]
    kept = json.loads(project.calls("attributes")[0])
    assert kept.pop(" (2)") == "empty"
    assert kept.pop("Call_ID (2)") == "other"
    assert kept == {key: value for key, value in odd.items() if key not in {"", "Call_ID"}}


def test_of_a_key_given_twice_the_first_counts(project: Project) -> None:
    start = '{"call_id": "1", "call_id": "2", "feature_id": "f", "started_at": "2026-10-01"}\n'
    project.write("x.jsonl", start.encode())
    project.source("x.jsonl")
    project.land()
    assert project.calls() == ["1"]


def test_odd_headers_of_csv(project: Project) -> None:
    head = 'call_id,feature_id,started_at,"a ""b""",,"\'); drop table x; --",filename\n'
    project.write("it's.csv", (head + "1,f,2026-10-01,2,3,4,5\n").encode())
    project.source("it's.csv")
    project.land()
    assert project.calls() == ["1"]
    kept = json.loads(project.calls("attributes")[0])
    assert sorted(kept.values()) == ["2", "3", "4", "5"]
    assert kept["'); drop table x; --"] == "4"


def test_a_file_name_is_never_sql(project: Project) -> None:
    name = "a'); drop table landed__calls; --.jsonl"
    project.write(name, [call("1"), {"call_id": "2"}])
    project.source("*.jsonl")
    project.land()
    assert project.calls() == ["1"]
    assert project.rejects("path, row_number") == [(str(project.root / name), 2)]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_byte_order_mark_is_no_content(project: Project, suffix: str) -> None:
    text = (
        lines([call()]) if suffix == "jsonl" else b"call_id,feature_id,started_at\n1,f,2026-10-01"
    )
    project.write(f"x.{suffix}", b"\xef\xbb\xbf" + text)
    project.source(f"x.{suffix}")
    project.land()
    assert project.calls() == ["1"]


def example(table: Table, column: Column) -> Any:
    if column.among:
        return column.among[0]
    by_kind: dict[Kind, object] = {
        Kind.NUMBER: 1.5,
        Kind.UNIT: 0.5,
        Kind.COUNT: 3,
        Kind.INTEGER: -3,
        Kind.FLAG: True,
        Kind.TIME: "2026-10-01T12:00:00Z",
        Kind.JSON: {"a": 1},
        Kind.NAMES: ["x", "y"],
    }
    return by_kind.get(column.kind, f"{table.name} {column.name}")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_full_and_bare(project: Project, table: Table) -> None:
    full = {column.name: example(table, column) for column in table.columns}
    bare = {column.name: full[column.name] for column in table.columns if column.required}
    # Another row, not the same one with less.
    bare[table.identity[0]] = "another"
    project.write("x.jsonl", [full, bare])
    project.source("x.jsonl", table.name)
    [report] = project.land()
    assert (report.n_new, project.rejects()) == (2, [])
    columns = [column.name for column in table.columns if column.kind is not Kind.TEXT]
    key = table.identity[0]
    stored = project.warehouse.frame(
        f"select {', '.join(columns)} from landed__{table.name} order by {key} = 'another'"
    )
    for column in table.columns:
        if column.kind is Kind.TEXT:
            continue
        values = stored[column.name].to_list()
        expected = full[column.name]
        if column.kind is Kind.TIME:
            expected = NOON
        elif column.kind in {Kind.JSON, Kind.NAMES}:
            expected = json.dumps(expected, separators=(",", ":"))
        if column.kind is not Kind.PERSON:
            assert values[0] == expected
        if not column.required:
            default = {"unknown": "unknown", "0": 0}.get(str(column.default))
            assert values[1] == default


def test_one_file_into_two_tables(project: Project) -> None:
    row = call() | {"label": "billing", "labelled_at": "2026-10-03"}
    project.write("both.jsonl", [row])
    project.source("both.jsonl")
    project.source("both.jsonl", "labels")
    assert [report.table for report in project.land()] == ["calls", "labels"]
    assert project.sql("select label from landed__labels") == [("billing",)]
    assert project.days() == {"2026-10-01", "2026-10-03"}
    assert {report.state for report in project.land()} == {"same"}


def test_a_folder_may_be_called_like_a_pattern(tmp_path: Path) -> None:
    project = Project(tmp_path / "team [a]")
    project.write("calls.jsonl", [call()])
    project.source("calls.jsonl")
    assert [report.n_new for report in project.land()] == [1]
