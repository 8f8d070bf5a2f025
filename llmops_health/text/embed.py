"""Sentence vectors without a network: mean of static token embeddings, at unit length.

The weights and the tokenizer ship inside the wordllama wheel and are read from there. The
wordllama package itself is never imported: its loader asks a hub for the tokenizer, and its
import configures the root logger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EMBEDDER_VERSION: Final = "wordllama-0.4-l2-256"
DIMENSION: Final = 256

# A prompt is about what its first page is about; reading on costs time in proportion.
MAX_CHARACTERS: Final = 2_000

# Bounds memory: a million characters are at most four million tokens, of 4 bytes each.
_CHARACTERS_PER_BATCH: Final = 1_000_000
# Texts that are not cut: with names of tokens or the tokenizer's own space, or a space at the end.
_WHOLE: Final = re.compile(r"</?s>|<unk>|\u2581| \Z")
_WORD: Final = re.compile(" +[^ ]+")
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"


@dataclass(frozen=True, slots=True)
class _Model:
    """A tokenizer and one embedding row per token."""

    tokenizer: Tokenizer
    embedding: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Texts, each once and in their order, and a unit vector of each."""

    texts: list[str]
    vectors: npt.NDArray[np.float32]
    _place: dict[str, int]

    @classmethod
    def of(cls, *columns: Iterable[str | None]) -> Embedded:
        """Read every text of some columns once."""
        texts = sorted({text for column in columns for text in column if text is not None})
        return cls(texts, embed(texts), {text: at for at, text in enumerate(texts)})

    def places(self, texts: Iterable[str]) -> npt.NDArray[np.int64]:
        """Return where texts of these columns stand in `texts`, shape (n,)."""
        return np.array([self._place[text] for text in texts], dtype=np.int64)


def embed(texts: Sequence[str | None]) -> npt.NDArray[np.float32]:
    """Return one unit vector per text.

    Parameters
    ----------
    texts : sequence of str or None
        Only the first 2,000 characters of each count.

    Returns
    -------
    ndarray of float32, shape (n_texts, 256)
        Rows of length 1; a row of zeros for None and for the empty text. The vector of a text
        does not depend on the texts around it.

    Raises
    ------
    RuntimeError
        If the installed wordllama does not ship the weights of `EMBEDDER_VERSION`.

    Notes
    -----
    v = sum_t E[t] / ||sum_t E[t]||, t over the tokens of the text. Equal to
    ``WordLlamaInference.embed(norm=True)`` up to float32 rounding.

    Examples
    --------
    >>> money, refund, poem = embed(["I want my money back", "please refund me", "a sad poem"])
    >>> bool(money @ refund > money @ poem)
    True
    """
    vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
    if not len(texts):
        return vectors
    model = _load()
    start = 0
    for batch in _batches(texts):
        sums = _token_counts(batch, model) @ model.embedding
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        np.divide(sums, lengths, out=vectors[start : start + len(batch)], where=lengths > 0)
        start += len(batch)
    return vectors


def _batches(texts: Sequence[str | None]) -> Iterator[list[str]]:
    batch: list[str] = []
    n_characters = 0
    for text in texts:
        batch.append((text or "")[:MAX_CHARACTERS])
        n_characters += len(batch[-1])
        if n_characters >= _CHARACTERS_PER_BATCH:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _token_counts(texts: Sequence[str], model: _Model) -> csr_array:
    """Count tokens per text, shape (n_texts, n_vocabulary).

    Counts times embedding is the pooling without a padded (text, token, dimension) array. No
    token reaches over the space before a word, so each distinct word is tokenized once.
    """
    rows = [_words(text) for text in texts]
    words = list(chain.from_iterable(rows))
    place = {word: at for at, word in enumerate(dict.fromkeys(words))}
    of = np.fromiter(map(place.__getitem__, words), dtype=np.int64, count=len(words))
    encodings = model.tokenizer.encode_batch_fast(list(place), add_special_tokens=False)
    ids = [encoding.ids for encoding in encodings]
    sizes = np.array([len(tokens) for tokens in ids], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    tokens = np.fromiter(chain.from_iterable(ids), dtype=np.int32, count=sizes.sum())
    ends = np.concatenate([[0], np.cumsum(sizes[of])])
    # Tokens stay in the order of the text: sums in another order differ in their last digit.
    columns = tokens[np.repeat(starts[of] - ends[:-1], sizes[of]) + np.arange(ends[-1])]
    ones = np.ones(len(columns), dtype=np.float32)
    ends_of_text = ends[np.cumsum([0, *map(len, rows)])]
    return csr_array((ones, columns, ends_of_text), shape=(len(rows), len(model.embedding)))


def _words(text: str) -> list[str]:
    """Cut a text before its spaces; the space before a word is the tokenizer's to add."""
    if _WHOLE.search(text):
        return [text]
    if text[:1] == " " or "  " in text:
        return [word[1:] for word in _WORD.findall(f" {text}")]
    return text.split(" ")


@cache
def _load() -> _Model:
    from safetensors import safe_open  # noqa: PLC0415 - only runs that embed pay for the import
    from tokenizers import Tokenizer  # noqa: PLC0415

    with safe_open(str(_shipped(_WEIGHTS)), framework="np") as tensors:
        embedding = tensors.get_tensor("embedding.weight").astype(np.float32)
    return _Model(Tokenizer.from_file(str(_shipped(_TOKENIZER))), embedding)


def _shipped(name: str) -> Path:
    spec = find_spec("wordllama")
    folder = Path(spec.origin).parent if spec and spec.origin else Path("wordllama")
    if not (folder / name).is_file():
        raise RuntimeError(
            f"{folder / name} is missing: {EMBEDDER_VERSION} needs the files that wordllama 0.4 "
            "ships. Run: pip install 'wordllama>=0.4,<0.5'"
        )
    return folder / name
