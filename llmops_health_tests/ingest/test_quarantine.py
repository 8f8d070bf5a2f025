"""Bad rows are put aside with file, line, column, value and reason; the others go in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmops_health.ingest import quarantine
from llmops_health.ingest.quarantine import Dialect, locate_records, why_not_json
from llmops_health_tests.ingest.project import Project, call, lines

GOOD = lines([call("good")])
MANY = b"".join(lines([call(f"n{i}")]) for i in range(50))


BAD_LINES: list[tuple[bytes, str, str]] = [
    (b"stray words", "", "not JSON"),
    (b'{"call_id": "1", "feature_id": "f", "start', "", "not JSON, cut off"),
    (b'["1", "f"]', "", "not a JSON object"),
    (b"null", "", "not a JSON object"),
    (b'"call"', "", "not a JSON object"),
    (b'{"call_id": "\xff\xfe"}', "", "invalid UTF-8 at byte 14"),
    (b'{"call_id": "1"} {"call_id": "2"}', "", "not JSON"),
    (lines([call(None)]), "call_id", "missing"),
    (lines([call("  ")]), "call_id", "missing"),
    (lines([{"call_id": "1", "started_at": "2026-10-01"}]), "feature_id", "missing"),
    (lines([call("x" * 513)]), "call_id", "longer than 512 characters"),
    (lines([call(session_id="x" * 65_537)]), "session_id", "longer than 65536 characters"),
    (lines([call(user_id="x" * 65_537)]), "user_id", "longer than 65536 characters"),
    (lines([call(confidence=1.7)]), "confidence", "must lie in 0 to 1"),
    (lines([call(confidence=-0.1)]), "confidence", "must lie in 0 to 1"),
    (lines([call(confidence="high")]), "confidence", "not a number"),
    (lines([call(context_score={"a": 1})]), "context_score", "not a number"),
    (
        b'{"call_id":"1","feature_id":"f","started_at":"2026-10-01","confidence":NaN}',
        "confidence",
        "must lie in 0 to 1",
    ),
    (
        b'{"call_id":"1","feature_id":"f","started_at":"2026-10-01","latency_ms":NaN}',
        "latency_ms",
        "not a finite number",
    ),
    (lines([call(latency_ms="1e400")]), "latency_ms", "not a finite number"),
    (lines([call(latency_ms="fast")]), "latency_ms", "not a finite number"),
    (lines([call(latency_ms=True)]), "latency_ms", "not a finite number"),
    (lines([call(input_tokens=1.5)]), "input_tokens", "not a whole number"),
    (lines([call(input_tokens=-1)]), "input_tokens", "must not be negative"),
    (lines([call(input_tokens="many")]), "input_tokens", "not a whole number"),
    (lines([call(seed=0.5)]), "seed", "not a whole number"),
    (lines([call(params_known="maybe")]), "params_known", "not true or false"),
    (lines([call(run_kind="live")]), "run_kind", "must be one of prod"),
    (lines([call(started_at="yesterday")]), "started_at", "not a time"),
    (lines([call(started_at=["2026"])]), "started_at", "not a time"),
    (lines([call(started_at="58000-01-01")]), "started_at", "must lie between 2020-01-01"),
    (lines([call(started_at="infinity")]), "started_at", "must lie between 2020-01-01"),
    (lines([call(started_at="2019-12-31T23:59:59Z")]), "started_at", "must lie between 2020"),
    (lines([call(started_at=1e300)]), "started_at", "not a time"),
    (lines([call(updated_at="2150-01-01")]), "updated_at", "must lie between 1970-01-01"),
]


def test_each_bad_line_is_put_aside_and_the_good_ones_go_in(project: Project) -> None:
    # Blank lines and both ends of line, so that a line's number is not a row's.
    bad = b"".join(b"  \r\n" + line.rstrip(b"\n") + b"\r\n" for line, _, _ in BAD_LINES)
    project.write("x.jsonl", b"\n" + GOOD + bad + MANY)
    project.source("x.jsonl")
    [report] = project.land()
    n_bad = len(BAD_LINES)
    assert (report.n_rows, report.n_rejected, report.n_new) == (51 + n_bad, n_bad, 51)
    found = project.rejects("path, table_name, row_number, column_name, reason")
    for i, (line, column, reason) in enumerate(BAD_LINES):
        *where, said = found[i]
        assert where == [str(project.root / "x.jsonl"), "calls", 4 + 2 * i, column], line[:80]
        assert said.startswith(reason)
    assert "n49" in project.calls()


@pytest.mark.parametrize(
    ("name", "row", "column", "reason"),
    [
        ("feedback", {"score": 7}, "score", "must lie in 0 to 1"),
        ("feedback", {"source_kind": "human"}, "source_kind", "must be one of HUMAN | LLM"),
        ("ledger_steps", {"params": "{oops"}, "params", "not JSON"),
        ("ledger_steps", {"op": "mangle"}, "op", "must be one of ingest"),
        ("ledger_steps", {"rows_out": None}, "rows_out", "missing"),
    ],
)
def test_rules_of_other_tables(
    project: Project, name: str, row: dict[str, object], column: str, reason: str
) -> None:
    good = {
        "feedback": {"feedback_id": "1", "feature_id": "f", "created_at": "2026-10-01", "score": 1},
        "ledger_steps": {
            "pipeline_id": "p", "step_id": "1", "seq": 1, "op": "filter",
            "started_at": "2026-10-01", "rows_in": 2, "rows_out": 1,
        },
    }[name]  # fmt: skip
    project.write("x.jsonl", [good | row, good])
    project.source("x.jsonl", name)
    [report] = project.land()
    assert (report.n_rejected, report.n_new) == (1, 1)
    [(number, where, why)] = project.rejects()
    assert (number, where, why[: len(reason)]) == (1, column, reason)


def test_values_are_shown_short_and_printable(project: Project) -> None:
    project.write("x.jsonl", [call(started_at="\x1b[31mred\n" + "z" * 500)])
    project.source("x.jsonl")
    project.land()
    [(value,)] = project.rejects("value")
    assert value.startswith("\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}zzz")
    assert len(value) == 120


@pytest.mark.parametrize("megabytes", [10, 20])
def test_a_huge_line_is_put_aside(project: Project, megabytes: int) -> None:
    huge = lines([call("huge", input_text="x" * (megabytes << 20))])
    project.write("x.jsonl", GOOD + huge + MANY)
    project.source("x.jsonl")
    [report] = project.land()
    assert (report.n_rejected, report.n_new) == (1, 51)
    [(number, column, reason)] = project.rejects()
    assert (number, column) == (2, "")
    # Which of the two limits a line of 20 MB meets first is the reader's affair.
    assert reason in {"row longer than 8 MiB", "line longer than 16 MiB"}


def test_line_numbers_hold_over_many_chunks(project: Project) -> None:
    bad_row = 30_000
    rows = [call(i, padding="x" * 400) for i in range(60_000)]
    for row in rows[bad_row : bad_row + 2]:
        row["confidence"] = 2
    project.write("x.jsonl", rows)
    project.source("x.jsonl")
    [report] = project.land()
    assert report.n_new == 59_998
    assert [row[0] for row in project.rejects()] == [bad_row + 1, bad_row + 2]


def test_csv_rows_that_cannot_be_split_and_rows_that_break_rules(project: Project) -> None:
    text = (
        b"call_id,feature_id,started_at,error_type,confidence\n"
        b'1,f,2026-10-01,"two\nlines",0.5\n'
        b"2,f,2026-10-01,,1.7\n"
        b"3,f,2026-10-01\n"
        b"4,f,2026-10-01,,0.5,more,still\n"
        b"5,f,2026-10-01,\xff\xfe,0.5\n"
        b"\n"
        b"6,f,soon,,0.5\n"
        b"7,f,2026-10-01,,0.5\n"
    )
    project.write("x.csv", text)
    project.source("x.csv")
    [report] = project.land()
    assert project.calls() == ["1", "7"]
    found = {row: (column, reason) for row, column, reason in project.rejects()}
    assert sorted(found) == [4, 5, 6, 7, 9]
    assert found[4] == ("confidence", "must lie in 0 to 1")
    assert "Expected Number of Columns: 5" in found[5][1]
    assert "Expected Number of Columns: 5" in found[6][1]
    assert "unicode" in found[7][1]
    assert found[9][0] == "started_at"
    assert (report.n_rows, report.n_rejected, report.n_new) == (7, 5, 2)


def test_records_are_located_by_the_dialect(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"note\nid;v\n'a\nb';1\n2;2\n\n3;3\n")
    faults = [(0, "v\x1fbad\x1f1"), (2, "v\x1fbad\x1f3")]
    found = locate_records(path, faults, Dialect(";", "'", "", 1), {5})
    assert [reject.row_number for reject in found] == [3]
    found = locate_records(path, faults, Dialect(";", "'", "", 1), set())
    assert [reject.row_number for reject in found] == [3, 7]


def test_parquet_rows_are_numbered_from_one(project: Project) -> None:
    columns = {"call_id": ["1", None, "3"], "feature_id": ["f"] * 3, "confidence": [0.1, 0.2, 5.0]}
    table = pa.table(columns | {"started_at": ["2026-10-01"] * 3})
    pq.write_table(table, project.root / "x.parquet")
    project.source("x.parquet")
    project.land()
    assert project.calls() == ["1"]
    assert project.rejects() == [
        (2, "call_id", "missing"),
        (3, "confidence", "must lie in 0 to 1"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason", "n_new"),
    [
        ("x.parquet", b"not parquet at all", "cannot be read as parquet: ", 0),
        ("x.parquet", b"", "cannot be read as parquet: ", 0),
        ("x.jsonl.gz", gzip.compress(MANY * 2000)[:-2000], "cannot be read to its end: ", 1),
        ("x.csv.gz", gzip.compress(b"call_id,feature_id,started_at\n"
         + b"".join(b"c%d,f,2026-10-01\n" % i for i in range(200_000)))[:-2000],
         "cannot be read to its end: ", 1),
        ("x.jsonl.zst", b"(\xb5/\xfd broken", "cannot be read to its end: ", 0),
        ("x.jsonl.gz", b"no gzip", "cannot be read to its end: ", 0),
    ],
)  # fmt: skip
def test_a_file_that_is_broken_as_a_whole(
    project: Project, name: str, content: bytes, reason: str, n_new: int
) -> None:
    (project.root / name).write_bytes(content)
    project.write("good.jsonl", GOOD)
    project.source(name)
    project.source("good.jsonl")
    broken, good = project.land()
    assert good.n_new == 1
    assert (broken.n_rejected, broken.n_new > 0) == (1, n_new > 0)
    [(number, _, said)] = project.rejects()
    assert (number, said[: len(reason)]) == (0, reason)
    assert not list(project.warehouse.staging.iterdir())
    assert {report.state for report in project.land()} == {"same"}


def test_a_broken_file_does_not_spoil_its_group(project: Project) -> None:
    for i in range(3):
        pq.write_table(
            pa.table({"call_id": [str(i)], "feature_id": ["f"], "started_at": ["2026-10-01"]}),
            project.root / f"{i}.parquet",
        )
    (project.root / "1.parquet").write_bytes(b"PAR1 cut")
    project.source("*.parquet")
    project.land()
    assert project.calls() == ["0", "2"]
    assert project.rejects("path, row_number") == [(str(project.root / "1.parquet"), 0)]


@pytest.mark.parametrize("content", [b"", b"\n\n  \n"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.jsonl.gz"])
def test_a_file_without_rows_is_no_fault(project: Project, name: str, content: bytes) -> None:
    project.write(name, content)
    project.write("y" + name, GOOD if "jsonl" in name else b"call_id\n")
    project.source("*" + name)
    first, _ = project.land()
    assert (first.n_rows, first.n_rejected) == (0, 0)
    assert project.rejects() == []
    assert {report.state for report in project.land()} == {"same"}


@pytest.mark.parametrize("line", [json.dumps(call()).encode(), b'{"a": 1e99}', b'{"a": 1, "a": 2}'])
def test_why_not_json_of_lines_that_are_read(line: bytes) -> None:
    assert why_not_json(line) is None


def test_a_file_that_breaks_late_is_read_as_far_as_it_can_be(project: Project) -> None:
    rows = [call(str(i), input_text="word " * 60) for i in range(40_000)]
    broken = lines(rows[:39_000]) + b'{"call_id": "\xff"}\n' + lines(rows[39_000:])
    project.write("x.jsonl", broken)
    project.source("x.jsonl")
    [report] = project.land()
    assert (report.n_new, report.n_rejected) == (40_000, 1)
    assert project.rejects("row_number") == [(39_001,)]
    assert len(project.texts()) == 40_000


def test_rows_of_large_files_that_are_read_together_keep_their_places(project: Project) -> None:
    wrong = {"a": [0, 9_000, 24_999], "b": [8_191, 8_192, 20_000]}
    for name, places in wrong.items():
        rows = [call(f"{name}{i}", run_kind="prod", confidence=0.5) for i in range(25_000)]
        for place in places:
            rows[place]["confidence"] = 7
        project.write(f"{name}.jsonl", b"\n  \n" + lines(rows))
    project.source(["a.jsonl", "b.jsonl"])
    project.land()
    expected = [place + 3 for places in wrong.values() for place in places]
    assert project.rejects("row_number") == [(number,) for number in expected]


def test_lines_are_the_same_however_long_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "_CHUNK", 16)
    monkeypatch.setattr(quarantine, "_LONGEST_LINE", 64)
    path = tmp_path / "x.jsonl"
    content = [b"", b"a" * 15, b"  ", b"b" * 40, b"", b"c" * 300, b"d", b"e" * 17]
    path.write_bytes(b"\n".join(content))
    found = [line.removesuffix(b"\n") for line in quarantine._lines(path)]
    assert [line[:64] for line in found] == [line[:64] for line in content]
    given = [i for i, line in enumerate(content) if line.strip()]
    faults = [(place, f"x\x1fwrong\x1f{place}") for place in range(len(given))]
    located = quarantine.locate_lines(path, faults)
    assert [(r.row_number, r.value) for r in located] == [
        (line + 1, str(place)) for place, line in enumerate(given)
    ]
