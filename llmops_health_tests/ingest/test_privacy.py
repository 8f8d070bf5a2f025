"""Ids become pseudonyms, texts stay out of databases, redaction redacts, full keeps every byte."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path

import pytest

from llmops_health.ingest import persons
from llmops_health.storage.engines import memory
from llmops_health_tests.ingest.project import Project, call

SECRET = "the quick brown zebra"  # noqa: S105
ODD = (
    "say \"hi\" 'there' \x00 \x1b[31mred\x1b[0m \N{FAMILY} e\N{COMBINING ACUTE ACCENT} \r\n\t\\"
    ' {"a":1}'
)


def stored_bytes(project: Project) -> bytes:
    # Uncompressed or not, no page of any file may hold them.
    paths = project.warehouse.work.rglob("*")
    return b"".join(path.read_bytes() for path in paths if path.is_file())


@pytest.mark.parametrize("key", ["k", "x" * 64, "long " * 30, "ünï"])
def test_pseudonyms_are_hmac_sha256(key: str) -> None:
    connection = memory()
    persons.install(connection, key.encode())
    for person in ("ann", "", "ünïcode \N{FAMILY}", "x" * 300):
        expected = hmac.new(key.encode(), person.encode(), "sha256").hexdigest()
        assert persons.pseudonym(person, key.encode()) == expected
        assert connection.execute("select person(?)", [person]).fetchall() == [(expected,)]
    assert connection.execute("select person(null)").fetchall() == [(None,)]


def test_a_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    first = persons.key_of("", tmp_path)
    assert persons.key_of("", tmp_path) == first
    assert len(first) == 64
    assert (tmp_path / "user_id.key").stat().st_mode & 0o777 == 0o600
    assert persons.key_of("given", tmp_path) == b"given"


def test_every_person_is_a_pseudonym(project: Project) -> None:
    tables: dict[str, tuple[dict[str, object], str]] = {
        "calls": (call(), "user_id"),
        "labels": ({"call_id": "1", "label": "x", "labelled_at": "2026-10-01"}, "labeller_id"),
        "feedback": (
            {"feedback_id": "1", "feature_id": "f", "created_at": "2026-10-01", "score": 1},
            "rater_id",
        ),
        "reviews": (
            {"review_id": "1", "task_id": "t", "feature_id": "f", "queue_id": "q",
             "created_at": "2026-10-01"},
            "reviewer_id",
        ),
    }  # fmt: skip
    for table, (row, column) in tables.items():
        project.write(f"{table}.jsonl", [row | {column: "ann@example.com"}])
        project.source(f"{table}.jsonl", table)
    project.land()
    expected = hmac.new(b"pepper", b"ann@example.com", "sha256").hexdigest()
    for table, (_, column) in tables.items():
        assert project.sql(f"select {column} from landed__{table}") == [(expected,)]
    assert b"ann@example.com" not in stored_bytes(project)


@pytest.mark.parametrize("content", ["none", "redacted", "full"])
def test_no_text_is_in_a_database_and_none_anywhere_without_content(
    project: Project, content: str
) -> None:
    project.content = content
    rows = [call(str(i), input_text=f"{SECRET} {i}", user_id="raw-user-7") for i in range(300)]
    rows.append(call("bad", input_text=SECRET, confidence=7))
    project.write("x.jsonl", rows)
    project.source("x.jsonl")
    project.land()
    database = (project.warehouse.work / "landed.duckdb").read_bytes()
    assert SECRET.encode() not in database
    assert b"raw-user-7" not in stored_bytes(project)
    if content == "none":
        assert list(project.warehouse.contents.rglob("*.parquet")) == []
        assert SECRET.encode() not in stored_bytes(project)
        assert project.calls("distinct input_sha256") == [None]
    else:
        assert len(project.texts()) == 300
    observed = project.sql("select distinct n_input_chars > 20, input_language from landed__calls")
    assert len(observed) == 1
    assert observed[0][0]


def test_redaction_comes_before_everything_else(project: Project) -> None:
    project.content = "redacted"
    text = "Mail ann@example.com or call +49 170 1234567."
    project.write("x.jsonl", [call(input_text=text, output_text="fine")])
    project.source("x.jsonl")
    project.land()
    [kept] = project.texts()["input_text"].to_list()
    assert kept == "Mail [EMAIL] or call [PHONE]."
    expected = (sha256(kept.encode()).hexdigest(), len(kept))
    assert project.calls("input_sha256, n_input_chars") == [expected]
    assert b"ann@example.com" not in stored_bytes(project)


def test_full_content_is_kept_byte_for_byte(project: Project) -> None:
    project.write("x.jsonl", [call(input_text=ODD, output_text="", system_text="  spaced  ")])
    project.source("x.jsonl")
    project.land()
    texts = project.texts()
    assert texts.select("input_text", "output_text", "system_text").rows() == [
        (ODD, "", "  spaced  ")
    ]
    expected = (sha256(ODD.encode()).hexdigest(), sha256(b"").hexdigest())
    assert project.calls("input_sha256, output_sha256") == [expected]
