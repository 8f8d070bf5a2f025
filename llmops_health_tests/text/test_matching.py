"""Matches of eval inputs: who is near, whom nobody resembles, ranges of days, and lost texts."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from llmops_health.kernels.jackknife import effective_clusters
from llmops_health.text.embed import embed
from llmops_health.text.matching import N_CONTROLS, TABLES, match, readable_days

Row = tuple[int, str, bool, str | None]

FIRST = date(2026, 3, 2)
TOPICS = {
    "refund": ("please refund the money for order {}", "I want my money back for order {}"),
    "login": ("I cannot sign in with password reset code {}", "my password {} is not accepted"),
    "parcel": ("where is my parcel with tracking number {}", "delivery {} has not arrived yet"),
    "invoice": ("the invoice {} shows the wrong amount", "please send invoice {} again"),
}
POETRY = "compose a sonnet about the {} sea at dawn and the gulls above it"


def day(i: int) -> date:
    return FIRST + timedelta(days=i)


def calls(rows: list[Row], **same: object) -> pl.DataFrame:
    """Day, user, whether an eval, and text of each call, in the columns that matching reads."""
    frame = pl.DataFrame(
        {
            "day": [day(row[0]) for row in rows],
            "call_id": [f"{'e' if row[2] else 'p'}{i:05}" for i, row in enumerate(rows)],
            "user": [row[1] for row in rows],
            "is_eval": [row[2] for row in rows],
            "text": [row[3] for row in rows],
        },
        schema_overrides={"text": pl.String},
    )
    keys = [int(hashlib.sha256(user.encode()).hexdigest()[:15], 16) for user in frame["user"]]
    fixed = {"is_sample": True, "harness_key": 1, "input_language": "en"} | same
    return frame.with_columns(
        feature_id=pl.lit("help"),
        user_key=pl.Series(keys),
        bucket=pl.Series([key % 64 for key in keys], dtype=pl.Int32),
        ln_input_chars=pl.col("text").str.len_chars().add(1).log(),
        **{name: pl.lit(value) for name, value in fixed.items()},
    )


def production(
    n_days: int, per_day: int, seed: int, topics: tuple[str, ...] = tuple(TOPICS)
) -> list[Row]:
    rng = np.random.default_rng(seed)
    wordings = [wording for topic in topics for wording in TOPICS[topic]]
    return [
        (
            i,
            f"user-{rng.integers(0, 60)}",
            False,
            str(rng.choice(wordings)).format(rng.integers(900_000)),
        )
        for i in range(n_days)
        for _ in range(per_day)
    ]


def evals(i: int, topics: tuple[str, ...] = tuple(TOPICS), each: int = 5) -> list[Row]:
    return [
        (i, f"case-{topic}-{k}", True, TOPICS[topic][k % 2].format(1_000 + 7 * k))
        for topic in topics
        for k in range(each)
    ]


def matched(rows: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    return match(rows, first=day(first), last=day(last))["summary__matches"]


def near_of_evals(rows: pl.DataFrame) -> pl.DataFrame:
    found = matched(rows, 6, 6)
    return found.filter(pl.col("is_eval") & (pl.col("similarity") >= pl.col("caliper")))


def topic_of(text: str) -> str:
    words = {"refund": ("money",), "login": ("password",), "parcel": ("parcel", "delivery")}
    return next((t for t, told in words.items() if any(w in text for w in told)), "invoice")


def test_matches_are_on_the_topic_and_near() -> None:
    rows = calls(production(7, 30, 1) + evals(6))
    found = matched(rows, 6, 6)
    texts = dict(rows.select("call_id", "text").iter_rows())
    of_evals = found.filter("is_eval")
    assert of_evals["call_id"].n_unique() == 20
    near = of_evals.filter(pl.col("similarity") >= pl.col("caliper"))
    assert near["call_id"].n_unique() >= 16
    assert near.group_by("call_id").len()["len"].max() == N_CONTROLS
    for one, other, said in near.select("call_id", "match_call_id", "similarity").iter_rows():
        assert topic_of(texts[one]) == topic_of(texts[other])
        z = embed([texts[one], texts[other]]).astype(np.float64)
        assert said == pytest.approx(float(z[0] @ z[1]), abs=1e-5)


def test_a_production_call_has_one_row_with_its_nearest_eval() -> None:
    rows = calls(production(7, 30, 1) + evals(6, topics=("refund",), each=12))
    live = matched(rows, 6, 6).filter(~pl.col("is_eval"))
    texts = dict(rows.select("call_id", "text").iter_rows())
    assert len(live) == live["call_id"].n_unique() == 30
    assert live["rank"].unique().to_list() == [1]
    assert live["odds_weight"].is_not_null().all()
    on_topic = pl.Series([topic_of(texts[one]) == "refund" for one in live["call_id"]])
    assert (live.filter(on_topic)["similarity"] >= live["caliper"][0]).all()
    assert (live.filter(~on_topic)["similarity"] < live["caliper"][0]).mean() > 0.9
    # Few of the others can stand for refunds.
    weight = live["odds_weight"].to_numpy()
    assert weight[on_topic.to_numpy()].min() > weight[~on_topic.to_numpy()].max()
    assert effective_clusters(weight) < 0.6 * len(live)


def test_an_input_unlike_all_has_one_row_below_the_caliper() -> None:
    poem = (6, "case", True, POETRY.format("grey"))
    found = matched(calls([*production(7, 30, 1), *evals(6), poem]), 6, 6).filter("is_eval")
    lonely = found.filter(pl.col("similarity") < pl.col("caliper"))
    assert lonely["call_id"].to_list() == ["e00230"]
    assert lonely["rank"].to_list() == [1]


def test_length_and_language_part_what_meaning_does_not() -> None:
    long = " ".join([TOPICS["refund"][0].format(5)] * 3)
    rows = calls([*production(7, 30, 1), (6, "a", True, long)])
    assert (matched(rows, 6, 6).filter("is_eval")["similarity"] < 0.999).all()
    assert len(matched(rows, 6, 6).filter("is_eval")) == 1
    asked = calls([*production(7, 30, 1), *evals(6)])
    other = asked.with_columns(
        input_language=pl.when("is_eval").then(pl.lit("de")).otherwise(pl.lit("en"))
    )
    said = matched(other, 6, 6).filter("is_eval")
    assert (said["similarity"] < said["caliper"]).all()
    unknown = asked.with_columns(input_language=pl.lit("und"))
    assert_frame_equal(matched(unknown, 6, 6), matched(asked, 6, 6))


def test_calls_of_the_same_harness_go_first() -> None:
    rows = calls(production(7, 30, 1) + evals(6))
    mixed = rows.with_columns(
        harness_key=pl.when("is_eval").then(2).otherwise(pl.int_range(pl.len()) % 2 + 1)
    )
    found = near_of_evals(mixed)
    harness = dict(mixed.select("call_id", "harness_key").iter_rows())
    told = found.with_columns(control=pl.col("match_call_id").replace_strict(harness))
    each = told.group_by("call_id").agg(pl.col("control").n_unique(), same=pl.col("control").max())
    # One without a near call of its own harness has others: never some of both.
    assert each["control"].to_list() == [1] * len(each)
    assert (each["same"] == 2).sum() > 0.8 * len(each)
    apart = rows.with_columns(harness_key=pl.when("is_eval").then(2).otherwise(1))
    assert_frame_equal(near_of_evals(apart), near_of_evals(rows))


def test_the_same_input_is_one_per_harness() -> None:
    twice = evals(6) + evals(6)
    rows = calls(production(7, 30, 1) + twice)
    assert matched(rows, 6, 6).filter("is_eval")["call_id"].n_unique() == 20
    two = rows.with_columns(harness_key=pl.when(pl.col("call_id") >= "e00230").then(2).otherwise(1))
    assert matched(two, 6, 6).filter("is_eval")["call_id"].n_unique() == 40


def test_days_one_by_one_are_as_all_at_once() -> None:
    asked = [one for i in (6, 7, 9) for one in evals(i)]
    rows = calls(sorted(production(10, 25, 2) + asked, key=lambda row: row[0]))
    at_once = match(rows, first=day(6), last=day(9))
    by_day = [
        match(rows.filter(pl.col("day") >= day(i - 6)), first=day(i), last=day(i))
        for i in range(6, 10)
    ]
    for table, columns in TABLES.items():
        keys = [name for name in ("day", "call_id", "rank", "half", "word") if name in columns]
        each = pl.concat(one[table] for one in by_day)
        assert len(each) or table == "summary__marker_words"
        assert_frame_equal(each.sort(keys), at_once[table].sort(keys))


def test_what_comes_after_the_last_day_changes_nothing() -> None:
    rows = calls(production(7, 30, 1) + evals(6))
    later = calls([(7, "user-1", False, "where is my parcel with tracking number 1"), *evals(8)])
    both = pl.concat([rows, later.with_columns(call_id=pl.format("later-{}", "call_id"))])
    assert_frame_equal(matched(both, 6, 6), matched(rows, 6, 6))


def test_too_few_to_match_with_is_no_row() -> None:
    assert matched(calls(production(7, 5, 1) + evals(6)), 6, 6).is_empty()
    assert matched(calls(production(7, 30, 1)), 6, 6).is_empty()
    nothing = match(calls([(6, "a", True, None)]), first=day(0), last=day(6))
    assert {name: frame.columns for name, frame in nothing.items()} == {
        name: list(columns) for name, columns in TABLES.items()
    }


def test_one_user_alone_is_still_matched() -> None:
    alone = [(i, "only", False, text) for i, _, _, text in production(7, 30, 1)]
    found = matched(calls(alone + evals(6)), 6, 6).filter("is_eval")
    assert (found["caliper"] == 0.4).all()
    assert (found["similarity"] >= 0.4).all()


def test_a_window_with_lost_texts_is_not_made_again() -> None:
    rows = calls(production(10, 20, 1) + evals(9))
    assert readable_days(rows) == {day(i) for i in range(10)}
    lost = rows.with_columns(
        text=pl.when((pl.col("day") < day(2)) & (pl.int_range(pl.len()) % 5 > 0))
        .then(None)
        .otherwise("text")
    )
    assert readable_days(lost) == {day(8), day(9)}
