"""Candidates: reasons and strata by hand, what is left out, the queries, and the export."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from llmops_health.config import Feature
from llmops_health.contract import BY_NAME
from llmops_health.report.candidates import (
    REFRESH_SCHEMA,
    REFRESH_SQL,
    RETIREMENT_SCHEMA,
    RETIREMENT_SQL,
    export_jsonl,
    refresh_candidates,
    retirement_candidates,
)
from llmops_health.text.vectors import TABLES

Schema = dict[str, type[pl.DataType] | pl.DataType]

DAY = date(2026, 3, 29)
FEATURE = Feature(id="help", kind="rag", confidence_gate=0.8)

SAMPLES: Schema = {
    "call_id": pl.String,
    "input_sha256": pl.String,
    "is_failing": pl.Boolean,
    "confidence": pl.Float64,
    "predicted_label": pl.String,
    "cell": pl.Int32,
    "input_text": pl.String,
}
CASES: Schema = {
    "suite_id": pl.String,
    "case_id": pl.String,
    "added_at": pl.Datetime("us"),
    "input_text": pl.String,
    "cell": pl.Int32,
}
FEEDBACK: Schema = {"call_id": pl.String, "score": pl.Float64}
LABELS: Schema = {"call_id": pl.String, "label": pl.String, "labeller": pl.String}
ITEMS: Schema = {
    "suite_id": pl.String,
    "case_id": pl.String,
    "eval_run_id": pl.String,
    "role": pl.String,
    "model": pl.String,
    "prompt_version": pl.String,
    "score": pl.Float64,
    "p_passed": pl.Float64,
}
CELLS: Schema = {"cell": pl.Int32, "n": pl.Int64}

PARCEL, PASSWORD, VIOLIN = (
    "where is my parcel",
    "I cannot find the password page",
    "teach me how to tune a violin",
)
BREAD, STARS = "bake a sourdough bread at home", "read a star map in the winter sky"

SampleRow = tuple[str, bool, float | None, str | None, int | None, str | None]


def samples(*rows: SampleRow) -> pl.DataFrame:
    """Calls of (call_id, is_failing, confidence, predicted_label, cell, text)."""
    return pl.DataFrame([(row[0], row[0], *row[1:]) for row in rows], schema=SAMPLES, orient="row")


def eval_cases(*rows: tuple[str, str | None, int | None], suite: str = "s1") -> pl.DataFrame:
    """Cases of (case_id, text, cell), the oldest first."""
    table = [
        (suite, case_id, datetime(2026, 1, 1 + i), text, cell)  # noqa: DTZ001
        for i, (case_id, text, cell) in enumerate(rows)
    ]
    return pl.DataFrame(table, schema=CASES, orient="row")


def feedback(**scores: float) -> pl.DataFrame:
    return pl.DataFrame(list(scores.items()), schema=FEEDBACK, orient="row")


def labels(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=LABELS, orient="row")


def refresh(
    sampled: pl.DataFrame,
    cases: pl.DataFrame | None = None,
    liked: pl.DataFrame | None = None,
    said: pl.DataFrame | None = None,
    k: int = 50,
) -> pl.DataFrame:
    return refresh_candidates(
        DAY,
        FEATURE,
        sampled,
        eval_cases(("k0", PARCEL, 0)) if cases is None else cases,
        feedback() if liked is None else liked,
        labels() if said is None else said,
        k=k,
    )


@pytest.mark.parametrize(
    ("row", "liked", "said", "reason", "signal"),
    [
        (("c", True, 0.9, "a", 0, VIOLIN), {}, [], "failing", 1.0),
        (("c", False, 0.9, "a", 0, VIOLIN), {"c": 0.25}, [], "failing", 0.75),
        (("c", False, 0.9, "a", 0, VIOLIN), {}, [("c", "b", "truth")], "failing", 1.0),
        (
            ("c", False, 0.9, "a", 0, VIOLIN),
            {},
            [("c", "a", "truth"), ("c", "b", "judge")],
            "disagreement",
            1.0,
        ),
        (("c", False, 0.7, "a", 0, VIOLIN), {}, [], "low_confidence", 0.3),
        (("c", False, 0.9, "a", -1, VIOLIN), {}, [], "new_topic", 0.5),
        (("c", False, None, None, 3, VIOLIN), {"c": 1.0}, [], "uncovered", 0.5),
    ],
)
def test_each_reason_and_its_signal(
    row: SampleRow,
    liked: dict[str, float],
    said: list[tuple[str, str, str]],
    reason: str,
    signal: float,
) -> None:
    found = refresh(samples(row), liked=feedback(**liked), said=labels(*said))
    assert found["reason"].to_list() == [reason]
    cell = row[4]
    assert found["stratum"][0] == (reason if cell == -1 else f"{reason} / cell {cell}")
    assert found["score"][0] == pytest.approx(signal * found["coverage_gain"][0])
    assert found.row(0, named=True)["input_text"] == VIOLIN


def test_what_is_covered_and_went_well_is_no_candidate() -> None:
    fine = samples(("c", False, 0.9, "a", 0, VIOLIN), ("d", False, None, None, None, BREAD))
    found = refresh(fine, liked=feedback(c=1.0), said=labels(("c", "a", "truth")))
    assert found.is_empty()
    assert dict(found.schema) == REFRESH_SCHEMA


def test_inputs_that_a_case_asks_already_are_left_out() -> None:
    found = refresh(
        samples(("c", True, 0.9, "a", 0, f"{PARCEL}?"), ("d", True, 0.9, "a", 0, BREAD))
    )
    assert found["call_id"].to_list() == ["d"]


def test_near_duplicates_are_proposed_once_even_across_reasons() -> None:
    found = refresh(
        samples(
            ("a", True, 0.9, "a", 0, VIOLIN),
            ("b", True, 0.9, "a", 0, f"{VIOLIN}?"),
            ("c", False, 0.9, "a", -1, VIOLIN),
            ("d", False, 0.9, "a", -1, BREAD),
        )
    )
    assert len(found) == 2
    assert sorted(found["input_text"].str.slice(0, 5)) == ["bake ", "teach"]


def test_what_many_ask_comes_first() -> None:
    rows = [(f"v{i}", True, 0.9, "a", 0, f"{VIOLIN} number {i}") for i in range(20)]
    found = refresh(samples(*rows, ("z", True, 0.9, "a", 0, STARS)), k=2)
    assert found["rank"].to_list() == [1, 2]
    assert found["call_id"][0].startswith("v")
    assert found["call_id"][1] == "z"
    assert found["coverage_gain"].is_sorted(descending=True)


def test_each_reason_has_a_place_and_the_rest_goes_by_signal() -> None:
    subjects = ["violin", "piano", "flute", "drum", "cello", "harp", "lute", "organ", "oboe"]
    failing = [(f"f{i}", True, 0.9, "a", 0, f"tune a {s}") for i, s in enumerate(subjects)]
    found = refresh(samples(*failing, ("n", False, 0.9, "a", -1, STARS)), k=4)
    counts = dict(found["reason"].value_counts().iter_rows())
    assert counts == {"failing": 3, "new_topic": 1}


def test_texts_that_are_not_kept_are_no_candidates() -> None:
    assert refresh(samples(("c", True, 0.9, "a", 0, None))).is_empty()
    assert refresh(samples(("c", True, 0.9, "a", 0, ""))).is_empty()
    assert refresh(samples()).is_empty()
    assert refresh(samples(("c", True, 0.9, "a", 0, VIOLIN)), k=0).is_empty()


def test_without_any_case_everything_is_uncovered() -> None:
    found = refresh(samples(("c", False, 0.9, "a", 0, VIOLIN)), eval_cases())
    assert found["reason"].to_list() == ["uncovered"]


def test_the_same_rows_give_the_same_list() -> None:
    rng = np.random.default_rng(1)
    words = np.array(
        [
            "violin",
            "bread",
            "star",
            "parcel",
            "password",
            "invoice",
            "garden",
            "boat",
            "train",
            "lamp",
        ]
    )
    texts = [" ".join(rng.choice(words, 4)) for _ in range(200)]
    sampled = samples(*((f"c{i}", True, 0.9, "a", 0, text) for i, text in enumerate(texts)))
    first = refresh(sampled, k=20)
    assert first.equals(refresh(sampled, k=20))
    assert len(first) == 20
    assert first["call_id"].n_unique() == 20


def items(scores: dict[str, list[float]], role: str = "candidate") -> pl.DataFrame:
    """Scores of versions v0, v1, ... by case."""
    rows = [
        ("s1", case_id, f"r{i}", role, "m", f"v{i}", score, score)
        for case_id, of_case in scores.items()
        for i, score in enumerate(of_case)
    ]
    return pl.DataFrame(rows, schema=ITEMS, orient="row")


def retire(
    cases: pl.DataFrame, ran: pl.DataFrame | None = None, cells: dict[int, int] | None = None
) -> list[tuple[str, str]]:
    found = retirement_candidates(
        DAY,
        FEATURE,
        cases,
        items({}) if ran is None else ran,
        pl.DataFrame(list((cells or {}).items()), schema=CELLS, orient="row"),
    )
    assert dict(found.schema) == RETIREMENT_SCHEMA
    return list(found.select("case_id", "reason").iter_rows())


def test_the_later_copy_is_redundant() -> None:
    cases = eval_cases(("b", PARCEL, 0), ("c", VIOLIN, 0), ("a", f"{PARCEL} ", 0))
    assert retire(cases) == [("a", "redundant")]


def test_a_copy_in_another_suite_is_none() -> None:
    cases = pl.concat([eval_cases(("a", PARCEL, 0)), eval_cases(("b", PARCEL, 0), suite="s2")])
    assert retire(cases) == []


def test_an_empty_cell_is_unrepresentative_once_there_is_traffic() -> None:
    cases = eval_cases(("a", PARCEL, 0), ("b", VIOLIN, 7), ("c", BREAD, None))
    assert retire(cases, cells={0: 500}) == [("b", "unrepresentative")]
    assert retire(cases, cells={0: 499}) == []


def test_what_all_pass_and_others_stand_for_is_saturated() -> None:
    cases = eval_cases(
        ("a", "where is my parcel today", 0),
        ("b", "where is my parcel now please", 0),
        ("c", VIOLIN, 0),
        ("d", BREAD, 0),
        ("e", STARS, 0),
    )
    passed = items({case_id: [1.0, 1.0, 1.0] for case_id in "abcde"})
    assert {case_id for case_id, _ in retire(cases, passed)} <= {"a", "b"}
    assert {reason for _, reason in retire(cases, passed)} == {"saturated"}
    assert retire(cases, items({case_id: [1.0, 1.0] for case_id in "abcde"})) == []


def test_a_copy_does_not_make_its_original_spare() -> None:
    cases = eval_cases(("a", PARCEL, 0), ("b", PARCEL, 0), ("c", VIOLIN, 0), ("d", None, 0))
    passed = items({case_id: [1.0, 1.0, 1.0] for case_id in "abcd"})
    assert retire(cases, passed) == [("b", "redundant")]


def test_a_hard_case_is_not_mislabelled_unless_the_suite_is_easy() -> None:
    texts = [PARCEL, VIOLIN, BREAD, STARS, PASSWORD]
    cases = eval_cases(*((f"k{i}", text, 0) for i, text in enumerate(texts)))
    hard = {f"k{i}": [1.0, 0.0, 1.0] for i in range(1, 5)} | {"k0": [0.0, 0.0, 0.0]}
    assert retire(cases, items(hard)) == []
    many = {f"x{i}": [1.0, 1.0, 1.0] for i in range(20)} | {"k0": [0.0, 0.0, 0.0]}
    assert retire(cases, items(many)) == [("k0", "mislabelled")]


def test_a_case_that_better_versions_fail_is_mislabelled() -> None:
    cases = eval_cases(("k0", PARCEL, 0), ("k1", VIOLIN, 0))
    better = np.linspace(0, 1, 12)
    ran = items({"k1": better.tolist(), "x": better.tolist(), "k0": (1 - better).tolist()})
    assert retire(cases, ran) == [("k0", "mislabelled")]


def test_guards_are_never_listed() -> None:
    cases = eval_cases(("a", PARCEL, 0), ("b", PARCEL, 0))
    assert retire(cases) == [("b", "redundant")]
    assert retire(cases, items({"a": [1.0]}, role="regression")) == []


def database() -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    for name in ("calls", "labels", "feedback", "eval_cases"):
        table = BY_NAME[name]
        columns = ({"day": "date"} if table.time else {}) | table.stored_columns
        defined = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        db.execute(f"create table core__{name} ({defined})")
    for name in ("summary__text_cells", "summary__eval_cells", "summary__cells"):
        defined = ", ".join(f"{column} {kind}" for column, kind in TABLES[name].items())
        db.execute(f"create table {name} ({defined})")
    db.execute(
        "create table summary__text_samples (day date, feature_id varchar, call_id varchar,"
        " input_sha256 varchar, bucket integer, is_failing boolean, confidence double)"
    )
    db.execute(
        "create table summary__eval_items (day date, feature_id varchar, suite_id varchar,"
        " eval_run_id varchar, role varchar, model varchar, prompt_version varchar,"
        " case_id varchar, score double, p_passed double, n_trials bigint)"
    )
    db.execute("create table core__contents (sha256 varchar, text varchar)")
    return db


def fetch(db: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    found = db.sql(query, params={"feature_id": "help", "day": DAY}).pl()
    assert isinstance(found, pl.DataFrame)
    return found


def test_the_queries_make_the_frames_from_what_the_day_knows() -> None:
    with database() as db:
        db.execute(
            """
            insert into core__contents values ('hv', 'tune a violin'), ('hp', 'find my parcel');
            insert into summary__text_samples by name
            select unnest(['2026-03-29', '2026-03-16', '2026-03-15', '2026-03-30'])::date as day,
                'help' as feature_id, unnest(['now', 'first', 'before', 'after']) as call_id,
                'hv' as input_sha256, 0 as bucket, true as is_failing, 0.5 as confidence;
            insert into core__calls by name
            select day, call_id, 'help' as feature_id, 'a' as predicted_label
            from summary__text_samples;
            insert into summary__text_cells by name
            select day, feature_id, call_id, input_sha256, -1 as cell, 0.1 as similarity
            from summary__text_samples;
            insert into core__feedback by name
            select unnest(['2026-03-29', '2026-03-29', '2026-03-30'])::date as day,
                'help' as feature_id, 'now' as call_id, unnest([0.0, 0.5, 1.0]) as score;
            insert into core__labels by name
            select unnest(['2026-03-28', '2026-03-29', '2026-03-30'])::date as day,
                'now' as call_id, unnest(['a', 'b', 'c']) as label, 'human' as labeller_kind,
                unnest([1, 2, 3]) * interval 1 day + timestamp '2026-03-27' as labelled_at;
            insert into core__eval_cases by name
            select 's1' as suite_id, unnest(['k0', 'gone', 'late']) as case_id,
                'help' as feature_id, 'hp' as input_sha256,
                unnest([null, null, '2026-03-30']::timestamp[]) as added_at,
                unnest([null, '2026-03-29', null]::timestamp[]) as retired_at;
            insert into summary__eval_cells by name
            select 'help' as feature_id, 's1' as suite_id, 'k0' as case_id, 3 as cell,
                date '2026-03-01' as fitted_on;
            insert into summary__eval_items by name
            select unnest(['2026-03-29', '2026-03-30'])::date as day, 'help' as feature_id,
                's1' as suite_id, 'k0' as case_id, 'r' as eval_run_id, 1.0 as score;
            insert into summary__cells by name
            select unnest(['2026-03-29', '2026-03-02', '2026-03-01'])::date as day,
                'help' as feature_id, date '2026-02-01' as fitted_on, 3 as cell, 5 as n;
            """
        )
        wanted = {name: fetch(db, query) for name, query in REFRESH_SQL.items()}
        spare = {name: fetch(db, query) for name, query in RETIREMENT_SQL.items()}
    assert sorted(wanted["samples"]["call_id"]) == ["first", "now"]
    assert dict(wanted["samples"].schema) == SAMPLES
    assert wanted["feedback"].rows() == [("now", 0.25)]
    assert wanted["labels"].rows() == [("now", "b", "truth")]
    assert wanted["cases"]["case_id"].to_list() == ["k0"]
    assert wanted["cases"]["cell"].to_list() == [3]
    assert spare["items"]["case_id"].to_list() == ["k0"]
    assert spare["cells"].rows() == [(3, 10)]
    found = refresh_candidates(DAY, FEATURE, **wanted, k=50)
    assert found["input_text"].to_list() == ["tune a violin"]
    assert retirement_candidates(DAY, FEATURE, **spare).is_empty()


def rows(*texts: str) -> pl.DataFrame:
    table = [(DAY, "help", i, f"c{i}", "failing", "", 0.1, 0.1, t) for i, t in enumerate(texts)]
    return pl.DataFrame(table, schema=REFRESH_SCHEMA, orient="row")


def test_the_export_can_be_imported_as_eval_cases(tmp_path: Path) -> None:
    path = tmp_path / "refresh" / "help.jsonl"
    export_jsonl(rows("Wie geht's, Zoë?", "two\nlines"), path)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert lines[0] == {
        "suite_id": "help-refresh",
        "case_id": "refresh-c0",
        "feature_id": "help",
        "input_text": "Wie geht's, Zoë?",
    }
    assert lines[1]["input_text"] == "two\nlines"
    needed = {column.name for column in BY_NAME["eval_cases"].columns if column.required}
    assert needed <= lines[0].keys()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "  ="])
def test_formulas_do_not_run_in_a_spreadsheet(tmp_path: Path, start: str) -> None:
    path = tmp_path / "help.jsonl"
    export_jsonl(rows(f"{start}cmd|'/c calc'!A1"), path, suite_id="s2")
    case = json.loads(path.read_text("utf-8"))
    assert case["input_text"] == f"'{start}cmd|'/c calc'!A1"
    assert case["suite_id"] == "s2"


def test_an_export_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "help.jsonl"
    export_jsonl(rows("fine"), path)
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        export_jsonl(rows("fine").with_columns(input_text=pl.lit(None, dtype=pl.String)), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
