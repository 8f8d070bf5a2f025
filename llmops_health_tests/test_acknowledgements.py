"""Acknowledgements: the file, which alarm is meant and until when, the command as it is used."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from llmops_health import acknowledgements, sqlfiles
from llmops_health.acknowledgements import Alarm
from llmops_health.cli import app
from llmops_health.config import acknowledgements_path, load
from llmops_health.ingest import files, land
from llmops_health.judge import FINDING_COLUMNS
from llmops_health.report.verdicts import VERDICT_COLUMNS
from llmops_health.storage import days
from llmops_health.storage.warehouse import Warehouse, open_published

LAST = date(2026, 10, 31)
NAME = "help/desk/drift.input_drift"
HOSTILE = 'predicted_label = it\'s\n"x"/y'


def config_file(folder: Path, text: str = "") -> Path:
    path = folder / "llmops-health.yaml"
    path.write_text(text or "features: [{id: help/desk, kind: rag}]\n", "utf-8")
    return path


def published(path: Path, *findings: tuple[int, str, str], said: tuple[object, ...] = ()) -> Path:
    """Publish findings of `drift.input_drift`: days before the last, segment and status."""
    made = {file.table: file for file in sqlfiles.load()}
    tables = {
        "health__findings": FINDING_COLUMNS,
        "health__verdicts": VERDICT_COLUMNS,
        "core__acknowledgements": made["core__acknowledgements"].columns,
    }
    with duckdb.connect(path.parent / "health.duckdb") as connection:
        for name, columns in tables.items():
            listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"create table {name} ({listed})")
        for before, segment, status in findings:
            connection.execute(
                "insert into health__findings (day, feature_id, mode, check_name, segment, status)"
                " values (?, 'help/desk', 'drift', 'input_drift', ?, ?)",
                [LAST - timedelta(before), segment, status],
            )
        connection.execute(
            "insert into health__verdicts values"
            " (?, 'help/desk', 'drift', 'failing', 1, 1, 'input_drift: m')",
            [LAST],
        )
        if said:
            connection.execute(
                "insert into core__acknowledgements values (?, 'help/desk', 'drift',"
                " 'input_drift', ?, null, 'docs', ?, null, null)",
                list(said),
            )
        for name in ("latest_findings", "latest_verdicts"):
            connection.execute(f"create view {name} as {made[name].query}")
    return path


def call(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(path)])


def ack(path: Path, name: str, until: str = "2026-11-15", by: str = "docs@example.com") -> Result:
    return call(path, "ack", name, "--by", by, "--until", until)


def alarms_of(path: Path) -> list[Alarm]:
    config = load(path)
    connection = open_published(config.storage.path)
    try:
        said = acknowledgements.on_file(acknowledgements_path(config))
        return acknowledgements.alarms(connection, said)
    finally:
        connection.close()


def test_a_line_is_written_and_status_says_so(tmp_path: Path) -> None:
    path = published(config_file(tmp_path), (1, "", "FAIL"), (0, "", "FAIL"))
    assert ack(path, NAME).exit_code == 0
    [line] = (tmp_path / "acknowledgements.jsonl").read_text("utf-8").splitlines()
    row = json.loads(line)
    assert row.pop("acknowledged_at").endswith("Z")
    assert row == {
        "feature_id": "help/desk",
        "mode": "drift",
        "check_name": "input_drift",
        "segment": "",
        "alarmed_on": "2026-10-30",
        "acknowledged_by": "docs@example.com",
        "until": "2026-11-15",
    }
    shown = call(path, "status", "--json")
    assert shown.exit_code == 1, "what is acknowledged still fails"
    [alarm] = json.loads(shown.output)["alarms"]
    assert alarm["answer"] == "acknowledged by docs@example.com until 2026-11-15"
    assert alarm["finding"] == NAME
    assert "docs@example.com" in call(path, "status").output


@pytest.mark.parametrize(
    ("name", "until", "by", "said"),
    [
        ("help/desk/drift.input_drif", "2026-11-15", "me", f"Nearest: {NAME}"),
        (f"{NAME}/english", "2026-11-15", "me", f"Nearest: {NAME}"),
        (NAME, "2026-10-30", "me", "it must lie from 2026-10-31"),
        (NAME, "2027-01-30", "me", "to 2027-01-29"),
        (NAME, "soon", "me", "must be a date"),
        (NAME, "2026-11-15", "  ", "--by is empty"),
    ],
)
def test_what_is_refused_says_why(
    tmp_path: Path, name: str, until: str, by: str, said: str
) -> None:
    path = published(config_file(tmp_path), (0, "", "FAIL"))
    done = ack(path, name, until, by)
    assert isinstance(done.exception, ValueError), "the program ends with exit code 2"
    assert said in str(done.exception)
    assert not (tmp_path / "acknowledgements.jsonl").exists()


def test_what_does_not_alarm_cannot_be_acknowledged(tmp_path: Path) -> None:
    path = published(config_file(tmp_path), (1, "", "FAIL"), (0, "", "PASS"))
    done = ack(path, NAME)
    assert "There is no alarm" in str(done.exception)


def test_a_segment_is_named_whatever_is_in_it(tmp_path: Path) -> None:
    findings = ((0, "", "FAIL"), (0, HOSTILE, "FAIL"), (0, "other", "FAIL"))
    path = published(config_file(tmp_path), *findings)
    assert ack(path, f"{NAME}/{HOSTILE}").exit_code == 0
    answered = {alarm.segment for alarm in alarms_of(path) if alarm.answer}
    assert answered == {HOSTILE}


def test_the_name_of_a_check_means_its_segments_too(tmp_path: Path) -> None:
    path = published(config_file(tmp_path), (3, "a", "FAIL"), (0, "a", "FAIL"), (0, "b", "WARN"))
    assert ack(path, NAME).exit_code == 0
    assert all(alarm.answer for alarm in alarms_of(path))


def test_days_without_alarm_up_to_two_are_part_of_it(tmp_path: Path) -> None:
    near = published(config_file(tmp_path), (3, "", "FAIL"), (0, "", "FAIL"))
    assert [str(alarm.alarmed_since) for alarm in alarms_of(near)] == ["2026-10-28"]
    (tmp_path / "far").mkdir()
    far = published(config_file(tmp_path / "far"), (4, "", "FAIL"), (0, "", "FAIL"))
    assert [str(alarm.alarmed_since) for alarm in alarms_of(far)] == ["2026-10-31"]
    (tmp_path / "worse").mkdir()
    worse = published(config_file(tmp_path / "worse"), (1, "", "WARN"), (0, "", "FAIL"))
    assert [str(alarm.alarmed_since) for alarm in alarms_of(worse)] == ["2026-10-31"]


@pytest.mark.parametrize(
    ("said_on", "segment", "until", "is_answered"),
    [
        ("2026-10-30 09:00", None, "2026-10-31", True),
        ("2026-10-30 09:00", "", None, True),
        ("2026-10-30 09:00", "", "2026-10-30", False),  # its time is over
        ("2026-10-28 09:00", "", "2026-11-30", False),  # said of an alarm before this one
        ("2026-10-30 09:00", "other", "2026-11-30", False),
    ],
)
def test_the_published_view_knows_what_holds(
    tmp_path: Path, said_on: str, segment: str | None, until: str | None, *, is_answered: bool
) -> None:
    path = published(
        config_file(tmp_path),
        *((before, "", "FAIL") for before in (0, 1, 2, 9)),
        said=(said_on, segment, until),
    )
    [alarm] = alarms_of(path)
    assert str(alarm.alarmed_since) == "2026-10-29"
    assert bool(alarm.answer) is is_answered


def test_the_last_word_counts_and_lines_of_others_are_left_out(tmp_path: Path) -> None:
    path = published(config_file(tmp_path), (0, "", "FAIL"))
    ack(path, NAME, by="first")
    with (tmp_path / "acknowledgements.jsonl").open("a") as file:
        file.write('[1]\n{"feature_id": "help/desk"}\nnot json\n')
    ack(path, NAME, by="second")
    [alarm] = alarms_of(path)
    assert alarm.acknowledged_by == "second"


def test_a_line_cut_by_a_kill_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    path = published(config_file(tmp_path), (0, "", "FAIL"))
    (tmp_path / "acknowledgements.jsonl").write_text('{"feature_id": "he', "utf-8")
    assert ack(path, NAME).exit_code == 0
    [line] = (tmp_path / "acknowledgements.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["feature_id"] == "help/desk"


def test_a_file_of_an_older_version_says_what_to_do(tmp_path: Path) -> None:
    path = config_file(tmp_path)
    with duckdb.connect(tmp_path / "health.duckdb") as connection:
        connection.execute("create view latest_findings as select 1 as n")
        connection.execute(
            "create view latest_verdicts as select date '2026-10-31' as day, 'a' as feature_id,"
            " 'drift' as mode, 'healthy' as status, 1 as n_checks, 0 as n_failed, 'h' as headline"
        )
    assert "llmops-health run" in str(ack(path, NAME).exception)
    assert json.loads(call(path, "status", "--json").output)["alarms"] == []


# The file as a source.


def test_the_file_is_read_and_makes_the_newest_day_out_of_date(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"call_id":"c","feature_id":"a","started_at":"2026-10-31T10:00:00Z"}\n')
    text = "sources: [{table: calls, format: jsonl, path: calls.jsonl}]\n"
    path = published(config_file(tmp_path, text), (0, "", "FAIL"))
    assert len(load(path).sources) == 1
    ack(path, NAME)
    config = load(path)
    warehouse = Warehouse(config.storage.path)
    warehouse.prepare()
    warehouse.ensure({"settled_days": days.SETTLED_COLUMNS})
    [_, own] = land.land(config, warehouse).files
    assert (own.table, own.n_rows, own.n_rejected) == ("acknowledgements", 1, 0)
    today = datetime.now(tz=UTC).date() + timedelta(days=9)
    whole = days.all_days(warehouse, today)
    assert whole is not None
    assert (whole.first, whole.last) == (LAST, LAST), "when somebody answers is no day of data"


@pytest.mark.parametrize("pattern", ["acknowledgements.jsonl", "ack*.jsonl", "gone/*.jsonl"])
def test_a_file_that_people_list_is_read_once(tmp_path: Path, pattern: str) -> None:
    folder = tmp_path / ("a [strange] folder" if pattern.startswith("gone") else "plain")
    folder.mkdir()
    own = folder / "acknowledgements.jsonl"
    own.write_text("", "utf-8")
    text = f"sources: [{{table: acknowledgements, format: jsonl, path: '{pattern}'}}]\n"
    config = load(config_file(folder, text))
    assert len(config.sources) == (2 if pattern.startswith("gone") else 1)
    found = [file for one in config.sources for file in files.expand(one.path, config.root)]
    assert found == [own]
    assert config.origin.file == folder / "llmops-health.yaml"
