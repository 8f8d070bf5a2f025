"""Vectors per day and cells of meaning: sums by hand, frozen codebooks, new topics, lost texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from llmops_health import sqlfiles
from llmops_health.kernels.codebook import assign_cells
from llmops_health.kernels.embedding import rff_features
from llmops_health.text import style, vectors
from llmops_health.text.behaviour import macros_sql
from llmops_health.text.embed import EMBEDDER_VERSION, embed
from llmops_health.text.vectors import NEW_TOPIC, RFF_GAMMA, RFF_SEED, TABLES, build

CaseRow = tuple[str, str, int | None, int | None]

FIRST = date(2026, 3, 2)
OBJECTS = ("invoice", "parcel", "password", "delivery", "contract", "account", "receipt", "refund")
WISHES = ("I want to cancel my", "where is my", "please change the", "I cannot find the")
NEW = ("tune a violin", "prune an apple tree", "bake sourdough bread", "read a star map")


def day(i: int) -> date:
    return FIRST + timedelta(days=i)


def samples(texts_by_day: dict[int, list[str | None]], feature: str = "help") -> pl.DataFrame:
    rows = [
        (day(i), feature, f"{feature}-{i}-{j:03}", text)
        for i, texts in texts_by_day.items()
        for j, text in enumerate(texts)
    ]
    schema = {"day": pl.Date, "feature_id": pl.String, "call_id": pl.String, "text": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    hashes = [None if t is None else hashlib.sha256(t.encode()).hexdigest() for t in frame["text"]]
    return frame.with_columns(input_sha256=pl.Series(hashes, dtype=pl.String))


def usual(n: int, seed: int) -> list[str | None]:
    rng = np.random.default_rng(seed)
    wishes, objects = rng.integers(0, len(WISHES), n), rng.integers(0, len(OBJECTS), n)
    numbers = rng.integers(100, 999, n)
    return [
        f"{WISHES[w]} {OBJECTS[o]} number {k}"
        for w, o, k in zip(wishes, objects, numbers, strict=True)
    ]


def new_topic(n: int) -> list[str | None]:
    return [f"teach me how to {NEW[i % len(NEW)]}, lesson {i}" for i in range(n)]


def no_cases() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "suite_id": pl.String,
            "case_id": pl.String,
            "feature_id": pl.String,
            "input_sha256": pl.String,
            "added_at": pl.Datetime("us"),
            "retired_at": pl.Datetime("us"),
            "text": pl.String,
        }
    )


def cases(texts: list[str | None]) -> pl.DataFrame:
    rows = [
        ("s1", f"k{i}", "help", f"h{i}", datetime(2026, 3, 1), None, text)  # noqa: DTZ001
        for i, text in enumerate(texts)
    ]
    return pl.DataFrame(rows, schema=no_cases().schema, orient="row")


def no_calls() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "day": pl.Date,
            "feature_id": pl.String,
            "call_id": pl.String,
            "is_eval": pl.Boolean,
            "is_sample": pl.Boolean,
            "text": pl.String,
        }
    )


def built(
    rows: pl.DataFrame,
    first: int,
    last: int,
    *,
    given: pl.DataFrame | None = None,
    eval_cases: pl.DataFrame | None = None,
) -> dict[str, pl.DataFrame]:
    return build(
        rows,
        no_cases() if eval_cases is None else eval_cases,
        pl.DataFrame() if given is None else given,
        no_calls(),
        first=day(first),
        last=day(last),
    )


WEEK = {i: usual(60, i) for i in range(7)}


def test_sums_are_those_of_the_vectors_of_the_texts_kept() -> None:
    texts = ["where is my parcel", "where is my parcel", "cancel my contract", None, ""]
    [row] = built(samples({0: texts}), 0, 0)["summary__embeddings"].iter_rows(named=True)
    z = embed(texts[:3]).astype(np.float64)
    phi = rff_features(z, seed=RFF_SEED, gamma=RFF_GAMMA)
    assert (row["day"], row["feature_id"]) == (day(0), "help")
    assert (row["embedder_version"], row["n"]) == (EMBEDDER_VERSION, 3)
    np.testing.assert_allclose(row["sum_z"], z.sum(axis=0), atol=1e-6)
    np.testing.assert_allclose(row["sum_phi"], phi.sum(axis=0), atol=1e-6)
    assert row["sumsq_phi"] == pytest.approx((phi**2).sum())


def test_no_text_is_no_row_in_typed_tables() -> None:
    tables = built(samples({0: [None, ""]}), 0, 0)
    assert {name: frame.columns for name, frame in tables.items()} == {
        name: list(columns) for name, columns in TABLES.items() if name not in style.TABLES
    }
    assert all(frame.is_empty() for frame in tables.values())


def test_a_codebook_waits_for_a_whole_week() -> None:
    six = built(samples({i: usual(100, i) for i in range(6)}), 0, 5)
    assert six["summary__codebooks"].is_empty()
    assert six["summary__cells"].is_empty()
    seven = built(samples(WEEK), 0, 6)["summary__codebooks"]
    assert seven["fitted_on"].unique().to_list() == [day(6)]
    assert seven["n_fit"].sum() == 420


def test_a_codebook_waits_for_300_texts() -> None:
    tables = built(samples({i: usual(30, i) for i in range(12)}), 0, 11)
    assert tables["summary__codebooks"]["fitted_on"].unique().to_list() == [day(9)]


@pytest.mark.parametrize(("per_day", "fitted"), [(4, [day(27)]), (3, [])])
def test_a_thin_feature_has_one_after_four_weeks(per_day: int, fitted: list[date]) -> None:
    tables = built(samples({i: usual(per_day, i) for i in range(30)}), 0, 29)
    assert tables["summary__codebooks"]["fitted_on"].unique().to_list() == fitted


def test_day_by_day_is_as_all_at_once() -> None:
    rows = samples({i: usual(60, i) for i in range(10)})
    at_once = built(rows, 0, 9)
    given = pl.DataFrame()
    by_day: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}
    for i in range(10):
        tables = built(rows, i, i, given=given)
        given = tables["summary__codebooks"]
        for name, frame in tables.items():
            by_day[name].append(frame)
    assert_frame_equal(given, at_once["summary__codebooks"])
    for name in ("summary__embeddings", "summary__text_cells", "summary__cells"):
        keys = [k for k in ("day", "call_id", "cell") if k in TABLES[name]]
        assert_frame_equal(pl.concat(by_day[name]).sort(keys), at_once[name].sort(keys))


def test_a_new_codebook_places_the_days_before_it() -> None:
    tables = built(samples(WEEK), 6, 6)
    assert tables["summary__embeddings"]["day"].to_list() == [day(6)]
    assert tables["summary__text_cells"]["day"].n_unique() == 7
    assert tables["summary__cells"]["n"].sum() == 420


def test_days_placed_anew_hold_all_features() -> None:
    book = built(samples(WEEK), 0, 6)["summary__codebooks"]
    other = samples({i: new_topic(60) for i in range(7)}, feature="music")
    cells = built(pl.concat([samples(WEEK), other]), 6, 6, given=book)["summary__cells"]
    assert (
        cells.group_by("day").agg(pl.col("feature_id").n_unique())["feature_id"].to_list()
        == [2] * 7
    )


def test_a_codebook_stays_as_it_was() -> None:
    book = built(samples(WEEK), 0, 6)["summary__codebooks"]
    later = built(samples({7: new_topic(500)}), 7, 7, given=book)
    assert_frame_equal(later["summary__codebooks"], book)
    assert later["summary__cells"]["fitted_on"].unique().to_list() == [day(6)]


def test_another_embedder_starts_another_series() -> None:
    book = built(samples(WEEK), 0, 6)["summary__codebooks"]
    older = book.with_columns(codebook_version=pl.lit("word2vec/1/2025-01-01"))
    tables = built(samples(WEEK), 6, 6, given=older)
    assert tables["summary__codebooks"]["codebook_version"].n_unique() == 2
    assert tables["summary__cells"]["codebook_version"].unique().to_list() == [
        book["codebook_version"][0]
    ]


def test_cells_are_the_nearest_centroids() -> None:
    tables = built(samples(WEEK), 0, 6)
    centroids = np.array(tables["summary__codebooks"]["centroid"].to_list())
    z = embed(WEEK[3]).astype(np.float64)
    placed = tables["summary__text_cells"].filter(pl.col("day") == day(3)).sort("call_id")
    nearest = assign_cells(z, centroids)
    known = placed["cell"].to_numpy() != NEW_TOPIC
    assert known.mean() > 0.9
    np.testing.assert_array_equal(placed["cell"].to_numpy()[known], nearest[known])
    np.testing.assert_allclose(placed["similarity"], (z @ centroids.T).max(axis=1), atol=1e-6)
    counts = tables["summary__cells"].filter(pl.col("day") == day(3))
    expected = placed.group_by("cell").len("n").sort("cell")
    assert counts.sort("cell").select("cell", "n").rows() == expected.rows()


def test_a_new_topic_has_a_cell_of_its_own() -> None:
    book = built(samples(WEEK), 0, 6)["summary__codebooks"]
    rows = samples({7: [*usual(150, 99), *new_topic(50)]})
    placed = built(rows, 7, 7, given=book)["summary__text_cells"].sort("call_id")
    is_new = placed["cell"].to_numpy() == NEW_TOPIC
    assert is_new[:150].mean() < 0.05
    assert is_new[150:].mean() > 0.9


def test_eval_cases_have_the_cells_of_their_texts() -> None:
    [ask, unusual] = ["where is my parcel number 123", "teach me how to tune a violin"]
    tables = built(samples(WEEK), 0, 6, eval_cases=cases([ask, unusual, None]))
    placed = tables["summary__eval_cells"]
    assert placed["case_id"].to_list() == ["k0", "k1"]
    assert placed["cell"][0] >= 0
    assert placed["cell"][1] == NEW_TOPIC
    assert placed["fitted_on"].to_list() == [day(6), day(6)]
    assert placed["added_at"][0] == datetime(2026, 3, 1)  # noqa: DTZ001
    assert built(samples({0: usual(9, 0)}), 0, 0, eval_cases=cases([ask]))[
        "summary__eval_cells"
    ].is_empty()


def eval_rows(rows: Sequence[CaseRow]) -> pl.DataFrame:
    """Cases of (suite, text, added, retired), times in days; ids k0, k1, ..."""
    when = [
        [None if at is None else datetime.combine(day(at), time()) for at in row[2:]]
        for row in rows
    ]
    table = [
        (suite, f"k{i}", "help", f"h{i}", *when[i], text)
        for i, (suite, text, _, _) in enumerate(rows)
    ]
    return pl.DataFrame(table, schema=no_cases().schema, orient="row")


def nearest(rows: Sequence[CaseRow]) -> list[tuple[str, str | None]]:
    table = built(samples(WEEK), 0, 6, eval_cases=eval_rows(rows))["summary__eval_cells"]
    return list(table.select("case_id", "nearest_case_id").iter_rows())


def test_the_nearest_case_is_an_earlier_one_of_the_suite() -> None:
    parcel, violin = "where is my parcel number 123", "teach me how to tune a violin"
    rows = [
        ("s1", parcel, 3, None),
        ("s1", f"{parcel} thanks", 1, None),
        ("s1", violin, 2, None),
        ("s2", parcel, 9, None),
        ("s1", parcel, None, None),
    ]
    expected = [("k0", "k4"), ("k1", "k4"), ("k2", "k4"), ("k4", None), ("k3", None)]
    assert nearest(rows) == expected
    placed = built(samples(WEEK), 0, 6, eval_cases=eval_rows(rows))["summary__eval_cells"]
    copies = dict(placed.select("case_id", "nearest_similarity").iter_rows())
    left, right = embed([f"{parcel} thanks", parcel]).astype(np.float64)
    assert copies["k0"] == 1.0
    assert copies["k1"] == pytest.approx(left @ right, abs=1e-6)


def test_cases_added_together_are_in_the_order_of_their_ids() -> None:
    assert nearest([("s1", "where is it", 1, None)] * 2) == [("k0", None), ("k1", "k0")]


def test_a_case_retired_before_another_came_is_not_its_neighbour() -> None:
    ask = "where is my parcel"
    rows = [("s1", ask, 1, 2), ("s1", f"{ask} now", 1, 5), ("s1", ask, 3, None)]
    assert nearest(rows)[2] == ("k2", "k1")


def test_neighbours_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("s1", str(text), i % 4, None) for i, text in enumerate(usual(30, 5))]
    at_once = nearest(rows)
    monkeypatch.setattr(vectors, "_CASES_PER_BLOCK", 7)
    assert nearest(rows) == at_once
    assert sum(case_id is None for _, case_id in at_once) == 1


def test_samples_after_the_last_day_are_not_looked_at() -> None:
    rows = samples({i: usual(60, i) for i in range(9)})
    tables = built(rows, 0, 5)
    assert tables["summary__codebooks"].is_empty()
    assert tables["summary__embeddings"]["day"].max() == day(5)


def test_features_do_not_touch_each_other() -> None:
    other = samples({i: new_topic(60) for i in range(7)}, feature="music")
    alone = built(samples(WEEK), 0, 6)
    together = built(pl.concat([samples(WEEK), other]), 0, 6)
    for name, frame in alone.items():
        assert_frame_equal(together[name].filter(pl.col("feature_id") == "help"), frame)


def test_the_sample_is_the_thousand_lowest_hashes() -> None:
    sql = sqlfiles.parse(sqlfiles.SQL_ROOT / "summary" / "summary__text_samples.sql")
    ids = [f"call-{i}" for i in range(1_500)]
    with duckdb.connect() as db:
        for statement in macros_sql():
            db.execute(statement)
        db.execute(
            "create table core__calls as select date '2026-03-02' as day, 'help' as feature_id,"
            " unnest(?) as call_id, 'prod' as run_kind, 'h' as input_sha256, null::varchar as"
            " user_id, null::varchar as session_id, null::varchar as error_type, null::boolean as"
            " is_refusal, null::varchar as finish_reason, null::double as confidence",
            [ids],
        )
        rows = db.execute(sql.query, {"first_day": FIRST, "last_day": FIRST}).fetchall()
    lowest = sorted(ids, key=lambda call_id: hashlib.sha256(call_id.encode()).hexdigest())[:1_000]
    assert {row[2] for row in rows} == set(lowest)
