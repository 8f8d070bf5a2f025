"""Erasing a person: nothing of theirs can be read back, everything of the others stays."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from llmops_health.ingest import persons
from llmops_health.ingest.quarantine import REJECT_COLUMNS
from llmops_health.storage import contents, erase
from llmops_health.storage.warehouse import Warehouse
from llmops_health_tests.storage.small_project import TODAY, SmallProject, call

ALICE, BOB = "alice@example.org", "bob@example.org"
TABLES = ("calls", "labels", "feedback", "reviews")
MADE = ("core__labels", "core__feedback", "core__reviews", "summary__text_samples")
# Ids long enough that no other bytes are theirs by chance.
HERS = "call-of-alice-5b1f"
HERS_TOO = "call-of-alice-77c2"
OTHERS = "call-of-others-90aa"
AT = "2026-03-02T13:00:00Z"
WORDS = ("her-question", "her-answer", "her-comment", "comment-on-hers", "her-thanks")
PERSON = persons.pseudonym(ALICE, b"a-key")


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Return a published project of two people."""
    made = SmallProject(tmp_path, TABLES, MADE)
    hers = {"user_id": ALICE, "input_text": "her-question", "output_text": "her-answer"}
    his = {"user_id": BOB, "input_text": "his-question", "output_text": "his-answer"}
    made.write("calls", "a", [call(HERS, "2026-03-02", **hers), call(OTHERS, "2026-03-02", **his)])
    made.write("calls", "b", [call(HERS_TOO, "2026-03-03", **hers)])
    made.write("calls", "c", [call("nobody", "2026-03-03", input_text="no-ones-question")])
    label = {"labelled_at": AT, "label": "x"}
    made.write("labels", "l", [{"call_id": OTHERS} | label, {"call_id": HERS} | label])
    said = {"feature_id": "help", "created_at": AT, "score": 1}
    comments = [
        {"feedback_id": "f1", "call_id": HERS, "rater_id": ALICE, "comment_text": WORDS[2]},
        {"feedback_id": "f2", "call_id": HERS, "comment_text": WORDS[3]},
        {"feedback_id": "f3", "call_id": OTHERS, "rater_id": ALICE, "comment_text": WORDS[4]},
        {"feedback_id": "f4", "call_id": OTHERS, "rater_id": BOB, "comment_text": "his-comment"},
        {"feedback_id": "f5", "comment_text": "no-ones-comment"},
    ]
    made.write("feedback", "f", [said | comment for comment in comments])
    review = {"task_id": "t", "feature_id": "help", "queue_id": "q", "created_at": AT}
    reviews: list[dict[str, object]] = [
        {"review_id": "r1", "call_id": HERS},
        {"review_id": "r2", "reviewer_id": ALICE},
    ]
    reviews.append({"review_id": "r3", "call_id": OTHERS, "reviewer_id": BOB})
    made.write("reviews", "r", [review | one for one in reviews])
    with (tmp_path / "calls" / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write(f'{{"call_id": "broken", "user_id": "{ALICE}", \n')
    made.run()
    warehouse = made.warehouse
    rejects = f"select {', '.join(REJECT_COLUMNS)} from landed__rejects"
    warehouse.replace("ingest__rejects", REJECT_COLUMNS, rejects, {}, None)
    warehouse.publish([contents.view_sql(warehouse)])
    return made


def databases(warehouse: Warehouse) -> dict[str, bytes]:
    """Return the bytes of everything that is stored but the content files."""
    files = [path for path in warehouse.work.rglob("*") if path.is_file()]
    return {
        path.name: path.read_bytes()
        for path in [warehouse.path, *files]
        if path.suffix != ".parquet"
    }


def stored_texts(warehouse: Warehouse) -> set[str]:
    """Return every string of every content file, listed or left over."""
    found: set[str] = set()
    for path in warehouse.contents.rglob("*.parquet"):
        table = duckdb.execute("select * from read_parquet(?)", [str(path)])
        found |= {str(value) for row in table.fetchall() for value in row}
    return found


def column(warehouse: Warehouse, query: str) -> list[str]:
    return [str(value) for value in warehouse.frame(query).to_series()]


def test_what_is_to_be_erased_is_there_before(project: SmallProject) -> None:
    # Else the test below could not fail: DuckDB might store the strings in another form.
    stored = databases(project.warehouse)
    for name in ("landed.duckdb", "working.duckdb", "health.duckdb"):
        assert PERSON.encode() in stored[name]
        assert HERS.encode() in stored[name]
    assert ALICE.encode() in stored["landed.duckdb"]
    assert {PERSON, HERS, *WORDS} <= stored_texts(project.warehouse)


def test_nothing_of_the_person_can_be_read_back(project: SmallProject) -> None:
    warehouse = project.warehouse
    (warehouse.staging / "swaps-core__calls-0.parquet").write_bytes(HERS.encode())
    export = warehouse.path.parent / "report" / "refresh" / "help.jsonl"
    export.parent.mkdir(parents=True)
    export.write_text(WORDS[0], "utf-8")
    counts = erase.erase_person(project.config, ALICE)
    assert {name: counts[name] for name in TABLES} == {
        "calls": 2,
        "labels": 1,
        "feedback": 3,
        "reviews": 2,
    }
    for name, stored in databases(warehouse).items():
        for secret in (PERSON, HERS, HERS_TOO, ALICE, *WORDS):
            assert secret.encode() not in stored, (name, secret)
    assert stored_texts(warehouse).isdisjoint({PERSON, HERS, HERS_TOO, *WORDS})
    assert list(warehouse.staging.iterdir()) == []
    assert not export.exists()


def test_what_is_others_stays_and_their_days_are_made_again(project: SmallProject) -> None:
    warehouse = project.warehouse
    erase.erase_person(project.config, ALICE)
    for layer in ("landed", "core"):
        kept = column(warehouse, f"select call_id from {layer}__calls order by all")
        assert kept == [OTHERS, "nobody"]
        assert column(warehouse, f"select call_id from {layer}__labels") == [OTHERS]
        kept = column(warehouse, f"select feedback_id from {layer}__feedback order by all")
        assert kept == ["f4", "f5"]
        assert column(warehouse, f"select review_id from {layer}__reviews") == ["r3"]
    assert "her-question" not in stored_texts(warehouse)
    reader = duckdb.connect(warehouse.path, read_only=True)
    try:
        texts = reader.execute("select text from core__contents order by text").fetchall()
        calls = reader.execute("select call_id from core__calls order by call_id").fetchall()
    finally:
        reader.close()
    his = ["his-answer", "his-comment", "his-question"]
    assert [text for (text,) in texts] == sorted([*his, "no-ones-comment", "no-ones-question"])
    assert calls == [(OTHERS,), ("nobody",)]
    both = project.out_of_date()
    assert both is not None
    assert len(both.days()) == 2
    # The sources still name the person: they are read again only when they change.
    assert project.run(TODAY) == both
    assert column(warehouse, "select call_id from core__calls order by all") == [OTHERS, "nobody"]
    samples = column(warehouse, "select call_id from summary__text_samples order by all")
    assert samples == [OTHERS, "nobody"]
    assert project.run(TODAY) is None


def test_a_stranger_is_no_one(project: SmallProject) -> None:
    before = column(project.warehouse, "select call_id from core__calls order by all")
    counts = erase.erase_person(project.config, "carol@example.org")
    assert set(counts.values()) == {0}
    assert column(project.warehouse, "select call_id from core__calls order by all") == before


def test_an_erasure_killed_half_way_ends_with_the_next(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a kill between the two databases leaves: the core rows gone, the landed ones not.
    with monkeypatch.context() as killed:
        killed.setattr(erase, "_blank_rejects", _die_at_landed)
        with pytest.raises(KeyboardInterrupt):
            erase.erase_person(project.config, ALICE)
    assert column(project.warehouse, "select count(*) from landed__calls") == ["4"]
    erase.erase_person(project.config, ALICE)
    for stored in databases(project.warehouse).values():
        assert PERSON.encode() not in stored
        assert HERS.encode() not in stored
    assert stored_texts(project.warehouse).isdisjoint({PERSON, HERS, *WORDS})


def _die_at_landed(connection: duckdb.DuckDBPyConnection, table: str, user_id: str) -> None:
    del connection, user_id
    if table == "landed__rejects":
        raise KeyboardInterrupt


def test_a_person_of_rows_that_were_only_landed(tmp_path: Path) -> None:
    project = SmallProject(tmp_path)
    project.write(
        "calls", "a", [call(HERS, "2026-03-02", user_id=ALICE, input_text="her-question")]
    )
    warehouse = Warehouse(project.config.storage.path)
    assert erase.erase_person(project.config, ALICE)["calls"] == 0
    project.land()
    assert erase.erase_person(project.config, ALICE)["calls"] == 1
    assert stored_texts(warehouse).isdisjoint({PERSON, HERS, "her-question"})
    assert not warehouse.path.exists()
