"""A hash of many ids that does not depend on their order, and that sees one that came twice.

Hashes of parts add up to the hash of the whole, so that rows kept, dropped and created can be
weighed against each other. It finds accidents; against intent, use `merkle`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

MODULUS: Final = 2**64
"""Hashes are whole numbers from 0 up to, and without, this."""


def multiset_hash(ids: Iterable[str]) -> int:
    """Return the hash of ids, each as often as it comes.

    Notes
    -----
    The sum modulo 2^64 of the last 8 bytes of each id's MD5, little-endian, which DuckDB computes
    as ``sum(md5_number_lower(id)::hugeint) % 2^64``. An exclusive or would lose an id that comes
    twice. Clarke et al. (2003), "Incremental multiset hash functions", ASIACRYPT.

    Examples
    --------
    >>> multiset_hash(["a", "b", "c"])
    2584279071383289600
    """
    keys = (hashlib.md5(one.encode(), usedforsecurity=False).digest()[8:] for one in ids)
    return sum(int.from_bytes(key, "little") for key in keys) % MODULUS


def residual(before: int, dropped: int, created: int, after: int) -> int:
    """Return what is left of ``after - (before - dropped + created)``: 0 where all rows add up.

    Examples
    --------
    >>> a, b, c = (multiset_hash([one]) for one in "abc")
    >>> residual(multiset_hash("ab"), a, c, multiset_hash("cb"))
    0
    """
    return (after - before + dropped - created) % MODULUS
