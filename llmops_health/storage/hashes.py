"""SHA-256 of text columns in Arrow, by OpenSSL, and keys made of such hashes.

OpenSSL uses the processor's SHA instructions, the engine's own `sha256` does not: here a gigabyte
costs a third of the time. Results are equal to `sha256(text)` and `text_key(text)` in SQL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_DIGEST_BYTES = 32
_KEY_BITS = 60
_SAMPLE = 512
# Two characters per byte, as one number: a digest becomes its hexadecimal text by one look-up.
_HEX = np.frombuffer(bytes(range(256)).hex().encode("ascii"), np.uint16)
_EMPTY = np.frombuffer(hashlib.sha256().digest(), np.uint8).reshape(1, _DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class Hashes:
    """Digests of a column's texts, one row each; rows without a text hold the empty text's."""

    digests: npt.NDArray[np.uint8]
    is_given: pa.BooleanArray

    def hexadecimal(self) -> pa.StringArray:
        """Return the digests as 64 characters, null where there is no text."""
        n = len(self.digests)
        characters = pa.py_buffer(_HEX[self.digests].tobytes())
        places = pa.py_buffer(np.arange(0, 64 * n + 1, 64, dtype=np.int32))
        validity = self.is_given.buffers()[1]
        return pa.StringArray.from_buffers(n, places, characters, validity)

    def keys(self) -> npt.NDArray[np.int64]:
        """Return the first 60 bits of each digest."""
        first = np.ascontiguousarray(self.digests[:, :8]).view(">u8").ravel()
        return (first >> np.uint64(64 - _KEY_BITS)).astype(np.int64)


def of(texts: pa.Array) -> Hashes:
    """Hash every text of a column; of texts that repeat, each once."""
    is_given = pc.is_valid(texts)
    if _repeats(texts):
        encoded = texts.dictionary_encode()
        listed = np.concatenate([_digests(encoded.dictionary), _EMPTY])
        # Not to_numpy(), nor fill_null(): pyarrow would import pandas for them, for a second.
        indices = encoded.indices
        places = np.frombuffer(indices.buffers()[1], np.int32)[indices.offset :][: len(indices)]
        places = np.where(_bits(is_given), places, len(listed) - 1)
        return Hashes(listed[places], is_given)
    return Hashes(_digests(texts), is_given)


def prompt_keys(input_text: Hashes, system_text: Hashes, prompt_name: pa.Array) -> pa.Int64Array:
    """Return `prompt_key` as the contract has it in SQL: of input, system text and prompt name."""
    keys = input_text.keys() + 2 * system_text.keys() + 4 * of(prompt_name).keys()
    kept = pa.py_buffer(keys & ((1 << _KEY_BITS) - 1))
    return pa.Int64Array.from_buffers(
        pa.int64(), len(keys), [input_text.is_given.buffers()[1], kept]
    )


def _bits(flags: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    packed = np.frombuffer(flags.buffers()[1], np.uint8)
    return np.unpackbits(packed, bitorder="little")[flags.offset :][: len(flags)].astype(bool)


def _repeats(texts: pa.Array) -> bool:
    start = texts.slice(0, _SAMPLE)
    return bool(2 * pc.count_distinct(start, mode="all").as_py() < len(start))


def _digests(texts: pa.Array) -> npt.NDArray[np.uint8]:
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offsets, data = texts.buffers()
    n = len(texts)
    if not n or offsets is None:
        return np.empty((0, _DIGEST_BYTES), np.uint8)
    ends = np.frombuffer(offsets, kind)[texts.offset : texts.offset + n + 1].tolist()
    content = memoryview(data if data is not None else b"")
    # A copy of an empty hash costs less than making one.
    copy = hashlib.sha256().copy
    digests: list[bytes] = []
    for i, start in enumerate(ends[:-1]):
        digest = copy()
        digest.update(content[start : ends[i + 1]])
        digests.append(digest.digest())
    return np.frombuffer(b"".join(digests), np.uint8).reshape(n, _DIGEST_BYTES)
