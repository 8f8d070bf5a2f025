"""Near-duplicates: texts that share most of their word sequences, found by MinHash and verified.

Texts in, groups and pairs out. A text is the set of its runs of three words, in lower case, without
punctuation; two are near-duplicates if at least 0.8 of both sets together is in both (Jaccard).
Candidates come from locality-sensitive hashing, which finds 99.8 % of the pairs at 0.8 and more of
those above; every candidate is verified on the whole sets. What counts as too many is for checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

N_WORDS: Final = 3
N_BANDS: Final = 20
N_PER_BAND: Final = 6
"""A pair of similarity s is a candidate with chance ``1 - (1 - s^6)^20``."""

SIMILAR: Final = 0.8
_SEED: Final = 42
_BLOCK: Final = 20_000
_PAIRS: Final = 100_000
_TEXTS: Final = 50_000  # at a time: their words take some 3 kB each
_MOST_PER_KEY: Final = 50
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Shingles:
    """Sorted hashes of each text's word runs, one after the other: text i has `starts[i:i + 2]`."""

    hashes: Keys
    starts: Ints

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self.starts) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Near-duplicate texts by their places, with their similarity, in order of the places."""

    left: Ints
    right: Ints
    similarity: npt.NDArray[np.float64]


def groups(texts: Sequence[str] | pl.Series) -> Ints:
    """Return for each text the place of the first of its group of near-duplicates, shape (n,).

    Groups are what chains of near-duplicates connect: the ends of a long chain may differ.

    Examples
    --------
    >>> groups(["Please reset my password!", "please reset my password", "where is my parcel"])
    array([0, 0, 2])
    """
    shingled = shingles(texts)
    n = len(shingled)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    # Texts of the same sets need no search: one stands for all of them.
    same, of_text = _collapsed(shingled)
    found = _verified(shingled, *_candidates(band_keys(_chosen(shingled, same)), same), SIMILAR)
    return _connected(n, found, same, of_text)


def matches(
    texts: Sequence[str] | pl.Series,
    others: Sequence[str] | pl.Series,
    *,
    least: float = SIMILAR,
) -> Pairs:
    """Return the pairs of a text and one of the others that are near-duplicates.

    Of a text with very many like it, up to 50 per hash are looked at.

    Examples
    --------
    >>> found = matches(["reset my password please"], ["hello", "Reset my password, please."])
    >>> found.left.tolist(), found.right.tolist(), found.similarity.tolist()
    ([0], [1], [1.0])
    """
    n = len(texts)
    both = shingles(pl.concat([_series(texts), _series(others)]))
    if n == 0 or len(both) == n:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    keys = band_keys(both)
    left, right = [], []
    for band in range(N_BANDS):
        column = keys[n:, band]
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        first = np.searchsorted(ordered, keys[:n, band], side="left")
        last = np.searchsorted(ordered, keys[:n, band], side="right")
        counts = np.minimum(last - first, _MOST_PER_KEY)
        mine = np.repeat(np.arange(n), counts)
        within = np.arange(len(mine)) - np.repeat(np.cumsum(counts) - counts, counts)
        left.append(mine)
        right.append(n + order[np.repeat(first, counts) + within])
    pairs = _unique(np.concatenate(left), np.concatenate(right), len(both))
    found = _verified(both, *pairs, least)
    return Pairs(found.left, found.right - n, found.similarity)


def shingles(texts: Sequence[str] | pl.Series) -> Shingles:
    """Return the word runs of texts as sorted hashes, each once per text.

    A text of fewer than three words is one run; a text without a word has none.
    """
    column = _series(texts)
    blocks = [_shingled(column[at : at + _TEXTS]) for at in range(0, len(column), _TEXTS)]
    if not blocks:
        return Shingles(np.zeros(0, np.uint64), np.zeros(1, np.int64))
    sizes = np.concatenate([np.diff(block.starts) for block in blocks])
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=starts[1:])
    return Shingles(np.concatenate([block.hashes for block in blocks]), starts)


def band_keys(shingled: Shingles) -> Keys:
    """Return the keys under which near-duplicates meet, shape (n_texts, 20).

    Texts without a word have keys of their own.
    """
    from rensa import RMinHash  # noqa: PLC0415 - only who compares texts needs it

    n = len(shingled)
    keys = np.empty((n, N_BANDS), dtype=np.uint64)
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        starts = shingled.starts[start : stop + 1]
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            shingled.hashes[starts[0] : starts[-1]],
            (starts - starts[0]).astype(np.uint64),
            N_BANDS * N_PER_BAND,
            _SEED,
        )
        digests = np.array(matrix.to_rows(), dtype=np.uint64)
        parts = digests.reshape(stop - start, N_BANDS, N_PER_BAND)
        key = np.zeros((stop - start, N_BANDS), dtype=np.uint64)
        for at in range(N_PER_BAND):
            key = _mixed(key ^ parts[:, :, at])
        keys[start:stop] = key
    wordless = np.flatnonzero(np.diff(shingled.starts) == 0)
    keys[wordless] = _mixed(wordless.astype(np.uint64))[:, None]
    return keys


def similarity(shingled: Shingles, left: Ints, right: Ints) -> npt.NDArray[np.float64]:
    """Return the Jaccard similarity of pairs of texts, on their whole sets, shape (n_pairs,)."""
    parts = [
        _similarity(shingled, left[at : at + _PAIRS], right[at : at + _PAIRS])
        for at in range(0, len(left), _PAIRS)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _series(texts: Sequence[str] | pl.Series) -> pl.Series:
    return pl.Series("text", texts, dtype=pl.String).fill_null("")


def _shingled(texts: pl.Series) -> Shingles:
    words = texts.str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+")
    lengths = words.list.len().fill_null(0).to_numpy().astype(np.int64)
    flat = words.explode(empty_as_null=False, keep_nulls=False).hash(_SEED).to_numpy()
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    run = flat.copy()
    for step in range(1, N_WORDS):
        # The hash of a run that would leave its text stays that of the words before its end.
        inside = np.zeros(len(flat), dtype=bool)
        inside[: len(flat) - step] = row[: len(flat) - step] == row[step:]
        following = np.zeros_like(flat)
        following[: len(flat) - step] = flat[step:]
        run = np.where(inside, _mixed(run) ^ following, run)
    kept = (place == 0) | (place <= lengths[row] - N_WORDS)
    return _distinct(row[kept], _mixed(run[kept]), len(lengths))


def _mixed(keys: Keys) -> Keys:
    """Scatter keys over all 64 bits: the finaliser of SplitMix64."""
    with np.errstate(over="ignore"):
        keys = keys + _MIX
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))


def _distinct(row: Ints, hashes: Keys, n: int) -> Shingles:
    order = np.lexsort((hashes, row))
    row, hashes = row[order], hashes[order]
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (hashes[1:] != hashes[:-1])
    starts = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(row[new], minlength=n), out=starts[1:])
    return Shingles(hashes[new], starts)


def _collapsed(shingled: Shingles) -> tuple[Ints, Ints]:
    """Return the first text of each distinct set, and for each text which of these it equals."""
    sizes = np.diff(shingled.starts)
    sums = np.add.reduceat(np.append(_mixed(shingled.hashes), np.uint64(0)), shingled.starts[:-1])
    # Of an empty set reduceat gives the next element: each wordless text is one of its own.
    wordless = sizes == 0
    sums[wordless] = _mixed(np.flatnonzero(wordless).astype(np.uint64))
    keyed = _mixed(sums ^ _mixed(sizes.astype(np.uint64)))
    _, first, of_text = np.unique(keyed, return_index=True, return_inverse=True)
    return first.astype(np.int64), of_text.astype(np.int64)


def _chosen(shingled: Shingles, places: Ints) -> Shingles:
    sizes = np.diff(shingled.starts)[places]
    starts = np.zeros(len(places) + 1, dtype=np.int64)
    np.cumsum(sizes, out=starts[1:])
    return Shingles(shingled.hashes[_spans(shingled.starts[places], sizes)], starts)


def _spans(starts: Ints, sizes: Ints) -> Ints:
    """Return the places from each start on, as many as its size, one after the other."""
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(np.repeat(starts, sizes) + within)


def _candidates(keys: Keys, places: Ints) -> tuple[Ints, Ints]:
    """Return pairs that share a key: each text with the one before it and the first of its key."""
    left, right = [], []
    for band in range(N_BANDS):
        order = np.argsort(keys[:, band], kind="stable")
        ordered = keys[order, band]
        same = ordered[1:] == ordered[:-1]
        left.append(order[:-1][same])
        right.append(order[1:][same])
        first = np.maximum.accumulate(np.where(np.append(True, ~same), np.arange(len(order)), 0))
        far = np.flatnonzero(np.arange(len(order)) - first > 1)
        left.append(order[first[far]])
        right.append(order[far])
    low, high = _unique(np.concatenate(left), np.concatenate(right), len(keys))
    return places[low], places[high]


def _unique(left: Ints, right: Ints, n: int) -> tuple[Ints, Ints]:
    pairs = np.unique(np.minimum(left, right) * n + np.maximum(left, right))
    return pairs // n, pairs % n


def _verified(shingled: Shingles, left: Ints, right: Ints, least: float) -> Pairs:
    found = similarity(shingled, left, right)
    kept = found >= least - 1e-12
    return Pairs(left[kept], right[kept], found[kept])


def _similarity(shingled: Shingles, left: Ints, right: Ints) -> npt.NDArray[np.float64]:
    sizes = np.diff(shingled.starts)
    n = len(left)
    both = np.concatenate([left, right])
    pair = np.repeat(np.concatenate([np.arange(n), np.arange(n)]), sizes[both])
    hashes = shingled.hashes[_spans(shingled.starts[both], sizes[both])]
    order = np.lexsort((hashes, pair))
    pair, hashes = pair[order], hashes[order]
    # Each set holds a hash once, so that a hash that comes twice in a pair is in both.
    shared = (pair[1:] == pair[:-1]) & (hashes[1:] == hashes[:-1])
    n_shared = np.bincount(pair[1:][shared], minlength=n)
    n_any = sizes[left] + sizes[right] - n_shared
    return np.asarray(n_shared / np.maximum(n_any, 1))


def _connected(n: int, found: Pairs, same: Ints, of_text: Ints) -> Ints:
    """Return the first text that each is connected with, through pairs or equal sets."""
    parent = list(range(n))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in _listed(found.left, found.right):
        a, b = root(one), root(other)
        parent[max(a, b)] = min(a, b)
    roots = np.array([root(at) for at in same.tolist()], dtype=np.int64)
    return np.asarray(roots[of_text])


def _listed(left: Ints, right: Ints) -> Iterator[tuple[int, int]]:
    return zip(left.tolist(), right.tolist(), strict=True)
