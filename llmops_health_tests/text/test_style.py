"""Style of inputs: examples of each detector in several languages, and who rephrases what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import polars as pl
import pytest

from llmops_health.text.style import STYLE_VERSION, TABLES, measure, readable_days

MONDAY = date(2026, 3, 2)
NOON = datetime.combine(MONDAY, time(12))


def samples(texts: Sequence[str | None], users: list[int] | None = None,
            minutes: list[float] | None = None) -> pl.DataFrame:  # fmt: skip
    n = len(texts)
    return pl.DataFrame(
        {
            "day": [MONDAY] * n,
            "feature_id": ["help"] * n,
            "call_id": [f"c{i:02}" for i in range(n)],
            "user_key": users or list(range(n)),
            "started_at": [NOON + timedelta(minutes=at) for at in minutes or [0.0] * n],
            "input_sha256": [None if text is None else f"h{i}" for i, text in enumerate(texts)],
            "text": texts,
        },
        schema_overrides={"text": pl.String, "input_sha256": pl.String},
    )


def told(column: str, *texts: str) -> list[bool | None]:
    return list(measure(samples(list(texts)))[column])


def test_keywords_are_a_few_words_and_no_sentence() -> None:
    keywords = ("refund status", "Reset password", "gpt api rate limit 429", "Rechnung falsch",
                "facture introuvable", "vpn")  # fmt: skip
    sentences = ("How do I reset it", "where is my refund?", "It fails.", "Meine Rechnung fehlt",
                 "wo finde ich das", "comment ça marche", "no puedo entrar", "please reset",
                 "one two three four five six seven eight nine")  # fmt: skip
    assert told("is_keywords", *keywords) == [True] * len(keywords)
    assert told("is_keywords", *sentences) == [False] * len(sentences)
    assert told("is_keywords", "返品 状況", "возврат денег", "refund 退款") == [None] * 3


def test_courtesy_needs_the_whole_word() -> None:
    polite = ("Hi, where is it", "reset it PLEASE!", "Thank you", "Bitte zurücksetzen",
              "s\u2019il vous plaît", "muchas gracias", "请帮我退款", "よろしくお願いします",
              "Hello\nI need help")  # fmt: skip
    plain = ("which invoice", "displease", "history of orders", "this is chilling", "dearth")
    assert told("is_courteous", *polite) == [True] * len(polite)
    assert told("is_courteous", *plain) == [False] * len(plain)


def test_formulas_of_prompt_writing() -> None:
    formulas = ("Act as a lawyer and check this", "You are an expert in tax.",
                "explain step by step", "Answer only with JSON", "## Task\nsum it up",
                "Context: we sell shoes", "{{name}}",
                "<instructions>short</instructions>", "Du bist ein Anwalt",
                "Agis comme un avocat")  # fmt: skip
    plain = ("can you act on it", "you are wrong", "my task failed", "the [EMAIL] bounced",
             "issue #12 is open")  # fmt: skip
    assert told("is_template", *formulas) == [True] * len(formulas)
    assert told("is_template", *plain) == [False] * len(plain)


def test_one_example_is_no_few_shot_prompt() -> None:
    assert told(
        "has_examples",
        "Input: red\nOutput: color\nInput: cat\nOutput:",
        "Q: 1+1?\nA: 2\nQ: 2+2?",
        "Beispiel 1: rot\nBeispiel 2: blau",
        "Question: why is it red",
        "for example the red one",
    ) == [True, True, True, False, False]


def test_a_rephrased_input_is_like_the_users_last_one() -> None:
    texts = [
        "how do I cancel my order", "how can I cancel my last order",  # like it
        "how do I cancel my order",  # another user
        "something else entirely here now",  # unlike
        "yes", "yes",  # too short to tell
        "how do I export a report", "how do I export a report",  # too late
    ]  # fmt: skip
    users = [1, 1, 2, 1, 3, 3, 4, 4]
    minutes = [0.0, 2, 2.1, 3, 0, 1, 0, 10.5]
    found = measure(samples(texts, users, minutes))["is_rephrased"].to_list()
    assert found == [False, True, False, False, False, False, False, False]


def test_order_in_time_counts_and_not_order_of_rows() -> None:
    late_first = samples(["a b c d", "a b c e"], [1, 1], [5.0, 1.0])
    assert measure(late_first)["is_rephrased"].to_list() == [True, False]


def test_without_text_there_is_no_row() -> None:
    rows = measure(samples([None, "  \n", "x"]))
    assert rows["call_id"].to_list() == ["c02"]
    assert rows["style_version"].to_list() == [STYLE_VERSION]
    assert measure(samples([None])).is_empty()
    assert measure(samples([])).columns == list(TABLES["summary__style"])


def test_long_and_hostile_texts_are_read() -> None:
    texts = ["x " * 500_000 + "please", "'; drop table users; --", "\x00\ufffd", "((((" * 5_000]
    assert told("is_courteous", *texts) == [False] * 4


@pytest.mark.parametrize(("n_kept", "days"), [(1, set()), (2, {MONDAY}), (4, {MONDAY})])
def test_a_day_whose_texts_are_mostly_gone_is_not_read(n_kept: int, days: set[date]) -> None:
    rows = samples(["a", "b", "c", "d"])
    gone = pl.when(pl.int_range(pl.len()) < n_kept).then("text").otherwise(None)
    assert readable_days(rows.with_columns(text=gone)) == days
