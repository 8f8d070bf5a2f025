"""Embedding: equal to the reference, alone and in company, and never on the network."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from llmops_health.text import embed as module
from llmops_health.text.embed import DIMENSION, MAX_CHARACTERS, Embedded, embed

TEXTS = [
    "I want my money back",
    "please refund my order",
    "  two  spaces   and more  ",
    "line one\n\n    def f(x):\n        return x ** 2\n",
    "Grüße aus Zürich, 東京 и Москва \U0001f600",
    "<s> control </s> tokens <unk>",
    "▁ underline",
    "a",
    " ",
    "word " * 390,
]


def reference(texts: list[str]) -> np.ndarray:
    from safetensors import safe_open
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    spec = importlib.util.find_spec("wordllama")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    tokenizer = package / "tokenizers" / "l2_supercat_tokenizer_config.json"
    weights = package / "weights" / "l2_supercat_256.safetensors"
    with safe_open(str(weights), framework="np") as tensors:
        embedding = tensors.get_tensor("embedding.weight")
    model = WordLlamaInference(embedding, Tokenizer.from_file(str(tokenizer)))
    return np.asarray(model.embed(texts, norm=True))


def test_equals_the_reference() -> None:
    assert embed(TEXTS) == pytest.approx(reference(TEXTS), abs=1e-5)


def test_rows_are_unit_float32() -> None:
    vectors = embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), DIMENSION)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-6)


def test_no_text_is_no_direction() -> None:
    vectors = embed(["", None, "a"])
    assert not vectors[:2].any()
    assert vectors[2].any()
    assert embed([]).shape == (0, DIMENSION)


def test_a_vector_does_not_depend_on_its_company(monkeypatch: pytest.MonkeyPatch) -> None:
    together = embed(TEXTS)
    assert np.array_equal(embed(TEXTS[::-1])[::-1], together)
    monkeypatch.setattr(module, "_CHARACTERS_PER_BATCH", 40)
    assert np.array_equal(embed(TEXTS), together)


@pytest.mark.parametrize(
    "text", [*TEXTS, "", "  a", "a ", "a  b", "<unk>", "a </s> b", "a\u00a0b \t c"]
)
def test_words_have_the_tokens_of_the_whole_text(text: str) -> None:
    tokenizer = module._load().tokenizer

    def ids(texts: list[str]) -> list[int]:
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [token for encoding in encodings for token in encoding.ids]

    assert ids(module._words(text)) == ids([text])


def test_no_token_reaches_over_the_space_before_a_word() -> None:
    tokens = module._load().tokenizer.get_vocab()
    assert [token for token in tokens if "\u2581" in token.lstrip("\u2581")] == []


def test_texts_embedded_together_are_each_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(texts: Sequence[str | None]) -> npt.NDArray[np.float32]:
        asked.append(len(texts))
        return embed(texts)

    monkeypatch.setattr(module, "embed", counted)
    read = Embedded.of(["b", None, "a"], ["b", "c"])
    assert asked == [3]
    assert read.texts == ["a", "b", "c"]
    assert np.array_equal(read.vectors[read.places(["c", "a", "c"])], embed(["c", "a", "c"]))


def test_only_the_beginning_counts() -> None:
    beginning = "refund " * 300
    assert len(beginning) > MAX_CHARACTERS
    short, long = embed([beginning[:MAX_CHARACTERS], beginning + "quarterly astronomy"])
    assert np.array_equal(short, long)
    assert not np.array_equal(*embed([beginning[: MAX_CHARACTERS - 9], beginning]))


def test_meaning_orders_the_neighbours() -> None:
    money, refund, goal = embed([*TEXTS[:2], "the striker scored twice in the second half"])
    assert money @ refund > money @ goal + 0.2


def test_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("embed opened a socket")

    expected = embed(TEXTS[:1])
    module._load.cache_clear()
    monkeypatch.setattr(socket, "socket", refuse)
    assert np.array_equal(embed(TEXTS[:1]), expected)


def test_names_the_file_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    module._load.cache_clear()
    monkeypatch.delitem(sys.modules, "wordllama", raising=False)
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match=r"l2_supercat_256\.safetensors is missing.*pip install"):
        embed(["a"])
