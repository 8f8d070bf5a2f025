"""Sentence vectors without a network: mean of static token embeddings, at unit length.

The weights and the tokenizer ship inside the wordllama wheel and are read from there. The
wordllama package itself is never imported: its loader asks a hub for the tokenizer, and its
import configures the root logger.
"""

from __future__ import annotations

from collections.abc import Sequence
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

# Bounds memory: 2,000 characters are at most 8,000 tokens, 1,024 texts at most 100 MB.
_TEXTS_PER_BATCH: Final = 1_024
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"


@dataclass(frozen=True, slots=True)
class _Model:
    """A tokenizer and one embedding row per token."""

    tokenizer: Tokenizer
    embedding: npt.NDArray[np.float32]


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
    for start in range(0, len(texts), _TEXTS_PER_BATCH):
        batch = [(text or "")[:MAX_CHARACTERS] for text in texts[start : start + _TEXTS_PER_BATCH]]
        sums = _token_counts(batch, model) @ model.embedding
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        np.divide(sums, lengths, out=vectors[start : start + len(batch)], where=lengths > 0)
    return vectors


def _token_counts(texts: Sequence[str], model: _Model) -> csr_array:
    """Count tokens per text, shape (n_texts, n_vocabulary).

    Counts times embedding is the pooling without a padded (text, token, dimension) array.
    """
    encodings = model.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    rows = [encoding.ids for encoding in encodings]
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=ends[-1])
    ones = np.ones(len(columns), dtype=np.float32)
    return csr_array((ones, columns, ends), shape=(len(rows), len(model.embedding)))


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
