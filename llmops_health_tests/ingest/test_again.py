"""The same rows again change nothing; newer ones win; grown, changed and remapped files."""

from __future__ import annotations

import shutil

import pytest

from llmops_health_tests.ingest.project import Project, call

TEXT = {"input_text": "hello", "output_text": "bye"}


def test_the_same_file_again_renamed_or_copied_changes_nothing(project: Project) -> None:
    path = project.write("a.jsonl", [call("1", **TEXT), call("2")])
    project.source("*.jsonl")
    project.land()
    before = project.state()
    assert [report.state for report in project.land()] == ["same"]
    path.touch()
    assert [report.state for report in project.land()] == ["same"]
    shutil.copy(path, project.root / "b.jsonl")
    assert [report.state for report in project.land()] == ["same", "copy"]
    path.rename(project.root / "c.jsonl")
    assert [report.state for report in project.land()] == ["copy", "copy"]
    assert project.state() == before


def test_twins_that_come_together_are_read_once(project: Project) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        project.write(name, [call("1"), call("1")])
    project.source("*.jsonl")
    assert {(r.path.name, r.state, r.n_new, r.n_duplicates) for r in project.land()} == {
        ("a.jsonl", "new", 1, 1),
        ("b.jsonl", "copy", 0, 0),
    }


def test_the_same_ids_in_another_file_change_nothing_but_are_counted(project: Project) -> None:
    project.write("a.jsonl", [call("1", latency_ms=1), call("2")])
    project.source("*.jsonl")
    project.land()
    project.write("b.jsonl", [call("1", latency_ms=2), call("3", started_at="2026-10-02")])
    [report] = [r for r in project.land() if r.state == "new"]
    assert (report.n_rows, report.n_new, report.n_duplicates) == (2, 1, 1)
    assert project.calls("call_id, latency_ms") == [("1", 1.0), ("2", None), ("3", None)]
    duplicates = project.sql(
        "select path, day::varchar, feature_id, n_duplicates from landed__duplicates"
    )
    assert duplicates == [(str(project.root / "b.jsonl"), "2026-10-01", "f", 1)]


def test_a_file_of_known_rows_makes_no_day_dirty_and_keeps_no_text(project: Project) -> None:
    project.write("a.jsonl", [call("1", **TEXT)])
    project.source("*.jsonl")
    project.land()
    before = project.sql("from landed__days")
    project.write("b.jsonl", [call("1", **TEXT, extra=1)])
    project.land()
    assert project.sql("from landed__days") == before
    assert len(project.texts()) == 1


def test_a_grown_file_brings_its_new_rows_only(project: Project) -> None:
    old = [call("1", **TEXT), call("bad", confidence=2)]
    project.write("a.jsonl", old)
    project.source("*.jsonl")
    project.land()
    new = [call("2", started_at="2026-10-05", **TEXT), call("1"), call("3", confidence=9)]
    project.write("a.jsonl", old + new)
    [report] = project.land()
    assert (report.state, report.n_rows, report.n_rejected) == ("grown", 5, 2)
    assert (report.n_new, report.n_duplicates) == (1, 1)
    assert project.rejects("row_number") == [(2,), (5,)]
    assert project.sql("select count(*), sum(n_rows)::int from landed__files") == [(1, 5)]
    assert project.days() == {"2026-10-01", "2026-10-05"}
    assert sorted(project.texts()["call_id"].to_list()) == ["1", "1", "2"]
    assert {r.state for r in project.land()} == {"same"}


def test_the_same_path_with_other_content_is_another_file(project: Project) -> None:
    project.write("a.jsonl", [call("1", **TEXT)])
    project.source("*.jsonl")
    project.land()
    project.write("a.jsonl", [call("2", **TEXT)])
    [report] = project.land()
    assert (report.state, report.n_new) == ("new", 1)
    assert project.calls() == ["1", "2"]
    assert sorted(project.texts()["call_id"].to_list()) == ["1", "2"]
    assert len(project.sql("from landed__files")) == 2


@pytest.mark.parametrize("grows", [False, True])
def test_a_changed_mapping_replaces_the_rows_of_the_file(project: Project, *, grows: bool) -> None:
    rows = [call("1", a="billing", b="cancel", **TEXT), call("2", a="x", b="y")]
    project.write("a.jsonl", rows)
    project.write("b.jsonl", [call("other", a="x", **TEXT)])
    project.source("a.jsonl", columns={"predicted_label": "a"})
    project.source("b.jsonl", columns={"predicted_label": "a"})
    project.land()
    project.sources[0]["columns"] = {"predicted_label": "b", "call_id": "'n' || call_id"}
    project.write("a.jsonl", rows + [call("3", b="z")] * grows)
    report = project.land()[0]
    assert (report.state, report.n_new) == ("remapped", 2 + grows)
    expected = [("n1", "cancel"), ("n2", "y")] + [("n3", "z")] * grows + [("other", "x")]
    assert project.calls("call_id, predicted_label") == expected
    assert "1" not in project.texts()["call_id"].to_list()
    assert {"n1", "other"} <= set(project.texts()["call_id"].to_list())
    assert {r.state for r in project.land()} == {"same"}


def test_less_content_takes_the_texts_away(project: Project) -> None:
    for name in "ab":
        project.write(f"{name}.jsonl", [call(name, input_text="very secret words")])
    project.source("*.jsonl")
    project.land()
    project.content = "none"
    assert {r.state for r in project.land()} == {"remapped"}
    assert list(project.warehouse.contents.rglob("*.parquet")) == []
    assert project.calls("call_id, input_sha256, n_input_chars") == [
        ("a", None, 17),
        ("b", None, 17),
    ]


def versions(*updated: str | None, day: str = "2026-10-01") -> list[dict[str, object]]:
    return [
        call("1", updated_at=when, error_type=f"as of {when}", started_at=day) for when in updated
    ]


def test_a_review_that_was_open_and_is_completed_now_is_completed(project: Project) -> None:
    review = {
        "review_id": "r1",
        "task_id": "t1",
        "feature_id": "f",
        "queue_id": "q",
        "created_at": "2026-10-01T08:00:00Z",
    }
    project.write("a.jsonl", [review])
    project.source("*.jsonl", table="reviews")
    project.land()
    project.write("b.jsonl", [review | {"completed_at": "2026-10-03T09:00:00Z"}, review])
    project.land()
    project.write("c.jsonl", [review])
    project.land()
    assert project.sql("select review_id, completed_at::date::varchar from landed__reviews") == [
        ("r1", "2026-10-03")
    ]


def test_the_newest_wins_inside_a_file(project: Project) -> None:
    project.write("a.jsonl", versions("2026-10-02", "2026-10-04", None, "2026-10-03"))
    project.source("*.jsonl")
    [report] = project.land()
    assert (report.n_new, report.n_duplicates) == (1, 3)
    assert project.calls("error_type") == ["as of 2026-10-04"]


def test_the_newest_wins_across_files_and_days(project: Project) -> None:
    project.write("a.jsonl", versions("2026-10-02"))
    project.source("*.jsonl")
    project.land()
    project.write("b.jsonl", versions("2026-10-03", day="2026-10-09"))
    [report] = [r for r in project.land() if r.state == "new"]
    assert (report.n_new, report.n_duplicates) == (1, 0)
    assert project.calls("error_type, started_at::date::varchar") == [
        ("as of 2026-10-03", "2026-10-09")
    ]
    last = "select day::varchar from landed__days where batch = 2 order by day"
    assert project.sql(last) == [("2026-10-01",), ("2026-10-09",)]
    before = project.sql("from landed__days")
    project.write("c.jsonl", versions("2026-10-02", None, "2026-10-03", day="2026-10-20"))
    [report] = [r for r in project.land() if r.state == "new"]
    assert (report.n_new, report.n_duplicates) == (0, 3)
    assert project.calls("error_type") == ["as of 2026-10-03"]
    assert project.sql("from landed__days") == before


def test_the_newest_wins_between_files_that_come_together(project: Project) -> None:
    project.write("a.jsonl", versions("2026-10-05"))
    project.write("b.jsonl", versions("2026-10-06"))
    project.write("c.jsonl", versions("2026-10-04"))
    project.source("*.jsonl")
    assert [r.n_new for r in project.land()] == [0, 1, 0]
    assert project.calls("error_type") == ["as of 2026-10-06"]


def test_of_equals_the_same_one_is_kept_each_time(project: Project) -> None:
    rows = [call("1", error_type=f"e{i:05}", padding="x" * 500) for i in range(20_000)]
    project.write("a.jsonl", rows)
    project.source("*.jsonl")
    [report] = project.land()
    assert (report.n_new, report.n_duplicates) == (1, 19_999)
    assert project.calls("error_type") == ["e00000"]


def test_identities_with_unknown_parts(project: Project) -> None:
    label = {"call_id": "1", "label": "x", "labelled_at": "2026-10-01"}
    kinds = [{}, {"labeller_kind": "human"}, {"labeller_kind": "human", "labeller_id": "ann"}]
    project.write("a.jsonl", [label | kind for kind in (*kinds, *kinds)])
    project.source("*.jsonl", "labels")
    [report] = project.land()
    assert (report.n_new, report.n_duplicates) == (3, 3)


def test_results_make_the_day_of_their_run_dirty(project: Project) -> None:
    run = {"eval_run_id": "r", "feature_id": "f", "suite_id": "s", "started_at": "2026-10-07"}
    project.write("runs.jsonl", [run])
    project.write("results.jsonl", [{"eval_run_id": "r", "case_id": "1", "score": 1}])
    project.source("runs.jsonl", "eval_runs")
    project.source("results.jsonl", "eval_results")
    project.land()
    dirty = "select day::varchar from landed__days where table_name = 'eval_results'"
    assert project.sql(dirty) == [("2026-10-07",)]


def test_leftovers_of_a_killed_run_go(project: Project) -> None:
    project.write("a.jsonl", [call("1", **TEXT)])
    project.source("*.jsonl")
    project.land()
    before = project.state()
    folder = project.warehouse.contents / "calls" / "day=2026-10-01"
    leftovers = [
        folder / "bdeadbeef0000_0.parquet",
        folder / "tmp_bdeadbeef0000_1.parquet",
        project.warehouse.staging / "batch-deadbeef.parquet",
        project.warehouse.staging / "repaired-deadbeef.jsonl",
    ]
    for path in leftovers:
        path.write_bytes(b"half a file")
    project.land()
    assert not any(path.exists() for path in leftovers)
    assert project.state() == before


def test_two_sources_read_one_file_into_one_table(project: Project) -> None:
    project.write("x.jsonl", [call("1", a="q1", b="q2")])
    for name in ("a", "b"):
        project.source("x.jsonl", columns={"call_id": name, "feature_id": f"'{name}'"})
    for _ in range(2):
        project.land()
        landed = project.warehouse.frame("select call_id from landed__calls order by call_id")
        assert landed["call_id"].to_list() == ["q1", "q2"]
