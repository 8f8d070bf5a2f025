"""What texts of training sets tell: counts by hand, and what stays known once texts are gone."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from llmops_health.text.training_texts import SCHEMAS, TABLES, compare

WHEN = datetime(2026, 3, 1)  # noqa: DTZ001 - stored as naive UTC
RESET = "please reset my password i cannot log in to my account today at all"
RESET_TOO = "Please reset my password, I cannot log in to my account today at home"


def inputs(*rows: tuple[str, int, str | None], step: str = "s1") -> pl.DataFrame:
    listed = [("p", step, "help", sha256, WHEN, n, text) for sha256, n, text in rows]
    names = ["pipeline_id", "step_id", "feature_id", "input_sha256", "started_at", "n", "text"]
    kinds = [*[pl.String()] * 4, pl.Datetime("us"), pl.Int64(), pl.String()]
    return pl.DataFrame(listed, schema=dict(zip(names, kinds, strict=True)), orient="row")


def cases(*rows: tuple[str, str | None], feature: str = "help") -> pl.DataFrame:
    listed = [("s", case, feature, text, None, None) for case, text in rows]
    names = ["suite_id", "case_id", "feature_id", "text", "added_at", "retired_at"]
    kinds = [*[pl.String()] * 4, *[pl.Datetime("us")] * 2]
    return pl.DataFrame(listed, schema=dict(zip(names, kinds, strict=True)), orient="row")


TRAINED = inputs(("h1", 3, RESET), ("h2", 2, RESET_TOO), ("h3", 1, "where is my parcel"))
CASES = cases(("k1", RESET), ("k2", "WHERE is my parcel?"), ("k3", "other"), ("k4", None))


def test_rows_that_repeat_a_text_are_counted() -> None:
    [row] = compare(TRAINED, CASES, {})["summary__near_duplicates"].to_dicts()
    assert (row["n_read"], row["n_texts"]) == (6, 3)
    assert (row["n_repeated"], row["n_largest"], row["example_sha256"]) == (4, 5, "h1")


def test_cases_near_to_a_trained_text_are_found() -> None:
    near = compare(TRAINED, CASES, {})["summary__near_cases"]
    rows = near.select("case_id", "n", "input_sha256").rows()
    assert rows == [("k1", 5, "h1"), ("k2", 1, "h3")]
    assert near["similarity"].to_list() == [1.0, 1.0]


def test_cases_of_other_features_are_not_compared() -> None:
    assert compare(TRAINED, cases(("k1", RESET), feature="b"), {})["summary__near_cases"].is_empty()


def test_what_was_found_stays_when_texts_are_gone() -> None:
    first = compare(TRAINED, CASES, {})
    gone = TRAINED.with_columns(text=pl.lit(None, pl.String))
    assert all(compare(gone, CASES, first)[table].equals(first[table]) for table in TABLES)
    partly = TRAINED.with_columns(text=pl.when(pl.col("input_sha256") == "h3").then(pl.col("text")))
    later = compare(partly, CASES, first)
    assert later["summary__near_duplicates"].equals(first["summary__near_duplicates"])
    assert later["summary__near_cases"].equals(first["summary__near_cases"])


def test_more_texts_tell_more() -> None:
    first = compare(TRAINED.head(1), CASES, {})
    assert compare(TRAINED, CASES, first)["summary__near_duplicates"]["n_read"].to_list() == [6]


def test_nothing_makes_empty_tables() -> None:
    made = compare(TRAINED.clear(), CASES.clear(), {})
    assert {table: rows.schema for table, rows in made.items()} == SCHEMAS
    assert all(rows.is_empty() for rows in made.values())
