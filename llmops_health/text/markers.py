"""Words by which an input gives away that it is a test: chosen on one half, measured on the other.

An eval input is compared with the production inputs nearest to it, so that what it is about does
not count. No user is in both halves, and only words of several inputs are ever named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from llmops_health.kernels.matching import nearest_controls
from llmops_health.text.likeness import Inputs, likeness

N_NEIGHBOURS: Final = 5
MIN_INPUTS: Final = 5
"""Different eval inputs of a half in which a word must be, to be named."""

N_WORDS: Final = 3
MAX_EVALS: Final = 200
COPY: Final = 0.9
"""Cosine from which two eval inputs are one: nine of ten stay apart in the demo's suites."""

_SEED: Final = 20_260_101
_MIN_HALF: Final = 10
_MIN_POOL_HALF: Final = 25
_MAX_CHARACTERS: Final = 2_000
_LONGEST_WORD: Final = 40
_MOST_WORDS: Final = 2_000

_NUMBER = re.compile(r"\d+")
_TOKEN = re.compile(r"[\w#]+(?:[-_./:][\w#]+)*")

Values = dict[str, str | int | float]


@dataclass(frozen=True, slots=True, eq=False)
class Worded:
    """Texts, and the inputs that they are."""

    texts: list[str]
    inputs: Inputs


def marker_words(evals: Worded, production: Worded, half: npt.NDArray[np.int64]) -> list[Values]:
    """Return what the words of eval inputs give away, as rows of `summary__marker_words`.

    Parameters
    ----------
    evals
        Different eval inputs, in an order that stays; of more than 200 the first are taken, and
        of near copies one: a phrase that was copied would be found in both halves.
    production
        Sampled inputs.
    half
        Half (0 or 1) of each production input, the same for all of a user, shape (n_production,).

    Returns
    -------
    list of dict
        Per half: `half`, `word` ('' for any of the words named), `n` eval inputs measured,
        `n_with` of them that have the word, `sum_near` the sum over them of the share of their 5
        nearest neighbours that have it, and `sum_sq` of the squared differences of the two. A
        half whose other half has no word to offer has the row '' with nothing found. No rows at
        all where a half has fewer than 10 eval inputs or 25 production inputs.

    Notes
    -----
    The words (and pairs of them; digits are #) of one half that are in at least 5 of its inputs,
    and most beyond their neighbours, are measured on the other half: chance gives 0 on average.
    """
    taken = _without_copies(evals.inputs.vectors[:MAX_EVALS])
    # Halved by chance, the same for the same suite: its own order may follow what is looked for.
    taken = np.random.default_rng(_SEED).permutation(taken)
    halves = [(taken[h::2], np.flatnonzero(half == h)) for h in (0, 1)]
    for mine, theirs in halves:
        if len(mine) < _MIN_HALF or len(theirs) < _MIN_POOL_HALF:
            return []
    sides = []
    for mine, theirs in halves:
        score = likeness(evals.inputs[mine], production.inputs[theirs]).score
        near = nearest_controls(score, -np.inf, N_NEIGHBOURS).control
        own = [words_of(evals.texts[i]) for i in mine.tolist()]
        of_near = [[words_of(production.texts[i]) for i in theirs[row].tolist()] for row in near]
        sides.append((own, of_near))
    found: list[Values] = []
    for h in (0, 1):
        chosen = _most_telling(*sides[1 - h])
        found.append({"half": h, "word": "", **_measured(chosen, *sides[h])})
        found += [{"half": h, "word": word, **_measured([word], *sides[h])} for word in chosen]
    return found


def _without_copies(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the inputs that are no near copy of one before them."""
    is_copy = np.tril(vectors @ vectors.T, -1) >= COPY
    kept = np.ones(len(vectors), dtype=np.bool_)
    for i in range(len(vectors)):
        kept[i] = not (is_copy[i] & kept).any()
    return np.flatnonzero(kept)


def words_of(text: str) -> frozenset[str]:
    """Return the words and pairs of neighbouring words of a text, in lower case, digits as #.

    Examples
    --------
    >>> sorted(words_of("[Test-0042] Hello"))
    ['hello', 'test-#', 'test-# hello']
    """
    return _words(text[:_MAX_CHARACTERS])


@lru_cache(maxsize=20_000)
def _words(text: str) -> frozenset[str]:
    tokens = _TOKEN.findall(_NUMBER.sub("#", text.lower()))[:_MOST_WORDS]
    # A number is no name: it would tell the years and prices of a topic.
    names = {token for token in {*tokens} if any(map(str.isalpha, token))}
    pairs = [f"{one} {two}" for one, two in pairwise(tokens) if one in names or two in names]
    return frozenset([word for word in (*names, *pairs) if len(word) <= _LONGEST_WORD])


Words = frozenset[str]


def _most_telling(own: list[Words], near: list[list[Words]]) -> list[str]:
    """Return the words that are in most inputs beyond their neighbours, at most 3."""
    counts = Counter(chain.from_iterable(own))
    frequent = {word for word, n in counts.items() if n >= MIN_INPUTS}
    of_near = Counter(chain.from_iterable(words & frequent for rows in near for words in rows))
    # Neighbours weigh alike: every input has as many.
    excess = {word: counts[word] - of_near[word] / max(len(near[0]), 1) for word in frequent}
    ranked = sorted(excess, key=lambda word: (-excess[word], word))
    return [word for word in ranked if excess[word] > 0][:N_WORDS]


def _measured(chosen: Iterable[str], own: list[Words], near: list[list[Words]]) -> Values:
    wanted = frozenset(chosen)
    has = np.array([not wanted.isdisjoint(words) for words in own], dtype=np.float64)
    has_near = np.array([[not wanted.isdisjoint(words) for words in rows] for rows in near])
    share = has_near.mean(axis=1)
    return {
        "n": len(own),
        "n_with": int(has.sum()),
        "sum_near": round(float(share.sum()), 6),
        "sum_sq": round(float(((has - share) ** 2).sum()), 6),
    }
