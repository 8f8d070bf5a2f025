"""`where:`: of files that hold several kinds of rows, those that belong; nothing is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmops_health.config import ConfigError
from llmops_health_tests.ingest.project import Project, call

EVENTS = [
    call("1", event="send", n=1),
    call("2", event="undo", n=2),
    call("3", event="send", n=30),
    call("4", n=4),
]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("event = 'send'", ["1", "3"]),
        ("event = 'send' and n < 10", ["1"]),
        ("file_row_number < 2", ["1", "2"]),
        ("event is null", ["4"]),
    ],
)
def test_only_rows_of_the_condition_come_in(tmp_path: Path, where: str, kept: list[str]) -> None:
    project = Project(tmp_path)
    project.write("x.jsonl", EVENTS)
    project.source("x.jsonl", where=where)
    [report] = project.land()
    assert (report.n_rows, report.n_rejected) == (len(kept), 0)
    landed = project.warehouse.frame("select call_id from landed__calls order by call_id")
    assert landed["call_id"].to_list() == kept


def test_a_broken_line_is_refused_not_left_out(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.write("x.jsonl", EVENTS)
    path.write_bytes(b'{"call_id": "0", "event": "se\n' + path.read_bytes())
    project.source("x.jsonl", where="event = 'send'")
    [report] = project.land()
    assert (report.n_rows, report.n_new, report.n_rejected) == (3, 2, 1)
    rejects = project.warehouse.frame("select row_number, reason from landed__rejects")
    assert rejects["row_number"].to_list() == [1]
    assert rejects["reason"][0].startswith("not JSON, cut off")


def test_a_condition_that_does_not_fit_names_its_key(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("x.jsonl", EVENTS)
    project.source("x.jsonl", where="kind = 'send'")
    with pytest.raises(ConfigError, match=r"sources\[0\].where `kind = 'send'` does not work"):
        project.land()


def test_another_condition_reads_the_file_again(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("x.jsonl", EVENTS)
    project.source("x.jsonl", where="event = 'send'")
    project.land()
    project.sources[0]["where"] = "event = 'undo'"
    project.land()
    landed = project.warehouse.frame("select call_id from landed__calls")
    assert landed["call_id"].to_list() == ["2"]
