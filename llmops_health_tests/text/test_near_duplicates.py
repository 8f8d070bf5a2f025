"""Near-duplicates: sets as they are defined, what is found of pairs of known similarity, edges."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from rensa import RMinHash

from llmops_health.text.near_duplicates import (
    SIMILAR,
    band_keys,
    groups,
    matches,
    shingles,
    similarity,
)

RESET = "please reset my password i cannot log in to my account today"
ALSO = "please reset my password i cant log in to my account today"
WEATHER = "what is the weather like in paris this weekend"


def runs(text: str) -> set[tuple[str, ...]]:
    """Define the set of a text once more, plainly."""
    words = re.findall(r"[^\W_]+", text.lower())
    return {tuple(words[at : at + 3]) for at in range(max(len(words) - 2, min(len(words), 1)))}


def jaccard(left: str, right: str) -> float:
    a, b = runs(left), runs(right)
    return len(a & b) / len(a | b) if a | b else 0.0


def sentences(rng: np.random.Generator, n: int, n_words: int) -> list[str]:
    words = np.array([f"w{at}" for at in range(4_000)])
    return [" ".join(row) for row in words[rng.integers(0, len(words), (n, n_words))]]


def test_estimates_of_the_library_are_as_published() -> None:
    def sketch(text: str) -> RMinHash:
        made = RMinHash(num_perm=128, seed=42)
        made.update(sorted({text[at : at + 3] for at in range(len(text) - 2)}))
        return made

    assert sketch(RESET).jaccard(sketch(ALSO)) == 0.9375
    assert sketch(RESET).jaccard(sketch(WEATHER)) == 0.0390625


def test_similarity_is_exact() -> None:
    rng = np.random.default_rng(1)
    texts = [RESET, ALSO, WEATHER, "", "one", "One!", "two words", "Zwei Wörter, drei: zwei Wörter"]
    for text in sentences(rng, 20, 12):
        words = text.split()
        words[int(rng.integers(12))] = "other"
        texts += [text, " ".join(words)]
    left, right = map(np.ravel, np.indices((len(texts), len(texts))))
    found = similarity(shingles(texts), left, right)
    wanted = [jaccard(texts[a], texts[b]) for a, b in zip(left, right, strict=True)]
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(("swapped", "least"), [(1, 0.97), (0, 1.0)])
def test_pairs_that_are_alike_are_found(swapped: int, least: float) -> None:
    """One word of 60 changed leaves 55 of 61 runs in both: 0.90, found in 1 - 1e-7 of cases."""
    rng = np.random.default_rng(2)
    first = sentences(rng, 400, 60)
    second = [" ".join([*text.split()[: 60 - swapped], *["end"] * swapped]) for text in first]
    found = groups(first + second)
    assert np.mean(found[400:] == np.arange(400)) >= least
    assert (found[:400] == np.arange(400)).all()


def test_recall_at_the_limit_is_the_one_that_was_chosen() -> None:
    """40 runs, 4 in one only and 5 in the other only: 36 / 45 = 0.8, found in 0.998 of cases."""
    rng = np.random.default_rng(3)
    shared = sentences(rng, 600, 38)  # 36 runs
    left = [f"{text} a{at} b{at} c{at} d{at}" for at, text in enumerate(shared)]  # 4 more
    right = [f"{text} e{at} f{at} g{at} h{at} i{at}" for at, text in enumerate(shared)]  # 5 more
    assert jaccard(left[0], right[0]) == SIMILAR
    found = matches(left, right)
    assert len(found.left) >= 600 * 0.998 - 3 * np.sqrt(600 * 0.002)
    assert (found.left == found.right).all()
    assert found.similarity == pytest.approx(0.8)


def test_pairs_that_differ_are_not_found() -> None:
    rng = np.random.default_rng(4)
    first = sentences(rng, 300, 20)
    second = [" ".join([*text.split()[:12], *["other"] * 8]) for text in first]  # 10 of 25 runs
    assert (groups(first + second) == np.arange(600)).all()
    assert len(matches(first, second).left) == 0


def test_copies_are_one_group_however_many() -> None:
    texts = [RESET, *["Please, reset my PASSWORD!"] * 500, *["please reset my password"] * 500]
    found = groups(texts)
    assert found[0] == 0
    assert set(found[1:].tolist()) == {1}


def test_a_chain_is_one_group() -> None:
    words = [f"w{at}" for at in range(100)]
    texts = [" ".join(words[at : at + 60]) for at in (0, 3, 6, 9, 12)]
    assert jaccard(texts[0], texts[1]) > SIMILAR > jaccard(texts[0], texts[4])
    assert set(groups(texts).tolist()) == {0}


def test_texts_without_words_are_like_nothing() -> None:
    assert groups(["", "!!!", " ", "a", "a"]).tolist() == [0, 1, 2, 3, 3]
    assert len(matches(["", "!"], ["", "!"]).left) == 0


def test_nothing_at_all() -> None:
    assert groups([]).tolist() == []
    assert len(matches([], ["a"]).left) == len(matches(["a"], []).left) == 0
    assert len(shingles([])) == 0


def test_scripts_without_spaces_and_nulls_are_taken() -> None:
    texts = pl.Series(["東京の天気", "東京の天気", None, "погода в Париже", "Погода в Париже"])
    assert groups(texts).tolist() == [0, 0, 2, 3, 3]


def test_the_same_texts_have_the_same_keys() -> None:
    texts = sentences(np.random.default_rng(5), 50, 30)
    assert (band_keys(shingles(texts)) == band_keys(shingles(texts[::-1]))[::-1]).all()
    assert band_keys(shingles(texts)).shape == (50, 20)


def test_one_text_like_very_many_is_matched() -> None:
    found = matches([RESET], [WEATHER, *[RESET] * 300])
    assert len(found.right) == 50
    assert (found.right > 0).all()
