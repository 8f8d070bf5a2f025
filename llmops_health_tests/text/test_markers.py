"""Words that give a test away: planted ones are named, noise and topics are not."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.text.embed import embed
from llmops_health.text.likeness import Inputs, likeness
from llmops_health.text.markers import MIN_INPUTS, Worded, marker_words, words_of

TOPICS = (
    "refund the money for order", "reset the password of account", "find the parcel with number",
    "correct the amount of invoice", "cancel the contract with id", "change the address of user",
)  # fmt: skip
OPENINGS = ("please", "can you", "how do I", "I need to", "could somebody", "is it possible to")
ENDINGS = ("thanks", "it is urgent", "as I asked before", "since last week", "for my team", "today")


def texts(rng: np.random.Generator, n: int, topics: tuple[str, ...] = TOPICS) -> list[str]:
    drawn = (rng.choice(part, n) for part in (OPENINGS, topics, ENDINGS))
    numbers = rng.integers(1_000, 9_999, n)
    return [f"{a} {b} {k} {c}" for a, b, c, k in zip(*drawn, numbers, strict=True)]


def worded(said: list[str]) -> Worded:
    length = np.log([1.0 + len(one) for one in said])
    return Worded(said, Inputs(embed(said), length, np.zeros(len(said), dtype=np.int64)))


def measured(
    evals: list[str], seed: int, topics: tuple[str, ...] = TOPICS
) -> tuple[list[tuple[str, int, int]], float]:
    """Return words with their counts, and by how much evals with any exceed production."""
    rng = np.random.default_rng([seed, 1])
    live = worded(texts(rng, 300, topics))
    rows = marker_words(worded(evals), live, rng.integers(0, 2, 300))
    whole = [row for row in rows if row["word"] == ""]
    assert [row["half"] for row in whole] == [0, 1]
    n = sum(int(row["n"]) for row in whole)
    excess = sum(int(row["n_with"]) - float(row["sum_near"]) for row in whole) / n
    words = [(str(row["word"]), int(row["n"]), int(row["n_with"])) for row in rows if row["word"]]
    return words, excess


def test_a_case_number_in_half_of_the_inputs_is_named() -> None:
    said = texts(np.random.default_rng(1), 40)
    marked = [f"[case-{i:03}] {one}" if i % 2 else one for i, one in enumerate(said)]
    words, excess = measured(marked, 1)
    assert excess == pytest.approx(0.5, abs=0.2)
    assert "case-#" in {word for word, *_ in words}
    assert all("case-0" not in word for word, *_ in words)


def test_a_fixed_name_is_named_with_its_neighbour() -> None:
    said = [f"{one}, regards Jane Doe" for one in texts(np.random.default_rng(2), 30)]
    words, excess = measured(said, 2)
    assert excess > 0.8
    assert {"jane", "jane doe", "doe"} & {word for word, *_ in words}


def test_the_topic_of_the_evals_is_no_mark() -> None:
    rng = np.random.default_rng(3)
    excesses = [measured(texts(rng, 40, TOPICS[:2]), seed)[1] for seed in range(12)]
    assert np.mean(excesses) == pytest.approx(0.0, abs=0.08)
    assert max(excesses) < 0.3


def test_noise_gives_nothing_on_average() -> None:
    rng = np.random.default_rng(4)
    excesses = [measured(texts(rng, 40), seed)[1] for seed in range(12)]
    assert np.mean(excesses) == pytest.approx(0.0, abs=0.06)


def test_no_word_of_few_inputs_is_ever_named() -> None:
    said = texts(np.random.default_rng(5), 40)
    secret = [f"zyx{one}" if i < 2 * (MIN_INPUTS - 1) else one for i, one in enumerate(said)]
    # Four of each half: one fewer than it takes.
    words, _ = measured(secret, 5)
    assert not any(word.startswith("zyx") for word, *_ in words)


def test_near_copies_are_one_input() -> None:
    said = texts(np.random.default_rng(6), 24)
    copies = said + [one.replace(" ", "  ", 1) for one in said[:16]]
    rows = marker_words(worded(copies), worded(texts(np.random.default_rng(7), 200)), HALF)
    assert sum(int(row["n"]) for row in rows if row["word"] == "") <= 24


def test_too_few_of_either_side_is_no_row() -> None:
    rng = np.random.default_rng(8)
    live = worded(texts(rng, 200))
    assert marker_words(worded(texts(rng, 12)), live, HALF) == []
    assert marker_words(worded(texts(rng, 40)), live, np.zeros(200, dtype=np.int64)) == []


def test_words_are_lower_case_without_their_numbers() -> None:
    assert words_of("Order 4711: ID-99/a") == {
        "order", "order #", "id-#/a", "# id-#/a",
    }  # fmt: skip
    assert words_of("2026 12 31") == frozenset()
    assert words_of("x" * 41) == frozenset()


def test_likeness_asks_for_meaning_length_and_language() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    one = Inputs(vectors[:1], np.array([0.0]), np.array([1]))
    others = Inputs(
        np.repeat(vectors, 2, axis=0), np.array([0, 0.4, 0.5, 0]), np.array([1, -1, 1, 2])
    )
    found = likeness(one, others)
    assert found.cosine[0].tolist() == pytest.approx([1, 1, 0.6, 0.6])
    assert found.score[0].tolist() == pytest.approx([1, 0.88, 0.45, 0.6])
    assert found.may_match[0].tolist() == [True, True, False, False]


HALF = np.arange(200) % 2
